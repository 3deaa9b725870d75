"""Losses of every voxel by itself: cross-entropy and focal loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .comparison import IGNORED, Comparison
from .sums import fair_part


def cross_entropy_loss(comparison: Comparison, weights: Sequence[float] = ()) -> Tensor:
    """Cross-entropy, the mean over voxels of ``-w log p`` at the true channel, over the mean of ``w``.

    For regions the mean over voxels and channels of ``-w (t log p + (1 - t) log(1 - p))``, over the mean of ``w``.

    Args:
        weights: ``w`` of every channel; empty for equal ones.
    """
    return _mean(_entropy(comparison), comparison, weights)


def focal_loss(comparison: Comparison, gamma: float = 2.0, weights: Sequence[float] = ()) -> Tensor:
    """Cross-entropy that fades where the network is already sure: ``-w (1 - p)^gamma log p`` with ``p`` the probability
    of what is true (Lin et al. 2017, arXiv:1708.02002); averaged as :func:`cross_entropy_loss`.
    """
    entropy = _entropy(comparison)
    # At zero the slope of a root is infinite; this far below it does not matter.
    doubt = (-torch.expm1(-entropy)).clamp_min(1e-8)
    return _mean(doubt**gamma * entropy, comparison, weights)


def _entropy(comparison: Comparison) -> Tensor:
    """Minus the logarithm of the true answer's probability: (batch, *patch), or (batch, K, *patch) for regions."""
    if comparison.exclusive:
        return functional.cross_entropy(comparison.logits, comparison.target, reduction="none", ignore_index=IGNORED)
    truth = comparison.truth.to(comparison.logits.dtype)
    return functional.binary_cross_entropy_with_logits(comparison.logits, truth, reduction="none")


def _mean(values: Tensor, comparison: Comparison, weights: Sequence[float]) -> Tensor:
    """Over voxels that are known, by the weight of their true channel (exclusive labels) or of their own (regions)."""
    if not weights and comparison.known is None:
        return values.mean()
    share = values.new_ones(values.shape)
    if weights:
        own = values.new_tensor(weights)
        if comparison.exclusive:
            share = own[comparison.target.clamp_max(len(weights) - 1)]
        else:
            share = share * own.reshape(1, -1, *[1] * (values.ndim - 2))
    if comparison.known is not None:
        share = share * (comparison.known[:, 0] if comparison.exclusive else comparison.known)
    return (values * share).sum() / fair_part(share.sum(), len(values)).clamp_min(1e-6)
