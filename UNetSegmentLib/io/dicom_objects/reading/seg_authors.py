"""Who drew the segments of a SEG, as its header states it."""

from __future__ import annotations

from pathlib import Path

from ....text import LONGEST_NAME, shown
from ...dicom.values import Dataset, element, item, items, number
from ..author import Author
from .seg_frames import segments_header
from .seg_segments import segments_of

_UNSTATED = ("", "unknown")  # versions: one must be written, and there may be none
_WEIGHTS = "weights="


def seg_authors(path: Path) -> dict[int, Author]:
    """By the values that :func:`.read_seg` gives the labels; segments about which nothing is stated are left out.

    Raises:
        InputError: it names no segments, or is damaged.
        ResourceError: it would unpack to more than memory holds.
    """
    data, kind = segments_header(path)
    values = segments_of(data, kind, path.name).values
    found = {}
    for description in items(data, "SegmentSequence"):
        value, author = values.get(int(number(description, "SegmentNumber") or 0)), _author(description)
        if value is not None and author is not None:
            found[value] = author
    return found


def _author(description: Dataset) -> Author | None:
    kind = _text(description, "SegmentAlgorithmType").strip().upper()
    identified = item(description, "SegmentationAlgorithmIdentificationSequence")
    name = _text(description, "SegmentAlgorithmName") or _text(identified, "AlgorithmName")
    if not (kind or name):
        return None
    version = _text(identified, "AlgorithmVersion")
    parameters = _text(identified, "AlgorithmParameters").strip()
    return Author(
        name,
        "" if version in _UNSTATED else version,
        parameters.removeprefix(_WEIGHTS) if parameters.startswith(_WEIGHTS) else "",
        corrected=kind == "SEMIAUTOMATIC",
        by_hand=kind == "MANUAL",
    )


def _text(data: Dataset | None, name: str) -> str:
    return shown(str(element(data, name) or ""), LONGEST_NAME)
