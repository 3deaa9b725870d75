"""How large a picture is by its header, before a decoder allocates it."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError
from .plain_files import open_plain

PNG, JPEG, TIFF, BMP, GIF, PNM = "PNG", "JPEG", "TIFF", "BMP", "GIF", "PNM"
_MAGIC = ((b"\x89PNG\r\n\x1a\n", PNG), (b"\xff\xd8\xff", JPEG), (b"BM", BMP), (b"GIF8", GIF))
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
_PNM_WORDS = re.compile(rb"P([1-6])\s+(?:#[^\n]*\n\s*)*(\d{1,9})\s+(?:#[^\n]*\n\s*)*(\d{1,9})\s")
# Deflate packs at most 1032 bytes into one, the runs of a BMP 255 into two.
_LARGEST_RATIO, _BMP_RATIO = 1040, 128
_MOST_PAGES = 100_000
_LONGEST_DESCRIPTION = 1 << 20
_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}


@dataclass(frozen=True)
class PictureSize:
    """A picture's header.

    Args:
        width: of one number, in bytes.
        description: a TIFF's own text.
        least: bytes that a file of such pixels has at least.
    """

    kind: str
    columns: int
    rows: int
    channels: int
    width: int
    pages: int = 1
    description: str = ""
    least: int = 0

    @property
    def bytes(self) -> int:
        return self.columns * self.rows * self.channels * self.width * self.pages

    def __str__(self) -> str:
        pages = f"{self.pages} x " if self.pages > 1 else ""
        return f"{pages}{self.columns} x {self.rows} pixels"


def picture_size(path: Path) -> PictureSize | None:
    """The size of a PNG, JPEG, TIFF, BMP, GIF or PNM picture; None for a file of another kind.

    Raises:
        InputError: its header is damaged.
    """
    with open_plain(path) as file:
        head = file.read(64)
        kind = _kind(head)
        if kind is None:
            return None
        try:
            size = _READERS[kind](file, head)
            there = file.seek(0, 2)
        except (struct.error, ValueError, KeyError, IndexError) as error:
            raise _damaged(path, error) from error
    if min(size.columns, size.rows, size.channels, size.width) < 1:
        raise _damaged(path, ValueError(str(size)))
    if there < size.least:
        raise InputError(
            f"'{path.name}' is cut short: it holds less data than its header says.",
            "Copy or export the file again, and check that its size is the same as the original's.",
            f"{there} of {size.least} bytes",
        )
    return size


def _kind(head: bytes) -> str | None:
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:4] in _TIFF_MAGIC:
        return TIFF
    return PNM if re.match(rb"P[1-6]\s", head) else None


def _png(file: BinaryIO, head: bytes) -> PictureSize:
    columns, rows, depth, colour = struct.unpack_from(">IIBB", head, 16)
    bits = columns * rows * depth * (1 if colour == 3 else _PNG_CHANNELS[colour])
    least = bits // 8 // _LARGEST_RATIO
    return PictureSize(PNG, columns, rows, _PNG_CHANNELS[colour], 2 if depth == 16 else 1, least=least)


def _jpeg(file: BinaryIO, head: bytes) -> PictureSize:
    """Walks the markers to the frame header."""
    file.seek(2)
    while True:
        marker = file.read(2)
        if len(marker) < 2 or marker[0] != 0xFF:
            raise ValueError("no frame header")
        code = marker[1]
        if code == 0xFF:
            file.seek(-1, 1)
            continue
        if code in (0x01, *range(0xD0, 0xD9)):
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            precision, rows, columns, channels = struct.unpack(">BHHB", file.read(6))
            return PictureSize(JPEG, columns, rows, channels, 1 if precision <= 8 else 2)
        file.seek(length - 2, 1)


def _bmp(file: BinaryIO, head: bytes) -> PictureSize:
    columns, rows = struct.unpack_from("<ii", head, 18)
    columns, rows = abs(columns), abs(rows)
    bits, packed = struct.unpack_from("<HI", head, 28)
    least = rows * ((columns * bits + 31) // 32 * 4) // (_BMP_RATIO if packed in (1, 2) else 1)
    return PictureSize(BMP, columns, rows, 3, 1, least=least)


def _gif(file: BinaryIO, head: bytes) -> PictureSize:
    columns, rows = struct.unpack_from("<HH", head, 6)
    return PictureSize(GIF, columns, rows, 3, 1)


def _pnm(file: BinaryIO, head: bytes) -> PictureSize:
    file.seek(0)
    match = _PNM_WORDS.match(file.read(1 << 16))
    if match is None:
        raise ValueError("no size")
    kind, columns, rows = (int(word) for word in match.groups())
    channels = 3 if kind in (3, 6) else 1
    numbers = columns * rows * channels
    return PictureSize(PNM, columns, rows, channels, 2, least=numbers // 8 if kind == 4 else numbers)


def _tiff(file: BinaryIO, head: bytes) -> PictureSize:
    """The first page's size; all pages are walked, since each is a slice."""
    order = "<" if head[:2] == b"II" else ">"
    large = head[2:4] in (b"+\0", b"\0+")
    at = struct.unpack_from(order + ("Q" if large else "I"), head, 8 if large else 4)[0]
    first: dict[int, tuple[int, ...]] = {}
    description = ""
    seen: set[int] = set()
    while at:
        if at in seen or len(seen) >= _MOST_PAGES:
            raise ValueError("pages without an end")
        seen.add(at)
        tags, at, text = _page(file, at, order, large, not first)
        if not first:
            first, description = tags, text
    bits = first.get(258, (1,))
    columns, rows = first[256][0], first[257][0]
    # Palettes become colours, and single bits bytes.
    channels = 3 if first.get(262, (1,))[0] == 3 else first.get(277, (1,))[0]
    return PictureSize(TIFF, columns, rows, channels, (max(bits) + 7) // 8, len(seen), description)


def _page(
    file: BinaryIO, at: int, order: str, large: bool, wanted: bool
) -> tuple[dict[int, tuple[int, ...]], int, str]:
    """Small numeric tags, place of the next page, and the description, of one directory."""
    file.seek(at)
    counting, entry, next_kind = ("Q", 20, "Q") if large else ("H", 12, "I")
    (count,) = struct.unpack(order + counting, file.read(struct.calcsize(counting)))
    if count > 1 << 16:
        raise ValueError(f"a page with {count} tags")
    table = file.read(count * entry)
    (following,) = struct.unpack(order + next_kind, file.read(struct.calcsize(next_kind)))
    tags: dict[int, tuple[int, ...]] = {}
    text = ""
    for n in range(count if wanted else 0):
        tag, kind, number = struct.unpack_from(order + "HH" + next_kind, table, n * entry)
        inside = table[n * entry + (12 if large else 8) : (n + 1) * entry]
        if tag == 270 and kind == 2 and number <= _LONGEST_DESCRIPTION:
            file.seek(struct.unpack(order + next_kind, inside)[0])
            text = (inside if number <= len(inside) else file.read(number)).decode("utf-8", "replace").strip("\0")
        elif tag in (256, 257, 258, 262, 277) and kind in _TIFF_TYPES and 1 <= number <= 16:
            form = f"{order}{number}{_TIFF_TYPES[kind]}"
            width = struct.calcsize(form)
            if width > len(inside):
                file.seek(struct.unpack(order + next_kind, inside)[0])
                inside = file.read(width)
            tags[tag] = struct.unpack_from(form, inside)
    return tags, following, text


_READERS = {PNG: _png, JPEG: _jpeg, TIFF: _tiff, BMP: _bmp, GIF: _gif, PNM: _pnm}


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(
        f"'{path.name}' is damaged, or is not the kind of file that its name says.",
        "Copy or export the file again, and check that its size is the same as the original's.",
        repr(error),
    )
