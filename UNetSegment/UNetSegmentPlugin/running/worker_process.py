"""The worker process over QProcess: everything is delivered on the GUI thread, nothing blocks it."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence

import qt

from UNetSegmentLib.worker.transport.interface import ExitCallback, ExitStatus, OutputCallback


def python_executable() -> str:
    """The interpreter that has Slicer's packages: PythonSlicer, a launcher around the real one."""
    return shutil.which("PythonSlicer") or sys.executable


class QProcessTransport:
    """Implements :class:`UNetSegmentLib.worker.transport.interface.Transport`."""

    def __init__(self) -> None:
        self._process = None
        self._ended = None
        self._callbacks: tuple[OutputCallback, OutputCallback, ExitCallback] | None = None

    def start(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        on_output: OutputCallback,
        on_error_output: OutputCallback,
        on_exit: ExitCallback,
    ) -> None:
        """See Transport.start. A program that cannot be started is told by ``on_exit``."""
        # The process before, if any, has ended, and may be telling so at this moment: it is kept until the next start,
        # never let go from within its own signals.
        self._ended = self._process
        self._process = process = qt.QProcess()
        self._callbacks = (on_output, on_error_output, on_exit)
        process.setEnvironment([f"{name}={value}" for name, value in {**os.environ, **env}.items()])
        process.connect("readyReadStandardOutput()", self._read_output)
        process.connect("readyReadStandardError()", self._read_errors)
        process.connect("finished(int,QProcess::ExitStatus)", self._finished)
        process.connect("errorOccurred(QProcess::ProcessError)", self._failed)
        process.start(command[0], list(command[1:]))

    def write(self, data: bytes) -> None:
        """See Transport.write."""
        if self.running:
            self._process.write(data)

    def terminate(self) -> None:
        """See Transport.terminate."""
        if self.running:
            self._process.kill()
            self._process.closeWriteChannel()

    def wait(self, seconds: float) -> bool:
        """See Transport.wait."""
        return not self.running or self._process.waitForFinished(round(seconds * 1000))

    @property
    def running(self) -> bool:
        """See Transport.running."""
        return self._process is not None and self._process.state() != qt.QProcess.NotRunning

    def _read_output(self) -> None:
        data = self._process.readAllStandardOutput().data()
        if data:
            self._callbacks[0](data)

    def _read_errors(self) -> None:
        data = self._process.readAllStandardError().data()
        if data:
            self._callbacks[1](data)

    def _finished(self, exit_code, exit_status) -> None:
        self._read_output()
        self._read_errors()
        crashed = exit_status == qt.QProcess.CrashExit
        self._callbacks[2](ExitStatus(None if crashed else exit_code, crashed))

    def _failed(self, error) -> None:
        # Every other error is followed by finished().
        if error == qt.QProcess.FailedToStart:
            self._callbacks[2](ExitStatus(None, True, self._process.errorString()))
