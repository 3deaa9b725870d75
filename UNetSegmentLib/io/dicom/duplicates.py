"""The same slice twice in a folder: left out where the files are equal, an error where they differ."""

from __future__ import annotations

import filecmp

from ...errors import InputError
from ...text import shown
from .folder import Series
from .header import Slice


def without_copies(series: Series) -> tuple[list[Slice], tuple[str, ...]]:
    """The files of a series without those that are equal to another, and a note on how many those were.

    Raises:
        InputError: two different files claim to be the same slice.
    """
    known: dict[str, Slice] = {}
    kept: list[Slice] = []
    copies = 0
    for item in series.slices:
        first = known.setdefault(item.instance, item) if item.instance else item
        if first is item:
            kept.append(item)
        elif _equal(first, item):
            copies += 1
        elif first.position is not None and item.position is not None and (first.position == item.position).all():
            raise InputError(
                f"'{shown(first.path.name)}' and '{shown(item.path.name)}' say that they are the same slice (one SOP "
                "instance UID, one position), but differ.",
                "Move the one that is not wanted out of the folder.",
            )
        else:
            # Careless anonymisers give every slice one identifier; their positions tell them apart.
            kept.append(item)
    if not copies:
        return kept, ()
    there = f"{copies} file is a copy" if copies == 1 else f"{copies} files are copies"
    return kept, (f"{there} of another slice of the series, and left out.",)


def _equal(first: Slice, second: Slice) -> bool:
    same_place = first.frames == second.frames
    return same_place and filecmp.cmp(first.path, second.path, shallow=False)
