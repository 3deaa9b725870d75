"""The near side of :mod:`.reading_process`: starts it, asks, waits, and says what went wrong where it ends."""

from __future__ import annotations

import contextlib
import errno
import json
import mmap
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .. import errors
from ..budget import available_memory, size_words
from ..errors import InputError, ResourceError, UNetSegmentError
from ..geometry import Geometry
from ..progress import CancelToken
from ..volume import Volume

_PATIENCE = 120.0
_FOLDER_PATIENCE = 1800.0
_SLOWEST = 1e6  # bytes a second, from a slow network
_LONGEST_ANSWER = 1 << 24
_LOOK = 0.1
_LAST_WORDS = 1 << 16
_DTYPES = {np.dtype(kind) for kind in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4")}
_NAMED = 3


def can_start() -> bool:
    """Whether this program is a Python that another one can be started from."""
    return Path(sys.executable or "").stem.lower().startswith("python")


class Reader:
    """A process that reads, started when it is first needed and again after it has ended; one request at a time.

    Args:
        command: what is started.
        patience: seconds until a file is given up, on top of those that its size may take.
    """

    def __init__(self, command: Sequence[str] | None = None, patience: float = _PATIENCE) -> None:
        self._command = command or (sys.executable, "-m", "UNetSegmentLib.io.reading_process")
        self._patience = patience
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.Queue[bytes] = queue.Queue()
        self._words: BinaryIO | None = None

    def begin(
        self, path: Path, series: str | None, further_as_channels: bool, cancel: CancelToken | None
    ) -> Callable[[], Volume]:
        """Asks for an image; what is returned waits for it and must be called once.

        Raises:
            InputError, ResourceError, Cancelled: see :func:`.guarded.read_volume`; the process cannot be started.
        """
        request = {
            "path": os.fsencode(path.absolute()).hex(),
            "series": series,
            "further_as_channels": further_as_channels,
        }
        self._lock.acquire()
        try:
            handle, voxels = self._ask(request)
        except BaseException:
            self._lock.release()
            raise

        def collect() -> Volume:
            try:
                with handle:
                    return _volume(self._wait(path, cancel), handle, path)
            finally:
                with contextlib.suppress(OSError):
                    Path(voxels).unlink(missing_ok=True)
                self._lock.release()

        return collect

    def close(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, self._words):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _ask(self, request: dict[str, Any]) -> tuple[BinaryIO, str]:
        try:
            number, voxels = tempfile.mkstemp(prefix="unetsegment-voxels-")
        except OSError as error:
            raise _no_room(error.strerror or str(error)) from error
        handle = os.fdopen(number, "rb")
        line = json.dumps({**request, "voxels": voxels}).encode() + b"\n"
        try:
            try:
                self._send(line)
            except OSError:
                self.close()  # it had gone for want of work
                self._send(line)
        except OSError as error:
            handle.close()
            Path(voxels).unlink(missing_ok=True)
            raise InputError(
                "The process that reads images could not be started.", "Free some memory and try again.", str(error)
            ) from error
        return handle, voxels

    def _send(self, line: bytes) -> None:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._start()
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def _start(self) -> None:
        library = str(Path(__file__).resolve().parents[2])
        rest = os.environ.get("PYTHONPATH")
        path = os.pathsep.join([library, rest] if rest else [library])
        self._words = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._answers = queue.Queue()
        threading.Thread(target=_listen, args=(self._process, self._answers), daemon=True).start()

    def _wait(self, path: Path, cancel: CancelToken | None) -> dict[str, Any]:
        try:
            line = self._next_line(path, cancel)
        except BaseException:
            self.close()  # an answer that nobody waits for must not be taken for the next one's
            raise
        if not line.endswith(b"\n"):
            raise self._ended(path)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _next_line(self, path: Path, cancel: CancelToken | None) -> bytes:
        most = _FOLDER_PATIENCE if path.is_dir() else self._patience + path.stat().st_size / _SLOWEST
        end = time.monotonic() + most
        while True:
            with contextlib.suppress(queue.Empty):
                return self._answers.get(timeout=_LOOK)
            if cancel is not None:
                cancel.raise_if_cancelled()
            if time.monotonic() > end:
                raise InputError(
                    f"Reading '{path.name}' took more than {most:.0f} s and was stopped.",
                    "The file is probably damaged. Copy or export it again.",
                )

    def _ended(self, path: Path) -> UNetSegmentError:
        """What is said of a process that ended instead of answering."""
        process, words = self._process, self._words
        assert process is not None and words is not None
        code = process.wait()
        words.seek(0, 2)
        words.seek(max(words.tell() - _LAST_WORDS, 0))
        said = words.read().decode("utf-8", "replace")
        self.close()
        how = _how(code)
        if code == -getattr(signal, "SIGKILL", 9):
            return ResourceError(
                f"The process that read '{path.name}' was ended by the system, most likely for its memory "
                f"({size_words(available_memory())} are free).",
                "Close other programs, or use a smaller image.",
                said[-2000:],
            )
        inside = _at(said, path)
        return InputError(
            f"'{path.name}' cannot be read: {inside}it made the library that reads such files end its process ({how}).",
            "It is damaged, or made to do harm. Export it again, or convert it with the program that it comes from.",
            said[-2000:],
        )


def _listen(process: subprocess.Popen[bytes], answers: queue.Queue[bytes]) -> None:
    """Hands over the lines of a process; an empty one when it has ended."""
    assert process.stdout is not None
    with contextlib.suppress(OSError, ValueError):
        while line := process.stdout.readline(_LONGEST_ANSWER):
            answers.put(line)
    answers.put(b"")


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _at(said: str, path: Path) -> str:
    """Which files of a folder were being read when it ended."""
    opened: list[str] = []
    for line in said.splitlines():
        word, _, name = line.partition(" ")
        if word == "reading" and name.startswith("'"):
            opened.append(name)
        elif word == "read" and name in opened:
            opened.remove(name)
    names = [name for name in opened if name != repr(path.name)][:_NAMED]
    return f"at {', '.join(names)} " if names else ""


def _volume(answer: dict[str, Any], handle: BinaryIO, path: Path) -> Volume:
    if "code" in answer:
        raise _error(answer)
    if "memory" in answer:
        raise ResourceError(
            f"Memory ran out while reading '{path.name}' ({size_words(available_memory())} are free).",
            "Close other programs, or use a smaller image.",
            str(answer["memory"]),
        )
    if "system" in answer:
        if answer["errno"] == errno.ENOSPC:
            raise _no_room(str(answer["system"]))
        raise InputError(f"'{path.name}' cannot be read ({answer['system']}).", "Check the file and its disk.")
    if "unexpected" in answer:
        raise InputError(
            f"'{path.name}' is damaged or incomplete: its voxels could not be read.",
            "Copy or export the file again, and check that its size is the same as the original's.",
            str(answer["unexpected"]),
        )
    dtype, shape = np.dtype(answer["dtype"]), tuple(answer["shape"])
    if dtype not in _DTYPES:
        raise InputError(f"'{path.name}' holds numbers of type {dtype}.", "Save it as float or 16-bit integers.")
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if os.name == "nt":
        voxels = np.fromfile(handle, dtype)  # a mapped file could not be removed there
    else:
        # A private mapping: the file has no name any more, and what is changed here goes nowhere.
        voxels = np.frombuffer(mmap.mmap(handle.fileno(), size, access=mmap.ACCESS_COPY), dtype)
    geometry = Geometry(*(tuple(answer[name]) for name in ("size", "spacing", "origin", "direction")))  # type: ignore[arg-type]
    return Volume(
        voxels.reshape(shape), geometry, path.name, tuple(answer["notes"]), answer["modality"], answer["series"]
    )


def _error(answer: dict[str, Any]) -> UNetSegmentError:
    """The library's own error of a code."""
    texts = (str(answer["cause"]), str(answer["cure"]), str(answer["detail"]))
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, UNetSegmentError) and kind.code == answer["code"]:
            return kind(*texts)
    return InputError(*texts)


def _no_room(reason: str) -> ResourceError:
    return ResourceError(
        f"The temporary folder '{tempfile.gettempdir()}' has no room for the voxels.",
        "Free some space there, or name another folder with TMPDIR.",
        reason,
    )
