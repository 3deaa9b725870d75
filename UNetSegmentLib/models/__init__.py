"""Model packages: the card, the weights, loading them safely, and the list of bundled models.

Importing this package imports no torch; the public names load on first use.
"""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "FORMAT_VERSION": "card",
    "Accuracy": "card",
    "InferenceContract": "card",
    "InputChannel": "card",
    "Model": "model",
    "ModelCard": "card",
    "Normalization": "card",
    "PostprocessingStep": "card",
    "Preparation": "card",
    "card_from_json": "serialization",
    "card_to_json": "serialization",
    "check_card": "validation",
    "config_from_dict": "serialization",
    "config_to_dict": "serialization",
    "find_model": "registry",
    "list_models": "registry",
    "load_model": "package",
    "model_folders": "registry",
    "read_card": "package",
    "save_model": "package",
    "user_model_folder": "registry",
    "zip_model": "package",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
