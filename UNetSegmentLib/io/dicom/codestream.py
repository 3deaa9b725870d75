"""The size that a compressed picture states itself: decoders allocate by it, not by the DICOM header."""

from __future__ import annotations

import struct

BEGIN = 2048
"""Bytes of a codestream that :func:`size_of` wants to see."""

_JPEG, _JPEG_2000 = b"\xff\xd8", b"\xff\x4f\xff\x51"
# Start of frame of all kinds of JPEG, and of JPEG-LS; the gaps are tables and the like.
_FRAMES = (set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}) | {0xF7}


def size_of(begin: bytes) -> tuple[int, int] | None:
    """Columns and rows; None where the piece is no beginning of a codestream, or does not say within it."""
    if begin.startswith(_JPEG_2000) and len(begin) >= 24:
        right, lower, left, upper = struct.unpack_from(">4I", begin, 8)
        return max(right - left, 0), max(lower - upper, 0)
    if not begin.startswith(_JPEG):
        return None
    at = 2
    while at + 9 <= len(begin) and begin[at] == 0xFF:
        marker, length = begin[at + 1], struct.unpack_from(">H", begin, at + 2)[0]
        if marker in _FRAMES:
            rows, columns = struct.unpack_from(">2H", begin, at + 5)
            # No rows: they follow behind the picture, which decoders of medical images do not take.
            return (columns, rows) if rows else None
        # Any number of FF bytes may stand before a marker.
        at += 1 if marker == 0xFF else 2 + length
    return None
