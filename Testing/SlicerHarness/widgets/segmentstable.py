"""qMRMLSegmentsTableView and qMRMLSegmentSelectorWidget over the real segmentation node."""

from __future__ import annotations

import vtk
from PySide6 import QtCore, QtGui, QtWidgets

from ..strictness import dump
from ..strictness.standins import kept
from ..strictness.strict import raw
from .mrmlwidgets import qMRMLWidget
from .nodecombobox import qMRMLNodeComboBox

ID_ROLE = int(QtCore.Qt.ItemDataRole.UserRole)
COLUMNS = ("", "", "", "Name", "")


class _SegmentationWatcher:
    """Calls back when the segments of a segmentation node change."""

    def __init__(self, changed):
        self._changed = changed
        self._tags: list[tuple[object, int]] = []
        self.node = None

    def watch(self, node) -> None:
        for observed, tag in self._tags:
            observed.RemoveObserver(tag)
        self._tags = []
        self.node = node
        if node is None:
            return
        segmentation = node.GetSegmentation()
        for event in ("SegmentAdded", "SegmentRemoved", "SegmentModified", "SegmentsOrderModified"):
            number = getattr(type(segmentation), event)
            self._tags.append((segmentation, segmentation.AddObserver(number, lambda *_: self._changed())))
        self._tags.append((node, node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._changed())))

    def ids(self) -> tuple[str, ...]:
        return tuple(self.node.GetSegmentation().GetSegmentIDs()) if self.node is not None else ()


class qMRMLSegmentsTableView(qMRMLWidget, kind="standin", table=dump.class_table("qMRMLSegmentsTableView")):
    """One row per segment: visibility, colour, opacity, name, status."""

    selectionChanged = QtCore.Signal(object, object)
    segmentAboutToBeModified = QtCore.Signal(str)
    readOnly = kept("readOnly", False)
    textFilter = kept("textFilter", "")
    filterBarVisible = kept("filterBarVisible", False)
    jumpToSelectedSegmentEnabled = kept("jumpToSelectedSegmentEnabled", False)
    useTerminologySelector = kept("useTerminologySelector", True)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._watcher = _SegmentationWatcher(self._fill)
        self._hidden: tuple[str, ...] = ()
        self._rows = QtWidgets.QTableWidget(0, len(COLUMNS), self)
        self._rows.setHorizontalHeaderLabels(COLUMNS)
        self._rows.verticalHeader().setVisible(False)
        self._rows.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        header = self._rows.horizontalHeader()
        header.setSectionResizeMode(QtWidgets.QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(3, QtWidgets.QHeaderView.ResizeMode.Stretch)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._rows)
        self._rows.itemSelectionChanged.connect(lambda: self.selectionChanged.emit(None, None))

    def segmentationNode(self):
        return self._watcher.node

    def setSegmentationNode(self, node) -> None:
        if node is not self._watcher.node:
            self._watcher.watch(node)
            self._fill()

    def _fill(self) -> None:
        selected = self.selectedSegmentIDs()
        table = raw(self._rows)
        with QtCore.QSignalBlocker(self._rows):
            table.setRowCount(0)
            for segment_id in self.displayedSegmentIDs():
                self._add_row(segment_id)
        self.setSelectedSegmentIDs(selected)

    def _add_row(self, segment_id: str) -> None:
        table = raw(self._rows)
        segment = self._watcher.node.GetSegmentation().GetSegment(segment_id)
        row = table.rowCount()
        table.insertRow(row)
        for column in range(len(COLUMNS)):
            table.setItem(row, column, QtWidgets.QTableWidgetItem())
        display = self._watcher.node.GetDisplayNode()
        shown = display is None or display.GetSegmentVisibility(segment_id)
        table.item(row, 0).setText("\u25c9" if shown else "\u25cb")
        table.item(row, 1).setBackground(QtGui.QColor.fromRgbF(*segment.GetColor()))
        table.item(row, 2).setText(f"{display.GetSegmentOpacity3D(segment_id) if display else 1.0:.2f}")
        name = table.item(row, 3)
        name.setText(segment.GetName())
        name.setData(ID_ROLE, segment_id)

    @property
    def segmentCount(self) -> int:
        return len(self._watcher.ids())

    def displayedSegmentIDs(self) -> tuple[str, ...]:
        return tuple(i for i in self._watcher.ids() if i not in self._hidden)

    def setHideSegments(self, ids) -> None:
        self._hidden = tuple(ids)
        self._fill()

    def segmentIDForRow(self, row: int) -> str:
        return self.displayedSegmentIDs()[row]

    def rowForSegmentID(self, segment_id: str) -> int:
        ids = self.displayedSegmentIDs()
        return ids.index(segment_id) if segment_id in ids else -1

    def selectedSegmentIDs(self) -> tuple[str, ...]:
        rows = sorted({index.row() for index in raw(self._rows).selectedIndexes()})
        return tuple(raw(self._rows).item(row, 3).data(ID_ROLE) for row in rows)

    def setSelectedSegmentIDs(self, ids) -> None:
        raw(self._rows).clearSelection()
        for segment_id in ids:
            row = self.rowForSegmentID(segment_id)
            for column in range(len(COLUMNS) if row >= 0 else 0):
                raw(self._rows).item(row, column).setSelected(True)

    def clearSelection(self) -> None:
        raw(self._rows).clearSelection()

    def setReadOnly(self, read_only: bool) -> None:
        self.readOnly = read_only

    def setTextFilter(self, text: str) -> None:
        self.textFilter = text

    def setFilterBarVisible(self, shown: bool) -> None:
        self.filterBarVisible = shown

    def setSelectionMode(self, mode) -> None:
        raw(self._rows).setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode(mode))

    def setHeaderVisible(self, shown: bool) -> None:
        raw(raw(self._rows).horizontalHeader()).setVisible(shown)

    def _column(index: int):
        return lambda self, shown: raw(self._rows).setColumnHidden(index, not shown)

    def _column_property(index: int) -> property:
        def write(self, shown: bool) -> None:
            raw(self._rows).setColumnHidden(index, not shown)

        return property(lambda self: not raw(self._rows).isColumnHidden(index), write)

    setVisibilityColumnVisible, visibilityColumnVisible = _column(0), _column_property(0)
    setColorColumnVisible, colorColumnVisible = _column(1), _column_property(1)
    setOpacityColumnVisible, opacityColumnVisible = _column(2), _column_property(2)
    setStatusColumnVisible, statusColumnVisible = _column(4), _column_property(4)
    selectionMode = property(lambda self: raw(self._rows).selectionMode(), setSelectionMode)
    headerVisible = property(lambda self: not raw(raw(self._rows).horizontalHeader()).isHidden(), setHeaderVisible)


