"""A package of our own, in a folder or a zip, as a source."""

from __future__ import annotations

from collections.abc import Sequence

from ...networks.config import OpaqueNetwork
from ..card import ModelCard
from ..files import CARD, MAX_CARD_BYTES
from ..package import load_model
from ..serialization import card_from_text
from ..small_forms import form_file_names
from ..trust import ask_for_trust
from .archive import SourceFiles, read_bytes
from .imported import Imported, ImportOptions


def matches(files: SourceFiles) -> bool:
    """Whether there is a card at the top, or in the one folder there."""
    return _folder(files) is not None


def read(files: SourceFiles, options: ImportOptions) -> Sequence[Imported]:
    """The package, verified.

    Raises:
        ModelError: it is not intact, or a program of its own that the user does not trust.
    """
    folder = _folder(files)
    assert folder is not None
    # Zips are verified as they are: the loader reads them in the same layout.
    load_model(files.path if not folder else files.path / folder if files.path.is_dir() else files.path)
    return [_read(files.below(folder), options)]


def _read(files: SourceFiles, options: ImportOptions) -> Imported:
    from safetensors.torch import load_file

    card: ModelCard = card_from_text(read_bytes(files, CARD, MAX_CARD_BYTES))
    companions = [_read(files.below(companion.folder), options) for companion in card.companions]
    local = [files.local(name) for name in card.weights]
    extra = {name: files.local(name) for name in form_file_names(card)}
    if isinstance(card.network, OpaqueNetwork):
        ask_for_trust(card.name, options.trust)
        return Imported(card, local, companions, extra=extra)
    return Imported(card, [load_file(path) for path in local], companions, extra=extra)


def _folder(files: SourceFiles) -> str | None:
    """Where the card lies: at the top, or in the one folder there."""
    if files.has(CARD):
        return ""
    tops = {name.split("/")[0] for name in files.names()}
    top = tops.pop() if len(tops) == 1 else ""
    return top if top and files.has(f"{top}/{CARD}") else None
