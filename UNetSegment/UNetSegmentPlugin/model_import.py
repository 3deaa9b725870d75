"""Import..., its progress, and what came of it: the lower part of the section Model."""

from pathlib import Path

import qt
from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError

from . import expectation, problems, questions
from .runs import RunState
from .section import set_text

_PROGRAMS = ("torchscript", "onnx")
_FILES = "*.zip *.ts *.pt *.pth *.onnx *.json"


class ModelImport:
    """Controls of the section Model that bring new models.

    Args:
        panel: the panel.
        ui: the section's widgets.
    """

    def __init__(self, panel, ui) -> None:
        self._panel, self._ui = panel, ui
        self._shown = None
        self._menu = qt.QMenu(ui.importButton)
        for text, slot in ((_("File..."), self._on_file), (_("Folder..."), self._on_folder)):
            action = qt.QAction(text, self._menu)
            action.connect("triggered()", slot)
            self._menu.addAction(action)
        ui.importButton.setMenu(self._menu)
        ui.importCancelButton.connect("clicked()", self._on_cancel)
        ui.importProblemLabel.connect("linkActivated(QString)", lambda link: problems.copy_details(self._shown.error))
        panel.installer.observe(self._on_installation)
        self.refresh()

    def close(self) -> None:
        """The panel goes."""
        self._panel.installer.forget(self._on_installation)

    def start(self, path: str) -> None:
        """Imports a file or a folder; asks first where it is a program."""
        name = Path(path).name
        trusted = is_program(path)
        if trusted and not questions.may_run(self._ui.importButton, name):
            return
        self._panel.installer.import_model(path, name, trusted)

    def refresh(self) -> None:
        """Shows the import that runs, or what came of the last one."""
        installation = self._shown
        running = installation is not None and not installation.state.final
        for widget in (self._ui.importProgressBar, self._ui.importCancelButton):
            widget.setVisible(running)
        self._ui.importCancelButton.enabled = running and installation.state is not RunState.CANCELLING
        set_text(self._ui.importStatusLabel, status_text(installation) if installation is not None else "")
        error = installation.error if installation is not None else None
        set_text(self._ui.importProblemLabel, problems.problem_html(error, copyable=True) if error else "")
        if running:
            show_progress(self._ui.importProgressBar, installation)

    def _on_installation(self, installation) -> None:
        unfinished = self._panel.installer.unfinished
        self._shown = unfinished[0] if unfinished else installation
        if installation.state is RunState.DONE:
            self._panel.take_models(installation.models)
        self.refresh()

    def _on_file(self) -> None:
        path = qt.QFileDialog.getOpenFileName(
            self._ui.importButton, _("Import a model"), "", f"{_('Models')} ({_FILES});;{_('All files')} (*)"
        )
        if path:
            self.start(path)

    def _on_folder(self) -> None:
        path = qt.QFileDialog.getExistingDirectory(self._ui.importButton, _("Import a model's folder"), "")
        if path:
            self.start(path)

    def _on_cancel(self) -> None:
        for installation in self._panel.installer.unfinished[:1]:
            installation.cancel()


def is_program(path: str) -> bool:
    """Whether the model at ``path`` is itself a program. Reads names and small files only; False where nobody can tell
    (the importer then says what is wrong)."""
    from UNetSegmentLib.models.importing import recognise

    try:
        return recognise(path) in _PROGRAMS
    except UNetSegmentError:
        return False


def show_progress(bar, installation) -> None:
    """Lets a progress bar tell how far an installation is; it only moves while nobody can tell."""
    event = installation.progress
    bar.maximum = 1000 if event is not None and event.total else 0
    if event is not None and event.total:
        bar.value = round(1000 * event.fraction)


def status_text(installation) -> str:
    """What is happening, or has happened, in words."""
    state, title = installation.state, installation.title
    if state is RunState.DONE:
        return _("Imported: {names}.").format(names=", ".join(model.title for model in installation.models))
    if state is RunState.CANCELLED:
        return _("Cancelled. Nothing was imported.")
    if state is RunState.FAILED:
        return _("'{name}' was not imported.").format(name=title)
    if state is RunState.CANCELLING:
        return _("Stopping")
    event = installation.progress
    if event is None:
        return _("Importing '{name}'...").format(name=title)
    words = {
        "download": _("Downloading '{name}'"),
        "write model": _("Writing '{name}'"),
    }
    text = words.get(event.stage, _("Reading '{name}'")).format(name=title)
    if event.message and event.message not in title:
        text += f" ({event.message})"
    if event.seconds_left is not None and event.seconds_left >= 1:
        text += ", " + _("{time} left").format(time=expectation.in_words(event.seconds_left))
    return text
