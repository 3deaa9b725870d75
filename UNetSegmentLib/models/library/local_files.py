"""Matches files that the user brought with the parts of an entry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...errors import InputError
from ...progress import CancelToken
from .entries import Entry, Part
from .verification import verify_local


def match_files(entry: Entry, given: Sequence[Path], cancel: CancelToken | None = None) -> list[Path]:
    """One source for each part, in order.

    Args:
        entry: the entry.
        given: archives, folders that hold them, or the unpacked folder of a part. Files are told apart by their names;
            where these were changed, by their order, if there are as many as parts.
        cancel: looked at while digests are computed.

    Raises:
        InputError: a file does not exist, or one is missing; the message names it.
        ModelError: a file contradicts a digest of the catalogue.
    """
    for path in given:
        if not path.exists():
            raise InputError(f"There is nothing at '{path}'.", "Check the path.")
    sources = _expanded(entry, given)
    found = [_named(part, sources) for part in entry.parts]
    if None in found and len(sources) == len(entry.parts):
        found = list(sources)
    chosen: list[Path] = []
    for part, source in zip(entry.parts, found, strict=True):
        if source is None:
            raise InputError(
                f"The file {part.file.name} is missing among the given ones.",
                f"'{entry.title}' needs {len(entry.parts)} file(s). Download it from {part.file.address}.",
            )
        if source.is_file():
            verify_local(part.file, source, cancel)
        chosen.append(source)
    return chosen


def _expanded(entry: Entry, given: Sequence[Path]) -> list[Path]:
    """Folders that hold archives of the entry give way to these; other folders are unpacked parts."""
    names = {part.file.name for part in entry.parts}
    sources: list[Path] = []
    for path in given:
        inside = sorted(path / name for name in names if (path / name).is_file()) if path.is_dir() else []
        sources += inside or [path]
    return sources


def _named(part: Part, sources: Sequence[Path]) -> Path | None:
    stem = part.file.name.rpartition(".")[0]
    return next((path for path in sources if path.name in (part.file.name, stem)), None)
