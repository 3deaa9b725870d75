"""The models at hand: finding them, searching them, removing one."""

import contextlib
import zipfile
from collections.abc import Sequence
from pathlib import Path

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.models import find_model, list_models, remove_model
from UNetSegmentLib.models.card import ModelCard


def cards() -> list[ModelCard]:
    """All models at hand, bundled ones and the user's own, by title."""
    return sorted(list_models(), key=lambda card: card.title.lower())


def locate(name: str) -> str:
    """The path of a model's package: what the panel shows is what the worker loads.

    Raises:
        ModelError: no such model; the message lists those that there are.
    """
    return str(find_model(name))


def file_sizes(name: str, files: Sequence[str]) -> tuple[int, ...]:
    """Bytes of some files of a model's package; empty where they cannot be told."""
    with contextlib.suppress(ModelError, OSError, zipfile.BadZipFile, KeyError):
        package = Path(locate(name))
        if package.is_dir():
            return tuple((package / file).stat().st_size for file in files)
        with zipfile.ZipFile(package) as archive:
            known = {Path(info.filename).name: info.file_size for info in archive.infolist()}
        return tuple(known[file] for file in files)
    return ()


def matches(card: ModelCard, text: str) -> bool:
    """Whether every word of ``text`` occurs in what a user may know the model by."""
    known = " ".join(
        [card.name, card.title, card.anatomy, card.modality, card.description, *(label.name for label in card.labels)]
    ).lower()
    return all(word in known for word in text.lower().split())


def subtitle(card: ModelCard) -> str:
    """One short line under the title."""
    return " · ".join(part for part in (card.anatomy, card.modality) if part)


def remove(name: str) -> None:
    """Deletes one of the user's own models from the disk.

    Raises:
        ModelError: it is not one of them.
        OutputError: it cannot be deleted.
    """
    remove_model(name)
