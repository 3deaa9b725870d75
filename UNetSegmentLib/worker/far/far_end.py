"""The process on the host: starts the ordinary worker and stands between it and the frames that come through ssh.

Voxels that arrive are written to files of a private folder, which the worker maps; what it writes goes back from there.
Whoever of the two that this one hangs between ends, the other ends too, and the folder goes. Imports no torch.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import OutputError, UNetSegmentError
from ...version import __version__
from ..errors import WorkerError
from ..protocol.encoding import encode
from ..protocol.lines import LineBuffer
from ..protocol.messages import PROTOCOL_VERSION, ClientHello, Failure, Problem
from ..serving.stdio import Channel
from ..transport.launch import default_command, default_environment, refine_command
from .cache import HostFiles
from .failures import far_error
from .packages import MODEL_FILE, MODEL_PREFIX
from .references import encoded, parsed, rename_arrays, result_files, with_results
from .store import ModelStore
from .stream.frames import MAGIC, FrameError, Kind, control, frame
from .stream.link import Link
from .stream.receiving import Receiver, is_disk_full
from .stream.sending import Outgoing, Parcel, Sender, Steps, refusal_words

QUIET = 900.0
"""Seconds without a word from the client's machine after which it is taken for gone."""
_STEPS = ("hello", "ready", "progress", "log")
_CHUNK = 1 << 16

logger = logging.getLogger(__name__)


