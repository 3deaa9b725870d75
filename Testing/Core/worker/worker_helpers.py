"""What the worker's tests share: a listener that remembers, a transport without a process, processes watched."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.volume import Volume
from UNetSegmentLib.worker import processes
from UNetSegmentLib.worker.client.client import Listener, SegmentRequest, WorkerState
from UNetSegmentLib.worker.protocol.encoding import decode_event, decode_request, encode
from UNetSegmentLib.worker.transport.interface import ExitStatus
from UNetSegmentLib.worker.transport.launch import default_environment

# A slow and loaded machine: a test that passes never waits this long.
PATIENCE = 120.0
# Small networks on a loaded machine: a second thread costs more than it gives.
ENVIRONMENT = {**default_environment(), "OMP_NUM_THREADS": "1"}
FAKE = [sys.executable, str(Path(__file__).with_name("fake_worker.py"))]
GEOMETRY = Geometry((4, 3, 2), (0.5, 1.0, 2.0), (1.0, 2.0, 3.0), (0, 1, 0, -1, 0, 0, 0, 0, 1))


def volume(seed: int = 0) -> Volume:
    voxels = np.random.default_rng(seed).normal(size=(1, 2, 3, 4)).astype(np.float32)
    return Volume(voxels, GEOMETRY, "test image")


def request(model: str = "echo", **changes: Any) -> SegmentRequest:
    return SegmentRequest([volume()], model, **changes)


def until(condition: Callable[[], Any], what: str) -> Any:
    """Waits for something in another process that no event tells of."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)
    return value


def children(pid: int) -> list[int]:
    """Processes that a process has started. Only where there is /proc."""
    found: list[int] = []
    with contextlib.suppress(OSError):  # it has ended
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):  # a thread that has ended
                found += [int(word) for word in (task / "children").read_text().split()]
    return found


def ended(pid: int) -> bool:
    """Gone, or a zombie that a container's first process does not collect."""
    if not processes.alive(pid):
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return not processes.alive(pid)


class Recorder(Listener):
    """Remembers all that a client tells, and lets a test wait for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.events: list[tuple[Any, ...]] = []

    def _add(self, *event: Any) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def on_state(self, state: WorkerState) -> None:
        self._add("state", state)

    def on_ready(self, ready: Any) -> None:
        self._add("ready", ready)

    def on_progress(self, request_id: int, event: Any) -> None:
        self._add("progress", request_id, event)

    def on_log(self, level: str, message: str, request_id: int | None) -> None:
        self._add("log", level, message)

    def on_result(self, request_id: int, result: Any) -> None:
        self._add("result", request_id, result)

    def on_loaded(self, request_id: int, loaded: Any) -> None:
        self._add("loaded", request_id, loaded)

    def on_imported(self, request_id: int, imported: Any) -> None:
        self._add("imported", request_id, imported)

    def on_unloaded(self, request_id: int, unloaded: Any) -> None:
        self._add("unloaded", request_id, unloaded)

    def on_error(self, request_id: int | None, error: Any) -> None:
        self._add("error", request_id, error)

    def on_exit(self, status: ExitStatus, expected: bool) -> None:
        self._add("exit", status, expected)

    def all(self, kind: str) -> list[tuple[Any, ...]]:
        with self._changed:
            return [event[1:] for event in self.events if event[0] == kind]

    def wait(self, kind: str, number: int | None = None, count: int = 1) -> Any:
        """The last value of the ``count``-th event of a kind (of a request)."""

        def found() -> list[tuple[Any, ...]]:
            events = [e for e in self.events if e[0] == kind and (number is None or e[1] == number)]
            return events if len(events) >= count else []

        with self._changed:
            assert self._changed.wait_for(found, PATIENCE), f"no {kind} {number}; only {self.events}"
            return found()[count - 1][-1]

    def answer(self, number: int) -> Any:
        """The result or the error of a request."""

        def found() -> list[Any]:
            kinds = ("result", "error", "loaded", "imported", "unloaded")
            return [e[2] for e in self.events if e[0] in kinds and e[1] == number]

        with self._changed:
            assert self._changed.wait_for(found, PATIENCE), f"no answer to {number}; only {self.events}"
            assert len(found()) == 1
            return found()[0]


class MemoryTransport:
    """A transport without a process: the test plays the worker, on the one and only thread."""

    def __init__(self) -> None:
        self.running = False
        self.sent: list[Any] = []
        self.starts = 0
        self.terminated = 0
        self.refuse = False

    def start(self, command: Any, env: Any, on_output: Any, on_error_output: Any, on_exit: Any) -> None:
        if self.refuse:
            raise FileNotFoundError(2, "No such file or directory", command[0])
        self.output, self.error_output, self.on_exit = on_output, on_error_output, on_exit
        self.running = True
        self.starts += 1

    def write(self, data: bytes) -> None:
        self.sent += [decode_request(line) for line in data.splitlines()]

    def terminate(self) -> None:
        self.terminated += 1
        if self.running:
            self.exit(ExitStatus(None, True, "signal 9 (SIGKILL)"))

    def wait(self, seconds: float) -> bool:
        return not self.running

    def say(self, *messages: Any) -> None:
        self.output(b"".join(map(encode, messages)))

    def exit(self, status: ExitStatus) -> None:
        self.running = False
        self.on_exit(status)


class RawWorker:
    """A worker process and its bare pipes."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **ENVIRONMENT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def send(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def receive(self, kind: str) -> Any:
        """The next event of a kind (others are skipped)."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = decode_event(line)
            if event.kind == kind:
                return event
        raise AssertionError(f"the worker ended without {kind}")

    def end(self) -> int:
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
