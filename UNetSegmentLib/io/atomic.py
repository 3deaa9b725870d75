"""Writing without ever losing what was there: a temporary file beside the target, then one rename."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..errors import OutputError

# ITK chooses the format by the ending, so the temporary file must keep the whole of it.
_DOUBLE_SUFFIXES = (".nii.gz", ".seg.nrrd", ".seg.nhdr", ".tar.gz")
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
_MAY_WRITE = "Choose a folder that you may write to, or change its permissions."


def full_suffix(path: Path | str) -> str:
    """The ending that decides the format, in lower case: ``.nii.gz`` and ``.seg.nrrd`` count as one."""
    name = Path(path).name.lower()
    for suffix in _DOUBLE_SUFFIXES:
        if name.endswith(suffix):
            return suffix
    return Path(name).suffix


def stem(path: Path | str) -> str:
    """The file's name without :func:`full_suffix`."""
    name = Path(path).name
    ending = len(full_suffix(path))
    return name[:-ending] if ending else name


def check_writable(path: Path | str) -> None:
    """Refuses early what :func:`atomic_path` would refuse after a long run.

    Raises:
        OutputError: the folder is missing or read-only, or the target is a folder.
    """
    target = _through_links(Path(path))
    _check_folder(target)
    try:
        _try(_temporary(target))
    except OSError as error:
        raise output_error(target, error) from error


def check_writable_folder(folder: Path) -> None:
    """Refuses a folder in which no file can be made.

    Raises:
        OutputError: it does not allow writing, or the disk is full.
    """
    try:
        _try(_temporary(folder / "any"))
    except OSError as error:
        if error.errno in _REFUSED:
            raise OutputError(f"The folder '{folder}' does not allow writing.", _MAY_WRITE, str(error)) from error
        raise output_error(folder, error) from error


@contextlib.contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """A temporary path beside ``path`` with the same ending; renamed onto ``path`` when the block succeeds.

    When the block fails, for whatever reason, the temporary file is removed and ``path`` is as it was. Where ``path``
    is a symbolic link, the file that it leads to is replaced and the link stays. A file that is replaced passes its
    permissions on.

    Raises:
        OutputError: the folder is missing, not writable, or the disk is full; or nothing was written.
    """
    target = _through_links(Path(path))
    _check_folder(target)
    temporary = _temporary(target)
    try:
        yield temporary
        _flush(temporary)
        with contextlib.suppress(OSError):
            shutil.copymode(target, temporary)
        temporary.replace(target)
        _flush_folder(target.parent)
    except OSError as error:
        raise output_error(target, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def output_error(target: Path, error: OSError) -> OutputError:
    """An operating system's refusal to write, in words."""
    if error.errno in DISK_FULL:
        return OutputError(
            f"The disk is full while writing '{target.name}'.",
            "Free some space or choose a folder on another disk. The previous file, if any, is unchanged.",
            str(error),
        )
    if error.errno in _REFUSED:
        return OutputError(
            f"The folder '{target.parent}' does not allow writing '{target.name}'.", _MAY_WRITE, str(error)
        )
    if error.errno == errno.ENAMETOOLONG:
        return OutputError(
            f"The path of '{target.name}' is too long for the file system.", "Use a shorter one.", str(error)
        )
    return OutputError(f"'{target}' could not be written.", "Check the path and the disk.", str(error))


def _try(temporary: Path) -> None:
    """Makes a file and removes it. Raises OSError where it cannot be made."""
    try:
        temporary.touch()
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _temporary(target: Path) -> Path:
    """A name of its own beside the target, short so that a name near the file system's limit stays within it."""
    return target.parent / f".{secrets.token_hex(4)}.tmp{full_suffix(target)}"


def _through_links(path: Path) -> Path:
    """What a symbolic link leads to, the path itself otherwise."""
    try:
        return path.resolve() if path.is_symlink() else path
    except (OSError, RuntimeError) as error:  # links that go round in a circle
        raise OutputError(f"'{path}' leads nowhere.", "Remove the symbolic link, or choose another name.") from error


def _check_folder(target: Path) -> None:
    if not target.name:
        raise OutputError(f"'{target}' names no file.", "Give the output a file name.")
    try:
        # Says that a name is too long, which the questions below do not.
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            target.lstat()
        if target.is_dir():
            raise OutputError(f"'{target}' is a folder.", "Give the output a file name inside it.")
        if target.exists() and not target.is_file():
            raise OutputError(f"'{target}' is a device or a pipe, no file.", "Give the output a file name.")
        if not target.parent.is_dir():
            raise OutputError(f"The folder '{target.parent}' does not exist.", "Create it, or choose another one.")
    except OSError as error:
        raise output_error(target, error) from error


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Makes the rename itself durable, where the system has that notion (not on Windows)."""
    with contextlib.suppress(OSError, AttributeError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
