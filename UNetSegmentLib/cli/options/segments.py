"""Segmentations and probabilities as the commands read them that correct and review segmentations."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import GeometryError, InputError
from ...geometry import Geometry
from ...labels import Label
from ...progress import CancelToken
from ...text import shown
from ...volume import Segmentation, Volume

# Channels of a file that are all of the labels add up to one in every voxel.
_ROUNDING = 0.02


def read_placed(
    path: Path, geometry: Geometry, cancel: CancelToken, image: Path | None = None, series: str | None = None
) -> Segmentation:
    """A segmentation on the image's grid.

    Args:
        image: where the image lies, whose space a DICOM object must share.
        series: of the image.

    Raises:
        InputError, GeometryError, ResourceError: it cannot be read, or lies on another grid.
    """
    from ...io import place_on_grid
    from ...io.dicom_objects.reading.image_grid import ImageGrid
    from ...io.guarded import read_segmentation

    grid = ImageGrid(geometry, f"'{image.name}'" if image is not None else "the image", image, series)
    read = read_segmentation(path, cancel, grid)
    return place_on_grid(read, geometry, f"'{path.name}'")


def chosen_segment(labels: Segmentation, text: str | None, file: str) -> Label:
    """The segment of a name or a value; without a text the only one that there is.

    Args:
        file: what to call the segmentation in messages.

    Raises:
        InputError: there is none, or there are several.
    """
    from ...io.segment_names import find_segment, known_segments

    if text is not None:
        return find_segment(labels, text, file)
    known = known_segments(labels)
    if len(known) != 1:
        names = ", ".join(f"{label.value} '{shown(label.name, 60)}'" for label in known[:8])
        raise InputError(
            f"'{file}' has {len(known) or 'no'} segments.",
            f"Say which with --segment: {names}." if known else "Choose another one; 'refine --new NAME' begins one.",
        )
    return known[0]


def read_probabilities(path: Path, geometry: Geometry | None, cancel: CancelToken) -> Volume:
    """Probabilities of one segment, or of background and every label in the order of their values.

    Args:
        geometry: of the image, where there is one.

    Raises:
        InputError, GeometryError, ResourceError: they cannot be read, are none, or lie on another grid than the image.
    """
    from ...io.guarded import read_volume

    found = read_volume(path, further_as_channels=True, cancel=cancel)
    difference = found.geometry.difference(geometry) if geometry is not None else ""
    if difference:
        raise GeometryError(
            f"The probabilities '{found.name}' do not lie on the image's grid ({difference}).",
            "Give those of a run on this image.",
        )
    most = 255 if found.voxels.dtype == np.uint8 else 1.01
    # False for NaN too.
    if not (found.voxels.min() >= 0 and found.voxels.max() <= most):
        raise InputError(f"'{found.name}' holds no probabilities.", "Give numbers from 0 to 1.")
    if found.channels > 1 and not _is_whole(found.voxels):
        raise InputError(
            f"What the {found.channels} channels of '{found.name}' mean is not known: they do not add up to 1.",
            "Give the probabilities of one segment, or those that 'segment' wrote for all labels.",
        )
    return found


def probability_of(probabilities: Volume, label: Label) -> np.ndarray:
    """The channel of a segment, (z, y, x).

    Raises:
        InputError: there is none.
    """
    number = 0 if probabilities.channels == 1 else label.value
    if number >= probabilities.channels:
        raise InputError(
            f"'{probabilities.name}' has {probabilities.channels} channels, none for the value {label.value} of "
            f"'{shown(label.name)}'.",
            "Give the probabilities of this segment alone, or leave them out.",
        )
    return np.asarray(probabilities.voxels[number])


def _is_whole(values: np.ndarray) -> bool:
    """Whether channels are the shares of background and labels: one in sum wherever the model ran."""
    scale = 255.0 if values.dtype == np.uint8 else 1.0
    some = values[(slice(None), *(slice(None, None, max(n // 24, 1)) for n in values.shape[1:]))]
    total = some.sum(axis=0, dtype=np.float64) / scale
    return bool((np.minimum(np.abs(total), np.abs(total - 1)) <= _ROUNDING).all())
