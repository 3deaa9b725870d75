"""Segment / Cancel, progress in words with the time left, and problems beside the button."""

import qt
from slicer.i18n import tr as _

from UNetSegmentLib.worker.client.client import WorkerState

from ..models import expectation
from ..problems import problem_html, warning_html
from ..running import hosts
from ..running.runs import RunState
from ..widgets.texts import set_text
from ..widgets.widths import bring_into_view
from .section import Section

# Share of the bar that each stage ends at; tiles take nearly all the time.
_SENDING, _RECEIVING = "sending", "receiving"
_STAGE_ENDS = {
    _SENDING: (0.0, 0.05),
    _RECEIVING: (0.97, 1.0),
    "load": (0.0, 0.1),
    "prepare": (0.1, 0.2),
    "segment": (0.2, 0.97),
    "finish": (0.97, 1.0),
}

# The one thing to click, in a blue on which white can be read in either style.
_CALL = """
QPushButton { background-color: #2372b5; color: white; border: 1px solid #1b5c94; border-radius: 4px; }
QPushButton:hover { background-color: #2b80c8; }
QPushButton:pressed { background-color: #1b5c94; }
QPushButton:focus { border: 2px solid palette(window-text); }
"""


class RunSection(Section):
    """One big button. Input errors, run errors and warnings all stand right under it; nothing pops up."""

    ui_file = "Run.ui"

    def __init__(self, panel) -> None:
        super().__init__(panel)
        self._last = None
        self._problem = None
        self.ui.segmentButton.connect("clicked()", self._on_click)
        self.ui.queueButton.connect("clicked()", self.panel.segment)
        self.ui.runLogButton.connect("toggled(bool)", self._on_log)
        self.ui.runLogText.hide()

    def show_problem(self, problem) -> None:
        """Shows an error (or a text) under the button, until the next click or the next change of an input."""
        self._problem = problem
        self.refresh()
        self.bring_problem_into_view()

    def bring_problem_into_view(self) -> None:
        """Scrolls to what keeps a run from starting, or has ended it, with the button above it."""
        bring_into_view(self.ui.runProblemLabel)

    def forget_problem(self) -> None:
        """The user has changed something: the last error need not be true any more."""
        self._problem = None

    def refresh(self) -> None:
        """See Section.refresh."""
        runs = self.panel.runner.runs
        errors = self.panel.input_errors()
        button, queue = self.ui.segmentButton, self.ui.queueButton
        cancelling = bool(runs) and runs[0].state is RunState.CANCELLING
        button.text = _("Cancelling...") if cancelling else _("Cancel") if runs else _("Segment")
        button.enabled = not cancelling and (bool(runs) or not errors)
        _set_style(button, _CALL if button.enabled and not runs else "")
        button.toolTip = _("Stop the run (Esc).") if runs else "\n".join(errors) or _start_hint()
        queue.setVisible(bool(runs))
        queue.enabled = not errors
        queue.toolTip = "\n".join(errors) or _("Start this run as soon as the ones before it are done.")
        self._show_progress(runs)
        self._show_status(runs)
        listed = "".join(f"<div>{warning_html(error)}</div>" for error in errors)
        problem = problem_html(self._problem) if self._problem else ""
        set_text(self.ui.runProblemLabel, problem + listed)

    def on_run(self, run) -> None:
        """See Section.on_run."""
        if run is None:
            self._show_log()
            self._show_status(self.panel.runner.runs)
            return
        if run.state.final:
            self._last = run
            self._problem = run.error
            if run.error is not None:
                self.bring_problem_into_view()
        self.refresh()

    def started(self) -> None:
        """A run was asked for: what was said about the one before is history."""
        self._last, self._problem = None, None

    def _on_click(self) -> None:
        runs = self.panel.runner.runs
        if runs:
            runs[0].cancel()
        else:
            self.panel.segment()

    def _show_progress(self, runs) -> None:
        bar = self.ui.runProgressBar
        bar.setVisible(bool(runs))
        if not runs:
            return
        event = runs[0].progress
        # A range of 0 shows that something is happening while nobody can tell how long it takes.
        bar.maximum = 0 if event is None else 1000
        if event is not None:
            start, end = _STAGE_ENDS.get(event.stage.partition(" ")[0], (0.2, 0.97))
            bar.value = round(1000 * (start + (end - start) * event.fraction))

    def _show_status(self, runs) -> None:
        text = _running_text(runs, self.panel.runner.state_of(runs[0])) if runs else self._finished_text()
        set_text(self.ui.runStatusLabel, text)
        self.ui.runLogButton.setVisible(bool(self.panel.runner.log))

    def _finished_text(self) -> str:
        """Of the last run, while what it was about is still what is chosen."""
        run, chosen = self._last, self.panel.parameters
        if run is None or chosen is None:
            return ""
        same = chosen.model == run.order.card.name and chosen.input_volume is run.order.volumes[0]
        return _finished_text(run) if same else ""

    def _on_log(self, shown: bool) -> None:
        self.ui.runLogText.setVisible(shown)
        self._show_log()

    def _show_log(self) -> None:
        if not self.ui.runLogButton.checked:
            return
        self.ui.runLogText.setPlainText("\n".join(self.panel.runner.log))
        self.ui.runLogText.moveCursor(qt.QTextCursor.End)


