"""Names of cases: each its own, and fit for a file name on every system."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ...text import file_name
from ..case import CohortCase

_LONGEST = 120


def with_own_names(cases: Sequence[CohortCase]) -> tuple[CohortCase, ...]:
    """The cases under names that no two of them share: the folder's name comes before, then a number behind.

    Names that differ in case alone count as one: some file systems take them for one.
    """
    plain = [replace(case, name=file_name(case.name)[:_LONGEST]) for case in cases]
    counts = Counter(_folded(case.name) for case in plain)
    longer = [
        replace(case, name=file_name(f"{case.images[0].path.parent.name}-{case.name}")[-_LONGEST:])
        if counts[_folded(case.name)] > 1
        else case
        for case in plain
    ]
    taken: set[str] = set()
    result = []
    for case in longer:
        name, number = case.name, 2
        while _folded(name) in taken:
            name, number = f"{case.name}-{number}", number + 1
        taken.add(_folded(name))
        result.append(replace(case, name=name))
    return tuple(result)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
