"""Import...: which file or folder, and the question that comes up where the model is a program."""

from pathlib import Path

import qt
from slicer.i18n import tr as _

from UNetSegmentLib.errors import TrustError, UNetSegmentError

from ..running.runs import RunState
from ..widgets import questions
from .installation_view import InstallationView

_FILES = "*.zip *.ts *.pt *.pth *.onnx *.json"


class ModelImport:
    """The controls of the section Model that bring new models.

    Args:
        panel: the panel.
        ui: the section's widgets.
    """

    def __init__(self, panel, ui) -> None:
        self._panel, self._button = panel, ui.importButton
        self._menu = qt.QMenu(ui.importButton)
        for text, slot in (
            (_("Library of public models..."), lambda: panel.show_library()),
            (_("From a file..."), self._on_file),
            (_("From a folder..."), self._on_folder),
        ):
            action = qt.QAction(text, self._menu)
            action.connect("triggered()", slot)
            self._menu.addAction(action)
        ui.importButton.setMenu(self._menu)
        self.view = InstallationView(
            panel.installer, ui.importProgressBar, ui.importCancelButton, ui.importStatusLabel, ui.importProblemLabel
        )
        panel.installer.observe(self._on_installation)

    def close(self) -> None:
        """The panel goes."""
        self.view.close()
        self._panel.installer.forget(self._on_installation)

    def start(self, path: str) -> None:
        """Imports a file or a folder."""
        self._import(path)

    def _import(self, path: str, trust: bool = False) -> None:
        try:
            self._panel.installer.import_model(path, Path(path).name, trust)
        except UNetSegmentError as error:
            self._panel.show_problem(error)

    def _on_installation(self, installation) -> None:
        if installation.state is RunState.DONE:
            self._panel.take_models(installation)
        elif installation.error is not None and installation.error.code == TrustError.code and not installation.entry:
            # Not from within the worker's answer: a dialog keeps the event loop running.
            qt.QTimer.singleShot(0, lambda: self._ask_for_trust(installation))

    def _ask_for_trust(self, installation) -> None:
        """Only the importer knows for sure that a model is a program, so it asks by refusing."""
        if questions.may_run(self._button, installation.title):
            self._import(installation.request.path, trust=True)
        else:
            installation.state, installation.error = RunState.CANCELLED, None
            self.view.refresh()

    def _on_file(self) -> None:
        path = qt.QFileDialog.getOpenFileName(
            self._button, _("Import a model"), "", f"{_('Models')} ({_FILES});;{_('All files')} (*)"
        )
        if path:
            self.start(path)

    def _on_folder(self) -> None:
        path = qt.QFileDialog.getExistingDirectory(self._button, _("Import a model's folder"), "")
        if path:
            self.start(path)
