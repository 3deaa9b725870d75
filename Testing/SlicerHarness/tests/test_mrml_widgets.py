"""MRML widgets over the real scene."""

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
    for name, value in {"noneEnabled": True, **properties}.items():
        setattr(box, name, value)
    box.setMRMLScene(slicer.mrmlScene)
    return box


def volume(name="Volume"):
    return support.add_volume(np.zeros((2, 3, 4)), name=name)


def segmentation(reference=None):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.CreateDefaultDisplayNodes()
    if reference is not None:
        node.SetReferenceImageGeometryParameterFromVolumeNode(reference)
    return node


def test_combo_follows_the_scene():
    box = combo()
    seen = []
    box.currentNodeChanged.connect(lambda node: seen.append(node))
    first = volume()
    assert box.nodeCount() == 1 and box.currentNode() is None
    box.setCurrentNode(first)
    assert box.currentNodeID == first.GetID() and set(seen) == {first}
    slicer.mrmlScene.RemoveNode(first)
    assert box.currentNode() is None and box.nodeCount() == 0


def test_combo_filters_by_attribute_hidden_and_class():
    box = combo(showChildNodeTypes=False)
    box.addAttribute("vtkMRMLScalarVolumeNode", "Wanted", "1")
    plain, wanted, hidden = volume("plain"), volume("wanted"), volume("hidden")
    support.add_volume(np.zeros((2, 2, 2), np.uint8), name="labels", class_name="vtkMRMLLabelMapVolumeNode")
    for node in (wanted, hidden):
        node.SetAttribute("Wanted", "1")
    hidden.SetHideFromEditors(True)
    assert [box.nodeFromIndex(i) for i in range(box.nodeCount())] == [wanted]
    assert plain is not None


def test_combo_creates_a_node_with_its_base_name():
    box = combo(addEnabled=True, baseName="Region")
    box.nodeTypes = ("vtkMRMLMarkupsROINode",)
    node = box.addNode()
    assert node.GetName() == "Region" and box.currentNode() is node


def test_scene_closing_empties_the_combo():
    box = combo()
    box.setCurrentNode(volume())
    slicer.mrmlScene.Clear(0)
    assert box.currentNode() is None


def test_segment_editor_undoes_through_the_real_history():
    image = volume()
    node = segmentation(image)
    segment_id = node.GetSegmentation().AddEmptySegment("id", "Name", [1, 0, 0])
    editor = slicer.qMRMLSegmentEditorWidget()
    editor.setMRMLScene(slicer.mrmlScene)
    editor.setMRMLSegmentEditorNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
    editor.setSegmentationNode(node)
    editor.setSourceVolumeNode(image)
    editor.setMaximumNumberOfUndoStates(10)
    before = np.zeros((2, 3, 4), np.uint8)
    before[0, 0, 0] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(before, node, segment_id, image)
    editor.saveStateForUndo()
    slicer.util.updateSegmentBinaryLabelmapFromArray(np.ones((2, 3, 4), np.uint8), node, segment_id, image)
    editor.undo()
    assert np.array_equal(slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, image), before)
    editor.redo()
    assert slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, image).sum() == 24
    assert editor.segmentationNode() is node and editor.sourceVolumeNode() is image
    assert "Paint" in editor.availableEffectNames() and editor.activeEffect() is None
    editor.setActiveEffectByName("Paint")
    assert editor.activeEffect().name == "Paint"


def test_segments_table_and_selector_show_the_segments():
    node = segmentation()
    table = slicer.qMRMLSegmentsTableView()
    table.setSegmentationNode(node)
    for name in ("a", "b"):
        node.GetSegmentation().AddEmptySegment(name, name.upper(), [1, 0, 0])
    assert table.segmentCount == 2 and table.displayedSegmentIDs() == ("a", "b")
    table.setSelectedSegmentIDs(["b"])
    assert table.selectedSegmentIDs() == ("b",)
    selector = slicer.qMRMLSegmentSelectorWidget()
    selector.setMRMLScene(slicer.mrmlScene)
    selector.setCurrentNode(node)
    selector.setCurrentSegmentID("b")
    assert selector.currentSegmentID() == "b"
    node.GetSegmentation().RemoveSegment("b")
    assert selector.currentSegmentID() == "a"


def test_place_widget_uses_the_real_interaction_node():
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    widget = slicer.qSlicerMarkupsPlaceWidget()
    widget.setMRMLScene(slicer.mrmlScene)
    widget.setCurrentNode(points)
    widget.setPlaceModeEnabled(True)
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    assert interaction.GetCurrentInteractionMode() == interaction.Place
    widget.placeModeEnabled = False
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform


def test_show_3d_makes_the_closed_surface():
    image = volume()
    node = segmentation(image)
    segment_id = node.GetSegmentation().AddEmptySegment("id")
    slicer.util.updateSegmentBinaryLabelmapFromArray(np.ones((2, 3, 4), np.uint8), node, segment_id, image)
    button = slicer.qMRMLSegmentationShow3DButton()
    button.setSegmentationNode(node)
    button.click()
    surface = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
    assert node.GetSegmentation().ContainsRepresentation(surface)


def test_standins_hold_no_name_that_slicer_lacks():
    with pytest.raises(AttributeError, match="ctkSliderWidget"):
        type(qt.QWidget)(
            "Bad", (slicer.qMRMLSliderWidget,), {"invented": 1}, kind="standin", table=_table("ctkSliderWidget")
        )


def _table(name):
    from SlicerHarness.strictness import dump

    return dump.class_table(name)
