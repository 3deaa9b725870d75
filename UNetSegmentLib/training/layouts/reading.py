"""One case from the disk, on one grid, in the label values of its data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import InputError, ResourceError, UNetSegmentError
from ...io.dicom_objects.reading.image_grid import ImageGrid
from ...io.guarded import read_segmentation, read_volume
from ...io.segment_names import read_names
from ...volume import Segmentation, Volume, stack_channels
from .dataset import CaseFiles, Dataset


def read_case(data: Dataset, name: str) -> tuple[Volume, Segmentation]:
    """The image with all its channels, and the label map; what the mask leaves out has the value ``data.ignored``.

    Raises:
        InputError: naming the case: a file is unreadable, grids or channels differ, or a label value has no meaning.
        ResourceError: naming the case: it does not fit into memory.
    """
    try:
        volume = read_image(data, name)
        return volume, read_labels(data, name, volume)
    except UNetSegmentError as error:
        kind = ResourceError if isinstance(error, ResourceError) else InputError
        raise kind(f"Case {name}: {error.cause}", error.cure, error.detail) from error


def read_image(data: Dataset, name: str) -> Volume:
    """The image of a case with all its channels.

    Raises:
        InputError: a file is unreadable, or the channels are not those of the data set.
        ResourceError: it does not fit into memory.
    """
    volume = stack_channels([_read_channels(path) for path in data.files[name].images])
    if data.channels and volume.channels != len(data.channels):
        raise InputError(
            f"The image has {volume.channels} channels; the data set names {len(data.channels)} "
            f"({', '.join(data.channels)}).",
            "Correct the image or the list of channels.",
        )
    return volume


def read_labels(data: Dataset, name: str, image: Volume) -> Segmentation:
    """The label map of a case, which must lie on the grid of its image; see :func:`read_case`.

    Raises:
        InputError: it is unreadable, lies on another grid, or holds a value without a meaning.
    """
    files = data.files[name]
    grid = ImageGrid(image.geometry, f"'{image.name}'", files.images[0])
    segmentation = read_segmentation(files.label, image=grid, segments=_wanted(data, files))
    difference = image.geometry.difference(segmentation.geometry)
    if difference:
        raise InputError(
            f"The label map does not lie on the image's grid ({difference}).",
            "Resample the label map to the image first.",
        )
    return _meaning(data, files, segmentation)


def _wanted(data: Dataset, files: CaseFiles) -> tuple[str, ...]:
    """What is read of a label file: all, where nothing of it is left out."""
    return data.segments.wanted(read_names(files.label)) if data.segments.left_out else ()


def _read_channels(path: Path) -> Volume:
    """A volume; the fourth axis of a 4D file, as the Decathlon has them, becomes channels."""
    return read_volume(path, further_as_channels=True)


def _meaning(data: Dataset, files: CaseFiles, segmentation: Segmentation) -> Segmentation:
    """The label map in the data set's own values, checked."""
    if segmentation.labels and data.segments.labels:
        segmentation = data.segments.apply(segmentation, files.label.name)
    elif data.values:
        segmentation = replace(segmentation, voxels=_translated(segmentation.voxels, data.values), labels=())
    voxels = segmentation.voxels
    if files.mask is not None and data.ignored is not None:
        mask = read_volume(files.mask)
        difference = mask.geometry.difference(segmentation.geometry)
        if difference:
            raise InputError(f"The mask does not lie on the image's grid ({difference}).", "Correct the mask.")
        voxels = np.where(mask.voxels[0] > 0, voxels, np.array(data.ignored, voxels.dtype))
    if data.labels:
        known = {0, *data.labels, *([] if data.ignored is None else [data.ignored])}
        unknown = [int(v) for v in np.unique(voxels) if int(v) not in known]
        if unknown:
            raise InputError(
                f"The label map holds the value {unknown[0]}, which the data set does not name.",
                f"Known are {', '.join(map(str, sorted(known)))}. Correct the label map, or name the value.",
            )
    return replace(segmentation, voxels=voxels)


def _translated(voxels: np.ndarray, values: dict[int, int]) -> np.ndarray:
    unknown = [int(v) for v in np.unique(voxels) if int(v) not in values]
    if unknown:
        raise InputError(
            f"The label map holds the value {unknown[0]}, which this layout does not know.",
            f"Known are {', '.join(map(str, sorted(values)))}.",
        )
    result = np.zeros(voxels.shape, np.uint8 if max(values.values()) <= 255 else np.uint16)
    for there, here in values.items():
        result[voxels == there] = here
    return result
