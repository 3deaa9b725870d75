"""The boundary loss: how far from the true border the probability lies."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .comparison import Comparison, weighted_mean
from .distance import signed_distance


def boundary_loss(comparison: Comparison, background: bool = False, weights: Sequence[float] = ()) -> Tensor:
    """``mean(d p)`` with ``d`` the signed distance of each voxel from the border of the truth, in voxels, negative
    inside (Kervadec et al. 2019, arXiv:1812.07032).

    It punishes far errors more than near ones and falls below zero as the answer improves. A channel that is absent
    from a sample has no border and adds nothing, so the loss is meant to stand beside one of overlap.

    Args:
        background, weights: as for :func:`.overlap.dice_loss`.
    """
    probabilities, truth = comparison.fields(background)
    distance = signed_distance(truth).to(probabilities.dtype)
    return weighted_mean((probabilities * distance).flatten(2).mean(dim=2), weights)
