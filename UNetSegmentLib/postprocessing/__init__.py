"""Cleaning label maps: largest component, minimum size, holes; each per label."""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {"clean": "cleaning", "label_boxes": "boxes"}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)
    globals()[name] = value
    return value
