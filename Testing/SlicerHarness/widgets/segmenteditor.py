"""qMRMLSegmentEditorWidget: the real vtkSlicerSegmentEditorLogic and its undo history under a sketch of the GUI."""

from __future__ import annotations

import slicer_core
from PySide6 import QtCore, QtGui, QtWidgets

from ..effects.editoreffects import EditorEffects
from ..strictness import dump
from ..strictness.standins import kept
from ..strictness.strict import raw
from .mrmlwidgets import qMRMLWidget
from .nodecombobox import qMRMLNodeComboBox
from .segmentstable import qMRMLSegmentsTableView

MINIMUM_WIDTH = 369
KEYS = (*"1234567890ZYQWI", "Esc", "Space")


class qMRMLSegmentEditorWidget(qMRMLWidget, kind="standin", table=dump.class_table("qMRMLSegmentEditorWidget")):
    """Selectors, undo and redo, the segments, and one button per effect."""

    segmentationNodeChanged = QtCore.Signal(object)
    sourceVolumeNodeChanged = QtCore.Signal(object)
    masterVolumeNodeChanged = QtCore.Signal(object)
    currentSegmentIDChanged = QtCore.Signal(str)
    autoShowSourceVolumeNode = kept("autoShowSourceVolumeNode", True)
    defaultTerminologyEntry = kept("defaultTerminologyEntry", "")
    defaultTerminologyEntrySettingsKey = kept("defaultTerminologyEntrySettingsKey", "")
    jumpToSelectedSegmentEnabled = kept("jumpToSelectedSegmentEnabled", False)
    unorderedEffectsVisible = kept("unorderedEffectsVisible", True)
    effectColumnCount = kept("effectColumnCount", 2)
    effectButtonStyle = kept("effectButtonStyle")
    maskingSectionVisible = kept("maskingSectionVisible", True)
    specifyGeometryButtonVisible = kept("specifyGeometryButtonVisible", True)
    readOnly = kept("readOnly", False)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._logic = slicer_core.vtkSlicerSegmentEditorLogic()
        self._node = None
        self._observer = None
        self._segmentation = None
        self._watched: list[tuple[object, int]] = []
        self._shown: dict[str, object] = {}
        self._order: tuple[str, ...] = ()
        self._buttons: dict[str, QtWidgets.QPushButton] = {}
        self._shortcuts: list[QtGui.QShortcut] = []
        self._build()
        self.updateEffectList()
        effects = self._effects
        raw(self).destroyed.connect(lambda *_: effects.cleanup())
        raw(self).setMinimumWidth(MINIMUM_WIDTH)

    def _build(self) -> None:
        self._segmentations = _selector("vtkMRMLSegmentationNode", self)
        self._volumes = _selector("vtkMRMLScalarVolumeNode", self)
        self._table = qMRMLSegmentsTableView(self)
        self._undo, self._redo = QtWidgets.QPushButton("Undo"), QtWidgets.QPushButton("Redo")
        self._undo.clicked.connect(lambda _checked: self.undo())
        self._redo.clicked.connect(lambda _checked: self.redo())
        self._show3d = QtWidgets.QPushButton("Show 3D")
        self._switch = QtWidgets.QToolButton()
        self._add, self._remove = QtWidgets.QPushButton("Add"), QtWidgets.QPushButton("Remove")
        form = QtWidgets.QFormLayout()
        for title, selector in (("Segmentation:", self._segmentations), ("Source volume:", self._volumes)):
            form.addRow(title, selector)
        self._form = form
        row = QtWidgets.QHBoxLayout()
        for button in (self._add, self._remove, self._show3d, self._switch):
            row.addWidget(button)
        self._effects = EditorEffects(self)
        self._grid = QtWidgets.QGridLayout()
        history = QtWidgets.QHBoxLayout()
        history.addWidget(self._undo)
        history.addWidget(self._redo)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addLayout(row)
        layout.addWidget(self._table)
        layout.addLayout(self._grid)
        layout.addWidget(self._effects.frame)
        layout.addLayout(history)
        self._segmentations.currentNodeChanged.connect(lambda node: self.setSegmentationNode(node))
        self._volumes.currentNodeChanged.connect(lambda node: self.setSourceVolumeNode(node))

    def setMRMLScene(self, scene) -> None:
        import slicer

        self._logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        self._logic.SetMRMLScene(scene)
        for selector in (self._segmentations, self._volumes):
            with QtCore.QSignalBlocker(selector):
                selector.setMRMLScene(scene)
        qMRMLWidget.setMRMLScene(self, scene)
        # After the selectors, which fill themselves at the end of a batch, and after whoever watched the scene before.
        interaction = slicer.app.applicationLogic().GetInteractionNode()
        tag = interaction.AddObserver(
            interaction.InteractionModeChangedEvent, lambda node, _event: self._effects.on_interaction(node)
        )
        raw(self).destroyed.connect(lambda *_, tag=tag: interaction.RemoveObserver(tag))
        slicer.app.layoutManager().layoutChanged.connect(self._on_layout)
        for event, react in ((scene.EndCloseEvent, self._on_close), (scene.EndBatchProcessEvent, self._on_batch)):
            tag = scene.AddObserver(event, react)
            raw(self).destroyed.connect(lambda *_, tag=tag: scene.RemoveObserver(tag))

    def _on_layout(self, *_) -> None:
        self._effects.tell_all("layoutChanged")

    def _on_close(self, *_) -> None:
        self.updateWidgetFromMRML()

    def _on_batch(self, *_) -> None:
        """What the selectors show wins, also over what somebody has set a moment before."""
        if self._node is not None:
            if self._logic.GetSegmentationNode() is not self._segmentations.currentNode():
                self.setSegmentationNode(self._segmentations.currentNode())
            if self._logic.GetSourceVolumeNode() is not self._volumes.currentNode():
                self.setSourceVolumeNode(self._volumes.currentNode())
        self.updateWidgetFromMRML()

    def mrmlSegmentEditorNode(self):
        return self._node

    def setMRMLSegmentEditorNode(self, node) -> None:
        import vtk

        if node is self._node:
            return
        if self._node is not None:
            self._node.RemoveObserver(self._observer)
        self._node = node
        self._logic.SetSegmentEditorNode(node)
        if node is not None:
            self._observer = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._on_node())
            self._effects.tell_all("setMRMLDefaults")
        self.updateWidgetFromMRML()

    def _on_node(self) -> None:
        before = self._effects.active
        self.updateWidgetFromMRML()
        if self._effects.active is before:
            self._effects.refresh()

    def updateWidgetFromMRML(self) -> None:
        scene = self._scene
        if scene is None or self._node is None or scene.IsClosing() or scene.IsBatchProcessing():
            return
        modified = self._node.StartModify()
        try:
            self._show_segmentation(self._logic.GetSegmentationNode())
            with QtCore.QSignalBlocker(self._volumes):
                self._volumes.setCurrentNode(self._logic.GetSourceVolumeNode())
        finally:
            self._node.EndModify(modified)
        usable = self._segmentation is not None and self._logic.GetSourceVolumeNode() is not None
        if not usable and self._node.GetActiveEffectName():
            self._node.SetActiveEffectName("")
        for button in self._buttons.values():
            raw(button).setEnabled(usable)
        self._announce()
        self._effects.show(self._node.GetActiveEffectName() or "")

    def _show_segmentation(self, node) -> None:
        with QtCore.QSignalBlocker(self._segmentations):
            self._segmentations.setCurrentNode(node)
        if node is self._segmentation:
            return
        self._segmentation = node
        self._table.setSegmentationNode(node)
        for observed, tag in self._watched:
            observed.RemoveObserver(tag)
        self._watched = []
        if node is None:
            return
        segmentation = node.GetSegmentation()
        for event in (segmentation.SegmentAdded, segmentation.SegmentRemoved):
            self._watched.append((segmentation, segmentation.AddObserver(event, lambda *_: self._on_segments())))
        reference = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
        self._logic.SetSourceVolumeNode(reference)
        node.CreateDefaultDisplayNodes()
        if segmentation.GetNumberOfSegments() > 0:
            self._logic.SetCurrentSegmentID(segmentation.GetNthSegmentID(0))

    def _on_segments(self) -> None:
        """A segment that came is not chosen; one that went takes the choice and the effect with it."""
        current = self.currentSegmentID()
        if current and self._segmentation.GetSegmentation().GetSegment(current) is None:
            self.setCurrentSegmentID("")
            self.setActiveEffect(None)
        self.updateWidgetFromMRML()

    def _announce(self) -> None:
        now = {
            "segmentation": self.segmentationNode(),
            "volume": self.sourceVolumeNode(),
            "segment": self.currentSegmentID(),
        }
        before, self._shown = self._shown, now
        if before.get("segmentation") is not now["segmentation"]:
            self.segmentationNodeChanged.emit(now["segmentation"])
        if before.get("volume") is not now["volume"]:
            self.sourceVolumeNodeChanged.emit(now["volume"])
            self.masterVolumeNodeChanged.emit(now["volume"])
            self._effects.tell_all("sourceVolumeNodeChanged")
            self._effects.tell_all("masterVolumeNodeChanged")

    def segmentationNode(self):
        """What its selector shows, which is not always what the editor node refers to."""
        return self._segmentations.currentNode()

    def setSegmentationNode(self, node) -> None:
        if node is not self._logic.GetSegmentationNode():
            self._logic.SetSegmentationNode(node)
            self.setActiveEffect(None)

    def segmentationNodeID(self) -> str:
        return _id(self.segmentationNode())

    def setSegmentationNodeID(self, node_id: str) -> None:
        self.setSegmentationNode(self._scene.GetNodeByID(node_id) if node_id else None)

    def sourceVolumeNode(self):
        return self._logic.GetSourceVolumeNode() if self._node is not None else None

    def setSourceVolumeNode(self, node) -> None:
        self._logic.SetSourceVolumeNode(node)

    def sourceVolumeNodeID(self) -> str:
        return _id(self.sourceVolumeNode())

    def setSourceVolumeNodeID(self, node_id: str) -> None:
        self.setSourceVolumeNode(self._scene.GetNodeByID(node_id) if node_id else None)

    def currentSegmentID(self) -> str:
        return (self._node.GetSelectedSegmentID() or "") if self._node is not None else ""

    def setCurrentSegmentID(self, segment_id: str) -> None:
        self._logic.SetCurrentSegmentID(segment_id)

    def availableEffectNames(self) -> tuple[str, ...]:
        return self._effects.names

    def effectCount(self) -> int:
        return len(self._effects.names)

    def effectByName(self, name: str):
        return self._effects.by_name(name)

    def activeEffect(self):
        return self._effects.active

    def setActiveEffect(self, effect) -> None:
        self.setActiveEffectByName(effect.name if effect is not None else "")

    def setActiveEffectByName(self, name: str) -> None:
        """An unknown name deactivates; without an editor node or a segmentation nothing can be activated."""
        if self._node is None:
            return
        usable = self._segmentation is not None and self.sourceVolumeNode() is not None
        self._node.SetActiveEffectName(name if name in self._effects.names and usable else "")
        self._effects.show(self._node.GetActiveEffectName() or "")

    def updateEffectList(self) -> None:
        """Clones effects that were registered since, and shows the buttons that the order asks for."""
        for name in self._effects.update():
            button = QtWidgets.QPushButton(self._effects.by_name(name).title)
            button.setObjectName(name)
            button.clicked.connect(lambda _checked, effect=name: self.setActiveEffectByName(effect))
            self._buttons[name] = button
        others = [name for name in self._effects.names if name not in self._order]
        first = [name for name in self._order if name in self._buttons]
        for index, name in enumerate([*first, *others]):
            self._grid.addWidget(self._buttons[name], index // 2, index % 2)
            raw(self._buttons[name]).setVisible(name in first or self.unorderedEffectsVisible)

    def effectNameOrder(self) -> tuple[str, ...]:
        return self._order

    def setEffectNameOrder(self, names) -> None:
        self._order = tuple(names)

    def saveStateForUndo(self) -> None:
        self._logic.SaveStateForUndo()

    def undo(self) -> None:
        self._logic.Undo()

    def redo(self) -> None:
        self._logic.Redo()

    def setMaximumNumberOfUndoStates(self, count: int) -> None:
        self._logic.SetMaximumNumberOfUndoStates(count)

    def setUndoEnabled(self, enabled: bool) -> None:
        for button in (self._undo, self._redo):
            raw(button).setVisible(enabled)

    def setupViewObservations(self) -> None:
        self._effects.observe_views()

    def removeViewObservations(self) -> None:
        self._effects.forget_views()

    def installKeyboardShortcuts(self, parent=None) -> None:
        """Some of Slicer's keys; they act while the focus is within ``parent``, else anywhere in the window."""
        self.uninstallKeyboardShortcuts()
        actions = {"Esc": lambda: self.setActiveEffect(None), "Z": self.undo, "Y": self.redo}
        for key in KEYS:
            shortcut = QtGui.QShortcut(QtGui.QKeySequence(key), parent or raw(self).window())
            shortcut.setContext(QtCore.Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(actions.get(key, lambda: None))
            self._shortcuts.append(shortcut)

    def uninstallKeyboardShortcuts(self) -> None:
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._shortcuts.clear()

    def _setter(attribute: str):
        def show(self, shown: bool) -> None:
            raw(getattr(self, attribute)).setVisible(shown)
            label = self._form.labelForField(getattr(self, attribute))
            if label is not None:
                raw(label).setVisible(shown)

        return show

    def _shown_property(attribute: str) -> property:
        def write(self, shown: bool) -> None:
            raw(getattr(self, attribute)).setVisible(shown)

        return property(lambda self: not raw(getattr(self, attribute)).isHidden(), write)

    setSegmentationNodeSelectorVisible = _setter("_segmentations")
    setSourceVolumeNodeSelectorVisible = _setter("_volumes")
    setSwitchToSegmentationsButtonVisible = _setter("_switch")
    setShow3DButtonVisible = _setter("_show3d")
    segmentationNodeSelectorVisible = _shown_property("_segmentations")
    sourceVolumeNodeSelectorVisible = _shown_property("_volumes")
    switchToSegmentationsButtonVisible = _shown_property("_switch")
    show3DButtonVisible = _shown_property("_show3d")
    undoEnabled = property(lambda self: not raw(self._undo).isHidden(), setUndoEnabled)
    maximumNumberOfUndoStates = property(
        lambda self: self._logic.GetMaximumNumberOfUndoStates(), setMaximumNumberOfUndoStates
    )

    def setAddRemoveSegmentButtonsVisible(self, shown: bool) -> None:
        for button in (self._add, self._remove):
            raw(button).setVisible(shown)

    addRemoveSegmentButtonsVisible = property(
        lambda self: not raw(self._add).isHidden(), setAddRemoveSegmentButtonsVisible
    )

    def setAutoShowSourceVolumeNode(self, shown: bool) -> None:
        self.autoShowSourceVolumeNode = shown

    def setMaskingSectionVisible(self, shown: bool) -> None:
        self.maskingSectionVisible = shown

    def setSpecifyGeometryButtonVisible(self, shown: bool) -> None:
        self.specifyGeometryButtonVisible = shown

    def setReadOnly(self, read_only: bool) -> None:
        self.readOnly = read_only

    def setEffectColumnCount(self, count: int) -> None:
        self.effectColumnCount = count

    def setEffectButtonStyle(self, style) -> None:
        self.effectButtonStyle = style

    def setJumpToSelectedSegmentEnabled(self, enabled: bool) -> None:
        self.jumpToSelectedSegmentEnabled = enabled


def _selector(node_type: str, parent):
    selector = qMRMLNodeComboBox(parent)
    selector.nodeTypes = (node_type,)
    selector.noneEnabled = True
    selector.addEnabled = False
    selector.removeEnabled = False
    return selector


def _id(node) -> str:
    return node.GetID() if node is not None else ""
