"""Names of cases: each its own, and fit for a file name on every system."""

from __future__ import annotations

import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...text import file_name, shown
from ..case import CohortCase

_LONGEST = 120
_LISTED = 4


def with_own_names(cases: Sequence[CohortCase]) -> tuple[CohortCase, ...]:
    """The cases under names that no two of them share: the names of folders come before, as many as tell them apart,
    then a number behind.

    Names that differ in case alone count as one: some file systems take them for one.
    """
    plain = [file_name(case.name)[:_LONGEST] for case in cases]
    for group in _of_one_name(plain):
        folders = [cases[number].images[0].path.parent.parts for number in group]
        depth = _telling_depth(folders)
        for number, parts in zip(group, folders, strict=True):
            plain[number] = _with_folders(parts[-depth:], plain[number]) if depth else plain[number]
    return tuple(replace(case, name=sys.intern(name)) for case, name in zip(cases, _numbered(plain), strict=True))


def renamed(before: Sequence[CohortCase], after: Sequence[CohortCase]) -> tuple[str, ...]:
    """A sentence for those that could not keep their names, because others had them too; nothing where all could."""
    changed = [
        (shown(old.name, 60), new.name)
        for old, new in zip(before, after, strict=True)
        if new.name != file_name(old.name)[:_LONGEST]
    ]
    if not changed:
        return ()
    listed = ", ".join(f"'{old}' is here '{new}'" for old, new in changed[:_LISTED])
    more = f", and {len(changed) - _LISTED} more" if len(changed) > _LISTED else ""
    if len(changed) == 1:
        return (f"1 case has a name that another has too, and is called otherwise: {listed}.",)
    return (f"{len(changed)} cases have a name that others have too, and are called otherwise: {listed}{more}.",)


def _of_one_name(names: Sequence[str]) -> list[list[int]]:
    """Numbers of those that share a name. There may be a million names, and few of them shared."""
    shared = {name for name, count in Counter(map(_folded, names)).items() if count > 1}
    groups: dict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(names) if shared else ():
        if (folded := _folded(name)) in shared:
            groups[folded].append(number)
    return list(groups.values())


def _telling_depth(folders: Sequence[tuple[str, ...]]) -> int:
    """How many of the innermost folders tell apart what lies in different ones; 0 where all lie in one."""
    different = set(folders)
    if len(different) == 1:
        return 0
    most = max(map(len, different))
    return next(depth for depth in range(1, most + 1) if len({one[-depth:] for one in different}) == len(different))


def _with_folders(folders: Sequence[str], name: str) -> str:
    return file_name("-".join((*folders, name)), 4 * _LONGEST)[-_LONGEST:].lstrip("-. ")


def _numbered(names: Sequence[str]) -> Iterator[str]:
    """A number behind every name that was there before."""
    taken: set[str] = set()
    following: dict[str, int] = {}
    for plain in names:
        name = plain
        if (folded := _folded(plain)) in taken:
            number = following.get(folded, 2)
            while (folded := _folded(name)) in taken:
                name, number = f"{plain}-{number}", number + 1
            following[_folded(plain)] = number
        taken.add(folded)
        yield name


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
