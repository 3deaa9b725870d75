"""Finds entries by words, anatomy, modality and licence, best first."""

from __future__ import annotations

from collections.abc import Iterable

from .entries import Entry
from .reader import catalogue
from .synonyms import search_words, synonyms

# A word counts by where it stands: in the name more than in the long description.
_NAME, _TITLE, _ANATOMY, _LABEL, _TEXT = 16, 12, 8, 6, 2
_EXACT, _SYNONYM, _START = 1.0, 0.75, 0.5
_SHORTEST_START = 3


def search(
    text: str = "",
    anatomy: str = "",
    modality: str = "",
    licence: str = "",
    commercial_only: bool = False,
    entries: Iterable[Entry] | None = None,
) -> list[Entry]:
    """The entries that fit, best first (by name where the words say nothing).

    Args:
        text: words; each must occur, in any form that means the same (``renal`` finds kidneys, ``tumor`` tumours and
            lesions), or as the start of a word.
        anatomy: the same, looked for in anatomy, region and labels only.
        modality: ``CT`` or ``MR`` (``MRI`` too).
        licence: part of the licence's identifier, e.g. ``apache`` or ``cc-by``.
        commercial_only: only models that may be used commercially.
        entries: searched in place of the catalogue.
    """
    scored = []
    for entry in catalogue() if entries is None else entries:
        if commercial_only and not entry.commercial:
            continue
        if licence and licence.casefold() not in entry.licence.casefold():
            continue
        if modality and not synonyms(modality.lower()) & {each.lower() for each in entry.modalities}:
            continue
        score = _score(text, _fields(entry))
        place = _score(anatomy, _anatomy(entry))
        if score is not None and place is not None:
            scored.append((-(score + place), entry.name, entry))
    return [entry for _, _, entry in sorted(scored, key=lambda item: item[:2])]


def _fields(entry: Entry) -> list[tuple[int, list[str]]]:
    long = " ".join((entry.description, entry.kind, entry.licence, entry.homepage))
    return [
        (_NAME, search_words(entry.name.replace("-", " "))),
        (_TITLE, search_words(entry.title)),
        *_anatomy(entry),
        (_TEXT, search_words(long) + [modality.lower() for modality in entry.modalities]),
    ]


def _anatomy(entry: Entry) -> list[tuple[int, list[str]]]:
    labels = [word for _, name in entry.labels if name not in entry.hidden for word in search_words(name)]
    return [(_ANATOMY, search_words(" ".join((entry.anatomy, *entry.regions)))), (_LABEL, labels)]


def _score(text: str, fields: list[tuple[int, list[str]]]) -> float | None:
    """Sum over the words of the best place where each occurs; None when one occurs nowhere."""
    total = 0.0
    for word in search_words(text):
        best = max((weight * _match(word, found) for weight, found in fields), default=0.0)
        if not best:
            return None
        total += best
    return total


def _match(word: str, found: list[str]) -> float:
    if word in found:
        return _EXACT
    if synonyms(word) & set(found):
        return _SYNONYM
    if len(word) >= _SHORTEST_START and any(each.startswith(word) for each in found):
        return _START
    return 0.0
