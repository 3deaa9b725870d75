"""qMRMLNodeComboBox over the real scene."""

from __future__ import annotations

from PySide6 import QtCore, QtWidgets

from ..strictness import dump
from ..strictness.overrides import HarnessGapError
from ..strictness.standins import kept
from ..strictness.strict import raw
from .mrmlwidgets import qMRMLWidget

# How often Slicer's says that no node is chosen while it is being filled; the number varies there.
_EMPTY_ANNOUNCEMENTS = 3
CHANGES = ("NodeAddedEvent", "NodeRemovedEvent", "EndCloseEvent")


class qMRMLNodeComboBox(qMRMLWidget, kind="standin", table=dump.class_table("qMRMLNodeComboBox")):
    """Shows the nodes of some classes; rows are (node ID, text), the ID of "None" being empty."""

    currentNodeChanged = QtCore.Signal(object)
    currentNodeIDChanged = QtCore.Signal(str)
    currentNodeRenamed = QtCore.Signal(str)
    nodeActivated = QtCore.Signal(object)
    nodeAdded = QtCore.Signal(object)
    nodeAddedByUser = QtCore.Signal(object)
    nodeAddedByUserAction = QtCore.Signal(object)
    nodeAboutToBeRemoved = QtCore.Signal(object)
    nodeAboutToBeEdited = QtCore.Signal(object)
    selectNodeUponCreation = kept("selectNodeUponCreation", True)
    interactionNodeSingletonTag = kept("interactionNodeSingletonTag", "")
    baseName = kept("baseName", "")

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._options = {"none": False, "add": True, "remove": True, "edit": False, "rename": False}
        self._types: tuple[str, ...] = ()
        self._filters: list[tuple[str, str, object]] = []
        self._none_text = "None"
        self._children = True
        self._hidden_types: tuple[str, ...] = ()
        self._show_hidden = False
        self._tags: list[tuple[object, int]] = []
        self._current = ""
        self._wanted = ""
        self._waiting = False
        self._box = QtWidgets.QComboBox(self)
        # As in Slicer, a long name makes it wide, unless its user has a cure for that.
        self._box.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToContents)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        raw(self).setFocusProxy(self._box)
        self._box.currentIndexChanged.connect(lambda _index: self._announce())
        self._box.activated.connect(self._on_activated)
        raw(self).destroyed.connect(lambda *_, tags=self._tags: _drop(tags))

    def setMRMLScene(self, scene) -> None:
        if scene is self._scene:
            return
        _drop(self._tags)
        if scene is not None:
            for name in CHANGES:
                self._tags.append((scene, scene.AddObserver(getattr(scene, name), lambda *_: self._refresh())))
            for event, in_batch in ((scene.StartBatchProcessEvent, True), (scene.EndBatchProcessEvent, False)):
                self._tags.append((scene, scene.AddObserver(event, lambda *_, now=in_batch: self._on_batch(now))))
        qMRMLWidget.setMRMLScene(self, scene)
        for _ in range(_EMPTY_ANNOUNCEMENTS):
            self._say(None)
        self._refresh()
        if self._wanted:
            self.setCurrentNodeID(self._wanted)

    def currentNode(self):
        return self._scene.GetNodeByID(self._current) if self._scene is not None and self._current else None

    def setCurrentNode(self, node) -> None:
        self.setCurrentNodeID(node.GetID() if node is not None else "")

    def setCurrentNodeID(self, node_id: str) -> None:
        if self._scene is None:
            self._wanted = node_id or ""
            return
        row = raw(self._box).findData(node_id or "")
        raw(self._box).setCurrentIndex(row)

    def setCurrentNodeIndex(self, index: int) -> None:
        raw(self._box).setCurrentIndex(index + (1 if self._options["none"] else 0))

    def nodeCount(self) -> int:
        return len(self._nodes())

    def nodeFromIndex(self, index: int):
        nodes = self._nodes()
        return nodes[index] if 0 <= index < len(nodes) else None

    def addAttribute(self, node_type: str, name: str, value=None) -> None:
        self._filters.append((node_type, name, value))
        self._refresh()

    def removeAttribute(self, node_type: str, name: str) -> None:
        self._filters = [f for f in self._filters if f[:2] != (node_type, name)]
        self._refresh()

    def addNode(self, node_type: str | None = None):
        node_type = node_type or self._types[0]
        base = self.baseName or self._scene.GetTypeDisplayNameByClassName(node_type)
        node = self._scene.AddNewNodeByClass(node_type, self._scene.GenerateUniqueName(base))
        for kind, name, value in self._filters:
            if kind == node_type and value is not None:
                node.SetAttribute(name, str(value))
        self._refresh()
        if self.selectNodeUponCreation:
            self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)
        return node

    def removeCurrentNode(self) -> None:
        node = self.currentNode()
        if node is not None:
            self.nodeAboutToBeRemoved.emit(node)
            self._scene.RemoveNode(node)

    def renameCurrentNode(self) -> None:
        raise HarnessGapError("renaming asks in a dialog")

    def _on_activated(self, _row: int) -> None:
        self.nodeActivated.emit(self.currentNode())

    def _nodes(self) -> list:
        if self._scene is None:
            return []
        every = (self._scene.GetNthNode(i) for i in range(self._scene.GetNumberOfNodes()))
        return [node for node in every if self._shows(node)]

    def _shows(self, node) -> bool:
        kind = next((t for t in self._types if node.IsA(t)), None)
        if kind is None or (not self._children and node.GetClassName() not in self._types):
            return False
        if node.GetHideFromEditors() and not self._show_hidden:
            return False
        if any(node.IsA(t) for t in self._hidden_types):
            return False
        return all(_has(node, name, value) for t, name, value in self._filters if t == kind)

    def _on_batch(self, started: bool) -> None:
        """The rows are made anew when the batch ends, and no earlier than this widget is told so."""
        self._waiting = started
        self._refresh()

    def _refresh(self) -> None:
        """Lay the rows out anew, keeping the current node; a vanished one gives way as a Qt combo box does it."""
        if self._waiting or (self._scene is not None and self._scene.IsBatchProcessing()):
            return
        nodes = self._nodes()
        rows = [("", self._none_text)] if self._options["none"] else []
        rows += [(node.GetID(), node.GetName() or "") for node in nodes]
        before = raw(self._box).currentIndex()
        had_rows = raw(self._box).count() > 0
        with QtCore.QSignalBlocker(self._box):
            raw(self._box).clear()
            for node_id, text in rows:
                raw(self._box).addItem(text, node_id)
            raw(self._box).setCurrentIndex(self._row_after_refresh(rows, before, had_rows))
        self._watch(nodes)
        self._announce()

    def _row_after_refresh(self, rows: list, before: int, had_rows: bool) -> int:
        ids = [row[0] for row in rows]
        if self._current in ids and (self._current or before >= 0):
            return ids.index(self._current)
        if had_rows and before >= 0 and self._current:
            return min(before, len(rows) - 1)
        return 0 if rows else -1

    def _watch(self, nodes: list) -> None:
        import vtk

        scene_tags = [entry for entry in self._tags if entry[0] is self._scene]
        _drop([entry for entry in self._tags if entry[0] is not self._scene])
        self._tags[:] = scene_tags
        for node in nodes:
            self._tags.append((node, node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._on_node_modified)))

    def _on_node_modified(self, node, _event) -> None:
        row = raw(self._box).findData(node.GetID())
        if not self._shows(node):
            self._refresh()
        elif row >= 0 and raw(self._box).itemText(row) != node.GetName():
            raw(self._box).setItemText(row, node.GetName())
            if node.GetID() == self._current:
                self.currentNodeRenamed.emit(node.GetName())

    def _announce(self) -> None:
        node_id = raw(self._box).currentData() or ""
        if node_id != self._current:
            self._current = node_id
            # Slicer's says each change more than once.
            for _ in range(2):
                self._say(self.currentNode())

    def _say(self, node) -> None:
        self.currentNodeChanged.emit(node)
        self.currentNodeIDChanged.emit(node.GetID() if node is not None else "")

    def _option(name: str) -> property:
        def write(self, value) -> None:
            self._options[name] = bool(value)
            self._refresh()

        return property(lambda self: self._options[name], write)

    def _refreshing(private: str, convert=lambda value: value) -> property:
        def write(self, value) -> None:
            setattr(self, private, convert(value))
            self._refresh()

        return property(lambda self: getattr(self, private), write)

    def _set_size_policy(self, policy) -> None:
        raw(self._box).setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy(policy))

    sizeAdjustPolicy = property(lambda self: raw(self._box).sizeAdjustPolicy(), _set_size_policy)
    noneEnabled = _option("none")
    addEnabled = _option("add")
    removeEnabled = _option("remove")
    editEnabled = _option("edit")
    renameEnabled = _option("rename")
    nodeTypes = _refreshing("_types", tuple)
    noneDisplay = _refreshing("_none_text")
    showChildNodeTypes = _refreshing("_children")
    hideChildNodeTypes = _refreshing("_hidden_types", tuple)
    showHidden = _refreshing("_show_hidden")
    currentNodeID = property(lambda self: self._current, setCurrentNodeID)
    currentNodeId = currentNodeID


def _has(node, name: str, value) -> bool:
    found = node.GetAttribute(name)
    return found is not None if value is None else found == str(value)


def _drop(tags: list) -> None:
    for observed, tag in tags:
        observed.RemoveObserver(tag)
    tags.clear()