class FarEnd:
    """Args:
    channel: ends of the pipes to sshd.
    refine: the worker corrects masks.
    store: of models.
    """

    def __init__(self, channel: Channel, refine: bool = False, store: ModelStore | None = None) -> None:
        self._input = io.FileIO(channel.input.fileno(), "rb", closefd=False)
        self._output = channel.output
        self._store = store or ModelStore()
        self._lock = threading.Lock()
        self._results: dict[str, tuple[int, str]] = {}
        self._heard = time.monotonic()
        self._left = threading.Event()
        self._link = Link(self._on_line, self._on_control, self._leave)
        self._files = HostFiles()
        self._receiver = Receiver(self._place, _no_room, self._link.tell, has=self._has, arrived=self._arrived)
        self._link.receiver = self._receiver
        self._worker = subprocess.Popen(
            refine_command() if refine else default_command(),
            env={**os.environ, **default_environment()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def run(self) -> None:
        """Serves until the connection or the worker ends; never returns."""
        for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            with contextlib.suppress(ValueError, OSError):
                signal.signal(number, lambda *_: self._leave())
        greeting = control(
            "greeting",
            library=__version__,
            protocol=PROTOCOL_VERSION,
            python=platform.python_version(),
            executable=sys.executable,
        )
        self._write_all(MAGIC + greeting)
        self._to_worker(encode(ClientHello(pid=os.getpid(), host=platform.node(), folder=str(self._files.path))))
        self._link.open(self._output)
        for task in (self._listen, self._watch):
            threading.Thread(target=task, daemon=True).start()
        try:
            self._link.run(self._input)
        except FrameError as error:
            logger.error("What comes through ssh is damaged: %s", error)
        except Exception:
            logger.exception("unexpected error in what comes through ssh")
        finally:
            self._leave()

    # -- from the client's machine, on the link's reading thread -------------------------------------------------------

    def _on_line(self, line: bytes) -> None:
        self._heard = time.monotonic()
        body = parsed(line)
        if body is None:
            self._to_worker(line)
            return
        number = body.get("id")
        if body.get("type") == "cancel" and isinstance(number, int) and self._link.drop(number):
            self._fail(number, WorkerError("The run was cancelled.", code="cancelled"))
            return
        try:
            self._to_worker(encoded(self._for_worker(body)))
        except UNetSegmentError as error:
            self._fail(number if isinstance(number, int) else None, error)

    def _for_worker(self, body: dict[str, Any]) -> dict[str, Any]:
        """A request with the names that things have here."""
        number = body.get("id")

        def path(array: dict[str, Any]) -> str:
            found = self._files.path_of(array["path"])
            if found is None:
                raise self._receiver.error_of(array["path"])
            return str(found)

        changed: dict[str, Any] = rename_arrays(body, path)
        if "folder" in changed:
            changed["folder"] = str(self._files.path)
        files = self._files_for(number, result_files(body)) if isinstance(number, int) else {}
        model = changed.get("model")
        if isinstance(model, str) and model.startswith(MODEL_PREFIX):
            digest, _, name = model.removeprefix(MODEL_PREFIX).partition(":")
            found = self._store.find(digest, name)
            changed["model"] = name if found is None else str(found)
        return with_results(changed, files)

    def _files_for(self, number: int, names: Iterable[str]) -> dict[str, str]:
        """Empty files for an answer, by name."""
        files: dict[str, str] = {}
        for name in names:
            try:
                files[name] = str(self._files.new_result(number))
            except OSError as error:
                raise _no_room(None, error) from error
            with self._lock:
                self._results[files[name]] = (number, name)
        return files

    def _on_control(self, words: dict[str, Any]) -> None:
        self._heard = time.monotonic()
        what, token, digest = words["is"], words.get("token"), str(words.get("digest"))
        if what == "forget":
            self._release(words.get("number"))
            self._store.give_up()
        elif what == "model":
            found = self._store.find(digest, str(words.get("name")))
            self._link.tell("model-is", token=token, there=found is not None)
        elif what in ("model-begin", "model-end"):
            try:
                if what == "model-begin":
                    self._store.begin()
                else:
                    self._store.end(digest)
            except OSError as error:
                self._link.tell("refuse", token=token, **refusal_words(_no_room(None, error)))
            except UNetSegmentError as error:
                self._link.tell("refuse", token=token, **refusal_words(error))
            else:
                self._link.tell("model-is", token=token, there=True)
        elif what == "trial":
            self._send_back(str(token))

    def _place(self, token: str, number: int | None, size: int) -> Path:
        if token.startswith(MODEL_FILE):
            return self._store.place(token.removeprefix(MODEL_FILE))
        return self._files.place(token, number, size)

    def _has(self, digest: str, token: str, number: int | None) -> bool:
        return not token.startswith(MODEL_FILE) and self._files.has(digest, token, number)

    def _arrived(self, token: str, number: int | None, digest: str, size: int) -> None:
        if not token.startswith(MODEL_FILE):
            self._files.arrived(token, number, digest, size)

    def _send_back(self, token: str) -> None:
        """An array of a trial goes back, so that the way back can be timed."""
        path = self._files.path_of(token)
        if path is not None:
            back = Outgoing(token, lambda: path.open("rb", buffering=0), path.stat().st_size)
            self._link.send(Parcel(b"", None, (back,), sent=lambda: self._release(None)))

    # -- from the worker, on a thread of its own -----------------------------------------------------------------------

    def _listen(self) -> None:
        assert self._worker.stdout is not None
        lines = LineBuffer()
        with contextlib.suppress(OSError, ValueError):
            while data := self._worker.stdout.read(_CHUNK):
                for line in lines.feed(data):
                    self._from_worker(line + b"\n")
        code = self._worker.wait()
        done = threading.Event()

        def last(sender: Sender, parcel: Parcel) -> Steps:
            yield control("gone", code=code)

        self._link.send(Parcel(b"", before=last, sent=done.set))
        done.wait(QUIET)
        self._link.close()
        self._leave()

    def _from_worker(self, line: bytes) -> None:
        body = parsed(line)
        number = None if body is None else body.get("id")
        if body is None or not isinstance(number, int) or body.get("type") in _STEPS:
            self._link.urgent(frame(Kind.LINE, line))
            return
        arrays: list[Outgoing] = []

        def token(array: dict[str, Any]) -> str:
            path = array["path"]
            with self._lock:
                _, name = self._results.get(path, (0, Path(path).stem.rpartition("-")[2]))
            arrays.append(_outgoing(f"result/{number}/{name}", array))
            return arrays[-1].token

        try:
            changed = rename_arrays(body, token)
        except OSError as error:
            lost = WorkerError("The voxels of an answer are gone.", "Try again.", str(error))
            self._fail(number, lost)
            return
        self._link.send(
            Parcel(
                encoded(changed),
                number,
                tuple(arrays),
                refused=lambda error: self._fail(number, error),
                sent=lambda: self._release(number),
            )
        )

    def _fail(self, number: int | None, error: UNetSegmentError) -> None:
        self._release(number)
        self._link.urgent(frame(Kind.LINE, encode(Failure(Problem.of(error), number))))

    # -- internals -----------------------------------------------------------------------------------------------------

    def _release(self, number: int | None) -> None:
        with self._lock:
            self._results = {path: owner for path, owner in self._results.items() if owner[0] != number}
            self._files.release(number)

    def _to_worker(self, line: bytes) -> None:
        assert self._worker.stdin is not None
        view = memoryview(line)
        # A worker that is gone is told by its end.
        with contextlib.suppress(OSError, ValueError):
            while view:
                view = view[self._worker.stdin.write(view) :]

    def _watch(self) -> None:
        while time.monotonic() - self._heard < QUIET:
            time.sleep(5.0)
        logger.warning("Nothing has come for %d minutes; the client is taken for gone.", QUIET // 60)
        self._leave()

    def _leave(self) -> None:
        """The end of all that is here."""
        if self._left.is_set():
            return
        self._left.set()
        with contextlib.suppress(OSError):
            self._worker.kill()
        self._store.give_up()
        self._files.remove()
        os._exit(0)

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._output.write(view) :]


def _outgoing(token: str, array: dict[str, Any]) -> Outgoing:
    path = Path(array["path"])
    return Outgoing(
        token,
        lambda: path.open("rb", buffering=0),
        path.stat().st_size,
        np.dtype(array["dtype"]).itemsize,
    )


def _no_room(path: Path | None, error: OSError) -> UNetSegmentError:
    """Why something cannot be written on this host."""
    where = platform.node()
    if is_disk_full(error):
        return far_error(
            WorkerError.FAR_DISK_FULL,
            f"There is no room on {where} for what was sent ({error.strerror or error}).",
            f"Make room on {where}, in its folder for temporary files (TMPDIR) or, for models, in the user's home.",
            str(error),
        )
    return OutputError(
        f"What was sent cannot be written on {where} ({error.strerror or error}).",
        "Check the permissions of its folder for temporary files (TMPDIR).",
        str(error),
    )
