"""``unetsegment evaluate``: predictions against references, or a model against a data set's held-out fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import OutputError, UsageError
from ...io.own_outputs import Job, remember
from ...progress import CancelToken, ProgressCallback, Stage
from ...text import csv_cell
from ..options.numbers import check_number
from ..terminal.console import SCORES_HIDDEN, output, progress_bar, say, table, write_text
from ..terminal.session import (
    DebugOption,
    DeviceOption,
    ForceOption,
    FormOption,
    JsonOption,
    PresetOption,
    print_json,
    session,
)
from .pairs import Pairs, open_pairs
from .pictures import Drawing

# Beyond this many cases the terminal shows the summary only.
_MANY = 60
_NAMED = 5

if TYPE_CHECKING:
    from ...io.outputs import Input
    from ...reporting import LabelScores, Table
    from ...reporting.measuring.pixel_metrics import PixelScores

    Scores = dict[str, list[LabelScores]]


def evaluate(
    prediction: Annotated[
        Path | None, typer.Argument(metavar="PREDICTION", help="Segmentation, or a folder of them.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Argument(metavar="REFERENCE", help="Its reference, or a folder with the same names.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Segment and score a data set's cases.")] = None,
    data: Annotated[Path | None, typer.Option(help="Data set, in any layout that 'train' reads.")] = None,
    layout: Annotated[str, typer.Option(help="How that folder is arranged.")] = "auto",
    fold: Annotated[int | None, typer.Option(min=0, help="The held-out fold, from 0.")] = None,
    cases: Annotated[int | None, typer.Option(min=1, help="Score the first N cases only.")] = None,
    network: Annotated[int | None, typer.Option(min=0, help="Which of the model's networks to run, from 0.")] = None,
    tolerance: Annotated[float, typer.Option(help="Distance in mm within which surfaces agree (NSD).")] = 1.0,
    csv: Annotated[Path | None, typer.Option(help="Write all scores per case here.")] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Draw the worst, median and best case into this folder.")
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            help="The images of the predictions, for pictures and for DICOM segmentations: a file, or a folder."
        ),
    ] = None,
    segment: Annotated[
        list[str] | None,
        typer.Option("--segment", "-s", help="Name or value of a segment to score; may be repeated. All by default."),
    ] = None,
    by_value: Annotated[
        bool, typer.Option("--by-value", help="Compare segments by their values, whatever their names.")
    ] = False,
    outcomes_only: Annotated[
        bool, typer.Option("--outcomes-only", help="Leave the images out of the pictures, to pass these on.")
    ] = False,
    force: ForceOption = False,
    device: DeviceOption = "auto",
    preset: PresetOption = "balanced",
    form: FormOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Score segmentations against references.

    Tables of Dice, HD95, NSD and volume error, per label, per case and in summary.

    Example: unetsegment evaluate predictions/ labels/

    Example: unetsegment evaluate --model hippocampus-t1 --data msd_hippocampus --fold 0 --pictures cases/

    A picture shows every voxel of a case: found and real, found in error, missed. Beside it stands the image, of
    predictions and references where --images gives it.

    Segments are the same where they have the same name, in whatever files name them (.seg.nrrd, or a table beside a
    label map, DICOM), else where they have the same value; codes (SNOMED CT) go before names.

    A SEG or RTSTRUCT is put on the grid of its image (--images), or else on that of the other side.
    """
    with session(debug, json) as cancel:
        check_number("tolerance", tolerance, 0, 1e6, "mm")
        job = Job("evaluate", tuple(source for source in (prediction, reference, model, data) if source is not None))
        _check(csv, pictures, _inputs(prediction, reference, data, images, model), job, force)
        drawing = None if pictures is None else Drawing(_made(pictures), images, outcomes_only)
        with progress_bar(not json) as progress:
            if model is not None:
                if prediction is not None or data is None or fold is None:
                    raise UsageError(
                        "--model is scored on a data set's held-out fold.",
                        "Add --data FOLDER and --fold NUMBER, and give no predictions.",
                    )
                run = _Run(model, network, data, fold, cases, device, preset, form, layout)
                outcome = _score_model(run, tolerance, drawing, progress, cancel)
            else:
                pairs = Pairs(prediction, reference, cases, by_value, images, tuple(segment or ()))
                outcome = _score_files(pairs, tolerance, drawing, progress, cancel)
        for picture in outcome.pictures:
            remember(picture, job)
        if csv is not None:
            write_text(_csv(outcome.scores), csv)
            remember(csv, job)
        _report(outcome, csv, json)


