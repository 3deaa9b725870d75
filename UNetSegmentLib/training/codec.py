"""A training's configuration as JSON and back."""

from __future__ import annotations

import json
from pathlib import Path

from ..errors import InputError, ModelError
from ..io.atomic import atomic_path
from ..models import typed_json
from .config import TrainingConfig


def config_to_text(config: TrainingConfig) -> str:
    """The configuration as JSON for people and programs."""
    return typed_json.readable(typed_json.to_json(config)) + "\n"


def config_from_text(text: str, name: str = "training.json") -> TrainingConfig:
    """Reads :func:`config_to_text`'s form.

    Raises:
        InputError: not JSON, or a key or value that does not belong there.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise InputError(f"{name} is not readable JSON: {error}.", "Correct or replace the file.") from None
    try:
        return typed_json.from_json(TrainingConfig, data)
    except ModelError as error:
        cause = error.cause.replace("The model card", "The training configuration", 1)
        raise InputError(cause, f"Correct the entry in {name}.") from None


def load_config(path: str | Path) -> TrainingConfig:
    """Reads a configuration file.

    Raises:
        InputError: no such file, or :func:`config_from_text`'s reasons.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"The training configuration {path} cannot be read.", "Check the path.", str(error)) from None
    return config_from_text(text, path.name)


def save_config(config: TrainingConfig, path: str | Path) -> None:
    """Writes what :func:`load_config` reads."""
    with atomic_path(path) as temporary:
        temporary.write_text(config_to_text(config), encoding="utf-8")
