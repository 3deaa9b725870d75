"""Report: volumes and diameters of the segments; copy, CSV, 3D."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from ..running.runs import RunState
from ..scene import display, report
from ..widgets.texts import set_text
from ..widgets.widths import Ruler, breakable
from .section import Section

_SHOWN = 3
_NAME, _SIZE, _DIAMETER = range(_SHOWN)
# Beside a name: its swatch and the cell's margins.
_SWATCH_WIDTH = 34
_MAXIMUM_ROWS_SHOWN = 10
_NAMES_SHOWN = 6
# As long as nobody notices; then in bits that leave the panel alive.
_AT_ONCE_S, _AT_A_TIME_S = 0.5, 0.05


class ReportSection(Section):
    """Measures the segmentation chosen in Correct, anew whenever it changes."""

    ui_file = "Report.ui"

    def __init__(self, panel) -> None:
        super().__init__(panel)
        self._rows: list[report.Row] = []
        self._left: Iterator[report.Row] = iter(())
        self._measured = None
        # Not from within the table's own layout, whose widths are still changing.
        self._fitting = qt.QTimer()
        self._fitting.setSingleShot(True)
        self._fitting.setInterval(0)
        self._fitting.connect("timeout()", self._fit_names)
        self._titles = {
            # On two lines, so that the numbers leave the names as much room as they can.
            "Segment": _("Segment"),
            "Volume (mL)": _("Volume\nmL"),
            "Area (mm²)": _("Area\nmm²"),
            "Area (px)": _("Area\npx"),
            "Diameter (mm)": _("Diameter\nmm"),
            "Diameter (px)": _("Diameter\npx"),
        }
        self._hint = ""
        self._opened = False
        self._ruler = Ruler(self.ui.reportTable)
        table = self.ui.reportTable
        header = table.horizontalHeader()
        header.setSectionResizeMode(_NAME, qt.QHeaderView.Stretch)
        for column in (_SIZE, _DIAMETER):
            header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
        # The first column takes what is left, so it changes whenever the table does.
        header.connect("sectionResized(int,int,int)", lambda column: column == _NAME and self._fitting.start())
        table.verticalHeader().hide()
        self.root.hide()
        self.ui.copyReportButton.connect("clicked()", self.copy)
        self.ui.saveReportButton.connect("clicked()", self._on_save)
        self.ui.show3dButton.connect("toggled(bool)", self._on_show_3d)

    def refresh(self) -> None:
        """See Section.refresh."""
        node = self._node()
        if node is not self._measured:
            self.measure()
        set_text(self.ui.reportHintLabel, self._hint)
        blocked = self.ui.show3dButton.blockSignals(True)
        self.ui.show3dButton.checked = node is not None and display.is_shown_in_3d(node)
        self.ui.show3dButton.blockSignals(blocked)
        flat = node is not None and display.is_flat(node)
        self.ui.show3dButton.enabled = not flat
        self.ui.show3dButton.toolTip = _("A single slice has no surfaces to show.") if flat else ""

    def on_run(self, run) -> None:
        """See Section.on_run. The first result opens the section; whether it stays open is up to the user."""
        if run is not None and run.state is RunState.DONE and not self._opened:
            self._opened = True
            self.root.collapsed = False

    def close(self) -> None:
        """See Section.close."""
        self._fitting.stop()
        self._left = iter(())

    def measure(self) -> None:
        """Measures the segmentation anew; :meth:`refresh` does so only for another one, because it takes time. Many
        segments are measured bit by bit while the panel stays usable."""
        node = self._measured = self._node()
        self._rows, self._left = [], report.rows(node) if node is not None else iter(())
        self._go_on(_AT_ONCE_S)

    def copy(self) -> None:
        """Puts the whole table on the clipboard."""
        self._go_on(None)
        slicer.app.clipboard().setText(report.as_text(self._rows))
        slicer.util.showStatusMessage(_("The table is on the clipboard."), 3000)

    def save(self, path: str) -> None:
        """Writes the table as CSV."""
        self._go_on(None)
        try:
            # With a byte-order mark, Excel too reads the names right.
            Path(path).write_text(report.as_csv(self._rows), encoding="utf-8-sig")
        except OSError as error:
            self.panel.show_problem(
                _("The table could not be written to {path} ({reason}).").format(path=path, reason=error.strerror)
            )

    def _node(self):
        return self.panel.parameters.result if self.panel.parameters is not None else None

    def _on_save(self) -> None:
        path = qt.QFileDialog.getSaveFileName(
            self.root, _("Save the table"), "segments.csv", _("Comma-separated values") + " (*.csv)"
        )
        if path:
            self.save(path)

    def _on_show_3d(self, shown: bool) -> None:
        parameters = self.panel.parameters
        if parameters is not None and parameters.result is not None:
            display.show_in_3d(parameters.result, shown, parameters.smoothing)

    def _go_on(self, seconds: float | None) -> None:
        """Measures for some time (None: to the end), shows what there is, and comes back for the rest."""
        end = time.monotonic() + seconds if seconds is not None else None
        before, left = len(self._rows), self._left
        for row in left:
            self._rows.append(row)
            if end is not None and time.monotonic() > end:
                break
        else:
            self._left = iter(())
        self._fill(before)
        self.root.setVisible(bool(self._rows))
        self._hint = self._hint_text(self._left is left)
        set_text(self.ui.reportHintLabel, self._hint)
        if self._left is left:
            qt.QTimer.singleShot(0, lambda: self._left is left and self._go_on(_AT_A_TIME_S))

    def _hint_text(self, unfinished: bool) -> str:
        if unfinished:
            return _("Measuring, {count} segments so far...").format(count=len(self._rows))
        missing = [row.name for row in self._rows if row.voxels == 0]
        if not missing:
            return ""
        names = ", ".join(missing[:_NAMES_SHOWN])
        if len(missing) > _NAMES_SHOWN:
            names += _(" and {count} more").format(count=len(missing) - _NAMES_SHOWN)
        return _("Not found: {names}").format(names=names)

    def _fill(self, first: int) -> None:
        """Shows the rows from number ``first`` on; those before stand there already."""
        table = self.ui.reportTable
        titles = report.columns(self._rows)[:_SHOWN]
        table.setHorizontalHeaderLabels([self._titles[title] for title in titles])
        table.setRowCount(len(self._rows))
        for number, row in enumerate(self._rows[first:], first):
            for column, text in enumerate(row.cells()[:_SHOWN]):
                item = qt.QTableWidgetItem(text)
                if column == _NAME:
                    item.setIcon(_swatch(row.color))
                else:
                    item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
                item.setToolTip(_tool_tip(row, titles))
                table.setItem(number, column, item)
        self._fit_names()

    def _fit_names(self) -> None:
        """Names come before numbers: where they need the room, the diameter goes; then they take more lines."""
        table = self.ui.reportTable
        widest = max((self._ruler.advance(row.name) for row in self._rows), default=0) + _SWATCH_WIDTH
        numbers = [table.sizeHintForColumn(column) for column in (_SIZE, _DIAMETER)]
        heads = [table.horizontalHeader().sectionSizeHint(column) for column in (_SIZE, _DIAMETER)]
        room = table.viewport().width - sum(map(max, numbers, heads))
        table.setColumnHidden(_DIAMETER, widest > room)
        for number, row in enumerate(self._rows):
            item = table.item(number, _NAME)
            text = breakable(row.name) if widest > table.columnWidth(_NAME) else row.name
            if item.text() != text:
                item.setText(text)
        table.resizeRowsToContents()
        height = table.horizontalHeader().sizeHint.height() + 2 * table.frameWidth
        shown = min(len(self._rows), _MAXIMUM_ROWS_SHOWN)
        table.setFixedHeight(height + sum(table.rowHeight(row) for row in range(shown)))


def _swatch(color):
    pixmap = qt.QPixmap(12, 12)
    pixmap.fill(qt.QColor.fromRgbF(*color))
    return qt.QIcon(pixmap)


def _tool_tip(row: report.Row, titles: Sequence[str]) -> str:
    shown = "; ".join(f"{title} {text}" for title, text in list(zip(titles, row.cells(), strict=False))[1:])
    return f"{row.name}: {shown}; {row.in_words()}. {row.algorithm}"
