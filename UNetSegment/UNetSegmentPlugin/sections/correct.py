"""Correct: the Segment Editor on the result, with undo, and the effect "U-Net correct" in hand."""

import slicer

from ..correcting.effect import NAME as EFFECT
from ..running.runs import RunState
from ..scene import results
from ..scene.corrected import CorrectionWatch
from ..scene.volumes import source_of
from .section import Section

_EDITOR_TAG = "UNetSegment"
_UNDO_STATES = 10
_FIRST_EFFECTS = (EFFECT, "Paint", "Draw", "Erase")


class CorrectSection(Section):
    """The editor is made when it is first needed: it takes a moment, and a first click does without."""

    ui_file = "Correct.ui"

    def __init__(self, panel) -> None:
        super().__init__(panel)
        self._editor = None
        self._entered = False
        self._before = None
        self._watch = CorrectionWatch(self._on_corrected)
        self.ui.correctedSelector.setMRMLScene(slicer.mrmlScene)
        self.root.connect("contentsCollapsed(bool)", self._on_collapsed)

    @property
    def editor(self):
        """The embedded qMRMLSegmentEditorWidget."""
        if self._editor is None:
            self._editor = editor = slicer.qMRMLSegmentEditorWidget()
            editor.objectName = "segmentEditor"
            editor.setMaximumNumberOfUndoStates(_UNDO_STATES)
            editor.setSegmentationNodeSelectorVisible(False)
            editor.setSourceVolumeNodeSelectorVisible(False)
            editor.setSwitchToSegmentationsButtonVisible(False)
            editor.setEffectNameOrder(_FIRST_EFFECTS)
            editor.setMRMLScene(slicer.mrmlScene)
            # Effects may have been registered, and the order given, after it was made.
            editor.updateEffectList()
            # An empty layout of the .ui file is no attribute of ``ui`` in Slicer; the section's own always is there.
            self.root.layout().addWidget(editor)
            # A run makes it in the closed section; shown there, its width would be the panel's.
            editor.setVisible(not self.root.collapsed)
            self._attach()
            if self._entered:
                self._listen()
        return self._editor

    def refresh(self) -> None:
        """See Section.refresh."""
        node = self.panel.parameters.result if self.panel.parameters is not None else None
        if node is not None:
            self._watch.follow(node)
        # Others are corrected in the Segment Editor, too; they may come with a scene, or of a script.
        self._watch.follow_ours()
        if self._editor is not None:
            self._attach()

    def save(self, segmentation_node) -> None:
        """Remembers the segments of a node, so that the editor's Undo brings them back."""
        editor = self.editor
        self._before = self.panel.parameters.result
        # Another segmentation in the editor means another history, so it must be there before and stay.
        self.panel.parameters.result = segmentation_node
        self._attach()
        editor.saveStateForUndo()

    def take_back(self) -> None:
        """The write that :meth:`save` was for has failed: what was shown before it is shown again."""
        before, self._before = self._before, None
        if before is not None and self.panel.parameters is not None and slicer.mrmlScene.IsNodePresent(before):
            self.panel.parameters.result = before

    def undo(self) -> None:
        """Brings the segments back to the last remembered state."""
        self.editor.undo()

    def on_run(self, run) -> None:
        """See Section.on_run."""
        if self._editor is not None and run is not None and run.state is RunState.DONE:
            self._attach()
            self._take_tool()

    def enter(self) -> None:
        """See Section.enter."""
        self._entered = True
        if self._editor is not None:
            self._attach()
            self._listen()
            self._take_tool()

    def exit(self) -> None:
        """See Section.exit: brushes must not stay active behind another module."""
        self._entered = False
        if self._editor is not None:
            self._editor.setActiveEffect(None)
            self._editor.uninstallKeyboardShortcuts()
            self._editor.removeViewObservations()

    def close(self) -> None:
        """See Section.close: the corrections' worker ends with the panel."""
        self._watch.stop()
        if self._editor is not None:
            effect = self._editor.effectByName(EFFECT)
            if effect is not None and effect.self() is not None:
                effect.self().cleanup()

    def scene_closing(self) -> None:
        """See Section.scene_closing."""
        self._watch.stop()
        if self._editor is not None:
            self._editor.setSegmentationNode(None)

    def _attach(self) -> None:
        """Lets the editor work on the chosen segmentation and its image."""
        editor, parameters = self._editor, self.panel.parameters
        if editor.mrmlSegmentEditorNode() is None or not slicer.mrmlScene.IsNodePresent(editor.mrmlSegmentEditorNode()):
            editor.setMRMLSegmentEditorNode(_editor_node())
        node = parameters.result if parameters is not None else None
        another = editor.segmentationNode() is not node
        if another:
            editor.setSegmentationNode(node)
        source = source_of(node) if node is not None else None
        if source is not None and editor.sourceVolumeNode() is not source:
            editor.setSourceVolumeNode(source)
        if node is not None:
            self._choose_a_segment(node.GetSegmentation())
        # Another segmentation takes the tool out of the hand; Esc does, too, and then it is not to come back by itself.
        if another and node is not None:
            self._take_tool()

    def _listen(self) -> None:
        """Lets the editor's tools have the mouse and the keys of the views."""
        self._editor.setupViewObservations()
        layout = slicer.app.layoutManager()
        # Not of the whole window, which is the default: there its letters and Space would be taken from the panel's
        # fields and buttons, and neither its Esc nor the panel's would do anything.
        if layout is not None:
            self._editor.installKeyboardShortcuts(layout.viewport())

    def _choose_a_segment(self, segmentation) -> None:
        """Without a chosen segment every tool is grey. The editor chooses one only of those that are there when it gets
        the segmentation; a run's come later."""
        chosen = self._editor.currentSegmentID()
        if segmentation.GetNumberOfSegments() and not (chosen and segmentation.GetSegment(chosen)):
            self._editor.setCurrentSegmentID(segmentation.GetNthSegmentID(0))

    def _on_collapsed(self, collapsed: bool) -> None:
        if not collapsed:
            self._begin()
            self.editor.setVisible(True)
            self._attach()
            self._take_tool()

    def _begin(self) -> None:
        """Without any segmentation there is nothing to correct: an empty one is begun, to be drawn from nothing."""
        parameters = self.panel.parameters
        if parameters is None:
            return
        if parameters.result is None and parameters.input_volume is not None:
            # A run that goes on brings its own.
            if not self.panel.runner.runs and not slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
                parameters.result = results.begin(parameters.input_volume)
        elif parameters.result is not None and not parameters.result.GetSegmentation().GetNumberOfSegments():
            results.add_empty_segment(parameters.result)

    def _take_tool(self) -> None:
        """The effect is chosen where somebody looks at the section and holds no other one."""
        if self._entered and not self.root.collapsed and self._editor.activeEffect() is None:
            self._editor.setActiveEffectByName(EFFECT)

    def _on_corrected(self, node) -> None:
        if self.panel.parameters is not None and node is self.panel.parameters.result:
            self.panel.report.measure()


def _editor_node():
    """The editor's own node: a singleton, so that it survives as one through closing and loading scenes."""
    node = slicer.mrmlScene.GetSingletonNode(_EDITOR_TAG, "vtkMRMLSegmentEditorNode")
    if node is None:
        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
        node.UnRegister(None)
        node.SetSingletonTag(_EDITOR_TAG)
        node = slicer.mrmlScene.AddNode(node)
    return node
