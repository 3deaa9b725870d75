"""Compiled networks on the disk, so that a later start takes a fraction of a second.

Each file holds the SHA-256 digest of its content, then the content: a file that was cut short or altered is noticed
before the runtime, which trusts its input, sees it. The files lie in a private folder of the user and never exceed a
total size; those that were not used for the longest time go first.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from ...folders import cache_folder

log = logging.getLogger(__name__)

LIMIT_BYTES = 4 << 30

_SUFFIX = ".compiled"
_DIGEST_BYTES = 32


@dataclass(frozen=True)
class CompiledFile:
    """One compiled network of the cache; ``used`` is when it was last of use, in seconds since 1970."""

    path: Path
    bytes: int
    used: float


def compiled_folder() -> Path:
    """Where compiled networks lie: a folder of their own in the user's cache. It need not exist."""
    return cache_folder() / "compiled"


def compiled_contents(folder: Path | None = None) -> list[CompiledFile]:
    """The compiled networks, last used first."""
    found = []
    with contextlib.suppress(OSError):
        for path in (folder or compiled_folder()).glob(f"*{_SUFFIX}"):
            with contextlib.suppress(OSError):
                state = path.stat()
                found.append(CompiledFile(path, state.st_size, state.st_mtime))
    return sorted(found, key=lambda file: -file.used)


def empty_compiled(folder: Path | None = None) -> int:
    """Removes all compiled networks; returns how many bytes that freed. They are made anew when they are needed."""
    freed = 0
    for file in compiled_contents(folder):
        with contextlib.suppress(OSError):
            file.path.unlink()
            freed += file.bytes
    return freed


class CompiledCache:
    """The files of one folder by key. Nothing here fails a run: what cannot be read or written is as if absent."""

    def __init__(self, folder: Path | None = None, limit: int = LIMIT_BYTES) -> None:
        self.folder = folder or compiled_folder()
        self._limit = limit

    def has(self, key: str) -> bool:
        return self._path(key).is_file()

    def get(self, key: str) -> bytes | None:
        """The content stored under ``key``; None where there is none that is intact."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        content = memoryview(data)[_DIGEST_BYTES:]
        if hashlib.sha256(content).digest() != data[:_DIGEST_BYTES]:
            log.warning("the compiled network %s is damaged and is made anew", path.name)
            self.drop(key)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return bytes(content)

    def put(self, key: str, content: bytes) -> None:
        """Stores ``content``, then removes the oldest files beyond the limit."""
        if len(content) > self._limit:
            return
        path = self._path(key)
        temporary = path.with_name(f".{secrets.token_hex(4)}.tmp")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Not flushed to the disk: the digest tells a file that a power cut left incomplete.
            with temporary.open("wb") as file:
                file.write(hashlib.sha256(content).digest())
                file.write(content)
            temporary.replace(path)
        except OSError as error:
            log.info("the compiled network could not be kept: %s", error)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        self._shrink()

    def drop(self, key: str) -> None:
        """Removes one file."""
        with contextlib.suppress(OSError):
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}{_SUFFIX}"

    def _shrink(self) -> None:
        total = 0
        for file in compiled_contents(self.folder):
            total += file.bytes
            if total > self._limit:
                with contextlib.suppress(OSError):
                    file.path.unlink()
