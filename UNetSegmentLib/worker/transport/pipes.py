"""A worker behind the pipes of a child process, with threads: for tests, scripts and the command line."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from .interface import ExitCallback, ExitStatus, OutputCallback

Calls = queue.SimpleQueue[Callable[[], None] | None]
Outgoing = queue.SimpleQueue[bytes | None]
_CHUNK = 1 << 16


class SubprocessTransport:
    """See :class:`~UNetSegmentLib.worker.transport.interface.Transport`.

    Args:
        threaded: callbacks come on a dispatch thread of this object. Otherwise they come only within :meth:`pump` and
            :meth:`wait`, on the caller's thread.
    """

    def __init__(self, threaded: bool = True) -> None:
        self._threaded = threaded
        self._process: subprocess.Popen[bytes] | None = None
        self._over = threading.Event()
        self._over.set()
        self._dispatcher: threading.Thread | None = None
        self._outgoing: Outgoing = queue.SimpleQueue()
        self._calls: Calls = queue.SimpleQueue()

    def start(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        on_output: OutputCallback,
        on_error_output: OutputCallback,
        on_exit: ExitCallback,
    ) -> None:
        if self.running:
            raise RuntimeError("The process is already running.")
        process = subprocess.Popen(
            list(command),
            env={**os.environ, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            # Ctrl-C in a terminal goes to every process of the foreground group: the client decides, not the terminal.
            start_new_session=sys.platform != "win32",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._process = process
        self._over.clear()
        self._outgoing = queue.SimpleQueue()
        calls = self._calls = queue.SimpleQueue()
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        readers = [
            _thread("stdout", _read, process.stdout, calls, on_output),
            _thread("stderr", _read, process.stderr, calls, on_error_output),
        ]
        _thread("stdin", _write, process.stdin, self._outgoing)
        _thread("exit", self._watch, process, self._outgoing, readers, calls, on_exit)
        self._dispatcher = _thread("dispatch", _dispatch, calls) if self._threaded else None

    def write(self, data: bytes) -> None:
        self._outgoing.put(data)

    def terminate(self) -> None:
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(OSError):
                self._process.kill()
        self._outgoing.put(None)

    def pump(self, seconds: float) -> bool:
        """Runs the callbacks that wait, waiting up to ``seconds`` for a first one; False when none came. Only without
        ``threaded``."""
        ran = False
        with contextlib.suppress(queue.Empty):
            call = self._calls.get(timeout=seconds)
            while call is not None:
                call()
                ran = True
                call = self._calls.get_nowait()
        return ran

    def wait(self, seconds: float) -> bool:
        """See the protocol. All callbacks are over when it returns True (unless called from one of them)."""
        deadline = time.monotonic() + seconds
        if not self._threaded:
            while self.running and (left := deadline - time.monotonic()) > 0:
                self.pump(left)
            return not self.running
        if not self._over.wait(seconds):
            return False
        if self._dispatcher is not None and self._dispatcher is not threading.current_thread():
            self._dispatcher.join(max(0.0, deadline - time.monotonic()))
        return True

    @property
    def running(self) -> bool:
        return not self._over.is_set()

    def _watch(
        self,
        process: subprocess.Popen[bytes],
        outgoing: Outgoing,
        readers: Sequence[threading.Thread],
        calls: Calls,
        on_exit: ExitCallback,
    ) -> None:
        code = process.wait()
        outgoing.put(None)
        for reader in readers:
            # A grandchild that holds the pipe must not keep the exit from being told.
            reader.join(5.0)
        calls.put(lambda: self._finish(on_exit, _exit_status(code)))
        calls.put(None)

    def _finish(self, on_exit: ExitCallback, status: ExitStatus) -> None:
        self._over.set()
        on_exit(status)


def _thread(name: str, target: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, name=f"worker-{name}", daemon=True)
    thread.start()
    return thread


def _read(pipe: IO[bytes], calls: Calls, callback: OutputCallback) -> None:
    with contextlib.suppress(OSError, ValueError), pipe:
        while data := pipe.read(_CHUNK):
            calls.put(lambda data=data: callback(data))  # type: ignore[misc]


def _write(pipe: IO[bytes], outgoing: Outgoing) -> None:
    """Feeds the process's stdin, so that a worker that reads slowly never holds up who writes."""
    with contextlib.suppress(OSError, ValueError), pipe:
        while (data := outgoing.get()) is not None:
            view = memoryview(data)
            while view:
                view = view[pipe.write(view) :]


def _dispatch(calls: Calls) -> None:
    while (call := calls.get()) is not None:
        call()


def _exit_status(code: int) -> ExitStatus:
    if code >= 0:
        # Windows reports a native fault as an NTSTATUS, e.g. 0xC0000005.
        crashed = sys.platform == "win32" and code >= 0xC0000000
        return ExitStatus(code, crashed, f"exit code 0x{code:08X}" if crashed else "")
    try:
        name = f" ({signal.Signals(-code).name})"
    except ValueError:
        name = ""
    return ExitStatus(None, True, f"signal {-code}{name}")
