"""The process on this computer: an ordinary worker for its client, behind which ssh and the far end stand.

Files of requests go to the host and results come back into the files that the client holds ready. It never starts a
network, holds no voxels in memory but those of a piece, and ends when its client does. Imports no torch.
"""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import Cancelled, UNetSegmentError
from ...io.atomic import output_error
from ..errors import ProtocolError, WorkerError
from ..exchange.folders import remove_abandoned
from ..protocol.encoding import LINES, decode_request
from ..protocol.lines import GuardedLines
from ..protocol.messages import ClientHello, Event, Failure, Log, Problem, Progress
from ..serving.outbox import Outbox
from ..serving.parent import watch_parent
from ..serving.stdio import Channel
from .failures import broken_error, far_error
from .models import ModelSending
from .opening import Login
from .options import FarOptions
from .references import Names, encoded, parsed, rename_arrays, result_files, with_results
from .stream.frames import FrameError, Kind, frame
from .stream.link import Link
from .stream.receiving import Receiver
from .stream.sending import Outgoing, Parcel

PING_SECONDS = 20.0
TELL_FROM = 4 << 20
"""Bytes of a request's arrays from which on their way is told as progress."""
_HERE_ALONE = {
    "import": "Importing a model",
    "library-install": "Installing a model",
    "train": "Training",
    "compress": "Making a quick version of a model",
}
_STEPS = ("hello", "ready", "progress", "log")
_MB = 1e6
_LAST_WORDS = 30.0  # seconds
_CHUNK = 1 << 16

logger = logging.getLogger(__name__)


