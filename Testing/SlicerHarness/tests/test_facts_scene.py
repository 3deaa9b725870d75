"""What Slicer's scene, its files and its messages do, fact by fact; see FACTS.md."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest
import slicer
import vtk

import support

EVENTS = (
    *("StartBatchProcessEvent", "EndBatchProcessEvent", "StartImportEvent", "EndImportEvent", "StartCloseEvent"),
    *("EndCloseEvent", "NewSceneEvent", "NodeAddedEvent", "NodeRemovedEvent"),
)


@pytest.fixture(autouse=True)
def clean_scene():
    slicer.mrmlScene.Clear(0)


@pytest.fixture
def story():
    """The scene's events in their order, with what held at each: (event, batch, importing, data or None)."""
    scene, told, tags = slicer.mrmlScene, [], []

    def remember(name):
        @vtk.calldata_type(vtk.VTK_OBJECT)
        def told_of_a_node(caller, event, node):
            told.append((name, scene.IsBatchProcessing(), scene.IsImporting(), node))

        def told_of_the_scene(caller, event):
            told.append((name, scene.IsBatchProcessing(), scene.IsImporting(), None))

        return told_of_a_node if name.startswith("Node") else told_of_the_scene

    for name in EVENTS:
        tags.append(scene.AddObserver(getattr(scene, name), remember(name)))
    yield told
    for tag in tags:
        scene.RemoveObserver(tag)


def saved(tmp_path) -> str:
    """A scene with an image and a region, saved and closed."""
    support.add_volume(np.ones((2, 3, 4), np.int16), name="Image")
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Region")
    path = str(tmp_path / "scene.mrb")
    assert slicer.util.saveScene(path)
    slicer.mrmlScene.Clear(0)
    return path


def names(story) -> list[str]:
    kept = []
    for name, *_ in story:
        if not kept or kept[-1] != name:
            kept.append(name)
    return kept


def test_scene_that_is_added_comes_within_one_batch(tmp_path, story):
    path = saved(tmp_path)
    story.clear()
    slicer.util.loadScene(path, {"clear": False})
    order = [n for n in names(story) if n not in ("NodeRemovedEvent", "NewSceneEvent")]
    assert order[0] == "StartBatchProcessEvent" and order[-1] == "EndBatchProcessEvent"
    assert order.index("StartImportEvent") < order.index("NodeAddedEvent") < order.index("EndImportEvent")
    ends = [entry for entry in story if entry[0] in ("EndImportEvent", "EndBatchProcessEvent")]
    assert all(not batch and not importing for _, batch, importing, _ in ends)
    assert all(batch for name, batch, *_ in story if name == "NodeAddedEvent"), "none comes after the batch"


def test_scene_that_is_opened_is_in_a_batch_until_after_the_import(tmp_path, story):
    path = saved(tmp_path)
    story.clear()
    slicer.util.loadScene(path, {"clear": True})
    order = names(story)
    assert order.index("StartCloseEvent") < order.index("EndCloseEvent") < order.index("StartImportEvent")
    at_import = next(entry for entry in story if entry[0] == "EndImportEvent")
    assert at_import[1] and order[-1] == "EndBatchProcessEvent"


def test_node_of_an_import_has_no_image_yet_when_it_is_added(tmp_path):
    path, seen = saved(tmp_path), {}
    scene = slicer.mrmlScene

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def added(caller, event, node):
        if node.IsA("vtkMRMLScalarVolumeNode"):
            seen["added"] = node.GetImageData(), node.GetDisplayNode()

    def imported(caller, event):
        node = slicer.util.getNode("Image")
        seen["imported"] = node.GetImageData(), node.GetDisplayNode()

    tags = [scene.AddObserver(scene.NodeAddedEvent, added), scene.AddObserver(scene.EndImportEvent, imported)]
    slicer.util.loadScene(path, {"clear": False})
    for tag in tags:
        scene.RemoveObserver(tag)
    assert seen["added"] == (None, None)
    assert seen["imported"][0] is not None and seen["imported"][1] is not None


def test_loading_a_volume_is_no_batch(tmp_path, story):
    node = support.add_volume(np.ones((2, 3, 4), np.int16), name="Image")
    path = str(tmp_path / "image.nrrd")
    assert slicer.util.saveNode(node, path)
    story.clear()
    slicer.util.loadVolume(path)
    assert names(story) == ["NodeAddedEvent"]


def test_new_node_comes_alone_and_without_a_display_node(story):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "a")
    assert names(story) == ["NodeAddedEvent"] and node.GetDisplayNode() is None
    assert slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode").GetDisplayNode() is not None


