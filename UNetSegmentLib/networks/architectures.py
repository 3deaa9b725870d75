"""Which module builds the network of an architecture. Imports no torch.

To add an architecture: a frozen dataclass in :mod:`.config` (see ``AnyNetwork`` there), and its name here beside the
module of this package that has ``build_network(config)``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from .config import AnyNetwork, NetworkConfig, OpaqueNetwork
from .monai.configs import check_monai
from .validation import check_opaque, check_unet

if TYPE_CHECKING:
    from torch import nn


BUILDERS: dict[str, str | None] = {
    "unet": "unet",
    "residual-unet": "monai.residual_unet",
    "basic-unet": "monai.basic_unet",
    "segresnet": "monai.segresnet",
    "attention-unet": "monai.attention_unet",
    # Files of their own, which cannot be built.
    "torchscript": None,
    "onnx": None,
}


def build(config: AnyNetwork) -> nn.Module:
    """The network of ``config``: maps (N, C, *patch) to logits (N, K, *patch).

    Raises:
        ModelError: numbers that do not fit together, a part of an unknown name, or a network that is a file.
    """
    builder: Callable[[Any], nn.Module] = _builder(config.architecture)
    return builder(config)


def check_config(config: AnyNetwork) -> None:
    """Checks that the numbers of a description fit together.

    Raises:
        ModelError: naming the field, what was found, and what is expected.
    """
    if isinstance(config, NetworkConfig):
        check_unet(config)
    elif isinstance(config, OpaqueNetwork):
        check_opaque(config)
    else:
        check_monai(config)


def _builder(name: str) -> Callable[[Any], nn.Module]:
    if name not in BUILDERS:
        raise ModelError(
            f"The model asks for the architecture '{name}', which this version does not know.",
            f"Known are: {', '.join(sorted(BUILDERS))}. Update UNetSegment or choose one of these.",
        )
    module = BUILDERS[name]
    if module is None:
        raise ModelError(
            f"A network of the kind '{name}' is a file and cannot be built from its description.",
            "Load the model package that holds the file.",
        )
    return import_module(f".{module}", __package__).build_network  # type: ignore[no-any-return]
