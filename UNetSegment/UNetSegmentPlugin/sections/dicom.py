"""Save as DICOM: a segmentation (SEG) and a report of the measures (SR), beside the files of the series."""

import html
import os
from pathlib import Path

import qt
from slicer.i18n import tr as _

from UNetSegmentLib.errors import DependencyError, UNetSegmentError

from .. import problems
from ..exporting.dicom_export import DicomExport
from ..exporting.labels import gather
from ..installing import environment
from ..running.runs import RunState
from ..scene import dicom
from ..scene.volumes import source_of
from ..widgets.texts import set_text
from ..widgets.widths import breakable, bring_into_view
from .section import Section, set_buddies

_FOLDER = "UNetSegment"
_OPEN, _INSTALL = "open-folder", "install"
# The settings' file gives text back after a restart.
_YES = (True, "true", "1")
_KIND_SETTING, _DATABASE_SETTING = "UNetSegment/DicomKind", "UNetSegment/DicomAddToDatabase"


class DicomSection(Section):
    """Part of the section Report, behind its button; everything that is wrong stands there before anything is written.

    Args:
        panel: the panel.
        report: the section that it stands in.
    """

    ui_file = "Dicom.ui"

    def __init__(self, panel, report) -> None:
        super().__init__(panel)
        self._button = report.ui.dicomButton
        self._export: DicomExport | None = None
        self._problem: UNetSegmentError | None = None
        self._for = None
        report.root.layout().addWidget(self.root)
        set_buddies(self.ui, dicomFolderLabel="dicomFolderEdit", dicomKindLabel="dicomKindBox")
        for kind, title, hint in (
            ("labelmap", _("Label map"), _("Small and quick. Slicer 5.12, OHIF and others of 2025 and later read it.")),
            ("binary", _("Binary"), _("One picture for each segment and slice: for viewers that know no label maps.")),
        ):
            self.ui.dicomKindBox.addItem(title, kind)
            self.ui.dicomKindBox.setItemData(self.ui.dicomKindBox.count - 1, hint, 3)  # Qt.ToolTipRole
        settings = qt.QSettings()
        self.ui.dicomKindBox.currentIndex = max(self.ui.dicomKindBox.findData(settings.value(_KIND_SETTING)), 0)
        self.ui.dicomDatabaseBox.checked = settings.value(_DATABASE_SETTING) in _YES
        self.root.hide()
        self._button.connect("toggled(bool)", self._on_toggled)
        report.root.connect("contentsCollapsed(bool)", lambda _folded: self._show())
        self.ui.dicomFolderButton.connect("clicked()", self._choose_folder)
        self.ui.dicomSaveButton.connect("clicked()", self.save)
        self.ui.dicomCancelButton.connect("clicked()", self._on_cancel)
        self.ui.dicomStatusLabel.connect("linkActivated(QString)", self._on_link)
        self.ui.dicomProblemLabel.connect("linkActivated(QString)", self._on_link)

    def refresh(self) -> None:
        """See Section.refresh."""
        node = self._node()
        if node is not self._for:
            # What was said was about another one.
            self._for, self._problem = node, None
            if self._export is not None and self._export.state.final:
                self._export = None
            if self._button.checked:
                self._look()
        self._show()

    def close(self) -> None:
        """See Section.close."""
        if self._export is not None:
            self._export.cancel()
            # What it still says is for widgets that may be gone.
            self._export = None

    def scene_closing(self) -> None:
        """See Section.scene_closing: what has been handed over is still saved."""
        self._for = None

    def save(self) -> None:
        """Checks everything, then starts the process; problems stand above the button."""
        node = self._node()
        if node is None or self._running():
            return
        self._export = self._problem = None
        try:
            volume = _image_of(node)
            series = dicom.series_of(volume)
            gathered = gather(node, volume)
        except UNetSegmentError as error:
            self._tell(error)
            return
        if not self.ui.dicomFolderEdit.text.strip():
            self._choose_folder()
        folder = self.ui.dicomFolderEdit.text.strip()
        if not folder:
            self._show()
            return
        kind = self.ui.dicomKindBox.currentData
        settings = qt.QSettings()
        settings.setValue(_KIND_SETTING, kind)
        settings.setValue(_DATABASE_SETTING, self.ui.dicomDatabaseBox.checked)
        self._export = DicomExport(self._on_export)
        self._export.start(series.files, gathered, Path(folder), kind)

    @property
    def export(self) -> DicomExport | None:
        """The saving that runs, or the last one; None without one."""
        return self._export

    # -- internals -------------------------------------------------------------------------------------------------

    def _node(self):
        return self.panel.parameters.result if self.panel.parameters is not None else None

    def _running(self) -> bool:
        return self._export is not None and not self._export.state.final

    def _on_toggled(self, shown: bool) -> None:
        if shown:
            self._look()
            bring_into_view(self.ui.dicomSaveButton)
        self._show()

    def _look(self) -> None:
        """What is wrong that can be seen at once, and a folder to begin with."""
        node, self._problem = self._node(), None
        if node is None:
            return
        try:
            series = dicom.series_of(_image_of(node))
        except UNetSegmentError as error:
            self._problem = error
            return
        own = not series.in_database and os.access(series.folder, os.W_OK)
        self.ui.dicomFolderEdit.text = str(series.folder / _FOLDER) if own else ""
        self.ui.dicomFolderEdit.placeholderText = _("Choose a folder") if not own else ""

    def _choose_folder(self) -> None:
        chosen = qt.QFileDialog.getExistingDirectory(
            self.root, _("Folder for the DICOM files"), self.ui.dicomFolderEdit.text
        )
        if chosen:
            self.ui.dicomFolderEdit.text = chosen

    def _tell(self, error: UNetSegmentError) -> None:
        self._problem = error
        self._show()
        bring_into_view(self.ui.dicomProblemLabel)

    def _on_cancel(self) -> None:
        if self._export is not None:
            self._export.cancel()
            self._show()

    def _on_export(self, export: DicomExport) -> None:
        if export is not self._export:
            return
        if export.state is RunState.DONE and self.ui.dicomDatabaseBox.checked:
            dicom.add_to_database(export.paths)
        if export.error is not None:
            self._tell(export.error)
        self._show()

    def _show(self) -> None:
        export, running = self._export, self._running()
        self.root.setVisible(self._button.checked)
        for widget in (self.ui.dicomFolderEdit, self.ui.dicomFolderButton, self.ui.dicomKindBox):
            widget.enabled = not running
        self.ui.dicomSaveButton.enabled = not running and self._node() is not None
        self.ui.dicomProgressBar.setVisible(running)
        self.ui.dicomCancelButton.setVisible(running)
        # Steps of unknown length: that something happens is all that can be shown.
        self.ui.dicomProgressBar.maximum = 0 if running else 100
        set_text(self.ui.dicomProblemLabel, _problem_html(self._problem) if self._problem is not None else "")
        set_text(self.ui.dicomStatusLabel, _status_html(export) if export is not None else "")

    def _on_link(self, link: str) -> None:
        if link == _OPEN:
            qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(self._export.paths[0].parent)))
        elif link == problems.COPY:
            problems.copy_details(self._problem)
        elif link == _INSTALL:
            # Never from within the link's own signal: the label that sent it is about to change.
            qt.QTimer.singleShot(0, self._install)

    def _install(self) -> None:
        try:
            environment.install_for_dicom(lambda text: set_text(self.ui.dicomStatusLabel, html.escape(text)))
        except environment.InstallError as error:
            self._tell(UNetSegmentError(str(error)))
            return
        self.save()


