"""Voxels between the processes: raw files in a private folder, mapped into memory by whoever reads them.

Files hold nothing but the numbers in C order; shape, type and grid travel in the message. The folder is made by the
client (mode 0700), emptied file by file as requests finish, and removed at close. One whose client died is swept by the
next client.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..errors import InputError, OutputError
from . import processes
from .messages import ArrayFile

_DTYPE_KINDS = "biuf"
_PREFIX = "unetsegment"


class ExchangeFolder:
    """The private folder of one client.

    Args:
        parent: where to make it; None is the system's folder for temporary files.

    Raises:
        OutputError: it cannot be made there.
    """

    def __init__(self, parent: str | os.PathLike[str] | None = None) -> None:
        where = Path(parent) if parent is not None else Path(tempfile.gettempdir())
        try:
            sweep(where)
            # mkdtemp makes it with mode 0700 under a name that nobody else holds.
            self.path = Path(tempfile.mkdtemp(prefix=folder_prefix(os.getpid()), dir=where)).absolute()
        except OSError as error:
            raise _output_error(where, error) from error
        self._count = 0

    def write(self, array: np.ndarray, name: str) -> ArrayFile:
        """See :func:`write_array`; the file gets a name of its own that contains ``name``."""
        self._count += 1
        return write_array(array, self.path / f"{self._count}-{name}.raw")

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def write_array(array: np.ndarray, path: Path) -> ArrayFile:
    """Writes an array's numbers to a new file, without making a copy of the whole array.

    Raises:
        InputError: a type of number that is not a plain one.
        OutputError: no space, no permission; no partial file is left.
    """
    if array.dtype.kind not in _DTYPE_KINDS or array.dtype.itemsize > 8:
        raise InputError(f"Voxels of type {array.dtype} cannot be processed.", "Convert the image to float32.")
    try:
        free = shutil.disk_usage(path.parent).free
        if free < array.nbytes:
            text = f"{array.nbytes / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free"
            raise OSError(errno.ENOSPC, text)
        with path.open("xb") as file:
            for block in _blocks(array):
                file.write(block.data.cast("B") if block.size else b"")
    except OSError as error:
        if error.errno != errno.EEXIST:
            with contextlib.suppress(OSError):
                path.unlink()
        raise _output_error(path.parent, error) from error
    return ArrayFile(str(path), array.shape, array.dtype.str)


def read_array(file: ArrayFile) -> np.ndarray:
    """Maps an array, copy on write: changing it does not change the file, and costs memory only where touched.

    Raises:
        InputError: a file that is missing, or not as long as its shape and type tell.
    """
    try:
        dtype = np.dtype(file.dtype)
    except TypeError as error:
        raise InputError(f"'{file.dtype}' is no type of voxels.") from error
    if dtype.kind not in _DTYPE_KINDS or dtype.hasobject or min(file.shape, default=1) < 0:
        raise InputError(f"An array of type '{file.dtype}' and shape {file.shape} cannot be read.")
    expected = int(np.prod(file.shape, dtype=object)) * dtype.itemsize
    try:
        found = Path(file.path).stat().st_size
        if found != expected:
            raise InputError(
                f"The voxel file {file.path} holds {found} bytes instead of {expected}.",
                "Check that its disk is not full, and try again.",
            )
        if not expected:
            return np.zeros(file.shape, dtype)
        return np.asarray(np.memmap(file.path, dtype, mode="c", shape=file.shape))
    except OSError as error:
        raise InputError(f"The voxel file {file.path} cannot be read ({error.strerror}).", "Try again.") from error


def take_array(file: ArrayFile, copy: bool) -> np.ndarray:
    """Reads an array and removes its file.

    Args:
        copy: read it whole; otherwise it stays mapped (where the system, like Windows, does not let go of a mapped
            file, the file goes with its folder).
    """
    mapped = read_array(file)
    array = np.array(mapped) if copy else mapped
    if copy:
        del mapped
    discard(file)
    return array


def discard(file: ArrayFile) -> None:
    """Removes an array's file, if it is still there."""
    with contextlib.suppress(OSError):
        Path(file.path).unlink()


def folder_prefix(pid: int) -> str:
    """How the folder of a client begins: a container may share the temporary folder but not the process numbers, so the
    machine's name is part of it."""
    host = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
    return f"{_PREFIX}-{host}-{pid}-"


def sweep(parent: Path) -> None:
    """Removes folders in ``parent`` that dead clients of this user and machine left."""
    for folder in parent.glob(f"{_PREFIX}-*"):
        pid = folder.name.split("-")[2] if folder.name.count("-") >= 3 else ""
        if not pid.isdecimal() or not folder.name.startswith(folder_prefix(int(pid))) or processes.alive(int(pid)):
            continue
        # Someone else's folder, or a link that would lead us elsewhere, is none of our business.
        with contextlib.suppress(OSError):
            info = folder.lstat()
            ours = not hasattr(os, "getuid") or info.st_uid == os.getuid()
            if stat.S_ISDIR(info.st_mode) and ours:
                shutil.rmtree(folder, ignore_errors=True)


def _blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    """C-contiguous pieces, in order: the whole array where it is contiguous, else pieces along its first two axes."""
    if array.flags.c_contiguous or array.ndim < 2:
        yield np.ascontiguousarray(array)
        return
    for part in array:
        if part.ndim >= 2 and not part.flags.c_contiguous:
            yield from (np.ascontiguousarray(plane) for plane in part)
        else:
            yield np.ascontiguousarray(part)


def _output_error(folder: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    cures = {
        errno.ENOSPC: "Free some space there, or choose another folder for temporary files, and try again.",
        errno.EACCES: "Choose a folder for temporary files that you may write to.",
        errno.ENOENT: "Choose a folder for temporary files that exists.",
    }
    return OutputError(
        f"Voxels could not be written to {folder} for the worker ({reason}).",
        cures.get(error.errno or 0, "Choose another folder for temporary files, and try again."),
        repr(error),
    )
