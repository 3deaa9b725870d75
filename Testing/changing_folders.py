"""Looking into folders in which other processes make and remove files: what goes away meanwhile is not there.

Path.rglob() and a later stat() fail instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def names_in(folder: Path) -> list[str]:
    """The names of what lies in a folder; none where there is no folder."""
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def sizes_below(folder: Path) -> dict[Path, int]:
    """Bytes of each file in the folder and all below it."""
    sizes = {}
    for path in _below(folder):
        try:
            sizes[path] = path.stat().st_size
        except OSError:
            continue
    return sizes


def _below(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent) / name for name in names)
