"""The models at hand: those that come with UNetSegment and those that the user has put beside them."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterator
from pathlib import Path

from ..errors import ModelError
from .card import ModelCard
from .files import CARD
from .locations import model_folders
from .opening import read_card

log = logging.getLogger(__name__)


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
