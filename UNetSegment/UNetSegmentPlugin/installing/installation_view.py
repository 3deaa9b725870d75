"""An installation as the user sees it: words, a bar, Cancel, and what went wrong."""

from slicer.i18n import tr as _

from .. import problems
from ..models import expectation
from ..running.runs import RunState
from ..widgets.texts import set_text


class InstallationView:
    """Shows the installation that runs, or what came of the last one.

    Args:
        installer: see ``installations.Installer``.
        bar, cancel_button, status_label, problem_label: the widgets.
    """

    def __init__(self, installer, bar, cancel_button, status_label, problem_label) -> None:
        self._installer = installer
        self._bar, self._cancel_button = bar, cancel_button
        self._status_label, self._problem_label = status_label, problem_label
        self._shown = None
        cancel_button.connect("clicked()", self._on_cancel)
        problem_label.connect("linkActivated(QString)", lambda link: problems.copy_details(self._shown.error))
        installer.observe(self._on_installation)
        self.refresh()

    def close(self) -> None:
        """The widgets go."""
        self._installer.forget(self._on_installation)

    def forget(self) -> None:
        """What came of the last one is history."""
        self._shown = None
        self.refresh()

    def refresh(self) -> None:
        """Shows how it stands."""
        installation = self._shown
        running = installation is not None and not installation.state.final
        self._bar.setVisible(running)
        self._cancel_button.setVisible(running)
        self._cancel_button.enabled = running and installation.state is not RunState.CANCELLING
        set_text(self._status_label, status_text(installation) if installation is not None else "")
        error = installation.error if installation is not None else None
        set_text(self._problem_label, problems.problem_html(error, copyable=True) if error else "")
        if running:
            event = installation.progress
            # A range of 0 shows that something is happening while nobody can tell how long it takes.
            known = event is not None and event.total > 0
            self._bar.maximum = 1000 if known else 0
            if known:
                self._bar.value = round(1000 * event.fraction)

    def _on_installation(self, installation) -> None:
        unfinished = self._installer.unfinished
        self._shown = unfinished[0] if unfinished else installation
        self.refresh()

    def _on_cancel(self) -> None:
        for installation in self._installer.unfinished[:1]:
            installation.cancel()


def size_text(count: int | None) -> str:
    """A number of bytes for people."""
    if count is None:
        return _("unknown size")
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count, 0) / 1e6:.0f} MB"


def status_text(installation) -> str:
    """What is happening, or has happened, in words."""
    state, title = installation.state, installation.title
    finished = {
        RunState.DONE: _("Imported: {names}.").format(names=", ".join(model.title for model in installation.models)),
        RunState.CANCELLED: _("Cancelled. Nothing was imported."),
        RunState.FAILED: _("'{name}' was not imported.").format(name=title),
        RunState.CANCELLING: _("Stopping"),
    }
    if state in finished:
        return finished[state]
    event = installation.progress
    if event is None:
        return _("Importing '{name}'...").format(name=title)
    words = {"download": _("Downloading '{name}'"), "write model": _("Writing '{name}'")}
    text = words.get(event.stage, _("Reading '{name}'")).format(name=title)
    if event.stage == "download" and event.total:
        text += ", " + _("{done} of {total}").format(done=size_text(event.done), total=size_text(event.total))
    elif event.message and event.message not in title:
        text += f" ({event.message})"
    if event.seconds_left is not None and event.seconds_left >= 1:
        text += ", " + _("{time} left").format(time=expectation.in_words(event.seconds_left))
    return text
