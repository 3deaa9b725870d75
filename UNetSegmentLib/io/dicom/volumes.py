"""Several volumes in one series, such as the time points of a dynamic scan: how many, and what tells them apart."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ...errors import InputError
from ...text import shown
from .frames import Frame

_SHOWN = 6
_NUMBERS = re.compile(r"[-+0-9.,eE\\ ]*")
_CURE = (
    "Split it into single volumes first, for example with Slicer's DICOM module or dcm2niix, or move the files of the "
    "volume that you want into a folder of their own."
)


def places_of(heights: np.ndarray) -> np.ndarray:
    """For each of the sorted heights (mm) the number of the place that it lies at, counted from 0."""
    steps = np.diff(heights)
    # Places that are really two differ by a slice; the average step is at most that and shrinks with every volume.
    limit = max(0.02 * float(heights[-1] - heights[0]) / max(len(heights) - 1, 1), 1e-4)
    return np.concatenate([[0], np.cumsum(steps > limit)])


def several_volumes(name: str, frames: Sequence[Frame], places: np.ndarray) -> InputError:
    """The error for a series with more slices than places."""
    total = int(places[-1]) + 1
    for mark, values in _differing(frames):
        groups = {value: [] for value in values}  # type: dict[str, list[int]]
        for frame, place in zip(frames, places, strict=True):
            groups[dict(frame.marks).get(mark, "")].append(int(place))
        if all(len(group) == len(set(group)) == total for group in groups.values()):
            return InputError(
                f"Series {name} holds {len(groups)} volumes of {total} slices, which differ in their {mark}"
                f"{_listed(values)}.",
                _CURE,
            )
    places_there = "one place" if total == 1 else f"{total} places"
    return InputError(
        f"Series {name} has several slices at one place ({len(frames)} slices at {places_there}): a time series or "
        "several acquisitions.",
        _CURE,
    )


def _listed(values: Sequence[str]) -> str:
    """Values, if they are numbers: words of a header may be about the patient, and this gets into tables."""
    if not all(_NUMBERS.fullmatch(value) for value in values):
        return ""
    listed = ", ".join(shown(value, 40) or "none" for value in values[:_SHOWN])
    return f" ({listed}{', ...' if len(values) > _SHOWN else ''})"


def _differing(frames: Sequence[Frame]) -> list[tuple[str, list[str]]]:
    """Marks that are not the same in all frames, with their values in order."""
    known = [dict(frame.marks) for frame in frames]
    marks = dict.fromkeys(mark for one in known for mark in one)
    values = {mark: list(dict.fromkeys(one.get(mark, "") for one in known)) for mark in marks}
    return [(mark, found) for mark, found in values.items() if len(found) > 1]
