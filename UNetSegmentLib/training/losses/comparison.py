"""What every loss looks at: the network's answer beside the truth.

Two kinds of model are told apart by the shape of the target alone:

- exclusive labels (softmax): target (batch, *patch), the channel of each voxel;
- regions that may overlap (sigmoid): target (batch, K, *patch), 1 inside and 0 outside of each region.

A voxel that holds :data:`IGNORED` (in all regions) is not judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

IGNORED = 255


@dataclass(frozen=True, eq=False)
class Comparison:
    """Logits and target with what losses derive from them, each computed once.

    Args:
        logits: (batch, K, *patch), float32 or float64.
        target: integers, (batch, *patch) or (batch, K, *patch); see the module's text.
        known: (batch, 1, *patch) bool, False where a voxel is not judged; None when all are.
    """

    logits: Tensor
    target: Tensor
    known: Tensor | None = None

    @property
    def exclusive(self) -> bool:
        """Whether the channels exclude each other, the first being background."""
        return self.target.ndim < self.logits.ndim

    @cached_property
    def probabilities(self) -> Tensor:
        """(batch, K, *patch)"""
        return self.logits.softmax(dim=1) if self.exclusive else self.logits.sigmoid()

    @cached_property
    def truth(self) -> Tensor:
        """(batch, K, *patch) bool; False where a voxel is not judged."""
        if not self.exclusive:
            return self.target == 1
        channels = torch.arange(self.logits.shape[1], device=self.target.device)
        return self.target[:, None] == channels.reshape(1, -1, *[1] * (self.target.ndim - 1))

    def fields(self, background: bool = False) -> tuple[Tensor, Tensor]:
        """Probabilities and truth of the channels that region losses judge, both empty where nothing is known.

        Args:
            background: whether the first channel of exclusive labels takes part.
        """
        first = 1 if self.exclusive and not background else 0
        probabilities, truth = self.probabilities[:, first:], self.truth[:, first:]
        return (probabilities if self.known is None else probabilities * self.known), truth


def compare(logits: Tensor, target: Tensor, ignore: bool = False) -> Comparison:
    """The comparison of a network's answer with its target.

    Args:
        logits: (batch, K, *patch) of any float type; half precision is widened first.
        ignore: whether the target may hold :data:`IGNORED`.
    """
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    if not ignore:
        return Comparison(logits, target)
    known = target != IGNORED
    return Comparison(logits, target, known[:, None] if target.ndim < logits.ndim else known.any(dim=1, keepdim=True))


def weighted_mean(values: Tensor, weights: Sequence[float]) -> Tensor:
    """Mean of ``values`` (..., channels), each channel counted by its weight.

    Args:
        weights: one for every channel of the network, of which ``values`` holds the last ones; empty for equal weights.
    """
    if not weights:
        return values.mean()
    own = values.new_tensor(weights)[-values.shape[-1] :]
    return (values * own).sum(dim=-1).mean() / own.sum()
