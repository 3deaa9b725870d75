"""The network translated into machine code for this device before a training, by torch's own compiler.

What lies between the convolutions (norms, activations, sums of gradients) is joined into few passes over memory. It
takes a minute or so at the start, and what is computed is the same but for rounding.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from ...errors import ResourceError


def compiled(network: nn.Module, device: torch.device) -> nn.Module:
    """A module with the same parameters whose passes are compiled when they are first needed.

    Raises:
        ResourceError: nothing can be compiled here: torch needs a C++ compiler on a CPU and Triton on a GPU, and on
            both a session whose text is UTF-8.
    """
    _try_one(device)
    # A training's patches are all of one size. At a second network in a process torch would guess that sizes vary,
    # and fails at that (2.13).
    return cast(nn.Module, torch.compile(network, dynamic=False))


def _try_one(device: torch.device) -> None:
    """Compiles a trifle: the first step of a training would fail with pages of a compiler's words."""
    try:
        torch.compile(_trifle)(torch.ones(4, device=device))
    except UnicodeError as error:
        # Torch 2.13 reads its own templates in the encoding of the locale.
        raise ResourceError(
            "Torch's compiler cannot read its own files under this session's locale, which is not UTF-8.",
            "Set the environment variable PYTHONUTF8 to 1, or train without 'compile'.",
            str(error),
        ) from error
    except Exception as error:
        # The compiler's parts raise errors of many types without a common base.
        raise ResourceError(
            f"The network cannot be compiled for {device} on this machine.",
            "Install a C++ compiler (for a GPU Triton as well), or train without 'compile'.",
            str(error),
        ) from error


def _trifle(values: torch.Tensor) -> torch.Tensor:
    return (values * 2.0 + 1.0).relu()
