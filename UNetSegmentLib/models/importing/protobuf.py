"""Reading the wire format of Protocol Buffers: just enough to look into a file without the program that wrote it.

Nothing is decoded that is not asked for, and nothing is believed: every length is checked against what is there.
Format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_FIXED = {FIXED64: 8, FIXED32: 4}


class WireError(ValueError):
    """Not a message of this format."""


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field, in order: an int for a varint, a view of the bytes for everything else.

    Raises:
        WireError: a field is cut short or of a kind that does not exist.
    """
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == BYTES:
            size, place = _varint(message, place)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise WireError(f"field {number} is of the kind {kind}")
        if size > len(message) - place:
            raise WireError(f"field {number} is cut short")
        yield number, message[place : place + size]
        place += size


def messages(message: memoryview, number: int) -> Iterator[memoryview]:
    """The values of the field ``number`` that are bytes (texts and inner messages)."""
    return (value for n, value in fields(message) if n == number and isinstance(value, memoryview))


def text(message: memoryview, number: int) -> str:
    """The last text in the field ``number``; empty when there is none."""
    found = ""
    for value in messages(message, number):
        found = bytes(value).decode("utf-8", "replace")
    return found


def integer(message: memoryview, number: int) -> int | None:
    """The last varint in the field ``number``; None when there is none."""
    found = None
    for n, value in fields(message):
        if n == number and isinstance(value, int):
            found = value
    return found


def integers(message: memoryview, number: int, most: int = 1000) -> list[int]:
    """The varints in the field ``number``, single or packed.

    Raises:
        WireError: cut short, or more than ``most``.
    """
    found: list[int] = []
    for n, value in fields(message):
        if n != number:
            continue
        if isinstance(value, int):
            found.append(value)
            continue
        if len(value) > 10 * most:
            raise WireError(f"more than {most} numbers in a list of sizes")
        place = 0
        while place < len(value):
            item, place = _varint(value, place)
            found.append(item)
    return found


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise WireError("a number is cut short")
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise WireError("a number is too long")
