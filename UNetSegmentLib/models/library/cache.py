"""The one folder in which downloaded archives lie; the user sees it and can empty it."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from ...errors import OutputError
from ...folders import cache_folder
from .entries import RemoteFile

PARTIAL = ".part"
NOTE = ".part.json"
TRUST = "trusted.json"
LOCKS = ".locks"

_MAX_NAME = 80


@dataclass(frozen=True)
class CachedFile:
    """One file of the cache. ``complete`` is False for a download that was interrupted and will go on."""

    path: Path
    bytes: int
    complete: bool


def cache_contents(folder: Path | None = None) -> list[CachedFile]:
    """The downloads in the cache, by name; complete ones and interrupted ones."""
    folder = folder if folder is not None else cache_folder()
    found: list[CachedFile] = []
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir()):
            if path.is_file() and _is_download(path):
                size = path.stat().st_size
                if size:
                    found.append(CachedFile(path, size, not path.name.endswith(PARTIAL)))
    return found


def empty_cache(folder: Path | None = None) -> int:
    """Removes all downloads; returns how many bytes that freed. Digests recorded on first use are kept: they protect
    the next download. A download that runs at this moment starts anew.

    Raises:
        OutputError: a file cannot be removed.
    """
    folder = folder if folder is not None else cache_folder()
    freed = 0
    for file in cache_contents(folder):
        try:
            file.path.unlink(missing_ok=True)
            file.path.with_name(file.path.name.removesuffix(PARTIAL) + NOTE).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"'{file.path}' cannot be removed.", "Close the programs that use it, and try again.", str(error)
            ) from error
        freed += file.bytes
    return freed


def cached_path(file: RemoteFile, folder: Path) -> Path:
    """Where ``file`` lies in the cache: its own name, told apart from others of that name by its address."""
    stem, dot, suffix = re.sub(r"[^A-Za-z0-9._-]", "_", file.name).rpartition(".")
    key = hashlib.sha256(file.address.encode()).hexdigest()[:8]
    return folder / f"{(stem or 'file')[:_MAX_NAME]}-{key}{dot}{suffix}"


def prepare_folder(folder: Path) -> None:
    """Makes the cache folder.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        (folder / LOCKS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The cache folder '{folder}' cannot be made.", "Choose another one, or change its permissions.", str(error)
        ) from error


def check_space(folder: Path, needed: int, what: str) -> None:
    """Refuses to begin what cannot end.

    Args:
        folder: on the disk in question; must exist.
        needed: bytes.
        what: for the message.

    Raises:
        OutputError: less than ``needed`` is free.
    """
    free = free_bytes(folder)
    if free < needed:
        raise OutputError(
            f"The disk is too full for {what}: {needed / 1e9:.2f} GB are needed in '{folder}', {free / 1e9:.2f} GB "
            "are free.",
            "Free some space ('unetsegment library cache --empty' removes old downloads) or choose a folder on "
            "another disk.",
        )


def free_bytes(folder: Path) -> int:
    """What the disk still has."""
    return shutil.disk_usage(folder).free


def _is_download(path: Path) -> bool:
    return not path.name.startswith(".") and not path.name.endswith(".json")