def _inputs(
    prediction: Path | None, reference: Path | None, data: Path | None, images: Path | None, model: str | None
) -> list[Input]:
    from ...io.outputs import Input

    given = {"the predictions": prediction, "the references": reference, "--data": data, "--images": images}
    given["--model"] = Path(model) if model is not None else None
    return [Input(path, role) for role, path in given.items() if path is not None]


def _check(csv: Path | None, pictures: Path | None, inputs: list[Input], job: Job, force: bool) -> None:
    """Refuses what could not be written, or would destroy something, before anything is read."""
    from ...io.outputs import Output, OutputFolder, check_outputs
    from ...reporting.pictures.case import case_path

    outputs: list[Output | OutputFolder] = [] if csv is None else [Output(csv, "--csv")]
    if pictures is not None:
        outputs.append(OutputFolder(pictures, "--pictures"))
        outputs += [Output(case_path(pictures, which), "--pictures") for which in ("worst", "median", "best", "only")]
    for note in check_outputs(outputs, inputs, job, force):
        say(f"Note: {note}", error=True)


@dataclass(frozen=True)
class _Outcome:
    """Scores by case, the pictures that were drawn, scores of pixels where the data set's field reports them, and what
    was chosen on the way."""

    scores: Scores
    pictures: Sequence[Path] = ()
    pixels: PixelScores | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class _Run:
    """Which model on which cases."""

    model: str
    network: int | None
    data: Path
    fold: int
    limit: int | None
    device: str
    preset: str
    form: str | None
    layout: str


def _made(folder: Path) -> Path:
    from ...io import check_writable

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder '{folder}' cannot be made.", "Choose another one.", str(error)) from error
    check_writable(folder / "case-worst.png")
    return folder


def _score_model(
    run: _Run, tolerance: float, drawing: Drawing | None, progress: ProgressCallback | None, cancel: CancelToken
) -> _Outcome:
    """Segments the fold's cases through the whole engine and scores them: how a card's accuracy is measured."""
    from ...inference import preset
    from ...models import load_model
    from ...training.cases.dataset import open_dataset
    from ...training.layouts.naming import numbered_like, unlike_names
    from ...training.planning.configuration import FOLDS
    from ...training.scoring.evaluation import evaluate_fold

    model = load_model(run.model)
    if run.network is not None:
        model = model.one_fold(run.network)
    data = open_dataset(run.data, run.layout, FOLDS)
    notes = (*data.notes, *unlike_names(numbered_like(data, model.card.labels), model.card.labels))
    data = numbered_like(data, model.card.labels)
    names = data.split(run.fold)[1][: run.limit]
    settings = preset(run.preset).with_overrides({"form": run.form} if run.form else {})
    evaluation = evaluate_fold(
        model, data, run.fold, names, tolerance, run.device, settings, progress=progress, cancel=cancel
    )
    scores, pixels = evaluation.scores, None
    notes = (*notes, *evaluation.notes)
    if data.pixels:
        from ...training.scoring.pixels import evaluate_pixels

        pixels = evaluate_pixels(
            model, data, names, device=run.device, settings=settings, progress=progress, cancel=cancel
        )
    if drawing is None:
        return _Outcome(scores, pixels=pixels, notes=notes)
    from ...training.report.pictures import write_cases

    images = not drawing.outcomes_only
    drawn = write_cases(model, data, scores, drawing.folder, run.device, settings, images, progress, cancel)
    return _Outcome(scores, drawn, pixels, notes)


