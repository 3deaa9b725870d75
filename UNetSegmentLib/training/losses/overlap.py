"""Losses of overlap: soft Dice and its generalisation by Tversky.

``p`` are probabilities, ``t`` is the truth (0 or 1), sums run over the voxels of one channel in one sample, or in the
whole batch. One value for each channel; the loss is their mean.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .comparison import Comparison, weighted_mean
from .sums import channel_sums

SMOOTH = 1e-5


def dice_loss(
    comparison: Comparison,
    batch: bool = True,
    squared: bool = False,
    smooth: float = SMOOTH,
    background: bool = False,
    weights: Sequence[float] = (),
) -> Tensor:
    """Soft Dice: ``1 - (2 sum(p t) + s) / (sum(p) + sum(t) + s)`` (Drozdzal et al. 2016, arXiv:1608.04117), or with
    ``sum(p^2) + sum(t^2)`` below the line (Milletari et al. 2016, V-Net, arXiv:1606.04797).

    Args:
        batch: one Dice per channel over the whole batch (of all processes) instead of one per channel and sample, which
            steadies the value where a label is absent from many patches. A channel that is absent and that the network
            leaves empty counts as perfect.
        squared: the second form.
        smooth: ``s``.
        background: whether the background of exclusive labels has a Dice as well.
        weights: of the channels; empty for equal ones.
    """
    p, t = comparison.fields(background)
    overlap, ours, theirs = channel_sums((p * t, p**2 if squared else p, t), batch)
    return 1.0 - weighted_mean((2.0 * overlap + smooth) / (ours + theirs + smooth), weights)


def tversky_loss(
    comparison: Comparison,
    alpha: float = 0.3,
    beta: float = 0.7,
    power: float = 1.0,
    batch: bool = True,
    smooth: float = SMOOTH,
    background: bool = False,
    weights: Sequence[float] = (),
) -> Tensor:
    """Tversky: ``(1 - T) ** power`` with ``T = (TP + s) / (TP + alpha FP + beta FN + s)``, ``TP = sum(p t)``,
    ``FP = sum(p (1 - t))``, ``FN = sum((1 - p) t)`` (Salehi et al. 2017, arXiv:1706.05721).

    ``alpha = beta = 0.5`` is Dice; a larger ``beta`` prefers too much over too little. A ``power`` of 0.75 is the focal
    Tversky loss (Abraham and Khan 2018, arXiv:1810.07842).

    Args:
        batch, smooth, background, weights: as for :func:`dice_loss`.
    """
    p, t = comparison.fields(background)
    hits, ours, theirs = channel_sums((p * t, p, t), batch)
    false_alarms, misses = ours - hits, theirs - hits
    index = (hits + smooth) / (hits + alpha * false_alarms + beta * misses + smooth)
    # Rounding can carry the index a little above one, where a root has no value.
    lack = 1.0 - index
    return weighted_mean(lack if power == 1.0 else lack.clamp_min(1e-7) ** power, weights)
