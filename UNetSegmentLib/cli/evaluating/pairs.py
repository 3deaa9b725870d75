"""Predictions and their references, for ``unetsegment evaluate``: which files belong together, and which segments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError, UsageError
from ...text import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...io.segment_names import SegmentNames
    from ...labels import Label
    from ...volume import Segmentation


@dataclass(frozen=True)
class Pairs:
    """What is to be compared.

    Args:
        prediction, reference: two files, or two folders whose files have the same names.
        limit: the first so many cases.
        by_value: segments are the same where their values are, whatever their names.
        images: file or folder of the images, whose grids DICOM objects are put on.
        only: names or values of the segments that are compared; all where empty.
    """

    prediction: Path | None
    reference: Path | None
    limit: int | None = None
    by_value: bool = False
    images: Path | None = None
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """A case: its name, its prediction and its reference, and how their segments are brought together.

    Args:
        image: that DICOM objects are put on, where it was given.
        only: names or values of the segments to read of prediction and reference; all where empty.
        values: that are compared, in the common numbering; None compares all.
    """

    name: str
    prediction: Path
    reference: Path
    segments: SegmentNames
    image: Path | None = None
    only: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    values: tuple[int, ...] | None = None

    def read(self) -> tuple[Segmentation, Segmentation]:
        """Prediction and reference, on one grid (the image's, or else the reference's) and in one numbering.

        Raises:
            InputError: a file cannot be read.
            GeometryError: they lie on different grids.
        """
        from .placing import read_pair

        found, expected = read_pair(self.prediction, self.reference, self.image, self.only)
        applied = (self.segments.apply(found, self.prediction.name), self.segments.apply(expected, self.reference.name))
        return applied


def open_pairs(given: Pairs) -> tuple[list[Pair], tuple[str, ...]]:
    """The cases in the order of their names, and notes on how they were matched. Reads no voxels.

    Raises:
        InputError: nothing to compare, a prediction without a reference, two files of one case, or names of segments
            that leave open which are the same.
    """
    from ...io.segment_codes import matched
    from ...io.segment_names import SegmentNames, match_names, read_names, same_names

    if given.prediction is None or given.reference is None:
        raise UsageError("There is nothing to compare.", "Give predictions and references, or --model and --data.")
    files, notes = _files(given.prediction, given.reference)
    files = files[: given.limit]
    if given.by_value:
        return _of_images([_pair(case, SegmentNames(), given, {}) for case in files], given.images), notes
    named = {str(path): read_names(path) for _, *both in files for path in both}
    for name, ours, theirs in files:
        both = [named[str(path)] for path in (ours, theirs)]
        sides = [[label.name for label in labels] for labels in both]
        if all(sides) and not same_names(*sides) and not matched(*both):
            raise InputError(
                f"Case {name}: no segment has the same name on both sides (prediction: {', '.join(sides[0][:3])}; "
                f"reference: {', '.join(sides[1][:3])}).",
                "Rename the segments of one side, or compare by values: --by-value.",
            )
    try:
        segments = match_names(named)
    except InputError as error:
        raise InputError(error.cause, f"{error.cure} To compare values all the same: --by-value.") from error
    pairs = [_pair(case, segments, given, named) for case in files]
    return _of_images(pairs, given.images), (*notes, *segments.notes)


def _pair(
    case: tuple[str, Path, Path], segments: SegmentNames, given: Pairs, named: Mapping[str, Sequence[Label]]
) -> Pair:
    if not given.only:
        return Pair(*case, segments)
    chosen = [_chosen(text, segments) for text in given.only]
    names = {folded for folded, _ in chosen if folded}
    ours, theirs = (
        tuple(str(label.value) for label in named.get(str(path), ()) if segments.name_of(label) in names)
        for path in case[1:]
    )
    return Pair(*case, segments, None, (ours, theirs), tuple(value for _, value in chosen))


def _chosen(text: str, segments: SegmentNames) -> tuple[str, int]:
    """The name as it is compared ("" where files have no names) and the common value of a segment that was asked for.

    Raises:
        InputError: there is none.
    """
    from ...io.label_names import find_label

    if segments.labels:
        label = find_label(segments.labels, text, "what is compared")
        return segments.name_of(label), label.value
    if text.strip().isdecimal():
        return "", int(text)
    raise InputError(f"There is no segment '{shown(text)}': the files name none.", "Give a value.")


def _of_images(pairs: list[Pair], images: Path | None) -> list[Pair]:
    """With the image of each case that needs one: a DICOM object is put on its grid."""
    from ...io.case_files import image_cases
    from ...io.dicom_objects.reading.recognition import is_object

    if images is None or not any(is_object(path) for pair in pairs for path in (pair.prediction, pair.reference)):
        return pairs
    files = image_cases(images) if images.is_dir() else {}
    return [
        replace(pair, image=image_of(images, pair.name, files, alone=len(pairs) == 1))
        if is_object(pair.prediction) or is_object(pair.reference)
        else pair
        for pair in pairs
    ]


def image_of(images: Path, case: str, files: Mapping[str, Path] | None = None, alone: bool = False) -> Path:
    """The image of a case: the file itself, that of its name in a folder, or the folder of a DICOM series.

    Args:
        files: the images of the folder by their names, where somebody has looked already.
        alone: it is the only case, so that DICOM anywhere in the folder is its own.

    Raises:
        InputError: there is none.
    """
    from ...io.case_files import image_cases

    if not images.is_dir():
        return images
    files = image_cases(images) if files is None else files
    # nnU-Net numbers the channels of a case.
    path = files.get(case) or files.get(f"{case}_0000")
    if path is None and (not files or (alone and all(found.is_dir() for found in files.values()))):
        return images  # a series, or what reading it will say
    if path is None:
        raise InputError(f"'{images}' holds no image named {case}.", "Give images the names of their references.")
    return path


def _files(prediction: Path, reference: Path) -> tuple[list[tuple[str, Path, Path]], tuple[str, ...]]:
    """Case name, prediction and reference: two files, or the files of one name in two folders; and notes."""
    from ...io.case_files import label_files
    from ...io.case_names import case_name
    from ...io.dicom_objects.reading.recognition import object_at

    for path in (prediction, reference):
        if not path.exists():
            raise InputError(f"'{path}' does not exist.", "Check the path and its spelling.")
    if prediction.is_file() or reference.is_file():
        one = [path if path.is_file() else object_at(path) for path in (prediction, reference)]
        if one[0] is None or one[1] is None:
            folder, file = (prediction, reference) if one[0] is None else (reference, prediction)
            raise InputError(f"'{file}' is a file, '{folder}' is a folder.", "Give two files or two folders.")
        return [(case_name(prediction), one[0], one[1])], ()
    ours, theirs = (label_files(folder) for folder in (prediction, reference))
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
