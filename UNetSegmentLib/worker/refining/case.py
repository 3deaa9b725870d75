"""An image that is being corrected, as its client keeps it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import numpy as np

from ...errors import GeometryError, InputError, UNetSegmentError
from ...volume import Segmentation, Volume
from ..arrays import ArrayFile, VolumeFile
from ..exchange import write_array
from ..folders import HeldFile
from ..refine_messages import RefineOpen
from .orders import EditList

NewFile = Callable[[str], HeldFile]


@dataclass(eq=False)
class Case:
    """Args:
    number: of the call that opened it.
    volume: the image, whose ``image`` file may serve another case.
    opening: the message that opens it; its ``id`` is another one each time.
    files: that hold its voxels, the image's first.
    edits: its history.
    opened: whether a worker has held it.
    """

    number: int
    volume: Volume
    opening: RefineOpen
    files: tuple[HeldFile, ...]
    edits: EditList = field(default_factory=EditList)
    opened: bool = False


def new_case(
    number: int,
    volume: Volume,
    segmentation: Segmentation | None,
    label: int,
    *,
    probabilities: Volume | np.ndarray | None,
    locked: Collection[int],
    editable: np.ndarray | None,
    reach: float | None,
    folder: str,
    new_file: NewFile,
) -> Case:
    """Writes what the worker will map.

    Raises:
        OutputError: the voxels cannot be handed over.
        GeometryError: the segmentation lies on another grid.
        InputError: voxels of an odd type.
    """
    if segmentation is not None and (difference := volume.geometry.difference(segmentation.geometry)):
        raise GeometryError(
            f"The segmentation and '{volume.name}' do not share a grid ({difference}).",
            "Resample one to the other first, or choose the image that was segmented.",
        )
    held: list[HeldFile] = []

    def write(array: np.ndarray | None, name: str) -> ArrayFile | None:
        if array is None:
            return None
        held.append(new_file(name))
        return write_array(array, held[-1].path, held=True)

    try:
        image = write(volume.voxels, "image")
        assert image is not None
        opening = RefineOpen(
            id=number,
            image=VolumeFile(image, volume.geometry, volume.name),
            label=_whole(label),
            folder=folder,
            segmentation=write(segmentation.voxels if segmentation is not None else None, "labels"),
            probabilities=write(
                probabilities.voxels if isinstance(probabilities, Volume) else probabilities, "probabilities"
            ),
            locked=tuple(_whole(value) for value in locked),
            editable=write(None if editable is None else np.asarray(editable, bool), "editable"),
            reach=None if reach is None else float(reach),
        )
    except UNetSegmentError:
        for file in held:
            file.release()
        raise
    return Case(number, volume, opening, tuple(held))


def _whole(value: int) -> int:
    try:
        whole = int(value)
    except (TypeError, ValueError, OverflowError):
        whole = None
    if whole is None or whole != value:
        raise InputError(f"{value} is no label of a segment.", "Give a whole number.")
    return whole
