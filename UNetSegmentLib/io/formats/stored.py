"""What the header of an image file says, and the voxels that it leads to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...budget import memory_guard, require_memory
from ...errors import InputError
from ...geometry import Geometry
from ...text import shown
from ...volume import Volume
from .samples import Source, check_lengths, read_samples

SMALLER = "Crop it or save it with fewer voxels, or use a machine with more memory."
_BLOCK = 1 << 22
_MOST_AXES, _DETAIL = 7, 120


@dataclass(frozen=True)
class StoredImage:
    """A header, understood and checked; nothing of the voxels is read yet.

    Args:
        path: the file that was named, for messages.
        sizes: of all axes as stored, the fastest first.
        spatial: which of those axes are x, y (and z).
        component: the axis of colours or vector components, if any; all others count points in time or alike.
        dtype: of one number, in the file's byte order.
        source: where the numbers lie.
        geometry: the grid of the spatial axes, in LPS; 2D images are one slice thick.
        scale: slope and intercept that turn numbers into values; None leaves them as they are.
        fields: free keys and values of the header.
        notes: what was chosen silently, as sentences.
        zero_for_nan: whether values that are no numbers become 0 (with a note).
    """

    path: Path
    sizes: tuple[int, ...]
    spatial: tuple[int, ...]
    component: int | None
    dtype: np.dtype
    source: Source
    geometry: Geometry
    scale: tuple[float, float] | None = None
    fields: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    zero_for_nan: bool = False

    @property
    def count(self) -> int:
        return math.prod(self.sizes)

    @property
    def further(self) -> tuple[int, ...]:
        """The axes that are neither space nor components."""
        return tuple(n for n in range(len(self.sizes)) if n not in self.spatial and n != self.component)


def load(stored: StoredImage, further_as_channels: bool = False) -> Volume:
    """Reads the voxels.

    Integers keep their type unless the header scales them; real numbers become float32.

    Args:
        further_as_channels: take points in time or alike as channels, rather than refuse several.

    Raises:
        InputError: several volumes in one file; cut short or damaged data.
        ResourceError: more voxels than memory holds.
    """
    if not further_as_channels:
        _check_one_volume(stored)
    check_lengths(stored.source, stored.dtype, stored.count, stored.path)
    _require_room(stored)
    with memory_guard(f"reading '{stored.path.name}'", SMALLER):
        flat, notes = _values(stored, read_samples(stored.source, stored.dtype, stored.count, stored.path))
        array = flat.reshape(stored.sizes[::-1])
        order = [*_axes(stored), *reversed(stored.spatial)]
        array = array.transpose([len(stored.sizes) - 1 - n for n in order])
        array = array.reshape(-1, *stored.geometry.shape)
        voxels = np.ascontiguousarray(array)
    if stored.further and not further_as_channels:
        axes = len(stored.spatial)
        notes.append(f"'{stored.path.name}' is {axes + len(stored.further)}D with one volume; it is read as {axes}D.")
    return Volume(voxels, stored.geometry, stored.path.name, (*stored.notes, *notes))


def check_sizes(sizes: Sequence[int], path: Path) -> None:
    """Refuses sizes that no image has.

    Raises:
        InputError: naming the file.
    """
    if not 2 <= len(sizes) <= _MOST_AXES:
        raise InputError(f"'{path.name}' has {len(sizes)} axes; an image has two or three.", "Choose another file.")
    if any(size < 1 for size in sizes):
        raise damaged(path, f"sizes {' x '.join(map(str, sizes))}")


def damaged(path: Path, detail: str) -> InputError:
    """The header is not what its format asks for; ``detail`` says where."""
    return InputError(
        f"The header of '{path.name}' is damaged ({shown(detail, _DETAIL)}).",
        "Copy or export the file again, and check that its size is the same as the original's.",
        detail,
    )


def _axes(stored: StoredImage) -> list[int]:
    component = [] if stored.component is None else [stored.component]
    return [*component, *reversed(stored.further)]


def _check_one_volume(stored: StoredImage) -> None:
    if any(stored.sizes[n] > 1 for n in stored.further):
        shown = " x ".join(str(size) for n, size in enumerate(stored.sizes) if n != stored.component)
        axes = len(stored.spatial) + len(stored.further)
        raise InputError(
            f"'{stored.path.name}' is {axes}D ({shown}): several volumes in one file.",
            "Save the volume you want (a time point, or one file per channel) as a 3D image of its own.",
        )


def _require_room(stored: StoredImage) -> None:
    shown = " x ".join(map(str, stored.sizes))
    width = stored.dtype.itemsize
    changed = width > 4 and stored.dtype.kind == "f"
    if stored.scale is not None or changed or stored.dtype == np.float16:
        width += 4
    if stored.component is not None and stored.component < max(stored.spatial):
        width *= 2  # components side by side are moved apart
    require_memory(stored.count * width, f"The image '{stored.path.name}' ({shown} numbers)", SMALLER)


def _values(stored: StoredImage, samples: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Numbers as values of a native type: scaled, at most 32 bits wide where real, and notes on what was replaced."""
    if stored.scale is not None:
        slope, intercept = stored.scale
        values = np.empty(samples.shape, np.float32)
        with np.errstate(all="ignore"):
            for start in range(0, samples.size, _BLOCK):
                block = slice(start, start + _BLOCK)
                values[block] = samples[block].astype(np.float64) * slope + intercept
    elif samples.dtype.kind == "f" and samples.dtype != np.float32:
        with np.errstate(over="ignore"):
            values = samples.astype(np.float32)
    else:
        values = samples
    if not stored.zero_for_nan or values.dtype.kind != "f":
        return values, []
    replaced = 0
    for start in range(0, values.size, _BLOCK):
        piece = values[start : start + _BLOCK]
        bad = ~np.isfinite(piece)
        replaced += int(np.count_nonzero(bad))
        piece[bad] = 0
    if not replaced:
        return values, []
    share = 100 * replaced / values.size
    percent = "100" if share >= 99.5 else f"{share:.2g}"
    words = "1 voxel" if replaced == 1 else f"{replaced} voxels"
    return values, [f"{words} of '{stored.path.name}' ({percent} %) held no number (NaN); taken as 0."]
