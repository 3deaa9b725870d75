"""The configured loss, at one resolution and over those of deep supervision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ..config.values import LossConfig
from .boundary import boundary_loss
from .centreline import centreline_dice_loss
from .comparison import Comparison, compare
from .entropy import cross_entropy_loss, focal_loss
from .overlap import dice_loss, tversky_loss

Term = Callable[[Comparison, LossConfig], Tensor]


def single_loss(logits: Tensor, target: Tensor, config: LossConfig) -> Tensor:
    """The configured loss at one resolution.

    Args:
        logits: (batch, K, *patch).
        target: integers (batch, *patch) for exclusive labels, (batch, K, *patch) for regions.
    """
    return sum_of(_single_parts(logits, target, config))


def total_loss(outputs: Tensor | Sequence[Tensor], target: Tensor, config: LossConfig) -> Tensor:
    """The loss over all resolutions that the network returned, full resolution first.

    The target of a coarser one is every n-th label: strided convolutions are centred on the same voxels.
    """
    return sum_of(loss_parts(outputs, target, config))


def loss_parts(outputs: Tensor | Sequence[Tensor], target: Tensor, config: LossConfig) -> dict[str, Tensor]:
    """What each term adds to :func:`total_loss`, by its name."""
    if isinstance(outputs, Tensor):
        return _single_parts(outputs, target, config)
    weights = supervision_weights(len(outputs))
    levels = [_single_parts(logits, _shrink(target, logits), config) for logits in outputs]
    weighed = {name: [w * level[name] for w, level in zip(weights, levels, strict=True)] for name in config.terms}
    return {name: torch.stack(values).sum() for name, values in weighed.items()}


def sum_of(parts: dict[str, Tensor]) -> Tensor:
    """The loss of its parts."""
    return torch.stack(list(parts.values())).sum()


def _single_parts(logits: Tensor, target: Tensor, config: LossConfig) -> dict[str, Tensor]:
    comparison = compare(logits, target, config.ignore_label is not None)
    return {name: getattr(config, _WEIGHTS[name]) * _TERMS[name](comparison, config) for name in config.terms}


def supervision_weights(levels: int) -> list[float]:
    """Halved at each coarser resolution; they sum to one."""
    weights = [0.5**level for level in range(levels)]
    return [w / sum(weights) for w in weights]


def _shrink(target: Tensor, logits: Tensor) -> Tensor:
    size = logits.shape[2:]
    if target.shape[-len(size) :] == size:
        return target
    channels = target if target.ndim == logits.ndim else target[:, None]
    small = functional.interpolate(channels.float(), size=size, mode="nearest").to(target.dtype)
    return small if target.ndim == logits.ndim else small[:, 0]


def _dice(comparison: Comparison, config: LossConfig) -> Tensor:
    return dice_loss(
        comparison, config.batch_dice, config.dice_squared, config.smooth, config.background, config.class_weights
    )


def _tversky(comparison: Comparison, config: LossConfig) -> Tensor:
    alpha, beta, power = config.tversky_alpha, config.tversky_beta, config.tversky_power
    batch, smooth = config.batch_dice, config.smooth
    return tversky_loss(comparison, alpha, beta, power, batch, smooth, config.background, config.class_weights)


def _centreline(comparison: Comparison, config: LossConfig) -> Tensor:
    steps, batch, smooth = config.cldice_iterations, config.batch_dice, config.smooth
    return centreline_dice_loss(comparison, steps, batch, smooth, config.background, config.class_weights)


_TERMS: dict[str, Term] = {
    "dice": _dice,
    "tversky": _tversky,
    "ce": lambda comparison, config: cross_entropy_loss(comparison, config.class_weights),
    "focal": lambda comparison, config: focal_loss(comparison, config.focal_gamma, config.class_weights),
    "boundary": lambda comparison, config: boundary_loss(comparison, config.background, config.class_weights),
    "cldice": _centreline,
}
_WEIGHTS = {
    "dice": "dice_weight",
    "tversky": "tversky_weight",
    "ce": "ce_weight",
    "focal": "ce_weight",
    "boundary": "boundary_weight",
    "cldice": "cldice_weight",
}
