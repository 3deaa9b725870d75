"""Reads the catalogue: strictly, and once."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...errors import ModelError
from .. import typed_json
from ..typed_json import fail
from .entries import Catalogue, Entry, RemoteFile, Unavailable

CATALOGUE_VERSION = 1
KINDS = ("nnunet", "monai")
MODALITIES = ("CT", "MR")
REGIONS = ("head", "neck", "thorax", "abdomen", "pelvis", "spine", "limbs", "whole body")

_FILE = Path(__file__).with_name("catalogue.json")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DIGEST_LENGTHS = {"sha256": 64, "sha1": 40, "md5": 32}


def catalogue() -> list[Entry]:
    """All models that can be downloaded, by name."""
    return list(_catalogue().entries)


def unavailable() -> list[Unavailable]:
    """Models that people will look for and that are not offered, with the reasons."""
    return list(_catalogue().unavailable)


def find_entry(name: str) -> Entry:
    """The entry called ``name``.

    Raises:
        ModelError: there is none; the message proposes near ones, or says why a known model is not offered.
    """
    entries = {entry.name.casefold(): entry for entry in catalogue()}
    found = entries.get(name.casefold())
    if found is not None:
        return found
    for missing in unavailable():
        if missing.name.casefold() == name.casefold():
            raise ModelError(f"'{name}' cannot be downloaded here: {missing.reason}", f"See {missing.homepage}.")
    near = difflib.get_close_matches(name.casefold(), entries, 3, 0.5)
    hint = f"Did you mean {' or '.join(repr(entries[each].name) for each in near)}? " if near else ""
    raise ModelError(f"The library has no model called '{name}'.", f"{hint}'unetsegment library' lists all of them.")


def read_catalogue(text: str) -> Catalogue:
    """The catalogue that ``text`` (JSON) holds, checked as a whole.

    Raises:
        ModelError: naming the entry and the field, what was found and what is expected.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _unreadable(str(error)) from error
    if not isinstance(data, dict) or data.get("format_version") != CATALOGUE_VERSION:
        raise _unreadable(f"its format_version is not {CATALOGUE_VERSION}")
    read = typed_json.from_json(Catalogue, data)
    for n, entry in enumerate(read.entries):
        _check_entry(entry, f"entries[{n}]")
    names = [entry.name.casefold() for entry in read.entries] + [each.name.casefold() for each in read.unavailable]
    for name in names:
        _require(names.count(name) == 1, "entries", name, "a name that no other entry has")
    return read


@cache
def _catalogue() -> Catalogue:
    try:
        text = _FILE.read_text(encoding="utf-8")
    except OSError as error:
        raise _unreadable(str(error)) from error
    return read_catalogue(text)


def _check_entry(entry: Entry, where: str) -> None:
    where = f"{where} ({entry.name})"
    _require(_NAME.fullmatch(entry.name), f"{where}.name", entry.name, "letters, digits, '.', '_' and '-' only")
    _require(entry.kind in KINDS, f"{where}.kind", entry.kind, "one of " + ", ".join(KINDS))
    for field in ("title", "description", "anatomy", "licence", "citation", "read_from"):
        _require(getattr(entry, field).strip(), f"{where}.{field}", getattr(entry, field), "some text")
    for field in ("homepage", "licence_address"):
        _require(_is_https(getattr(entry, field)), f"{where}.{field}", getattr(entry, field), "an https address")
    _check_words(entry.regions, REGIONS, f"{where}.regions")
    _check_words(entry.modalities, MODALITIES, f"{where}.modalities")
    if entry.spacing_mm is not None:
        _require(min(entry.spacing_mm) > 0, f"{where}.spacing_mm", entry.spacing_mm, "three positive numbers")
    _check_labels(entry.labels, f"{where}.labels")
    names = [name for _, name in entry.labels]
    _require(set(entry.hidden) <= set(names), f"{where}.hidden", entry.hidden, "names of labels")
    _check_parts(entry, names, where)


def _check_parts(entry: Entry, names: list[str], where: str) -> None:
    _require(entry.parts, f"{where}.parts", [], "at least one part")
    parts = [part.name for part in entry.parts]
    found: list[str] = []
    for n, part in enumerate(entry.parts):
        here = f"{where}.parts[{n}]"
        _require(_NAME.fullmatch(part.name), f"{here}.name", part.name, "a plain name")
        _require(parts.count(part.name) == 1, f"{here}.name", part.name, "a name that no other part has")
        _check_file(part.file, f"{here}.file")
        labels = part.labels or entry.labels
        _check_labels(labels, f"{here}.labels")
        found += [name for _, name in labels]
    _require(sorted(found) == sorted(names), f"{where}.parts", parts, "each label of the entry in exactly one part")


def _check_file(file: RemoteFile, where: str) -> None:
    _require(_is_https(file.address), f"{where}.address", file.address, "an https address")
    _require(file.name.lower().endswith(".zip"), f"{where}.address", file.address, "the address of a .zip")
    _require(file.bytes is None or file.bytes > 0, f"{where}.bytes", file.bytes, "a positive number")
    for field, length in _DIGEST_LENGTHS.items():
        value = getattr(file, field)
        fits = value is None or re.fullmatch(f"[0-9a-f]{{{length}}}", value)
        _require(fits, f"{where}.{field}", value, f"{length} hexadecimal digits in lower case")


def _check_labels(labels: tuple[tuple[int, str], ...], where: str) -> None:
    _require(labels, where, [], "at least one label")
    values, names = [value for value, _ in labels], [name for _, name in labels]
    _require(min(values) >= 1 and len(set(values)) == len(values), where, values, "different values from 1")
    fits = len(set(names)) == len(names) and all(name.strip() for name in names)
    _require(fits, where, names, "different names")


def _check_words(found: tuple[str, ...], allowed: Collection[str], where: str) -> None:
    _require(found and set(found) <= set(allowed), where, found, "some of " + ", ".join(allowed))


def _is_https(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" and bool(parts.hostname) and not parts.username


def _require(condition: Any, where: str, found: Any, expected: str) -> None:
    if not condition:
        raise fail(where, found, expected)


def _unreadable(detail: str) -> ModelError:
    return ModelError(
        f"The library's catalogue cannot be read: {detail}.", "Install UNetSegment again, or update it.", detail
    )