def test_names_may_be_taken_twice_and_ids_of_an_added_scene_change(tmp_path):
    path = saved(tmp_path)
    for _ in range(2):
        slicer.util.loadScene(path, {"clear": False})
    nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    assert [node.GetName() for node in nodes] == ["Image", "Image"] and nodes[0].GetID() != nodes[1].GetID()
    assert slicer.util.getFirstNodeByName("nope") is None
    with pytest.raises(slicer.util.MRMLNodeNotFoundException):
        slicer.util.getNode("nope")


def test_removed_node_keeps_its_id_and_loses_its_scene():
    node = support.add_volume(np.ones((2, 3, 4), np.int16))
    node_id = node.GetID()
    slicer.mrmlScene.RemoveNode(node)
    assert node.GetID() == node_id and node.GetScene() is None


def test_missing_files_raise():
    for load in (slicer.util.loadVolume, slicer.util.loadScene):
        before = slicer.mrmlScene.GetNumberOfNodes()
        with pytest.raises(RuntimeError):
            load("/nonexistent.nrrd")
        assert slicer.mrmlScene.GetNumberOfNodes() == before


@pytest.mark.parametrize("kind", [bool, np.float16, np.int64])
def test_arrays_of_some_types_become_no_volume(kind):
    with pytest.raises(Exception):  # noqa: B017
        slicer.util.addVolumeFromArray(np.zeros((2, 3, 4), kind))


def test_array_of_a_plane_becomes_one_slice_and_colours_need_their_class():
    assert slicer.util.addVolumeFromArray(np.zeros((3, 4), np.int16)).GetImageData().GetDimensions() == (4, 3, 1)
    colours = slicer.util.addVolumeFromArray(np.zeros((1, 3, 4, 3), np.uint8), nodeClassName="vtkMRMLVectorVolumeNode")
    assert slicer.util.arrayFromVolume(colours).shape == (1, 3, 4, 3)


def test_array_of_a_volume_is_a_view_that_says_nothing_when_written():
    node, seen = support.add_volume(np.zeros((2, 3, 4), np.int16)), []
    node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: seen.append(1))
    slicer.util.arrayFromVolume(node)[0] = 5
    assert slicer.util.arrayFromVolume(node)[0, 0, 0] == 5 and seen == []
    slicer.util.arrayFromVolumeModified(node)
    assert seen
    with pytest.raises(AttributeError):
        slicer.util.arrayFromVolume(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode"))


def segmentation(image):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.SetReferenceImageGeometryParameterFromVolumeNode(image)
    node.GetSegmentation().AddEmptySegment("A", "Name")
    return node


def test_labelmap_from_an_array_refuses_truth_values_and_comes_back_as_a_copy():
    image = support.add_volume(np.zeros((2, 3, 4), np.int16))
    node = segmentation(image)
    with pytest.raises(TypeError):
        slicer.util.updateSegmentBinaryLabelmapFromArray(np.ones((2, 3, 4), bool), node, "A", image)
    slicer.util.updateSegmentBinaryLabelmapFromArray(np.full((2, 3, 4), 7, np.uint8), node, "A", image)
    found = slicer.util.arrayFromSegmentBinaryLabelmap(node, "A", image)
    assert found.sum() == 24, "any nonzero value counts"
    found[:] = 0
    assert slicer.util.arrayFromSegmentBinaryLabelmap(node, "A", image).sum() == 24, "it is a copy"


def test_array_of_the_wrong_shape_is_written_without_a_word():
    image = support.add_volume(np.zeros((4, 5, 6), np.int16))
    node = segmentation(image)
    slicer.util.updateSegmentBinaryLabelmapFromArray(np.ones((1, 2, 2), np.uint8), node, "A", image)
    assert slicer.util.arrayFromSegmentBinaryLabelmap(node, "A", image).sum() == 4


def test_error_that_was_displayed_is_raised_again():
    with pytest.raises(KeyError), slicer.util.tryWithErrorDisplay("Failed."):
        raise KeyError("x")


def test_messages_open_nothing_in_testing_mode():
    from SlicerHarness.toolkit import dialogs

    assert slicer.app.testingEnabled()
    slicer.util.errorDisplay("x")
    slicer.util.infoDisplay("x")
    assert not slicer.util.confirmOkCancelDisplay("x") and not slicer.util.confirmYesNoDisplay("x")
    assert dialogs.opened == []


def test_packaging_is_there_only_once_it_is_imported():
    before = sys.modules.pop("slicer.packaging", None)
    kept = vars(slicer).pop("packaging", None)
    try:
        with pytest.raises(AttributeError):
            slicer.packaging
        importlib.import_module("slicer.packaging")
        assert slicer.packaging.load_requirements
    finally:
        if before is not None:
            sys.modules["slicer.packaging"] = before
            vars(slicer)["packaging"] = kept
