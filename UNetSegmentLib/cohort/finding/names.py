"""Names of cases: each its own, and fit for a file name on every system."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...text import file_name, shown
from ..case import CohortCase
from ..own_files import folded, is_own_name

_LONGEST = 120
# File systems take 255 bytes; a number, or what is put behind the name of a folder that is kept, must fit too.
_MOST_BYTES = 200
_LISTED = 4


def with_own_names(cases: Sequence[CohortCase]) -> tuple[CohortCase, ...]:
    """The cases under names that no two of them share: the names of folders come before, as many as tell them apart,
    then a number behind.

    Names that differ in case alone count as one: some file systems take them for one. Those of the run's own files are
    nobody's.
    """
    plain = [file_name(case.name) for case in cases]
    for group in _of_one_name(plain):
        folders = [cases[number].images[0].path.parent.parts for number in group]
        depth = _telling_depth(folders)
        for number, parts in zip(group, folders, strict=True):
            plain[number] = _with_folders(parts[-depth:], plain[number]) if depth else plain[number]
    return tuple(replace(case, name=sys.intern(name)) for case, name in zip(cases, _numbered(plain), strict=True))


def renamed(before: Sequence[CohortCase], after: Sequence[CohortCase]) -> tuple[str, ...]:
    """A sentence for those that could not keep their names, because others had them too or the run has a file of that
    name; nothing where all could."""
    own: list[str] = []
    shared: list[str] = []
    for old, new in zip(before, after, strict=True):
        if new.name != (plain := file_name(old.name)):
            (own if is_own_name(plain) else shared).append(f"'{shown(old.name, 60)}' is here '{new.name}'")
    return (
        *_told(shared, "has a name that another has too, and is", "have a name that others have too, and are"),
        *_told(own, "has the name of a file of the run, and is", "have names of files of the run, and are"),
    )


def _told(changed: Sequence[str], one: str, many: str) -> tuple[str, ...]:
    if not changed:
        return ()
    more = f", and {len(changed) - _LISTED} more" if len(changed) > _LISTED else ""
    who = f"1 case {one}" if len(changed) == 1 else f"{len(changed)} cases {many}"
    return (f"{who} called otherwise: {', '.join(changed[:_LISTED])}{more}.",)


def _of_one_name(names: Sequence[str]) -> list[list[int]]:
    """Numbers of those that share a name. There may be a million names, and few of them shared."""
    shared = {name for name, count in Counter(map(folded, names)).items() if count > 1}
    groups: dict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(names) if shared else ():
        if (plain := folded(name)) in shared:
            groups[plain].append(number)
    return list(groups.values())


def _telling_depth(folders: Sequence[tuple[str, ...]]) -> int:
    """How many of the innermost folders tell apart what lies in different ones; 0 where all lie in one."""
    different = set(folders)
    if len(different) == 1:
        return 0
    most = max(map(len, different))
    return next(depth for depth in range(1, most + 1) if len({one[-depth:] for one in different}) == len(different))


def _with_folders(folders: Sequence[str], name: str) -> str:
    """The end of all the names in a row, since the image's own stands there."""
    whole = "-".join((*folders, name))
    # A character has four bytes at most, and becomes three at most where it is composed anew.
    end = file_name(whole, 12 * len(whole))[-_LONGEST:]
    cut = end.encode()[-_MOST_BYTES:].decode(errors="ignore").lstrip("-. ")
    return file_name(cut, _MOST_BYTES)


def _numbered(names: Sequence[str]) -> Iterator[str]:
    """A number behind every name that was there before, or that the run has for a file."""
    taken: set[str] = set()
    following: dict[str, int] = {}
    for plain in names:
        name, first = plain, folded(plain)
        if first in taken or is_own_name(plain):
            number = following.get(first, 2)
            while folded(name) in taken or is_own_name(name):
                name, number = f"{plain}-{number}", number + 1
            following[first] = number
        taken.add(folded(name))
        yield name
