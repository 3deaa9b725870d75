"""``unetsegment refine``: corrects a segmentation by points, scribbles, lassos and boxes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import InputError, UsageError
from ...io.own_outputs import Job
from ...progress import CancelToken
from ..options.numbers import check_number
from ..options.ordered import in_given_order
from ..options.where import FarWorkerOption, SshOption, where_of
from ..terminal.console import output, say, table, working
from ..terminal.session import DebugOption, ForceOption, JsonOption, SeriesOption, print_json, session
from .files import Case, Files, open_case
from .prompts import EXCLUDE_HELP, INCLUDE_HELP, SCRIBBLE_HELP, Given, markups_file, prompts_of, read_place

if TYPE_CHECKING:
    from ...io.markups import Markups
    from ...io.outputs import Input
    from ...refinement import Change, Session
    from ...reporting import Table
    from ...worker.refining import RefineSession

_REACH = 80.0
_FARTHEST = 1e4


@dataclass(frozen=True, eq=False)
class Step:
    """What a prompt did, and in how many seconds."""

    given: Given
    change: Change
    seconds: float

    @property
    def voxels(self) -> int:
        """How many more the segment has; negative where it lost some."""
        return self.change.voxels if self.given.prompt.include else -self.change.voxels


def refine(
    context: typer.Context,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Image file, or a DICOM folder or file.")],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SEGMENTATION", help="What is corrected. With --new and without OUT: where the begun one goes."
        ),
    ],
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT",
            help="The corrected segmentation: .seg.nrrd (Slicer), .nii.gz, .nrrd or .mha; .png for a slice.",
        ),
    ] = None,
    segment: Annotated[
        str | None,
        typer.Option("--segment", "-s", help="Name or value of the segment to correct, if there are several."),
    ] = None,
    new: Annotated[str | None, typer.Option(help="Begin a segment of this name, rather than correct one.")] = None,
    include: Annotated[list[str] | None, typer.Option(metavar="WHERE", help=INCLUDE_HELP)] = None,
    exclude: Annotated[list[str] | None, typer.Option(metavar="WHERE", help=EXCLUDE_HELP)] = None,
    scribble: Annotated[list[str] | None, typer.Option(metavar="FILE", help=SCRIBBLE_HELP)] = None,
    brush: Annotated[float, typer.Option(help="Radius of curves in mm; 0 is a line as thin as the voxels.")] = 0.0,
    straight: Annotated[
        bool, typer.Option("--straight", help="Take curves as straight lines between their points, not as splines.")
    ] = False,
    probabilities: Annotated[
        Path | None, typer.Option(help="Of the segment, or of every label as 'segment --probabilities' writes them.")
    ] = None,
    locked: Annotated[
        list[str] | None, typer.Option(help="Name or value of a segment that must not change; may be repeated.")
    ] = None,
    reach: Annotated[float, typer.Option(help="Nothing changes farther than this from a prompt, mm.")] = _REACH,
    series: SeriesOption = None,
    preview: Annotated[Path | None, typer.Option(help="Draw before, after and the difference into this PNG.")] = None,
    worker: FarWorkerOption = None,
    ssh: SshOption = None,
    force: ForceOption = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Correct a segmentation by a few points or strokes.

    What is included ends in the segment, what is excluded outside it; nothing else changes but what hangs together
    with it in the image. Works with segmentations of any origin, without a network.

    Example: unetsegment refine t1.nii.gz hippocampus.seg.nrrd better.seg.nrrd --segment 1 --include -20,-5,-26

    Example: unetsegment refine ct.nii.gz liver.seg.nrrd out.seg.nrrd --exclude leak.mrk.json --preview out.png
    """
    with session(debug, json) as cancel:
        check_number("reach", reach, 0.01, _FARTHEST, "mm")
        check_number("brush", brush, 0, _FARTHEST, "mm")
        where = where_of(worker, ssh)
        given, outputs = _source_and_target(source, target, new, preview, force)
        options = in_given_order(context, include=include, exclude=exclude, scribble=scribble)
        if not options:
            raise UsageError("There is no prompt.", "Add --include, --exclude or --scribble.")
        job = Job("refine", tuple(path for path in (image, given) if path is not None))
        said = outputs.check(_inputs(image, given, probabilities, options), job)
        places = [(name != "exclude", read_place(text, straight)) for name, text in options]
        with working("Reading the image and the segmentation", not json):
            case = open_case(image, given, segment, new, locked or (), probabilities, series, cancel)
        prompts = prompts_of(places, case.volume.geometry, case.label.value, brush)
        with working("Correcting", not json), case.session(reach, where) as corrector:
            steps = _correct(corrector, prompts, cancel)
        written = outputs.write(case, corrector.segmentation, [(step.given, step.change) for step in steps], job)
        notes = (*said, *case.notes, *(note for _, place in places for note in _notes_of(place.markups)))
        _report(case, steps, corrector, written, tuple(dict.fromkeys(notes)), json)


