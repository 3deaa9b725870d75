"""Small networks, and requests for a backend that runs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import nn

from UNetSegmentLib.inference.backends import installed
from UNetSegmentLib.inference.backends.request import BackendRequest
from UNetSegmentLib.networks import build
from UNetSegmentLib.networks.config import NetworkConfig

CPU = torch.device("cpu")


def has(*packages: str) -> pytest.MarkDecorator:
    missing = [name for name in packages if installed.version_of(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


FAST = [
    pytest.param("openvino", marks=has("openvino")),
    pytest.param("onnx", marks=has("onnxruntime", "onnx")),
]


def network(dimension: int = 3, seed: int = 0, stages: int = 3, **changes: object) -> nn.Module:
    config = NetworkConfig(
        dimension,
        1,
        3,
        (4, 8, 16)[:stages],
        ((3,) * dimension,) * stages,
        ((1,) * dimension, *((2,) * dimension,) * (stages - 1)),
        (1,) * stages,
        (1,) * (stages - 1),
    )
    torch.manual_seed(seed)
    return build(replace(config, **changes)).eval().requires_grad_(False)  # type: ignore[arg-type]


def request(modules: Sequence[nn.Module], name: str, dimension: int = 3, **changes: object) -> BackendRequest:
    return replace(BackendRequest(modules, dimension, CPU, name=name), **changes)  # type: ignore[arg-type]
