"""clDice: whether thin, branching structures stay connected."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .comparison import Comparison, weighted_mean
from .overlap import SMOOTH
from .sums import channel_sums


def centreline_dice_loss(
    comparison: Comparison,
    iterations: int = 5,
    batch: bool = True,
    smooth: float = SMOOTH,
    background: bool = False,
    weights: Sequence[float] = (),
) -> Tensor:
    """Soft clDice: ``1 - 2 P S / (P + S)`` with the precision ``P = sum(skeleton(p) t) / sum(skeleton(p))`` and the
    sensitivity ``S = sum(skeleton(t) p) / sum(skeleton(t))`` (Shit et al. 2021, arXiv:2003.07311).

    Args:
        iterations: of :func:`soft_skeleton`; at least the radius of the widest structure in voxels.
        batch, smooth, background, weights: as for :func:`.overlap.dice_loss`; ``smooth`` is added above and below the
            line of ``P`` and ``S``.
    """
    p, t = comparison.fields(background)
    truth = t.to(p.dtype)
    ours, theirs = soft_skeleton(p, iterations), soft_skeleton(truth, iterations)
    right, all_ours, found, all_theirs = channel_sums((ours * truth, ours, theirs * p, theirs), batch)
    precision = (right + smooth) / (all_ours + smooth)
    sensitivity = (found + smooth) / (all_theirs + smooth)
    return 1.0 - weighted_mean(2.0 * precision * sensitivity / (precision + sensitivity), weights)


def soft_skeleton(x: Tensor, iterations: int) -> Tensor:
    """What each opening removes, gathered over ``iterations`` erosions: the centre lines of bright structures.

    Args:
        x: (batch, channels, *patch) from 0 to 1, two or three spatial axes.
    """
    thinner = _erode(x)
    skeleton = torch.relu(x - _dilate(thinner))
    for _ in range(iterations):
        x, thinner = thinner, _erode(thinner)
        extra = torch.relu(x - _dilate(thinner))
        skeleton = skeleton + torch.relu(extra - skeleton * extra)
    return skeleton


def _erode(x: Tensor) -> Tensor:
    """The least of each voxel and its neighbours along the axes; nothing is eaten from the patch's edge."""
    eroded = x
    for axis in range(x.ndim - 2):
        eroded = torch.minimum(eroded, -_pool(-x, axis))
    return eroded


def _dilate(x: Tensor) -> Tensor:
    """The most within a cube of three voxels, taken along one axis after the other."""
    for axis in range(x.ndim - 2):
        x = _pool(x, axis)
    return x


def _pool(x: Tensor, axis: int) -> Tensor:
    size = [3 if a == axis else 1 for a in range(x.ndim - 2)]
    pool = functional.max_pool2d if len(size) == 2 else functional.max_pool3d
    return pool(x, size, stride=1, padding=[n // 2 for n in size])