class qMRMLSegmentSelectorWidget(qMRMLWidget, kind="standin", table=dump.class_table("qMRMLSegmentSelectorWidget")):
    """A segmentation and one of its segments."""

    currentNodeChanged = QtCore.Signal(object)
    currentSegmentChanged = QtCore.Signal(str)
    segmentSelectionChanged = QtCore.Signal(object)
    noneEnabled = kept("noneEnabled", False)
    editEnabled = kept("editEnabled", False)
    horizontalLayout = kept("horizontalLayout", False)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._watcher = _SegmentationWatcher(self._fill)
        self._nodes = qMRMLNodeComboBox(self)
        self._nodes.nodeTypes = ("vtkMRMLSegmentationNode",)
        self._nodes.noneEnabled = True
        self._segments = QtWidgets.QComboBox(self)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._nodes)
        layout.addWidget(self._segments)
        self._nodes.currentNodeChanged.connect(self._on_node)
        self._segments.currentIndexChanged.connect(lambda _i: self.currentSegmentChanged.emit(self.currentSegmentID()))

    def setMRMLScene(self, scene) -> None:
        self._nodes.setMRMLScene(scene)
        qMRMLWidget.setMRMLScene(self, scene)

    def _on_node(self, node) -> None:
        self._watcher.watch(node)
        self._fill()
        self.currentNodeChanged.emit(node)

    def _fill(self) -> None:
        before = self.currentSegmentID()
        box = raw(self._segments)
        with QtCore.QSignalBlocker(self._segments):
            box.clear()
            for segment_id in self._watcher.ids():
                box.addItem(self._watcher.node.GetSegmentation().GetSegment(segment_id).GetName(), segment_id)
            box.setCurrentIndex(max(box.findData(before), 0 if box.count() else -1))
        if self.currentSegmentID() != before:
            self.currentSegmentChanged.emit(self.currentSegmentID())

    def currentNode(self):
        return self._nodes.currentNode()

    def setCurrentNode(self, node) -> None:
        self._nodes.setCurrentNode(node)

    def currentNodeID(self) -> str:
        return self._nodes.currentNodeID

    def setCurrentNodeID(self, node_id: str) -> None:
        self._nodes.setCurrentNodeID(node_id)

    def currentSegmentID(self) -> str:
        return raw(self._segments).currentData() or ""

    def setCurrentSegmentID(self, segment_id: str) -> None:
        raw(self._segments).setCurrentIndex(raw(self._segments).findData(segment_id))

    def segmentIDs(self) -> tuple[str, ...]:
        return self._watcher.ids()