def _source_and_target(
    source: Path, target: Path | None, new: str | None, preview: Path | None, force: bool
) -> tuple[Path | None, Files]:
    if target is not None:
        return source, Files(target, preview, force)
    if new is None:
        raise InputError(
            "There is no place for the corrected segmentation.",
            "Give IMAGE, SEGMENTATION and OUT; or IMAGE and OUT with --new NAME, to begin one.",
        )
    return None, Files(source, preview, force)


def _inputs(
    image: Path, source: Path | None, probabilities: Path | None, options: Sequence[tuple[str, str]]
) -> list[Input]:
    from ...io.outputs import Input
    from ...io.segmentations import table_beside

    table = None if source is None else table_beside(source)
    given = {"IMAGE": image, "SEGMENTATION": source, "the label table beside SEGMENTATION": table}
    given["--probabilities"] = probabilities
    files = [(f"--{name}", markups_file(text)) for name, text in options]
    return [Input(path, role) for role, path in (*given.items(), *files) if path is not None]


def _notes_of(markups: Markups | None) -> tuple[str, ...]:
    return () if markups is None else markups.notes


def _correct(corrector: Session | RefineSession, prompts: Sequence[Given], cancel: CancelToken) -> list[Step]:
    steps = []
    for number, given in enumerate(prompts, start=1):
        cancel.raise_if_cancelled()
        started = time.perf_counter()
        try:
            change = corrector.add(given.prompt)
        except InputError as error:
            where = f"Prompt {number} ({given.words}): " if len(prompts) > 1 else ""
            raise InputError(
                f"{where}{error.cause}", f"{error.cure} Nothing was written.".strip(), error.detail
            ) from error
        steps.append(Step(given, change, time.perf_counter() - started))
    return steps


def _report(
    case: Case,
    steps: Sequence[Step],
    corrector: Session | RefineSession,
    written: Sequence[Path],
    notes: tuple[str, ...],
    as_json: bool,
) -> None:
    before, after = (case.size(labels) for labels in (case.segmentation, corrector.segmentation))
    if as_json:
        rows = [
            {"prompt": step.given.words, "voxels": step.voxels, "seconds": step.seconds, "notes": step.change.notes}
            for step in steps
        ]
        segment = {"value": case.label.value, "name": case.label.name, "before": before, "after": after}
        files = [str(path) for path in written]
        print_json({"files": files, "segment": segment, "prompts": rows, "notes": notes})
        return
    for note in notes:
        say(f"Note: {note}", error=True)
    for number, step in enumerate(steps, start=1):
        for note in step.change.notes or _none_needed(step):
            say(f"Note: prompt {number} ({step.given.words}): {note}", error=True)
    output().print(table(_table(case, steps)))
    words = case.size_words
    seconds = sum(step.seconds for step in steps)
    say(
        f"{case.label.name}: {words(before['voxels']) or 'nothing'} before, {words(after['voxels']) or 'nothing'} "
        f"after, {seconds:.1f} s. Written:"
    )
    for path in written:
        say(f"  {path}")


def _none_needed(step: Step) -> tuple[str, ...]:
    return () if step.voxels else ("It is so already; nothing changed.",)


def _table(case: Case, steps: Sequence[Step]) -> Table:
    from ...reporting import Table

    rows = []
    for number, step in enumerate(steps, start=1):
        sign = "-" if step.voxels < 0 else "+"
        size = case.size_words(abs(step.voxels))
        rows.append(
            (
                str(number),
                step.given.words,
                f"{step.voxels:+d}" if step.voxels else "0",
                f"{sign}{size}" if size else "",
                f"{step.seconds:.2f}",
            )
        )
    return Table(("No.", "Prompt", "Voxels", "Size", "Seconds"), tuple(rows), (True, False, True, True, True))
