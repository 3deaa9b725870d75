"""The licence of an imported package, where its source states none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from .card import ModelCard
from .files import CARD
from .opening import read_card
from .serialization import card_to_text
from .validation import check_card


def state_licence(folder: Path, licence: str) -> ModelCard:
    """Writes a licence into the card of a package.

    Args:
        folder: the package's folder; no digest covers its own card.
        licence: as its author states it.

    Returns:
        The new card.

    Raises:
        ModelError: it is no package.
        OutputError: the card cannot be written.
    """
    from ..io.atomic import atomic_path

    card = replace(read_card(folder), licence=licence.strip())
    check_card(card, packaged=True)
    with atomic_path(folder / CARD) as temporary:
        temporary.write_text(card_to_text(card), encoding="utf-8")
    return card
