"""Frames: how lines and voxels share the one stream to the far end, and the one back.

A frame is a header (kind, length, checksum of what it holds, checksum of the header itself) and what it holds. Before
the first one the far end writes :data:`MAGIC`, since login shells print what they like in front of it.

===========  ====================================================================================================
kind         holds
===========  ====================================================================================================
``LINE``     a message of the worker's protocol; files in it are named by :mod:`..references`
``CONTROL``  a JSON object of the two ends' own, ``is`` naming it
``DATA``     a piece of the array that is being sent, see :mod:`.pieces`
``ACK``      how many bytes of ``DATA`` frames have been taken in all, 8 bytes, big endian
===========  ====================================================================================================
"""

from __future__ import annotations

import enum
import json
import struct
import zlib
from dataclasses import dataclass
from typing import Any, Protocol

MAGIC = b"\nUNETSEGMENT-FAR-FRAMES 1\n"
LONGEST = 32 << 20
"""Bytes that a frame may hold; lines of the protocol have half of it."""
LONGEST_BANNER = 1 << 18
"""Bytes that may come before :data:`MAGIC`."""
_START = struct.Struct(">cII")
_CHECK = struct.Struct(">I")
HEADER = _START.size + _CHECK.size


class Kind(enum.Enum):
    """What a frame holds."""

    LINE = b"L"
    CONTROL = b"C"
    DATA = b"D"
    ACK = b"A"


class FrameError(Exception):
    """What came is no frame, or not the one that was sent; there is no going on."""


@dataclass(frozen=True)
class Frame:
    """Args:
    kind: of what it holds.
    body: what it holds.
    """

    kind: Kind
    body: bytes


class Source(Protocol):
    """A stream of bytes, such as an unbuffered pipe."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fills some of the buffer; 0 at the end."""


def frame(kind: Kind, body: bytes) -> bytes:
    """A frame as bytes. Raises FrameError for more than :data:`LONGEST`."""
    return header(kind, body) + body


def header(kind: Kind, body: bytes) -> bytes:
    """What comes before ``body``: for who writes large ones without a copy."""
    if len(body) > LONGEST:
        raise FrameError(f"{len(body)} bytes do not go into a frame")
    start = _START.pack(kind.value, len(body), zlib.crc32(body))
    return start + _CHECK.pack(zlib.crc32(start))


def control(what: str, **words: Any) -> bytes:
    """A frame of the two ends' own."""
    return frame(Kind.CONTROL, json.dumps({"is": what, **words}, separators=(",", ":")).encode("ascii"))


def control_words(body: bytes) -> dict[str, Any]:
    """What a ``CONTROL`` frame says. Raises FrameError for what is no JSON object with ``is``."""
    try:
        words = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"no JSON: {body[:80]!r}") from error
    if not isinstance(words, dict) or not isinstance(words.get("is"), str):
        raise FrameError(f"no message: {body[:80]!r}")
    return words


def read_frame(source: Source) -> Frame | None:
    """The next frame, waiting for it; None at the end of the stream.

    Raises:
        FrameError: it is damaged, or the stream ends within it.
        OSError, ValueError: the stream cannot be read.
    """
    head = _exactly(source, HEADER, begun=False)
    if head is None:
        return None
    start = head[: _START.size]
    if _CHECK.unpack(head[_START.size :])[0] != zlib.crc32(start):
        raise FrameError(f"no header of a frame: {bytes(head)!r}")
    letter, length, check = _START.unpack(start)
    if length > LONGEST:
        raise FrameError(f"a frame of {length} bytes")
    try:
        kind = Kind(letter)
    except ValueError as error:
        raise FrameError(f"a frame of kind {letter!r}") from error
    body = _exactly(source, length, begun=True)
    assert body is not None
    if zlib.crc32(body) != check:
        raise FrameError("a frame was damaged on its way")
    return Frame(kind, body)


def skip_banner(source: Source) -> bytes | None:
    """Reads up to the end of :data:`MAGIC`; what stood before it, or None where the stream has ended before.

    Raises:
        FrameError: too much stands before it.
    """
    # As if a line had ended before: nothing need stand in front.
    seen = bytearray(b"\n")
    byte = bytearray(1)
    while not seen.endswith(MAGIC):
        if not source.readinto(memoryview(byte)):
            return None
        seen += byte
        if len(seen) > LONGEST_BANNER:
            raise FrameError("the login on the host prints without end")
    return bytes(seen[1 : -len(MAGIC)])


def _exactly(source: Source, count: int, begun: bool) -> bytes | None:
    buffer = bytearray(count)
    view = memoryview(buffer)
    while view:
        got = source.readinto(view)
        if not got:
            if not begun and len(view) == count:
                return None
            raise FrameError("the stream ended within a frame")
        view = view[got:]
    return bytes(buffer)
