"""Predictions and their references, for ``unetsegment evaluate``: which files belong together, and which segments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from ...text import shown

if TYPE_CHECKING:
    from ...io.segment_names import SegmentNames
    from ...volume import Segmentation


@dataclass(frozen=True)
class Pairs:
    """What is to be compared.

    Args:
        prediction, reference: two files, or two folders whose files have the same names.
        limit: the first so many cases.
        by_value: segments are the same where their values are, whatever their names.
    """

    prediction: Path | None
    reference: Path | None
    limit: int | None = None
    by_value: bool = False


@dataclass(frozen=True)
class Pair:
    """A case: its name, its prediction and its reference, and how their segments are brought together."""

    name: str
    prediction: Path
    reference: Path
    segments: SegmentNames

    def read(self) -> tuple[Segmentation, Segmentation]:
        """Prediction and reference, on the reference's grid and in one numbering.

        Raises:
            InputError: a file cannot be read, or lies on another grid.
        """
        from ...io import place_on_grid
        from ...io.guarded import read_segmentation

        expected = self.segments.apply(read_segmentation(self.reference), self.reference.name)
        found = self.segments.apply(read_segmentation(self.prediction), self.prediction.name)
        placed = place_on_grid(found, expected.geometry, f"'{self.prediction.name}'")
        # Slicer stores the occupied part only; any other file that covers a part may be of another, cropped image.
        if found.voxels.size != placed.voxels.size and not self.prediction.name.lower().endswith(".seg.nrrd"):
            note = f"'{shown(self.prediction.name)}' covers another part than its reference; beyond it is background."
            placed = replace(placed, notes=(*placed.notes, note))
        return placed, expected


def open_pairs(given: Pairs) -> tuple[list[Pair], tuple[str, ...]]:
    """The cases in the order of their names, and notes on how they were matched. Reads no voxels.

    Raises:
        InputError: nothing to compare, a prediction without a reference, two files of one case, or names of segments
            that leave open which are the same.
    """
    from ...io.segment_names import SegmentNames, match_names, read_names, same_names

    if given.prediction is None or given.reference is None:
        raise InputError("There is nothing to compare.", "Give predictions and references, or --model and --data.")
    files, notes = _files(given.prediction, given.reference)
    files = files[: given.limit]
    if given.by_value:
        return [Pair(*case, SegmentNames()) for case in files], notes
    named = {str(path): read_names(path) for _, *both in files for path in both}
    for name, ours, theirs in files:
        sides = [[label.name for label in named[str(path)]] for path in (ours, theirs)]
        if all(sides) and not same_names(*sides):
            raise InputError(
                f"Case {name}: no segment has the same name on both sides (prediction: {', '.join(sides[0][:3])}; "
                f"reference: {', '.join(sides[1][:3])}).",
                "Rename the segments of one side, or compare by values: --by-value.",
            )
    try:
        segments = match_names(named)
    except InputError as error:
        raise InputError(error.cause, f"{error.cure} To compare values all the same: --by-value.") from error
    return [Pair(*case, segments) for case in files], (*notes, *segments.notes)


def _files(prediction: Path, reference: Path) -> tuple[list[tuple[str, Path, Path]], tuple[str, ...]]:
    """Case name, prediction and reference: two files, or the files of one name in two folders; and notes."""
    from ...io.case_names import case_name, cases_by_name, is_image_file

    if prediction.is_file() and reference.is_file():
        return [(case_name(prediction), prediction, reference)], ()
    for path in (prediction, reference):
        if not path.exists():
            raise InputError(f"'{path}' does not exist.", "Check the path and its spelling.")
        if not path.is_dir():
            raise InputError(f"'{path}' is a file, the other is a folder.", "Give two files or two folders.")
    ours, theirs = (
        cases_by_name(sorted(filter(is_image_file, folder.iterdir()))) for folder in (prediction, reference)
    )
    lacking = sorted(set(ours) - set(theirs))
    if not ours:
        raise InputError(f"'{prediction}' holds no segmentations.", "Give the folder that holds them.")
    if lacking:
        raise InputError(
            f"{len(lacking)} of {len(ours)} predictions have no reference of their name, the first is '{lacking[0]}'.",
            "Give both the same name, or take the others out of the folder.",
        )
    more = len(theirs) - len(ours)
    notes = (f"{more} references have no prediction and are left out.",) if more else ()
    return [(name, ours[name], theirs[name]) for name in sorted(ours)], notes
