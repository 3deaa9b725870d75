"""The library of models: find one, read its licence, install it. Nothing is downloaded before the click."""

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.models.library import cache_contents, cache_folder, empty_cache

from ..installing import library
from ..installing.installation_view import InstallationView, size_text
from ..models import licences
from ..running.runs import RunState
from ..widgets import questions
from ..widgets.label_list import LabelList
from ..widgets.texts import set_text

_TITLE_COLUMN = 1
_MARK = "\u2713"


class LibraryDialog:
    """A window beside the panel, which stays usable. It keeps no state of its own but what is typed into it.

    Args:
        panel: gets the models that were installed.
    """

    def __init__(self, panel) -> None:
        self._panel = panel
        self.root = slicer.util.loadUI(panel.resource_path("UI/Library.ui"))
        self.ui = slicer.util.childWidgetVariables(self.root)
        if slicer.util.mainWindow() is not None:
            # Above Slicer's window, without holding it up.
            self.root.setParent(slicer.util.mainWindow(), qt.Qt.Dialog)
        self._every = library.entries()
        self._listed: list = []
        self._labels = LabelList(self.ui.entryLabelSearchBox, self.ui.entryLabelList, rows=None)
        self._view = InstallationView(
            panel.installer,
            self.ui.libraryProgressBar,
            self.ui.libraryCancelButton,
            self.ui.libraryStatusLabel,
            self.ui.libraryProblemLabel,
        )
        panel.installer.observe(self._on_installation)
        self._fill_filters()
        self._prepare_table()
        self._connect()
        self._fill()

    def show(self, search: str = "") -> None:
        """Opens the window, or brings it to the front; ``search`` takes the place of what was searched for."""
        if search:
            self.ui.librarySearchBox.text = search
        self.refresh()
        self.root.show()
        self.root.activateWindow()
        self.ui.librarySearchBox.setFocus()

    def close(self) -> None:
        """The panel goes."""
        self._view.close()
        self._panel.installer.forget(self._on_installation)
        self.root.close()
        self.root.deleteLater()

    @property
    def entry(self):
        """The chosen entry, or None."""
        row = self.ui.libraryTable.currentRow()
        return self._listed[row] if 0 <= row < len(self._listed) else None

    def choose(self, name: str) -> None:
        """Chooses the entry of that name, if it is listed."""
        for row, entry in enumerate(self._listed):
            if entry.name == name:
                self.ui.libraryTable.selectRow(row)

    def refresh(self) -> None:
        """Shows what is installed, the chosen entry, and the cache."""
        for row, entry in enumerate(self._listed):
            self.ui.libraryTable.item(row, 0).setText(_MARK if self._is_installed(entry) else "")
        self._show_entry()
        self._show_cache()

    # -- the table ---------------------------------------------------------------------------------------------------

    def _fill_filters(self) -> None:
        ui = self.ui
        for box, anything, values in (
            (ui.regionFilter, _("Any anatomy"), [(name, name) for name in library.regions(self._every)]),
            (ui.modalityFilter, _("Any modality"), [(name, name) for name in library.modalities(self._every)]),
            (
                ui.licenceFilter,
                _("Any licence"),
                [
                    (_("Commercial use allowed"), library.COMMERCIAL),
                    *((name, name) for name in library.licence_names(self._every)),
                ],
            ),
        ):
            box.addItem(anything, "")
            for title, value in values:
                box.addItem(title, value)

    def _prepare_table(self) -> None:
        table = self.ui.libraryTable
        headings = ["", _("Model"), _("Modality"), _("Size"), _("Licence")]
        table.setColumnCount(len(headings))
        table.setHorizontalHeaderLabels(headings)
        header = table.horizontalHeader()
        for column in range(len(headings)):
            stretch = qt.QHeaderView.Stretch if column == _TITLE_COLUMN else qt.QHeaderView.ResizeToContents
            header.setSectionResizeMode(column, stretch)
        table.verticalHeader().hide()
        # A title over the anatomy, each cut to its line.
        table.verticalHeader().setDefaultSectionSize(round(1.8 * self.ui.librarySearchBox.sizeHint.height()))
        self.ui.librarySplitter.setSizes([600, 440])

    def _connect(self) -> None:
        ui = self.ui
        ui.librarySearchBox.connect("textChanged(QString)", lambda text: self._fill())
        for box in (ui.regionFilter, ui.modalityFilter, ui.licenceFilter):
            box.connect("currentIndexChanged(int)", lambda index: self._fill())
        ui.libraryTable.connect("itemSelectionChanged()", self._show_entry)
        ui.acceptEntryBox.connect("toggled(bool)", lambda checked: self._show_buttons())
        ui.installEntryButton.connect("clicked()", self._on_install)
        ui.entryFilesButton.connect("clicked()", self._on_files)
        ui.openCacheButton.connect("clicked()", self._on_open_cache)
        ui.emptyCacheButton.connect("clicked()", self._on_empty_cache)
        ui.closeLibraryButton.connect("clicked()", lambda: self.root.reject())

    def _fill(self) -> None:
        ui, chosen = self.ui, self.entry
        self._listed = library.filtered(
            self._every,
            ui.librarySearchBox.text,
            ui.regionFilter.currentData,
            ui.modalityFilter.currentData,
            ui.licenceFilter.currentData,
        )
        table = ui.libraryTable
        blocked = table.blockSignals(True)
        table.setRowCount(len(self._listed))
        for row, entry in enumerate(self._listed):
            for column, text in enumerate(library.cells(entry)):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(entry.description if column == _TITLE_COLUMN else text)
                table.setItem(row, column, item)
        table.clearSelection()
        names = [entry.name for entry in self._listed]
        if names:
            table.selectRow(names.index(chosen.name) if chosen is not None and chosen.name in names else 0)
        table.blockSignals(blocked)
        count = _("{count} of {total} models").format(count=len(names), total=len(self._every))
        missing = library.not_offered(ui.librarySearchBox.text)
        ui.libraryCountLabel.text = f"{count}<br>{missing}" if missing else count
        self.refresh()

    # -- the chosen entry --------------------------------------------------------------------------------------------

    def _show_entry(self) -> None:
        entry = self.entry
        self.ui.entryText.html = library.entry_html(entry, self._is_installed(entry)) if entry is not None else ""
        self._labels.show((name, None) for name in library.structures(entry)) if entry is not None else None
        self._labels.set_visible(entry is not None)
        accepted = entry is not None and licences.is_accepted(entry.name, entry.licence)
        blocked = self.ui.acceptEntryBox.blockSignals(True)
        self.ui.acceptEntryBox.checked = accepted
        self.ui.acceptEntryBox.blockSignals(blocked)
        if entry is not None:
            self.ui.acceptEntryBox.text = _("I have read the licence ({licence}) and accept it").format(
                licence=licences.stated(entry.licence)
            )
        self._show_buttons()

    def _show_buttons(self) -> None:
        entry, ui = self.entry, self.ui
        there = entry is not None and self._is_installed(entry)
        ui.acceptEntryBox.setVisible(entry is not None and not there)
        ui.entryFilesButton.setVisible(not there)
        ui.installEntryButton.text = _("Use this model") if there else _("Install")
        waiting = entry is not None and any(each.entry == entry.name for each in self._panel.installer.unfinished)
        may_install = entry is not None and ui.acceptEntryBox.checked and not waiting
        ui.installEntryButton.enabled = there or may_install
        ui.entryFilesButton.enabled = may_install
        hint = "" if there or entry is None or ui.acceptEntryBox.checked else _("Accept the licence first.")
        for button in (ui.installEntryButton, ui.entryFilesButton):
            button.toolTip = hint or _("Takes {size}.").format(size=size_text(entry.bytes)) if entry else ""

    def _is_installed(self, entry) -> bool:
        return any(card.name == entry.name for card in self._panel.cards)

    def _on_install(self) -> None:
        entry = self.entry
        if self._is_installed(entry):
            self._panel.choose_model(entry.name)
            self.root.accept()
        else:
            self._install(entry)

    def _on_files(self) -> None:
        names = ", ".join(part.file.name for part in self.entry.parts)
        paths = qt.QFileDialog.getOpenFileNames(
            self.root, _("Choose {names}").format(names=names), "", f"{_('Archives')} (*.zip);;{_('All files')} (*)"
        )
        if paths:
            self._install(self.entry, tuple(str(path) for path in paths))

    def _install(self, entry, files: tuple[str, ...] = ()) -> None:
        licences.accept(entry.name, entry.licence)
        try:
            self._panel.installer.install(entry.name, entry.title, files)
        except UNetSegmentError as error:
            self._panel.show_problem(error)

    def _on_installation(self, installation) -> None:
        if installation.state is RunState.DONE:
            self.refresh()
        elif installation.state.final:
            self._show_cache()
        self._show_buttons()

    # -- the cache ---------------------------------------------------------------------------------------------------

    def _show_cache(self) -> None:
        size = self._cache_size()
        shown = str(cache_folder()).replace(str(Path.home()), "~", 1)
        set_text(self.ui.cacheLabel, _("Downloads: {folder} ({size})").format(folder=shown, size=size_text(size)))
        self.ui.cacheLabel.toolTip = str(cache_folder())
        self.ui.openCacheButton.enabled = cache_folder().is_dir()
        self.ui.emptyCacheButton.enabled = size > 0

    def _cache_size(self) -> int:
        return sum(file.bytes for file in cache_contents())

    def _on_open_cache(self) -> None:
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(cache_folder())))

    def _on_empty_cache(self) -> None:
        if not questions.may_empty_cache(self.root, size_text(self._cache_size())):
            return
        try:
            empty_cache()
        except UNetSegmentError as error:
            self._panel.show_problem(error)
        self._show_cache()
