"""What Slicer's own widgets do, fact by fact; see FACTS.md."""

from __future__ import annotations

import numpy as np
import pytest
import qt
import slicer

import support


@pytest.fixture(autouse=True)
def clean_scene():
    slicer.mrmlScene.Clear(0)


def combo(**properties):
    box = slicer.qMRMLNodeComboBox()
    box.nodeTypes = ("vtkMRMLScalarVolumeNode",)
    for name, value in properties.items():
        setattr(box, name, value)
    return box


def volume(name="Volume"):
    return support.add_volume(np.zeros((2, 3, 4)), name=name)


def segmentation(reference, *names):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    if reference is not None:
        node.SetReferenceImageGeometryParameterFromVolumeNode(reference)
    for name in names:
        node.GetSegmentation().AddEmptySegment(name, name, [1, 0, 0])
    return node


def editor(node=None, with_node=True):
    widget = slicer.qMRMLSegmentEditorWidget()
    widget.setMRMLScene(slicer.mrmlScene)
    if with_node:
        widget.setMRMLSegmentEditorNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
    if node is not None:
        widget.setSegmentationNode(node)
    return widget


def test_node_combo_box_says_many_times_that_nothing_is_chosen_while_it_is_filled():
    box, seen = combo(noneEnabled=True), []
    box.connect("currentNodeChanged(vtkMRMLNode*)", lambda node: seen.append(node))
    box.setMRMLScene(slicer.mrmlScene)
    assert len(seen) > 1 and set(seen) == {None}


def test_node_combo_box_says_a_change_more_than_once():
    box, seen = combo(noneEnabled=True), []
    box.setMRMLScene(slicer.mrmlScene)
    box.currentNodeChanged.connect(lambda node: seen.append(node))
    box.setCurrentNode(volume())
    assert len(seen) == 2 and seen[0] is seen[1] is box.currentNode()


@pytest.mark.parametrize("actions", [True, False])
def test_node_combo_box_without_none_jumps_to_the_first_node_and_to_another_one(actions):
    box = combo(noneEnabled=False, addEnabled=actions, removeEnabled=actions)
    box.setMRMLScene(slicer.mrmlScene)
    first, second = volume("a"), volume("b")
    assert box.currentNode() is first
    slicer.mrmlScene.RemoveNode(first)
    assert box.currentNode() is second


def test_long_node_name_widens_the_selector_unless_its_policy_says_no():
    volume("x" * 93)
    wide = combo(noneEnabled=True)
    narrow = combo(noneEnabled=True, sizeAdjustPolicy=qt.QComboBox.AdjustToMinimumContentsLengthWithIcon)
    for box in (wide, narrow):
        box.setMRMLScene(slicer.mrmlScene)
    assert wide.minimumSizeHint.width() > 500 and narrow.minimumSizeHint.width() < 200


def test_editor_is_369_wide():
    assert slicer.qMRMLSegmentEditorWidget().minimumWidth == 369


def test_editor_without_a_node_forgets_the_segmentation_and_activates_nothing():
    widget = editor(segmentation(volume(), "A"), with_node=False)
    widget.setMRMLSegmentEditorNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
    assert widget.segmentationNode() is None
    widget.setActiveEffectByName("Paint")
    assert widget.activeEffect() is None


def test_editor_takes_source_and_first_segment_of_a_segmentation_that_has_some():
    image = volume()
    widget = editor(segmentation(image, "A", "B"))
    assert widget.sourceVolumeNode() is image and widget.currentSegmentID() == "A"


def test_editor_chooses_no_segment_that_comes_later():
    node = segmentation(volume())
    widget = editor(node)
    node.GetSegmentation().AddEmptySegment("A")
    assert widget.currentSegmentID() == ""
    widget.setCurrentSegmentID("A")
    assert widget.currentSegmentID() == "A"


def test_editor_loses_choice_and_effect_with_the_segment():
    node = segmentation(volume(), "A", "B")
    widget = editor(node)
    widget.setActiveEffectByName("Paint")
    assert widget.activeEffect().name == "Paint"
    node.GetSegmentation().RemoveSegment("A")
    assert widget.currentSegmentID() == "" and widget.activeEffect() is None


def test_editor_without_a_source_has_no_effects():
    widget = editor(segmentation(None, "A"))
    widget.setActiveEffectByName("Paint")
    assert widget.activeEffect() is None
    widget.setSourceVolumeNode(volume())
    widget.setActiveEffectByName("Paint")
    assert widget.activeEffect() is not None
    widget.setSourceVolumeNode(None)
    assert widget.activeEffect() is None


@pytest.mark.parametrize("name", ["", "No such effect"])
def test_unknown_effect_deactivates(name):
    widget = editor(segmentation(volume(), "A"))
    widget.setActiveEffectByName("Paint")
    widget.setActiveEffectByName(name)
    assert widget.activeEffect() is None


def fill(node, segment_id, value):
    image = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
    array = np.zeros((2, 3, 4), np.uint8)
    array[0, 0, :value] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, node, segment_id, image)


def voxels(node, segment_id="A"):
    image = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
    return int(slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, image).sum())


def test_undo_needs_a_saved_state_and_equal_states_count_once():
    node = segmentation(volume(), "A")
    widget = editor(node)
    fill(node, "A", 1)
    for _ in range(3):
        widget.saveStateForUndo()
    fill(node, "A", 2)
    widget.undo()
    assert voxels(node) == 1
    widget.undo()
    assert voxels(node) == 1


