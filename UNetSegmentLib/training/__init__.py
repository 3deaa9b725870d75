"""Training: data sets, augmentation, losses, schedules, the training loop, cross-validation, evaluation on held-out
folds.

``train(config, progress, cancel)`` runs one training from a :class:`TrainingConfig` to a model package.
"""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "AugmentationConfig": "config",
    "LossConfig": "config",
    "OptimizerConfig": "config",
    "SamplingConfig": "config",
    "ScheduleConfig": "config",
    "TrainingConfig": "config",
    "load_config": "codec",
    "save_config": "codec",
    "TrainingEvent": "events",
    "TrainingResult": "loop",
    "train": "loop",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)
    globals()[name] = value
    return value