def _set_style(button, style: str) -> None:
    # Qt works a style out anew even if it is the same.
    if button.styleSheet != style:
        button.styleSheet = style


def _start_hint() -> str:
    host = hosts.name_of(hosts.chosen())
    return _("Start on {host} (Ctrl+Return).").format(host=host) if host else _("Start (Ctrl+Return).")


def _running_text(runs, worker_state) -> str:
    run = runs[0]
    texts = [_stage_text(run, worker_state)]
    left = run.progress.seconds_left if run.progress is not None else None
    if run.order.where:
        texts[0] += " " + _("on {host}").format(host=hosts.name_of(run.order.where))
    if left is not None and run.state is RunState.RUNNING:
        texts.append(_("{time} left").format(time=expectation.in_words(left)))
    if len(runs) > 1:
        texts.append(_("{count} more waiting").format(count=len(runs) - 1))
    return ", ".join(texts)


def _stage_text(run, worker_state) -> str:
    if run.state is RunState.CANCELLING:
        return _("Stopping")
    event = run.progress
    if event is None:
        starting = worker_state is WorkerState.STARTING
        if starting and run.order.where:
            return _("Starting the worker")
        return _("Starting the worker (only the first time)") if starting else _("Waiting for the worker")
    direction = event.stage.partition(" ")[0]
    if direction in (_SENDING, _RECEIVING):
        words = _("Sending, {done} of {total} MB") if direction == _SENDING else _("Receiving, {done} of {total} MB")
        return words.format(done=event.done, total=event.total)
    if event.stage == "segment":
        where = f" ({event.message})" if event.message else ""
        done = min(event.done + 1, event.total)
        return _("Segmenting, part {done} of {total}").format(done=done, total=event.total) + where
    words = {"load": _("Loading the model"), "prepare": _("Preparing the image"), "finish": _("Finishing the edges")}
    return words.get(event.stage, event.stage)


def _finished_text(run) -> str:
    if run.state is RunState.CANCELLED:
        return _("Cancelled. Nothing was changed.")
    if run.state is RunState.FAILED or run.written is None:
        return ""
    written = run.written
    count, time = len(written.segment_ids), expectation.in_words(run.timings["click to result"])
    said = _("1 segment in {time}.") if count == 1 else _("{count} segments in {time}.")
    texts = [said.format(count=count, time=time)]
    if run.order.where:
        texts.append(_("Made on {host}.").format(host=hosts.name_of(run.order.where)))
    if written.untouched:
        texts.append(_("Left as they are (completed or hidden): {names}.").format(names=", ".join(written.untouched)))
    return " ".join([*texts, *run.warnings])
