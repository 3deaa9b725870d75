"""Dice of the network on whole held-out images, as they are, during a training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...inference.tiles import axis_starts
from ...networks.config import AnyNetwork, NetworkConfig
from ..cases.case import Case
from ..cases.labelling import Labelling
from ..losses import compare

_OVERLAP = 0.25


def hard_dice(logits: Tensor, classes: Tensor, labelling: Labelling) -> list[float]:
    """Dice of each scored channel over the voxels that are judged; NaN where neither side holds the label.

    Args:
        logits: (K, z, y, x).
        classes: (z, y, x), see :mod:`.labelling`.
    """
    answer, truth = labelling.answer(logits[None])[0], compare(logits[None], labelling.target(classes[None])).truth[0]
    scores = []
    for channel in labelling.scored:
        first, second = answer[channel], truth[channel]
        if labelling.ignored is not None:
            first = first & (classes < len(labelling.values))
        total = int(first.sum()) + int(second.sum())
        scores.append(2.0 * int((first & second).sum()) / total if total else math.nan)
    return scores


@torch.inference_mode()
def validate(
    network: nn.Module,
    cases: Sequence[Case],
    patch: Sequence[int],
    labelling: Labelling,
    device: torch.device,
    autocast: AbstractContextManager[object],
    divisor: Sequence[int] = (),
) -> tuple[float, ...]:
    """Mean Dice per label (or region) over the cases. The network's mode is restored. ``divisor``: see
    :func:`predict`.
    """
    training = network.training
    network.eval()
    scores = []
    with autocast:
        for case in cases:
            logits = predict(network, case.image.to(device), patch, labelling.channels, divisor)
            scores.append(hard_dice(logits, case.label.to(device), labelling))
    network.train(training)
    return tuple(_mean(column) for column in zip(*scores, strict=True))


def predict(
    network: nn.Module, image: Tensor, patch: Sequence[int], channels: int, divisor: Sequence[int] = ()
) -> Tensor:
    """Logits (K, z, y, x) of a prepared image (C, z, y, x): evenly spread tiles that overlap by a quarter at least,
    averaged. An image up to half as large again as the patch is one tile; a smaller one stays as it is.

    Args:
        divisor: what a tile's axes must be multiples of, see :func:`needed_divisor`; zeros fill it up.
    """
    flat = patch[0] == 1
    result = image.new_zeros(channels, *image.shape[1:])
    weight = image.new_zeros(image.shape[1:])
    for box in _tiles(image.shape[1:], patch):
        tile = _filled(image[(slice(None), *box)], divisor)
        logits = network(tile[:, 0][None])[0][:, None] if flat else network(tile[None])[0]
        z, y, x = result[(0, *box)].shape
        logits = logits[:, :z, :y, :x]
        result[(slice(None), *box)] += logits
        weight[box] += 1
    return result / weight


def needed_divisor(network: AnyNetwork) -> tuple[int, ...]:
    """What the axes of an image must be multiples of; nothing for the U-Net family, which takes any size."""
    return () if isinstance(network, NetworkConfig) else tuple(network.divisor)


def _filled(tile: Tensor, divisor: Sequence[int]) -> Tensor:
    if not divisor:
        return tile
    steps = (1,) * (3 - len(divisor)) + tuple(divisor)
    missing = [-size % step for size, step in zip(tile.shape[1:], steps, strict=True)]
    return functional.pad(tile, [n for lack in reversed(missing) for n in (0, lack)])


def _tiles(shape: Sequence[int], patch: Sequence[int]) -> list[tuple[slice, slice, slice]]:
    ranges: list[list[slice]] = []
    for size, length in zip(shape, patch, strict=True):
        if size <= length * 1.5 and length > 1:
            ranges.append([slice(0, size)])
        else:
            ranges.append([slice(start, start + length) for start in axis_starts(size, length, _OVERLAP)])
    return [(z, y, x) for z in ranges[0] for y in ranges[1] for x in ranges[2]]


def _mean(values: Sequence[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return sum(known) / len(known) if known else math.nan
