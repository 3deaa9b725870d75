"""A training's configuration as JSON and back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ...errors import InputError, ModelError
from ...io.atomic import atomic_path
from ...io.json_files import parse_json
from ...io.plain_files import read_limited
from ...models import typed_json
from .checking import MOST_LABELS
from .config import TrainingConfig

_LARGEST = 1 << 24
_RENAMED = {"surroundings": "padding"}
"""Keys of ``sampling``: as earlier versions called them, and as they are called now."""
_HALVES = re.compile("[\ud800-\udfff]")


def config_to_text(config: TrainingConfig) -> str:
    """The configuration as JSON for people and programs."""
    text = typed_json.readable(typed_json.to_json(config)) + "\n"
    # A path whose bytes are no UTF-8 holds such halves, which JSON can write but UTF-8 cannot.
    return _HALVES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def config_from_text(text: str, name: str = "training.json") -> TrainingConfig:
    """Reads :func:`config_to_text`'s form, and that of earlier versions.

    Raises:
        InputError: not JSON, or a key or value that does not belong there.
    """
    data = parse_json(text, name)
    _check_size(data, name)
    data = _with_new_names(data)
    try:
        return typed_json.from_json(TrainingConfig, data)
    except (RecursionError, OverflowError):
        raise InputError(
            f"{name} is nested too deeply, or holds a number that is too large.", "Correct or replace the file."
        ) from None
    except ModelError as error:
        cause = error.cause.replace("The model card", "The training configuration", 1)
        raise InputError(cause, f"Correct the entry in {name}.") from None


def _with_new_names(data: Any) -> Any:
    """What earlier versions wrote, under the names of today; a key that is there under both names is refused later."""
    sampling = data.get("sampling") if isinstance(data, dict) else None
    if not isinstance(sampling, dict):
        return data
    renamed = {
        _RENAMED[key] if key in _RENAMED and _RENAMED[key] not in sampling else key: value
        for key, value in sampling.items()
    }
    return {**data, "sampling": renamed}


def _check_size(data: Any, name: str) -> None:
    """A table of a hundred thousand labels would take a minute to be read, and be refused then."""
    card = data.get("card") if isinstance(data, dict) else None
    labels = card.get("labels") if isinstance(card, dict) else None
    if isinstance(labels, list) and len(labels) > MOST_LABELS:
        raise InputError(
            f"The training's 'labels' is a table of {len(labels)}.", f"Give {MOST_LABELS} at most in {name}."
        )


def load_config(path: str | Path) -> TrainingConfig:
    """Reads a configuration file.

    Raises:
        InputError: no such file, or :func:`config_from_text`'s reasons.
    """
    path = Path(path)
    try:
        text = read_limited(path, _LARGEST)
    except InputError as error:
        raise InputError(
            f"The training configuration {path} cannot be read: {error.cause}", error.cure, error.detail
        ) from None
    return config_from_text(text, path.name)


def save_config(config: TrainingConfig, path: str | Path) -> None:
    """Writes what :func:`load_config` reads."""
    with atomic_path(path) as temporary:
        temporary.write_text(config_to_text(config), encoding="utf-8")
