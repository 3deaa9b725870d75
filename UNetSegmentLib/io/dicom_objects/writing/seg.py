"""``write_seg``, ``write_fractional``: labels or probabilities as a DICOM segmentation on the pictures of a series."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import InputError
from ....labels import Label
from ....volume import Segmentation, Volume
from ..author import Author
from ..frames.encoding import RLE, check_compression, store_frames
from ..source import SourceSeries
from .saving import check_target, nothing_found, present, save
from .seg_header import Segments, seg_header

LABELMAP, BINARY, FRACTIONAL = "labelmap", "binary", "fractional"
KINDS = (LABELMAP, BINARY)

_WHOLE = 255
"""What a fraction of one is stored as."""


def write_seg(
    segmentation: Segmentation,
    source: SourceSeries,
    path: Path | str,
    author: Author,
    kind: str = LABELMAP,
    compression: str = RLE,
    others: Mapping[int, Author] | None = None,
) -> Path:
    """Writes a SEG.

    Args:
        segmentation: on the grid of the series. Labels without voxels are left out.
        source: the series that it is about.
        author: who found it.
        others: of single segments, by label value, where not everything is the work of ``author``.
        kind: ``labelmap`` (Supplement 243: one frame for each slice, small), or ``binary`` (one for each segment and
            slice) for viewers that know no label maps yet.
        compression: of label maps, without loss: ``rle``, ``jpegls`` or ``none``.

    Returns:
        The file.

    Raises:
        InputError: nothing was found, and a SEG without a segment does not exist; an unknown kind.
        GeometryError: the segmentation does not lie on the grid of the series.
        DependencyError: highdicom is not installed.
        OutputError: it cannot be written.
    """
    if kind not in KINDS:
        raise InputError(f"There is no kind of SEG '{kind}'.", f"Use {' or '.join(KINDS)}.")
    labels, planes = present(segmentation), source.planes_of(segmentation)
    numbers = [label.value if kind == LABELMAP else number for number, label in enumerate(labels, 1)]
    segments = Segments(labels, numbers, author, others)
    return _write(
        _label_map(planes, segments) if kind == LABELMAP else _masks(planes, segments), source, path, compression
    )


def write_fractional(
    probabilities: Volume,
    values: Sequence[int],
    labels: Sequence[Label],
    source: SourceSeries,
    path: Path | str,
    author: Author,
    compression: str = RLE,
) -> Path:
    """Writes probabilities as a fractional SEG, in steps of 1/255; overlaps are kept.

    One channel at a time is looked at, so that beside the probabilities and the compressed file no more memory is taken
    than a volume of bytes.

    Args:
        probabilities: on the grid of the series, a channel for each label, from 0 to 1.
        values: the label of each channel; 0 (background) is left out, of several channels the greatest counts.
        labels: what the values mean.
        source, path, author, compression: see :func:`write_seg`.

    Raises:
        InputError: no probability of a label reaches 1/510.
        GeometryError, DependencyError, OutputError: see :func:`write_seg`.
    """
    if len(values) != probabilities.channels:
        raise InputError(
            f"'{probabilities.name}' has {probabilities.channels} channels, and {len(values)} labels are named."
        )
    known = {label.value: label for label in labels}
    shares = {
        value: _Shares(probabilities, [n for n, v in enumerate(values) if v == value], source)
        for value in sorted(set(values))
        if value
    }
    occupied = {value: share.planes().any(axis=(1, 2)) for value, share in shares.items()}
    found = [value for value in shares if occupied[value].any()]
    if not found:
        raise nothing_found()
    names = [known.get(value, Label(value, f"Label {value}")) for value in found]
    content = _Content(
        FRACTIONAL,
        Segments(names, range(1, len(found) + 1), author),
        np.stack([occupied[value] for value in found], axis=1),
        lambda number: shares[found[number]].planes(),
    )
    return _write(content, source, path, compression)


@dataclass(frozen=True, eq=False)
class _Content:
    """What a SEG holds.

    Args:
        occupied: (planes, segments); of a label map (planes,).
        pictures: the planes of a segment, by its place among them; of a label map of all.
    """

    kind: str
    segments: Segments
    occupied: np.ndarray
    pictures: Callable[[int], Any]


@dataclass(frozen=True, eq=False)
class _Shares:
    """The probability of a label: the greatest of some channels, on the grid of a series."""

    volume: Volume
    channels: Sequence[int]
    source: SourceSeries

    def planes(self) -> np.ndarray:
        """Fractions of 255 (planes, rows, columns), uint8."""
        stored = np.zeros(self.volume.geometry.shape, np.uint8)
        for number in self.channels:
            for z, plane in enumerate(self.volume.voxels[number]):
                np.maximum(stored[z], np.rint(np.clip(plane, 0, 1) * _WHOLE).astype(np.uint8), out=stored[z])
        return self.source.planes_of(Segmentation(stored, self.volume.geometry))


class _Masks:
    """The planes of one label, each made when it is asked for."""

    def __init__(self, planes: np.ndarray, value: int) -> None:
        self._planes, self._value = planes, value

    def __getitem__(self, plane: int) -> np.ndarray:
        return self._planes[plane] == self._value


def _label_map(planes: np.ndarray, segments: Segments) -> _Content:
    planes = planes.astype(np.uint8 if max(segments.numbers) < 256 else np.uint16, copy=False)
    return _Content(LABELMAP, segments, np.asarray(planes.any(axis=(1, 2))), lambda _: planes)


def _masks(planes: np.ndarray, segments: Segments) -> _Content:
    values = [label.value for label in segments.labels]
    occupied = np.zeros((len(planes), values[-1] + 1), bool)
    for plane, row in zip(planes, occupied, strict=True):
        row[_values_in(plane)] = True
    return _Content(BINARY, segments, occupied[:, values], lambda number: _Masks(planes, values[number]))


def _values_in(plane: np.ndarray) -> np.ndarray:
    """The values of a picture: those that differ from the one before."""
    flat = plane.ravel()
    return np.unique(np.append(flat[:1], flat[1:][flat[1:] != flat[:-1]]))


def _write(content: _Content, source: SourceSeries, path: Path | str, compression: str) -> Path:
    check_compression(compression)
    check_target(path)
    made, planes = seg_header(source, content.segments, content.occupied, content.kind)
    store_frames(made, lambda: _frames(made, planes, content), compression)
    return save(made, path)


def _frames(made: Any, planes: Sequence[int], content: _Content) -> Iterator[np.ndarray]:
    """The pictures in the order of the frames, which are sorted by segment."""
    held, numbers = 0, content.segments.numbers
    pictures = content.pictures(held)
    places = {number: place for place, number in enumerate(numbers)}
    for frame, plane in zip(made.PerFrameFunctionalGroupsSequence, planes, strict=True):
        place = 0
        # What all frames share does not stand in each.
        if content.kind != LABELMAP and len(numbers) > 1:
            place = places[int(frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber)]
        if place != held:
            held, pictures = place, content.pictures(place)
        yield pictures[plane]
