"""The requests of a client that wait for an answer."""

from __future__ import annotations

import threading

from ..exchange.folders import HeldFile

Files = tuple[HeldFile, ...]


class PendingRequests:
    """Numbers requests and keeps them, with the voxel files that go with each, while there is a process to answer.

    The lock guards against transports that deliver on another thread than their user's. It is never held while somebody
    else's code is called, so a single-threaded user never waits on it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[int, Files] = {}
        self._count = 0
        self._open = False

    @property
    def numbers(self) -> tuple[int, ...]:
        """Requests that wait, oldest first."""
        with self._lock:
            return tuple(self._files)

    @property
    def is_open(self) -> bool:
        """Whether there is a process."""
        return self._open

    def open(self) -> None:
        """There is a process now."""
        with self._lock:
            self._open = True

    def close(self) -> dict[int, Files]:
        """The process is gone: hands over whatever still waits."""
        with self._lock:
            waiting, self._files = self._files, {}
            self._open = False
            return waiting

    def new_number(self) -> int:
        """A number that no request of this client had before."""
        with self._lock:
            self._count += 1
            return self._count

    def add(self, number: int, files: Files) -> bool:
        """Puts a request on the list; False when the process is gone."""
        with self._lock:
            if self._open:
                self._files[number] = files
            return self._open

    def finish(self, number: int) -> bool:
        """Takes a request off the list and removes its files; False when it was not on it."""
        with self._lock:
            files = self._files.pop(number, None)
        if files is None:
            return False
        discard(files)
        return True


def discard(files: Files) -> None:
    """Lets voxel files go."""
    for file in files:
        file.release()
