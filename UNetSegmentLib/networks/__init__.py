"""The U-Net family: one configurable network of exchangeable blocks, for 2D and 3D. Knows no files and no volumes.

``build(config)`` makes the network, ``cost(config, patch)`` says what it needs without running it. New blocks, skip
connections, encoders and decoders are added by registering a factory under a name (see :mod:`.registry`).
"""

from __future__ import annotations

import importlib
from typing import Any

from .config import NetworkConfig

_PUBLIC = {"NetworkCost": "cost", "UNet": "unet", "build": "unet", "cost": "cost"}

__all__ = ["NetworkConfig", "NetworkCost", "UNet", "build", "cost"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)
    globals()[name] = value
    return value
