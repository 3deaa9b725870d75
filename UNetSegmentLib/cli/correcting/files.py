"""What ``unetsegment refine`` reads and writes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError, OutputError, UsageError
from ...io.own_outputs import Job, remember
from ...labels import Label
from ...progress import CancelToken
from ...text import shown
from ...volume import Segmentation, Volume, notes_of
from ..options.segments import chosen_segment, probability_of, read_placed, read_probabilities

if TYPE_CHECKING:
    from ...io.outputs import Input
    from ...io.seg_nrrd import Algorithm
    from ...refinement import Change, Prompt, Session
    from ...reporting.drawing.marks import Mark
    from ...worker.refining import RefineSession
    from ..options.where import Where
    from .prompts import Given

_LARGEST = np.iinfo(np.uint16).max
# What DICOM's SegmentAlgorithmName holds.
_LONGEST_ALGORITHM = 64
_PROMPTS = re.compile(r" \+ (\d+) prompts?$")


@dataclass(frozen=True, eq=False)
class Case:
    """What is corrected.

    Args:
        segmentation: on the image's grid; its table knows ``label``.
        label: the segment that is corrected.
        locked: values of the segments that stay.
        probability: of ``label``, (z, y, x).
        algorithms: what drew the segments so far, as far as the file says it.
        notes: what reading chose.
    """

    volume: Volume
    segmentation: Segmentation
    label: Label
    locked: tuple[int, ...] = ()
    probability: np.ndarray | None = None
    algorithms: Mapping[int, Algorithm] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @contextlib.contextmanager
    def session(self, reach: float, where: Where | None = None) -> Iterator[Session | RefineSession]:
        """A session that corrects it, here or in a worker elsewhere, which is gone afterwards."""
        given = (self.volume, self.segmentation, self.label.value)
        more: dict[str, Any] = {"probabilities": self.probability, "locked": self.locked, "reach": reach}
        if where is None:
            from ...refinement import Session

            yield Session(*given, **more)
            return
        from ...worker.refining import RefineSession

        with RefineSession(*given, **more, command=where.command(refine=True)) as session:
            yield session

    def size(self, segmentation: Segmentation) -> dict[str, float]:
        """Voxels of the segment, and mL where the image has a volume."""
        from ...reporting.units import SizeKind, size_kind

        voxels = int(np.count_nonzero(segmentation.voxels == self.label.value))
        geometry = segmentation.geometry
        if size_kind(geometry) is not SizeKind.VOLUME:
            return {"voxels": voxels}
        return {"voxels": voxels, "volume_ml": voxels * geometry.voxel_volume / 1000}

    def size_words(self, voxels: float) -> str:
        from ...reporting.units import size_words

        return size_words(int(voxels), self.volume.geometry)


def open_case(
    image: Path,
    source: Path | None,
    segment: str | None,
    new: str | None,
    locked: Sequence[str],
    probabilities: Path | None,
    series: str | None,
    cancel: CancelToken,
) -> Case:
    """Reads all that is needed.

    Args:
        source: of the segmentation; None begins an empty one.
        segment, locked: names or values.
        new: name of the segment to begin.

    Raises:
        InputError, GeometryError, ResourceError, DependencyError: a file cannot be read, or does not lie on the image's
            grid; a segment that is not there, or is there already.
    """
    from ...io.drawn_by import algorithms_of, read_authors
    from ...io.guarded import read_volume
    from ...io.segment_names import find_segment

    if new is not None and segment is not None:
        raise UsageError("--new begins a segment, --segment chooses one.", "Give one of the two.")
    volume = read_volume(image, series, cancel=cancel)
    if source is None:
        labels = Segmentation(np.zeros(volume.geometry.shape, np.uint8), volume.geometry)
    else:
        labels = read_placed(source, volume.geometry, cancel, image, series)
    file = source.name if source is not None else "the segmentation"
    label = _begun(labels, new, file) if new is not None else chosen_segment(labels, segment, file)
    if all(known.value != label.value for known in labels.labels):
        labels = replace(labels, labels=(*labels.labels, label))
    fixed = tuple(find_segment(labels, text, file).value for text in locked)
    probability = None
    if probabilities is not None:
        probability = probability_of(read_probabilities(probabilities, volume.geometry, cancel), label)
    algorithms = {} if source is None else algorithms_of(read_authors(source))
    return Case(volume, labels, label, fixed, probability, algorithms, notes_of([volume, labels]))


def _begun(labels: Segmentation, name: str, file: str) -> Label:
    from ...io.case_names import plain_text
    from ...io.segment_names import folded, known_segments

    known = known_segments(labels)
    if not name.strip():
        raise UsageError("A segment needs a name.", "Give --new NAME.")
    if any(folded(label.name) == folded(name) for label in known):
        raise InputError(f"'{file}' has a segment '{shown(name)}' already.", "Correct it: --segment NAME.")
    value = max((label.value for label in known), default=0) + 1
    if value > _LARGEST:
        raise InputError(f"'{file}' uses the largest value of a label map.", "Renumber its segments.")
    return Label(value, plain_text(name.strip()))


@dataclass(frozen=True)
class Files:
    """Where results go."""

    target: Path
    preview: Path | None = None
    force: bool = False

    def check(self, inputs: Sequence[Input], job: Job) -> tuple[str, ...]:
        """Refuses, before anything is read, what could not be written or would destroy something.

        Returns:
            Sentences on what will be replaced.

        Raises:
            OutputError: see :func:`UNetSegmentLib.io.outputs.check_outputs`; an ending that cannot be written.
        """
        from ...io.atomic import full_suffix
        from ...io.outputs import Output, OutputFolder, check_outputs
        from ...io.segmentations import check_segmentation_ending, table_beside

        if self.target.suffix.lower() == ".dcm":
            raise OutputError(
                f"A correction is no DICOM object yet, and '{self.target.name}' would be one.",
                "Write .seg.nrrd, and make it one: unetsegment convert OUT.seg.nrrd OUT.dcm --image SERIES",
            )
        check_segmentation_ending(self.target)
        if self.preview is not None and full_suffix(self.preview) != ".png":
            raise OutputError(
                f"A preview is a PNG picture; '{self.preview.name}' ends otherwise.", "Let the name end with .png."
            )
        given = {"OUT": self.target, "the label table beside OUT": table_beside(self.target), "--preview": self.preview}
        outputs: list[Output | OutputFolder] = [Output(path, role) for role, path in given.items() if path is not None]
        return check_outputs(outputs, inputs, job, self.force)

    def write(self, case: Case, corrected: Segmentation, steps: Sequence[tuple[Given, Change]], job: Job) -> list[Path]:
        """Writes the segmentation and its picture, and notes each as this job's own."""
        from ...io import write_segmentation
        from ...io.segmentations import table_beside

        changing = any(change.voxels for _, change in steps)
        drawn_by = _algorithms(case, corrected, len(steps) if changing else 0)
        name = drawn_by[case.label.value].name
        write_segmentation(corrected, self.target, algorithm=name, algorithms=drawn_by, force=self.force)
        written = [path for path in (self.target, table_beside(self.target)) if path is not None]
        for path in written:
            remember(path, job)
        if self.preview is None:
            return written
        _write_preview(case, corrected, steps, self.preview)
        remember(self.preview, job)
        return [*written, self.preview]


