"""U-Net++: nested, dense skip pathways (Zhou et al. 2018, arXiv:1807.10165; 2020, arXiv:1912.05074).

Node ``(i, j)`` lies at resolution ``i`` and column ``j``; it joins all earlier nodes of its row with the upsampled node
``(i + 1, j - 1)``. Every node ``(0, j)`` is a full-resolution answer of its own, which deep supervision trains, so that
the network can be cut at any column afterwards (:func:`pruned`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from ...errors import ModelError
from ..config import Kernel, NetworkConfig
from ..registry import DECODERS
from .blocks import stack
from .decoder import upsampling
from .skips import fit


@DECODERS.register("nested")
class NestedDecoder(nn.Module):
    """Returns the nodes ``(0, L)`` to ``(0, 1)``, all at full resolution; only the first of them in ``eval()``."""

    def __init__(self, config: NetworkConfig, channels: Sequence[int], strides: Sequence[Kernel]) -> None:
        super().__init__()
        self.depth = len(channels) - 1
        self.channels = (channels[0],) * self.depth
        ones = (1,) * config.dimension
        self.ups = nn.ModuleDict()
        self.nodes = nn.ModuleDict()
        for column in range(1, self.depth + 1):
            for row in range(self.depth - column + 1):
                own, below = channels[row], channels[row + 1]
                name = _name(row, column)
                self.ups[name] = upsampling(config, below, own, strides[row + 1])
                joined = own * (column + 1)
                count, kernel = config.decoder_convs[row], config.kernels[row]
                self.nodes[name] = stack(config, count, joined, own, kernel, ones, config.decoder_block)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        rows = [[level] for level in maps]
        maps.clear()
        for column in range(1, self.depth + 1):
            for row in range(self.depth - column + 1):
                name, size = _name(row, column), rows[row][0].shape[2:]
                up = fit(self.ups[name](rows[row + 1][column - 1], size), size)
                rows[row].append(self.nodes[name](torch.cat([*rows[row], up], dim=1)))
        answers = rows[0][:0:-1]
        return answers if self.training else answers[:1]


def pruned(config: NetworkConfig, state: Mapping[str, Tensor], depth: int) -> tuple[NetworkConfig, dict[str, Tensor]]:
    """The network cut after column ``depth``: smaller and quicker, with the answer that this column was trained for.

    Args:
        config: of a network with the ``nested`` decoder, trained with deep supervision.
        state: its weights.
        depth: 1 up to the number of stages less one.

    Returns:
        Description and weights of the smaller network.

    Raises:
        ModelError: not such a network, or a depth that it does not have.
    """
    full = config.stages - 1
    if config.decoder != "nested" or not 1 <= depth <= full:
        raise ModelError(
            f"A network with the decoder '{config.decoder}' and {config.stages} stages cannot be cut at depth {depth}.",
            f"Use a 'nested' network and a depth from 1 to {full}.",
        )
    head = f"heads.{full - depth}."
    if not any(name.startswith(head) for name in state):
        raise ModelError(
            "The network has no answer of its own at that depth: it was saved without deep supervision.",
            "Train it with deep_supervision and keep all heads.",
        )
    stages = depth + 1
    smaller = replace(
        config,
        features=config.features[:stages],
        kernels=config.kernels[:stages],
        strides=config.strides[:stages],
        encoder_convs=config.encoder_convs[:stages],
        decoder_convs=config.decoder_convs[:depth],
        deep_supervision=False,
    )
    kept = {f"heads.0.{name.removeprefix(head)}": value for name, value in state.items() if name.startswith(head)}
    kept |= {name: value for name, value in state.items() if _belongs(name, depth)}
    return smaller, kept


def _name(row: int, column: int) -> str:
    return f"{row}-{column}"


def _belongs(name: str, depth: int) -> bool:
    """Whether a tensor of the full network (heads apart) is part of the one cut at ``depth``."""
    parts = name.split(".")
    if parts[0] == "encoder":
        return parts[1] != "stages" or int(parts[2]) <= depth
    if parts[0] == "decoder":
        row, column = map(int, parts[2].split("-"))
        return row + column <= depth
    return False
