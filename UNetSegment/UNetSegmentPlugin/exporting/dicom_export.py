"""Saves SEG and report in a process of its own: Slicer stays usable, and a cancel leaves nothing behind."""

import contextlib
import json
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.reporting.dicom.process import order_line
from UNetSegmentLib.reporting.dicom.saving import STEPS, DicomOrder
from UNetSegmentLib.worker.errors import error_from_code
from UNetSegmentLib.worker.transport.launch import default_environment

from ..running.runs import RunState, wait_for
from ..running.worker_process import QProcessTransport, python_executable
from .labels import Gathered

_PROCESS = ("-m", "UNetSegmentLib.reporting.dicom.process")
_LAST = 4000


def names_in(folder: Path) -> tuple[Path, Path]:
    """Names of a new SEG and its report, by the time; without anything about the patient."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for number in range(1, 1000):
        ending = f"{stamp}.dcm" if number == 1 else f"{stamp}-{number}.dcm"
        seg, report = folder / f"seg-{ending}", folder / f"report-{ending}"
        if not (seg.exists() or report.exists()):
            break
    return seg, report


class DicomExport:
    """One saving. Read its attributes; :meth:`cancel` it.

    Args:
        changed: called whenever something is to be shown.

    Attributes:
        state: see ``runs.RunState``.
        step: number of the step in ``dicom_saving.STEPS``.
        paths: SEG and report, once done.
        notes: what the user should know.
        error: why it failed.
    """

    def __init__(self, changed: Callable[["DicomExport"], None]) -> None:
        self.state = RunState.WAITING
        self.step = 0
        self.paths: tuple[Path, ...] = ()
        self.notes: tuple[str, ...] = ()
        self.error: UNetSegmentError | None = None
        self._changed = changed
        self._process = QProcessTransport()
        self._order: DicomOrder | None = None
        self._answer: dict = {}
        self._read = b""
        self._said = b""

    def start(self, files: tuple[Path, ...], gathered: Gathered, folder: Path, kind: str) -> None:
        """Begins, and returns at once.

        Args:
            files: of the series.
            folder: for the two files; made where it is missing.
            kind: ``labelmap`` or ``binary``.
        """
        seg, report = names_in(folder)
        staging = folder / f".unetsegment-{secrets.token_hex(4)}"
        self.notes = gathered.notes
        order = self._order = DicomOrder(files, seg, report, staging, gathered.author, gathered.authors, kind)
        self.state = RunState.RUNNING
        command = [python_executable(), *_PROCESS]
        self._process.start(command, default_environment(), self._on_output, self._on_errors, self._on_exit)
        self._process.write(order_line(order, gathered.segmentation))
        self._process.write(gathered.segmentation.voxels.tobytes())
        self._changed(self)

    def cancel(self) -> None:
        """Stops it. Nothing of it stays."""
        if self.state is RunState.RUNNING:
            self.state = RunState.CANCELLING
            self._process.terminate()

    def wait(self, timeout: float = 600.0) -> "DicomExport":
        """Keeps the application alive until it has ended. For scripts; the panel never waits."""
        return wait_for(self, timeout)

    def _on_output(self, data: bytes) -> None:
        *lines, self._read = (self._read + data).split(b"\n")
        for line in lines:
            told = json.loads(line)
            if "step" in told:
                self.step = STEPS.index(told["step"])
                self._changed(self)
            else:
                self._answer = told

    def _on_errors(self, data: bytes) -> None:
        self._said = (self._said + data)[-_LAST:]

    def _on_exit(self, status) -> None:
        problem = self._answer.get("problem")
        if "done" in self._answer:
            # Also where the cancel came too late: then it is there, and says so.
            self.paths = tuple(Path(path) for path in self._answer["done"])
            self.notes += tuple(self._answer["notes"])
            self.state = RunState.DONE
        elif self.state is RunState.CANCELLING:
            self.state = RunState.CANCELLED
        else:
            self.error = (
                error_from_code(**problem)
                if problem
                else UNetSegmentError(
                    _("The process that saves DICOM objects has ended ({how}).").format(how=status.describe()),
                    _("Try again; copy the details where it happens again."),
                    self._said.decode(errors="replace"),
                )
            )
            self.state = RunState.FAILED
        self._tidy()
        self._changed(self)

    def _tidy(self) -> None:
        """What a process that was killed has left. Its names are those of no file that was there before."""
        if self._order is None:
            return
        shutil.rmtree(self._order.staging, ignore_errors=True)
        if self.state is not RunState.DONE:
            for path in (self._order.seg, self._order.report):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