@pytest.mark.parametrize(("maximum", "steps"), [(None, 4), (2, 1)])
def test_number_of_undo_steps(maximum, steps):
    node = segmentation(volume(), "A")
    widget = editor(node)
    if maximum is not None:
        widget.setMaximumNumberOfUndoStates(maximum)
    assert widget.maximumNumberOfUndoStates == (maximum or 5)
    for value in (1, 2, 3):
        fill(node, "A", value)
        widget.saveStateForUndo()
    fill(node, "A", 4)
    for _ in range(3):
        widget.undo()
    assert voxels(node) == 4 - min(steps, 3)


def test_history_goes_with_another_segmentation_and_is_the_editors_own():
    image = volume()
    node, other = segmentation(image, "A"), segmentation(image, "B")
    widget, second = editor(node), editor(node)
    fill(node, "A", 1)
    widget.saveStateForUndo()
    fill(node, "A", 2)
    second.undo()
    assert voxels(node) == 2
    widget.setSegmentationNode(other)
    widget.setSegmentationNode(node)
    widget.undo()
    assert voxels(node) == 2


def test_undo_brings_back_the_set_of_segments_names_and_tags():
    node = segmentation(volume(), "A")
    widget = editor(node)
    fill(node, "A", 1)
    widget.saveStateForUndo()
    kept = node.GetSegmentation().GetSegment("A")
    kept.SetName("other")
    kept.SetTag("x", "y")
    node.GetSegmentation().AddEmptySegment("B")
    widget.undo()
    assert node.GetSegmentation().GetSegmentIDs() == ("A",) and kept.GetName() == "A"
    assert node.GetSegmentation().GetSegment("A") is kept and not kept.HasTag("x")


def test_closing_the_scene_leaves_the_editor_without_a_segmentation():
    widget = editor(segmentation(volume(), "A"))
    slicer.mrmlScene.Clear(0)
    assert widget.segmentationNode() is None and widget.mrmlSegmentEditorNode() is not None
    assert not slicer.mrmlScene.IsNodePresent(widget.mrmlSegmentEditorNode())


def test_editor_node_with_a_singleton_tag_stays_when_the_scene_is_closed():
    node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
    node.UnRegister(None)
    node.SetSingletonTag("Facts")
    node = slicer.mrmlScene.AddNode(node)
    slicer.mrmlScene.Clear(0)
    assert slicer.mrmlScene.IsNodePresent(node)


def test_segmentation_set_at_the_end_of_a_batch_by_an_earlier_observer_is_lost():
    """The selector has not filled itself at that moment, and what it shows wins."""
    scene = slicer.mrmlScene
    made = {}
    tag = scene.AddObserver(scene.EndBatchProcessEvent, lambda *_: made["widget"].setSegmentationNode(made["node"]))
    made["widget"] = editor()
    scene.StartState(scene.BatchProcessState)
    made["node"] = segmentation(volume(), "A")
    scene.EndState(scene.BatchProcessState)
    scene.RemoveObserver(tag)
    assert made["widget"].segmentationNode() is None
    made["widget"].setSegmentationNode(made["node"])
    assert made["widget"].segmentationNode() is made["node"]


def button(cls, text):
    made = cls()
    made.text = text
    return made


def label(text, wrapped):
    made = qt.QLabel(text)
    made.setWordWrap(wrapped)
    return made


def filled(policy=None):
    box = qt.QComboBox()
    box.addItem("word " * 20)
    if policy is not None:
        box.setSizeAdjustPolicy(policy)
    return box


@pytest.mark.parametrize(
    ("make", "widens"),
    [
        (lambda: label("word " * 20, False), True),
        (lambda: label("word " * 20, True), False),
        (lambda: label("w" * 90, True), True),
        (lambda: button(qt.QPushButton, "word " * 20), True),
        (lambda: button(qt.QCheckBox, "word " * 20), True),
        (lambda: button(qt.QToolButton, "word " * 20), True),
        (filled, True),
        (lambda: filled(qt.QComboBox.AdjustToMinimumContentsLengthWithIcon), False),
        (lambda: qt.QLineEdit("word " * 20), False),
        (lambda: qt.QTableWidget(1, 8), False),
    ],
)
def test_what_widens_a_panel(make, widens):
    panel = qt.QWidget()
    layout = qt.QVBoxLayout(panel)
    widget = make()
    if widget.inherits("QToolButton"):
        widget.setToolButtonStyle(qt.Qt.ToolButtonTextOnly)
    layout.addWidget(widget)
    assert (panel.minimumSizeHint.width() > 400) is widens


@pytest.mark.parametrize("within", [False, True])
def test_keys_of_the_editor_take_the_whole_window_unless_they_are_given_a_part(within):
    window, field, part, pressed = qt.QWidget(), qt.QLineEdit(), qt.QWidget(), []
    layout = qt.QVBoxLayout(window)
    widget = editor(segmentation(volume(), "A"))
    for child in (field, part, widget):
        layout.addWidget(child)
    shortcut = qt.QShortcut(window)
    shortcut.setKey(qt.QKeySequence("Esc"))
    shortcut.setContext(qt.Qt.WidgetWithChildrenShortcut)
    shortcut.connect("activated()", lambda: pressed.append("own"))
    shortcut.connect("activatedAmbiguously()", lambda: pressed.append("neither"))
    widget.installKeyboardShortcuts(part if within else None)
    for _ in range(2):
        support.press_key(window, "Esc", focus=field)
    assert ("own" in pressed) == within, "two shortcuts of one key: neither acts"
    widget.uninstallKeyboardShortcuts()
    support.press_key(window, "Esc", focus=field)
    assert pressed[-1] == "own"
    window.hide()
