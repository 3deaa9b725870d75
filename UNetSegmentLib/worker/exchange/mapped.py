"""Voxels between the processes: raw files (see :mod:`.folders`), mapped into memory by whoever reads them.

Files hold nothing but the numbers in C order; shape, type and grid travel in the message.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...errors import InputError, OutputError
from ...io.atomic import DISK_FULL
from ..protocol.messages import ArrayFile

_DTYPE_KINDS = "biuf"


def write_array(array: np.ndarray, path: Path, held: bool = False) -> ArrayFile:
    """Writes an array's numbers to a file, without making a copy of the whole array.

    Args:
        path: of a new file (mode 0600).
        held: the file is there, empty, and somebody else's to remove (:class:`~.folders.HeldFile`).

    Raises:
        InputError: a type of number that is not a plain one.
        OutputError: no space, no permission, something else stands there; no partial file is left.
    """
    if array.dtype.kind not in _DTYPE_KINDS or array.dtype.itemsize > 8:
        raise InputError(f"Voxels of type {array.dtype} cannot be processed.", "Convert the image to float32.")
    made = False
    try:
        handle = _open(path, held)
        made = not held
        with os.fdopen(handle, "wb") as file:
            free = shutil.disk_usage(path if held else path.parent).free
            if free < array.nbytes:
                text = f"{array.nbytes / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free"
                raise OSError(errno.ENOSPC, text)
            for block in _blocks(array):
                file.write(block.data.cast("B") if block.size else b"")
    except (OSError, ValueError) as error:
        if made:
            with contextlib.suppress(OSError):
                path.unlink()
        raise output_error(path.parent, error) from error
    return ArrayFile(str(path), array.shape, array.dtype.str)


def _open(path: Path, held: bool) -> int:
    binary = getattr(os, "O_BINARY", 0)
    if not held:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | binary, 0o600)
    handle = os.open(path, os.O_WRONLY | binary)
    info = os.fstat(handle)
    if not stat.S_ISREG(info.st_mode) or info.st_size:
        os.close(handle)
        raise FileExistsError(errno.EEXIST, "Something else stands there", str(path))
    return handle


def read_array(file: ArrayFile) -> np.ndarray:
    """Maps an array, copy on write: changing it does not change the file, and costs memory only where touched.

    Raises:
        InputError: a file that is missing, or not as long as its shape and type tell.
    """
    try:
        dtype = np.dtype(file.dtype)
    except (TypeError, ValueError, SyntaxError) as error:
        raise InputError(f"'{file.dtype[:80]}' is no type of voxels.") from error
    if dtype.kind not in _DTYPE_KINDS or dtype.hasobject or min(file.shape, default=1) < 0:
        raise InputError(f"An array of type '{file.dtype}' and shape {file.shape} cannot be read.")
    expected = int(np.prod(file.shape, dtype=object)) * dtype.itemsize
    try:
        info = Path(file.path).stat()
        if not stat.S_ISREG(info.st_mode):
            raise InputError(f"{file.path} is no file of voxels.")
        if info.st_size != expected:
            raise InputError(
                f"The voxel file {file.path} holds {info.st_size} bytes instead of {expected}.",
                "Check that its disk is not full, and try again.",
            )
        if not expected:
            return np.zeros(file.shape, dtype)
        return np.asarray(np.memmap(file.path, dtype, mode="c", shape=file.shape))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"The voxel file {file.path} cannot be read ({reason}).",
            "Try again. A worker must run on the same machine as its client, and in the same container.",
        ) from error


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


def output_error(folder: str | os.PathLike[str], error: OSError | ValueError) -> OutputError:
    """An operating system's refusal to keep voxels, in words."""
    number = getattr(error, "errno", None) or 0
    reason = getattr(error, "strerror", None) or str(error)
    cures = {
        **dict.fromkeys(
            DISK_FULL, "Free some space there, or choose another folder for temporary files, and try again."
        ),
        errno.EACCES: "Choose a folder for temporary files that you may write to.",
        errno.ENOENT: "Choose a folder for temporary files that exists.",
    }
    return OutputError(
        f"Voxels could not be written to {folder} for the worker ({reason}).",
        cures.get(number, "Choose another folder for temporary files, and try again."),
        repr(error),
    )
