"""A training as the user sees it: what it does, its curve, stopping and keeping; and those that wait to go on."""

import html

import qt
import slicer
from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.training.loop.runlog import read_log
from UNetSegmentLib.worker.protocol.training_runs import LOG, read_run

from .. import problems
from ..models import expectation
from ..running.runs import RunState
from ..widgets import questions
from ..widgets.curve_view import CurveView, last_dice
from ..widgets.texts import set_text
from .section import set_buddies

# Share of the bar that each stage ends at; the steps take nearly all the time.
_STAGES = {
    "fingerprint": (0.0, 0.03),
    "read cases": (0.03, 0.06),
    "train": (0.06, 0.95),
    "evaluate": (0.95, 0.98),
    "draw": (0.98, 0.99),
    "install": (0.99, 1.0),
}


class TrainProgress:
    """The lower part of the section Train.

    Args:
        panel: the panel; ``panel.trainer`` tells how trainings stand.
    """

    def __init__(self, panel) -> None:
        self._panel, self._trainer = panel, panel.trainer
        self.root = slicer.util.loadUI(panel.resource_path("UI/TrainProgress.ui"))
        self.ui = slicer.util.childWidgetVariables(self.root)
        self.curve = CurveView()
        self.ui.trainView.layout().itemAt(2).layout().addWidget(self.curve)
        self._problem: UNetSegmentError | None = None
        self._unfinished: list = []
        set_buddies(self.ui, trainUnfinishedLabel="trainUnfinishedBox")
        self.ui.trainKeepButton.connect("clicked()", lambda: self._trainer.stop(keep=True))
        self.ui.trainPauseButton.connect("clicked()", lambda: self._trainer.stop())
        self.ui.trainReportButton.connect("clicked()", self._on_report)
        self.ui.trainLogButton.connect("toggled(bool)", lambda shown: self._show_log())
        self.ui.trainErrorLabel.connect("linkActivated(QString)", self._on_link)
        self.ui.trainUnfinishedBox.connect("currentIndexChanged(int)", lambda index: self._show_unfinished_buttons())
        self.ui.trainContinueButton.connect("clicked()", lambda: self._go_on(False))
        self.ui.trainMakeModelButton.connect("clicked()", lambda: self._go_on(True))
        self.ui.trainDiscardButton.connect("clicked()", self._on_discard)

    def refresh(self) -> None:
        """Shows how things stand."""
        training = self._trainer.current
        self.ui.trainView.setVisible(training is not None)
        if training is not None:
            self._show_training(training)
        error = self._problem or (training.error if training is not None else None)
        set_text(self.ui.trainErrorLabel, problems.problem_html(error, copyable=True) if error is not None else "")
        self._show_log()
        if not self._trainer.busy:
            self._list_unfinished()
        self.ui.trainUnfinished.setVisible(not self._trainer.busy and bool(self._unfinished))

    def redraw(self) -> None:
        """The style may have changed."""
        self.curve.redraw()

    @staticmethod
    def percent(training) -> int | None:
        """How far a training at work is, for the title; None where it has ended or nobody can tell."""
        fraction = None if training.state.final or training.copied is not None else _fraction(training)
        return None if fraction is None else round(100 * fraction)

    def started(self) -> None:
        """Something new was asked for: an error of before is history."""
        self._problem = None

    def _show_training(self, training) -> None:
        busy = not training.state.final
        self._show_curve(training)
        bar, event = self.ui.trainProgressBar, training.progress
        bar.setVisible(busy)
        fraction = _fraction(training)
        bar.maximum = 0 if fraction is None else 1000
        if fraction is not None:
            bar.value = round(1000 * fraction)
        set_text(self.ui.trainStatusLabel, html.escape(status_text(training), quote=False))
        running = busy and not training.keeping
        stoppable = running and training.state is not RunState.CANCELLING
        self.ui.trainKeepButton.setVisible(running)
        self.ui.trainPauseButton.setVisible(running)
        self.ui.trainPauseButton.enabled = stoppable
        learned = event is not None and event.stage == "train" and event.done > 0
        self.ui.trainKeepButton.enabled = stoppable and learned
        self.ui.trainPauseButton.text = _("Pause") if training.copied is None else _("Cancel")
        outcome = training.outcome
        self.ui.trainReportButton.setVisible(outcome is not None and bool(outcome.report))
        self.ui.trainLogButton.setVisible(bool(self._trainer.log))

    def _show_curve(self, training) -> None:
        """Draws the log."""
        try:
            rows = read_log(training.folder / LOG)
            steps = read_run(training.folder).steps
        except (OSError, ValueError, UNetSegmentError):
            # A line that is being written, or a folder that is gone.
            rows, steps = [], 0
        self.curve.setVisible(bool(rows) or (not training.state.final and not training.keeping))
        self.curve.show_rows(rows, steps)

    def _show_log(self) -> None:
        shown = self.ui.trainLogButton.checked
        self.ui.trainLogText.setVisible(shown)
        if shown:
            self.ui.trainLogText.setPlainText("\n".join(self._trainer.log))
            self.ui.trainLogText.moveCursor(qt.QTextCursor.End)

    def _list_unfinished(self) -> None:
        runs = self._trainer.unfinished
        if runs != self._unfinished:
            self._unfinished = runs
            box = self.ui.trainUnfinishedBox
            blocked = box.blockSignals(True)
            box.clear()
            for run in runs:
                box.addItem(_run_text(run))
            box.blockSignals(blocked)
        self._show_unfinished_buttons()

    def _show_unfinished_buttons(self) -> None:
        run = self._chosen()
        self.ui.trainMakeModelButton.enabled = run is not None and run.has_checkpoint

    def _chosen(self):
        index = self.ui.trainUnfinishedBox.currentIndex
        return self._unfinished[index] if 0 <= index < len(self._unfinished) else None

    def _go_on(self, keep: bool) -> None:
        run = self._chosen()
        if run is None or self._trainer.busy:
            return
        self._attempt(lambda: self._trainer.go_on(run.folder, keep))

    def _on_discard(self) -> None:
        run = self._chosen()
        if run is not None and questions.may_discard(self.root, run.order.title):
            self._attempt(lambda: self._trainer.discard(run.folder))

    def _attempt(self, action) -> None:
        self.started()
        try:
            action()
        except UNetSegmentError as error:
            self._problem = error
        self._panel.refresh()

    def _on_report(self) -> None:
        outcome = self._trainer.current.outcome if self._trainer.current is not None else None
        if outcome is not None and outcome.report:
            qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(outcome.report))

    def _on_link(self, link: str) -> None:
        training = self._trainer.current
        problems.copy_details(self._problem or training.error)


