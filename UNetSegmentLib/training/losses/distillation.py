"""Learning from another network: from its logits (Hinton et al. 2015, arXiv:1503.02531), from the overlap with what it
segments (Wang et al. 2023, arXiv:2303.16296), and from where its maps are active (attention transfer, Zagoruyko and
Komodakis 2017, arXiv:1612.03928)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .sums import channel_sums
from .supervision import supervision_weights

# Below the line: where neither finds anything, the loss must not hang on traces of probability.
_VOXEL = 1.0


def distillation_loss(
    outputs: Tensor | Sequence[Tensor], taught: Tensor, temperature: float, exclusive: bool
) -> Tensor:
    """``T^2 KL(teacher || student)`` of answers softened by the temperature ``T``, the mean over voxels.

    Exclusive labels: ``sum_k p_k (log p_k - log q_k)`` with ``p = softmax(taught / T)``, ``q = softmax(logits / T)``.
    Regions: the same for the two answers "inside" and "outside" of every channel (sigmoids in the place of softmax),
    the mean over channels too. The factor keeps gradients as large as those of the labels whatever ``T`` is.

    Args:
        outputs: the student's logits (batch, K, *patch), or those of deep supervision, full resolution first. Coarser
            ones are compared with every n-th voxel of the teacher's and weighted as the other losses weigh them.
        taught: the teacher's logits (batch, K, *patch), which get no gradient.
        exclusive: whether the channels exclude each other.
    """
    levels = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    divergence = _exclusive if exclusive else _regions
    taught = taught.detach().float() / temperature
    parts = [
        weight * divergence(logits.float() / temperature, _every_nth(taught, logits))
        for weight, logits in zip(supervision_weights(len(levels)), levels, strict=True)
    ]
    return temperature**2 * torch.stack(parts).sum()


def overlap_distillation_loss(outputs: Tensor | Sequence[Tensor], taught: Tensor, exclusive: bool) -> Tensor:
    """One minus the Dice of the student's probabilities ``q`` and the teacher's ``p``, voxels of the batch together:
    ``sum |p - q| / (sum p + sum q)``, the mean over channels.

    For probabilities of 0 and 1 this is the usual soft Dice loss. For others it is 0 exactly where ``q = p``, where the
    usual one is not (the second Dice semimetric loss). Averages over voxels, as of a divergence, hardly notice a small
    structure.

    Args:
        outputs, taught, exclusive: as in :func:`distillation_loss`. The background of exclusive labels is left out.
    """
    levels = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    taught = taught.detach().float()
    parts = [
        weight * _semimetric(logits.float(), _every_nth(taught, logits), exclusive)
        for weight, logits in zip(supervision_weights(len(levels)), levels, strict=True)
    ]
    return torch.stack(parts).sum()


def attention_transfer_loss(maps: Sequence[Tensor], taught: Sequence[Tensor]) -> Tensor:
    """``|a - b|^2`` for the attention ``a`` of the student's maps and ``b`` of the teacher's, the mean over samples and
    stages; between 0 and 2.

    The attention of a map is the sum over its channels of its squares, as a vector over the voxels of length 1. So the
    two networks may have any numbers of channels, and nothing has to be learnt that no package needs.

    Args:
        maps, taught: one (batch, channels, *size) for each stage, of equal sizes stage by stage. ``taught`` gets no
            gradient.
    """
    parts = [
        (_attention(own) - _attention(other.detach())).square().sum(dim=1).mean()
        for own, other in zip(maps, taught, strict=True)
    ]
    return torch.stack(parts).mean()


def _attention(maps: Tensor) -> Tensor:
    energy = maps.float().square().sum(dim=1).flatten(1)
    return functional.normalize(energy, dim=1)


def _every_nth(taught: Tensor, logits: Tensor) -> Tensor:
    size = logits.shape[2:]
    return taught if taught.shape[2:] == size else functional.interpolate(taught, size=size, mode="nearest")


def _semimetric(logits: Tensor, taught: Tensor, exclusive: bool) -> Tensor:
    own, other = (x.softmax(dim=1)[:, 1:] if exclusive else x.sigmoid() for x in (logits, taught))
    away, total = channel_sums(((own - other).abs(), own + other), batch=True)
    return (away / (total + _VOXEL)).mean()


def _exclusive(logits: Tensor, taught: Tensor) -> Tensor:
    own, other = functional.log_softmax(logits, dim=1), functional.log_softmax(taught, dim=1)
    return (other.exp() * (other - own)).sum(dim=1).mean()


def _regions(logits: Tensor, taught: Tensor) -> Tensor:
    inside = taught.sigmoid() * (functional.logsigmoid(taught) - functional.logsigmoid(logits))
    outside = (-taught).sigmoid() * (functional.logsigmoid(-taught) - functional.logsigmoid(-logits))
    return (inside + outside).mean()
