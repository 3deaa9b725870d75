"""The number format of a training."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager

import torch

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def choose_precision(name: str, device: torch.device) -> str:
    """``auto`` is fp16 on CUDA and fp32 elsewhere: without matrix instructions bf16 is slower than fp32 on a CPU."""
    if name == "auto":
        return "fp16" if device.type == "cuda" else "fp32"
    return name


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """The context in which the network runs."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=_DTYPES[precision])
