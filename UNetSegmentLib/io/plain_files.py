"""Files as they come from strangers: a pipe, a device under an image's name never ends; text may be huge."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from ..budget import size_words
from ..errors import InputError

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
# A pipe without a writer would make opening it wait for ever.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def is_folder(path: Path) -> bool:
    """Whether a folder lies there; a name that no file can have is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def check_there(path: Path) -> None:
    """Refuses the name of nothing; files and folders pass.

    Raises:
        InputError: missing, a link to nothing, or a name that no file can have.
    """
    try:
        path.stat()
    except (OSError, ValueError) as error:
        raise _unreachable(path, error) from error


def require_plain_file(path: Path | str) -> None:
    """Refuses what is no ordinary file, without opening it; a link counts as what it points at.

    Raises:
        InputError: missing, a link to nothing, a folder, pipe, device or socket, or a name that no file can have.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise _unreachable(path, error) from error
    _check_mode(mode, path)


def open_plain(path: Path | str) -> BinaryIO:
    """Opens an ordinary file for reading; what it is gets judged after opening, so nothing can be swapped in between.

    Raises:
        InputError: as :func:`require_plain_file`; not readable.
    """
    path = Path(path)
    require_plain_file(path)
    try:
        handle = os.open(path, _FLAGS)
    except OSError as error:
        raise InputError(f"'{path.name}' cannot be opened.", "Check its permissions.", str(error)) from error
    try:
        _check_mode(os.fstat(handle).st_mode, path)
    except InputError:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def read_limited(path: Path | str, limit: int) -> str:
    """The text of a small UTF-8 file (card, JSON, YAML), without a byte order mark.

    Args:
        limit: bytes that such a file has at most.

    Raises:
        InputError: as :func:`open_plain`; larger than ``limit``; not UTF-8.
    """
    path = Path(path)
    with open_plain(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise InputError(
            f"'{path.name}' is larger than {size_words(limit)}, which no file of its kind is.",
            "Check that it is the right file.",
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"'{path.name}' is not UTF-8 text.", "Save it as UTF-8.", str(error)) from error


def _check_mode(mode: int, path: Path) -> None:
    if stat.S_ISREG(mode):
        return
    kind = next((words for test, words in _KINDS if test(mode)), "no ordinary file")
    raise InputError(f"'{path}' is {kind}, not a file.", "Give an ordinary file.")


def _unreachable(path: Path, error: Exception) -> InputError:
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        return InputError(f"'{path}' is a link to something that is not there.", "Mend the link, or give the file.")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return InputError(f"'{path}' does not exist.", "Check the path and its spelling.")
    return InputError(f"'{path.name}' cannot be opened.", "Check the path and its permissions.", str(error))
