"""The numbers of an image file: raw, compressed or written as text, never more of them than its header promises."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from ...errors import InputError
from ..plain_files import open_plain

RAW, GZIP, BZIP2, ZLIB, TEXT, HEX = "raw", "gzip", "bzip2", "zlib", "text", "hex"
_CHUNK = 1 << 22
# Deflate packs at most 1032 bytes into one.
_LARGEST_RATIO = 1040
_LONGEST_NUMBER = 64
_LONGEST_LINE = 1 << 25


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Source:
    """Where numbers lie.

    Args:
        files: one, or several that each hold an equal part, in order.
        encoding: one of this module's constants.
        skip: bytes before the numbers in each file, counted after unpacking; -1: they are the end of a raw file.
        lines: lines to leave out before that, counted before unpacking.
    """

    files: tuple[Path, ...]
    encoding: str = RAW
    skip: int = 0
    lines: int = 0


def read_samples(source: Source, dtype: np.dtype, count: int, path: Path) -> np.ndarray:
    """``count`` numbers in native byte order, one-dimensional, writable.

    Args:
        path: the file to name in messages where it holds the numbers itself.

    Raises:
        InputError: a file is shorter than promised, or cannot be unpacked.
    """
    each = count // len(source.files)
    native = dtype.newbyteorder("=")
    result = np.empty(count, native)
    for n, file in enumerate(source.files):
        part = result[n * each : (n + 1) * each]
        if source.encoding in (TEXT, HEX):
            part[:] = _read_text(file, source, dtype, each)
        else:
            _read_bytes(file, source, part)
            if not dtype.isnative:
                part.byteswap(inplace=True)
    return result


def cut_short(path: Path, detail: str) -> InputError:
    """The file holds less than its header says."""
    return InputError(
        f"'{path.name}' is cut short: it holds less data than its header says.",
        "Copy or export the file again, and check that its size is the same as the original's.",
        detail,
    )


def check_lengths(source: Source, dtype: np.dtype, count: int, path: Path) -> None:
    """Refuses, before anything is allocated, files that cannot hold ``count`` numbers.

    Raises:
        InputError: naming the file.
    """
    parts = len(source.files)
    if not parts or count % parts:
        raise cut_short(path, f"{count} numbers in {parts} files")
    for file in source.files:
        _check_length(file, source, count // parts * dtype.itemsize)


def _check_length(file: Path, source: Source, size: int) -> None:
    with open_plain(file) as opened:
        there = opened.seek(0, 2)
    if source.encoding == RAW:
        most = there - max(source.skip, 0)
    elif source.encoding in (GZIP, ZLIB):
        most = there * _LARGEST_RATIO - source.skip
    elif source.encoding == HEX:
        most = there // 2
    else:
        return
    if most < size:
        raise cut_short(file, f"{max(most, 0)} of {size} bytes")


def _read_bytes(file: Path, source: Source, part: np.ndarray) -> None:
    target = part.data.cast("B")
    with open_plain(file) as opened, _unpacking(file):
        _skip_lines(opened, source.lines)
        if source.encoding == RAW:
            place = opened.seek(0, 2) - len(target) if source.skip < 0 else opened.tell() + source.skip
            opened.seek(place)
            stream: Any = opened
        else:
            stream = _unpacked(opened, source.encoding)
            _discard(stream, source.skip, file)
        done = 0
        while done < len(target):
            chunk = stream.read(min(_CHUNK, len(target) - done))
            if not chunk:
                raise cut_short(file, f"{done} of {len(target)} bytes")
            target[done : done + len(chunk)] = chunk
            done += len(chunk)
        if source.encoding != RAW:
            _check_end(stream)


def _unpacked(opened: BinaryIO, encoding: str) -> _Readable:
    if encoding == GZIP:
        return gzip.GzipFile(fileobj=opened)  # type: ignore[return-value]
    return bz2.BZ2File(opened) if encoding == BZIP2 else _Zlib(opened)


class _Zlib:
    """A zlib or gzip stream, read piece by piece."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._unpacker = zlib.decompressobj(47)
        self._left = b""

    def read(self, size: int, /) -> bytes:
        while not self._unpacker.eof:
            packed = self._left or self._file.read(1 << 16)
            if not packed:
                raise EOFError("the packed data ends too early")
            chunk = self._unpacker.decompress(packed, size)
            self._left = self._unpacker.unconsumed_tail
            if chunk:
                return chunk
        return b""


def _check_end(stream: _Readable) -> None:
    """Lets the packed stream compare its checksum where the numbers end with it; what else may follow is left alone."""
    try:
        stream.read(1)
    except gzip.BadGzipFile as error:
        if "CRC" in str(error):
            raise
    except (OSError, EOFError, zlib.error):
        return


def _discard(stream: _Readable, size: int, file: Path) -> None:
    left = size
    while left > 0:
        chunk = stream.read(min(_CHUNK, left))
        if not chunk:
            raise cut_short(file, f"it ends {left} bytes before its voxels begin")
        left -= len(chunk)


def _skip_lines(opened: BinaryIO, lines: int) -> None:
    for _ in range(lines):
        if not opened.readline(_LONGEST_LINE):
            return


def _read_text(file: Path, source: Source, dtype: np.dtype, count: int) -> np.ndarray:
    with open_plain(file) as opened:
        _skip_lines(opened, source.lines)
        opened.seek(opened.tell() + max(source.skip, 0))
        longest = 4 * dtype.itemsize if source.encoding == HEX else _LONGEST_NUMBER
        content = opened.read(count * longest + _CHUNK)
    try:
        if source.encoding == HEX:
            needed = count * dtype.itemsize
            values = np.frombuffer(bytes.fromhex(content.decode("ascii"))[:needed], dtype)
        else:
            words = content.replace(b",", b" ").split(None, count)[:count]
            values = np.array([word.decode("ascii") for word in words]).astype(dtype.newbyteorder("="))
    except (ValueError, OverflowError) as error:
        raise _not_unpacked(file, error) from error
    if values.size < count:
        raise cut_short(file, f"{values.size} of {count} numbers")
    return values


@contextmanager
def _unpacking(file: Path) -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise cut_short(file, str(error)) from error
    except (OSError, zlib.error) as error:
        raise _not_unpacked(file, error) from error


def _not_unpacked(file: Path, error: Exception) -> InputError:
    return InputError(
        f"'{file.name}' is damaged or incomplete: its voxels could not be read.",
        "Copy or export the file again, and check that its size is the same as the original's.",
        str(error),
    )
