"""What is minimised: soft Dice, cross-entropy, focal, their sums, and their average over the resolutions of deep
supervision. Logits are (batch, K, *patch), targets (batch, *patch) int64.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .config import LossConfig

_SMOOTH = 1e-5


def soft_dice_loss(logits: Tensor, target: Tensor, batch_dice: bool = True) -> Tensor:
    """One minus the mean soft Dice of the foreground channels (Milletari et al. 2016, arXiv:1606.04797).

    Args:
        batch_dice: one Dice per channel over the whole batch instead of one per channel and sample, which steadies
            the value where a label is absent from many patches. A channel that is absent from a sample and that the
            network leaves empty counts as perfect.
    """
    probabilities = logits.float().softmax(dim=1)[:, 1:]
    channels = torch.arange(1, logits.shape[1], device=target.device)
    truth = target[:, None] == channels.reshape(1, -1, *[1] * (target.ndim - 1))
    axes = [0] * batch_dice + list(range(2, logits.ndim))
    overlap = (probabilities * truth).sum(dim=axes)
    total = probabilities.sum(dim=axes) + truth.sum(dim=axes)
    return 1.0 - ((2.0 * overlap + _SMOOTH) / (total + _SMOOTH)).mean()


def cross_entropy_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Mean over voxels."""
    return functional.cross_entropy(logits.float(), target)


def focal_loss(logits: Tensor, target: Tensor, gamma: float = 2.0) -> Tensor:
    """Cross-entropy that fades where the network is already sure (Lin et al. 2017, arXiv:1708.02002)."""
    entropy = functional.cross_entropy(logits.float(), target, reduction="none")
    return ((1.0 - torch.exp(-entropy)) ** gamma * entropy).mean()


def single_loss(logits: Tensor, target: Tensor, config: LossConfig) -> Tensor:
    """The configured loss at one resolution."""
    loss = logits.new_zeros((), dtype=torch.float32)
    if "dice" in config.kind:
        loss = loss + config.dice_weight * soft_dice_loss(logits, target, config.batch_dice)
    if config.kind in ("ce", "dice_ce"):
        loss = loss + config.ce_weight * cross_entropy_loss(logits, target)
    if "focal" in config.kind:
        loss = loss + config.ce_weight * focal_loss(logits, target, config.focal_gamma)
    return loss


def supervision_weights(levels: int) -> list[float]:
    """Halved at each coarser resolution; they sum to one."""
    weights = [0.5**level for level in range(levels)]
    return [w / sum(weights) for w in weights]


def total_loss(outputs: Tensor | Sequence[Tensor], target: Tensor, config: LossConfig) -> Tensor:
    """The loss over all resolutions that the network returned, full resolution first.

    The target of a coarser one is every n-th label: strided convolutions are centred on the same voxels.
    """
    if isinstance(outputs, Tensor):
        return single_loss(outputs, target, config)
    loss = outputs[0].new_zeros((), dtype=torch.float32)
    for weight, logits in zip(supervision_weights(len(outputs)), outputs, strict=True):
        loss = loss + weight * single_loss(logits, _shrink(target, logits.shape[2:]), config)
    return loss


def _shrink(target: Tensor, size: torch.Size) -> Tensor:
    if target.shape[1:] == size:
        return target
    return functional.interpolate(target[:, None].float(), size=size, mode="nearest")[:, 0].long()
