"""A file on its way: the bytes that came so far, and what the server said about the file they belong to."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from ...errors import ModelError
from .. import typed_json
from .cache import NOTE, PARTIAL
from .stream import Head


@dataclass(frozen=True)
class Source:
    """The state of the file at its source. ``validator`` is a strong ETag or a date, empty when it gave neither."""

    address: str
    validator: str
    total: int | None


class Partial:
    """``<target>.part`` and ``<target>.part.json`` beside the target."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(target.name + PARTIAL)
        self._note = target.with_name(target.name + NOTE)

    @property
    def size(self) -> int:
        """Bytes that came so far."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def source(self, address: str) -> Source | None:
        """What the bytes belong to; None when that is unknown or something else than ``address``."""
        try:
            source = typed_json.from_json(Source, json.loads(self._note.read_text(encoding="utf-8")))
        except (OSError, ValueError, ModelError):
            return None
        return source if source.address == address else None

    def begin(self, source: Source) -> None:
        """Empties the file and notes what is to come."""
        self.path.write_bytes(b"")
        self._note.write_text(json.dumps(typed_json.to_json(source)), encoding="utf-8")

    def finish(self, target: Path) -> None:
        """The file is complete and verified: it takes its place."""
        self.path.replace(target)
        self._note.unlink(missing_ok=True)

    def discard(self) -> None:
        """Forgets everything."""
        for path in (self.path, self._note):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def source_of(address: str, head: Head, total: int | None) -> Source:
    """What the answer's headers say about the file."""
    etag = head.get("etag").strip()
    # A weak ETag says that two files mean the same, not that their bytes are the same (RFC 9110, 8.8.3).
    validator = etag if etag and not etag.startswith("W/") else head.get("last-modified").strip()
    return Source(address, validator, total)


def range_start(head: Head) -> tuple[int | None, int | None]:
    """First byte and total of ``Content-Range: bytes 5-9/10``; None for what it does not say."""
    unit, _, rest = head.get("content-range").strip().partition(" ")
    span, _, total = rest.partition("/")
    first = span.partition("-")[0]
    if unit != "bytes":
        return None, None
    return (int(first) if first.isdecimal() else None), (int(total) if total.isdecimal() else None)
