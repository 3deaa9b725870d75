"""The pieces that arrays travel in: as they are, packed, or as one number where all are the same.

Packed: bytes of the same weight brought together (the shuffle of HDF5 and Blosc), then zlib at its quickest level.
Medical images hold 12 bits in 16 and smooth surroundings, of which this finds about half for little time. A piece of
one and the same number, as most of a label map is, costs a few bytes and no time.
"""

from __future__ import annotations

import enum
import struct
import zlib

import numpy as np

from .frames import FrameError

PIECE = 1 << 18
"""Bytes of voxels in a piece, but for the last one of an array: what a line has to wait for at most."""
_HEAD = struct.Struct(">cBI")
_LEVEL = 1


class Form(enum.Enum):
    """How a piece travels."""

    PLAIN = b"p"
    PACKED = b"z"
    SAME = b"s"


def encode_piece(raw: bytes | memoryview, itemsize: int, packed: bool) -> tuple[bytes, Form]:
    """A piece on its way.

    Args:
        raw: its numbers.
        itemsize: bytes of a number.
        packed: try to make it smaller.
    """
    values = np.frombuffer(raw, np.uint8)
    if len(values) % itemsize:
        itemsize = 1
    if len(values) > itemsize and _is_same(values, itemsize):
        return _HEAD.pack(Form.SAME.value, itemsize, len(values)) + bytes(raw[:itemsize]), Form.SAME
    if packed:
        shuffled = values.reshape(-1, itemsize).T.tobytes() if itemsize > 1 else raw
        smaller = zlib.compress(shuffled, _LEVEL)
        if len(smaller) < len(values):
            return _HEAD.pack(Form.PACKED.value, itemsize, len(values)) + smaller, Form.PACKED
    return _HEAD.pack(Form.PLAIN.value, itemsize, len(values)) + bytes(raw), Form.PLAIN


def decode_piece(body: bytes) -> tuple[bytes | memoryview, bool]:
    """The numbers of a piece, and whether all are zero.

    Raises:
        FrameError: it is none.
    """
    try:
        letter, itemsize, length = _HEAD.unpack_from(body)
        form = Form(letter)
    except (struct.error, ValueError) as error:
        raise FrameError(f"no piece of an array: {body[:16]!r}") from error
    rest = memoryview(body)[_HEAD.size :]
    if not itemsize or length % itemsize or length > PIECE:
        raise FrameError(f"a piece of {length} bytes in numbers of {itemsize}")
    if form is Form.SAME:
        if len(rest) != itemsize:
            raise FrameError("a piece of one number holds another")
        return bytes(rest) * (length // itemsize), not any(rest)
    raw: bytes | memoryview = rest if form is Form.PLAIN else _unpacked(rest, itemsize, length)
    if len(raw) != length:
        raise FrameError(f"a piece of {length} bytes holds {len(raw)}")
    return raw, False


def _unpacked(packed: memoryview, itemsize: int, length: int) -> bytes:
    try:
        raw = zlib.decompressobj().decompress(packed, length + 1)
    except zlib.error as error:
        raise FrameError(f"a piece cannot be unpacked: {error}") from error
    if itemsize == 1 or len(raw) != length:
        return raw
    return np.frombuffer(raw, np.uint8).reshape(itemsize, -1).T.tobytes()


def _is_same(values: np.ndarray, itemsize: int) -> bool:
    # Equal to itself one number on: every number is the first. A look at the ends answers for nearly every image.
    if values[0] != values[-itemsize] or values[itemsize] != values[0]:
        return False
    return bool(np.array_equal(values[itemsize:], values[:-itemsize]))
