"""Trying a host: whether it is reached, what it has, and how quick the line is."""

from __future__ import annotations

import contextlib
import io
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...errors import UNetSegmentError
from ...progress import CancelToken
from ..errors import WorkerError, error_from_code
from ..protocol.encoding import decode_event
from ..protocol.messages import Device, Hello, Problem, Ready
from ..protocol.wire import to_json
from .address import FarHost
from .failures import broken_error
from .opening import Login
from .options import FarOptions
from .stream.frames import FrameError
from .stream.link import Link
from .stream.receiving import Receiver
from .stream.sending import Outgoing, Parcel

SECONDS = 20.0
_PINGS = 5
_TRIAL_BYTES = 8 << 20
_POLL = 0.05


@dataclass(frozen=True)
class FarReport:
    """What a trial has found.

    Args:
        reachable: whether ssh came through.
        python, library, torch: versions on the host; empty while unknown, or where there is none.
        devices: that networks can run on there.
        seconds: until the worker there was ready.
        round_trip: milliseconds; None where it was not measured.
        upload, download: MB of voxels in a second; None where they were not measured.
        problem: why it cannot be used, with the command that cures it.
    """

    reachable: bool = False
    python: str = ""
    library: str = ""
    torch: str = ""
    devices: tuple[Device, ...] = ()
    seconds: float = 0.0
    round_trip: float | None = None
    upload: float | None = None
    download: float | None = None
    problem: UNetSegmentError | None = None

    def words(self) -> dict[str, Any]:
        """As plain values, for JSON; ``problem`` is an object of ``code``, ``cause``, ``cure`` and ``detail``."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "problem"}
        problem = None if self.problem is None else Problem.of(self.problem)
        words: dict[str, Any] = to_json({**told, "problem": problem})
        return words


def check_host(
    host: FarHost,
    ssh: Sequence[str] = ("ssh",),
    timeout: float = SECONDS,
    cancel: CancelToken | None = None,
    speed: bool = False,
) -> FarReport:
    """Tries a host; what is wrong stands in the report.

    Args:
        ssh: program and first arguments.
        timeout: seconds for the login, and as many for the worker to be ready.
        speed: measure the line too, by 8 MB there and back.

    Raises:
        Cancelled: through ``cancel``.
    """
    started = time.monotonic()
    report = FarReport()
    try:
        login = Login(host, ssh)
    except UNetSegmentError as error:
        return replace(report, problem=error, seconds=time.monotonic() - started)
    trial = _Trial(login, cancel)
    try:
        greeting = trial.do(lambda: login.greet(timeout))
        report = replace(report, reachable=True, python=greeting.python, library=greeting.library)
        trial.open()
        ready = trial.wait(lambda: trial.ready, timeout, "the worker there was not ready in time")
        report = replace(report, torch=ready.torch or "", devices=ready.devices, seconds=time.monotonic() - started)
        if ready.problem is not None:
            problem = ready.problem
            raise error_from_code(problem.code, problem.cause, f"{problem.cure} On {host.host}.", problem.detail)
        if speed:
            report = replace(report, round_trip=trial.round_trip(timeout))
            up, down = trial.speeds(timeout)
            report = replace(report, upload=up, download=down)
        return report
    except UNetSegmentError as error:
        if cancel is not None:
            cancel.raise_if_cancelled()
        reachable = report.reachable or error.code != WorkerError.FAR_UNREACHABLE
        seconds = report.seconds or time.monotonic() - started
        return replace(report, problem=error, reachable=reachable, seconds=seconds)
    finally:
        login.close()
        trial.close()


def print_check(options: FarOptions) -> None:
    """Prints the report of a host as one line of JSON on stdout, and nothing else there."""
    report = check_host(options.host, options.ssh)
    os.write(1, json.dumps(report.words()).encode("ascii") + b"\n")


@dataclass(eq=False)
class _Trial:
    """A login that is tried, from one thread."""

    login: Login
    cancel: CancelToken | None
    hello: Hello | None = None
    ready: Ready | None = None
    _said: set[str] = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)
    _link: Link = field(init=False)
    _folder: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)

    def do(self, work: Callable[[], Any]) -> Any:
        """Work on another thread, so that a cancel is heard meanwhile. Raises what it raises, and Cancelled."""
        outcome: list[Any] = []

        def run() -> None:
            try:
                outcome.append(work())
            except Exception as error:
                outcome.append(error)

        threading.Thread(target=run, daemon=True).start()
        while not outcome:
            self._look()
            time.sleep(_POLL)
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return outcome[0]

    def __post_init__(self) -> None:
        self._link = Link(self._on_line, self._on_control, self._over.set)

    def open(self) -> None:
        """Begins to take what the far end says."""
        self._link.receiver = Receiver(
            lambda *_: Path(self._folder.name) / "trial",
            _unwritable,
            self._link.tell,
            arrived=lambda token, *_: self._said.add(token),
        )
        self._link.open(self.login.input)
        threading.Thread(target=self._run, daemon=True).start()

    def wait(self, condition: Callable[[], Any], seconds: float, what: str) -> Any:
        """Waits for something. Raises WorkerError where the connection ends or it takes too long, and Cancelled."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            self._look()
            if self._over.is_set() or time.monotonic() > deadline:
                why = "it ended" if self._over.is_set() else what
                raise broken_error(self.login.host, why, self.login.said)
            time.sleep(0.001)
        return value

    def round_trip(self, seconds: float) -> float:
        """Milliseconds there and back, the median of some."""
        times = []
        for number in range(_PINGS):
            token = f"ping/{number}"
            started = time.perf_counter()
            self._link.tell("ping", token=token)
            self.wait(lambda token=token: token in self._said, seconds, "it stopped answering")  # type: ignore[misc]
            times.append(time.perf_counter() - started)
        return statistics.median(times) * 1000

    def speeds(self, seconds: float) -> tuple[float, float]:
        """MB a second there and back, of numbers that cannot be packed."""
        data = os.urandom(_TRIAL_BYTES)
        started = time.perf_counter()
        self._link.send(Parcel(b"", None, (Outgoing("trial", lambda: io.BytesIO(data), len(data)),)))
        window = self._link.sender.window
        self.wait(lambda: window.acked >= window.sent > len(data), seconds, "voxels did not arrive")
        up = time.perf_counter() - started
        started = time.perf_counter()
        self._link.tell("trial", token="trial")
        self.wait(lambda: "trial" in self._said, seconds, "voxels did not come back")
        return len(data) / 1e6 / up, len(data) / 1e6 / (time.perf_counter() - started)

    def close(self) -> None:
        """Leaves nothing behind."""
        self._link.close()
        with contextlib.suppress(OSError):
            self._folder.cleanup()

    def _look(self) -> None:
        if self.cancel is not None and self.cancel.cancelled:
            self.login.kill()
            self.cancel.raise_if_cancelled()

    def _run(self) -> None:
        try:
            self._link.run(self.login.output)
        except FrameError:
            pass
        finally:
            self._over.set()

    def _on_line(self, line: bytes) -> None:
        event = decode_event(line)
        if isinstance(event, Hello):
            self.hello = event
        elif isinstance(event, Ready):
            self.ready = event

    def _on_control(self, words: dict[str, Any]) -> None:
        self._said.add(str(words.get("token")))


def _unwritable(path: Path | None, error: OSError) -> UNetSegmentError:
    return UNetSegmentError(f"{path}: {error}")
