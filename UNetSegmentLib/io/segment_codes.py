"""Segments that are the same by their codes (SNOMED CT), whatever they are called.

A code tells more than a name where it is a segment's own: "Leber" and "liver" are one where both are 10200004. Codes
that several segments of a file share ("Tissue", for all that a program had no code for) tell nothing, and names decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

from ..labels import CodedTerm, Label
from .case_names import plain_text
from .label_names import folded

Key = tuple[tuple[str, str], ...]

_NONE = ("", "")
# Kinds of things, not things: tissue, anatomical structure, morphologically altered structure, and so on.
_GENERAL = {
    ("SCT", code) for code in ("85756007", "123037004", "49755003", "260787004", "91723000", "85828009", "404684003")
}


def code_key(label: Label) -> Key | None:
    """What a segment is by its codes, type and region with their sides; None where they say nothing particular."""
    meaning = label.terminology
    if meaning is None:
        return None
    terms = (meaning.type, meaning.type_modifier, meaning.region, meaning.region_modifier)
    key = tuple(_NONE if term is None else _code(term) for term in terms)
    return None if key[0] in _GENERAL and key[2] in (_NONE, *_GENERAL) else key


def names_by_code(files: Mapping[str, Sequence[Label]], preferred: Sequence[str] = ()) -> dict[Key, str]:
    """The one name for each code that segments of several files have under different names.

    Args:
        files: the segments of each file.
        preferred: names to take where one of them is among those of a code; else the first that comes.
    """
    spelled: dict[Key, dict[str, str]] = {}
    shared: set[Key] = set()
    for labels in files.values():
        counts = Counter(key for label in labels if (key := code_key(label)) is not None)
        shared |= {key for key, count in counts.items() if count > 1}
        for label in labels:
            if (key := code_key(label)) is not None:
                spelled.setdefault(key, {}).setdefault(folded(label.name), plain_text(label.name))
    wanted = {folded(name): name for name in preferred}
    found = {}
    for key, names in spelled.items():
        if key in shared or len(names) < 2:
            continue
        one = next((name for name in names if name in wanted), next(iter(names)))
        found[key] = wanted.get(one, names[one])
    return _without_clashes(files, found)


def named_by(label: Label, names: Mapping[Key, str]) -> Label:
    """The label under the name of its code, if there is one."""
    key = code_key(label) if names else None
    return replace(label, name=names[key]) if key is not None and key in names else label


def matched(labels: Sequence[Label], others: Sequence[Label]) -> dict[int, int]:
    """Which of the others each label is: its value by that of the label; by codes first, then by names.

    What neither code nor name tells is left out; so are names and codes that are not one label's own.
    """
    found: dict[int, int] = {}
    for key_of in (code_key, lambda label: folded(label.name)):
        ours, theirs = (_own(side, key_of) for side in (labels, others))
        for key, value in ours.items():
            if key in theirs and value not in found and theirs[key] not in found.values():
                found[value] = theirs[key]
    return found


def _own(labels: Sequence[Label], key_of: object) -> dict[object, int]:
    """Value by key, of keys that one label alone has."""
    keys = [(key_of(label), label.value) for label in labels]  # type: ignore[operator]
    counts = Counter(key for key, _ in keys)
    return {key: value for key, value in keys if key is not None and counts[key] == 1}


def _without_clashes(files: Mapping[str, Sequence[Label]], names: dict[Key, str]) -> dict[Key, str]:
    """Without codes by which two segments of a file would become one."""
    for labels in files.values():
        taken: dict[str, list[Key | None]] = {}
        for label in labels:
            key = code_key(label)
            name = folded(named_by(label, names).name)
            taken.setdefault(name, []).append(key if key in names else None)
        clashing = {key for keys in taken.values() if len(keys) > 1 for key in keys if key is not None}
        if clashing:
            return _without_clashes(files, {key: name for key, name in names.items() if key not in clashing})
    return names


def _code(term: CodedTerm) -> tuple[str, str]:
    """Scheme and code, those of the old SNOMED RT ("SRT", T-62000) as the CT's."""
    if term.scheme in ("SRT", "99SDM", "SNM3"):
        return ("SCT", _from_srt().get(term.code, f"{term.scheme} {term.code}"))
    return (term.scheme, term.code)


@cache
def _from_srt() -> Mapping[str, str]:
    from pydicom.sr.coding import snomed_mapping

    table: Mapping[str, str] = snomed_mapping["SRT"]
    return table