def _write_preview(case: Case, corrected: Segmentation, steps: Sequence[tuple[Given, Change]], path: Path) -> None:
    """Through the prompt that changed most."""
    from ...reporting.drawing.marks import MarkKind
    from ...reporting.pictures.correction import Correction, write_correction

    marks = [_mark(given.prompt) for given, _ in steps]
    largest = marks[max(range(len(steps)), key=lambda n: steps[n][1].voxels)]
    # The middle of a line is one of its points.
    on_it = largest.kind in (MarkKind.POINT, MarkKind.LINE)
    focus = largest.points[len(largest.points) // 2] if on_it else largest.points.mean(axis=0)
    write_correction(Correction(case.volume, case.segmentation, corrected, case.label.value, marks, focus), path)


def _mark(prompt: Prompt) -> Mark:
    from ...refinement import BoxPrompt, Point, Scribble
    from ...reporting.drawing.marks import Mark, MarkKind

    if isinstance(prompt, Point):
        return Mark(np.array([prompt.position]), prompt.include)
    if isinstance(prompt, BoxPrompt):
        signs = np.array([[(n >> axis & 1) - 0.5 for axis in range(3)] for n in range(8)])
        corners = prompt.center + (signs * prompt.size) @ np.asarray(prompt.axes).reshape(3, 3).T
        return Mark(corners, prompt.include, MarkKind.BOX)
    kind = MarkKind.LINE if isinstance(prompt, Scribble) else MarkKind.RING
    return Mark(np.array(prompt.points), prompt.include, kind)


def _algorithms(case: Case, corrected: Segmentation, prompts: int) -> dict[int, Algorithm]:
    """What drew every segment: as it was, but for the one that was corrected.

    Args:
        prompts: by which it was corrected; 0 where they have changed nothing, so that it is what it was.
    """
    from ...io.seg_nrrd import Algorithm
    from ...io.segment_names import known_segments

    drawn_by = {known.value: case.algorithms.get(known.value, Algorithm("")) for known in known_segments(corrected)}
    if not prompts:
        return drawn_by
    before = case.algorithms.get(case.label.value)
    name = (before.name if before is not None else "") or "UNetSegment"
    earlier = _PROMPTS.search(name)
    if earlier is not None:
        name, prompts = name[: earlier.start()], prompts + int(earlier[1])
    count = f" + {prompts} prompt{'' if prompts == 1 else 's'}"
    drawn_by[case.label.value] = Algorithm(name[: _LONGEST_ALGORITHM - len(count)] + count, "SEMIAUTOMATIC")
    return drawn_by
