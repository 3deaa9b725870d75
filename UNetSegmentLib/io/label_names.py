"""Names of labels: how they are compared, listed, and found."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..errors import InputError
from ..labels import Label
from ..text import shown
from .case_names import plain_text

_LISTED = 5


def folded(name: str) -> str:
    """A name as it is compared: letter case, doubled blanks and the way accents are stored do not count."""
    return " ".join(plain_text(name).casefold().split())


def find_label(known: Sequence[Label], text: str, file: str) -> Label:
    """The label that a person names, by its name or by its value; a name goes before a value.

    Args:
        file: what to call the segmentation in messages.

    Raises:
        InputError: there is none, or there are several of the name.
    """
    named = [label for label in known if folded(label.name) == folded(text)]
    if len(named) > 1:
        values = listed([str(label.value) for label in named])
        raise InputError(f"'{file}' has several segments '{shown(text)}'.", f"Give a value instead: {values}.")
    valued = [label for label in known if text.strip() == str(label.value)]
    if not named and not valued:
        there = listed([f"{label.value} '{shown(label.name, 60)}'" for label in known]) or "none"
        raise InputError(f"'{file}' has no segment '{shown(text)}'.", f"There are: {there}.")
    return (named or valued)[0]


def listed(words: Collection[str]) -> str:
    """The first of some words, and how many more there are."""
    first = list(words)[:_LISTED]
    more = len(words) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")
