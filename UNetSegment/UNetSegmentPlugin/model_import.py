"""Import...: which file or folder, and whether its program is trusted."""

from pathlib import Path

import qt
from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError

from . import questions
from .installation_view import InstallationView
from .runs import RunState

_PROGRAMS = ("torchscript", "onnx")
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
        for text, slot in ((_("File..."), self._on_file), (_("Folder..."), self._on_folder)):
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
        """Imports a file or a folder; asks first where it is a program."""
        name = Path(path).name
        trusted = is_program(path)
        if trusted and not questions.may_run(self._button, name):
            return
        self._panel.installer.import_model(path, name, trusted)

    def _on_installation(self, installation) -> None:
        if installation.state is RunState.DONE:
            self._panel.take_models(installation)

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


def is_program(path: str) -> bool:
    """Whether the model at ``path`` is itself a program. Reads names and small files only; False where nobody can tell
    (the importer then says what is wrong)."""
    from UNetSegmentLib.models.importing import recognise

    try:
        return recognise(path) in _PROGRAMS
    except UNetSegmentError:
        return False
