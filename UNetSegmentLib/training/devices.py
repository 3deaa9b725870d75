"""Which device and which number format a training uses."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager

import torch

from ..errors import ResourceError

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(name: str) -> torch.device:
    """``auto`` takes CUDA, then MPS, then the CPU.

    Raises:
        ResourceError: the named device is not there.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ResourceError(f"'{name}' is no device.", "Use auto, cpu, cuda, cuda:1 or mps.") from None
    if (device.type == "cuda" and not cuda) or (device.type == "mps" and not mps):
        raise ResourceError(f"The device {name} is not available to torch here.", "Use the device auto or cpu.")
    return device


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
