"""Voxels on the host: those of the requests that are being carried out, and some that may be asked for again."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path

from ..exchange.folders import ExchangeFolder, HeldFile
from .stream.sending import WORTH_ASKING

MOST_FILES = 8
MOST_BYTES = 4 << 30
"""What is kept beyond the requests that needed it."""


@dataclass(eq=False)
class _Kept:
    """An array that was received, and the requests that use it."""

    file: HeldFile
    size: int
    users: set[int | None] = field(default_factory=set)


class HostFiles:
    """The files of the far end, in a private folder that goes with it. From any thread: arrays arrive on one while
    requests end on others.

    Args:
        parent: of the folder; None is the system's for temporary files.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self._folder = ExchangeFolder(parent)
        self._lock = threading.RLock()
        self._own: dict[int | None, list[HeldFile]] = {}
        self._paths: dict[str, Path] = {}
        self._tokens: dict[int | None, list[str]] = {}
        self._arriving: dict[str, HeldFile] = {}
        self._kept: dict[str, _Kept] = {}

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder.path

    def place(self, token: str, number: int | None, size: int) -> Path:
        """A file for an array that is about to arrive. Raises OSError."""
        with self._lock:
            if shutil.disk_usage(self.path).free < size:
                self._evict(0, 0)
            file = self._arriving[token] = self._new(number, "array")
            return file.path

    def arrived(self, token: str, number: int | None, digest: str, size: int) -> None:
        """All of an array is here; one that is worth it is kept for another request."""
        with self._lock:
            file = self._arriving.pop(token)
            self._name(token, number, file.path)
            if size >= WORTH_ASKING and digest not in self._kept:
                self._own[number].remove(file)
                self._kept[digest] = _Kept(file, size, {number})
                self._evict(MOST_FILES, MOST_BYTES)

    def has(self, digest: str, token: str, number: int | None) -> bool:
        """Whether an array is here still; it is then of this request too."""
        with self._lock:
            kept = self._kept.get(digest)
            if kept is None or not kept.file.path.exists():
                # Where files have names, the worker removes those that it has mapped.
                self._kept.pop(digest, None)
                return False
            self._kept[digest] = self._kept.pop(digest)
            kept.users.add(number)
            self._name(token, number, kept.file.path)
            return True

    def path_of(self, token: str) -> Path | None:
        """Where the array of a token is."""
        with self._lock:
            return self._paths.get(token)

    def new_result(self, number: int | None) -> Path:
        """An empty file for an answer. Raises OSError."""
        return self._new(number, "result").path

    def release(self, number: int | None) -> None:
        """A request is over."""
        with self._lock:
            for token in self._tokens.pop(number, ()):
                self._paths.pop(token, None)
            for file in self._own.pop(number, ()):
                file.release()
            for kept in self._kept.values():
                kept.users.discard(number)
            self._evict(MOST_FILES, MOST_BYTES)

    def remove(self) -> None:
        """Everything goes."""
        self._folder.remove()

    def _new(self, number: int | None, name: str) -> HeldFile:
        with self._lock:
            file = self._folder.file(name)
            self._own.setdefault(number, []).append(file)
            return file

    def _name(self, token: str, number: int | None, path: Path) -> None:
        self._paths[token] = path
        self._tokens.setdefault(number, []).append(token)

    def _evict(self, most_files: int, most_bytes: int) -> None:
        """Lets the oldest go that no request uses."""
        for digest, kept in tuple(self._kept.items()):
            if len(self._kept) <= most_files and sum(other.size for other in self._kept.values()) <= most_bytes:
                return
            if not kept.users:
                del self._kept[digest]
                kept.file.release()
