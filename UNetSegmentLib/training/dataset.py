"""Training data: a folder in the Medical Segmentation Decathlon's manner, read once and kept prepared in memory.

The folder holds ``images/``, ``labels/`` (same file names) and ``dataset.json`` with ``labels`` (value to name) and,
for cross-validation, ``folds``: lists of case names that are held out together.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError, UNetSegmentError
from ..io import read_segmentation, read_volume
from ..models.card import ModelCard, Preparation
from ..preprocessing import prepare
from ..progress import CancelToken, ProgressCallback, Stage
from ..resampling import resize
from ..volume import Segmentation, Volume
from .labelling import Labelling


@dataclass(frozen=True)
class DataSet:
    """The folder's table of contents.

    Args:
        images, labels: file of each case, by case name in sorted order.
        folds: case names held out together; empty when the data set defines none.
    """

    folder: Path
    images: dict[str, Path]
    labels: dict[str, Path]
    folds: tuple[tuple[str, ...], ...]

    def split(self, fold: int | None) -> tuple[list[str], list[str]]:
        """Names to train on and names held out. ``None`` trains on all and holds out none.

        Raises:
            InputError: there is no such fold.
        """
        if fold is None:
            return list(self.images), []
        if not 0 <= fold < len(self.folds):
            raise InputError(
                f"The data set {self.folder.name} has {len(self.folds)} folds, numbered from 0, and no fold {fold}.",
                "Choose another fold, or add 'folds' (lists of case names) to dataset.json.",
            )
        held_out = set(self.folds[fold])
        return [n for n in self.images if n not in held_out], [n for n in self.images if n in held_out]


@dataclass(frozen=True, eq=False)
class Case:
    """One prepared case.

    Args:
        image: (channels, z, y, x) float32, oriented, resampled and normalised as the card says.
        label: (z, y, x) uint8, the class (see :mod:`.labelling`; 0 is background) of each voxel.
        foreground: for each labelled class, the flat indices of its voxels.
    """

    name: str
    image: Tensor
    label: Tensor
    foreground: tuple[Tensor, ...]


def open_dataset(folder: str | Path) -> DataSet:
    """Looks through the folder; reads no image.

    Raises:
        InputError: no such folder, no cases, an image without a label, or a fold that names an unknown case.
    """
    folder = Path(folder)
    images, labels = _files(folder / "images"), _files(folder / "labels")
    if not images:
        raise InputError(f"There are no cases in {folder / 'images'}.", "Give a folder with images/ and labels/.")
    lacking = [name for name in images if name not in labels]
    if lacking:
        raise InputError(
            f"The case {lacking[0]} has an image but no label file ({len(lacking)} such cases).",
            f"Put its label map into {folder / 'labels'} under the same name, or remove the image.",
        )
    folds = _folds(folder / "dataset.json")
    for number, names in enumerate(folds):
        unknown = [name for name in names if name not in images]
        if unknown:
            raise InputError(
                f"Fold {number} of dataset.json names the case {unknown[0]}, which has no image.",
                "Correct the fold or add the image.",
            )
    return DataSet(folder, images, {name: labels[name] for name in images}, folds)


def load_cases(
    data: DataSet,
    names: Sequence[str],
    card: ModelCard,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    labelling: Labelling | None = None,
) -> list[Case]:
    """Reads and prepares the named cases; see :func:`load_case`."""
    stage = Stage("read cases", len(names), progress, cancel)
    cases = []
    for name in names:
        cases.append(load_case(data, name, card, labelling))
        stage.step(message=name)
    return cases


def load_case(data: DataSet, name: str, card: ModelCard, labelling: Labelling | None = None) -> Case:
    """Reads and prepares one case.

    Args:
        labelling: what label values mean; None takes the card's output channels.

    Raises:
        InputError: naming the case, when its image or label map cannot be used.
    """
    try:
        volume, segmentation = read_pair(data, name)
        if volume.channels != card.network.in_channels:
            raise InputError(f"The image has {volume.channels} channels, the network takes {card.network.in_channels}.")
        image, label = prepare_pair(volume, segmentation, card.preparation)
        labelling = labelling or Labelling(card.inference.output_values)
        classes = labelling.encode(label)
    except UNetSegmentError as error:
        raise InputError(f"Case {name}: {error.cause}", error.cure, error.detail) from error
    flat = classes.flatten()
    foreground = tuple(torch.nonzero(flat == number).flatten() for number in range(1, len(labelling.values)))
    return Case(name, image, classes, foreground)


def read_pair(data: DataSet, name: str) -> tuple[Volume, Segmentation]:
    """The image and the label map of a case, as they are on the disk.

    Raises:
        InputError: a file is unreadable, or the two grids differ.
    """
    volume, segmentation = read_volume(data.images[name]), read_segmentation(data.labels[name])
    difference = volume.geometry.difference(segmentation.geometry)
    if difference:
        raise InputError(
            f"The label map does not lie on the image's grid ({difference}).",
            "Resample the label map to the image first.",
        )
    return volume, segmentation


def prepare_pair(volume: Volume, segmentation: Segmentation, preparation: Preparation) -> tuple[Tensor, np.ndarray]:
    """The image as the engine would prepare it, and the label map brought onto the same voxels by nearest neighbour."""
    prepared = prepare(volume, preparation)
    record, shape = prepared.record, prepared.tensor.shape[1:]
    label = np.ascontiguousarray(record.axes.apply(segmentation.voxels)[record.box.slices])
    if shape != label.shape:
        label = resize(torch.from_numpy(label.astype(np.float32)), shape, order=0).numpy().astype(label.dtype)
    return prepared.tensor, label


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}.", "Give a folder with images/ and labels/ in it.")
    paths = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    return {p.name.split(".")[0]: p for p in paths}


def _folds(path: Path) -> tuple[tuple[str, ...], ...]:
    if not path.is_file():
        return ()
    try:
        folds = json.loads(path.read_text(encoding="utf-8")).get("folds", [])
        return tuple(tuple(str(name) for name in fold) for fold in folds)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{path} is not a readable table of contents.", "Correct the file.", str(error)) from error
