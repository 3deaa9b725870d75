"""An image that is being corrected, as its client keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...refinement.checks import (
    checked_grid,
    checked_label,
    checked_probabilities,
    checked_reach,
    label_values,
    on_grid,
)
from ...volume import Segmentation, Volume
from ..exchange.folders import HeldFile
from ..exchange.mapped import write_array
from ..exchange.voxel_files import VoxelFiles
from ..protocol.arrays import ArrayFile, VolumeFile
from ..protocol.refine_messages import RefineOpen
from .awaited import Held, release
from .orders import EditList


@dataclass(frozen=True, eq=False)
class Wanted:
    """The arguments of :meth:`~.client.RefineClient.open`."""

    volume: Volume
    segmentation: Segmentation | None
    label: int
    probabilities: Volume | np.ndarray | None
    locked: tuple[int, ...]
    editable: np.ndarray | None
    reach: float | None


class ImageFile:
    """The voxels of an image in a file, which lives while one session or more use it.

    Args:
        volume: the image; another object is another image.
        array: where its voxels are.
        file: that holds them.
    """

    def __init__(self, volume: Volume, array: ArrayFile, file: HeldFile) -> None:
        self.volume, self.array = volume, array
        self._file = file
        self._users = 0

    def use(self) -> ImageFile:
        """One more session uses it, until :meth:`release`."""
        self._users += 1
        return self

    def release(self) -> None:
        """One session less uses it."""
        self._users -= 1
        if not self._users:
            self._file.release()


@dataclass(eq=False)
class Case:
    """Args:
    number: of the call that opened it.
    image: its voxels.
    opening: the message that opens it; its ``id`` is another one each time.
    files: that hold its voxels, the image's among them.
    edits: its history.
    opened: whether a worker has held it.
    """

    number: int
    image: ImageFile
    opening: RefineOpen
    files: tuple[Held, ...]
    edits: EditList = field(default_factory=EditList)
    opened: bool = False


def new_case(number: int, wanted: Wanted, files: VoxelFiles, before: Case | None) -> Case:
    """Writes what the worker will map.

    Args:
        before: the session until now; its image serves again where it is the same object.

    Raises:
        OutputError: the voxels cannot be handed over.
        GeometryError: segmentation, probabilities or editable voxels lie on another grid.
        InputError: voxels of an odd type, a label or a reach that is none.
    """
    volume, segmentation, editable = wanted.volume, wanted.segmentation, wanted.editable
    if segmentation is not None:
        checked_grid(volume, segmentation)
    label, locked = checked_label(wanted.label), tuple(checked_label(value) for value in wanted.locked)
    reach = None if wanted.reach is None else checked_reach(wanted.reach)
    arrays = {
        "labels": None if segmentation is None else label_values(np.asarray(segmentation.voxels)),
        "probabilities": checked_probabilities(wanted.probabilities, volume),
        "editable": None if editable is None else on_grid(np.asarray(editable, bool), volume, "The editable voxels"),
    }
    held: list[Held] = []
    try:
        image = before.image if before is not None and before.image.volume is volume else _image_file(volume, files)
        held.append(image.use())
        written = {name: _written(array, name, files, held) for name, array in arrays.items()}
        opening = RefineOpen(
            id=number,
            image=VolumeFile(image.array, volume.geometry, volume.name),
            label=label,
            folder=str(files.path),
            segmentation=written["labels"],
            grid=None if segmentation is None else segmentation.geometry,
            probabilities=written["probabilities"],
            locked=locked,
            editable=written["editable"],
            reach=reach,
        )
    except BaseException:
        release(held)
        raise
    return Case(number, image, opening, tuple(held))


def _image_file(volume: Volume, files: VoxelFiles) -> ImageFile:
    file = files.new("image")
    try:
        return ImageFile(volume, write_array(volume.voxels, file.path, held=True), file)
    except BaseException:
        file.release()
        raise


def _written(array: np.ndarray | None, name: str, files: VoxelFiles, held: list[Held]) -> ArrayFile | None:
    """An array in a new file, which is put on the list."""
    if array is None:
        return None
    file = files.new(name)
    held.append(file)
    return write_array(array, file.path, held=True)
