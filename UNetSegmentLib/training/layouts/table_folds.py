"""The column ``fold`` of a table of cases: numbers, or the words that people use for training and held-out cases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...errors import InputError
from .files import natural

_TRAIN = {"train", "training", "learn"}
_HELD_OUT = {"val", "valid", "validation", "dev", "held out", "held-out", "heldout", "holdout"}
_TEST = {"test", "testing"}
_WORDS = _TRAIN | _HELD_OUT | _TEST


@dataclass(frozen=True)
class Split:
    """What the column says.

    Args:
        folds: names of cases that are held out together.
        left_out: cases that are neither learned from nor held out.
        notes: sentences on how the column was understood, where it leaves that open.
    """

    folds: tuple[tuple[str, ...], ...] = ()
    left_out: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def split_of(marks: Mapping[str, str], where: str) -> Split:
    """Understands the column.

    ``train`` marks cases that are never held out, ``val`` (``valid``, ``validation``, ``dev``) those that fold 0 holds
    out; ``test`` is held out where there is no ``val``, else it is left out. Anything else numbers or names folds, in
    natural order.

    Args:
        marks: the cell of each case, empty for one that is never held out.

    Raises:
        InputError: words for training and validation among numbers or other names.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for case, mark in marks.items():
        if mark:
            groups[" ".join(mark.casefold().split())].append(case)
    if not groups:
        return Split()
    if not _WORDS & groups.keys():
        return _told(_numbered(groups), marks)
    strange = sorted(groups.keys() - _WORDS)
    if strange:
        word = min(_WORDS & groups.keys())
        raise InputError(
            f"The column 'fold' of {where} holds '{word}' and '{strange[0]}'.",
            "Write train and val, or the number of the fold that holds each case out.",
        )
    return _told(_worded(groups), marks)


def _told(split: Split, marks: Mapping[str, str]) -> Split:
    """With a note on empty cells, where others decide what is held out."""
    empty = sum(not mark for mark in marks.values())
    if not empty or not split.folds:
        return split
    cases = "1 case has" if empty == 1 else f"{empty} cases have"
    note = f"{cases} nothing in the column 'fold': always learned from, never held out."
    return replace(split, notes=(*split.notes, note))


def _numbered(groups: Mapping[str, list[str]]) -> Split:
    keys = sorted(groups, key=natural)
    notes = () if keys == [str(n) for n in range(len(keys))] else (_order(keys),)
    return Split(tuple(tuple(groups[key]) for key in keys), notes=notes)


def _order(keys: list[str]) -> str:
    return f"Folds count from 0: fold 0 holds out the cases marked '{keys[0]}', the last one those marked '{keys[-1]}'."


def _worded(groups: Mapping[str, list[str]]) -> Split:
    def cases(words: set[str]) -> list[str]:
        return [case for word, names in groups.items() if word in words for case in names]

    held_out, test = cases(_HELD_OUT), cases(_TEST)
    if held_out and test:
        note = f"{len(test)} cases marked 'test' are left out: they are neither learned from nor held out."
        return Split((tuple(held_out),), frozenset(test), (note,))
    held_out = held_out or test
    if not held_out:
        return Split(notes=("The column 'fold' marks no case as held out, so folds are made.",))
    return Split((tuple(held_out),), notes=(f"Fold 0 holds out the {len(held_out)} cases that 'fold' marks for it.",))
