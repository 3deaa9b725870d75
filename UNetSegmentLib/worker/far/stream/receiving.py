"""Arrays that come from the other machine, written to files as their pieces arrive."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ....errors import UNetSegmentError
from ....io.atomic import DISK_FULL
from ...errors import WorkerError
from .frames import FrameError
from .pieces import decode_piece
from .sending import DIGEST_SIZE, refusal_words

Place = Callable[[str, int | None, int], Path]
"""Where the array of a token (of a request, of so many bytes) is to be written. May raise UNetSegmentError, OSError."""


class Arriving:
    """The array that is just arriving.

    Args:
        token, number, size: as announced: its name, its request, its bytes.
        file: that takes it; None: it is refused, and what comes of it is dropped.
    """

    def __init__(self, token: str, number: int | None, size: int, path: Path | None, file: BinaryIO | None) -> None:
        self.token, self.number, self.size, self.path = token, number, size, path
        self.done = 0
        self._file = file
        self._digest = hashlib.blake2b(digest_size=DIGEST_SIZE)

    @property
    def is_refused(self) -> bool:
        return self._file is None

    def add(self, body: bytes) -> None:
        """A piece. Raises OSError where it cannot be written, FrameError where it does not belong."""
        raw, is_zero = decode_piece(body)
        self.done += len(raw)
        if self.done > self.size:
            raise FrameError(f"more than the {self.size} bytes that were announced")
        if self._file is None:
            return
        self._digest.update(raw)
        if is_zero:
            # A hole in the file reads as zeros, and takes no room.
            self._file.seek(len(raw), os.SEEK_CUR)
            return
        view = memoryview(raw)
        while view:
            view = view[self._file.write(view) :]

    def end(self, digest: str) -> None:
        """Raises FrameError where it is not what was sent, OSError where it cannot be written."""
        if self._file is None:
            return
        if self.done != self.size or digest != self._digest.hexdigest():
            raise FrameError("an array is not the one that was sent")
        with self._file as file:
            file.truncate(self.size)
        self._file = None

    def give_up(self) -> None:
        """What comes of it from now on is dropped."""
        if self._file is not None:
            self._file.close()
        self._file = None


class Receiver:
    """Takes ``array``, ``end`` and ``drop`` of ``CONTROL`` frames and ``DATA``.

    Args:
        place: where an array goes.
        has: the file of an array by its digest and token, where it is here still.
        failed: the error of a disk that does not take an array.
        tell: sends words to the other side.
        progress: gets the number of the request, bytes that have arrived, and all of the array.
    """

    def __init__(
        self,
        place: Place,
        failed: Callable[[Path | None, OSError], UNetSegmentError],
        tell: Callable[..., None],
        progress: Callable[[int | None, int, int], None] = lambda number, done, total: None,
        has: Callable[[str, str, int | None], bool] = lambda digest, token, number: False,
        arrived: Callable[[str, int | None, str, int], None] = lambda token, number, digest, size: None,
    ) -> None:
        self._place, self._failed, self._tell = place, failed, tell
        self._progress, self._has, self._arrived = progress, has, arrived
        self._now: Arriving | None = None
        self._errors: dict[str, UNetSegmentError] = {}
        # What has travelled, and what that was before it was packed.
        self.bytes_of_pieces = 0
        self.bytes_of_voxels = 0

    def error_of(self, token: str) -> UNetSegmentError:
        """Why an array is not here that a line speaks of."""
        lost = WorkerError("Voxels have not arrived.", "Try again.", token[:80], WorkerError.BAD_MESSAGE)
        return self._errors.pop(token, lost)

    def take(self, words: Mapping[str, Any]) -> None:
        """What a ``CONTROL`` frame says of an array. Raises FrameError where it makes no sense."""
        what, token = words["is"], str(words.get("token"))
        if what == "array":
            self._begin(token, words)
        elif self._now is None or self._now.token != token:
            raise FrameError(f"'{what}' of an array that is not arriving")
        elif what == "drop":
            self.close()
        else:
            now, self._now = self._now, None
            if now.is_refused:
                return
            digest = str(words.get("digest"))
            try:
                now.end(digest)
            except OSError as error:
                self._refuse(now, error)
            else:
                self._arrived(token, now.number, digest, now.size)

    def add(self, body: bytes) -> None:
        """A piece of the array that is arriving."""
        self.bytes_of_pieces += len(body)
        now = self._now
        if now is None:
            raise FrameError("a piece of no array")
        before = now.done
        try:
            now.add(body)
        except OSError as error:
            self._refuse(now, error)
        else:
            self.bytes_of_voxels += now.done - before
            self._progress(now.number, now.done, now.size)

    def close(self) -> None:
        """Nothing more will come of what was arriving."""
        if self._now is not None:
            self._now.give_up()
        self._now = None

    def _begin(self, token: str, words: Mapping[str, Any]) -> None:
        number, size, digest = words.get("number"), words.get("bytes"), words.get("digest")
        self.close()
        if not isinstance(size, int) or size < 0 or not isinstance(number, int | None):
            raise FrameError("an array of no size")
        if digest is not None:
            if self._has(str(digest), token, number):
                self._tell("have", token=token)
                return
            self._tell("want", token=token)
        self._now = Arriving(token, number, size, None, None)
        path = None
        try:
            path = self._place(token, number, size)
            self._now = Arriving(token, number, size, path, _opened(path, size))
        except OSError as error:
            self._refuse(self._now, error, path)
        except UNetSegmentError as error:
            self._tell_refusal(self._now, error)

    def _refuse(self, now: Arriving, error: OSError, path: Path | None = None) -> None:
        now.give_up()
        self._tell_refusal(now, self._failed(path or now.path, error))

    def _tell_refusal(self, now: Arriving, error: UNetSegmentError) -> None:
        self._errors[now.token] = error
        self._tell("refuse", token=now.token, **refusal_words(error))


def is_disk_full(error: OSError) -> bool:
    """Whether there is no room, rather than anything else."""
    return error.errno in DISK_FULL


def _opened(path: Path, size: int) -> BinaryIO:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    file = os.fdopen(handle, "wb", buffering=0)
    try:
        free = shutil.disk_usage(path).free
        if free < size:
            text = f"{size / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free"
            raise OSError(errno.ENOSPC, text)
        file.truncate(0)
    except BaseException:
        file.close()
        raise
    return file