class Relay:
    """Args:
    channel: private ends of the pipes to the client.
    options: which host, and how.
    """

    def __init__(self, channel: Channel, options: FarOptions) -> None:
        self._input, self._options, self._host = channel.input, options, options.host
        self._outbox = Outbox(channel.output, self._client_gone)
        self._link = Link(self._on_line, self._on_control, self._unwritten)
        self._receiver = Receiver(
            self._place,
            _cannot_write,
            self._link.tell,
            self._receiving,
            arrived=lambda token, *_: self._here.add(token),
        )
        self._link.receiver = self._receiver
        self._here: set[str] = set()
        self._models = ModelSending(options)
        self._names = Names()
        self._lock = threading.Lock()
        # Of requests without an answer: the client's files for results by name, and its folder ("").
        self._asked: dict[int, dict[str, str]] = {}
        self._folders: set[str] = set()
        self._login: Login | None = None
        self._opened = False
        self._traffic = (0, 0, 0, 0)
        self._ending = threading.Event()
        self._gone: int | None = None

    def run(self) -> None:
        """Serves until the client, the host or the worker there is gone; never returns."""
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        try:
            self._login = login = Login(self._host, self._options.ssh, self._options.refine, self._log)
            login.greet()
        except UNetSegmentError as error:
            self._end(error, 1)
            return
        self._opened = True
        self._link.open(login.input)
        threading.Thread(target=self._ping, name="ping", daemon=True).start()
        detail = ""
        try:
            self._link.run(login.output)
        except FrameError as error:
            detail = f"{error}\n"
        if self._gone is not None:
            login.close()
            self._end(self._worker_ended(self._gone) if self._gone else None, self._gone)
            return
        code = login.wait(2.0)
        how = "what arrived was damaged" if detail else f"ssh ended with code {code}" if code else "the far end is gone"
        self._end(broken_error(self._host, how, detail + login.said), 1)

    # -- from the client, on the reader's thread -----------------------------------------------------------------------

    def _read(self) -> None:
        lines = GuardedLines(lambda reason: self._outbox.send(Failure(Problem.of(ProtocolError(reason, LINES)))))
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(self._input.fileno(), _CHUNK):
                for line in lines.feed(data):
                    if line.strip():
                        self._take(line)
        self._client_gone()

    def _take(self, line: bytes) -> None:
        body = parsed(line)
        number = None if body is None else body.get("id")
        try:
            if body is None:
                self._link.urgent(frame(Kind.LINE, line))
            else:
                self._request(body, line)
        except UNetSegmentError as error:
            self._fail(number if isinstance(number, int) else None, error)
        except Exception as error:
            logger.exception("unexpected error in a line")
            failure = WorkerError(f"The relay met an unexpected error ({error!r}).", code=WorkerError.INTERNAL)
            self._fail(number if isinstance(number, int) else None, failure)

    def _request(self, body: dict[str, Any], line: bytes) -> None:
        kind, number = body.get("type"), body.get("id")
        if kind == "hello":
            hello = decode_request(line)
            if isinstance(hello, ClientHello):
                watch_parent(hello.pid, hello.host, self._client_gone)
        elif kind == "cancel" and isinstance(number, int):
            if self._link.drop(number):
                self._fail(number, Cancelled())
            else:
                self._link.urgent(frame(Kind.LINE, line))
        elif kind == "shutdown":
            for waiting in self._link.numbers():
                if self._link.drop(waiting):
                    self._fail(waiting, Cancelled("The worker was stopped."))
            self._ending.set()
            self._link.urgent(frame(Kind.LINE, line))
            if not self._opened:
                self._client_gone()
        elif kind in _HERE_ALONE:
            raise far_error(
                WorkerError.FAR_NOT_THERE,
                f"{_HERE_ALONE[kind]} runs on this computer, not on {self._host.host}.",
                "Choose this computer for it; a model can be sent to the host afterwards.",
            )
        else:
            self._forward(body, number if isinstance(number, int) else None)

    def _forward(self, body: dict[str, Any], number: int | None) -> None:
        """A request with its voxels, and the model before them where the host lacks it."""
        arrays: list[Outgoing] = []

        def token(array: dict[str, Any]) -> str:
            arrays.append(_outgoing(f"array/{number}/{len(arrays)}", array))
            return arrays[-1].token

        changed = rename_arrays(self._names.hidden(body), token)
        files = result_files(body)
        if isinstance(body.get("folder"), str):
            self._folders.add(body["folder"])
            changed["folder"] = ""
        if number is not None:
            with self._lock:
                self._asked[number] = {**files, "": str(body.get("folder", ""))}
        package = self._models.package_of(changed)
        brings = package is not None and body.get("type") != "unload"
        changed = with_results(changed, {name: name for name in files})
        self._link.send(
            Parcel(
                encoded(self._models.named(changed, package)),
                number,
                tuple(arrays),
                before=self._models.steps(package, self._telling(number, package.size)) if package and brings else None,
                refused=lambda error: self._fail(number, error),
                progress=self._telling(number, sum(array.size for array in arrays)),
            )
        )

    # -- from the host, on the link's reading thread -------------------------------------------------------------------

    def _on_line(self, line: bytes) -> None:
        body = parsed(line)
        if body is None:
            self._outbox.send(Log("WARNING", f"Unreadable line from {self._host.host}."))
            return
        number, kind = body.get("id"), body.get("type")
        if kind == "hello":
            # To be watched and ended by the client in the worker's place.
            body = {**body, "pid": os.getpid(), "host": platform.node()}
        with self._lock:
            files = self._asked.get(number, {}) if isinstance(number, int) else {}
        try:
            line = self._names.shown(encoded(rename_arrays(body, lambda array: self._arrived(array["path"], files))))
        except UNetSegmentError as error:
            self._fail(number if isinstance(number, int) else None, error)
            return
        if isinstance(number, int) and kind not in _STEPS:
            self._tell_traffic(number)
            self._outbox.send_line(line)
            self._answered(number)
        else:
            self._outbox.send_line(line)

    def _on_control(self, words: dict[str, Any]) -> None:
        if words["is"] == "gone":
            self._gone = int(words.get("code") or 0)

    def _place(self, token: str, number: int | None, size: int) -> Path:
        with self._lock:
            files = self._asked.get(number if number is not None else -1, {})
        return Path(_wanted(token, files))

    def _arrived(self, token: str, files: dict[str, str]) -> str:
        """Where the array of a result is."""
        if token not in self._here:
            raise self._receiver.error_of(token)
        self._here.discard(token)
        return _wanted(token, files)

    def _receiving(self, number: int | None, done: int, total: int) -> None:
        self._tell_progress(number, f"receiving from {self._host.host}", done, total)

    # -- internals -----------------------------------------------------------------------------------------------------

    def _telling(self, number: int | None, size: int) -> Any:
        stage = f"sending to {self._host.host}"
        return lambda done, total: self._tell_progress(number, stage, done, total)

    def _tell_progress(self, number: int | None, stage: str, done: int, total: int) -> None:
        if number is None or total < TELL_FROM:
            return
        event = Progress(number, stage, int(done / _MB), int(total / _MB))
        if done >= total or done == 0:
            self._outbox.send(event)
        else:
            self._outbox.offer(event)

    def _tell_traffic(self, number: int) -> None:
        """What has travelled since the last answer, for the log."""
        sender, receiver = self._link.sender, self._receiver
        now = (sender.bytes_of_voxels, sender.bytes_of_arrays, receiver.bytes_of_voxels, receiver.bytes_of_pieces)
        sent, as_sent, received, as_received = (new - old for new, old in zip(now, self._traffic, strict=True))
        self._traffic = now
        if max(sent, received) >= 1 << 20:
            words = (
                f"{sent / _MB:.1f} MB of voxels went to {self._host.host} as {as_sent / _MB:.1f} MB, "
                f"{received / _MB:.1f} MB came back as {as_received / _MB:.1f} MB."
            )
            self._outbox.send(Log("INFO", words, number))

    def _fail(self, number: int | None, error: UNetSegmentError) -> None:
        self._outbox.send(Failure(Problem.of(error), number))
        if number is not None:
            self._answered(number)

    def _answered(self, number: int) -> None:
        with self._lock:
            self._asked.pop(number, None)

    def _log(self, line: str) -> None:
        if line.strip():
            self._outbox.send(Log("STDERR", line))

    def _ping(self) -> None:
        while not self._ending.wait(PING_SECONDS):
            self._link.tell("alive")

    def _worker_ended(self, code: int) -> UNetSegmentError:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return WorkerError(
            f"The worker on {self._host.host} ended ({how}).",
            "Try again: a new one starts by itself. If it happens every time, choose another device or a smaller"
            " region.",
            self._login.said if self._login is not None else "",
            WorkerError.CRASHED,
        )

    def _unwritten(self) -> None:
        """Nothing more can be sent. A host that has left may have said why, and that is still on its way: the reading
        thread ends this process with it. Where nothing comes, the connection is ended."""
        time.sleep(_LAST_WORDS)
        if self._login is not None:
            self._login.kill()

    def _end(self, error: UNetSegmentError | None, code: int) -> None:
        """The host is gone; the client is told why, and this process ends."""
        if error is not None and not self._ending.is_set():
            said: Event = Failure(Problem.of(error))
            self._outbox.send(said)
        self._outbox.close()
        if self._login is not None:
            self._login.kill()
        os._exit(code if 0 <= code < 256 else 1)

    def _client_gone(self) -> None:
        """The client is gone: so is the reason for all this."""
        self._ending.set()
        if self._login is not None:
            self._login.close(1.0)
        for folder in tuple(self._folders):
            remove_abandoned(Path(folder))
        os._exit(0)


def _outgoing(token: str, array: dict[str, Any]) -> Outgoing:
    path = Path(array["path"])
    try:
        size, itemsize = path.stat().st_size, np.dtype(array["dtype"]).itemsize
    except (OSError, TypeError, ValueError) as error:
        raise WorkerError(f"The voxel file {path} cannot be read ({error}).", "Try again.") from error
    return Outgoing(token, lambda: path.open("rb", buffering=0), size, itemsize)


def _cannot_write(path: Path | None, error: OSError) -> UNetSegmentError:
    return output_error(path.parent if path is not None else Path(), error)


def _wanted(token: str, files: dict[str, str]) -> str:
    """Where the client wants the array of a result."""
    _, _, rest = token.partition("/")
    number, _, name = rest.partition("/")
    if name and files.get(name):
        return files[name]
    if not files.get("") or not name.isalnum() or not number.isdecimal():
        raise WorkerError(f"An answer holds an array that nobody asked for ({token[:80]}).")
    return str(Path(files[""]) / f"result-{number}-{name}.raw")
