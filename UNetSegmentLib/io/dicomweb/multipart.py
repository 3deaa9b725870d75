"""A ``multipart/related`` message (RFC 2046, RFC 2387), taken apart while it arrives, a block at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from email.message import Message

_MOST_HEADERS = 1 << 16


class TornError(ValueError):
    """A message that ends before its end, or that is none."""


def boundary_of(content_type: str) -> bytes:
    """What parts the message; empty where there is nothing of the kind."""
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_boundary("")
    return boundary.encode("latin-1", "replace") if message.get_content_maintype() == "multipart" else b""


def parts_of(blocks: Iterable[bytes], boundary: bytes) -> Iterator[Iterator[bytes]]:
    """The contents of the parts, one after the other; each must be read to its end before the next is asked for.

    Raises (while parts are read):
        TornError: the message ended before its last delimiter, or a part has no headers.
    """
    source = _Source(blocks, b"\r\n--" + boundary)
    source.skip_to_delimiter()
    while not source.at_end():
        source.skip_headers()
        yield source.content()


class _Source:
    """Blocks, and what has been taken of them so far."""

    def __init__(self, blocks: Iterable[bytes], delimiter: bytes) -> None:
        self._blocks = iter(blocks)
        self._delimiter = delimiter
        self._data = bytearray(b"\r\n")  # the first delimiter may stand at the very beginning

    def skip_to_delimiter(self) -> None:
        for _ in self.content():
            pass

    def at_end(self) -> bool:
        """Whether the delimiter that was just passed is the last one."""
        while len(self._data) < 2:
            self._more()
        return self._data.startswith(b"--")

    def skip_headers(self) -> None:
        while (end := self._data.find(b"\r\n\r\n")) < 0:
            if len(self._data) > _MOST_HEADERS:
                raise TornError("a part has no end of its headers")
            self._more()
        del self._data[: end + 4]

    def content(self) -> Iterator[bytes]:
        """All up to the next delimiter, which is passed."""
        keep = len(self._delimiter) - 1
        while (end := self._data.find(self._delimiter)) < 0:
            if len(self._data) > keep:
                yield bytes(self._data[:-keep])
                del self._data[:-keep]
            self._more()
        if end:
            yield bytes(self._data[:end])
        del self._data[: end + len(self._delimiter)]

    def _more(self) -> None:
        block = next((block for block in self._blocks if block), None)
        if block is None:
            raise TornError("the message ends before its last delimiter")
        self._data += block
