"""ImageNet weights for the light encoders: from a file, or from timm's where they are on this machine already.

Nothing is ever downloaded here.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import DependencyError, InputError, ModelError
from ...networks.config import AnyNetwork, NetworkConfig
from ...networks.parts.light import LIGHT_ENCODERS, LightEncoder, pretrained_encoder

TIMM = "timm"
_TIMM_NAMES = {
    "mobilenet-v3-large": "mobilenetv3_large_100",
    "mobilenet-v3-small": "mobilenetv3_small_100",
    "efficientnet-b0": "efficientnet_b0",
    "efficientnet-b1": "efficientnet_b1",
    "efficientnet-b2": "efficientnet_b2",
    "efficientnet-b3": "efficientnet_b3",
}


def check_pretrained(source: str, network: AnyNetwork) -> None:
    """Refuses what cannot be done before anything is read.

    Raises:
        InputError: the network has no encoder of that kind or is 3D, or there is no such file.
        DependencyError: timm is asked for and not installed.
    """
    if not isinstance(network, NetworkConfig) or network.encoder not in LIGHT_ENCODERS:
        raise InputError(
            "Pretrained weights exist for the networks 'mobilenet' and 'efficientnet' only.",
            "Choose one of them with --network, or leave --pretrained out.",
        )
    if network.dimension != 2:
        raise InputError(
            "Pretrained weights are those of pictures (2D), and this training is planned in 3D.",
            "Leave --pretrained out.",
        )
    if source == TIMM:
        _timm()
    elif not Path(source).is_file():
        raise InputError(f"There is no file of weights '{source}'.", "Check the path, or write 'timm'.")


def load_pretrained(network: nn.Module, config: NetworkConfig, source: str) -> None:
    """Fills the network's encoder.

    Args:
        source: a file of timm's weights (``.safetensors``, ``.pth``, ``.bin``), or ``timm`` for those that timm has
            downloaded before.

    Raises:
        InputError, DependencyError: as :func:`check_pretrained`; or timm's weights are not on this machine.
        ModelError: the file holds no weights, or those of another network.
    """
    check_pretrained(source, config)
    encoder = network.encoder
    assert isinstance(encoder, LightEncoder)
    path = _timm_file(config.encoder) if source == TIMM else Path(source)
    encoder.levels.load_state_dict(pretrained_encoder(encoder, _read(path)))


def _read(path: Path) -> dict[str, Tensor]:
    """A state dict; of a pickle only tensors are read."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise ModelError(f"'{path}' is no readable file of weights.", "Get it again.", str(error)) from error
    except Exception as error:
        # safetensors has an exception of its own, which is no subclass of these.
        raise ModelError(f"'{path}' is no readable file of weights.", "Get it again.", str(error)) from error
    content = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ModelError(f"'{path}' holds no weights of a network.", "Give a state dict of timm's model.")
    return content


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise DependencyError(
            "Pretrained weights from timm need the package timm, which is not installed or incomplete.",
            "Run: pip install timm, or give a file of weights.",
            str(error),
        ) from error
    return timm


def _timm_file(encoder: str) -> Path:
    name = _TIMM_NAMES[encoder]
    repository = _timm().models.get_pretrained_cfg(name).hf_hub_id
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError as error:
        raise DependencyError(
            "timm's weights are kept by the package huggingface_hub, which is not installed.",
            "Run: pip install huggingface_hub, or give a file of weights.",
        ) from error
    for file in ("model.safetensors", "pytorch_model.bin"):
        found = try_to_load_from_cache(repository, file)
        if isinstance(found, str):
            return Path(found)
    raise InputError(
        f"timm's weights of {name} are not on this machine, and nothing is downloaded without your word.",
        f"Fetch them once: python -c \"import timm; timm.create_model('{name}', pretrained=True)\"",
    )