def _image_of(node):
    volume = source_of(node)
    if volume is None:
        raise UNetSegmentError(
            _("The image of '{name}' is not in the scene any more.").format(name=node.GetName()),
            _("Load it again, and choose it as the source in the Segment Editor."),
        )
    return volume


def _problem_html(problem: UNetSegmentError) -> str:
    text = problems.problem_html(problem, copyable=bool(problem.detail))
    if isinstance(problem, DependencyError):
        text += f"<br><a href='{_INSTALL}' style='color:{problems.LINK_COLOR}'>{_('Install it and save')}</a>"
    return text


def _status_html(export: DicomExport) -> str:
    if export.state is RunState.CANCELLED:
        return _("Cancelled. Nothing was written.")
    if export.state is RunState.CANCELLING:
        return _("Stopping")
    if export.state is RunState.FAILED:
        return ""
    if export.state is not RunState.DONE:
        return (
            _("Reading the series"), _("Writing the segmentation"), _("Measuring"), _("Writing the report"),
        )[export.step]  # fmt: skip
    seg, report = export.paths
    where = html.escape(breakable(str(seg.parent)), quote=False)
    text = _("Saved {seg} and {report} in {folder}.").format(seg=seg.name, report=report.name, folder=where)
    notes = "".join(f"<br>{problems.warning_html(note)}" for note in export.notes)
    return f"{text} <a href='{_OPEN}' style='color:{problems.LINK_COLOR}'>{_('Open the folder')}</a>{notes}"
