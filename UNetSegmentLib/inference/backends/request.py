"""What a backend is asked to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, eq=False)
class BackendRequest:
    """What is to be run, and how.

    Args:
        modules: one per fold, in eval mode: (N, C, *patch) to (N, K, *patch).
        dimension: 2 or 3.
        device: where to run.
        mirror_axes: array axes (0 = z, 1 = y, 2 = x) to mirror, all combinations.
        autocast: lower precision for the arithmetic, or None.
        name: ``auto``, ``torch``, ``openvino``, ``onnx`` or ``tensorrt``.
        patch: (z, y, x) of the tiles.
        batch: tiles at once at most.
        cache_key: digests of the weights and what of the network the modules are; empty keeps nothing on the disk.
        tiles: how many tiles will come; 0 for unknown. A trial of a quicker backend must pay within them.
        activation: ``softmax`` or ``sigmoid`` where the modules give logits, whose labels can be compared; None where
            they give feature maps.
        title: what is run, for people: name and version of the model.
    """

    modules: Sequence[nn.Module]
    dimension: int
    device: torch.device
    mirror_axes: Sequence[int] = ()
    autocast: torch.dtype | None = None
    name: str = "auto"
    patch: tuple[int, int, int] = (1, 1, 1)
    batch: int = 1
    cache_key: str = ""
    tiles: int = 0
    activation: str | None = None
    title: str = ""
