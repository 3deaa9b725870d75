"""Tries a host in a process of its own: the panel stays alive, and the trial can be ended."""

import json
from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from UNetSegmentLib.worker.transport.launch import default_environment

from . import hosts
from .worker_process import QProcessTransport

_LAST = 2000


class FarTrial:
    """One trial.

    Args:
        url: of the host.
        done: called once, with what was found (see ``worker.far.check.FarReport``); not after :meth:`cancel`.
    """

    def __init__(self, url: str, done: Callable[[dict[str, Any]], None]) -> None:
        self.url = url
        self._done = done
        self._process = QProcessTransport()
        self._told = self._said = b""
        self._cancelled = False

    def start(self) -> None:
        """Begins, and returns at once."""
        command = hosts.check_command(self.url)
        self._process.start(command, default_environment(), self._on_output, self._on_errors, self._on_exit)

    def cancel(self) -> None:
        """Ends it, whatever it waits for."""
        self._cancelled = True
        self._process.terminate()

    def _on_output(self, data: bytes) -> None:
        self._told += data

    def _on_errors(self, data: bytes) -> None:
        self._said = (self._said + data)[-_LAST:]

    def _on_exit(self, status) -> None:
        if self._cancelled:
            return
        try:
            report = json.loads(self._told)
        except ValueError:
            cause = _("The trial ended without an answer ({how}).").format(how=status.describe())
            said = self._said.decode(errors="replace")
            report = {"problem": {"code": "worker", "cause": cause, "cure": _("Try again."), "detail": said}}
        self._done(report)
