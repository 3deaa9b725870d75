"""``run_lengths``: a picture of bytes in DICOM's run-length encoding (PS3.5, Annex G), without a loop over its rows."""

from __future__ import annotations

import struct

import numpy as np

_LONGEST = 128  # bytes that one code stands for
_HEADER = 64


def run_lengths(picture: np.ndarray) -> bytes:
    """A frame in run-length encoding.

    Args:
        picture: (rows, columns), uint8 or uint16; of the latter the high bytes are one segment, the low ones the next.
    """
    size = picture.dtype.itemsize
    big = np.ascontiguousarray(picture, picture.dtype.newbyteorder(">")).view(np.uint8)
    segments = [_packed(big[:, number::size]) for number in range(size)]
    starts = _HEADER + np.cumsum([0, *map(len, segments[:-1])])
    header = struct.pack("<16L", size, *starts.tolist(), *[0] * (15 - size))
    return b"".join((header, *segments))


def _packed(plane: np.ndarray) -> bytes:
    """PackBits of (rows, columns) of bytes; no code reaches over the end of a row. Even in length."""
    flat = np.ascontiguousarray(plane).ravel()
    starts, lengths = _runs(flat, plane.shape[1])
    alone = lengths == 1
    # A code stands before each repeated byte, and before the first of several bytes that are not repeated.
    begins = ~alone
    begins[0] = True
    begins[1:] |= ~alone[:-1]
    begins |= starts % plane.shape[1] == 0
    first = np.flatnonzero(begins)
    within = np.arange(len(starts)) - np.repeat(first, np.diff(first, append=len(starts)))
    begins |= within % _LONGEST == 0
    first = np.flatnonzero(begins)
    literal = np.diff(first, append=len(starts)) - 1
    code = np.where(alone[first], literal, 257 - lengths[first])
    places = np.arange(len(starts)) + np.cumsum(begins)
    length = len(starts) + len(first)
    packed = np.zeros(length + length % 2, np.uint8)
    packed[places] = flat[starts]
    packed[places[first] - 1] = code
    return packed.tobytes()


def _runs(flat: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Where equal bytes begin and how many there are, in pieces of 128 at most, none over the end of a row."""
    new = np.empty(flat.size, bool)
    np.not_equal(flat[1:], flat[:-1], out=new[1:])
    new[::columns] = True
    starts = np.flatnonzero(new)
    lengths = np.diff(starts, append=flat.size)
    pieces = -(-lengths // _LONGEST)
    if int(pieces.max()) == 1:
        return starts, lengths
    number = np.arange(int(pieces.sum())) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    lengths = np.minimum(np.repeat(lengths, pieces) - _LONGEST * number, _LONGEST)
    return np.repeat(starts, pieces) + _LONGEST * number, lengths
