"""Batch norms folded into the convolutions before them: the same answer with less to do.

At inference a batch norm is ``y = (x - mean) / sqrt(variance + eps) * weight + bias`` with numbers that no image
changes, so the convolution before it can do it: its kernels times ``weight / sqrt(variance + eps)``, its bias moved
along (Jacob et al. 2018, arXiv:1712.05877, section 3.2). Worked out in float64, so that what remains is the rounding of
the folded numbers. An instance or group norm depends on the image and cannot be folded.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .architectures import build
from .config import NetworkConfig

_CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_TRANSPOSED = (nn.ConvTranspose2d, nn.ConvTranspose3d)
_NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


def folded(network: nn.Module) -> nn.Module:
    """A copy of ``network`` for inference whose batch norms lie in the convolutions before them, transposed ones too.

    Norms that follow no convolution directly stay. A network with nothing to fold is returned itself.

    Args:
        network: any of the family's, with its weights; it stays as it is.
    """
    if not _foldable(network):
        return network
    own = copy.deepcopy(network).eval().requires_grad_(False)
    for parent, conv_name, norm_name in _foldable(own):
        conv, norm = getattr(parent, conv_name), getattr(parent, norm_name)
        weight, bias = folded_tensors(conv, norm)
        conv.weight, conv.bias = nn.Parameter(weight, False), nn.Parameter(bias, False)
        setattr(parent, norm_name, nn.Identity())
    return own


def folded_description(config: NetworkConfig, state: Mapping[str, Tensor]) -> tuple[NetworkConfig, dict[str, Tensor]]:
    """The same as a description and weights of an ordinary network without norms, as a package holds them.

    Args:
        config: of a U-Net with batch norm, without deep supervision.
        state: its weights.

    Raises:
        ModelError: the network has no batch norm, or parts (light encoders) whose convolutions have no bias that
            could take a norm's.
    """
    if config.norm != "batch":
        raise ModelError(f"A network with the norm '{config.norm}' cannot be folded.", "Only batch norms can be.")
    network = build(config).to(next(iter(state.values())).dtype)
    network.load_state_dict(dict(state))
    given = folded(network).state_dict()
    plain = dataclasses.replace(config, norm="none", bias=True)
    with torch.device("meta"):
        wanted = build(plain).state_dict()
    result = {name: given[name] for name in wanted if name in given}
    result |= {name: given[_weight(name)].new_zeros(value.shape) for name, value in wanted.items() if name not in given}
    for name in [name for name in given if name not in wanted]:
        home = _sum_beside(name)
        if home not in result:
            raise ModelError(
                f"The convolution of '{name}' has no bias that could take its norm's.",
                "Leave the network as it is: the engine folds its norms by itself.",
            )
        # A block's shortcut is added to its second convolution, whose bias does as well.
        result[home] = result[home] + given[name]
    return plain, result


def folded_tensors(conv: nn.Module, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of the convolution that does both, in the type of the convolution's weight."""
    assert isinstance(conv, _CONVOLUTIONS) and isinstance(norm, _NORMS)
    assert norm.running_mean is not None and norm.running_var is not None
    mean, variance = norm.running_mean.double(), norm.running_var.double()
    ones = torch.ones_like(mean)
    scale = (ones if norm.weight is None else norm.weight.double()) / torch.sqrt(variance + norm.eps)
    shift = 0.0 if norm.bias is None else norm.bias.double()
    before = 0.0 if conv.bias is None else conv.bias.double()
    kernel = conv.weight.double()
    if isinstance(conv, _TRANSPOSED):
        # (in, out / groups, *kernel): the inputs of a group share its outputs.
        grouped = kernel.reshape(conv.groups, -1, *kernel.shape[1:])
        by_group = scale.reshape(conv.groups, 1, -1, *[1] * (kernel.ndim - 2))
        weight = (grouped * by_group).reshape(kernel.shape)
    else:
        weight = kernel * scale.reshape(-1, *[1] * (kernel.ndim - 1))
    dtype = conv.weight.dtype
    return weight.to(dtype), ((before - mean) * scale + shift).to(dtype)


def _foldable(network: nn.Module) -> list[tuple[nn.Module, str, str]]:
    """Every pair of a convolution and the batch norm that it goes into: their module, and their names in it."""
    pairs = [(module, *names) for module in network.modules() for names in _neighbours(module)]
    return [
        (module, conv, norm) for module, conv, norm in pairs if _are_pair(getattr(module, conv), getattr(module, norm))
    ]


def _neighbours(module: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of children of which the second is given what the first returns: in a row, and by the family's rule that a
    module with a ``conv`` and a ``norm`` runs them in that order (``order`` says so where it may be another)."""
    names = [name for name, _ in module.named_children()]
    if isinstance(module, nn.Sequential):
        yield from itertools.pairwise(names)
    elif {"conv", "norm"} <= set(names) and str(getattr(module, "order", "N")).startswith("N"):
        yield "conv", "norm"


def _are_pair(conv: nn.Module, norm: nn.Module) -> bool:
    return (
        isinstance(conv, _CONVOLUTIONS)
        and isinstance(norm, _NORMS)
        and norm.running_mean is not None
        and conv.out_channels == norm.num_features
    )


def _weight(bias: str) -> str:
    """The weight beside a bias."""
    return bias.removesuffix("bias") + "weight"


def _sum_beside(name: str) -> str:
    """Of a shortcut's bias the bias that it is added to: ``...shortcut.1.bias`` to ``...conv.bias``."""
    parts = name.split(".")
    return ".".join([*parts[: parts.index("shortcut")], "conv", "bias"]) if "shortcut" in parts else ""
