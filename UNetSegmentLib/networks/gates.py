"""Looking at the attention gates of a network, whichever of the family's (or a foreign one's) they are.

A gate gives every voxel of a skip connection a score; the sigmoid of the score is its coefficient, 0 to 1, which the
skipped features are multiplied by (Oktay et al. 2018, arXiv:1804.03999).
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import AnyNetwork, NetworkConfig
from .monai.configs import AttentionUNetConfig

_LINEAR = {2: "bilinear", 3: "trilinear"}


@runtime_checkable
class Gate(Protocol):
    """A module that gates a skip connection."""

    @property
    def scorer(self) -> nn.Module:
        """The layer that gives the scores (N, 1, *spatial), which the gate takes the sigmoid of."""


def has_gates(config: AnyNetwork) -> bool:
    """Whether a network of this description has attention gates; needs no weights."""
    if isinstance(config, NetworkConfig):
        # The nested decoder has skip pathways of its own.
        return config.skip == "attention" and config.decoder == "unet"
    return isinstance(config, AttentionUNetConfig)


def gates(network: nn.Module) -> list[Gate]:
    """The network's attention gates; empty for a network without any."""
    return [module for module in network.modules() if isinstance(module, Gate)]


def gate_scores(network: nn.Module, image: Tensor) -> list[Tensor]:
    """The scores of every gate for an image, full resolution first.

    Args:
        network: any network; it is run once, as it is.
        image: (N, C, *patch) as the network takes it.

    Returns:
        One tensor (N, 1, *spatial) per gate.
    """
    scores: list[Tensor] = []
    hooks = [gate.scorer.register_forward_hook(lambda _, __, output: scores.append(output)) for gate in gates(network)]
    try:
        network(image)
    finally:
        for hook in hooks:
            hook.remove()
    return sorted(scores, key=lambda score: -score[0].numel())


@torch.no_grad()
def attention_maps(network: nn.Module, image: Tensor) -> list[Tensor]:
    """The coefficients of every gate for an image, 0 to 1, full resolution first; see :func:`gate_scores`."""
    return [torch.sigmoid(score) for score in gate_scores(network, image)]


class GateScores(nn.Module):
    """A network whose answer is what its gates say: (N, C, *patch) to scores (N, G, *patch), full resolution first.

    The scores of coarser gates are interpolated linearly, as the gates themselves do with the gating signal.

    Attributes:
        steps: for each gate the voxels of the patch from one coefficient to the next, per axis; known once it has run.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.steps: tuple[tuple[int, ...], ...] = ()

    def forward(self, x: Tensor) -> Tensor:
        scores, size = gate_scores(self.network, x), x.shape[2:]
        self.steps = tuple(
            tuple(round(full / own) for full, own in zip(size, score.shape[2:], strict=True)) for score in scores
        )
        mode = _LINEAR[len(size)]
        return torch.cat(
            [functional.interpolate(score.float(), size, mode=mode, align_corners=False) for score in scores], dim=1
        )