def _score_files(
    given: Pairs, tolerance: float, drawing: Drawing | None, progress: ProgressCallback | None, cancel: CancelToken
) -> _Outcome:
    from ...reporting import compare
    from ...volume import few, notes_of

    pairs, notes = open_pairs(given)
    stage = Stage("evaluate", len(pairs), progress, cancel)
    scores: Scores = {}
    read: dict[str, None] = {}
    for pair in pairs:
        found, expected = pair.read()
        scores[pair.name] = compare(found, expected, tolerance, pair.values)
        read.update(dict.fromkeys(notes_of([found, expected])))
        stage.step(message=pair.name)
    drawn = () if drawing is None else drawing.draw(scores, pairs)
    return _Outcome(scores, drawn, notes=(*notes, *few(list(read)), *_without_segments(scores)))


def _without_segments(scores: Scores) -> tuple[str, ...]:
    """A note on cases that have no row in any table."""
    from ...text import shown

    names = [name for name, rows in scores.items() if not rows]
    if not names:
        return ()
    listed = ", ".join(shown(name, 60) for name in names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    return (f"{len(names)} of {len(scores)} cases have no segment on either side and no score: {listed}.",)


def _report(outcome: _Outcome, csv: Path | None, as_json: bool) -> None:
    from ...reporting import summarize, to_json, to_table

    scores, pictures = outcome.scores, outcome.pictures
    summary = summarize(list(scores.values()))
    if as_json:
        shown: dict[str, object] = {"pictures": [str(path) for path in pictures]} if pictures else {}
        if outcome.pixels is not None:
            shown["pixels"] = asdict(outcome.pixels)
        if outcome.notes:
            shown["notes"] = list(outcome.notes)
        cases = {name: to_json(rows) for name, rows in scores.items()}
        print_json({"cases": cases, "summary": to_json(summary), **shown})
        return
    for note in outcome.notes[:_MANY]:
        say(f"Note: {note}", error=True)
    console = output()
    if len(scores) <= _MANY:
        console.print(table(_all_cases(scores), hide=SCORES_HIDDEN))
    if len(scores) > 1:
        console.print(table(to_table(summary), f"Mean over {len(scores)} cases", SCORES_HIDDEN))
        missed = sum(line.missed for line in summary)
        if missed:
            say(f"Note: in {missed} pairs only one side has the label; their infinite HD95 is not in the mean.")
    if outcome.pixels is not None:
        from ...training.scoring.pixels import pixel_words

        say(f"Pixels: {pixel_words(outcome.pixels)}")
    if csv is not None:
        say(f"All scores per case: {csv}")
    for path in pictures:
        say(f"Picture: {path}")


def _all_cases(scores: Scores) -> Table:
    """One table of all cases; a case's name stands in the first of its rows."""
    from ...reporting import Table as Report
    from ...reporting import to_table
    from ...text import shown

    rows: list[tuple[str, ...]] = []
    first = Report((), (), ())
    for name, labels in scores.items():
        of_case = to_table(labels)
        first = first if first.heading else of_case
        rows += [("" if n else shown(name, 60), *row) for n, row in enumerate(of_case.rows)]
    return Report(("Case", *first.heading), tuple(rows), (False, *first.numeric))


def _csv(scores: Scores) -> str:
    """Every case and label as one line, the case's name in front."""
    import csv
    import io

    from ...reporting import to_json

    lines = [{"case": name, **row} for name, rows in scores.items() for row in to_json(rows)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(lines[0] if lines else ["case"])
    writer.writerows(["" if v is None else csv_cell(v) for v in line.values()] for line in lines)
    return text.getvalue()
