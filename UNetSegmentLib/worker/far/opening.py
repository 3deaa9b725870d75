"""Logging in: from the start of ssh to the first words of the far end."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any

from ...version import __version__
from ..errors import WorkerError
from ..protocol.lines import LineBuffer, Tail
from ..protocol.messages import PROTOCOL_VERSION
from .address import FarHost
from .failures import far_error, opening_error, version_error
from .ssh import ssh_command
from .stream.frames import FrameError, Kind, control_words, read_frame, skip_banner

PATIENCE = 90.0
"""Seconds until the far end must have answered: a slow disk may need some to bring Python."""
_END_PATIENCE = 5.0
LogLine = Callable[[str], None]


@dataclass(frozen=True)
class Greeting:
    """What the far end says first.

    Args:
        library, python: versions.
        executable: of its Python.
    """

    library: str
    python: str
    executable: str


class Login:
    """An ssh process and the far end behind it.

    Args:
        host, ssh, refine: see :func:`~.ssh.ssh_command`.
        log: gets what ssh and the host write on stderr, and what the login prints, on threads of this object.

    Raises:
        WorkerError: there is no ssh program (code ``far-unreachable``).
    """

    def __init__(
        self,
        host: FarHost,
        ssh: Sequence[str] = ("ssh",),
        refine: bool = False,
        log: LogLine = lambda line: None,
    ) -> None:
        self.host = host
        self._log, self._tail = log, Tail()
        try:
            self.process = subprocess.Popen(
                ssh_command(host, ssh, refine),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                # Ctrl-C in a terminal is not for ssh: the client decides.
                start_new_session=sys.platform != "win32",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise far_error(
                WorkerError.FAR_UNREACHABLE,
                f"The ssh program '{ssh[0]}' cannot be started ({error.strerror or error}).",
                "Install OpenSSH's client (Windows: Settings, Optional features; Debian: apt install openssh-client).",
            ) from error
        assert self.process.stderr is not None
        self._listener = threading.Thread(target=self._listen, args=(self.process.stderr,), daemon=True)
        self._listener.start()

    @property
    def input(self) -> IO[bytes]:
        """What goes to the far end."""
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def output(self) -> Any:
        """What comes from it."""
        return self.process.stdout

    @property
    def said(self) -> str:
        """The end of what came on stderr."""
        return self._tail.text()

    def greet(self, patience: float = PATIENCE) -> Greeting:
        """Waits for the far end.

        Raises:
            WorkerError: why there is none, or that it is of another version.
        """
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self.kill()

        timer = threading.Timer(patience, give_up)
        timer.daemon = True
        timer.start()
        try:
            words = self._first_words()
        finally:
            timer.cancel()
        if words is None:
            code = self.wait(_END_PATIENCE)
            raise opening_error(self.host, None if late.is_set() else code, self.said)
        library = str(words.get("library"))
        if library != __version__ or words.get("protocol") != PROTOCOL_VERSION:
            self.kill()
            raise version_error(self.host, library, self.said)
        return Greeting(library, str(words.get("python", "")), str(words.get("executable", "")))

    def wait(self, seconds: float) -> int | None:
        """ssh's exit code; None where it has not ended by then, which ends it."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            code = None
        self._listener.join(1.0)
        return code

    def kill(self) -> None:
        """Ends ssh, and with it what it has started."""
        with contextlib.suppress(OSError):
            self.process.kill()

    def close(self, seconds: float = 2.0) -> None:
        """Lets the far end go, and ssh after it."""
        with contextlib.suppress(OSError):
            self.input.close()
        self.wait(seconds)

    def _first_words(self) -> dict[str, Any] | None:
        try:
            banner = skip_banner(self.output)
            for line in (banner or b"").splitlines():
                self._heard(line)
            got = read_frame(self.output) if banner is not None else None
            return control_words(got.body) if got is not None and got.kind is Kind.CONTROL else None
        except (FrameError, OSError, ValueError) as error:
            self._heard(str(error).encode())
            return None

    def _listen(self, pipe: IO[bytes]) -> None:
        lines = LineBuffer()
        with contextlib.suppress(OSError, ValueError), pipe:
            while data := pipe.read(1 << 14):
                for line in lines.feed(data):
                    self._heard(line)
        for line in lines.flush():
            self._heard(line)

    def _heard(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace")
        self._tail.add(text)
        self._log(text)
