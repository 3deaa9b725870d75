"""All DICOM files of a folder, grouped by series."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...errors import InputError
from ...text import shown
from .header import Broken, SeriesKey, Slice, read_header
from .kinds import Other

# An empty file that macOS keeps in folders with a picture of their own.
_MAC_ICON = "Icon\r"
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")


@dataclass(frozen=True)
class Series:
    """One image series: its identifier (may be empty when anonymised), what it is called, and its files.

    Args:
        notes: what was left out when it was chosen, as sentences.
    """

    uid: str
    number: str
    description: str
    modality: str
    slices: tuple[Slice, ...] = field(repr=False)
    localizer: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_collection(self) -> bool:
        """Whether it is several single pictures that do not say where they lie, such as the photographs of a visit."""
        return len(self.slices) > 1 and all(item.frames[0].position is None for item in self.slices)

    def __str__(self) -> str:
        """Without its description, which may be about the patient: sentences get into tables, pages and logs."""
        return f"UID {self.identifier} ({self.kind})" if self.identifier else f"without UID ({self.kind})"

    @property
    def identifier(self) -> str:
        """The UID where it is one; a header may hold anything in its place."""
        return self.uid if _UID.fullmatch(self.uid) else ""

    @property
    def kind(self) -> str:
        """Modality, number of files, whether it is a localizer."""
        return f"{self.modality or '?'}, {self._counted()}{', a localizer' if self.localizer else ''}"

    @property
    def listed(self) -> str:
        """By all its names, for somebody who has to choose one at a terminal."""
        name = shown(self.description, 60) or "no description"
        kind = f"{self.modality or '?'}, series {shown(self.number, 16) or '?'}"
        identifier = f", UID {shown(self.uid, 70)}" if self.uid else ""
        return f"'{name}' ({kind}, {self._counted()}{', a localizer' if self.localizer else ''}{identifier})"

    def _counted(self) -> str:
        pictures = sum(len(item.frames) for item in self.slices)
        files = f"{len(self.slices)} file{'' if len(self.slices) == 1 else 's'}"
        return files if pictures == len(self.slices) else f"{files} with {pictures} slices"


@dataclass(frozen=True)
class Contents:
    """What a folder holds; the series with the most slices come first.

    Args:
        closed: sub-folders that could not be looked into.
    """

    series: tuple[Series, ...]
    others: tuple[Other, ...]
    broken: tuple[Broken, ...]
    closed: tuple[Path, ...] = ()


def contents_of(folder: Path, deep: bool = True) -> Contents:
    """Reads all headers in a folder.

    Args:
        deep: look into sub-folders as well.

    Raises:
        InputError: the folder cannot be listed.
    """
    closed: list[Path] = []
    found = contents_of_files(_files(folder, closed if deep else None))
    return replace(found, closed=tuple(closed))


def contents_of_files(paths: Iterable[Path]) -> Contents:
    """As :func:`contents_of`, of files that somebody has found already."""
    groups: dict[tuple[object, ...], list[Slice]] = {}
    others: list[Other] = []
    broken: list[Broken] = []
    for path in paths:
        found = read_header(path)
        if isinstance(found, Slice):
            groups.setdefault(found.key.identity, []).append(found)
        elif isinstance(found, Other):
            others.append(found)
        else:
            broken.append(found)
    series = [_series(slices) for group in groups.values() for slices in _studies(group)]
    series.sort(key=lambda one: (-sum(len(item.frames) for item in one.slices), one.listed))
    return Contents(tuple(series), tuple(others), tuple(broken))


def lost_slices(series: Series, broken: tuple[Broken, ...]) -> list[Broken]:
    """The unreadable files that may have been slices of ``series``: they say so, or are called like them."""
    names: dict[Path, set[str]] = {}
    for item in series.slices:
        names.setdefault(item.path.parent, set()).add(_pattern(item.path))
    suffixes = {item.path.suffix.lower() for item in series.slices}
    return [file for file in broken if _may_be_lost(file, series.uid, names.get(file.path.parent, set()), suffixes)]


def _may_be_lost(file: Broken, uid: str, patterns: set[str], suffixes: set[str]) -> bool:
    if file.series:
        return file.series == uid
    if not patterns or file.path.name.startswith(".") or file.path.name == _MAC_ICON:
        return False
    if _pattern(file.path) in patterns:
        return "#" in _pattern(file.path) or file.content != "other"
    suffix = file.path.suffix.lower()
    return (file.content != "other" or suffix in _DICOM_SUFFIXES) and suffix in suffixes and not suffix[1:].isdigit()


def _studies(slices: list[Slice]) -> list[list[Slice]]:
    """The slices of one series UID by study, which anonymisers may have given the same UID for the series.

    Where every file has a study of its own, a program has made the UIDs up, and the series is what it says.
    """
    studies: dict[str, list[Slice]] = {}
    for item in slices:
        studies.setdefault(item.study, []).append(item)
    return [slices] if len(studies) == len(slices) else list(studies.values())


def _pattern(path: Path) -> str:
    """A name with every run of digits as ``#``: the slices of a series are mostly called alike."""
    return re.sub(r"\d+", "#", path.name)


def _series(slices: list[Slice]) -> Series:
    keys = [item.key for item in slices]
    key: SeriesKey = keys[0]
    # One file may have lost its description, or spell it in another way.
    descriptions = Counter(one.description for one in keys if one.description)
    description = descriptions.most_common(1)[0][0] if descriptions else ""
    return Series(key.uid, key.number, description, key.modality, tuple(slices), key.localizer)


def _files(folder: Path, closed: list[Path] | None) -> Iterator[Path]:
    """Files, sorted, each folder's own before those of its sub-folders; links to folders are not followed.

    Args:
        closed: takes up the sub-folders that cannot be listed; None to leave sub-folders alone.
    """
    try:
        entries = _listed(folder)
    except OSError as error:
        raise InputError(
            f"The folder '{shown(folder.name)}' cannot be listed.", "Check its permissions.", str(error)
        ) from error
    waiting = [(folder, entries)]
    while waiting:
        here, entries = waiting.pop()
        # A link to nothing is kept: it may have been a slice.
        yield from (here / e.name for e in entries if (e.is_symlink() and not _leads_to_folder(e)) or _is_file(e))
        below = []
        for entry in entries if closed is not None else ():
            if entry.is_dir(follow_symlinks=False):
                try:
                    below.append((here / entry.name, _listed(here / entry.name)))
                except OSError:
                    closed.append(here / entry.name)  # type: ignore[union-attr]
        waiting.extend(reversed(below))


def _is_file(entry: os.DirEntry[str]) -> bool:
    return entry.is_file(follow_symlinks=False)


def _leads_to_folder(link: os.DirEntry[str]) -> bool:
    try:
        return link.is_dir()
    except OSError:  # links in a circle
        return False


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as listing:
        return sorted(listing, key=lambda entry: entry.name)
