"""What the gallery shows: a phantom, or a patch of a case as a training would see it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...io.guarded import read_segmentation, read_volume
from ...models.card import Normalization, Preparation
from ...volume import Segmentation, Volume
from ..cases.case import Case
from ..cases.dataset import prepare_pair
from ..cases.labelling import Labelling
from ..config.config import TrainingConfig
from ..config.values import AugmentationConfig
from .gallery import Scene
from .phantom import LEFT, RIGHT, SIZE, phantom
from .picture import Color, Look

# A larger image is shown in part, at a size at which one still sees voxels move.
_WIDEST = 128
_DEEPEST = 48
# For labels that bring no colours of their own: bright, and none of them a colour of tissue.
_PALETTE: tuple[Color, ...] = ((78, 205, 240), (255, 214, 64), (140, 225, 120), (235, 120, 205), (160, 150, 255))


def phantom_scene(settings: AugmentationConfig) -> tuple[Scene, Look]:
    """The phantom, whose sides are exchanged when it is flipped."""
    image, label = phantom()
    image = (image - image.mean()) / image.std()
    patch = (1, SIZE * 7 // 8, SIZE * 7 // 8)
    pairs = ((LEFT, RIGHT),) if settings.left_right_axis == 2 else ()
    scene = Scene(Case("phantom", image, label, ()), (0, SIZE // 2, SIZE // 2), patch, True, 4, pairs)
    return scene, Look("Augmentations of a phantom", _window(image), _PALETTE[:3])


def case_scene(image: Path, labels: Path | None, training: TrainingConfig | None) -> tuple[Scene, Look]:
    """A patch around the slice that shows most of the labels.

    Args:
        labels: label map on the image's grid, or None.
        training: its preparation, patch and label pairs; None takes the image as it is, all channels to zero mean and
            unit variance together.

    Raises:
        InputError: a file is unreadable, the grids differ, or the image does not fit the configuration.
    """
    volume = read_volume(image)
    segmentation = _segmentation(labels, volume)
    preparation = _plain(volume.channels) if training is None else training.card.preparation
    prepared, values_map = prepare_pair(volume, segmentation, preparation)
    if training is None:
        prepared = (prepared - prepared.mean()) / prepared.std().clamp_min(1e-6)
    values = (0, *(int(v) for v in np.unique(values_map) if v))
    label = Labelling(values).encode(values_map)
    patch = _patch(label.shape) if training is None else training.card.inference.patch
    wanted = () if training is None else training.augmentation.label_pairs
    pairs = Labelling(values).pairs(tuple(pair for pair in wanted if set(pair) <= set(values)))
    z, y, x = _middle(label if bool(label.any()) else torch.ones_like(label), patch)
    scene = Scene(Case(image.name, prepared, label, ()), (z, y, x), patch, patch[0] == 1, len(values), pairs)
    table = segmentation.labels if training is None else training.card.labels
    known = {entry.value: entry.color for entry in table}
    colors = tuple(known.get(value, _PALETTE[n % len(_PALETTE)]) for n, value in enumerate(values[1:]))
    return scene, Look(f"Augmentations of {image.name}", _window(prepared, apart=training is not None), colors)


def _segmentation(labels: Path | None, volume: Volume) -> Segmentation:
    if labels is None:
        return Segmentation(np.zeros(volume.geometry.shape, np.uint8), volume.geometry)
    segmentation = read_segmentation(labels)
    difference = volume.geometry.difference(segmentation.geometry)
    if difference:
        raise InputError(f"The label map does not lie on the image's grid ({difference}).", "Give two of one case.")
    return segmentation


def _plain(channels: int) -> Preparation:
    return Preparation(orientation="LPS", normalization=(Normalization("none"),) * channels)


def _patch(shape: Sequence[int]) -> tuple[int, int, int]:
    depth, height, width = shape
    return min(depth, _DEEPEST), min(height, _WIDEST), min(width, _WIDEST)


def _middle(mask: Tensor, patch: Sequence[int]) -> list[int]:
    """Voxel amid the mask in the slice that shows most of it, as near as the patch can be centred on it."""
    slice_ = int((mask > 0).flatten(1).sum(dim=1).argmax())
    y, x = torch.nonzero(mask[slice_]).float().mean(dim=0).round().int().tolist()
    middle = []
    for centre, size, length in zip((slice_, y, x), mask.shape, patch, strict=True):
        low, high = length // 2, size - length + length // 2
        middle.append(min(max(centre, low), high) if low <= high else size // 2)
    # The shown slice stays the chosen one: where the patch leaves the image there, its surroundings are filled in.
    return [slice_, *middle[1:]]


def _window(image: Tensor, apart: bool = False) -> tuple[tuple[float, float], ...]:
    """For each channel what becomes black and white: one window for all, so that colours stay, or each its own."""
    groups = list(image) if apart else [image] * len(image)
    windows = []
    for group in groups:
        values = group.flatten()[:: max(group.numel() // 1_000_000, 1)]
        low, high = (float(v) for v in torch.quantile(values, torch.tensor([0.005, 0.995])))
        windows.append((low, max(high, low + 1e-6)))
    return tuple(windows)
