"""Whether the inputs of a case are what they were: by sizes and times of change, and where these differ by content."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from .case import CohortCase

_BLOCK = 1 << 20


def stamp_of(case: CohortCase) -> str:
    """A digest of names, sizes and times of change of all files, of the names of series, and of UIDs and numbers of
    instances of series on a server; nothing is read.

    Raises:
        OSError: one of them cannot be looked at.
    """
    digest = hashlib.sha256()
    for source in case.images:
        # A corrected table names another series of the same folder.
        digest.update(f"{source.series}\0".encode("utf-8", "surrogateescape"))
        if source.remote is not None:
            remote = source.remote
            digest.update(f"{remote.study}\0{remote.series}\0{remote.instances}\0".encode())
    for path, state in _files(case, local=True):
        # Whole paths: the process that ran the case knew no others.
        digest.update(os.fsencode(f"{path.absolute()}\0{state.st_size}\0{state.st_mtime_ns}\0"))
    digest.update(case.roi.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def content_of(case: CohortCase) -> str:
    """A digest of what all files hold, whatever they are called and whenever they were written, and of the names of
    series; series of a server must have been fetched.

    Raises:
        OSError: one of them cannot be read.
    """
    digest = hashlib.sha256()
    for source in case.images:
        digest.update(f"{source.series}\0".encode("utf-8", "surrogateescape"))
    for path, state in _files(case):
        digest.update(f"{state.st_size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    digest.update(case.roi.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _files(case: CohortCase, local: bool = False) -> Iterator[tuple[Path, os.stat_result]]:
    """The files of the images (``local``: not of those on a server), those of a folder in order, and the reference;
    each is asked once for its state."""
    for source in case.images:
        if local and source.remote is not None:
            continue
        if source.files:
            folder = source.path if source.path.is_dir() else source.path.parent
            yield from ((path, path.stat()) for path in (folder / name for name in source.files))
            continue
        state = source.path.stat()
        if stat.S_ISDIR(state.st_mode):
            yield from _below(source.path)
        else:
            yield source.path, _plain(source.path, state)
    if case.reference is not None:
        yield case.reference, _plain(case.reference, case.reference.stat())


def _plain(path: Path, state: os.stat_result) -> os.stat_result:
    """Refuses a pipe, whose reading would never end. A folder is none of these: a reference may be one."""
    if not (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode)):
        raise OSError(errno.EINVAL, "a pipe, a device or a socket", str(path))
    return state


def _below(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """All ordinary files, in order; links to nothing and in circles are passed over."""
    for path in sorted(folder.rglob("*")):
        try:
            state = path.stat()
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP):
                continue
            raise
        if stat.S_ISREG(state.st_mode):
            yield path, state
