"""The models at hand: those that come with UNetSegment and those that the user has put beside them."""

from __future__ import annotations

import difflib
import importlib.resources
import logging
from collections.abc import Iterator
from pathlib import Path

from ..errors import ModelError
from ..folders import data_folder, usual_data_folder
from .card import ModelCard
from .files import CARD
from .package import read_card

log = logging.getLogger(__name__)

_BUNDLED = "bundled"
_MODELS = "models"


def bundled_folder() -> Path:
    """The models that come with UNetSegment: data of this package, wherever and however it is installed."""
    return Path(str(importlib.resources.files(__package__) / _BUNDLED))


def bundled_packages() -> list[Path]:
    """The folders in :func:`bundled_folder`, whole or not; none where the models are missing."""
    folder = bundled_folder()
    return sorted(item for item in folder.iterdir() if item.is_dir()) if folder.is_dir() else []


def model_folders(user_folder: Path | None = None) -> list[Path]:
    """Folders that are searched for packages, in order; a name found earlier hides the same name later.

    Args:
        user_folder: in place of the user's own folders.
    """
    own = [user_folder] if user_folder is not None else [user_model_folder(), *earlier_folders()]
    return [bundled_folder(), *own]


def user_model_folder() -> Path:
    """Where a user's own models lie on this system by custom. It need not exist."""
    return data_folder() / _MODELS


def earlier_folders() -> list[Path]:
    """Where the user's models lay before XDG_DATA_HOME moved them; they are still found there."""
    usual = usual_data_folder() / _MODELS
    return [usual] if user_model_folder() == data_folder() / _MODELS != usual else []


def list_models(user_folder: Path | None = None) -> list[ModelCard]:
    """Cards of all models at hand, by name. Reads no weights and imports no torch; broken packages are logged."""
    return [card for _, card in sorted(_packages(user_folder), key=lambda item: item[1].name)]


def find_model(name: str, user_folder: Path | None = None) -> Path:
    """The package's folder or zip of the model called ``name``.

    Raises:
        ModelError: no such model; the message lists those that there are.
    """
    known: dict[str, Path] = {}
    for path, card in _packages(user_folder):
        if card.name == name:
            return path
        known[card.name] = path
    near = difflib.get_close_matches(name, known, 1, 0.5)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    listed = ", ".join(sorted(known)) or "none"
    raise ModelError(
        f"There is no model called '{name}'.",
        f"{hint}Models at hand: {listed}. The path of a model's folder or .zip works too.",
    )


def _packages(user_folder: Path | None) -> Iterator[tuple[Path, ModelCard]]:
    seen: set[str] = set()
    for folder in model_folders(user_folder):
        for path in _candidates(folder):
            try:
                card = read_card(path)
            except ModelError as error:
                log.warning("The model at %s is left out: %s", path, error)
                continue
            if card.name not in seen:
                seen.add(card.name)
                yield path, card


def _candidates(folder: Path) -> list[Path]:
    try:
        items = sorted(folder.iterdir())
    except OSError:
        return []
    # A name with a dot at its start is something unfinished, left behind by a run that was killed.
    return [item for item in items if not item.name.startswith(".") and _is_candidate(item)]


def _is_candidate(item: Path) -> bool:
    try:
        return (item / CARD).is_file() or (item.suffix.lower() == ".zip" and item.is_file())
    except OSError:
        return True  # reading it says what is the matter
