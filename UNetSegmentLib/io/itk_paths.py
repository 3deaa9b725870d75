"""Paths that ITK can take: it ends the process at a name that is not UTF-8, as archives from Windows leave them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError


@contextlib.contextmanager
def readable(path: Path) -> Iterator[str]:
    """A name of the file that is UTF-8: its own, or a link to it in a private folder for as long as the block runs.

    Raises:
        InputError: the file system makes no links.
    """
    if _is_utf8(path):
        yield str(path)
        return
    with _linked(path, "image" + _plain(path.suffix)) as link:
        yield str(link)


@contextlib.contextmanager
def writable(path: Path) -> Iterator[str]:
    """As :func:`readable` for a file yet to be written, through a link to its folder; its own name must be UTF-8."""
    if _is_utf8(path):
        yield str(path)
        return
    with _linked(path.parent, "folder") as link:
        yield str(link / path.name)


def _is_utf8(path: Path) -> bool:
    try:
        text = str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return os.name == "nt" or text == os.fsencode(path)


def _plain(suffix: str) -> str:
    return suffix if suffix.isascii() else ""


@contextlib.contextmanager
def _linked(target: Path, name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="unetsegment-link-") as folder:
        link = Path(folder) / name
        try:
            link.symlink_to(os.fspath(target.absolute()), target_is_directory=target.is_dir())
        except OSError as error:
            raise InputError(
                f"The name '{os.fsencode(target.name).decode('utf-8', 'replace')}' is not UTF-8, and no link to it can "
                "be made.",
                "Rename the file or its folder.",
                str(error),
            ) from error
        yield link