def status_text(training) -> str:
    """What is happening, or has happened, in words."""
    title = training.order.title
    if training.state is RunState.DONE:
        return _done_text(training.outcome)
    if training.state is RunState.FAILED:
        return _("'{title}' was not trained to its end.").format(title=title)
    if training.state is RunState.CANCELLED:
        return _stopped_text(training)
    if training.state is RunState.CANCELLING:
        return _("Stopping after this step")
    if training.copied is not None:
        return _("Copying the pairs: {done} of {total}").format(done=training.copied[0], total=training.copied[1])
    return _running_text(training)


def _running_text(training) -> str:
    event = training.progress
    if event is None:
        return _("Starting the training's process")
    words = {
        "fingerprint": _("Looking at the cases"),
        "read cases": _("Reading the cases"),
        "train": _("Training '{title}': step {done} of {total}"),
        "evaluate": _("Checking on the held-out cases"),
        "draw": _("Drawing the report"),
        "install": _("Adding the model to the list"),
    }
    text = words.get(event.stage, event.stage)
    if event.stage == "fingerprint" and event.done >= event.total:
        text = _("Planning: network, patches and steps for this computer")
    text = text.format(title=training.order.title, done=event.done, total=event.total)
    if event.stage == "train" and event.seconds_left is not None:
        text += ", " + _("{time} left").format(time=expectation.in_words(event.seconds_left))
    elif event.stage != "train" and event.total > 1 and event.done < event.total:
        text += " " + _("({done} of {total})").format(done=event.done, total=event.total)
    dice = _dice_text(last_dice(read_log(training.folder / LOG))) if event.stage == "train" else ""
    return f"{text}. {dice}" if dice else text


def _done_text(outcome) -> str:
    whole = _("'{title}' is ready, chosen above.") if outcome.whole else _(
        "'{title}' as learned until step {step} of {steps} is ready, chosen above. It can be continued."
    )  # fmt: skip
    text = whole.format(title=outcome.title, step=outcome.step, steps=outcome.steps)
    scores = {name: dice for name, dice in zip(outcome.labels, outcome.dice, strict=False) if dice is not None}
    return f"{text} {_dice_text(scores)}".strip()


def _stopped_text(training) -> str:
    try:
        run = training.run
    except UNetSegmentError:
        return _("Cancelled. Nothing was kept.")
    if not run.has_checkpoint:
        return _("Stopped before anything was learned. It can be started again below.")
    return _("Stopped. What was learned is kept: continue below whenever you like.")


def _dice_text(dice: dict[str, float]) -> str:
    if not dice:
        return ""
    listed = [f"{name} {value:.3f}" for name, value in list(dice.items())[:6]]
    if len(dice) > len(listed):
        listed.append(_("and {count} more").format(count=len(dice) - len(listed)))
    return _("Dice on held-out cases: {scores}.").format(scores=", ".join(listed))


def _fraction(training) -> float | None:
    """Share of the bar; None while nobody can tell."""
    if training.copied is not None:
        done, total = training.copied
        return done / max(total, 1)
    event = training.progress
    if event is None or training.state is RunState.CANCELLING:
        return None
    start, end = _STAGES.get(event.stage, (0.0, 1.0))
    return start + (end - start) * event.fraction


def _run_text(run) -> str:
    if not run.steps:
        return _("{title}, not planned yet").format(title=run.order.title)
    text = _("{title}, step {step} of {steps}").format(title=run.order.title, step=run.step, steps=run.steps)
    return text + (_(", model made") if run.outcome is not None else "")
