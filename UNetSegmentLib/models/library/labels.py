"""The label table of an entry, with colours and standard terms."""

from __future__ import annotations

from ...labels import Label
from ..importing.colours import colour
from ..importing.terminology import terminology
from .entries import Entry


def entry_labels(entry: Entry) -> tuple[Label, ...]:
    """Value, name, a colour that differs from its neighbours', and the standard term where one is known."""
    return tuple(Label(value, name, colour(n), terminology(name)) for n, (value, name) in enumerate(entry.labels))
