"""The parameter node wrapper as README.md of the dump says: both directions, ranges, choices, nodes."""

from __future__ import annotations

import enum
import sys
import typing
from pathlib import Path
from typing import Annotated

import ctk
import numpy as np
import pytest
import qt
import slicer
from slicer.parameterNodeWrapper import Choice, Default, WithinRange, parameterNodeWrapper

import support


class Quality(enum.Enum):
    DRAFT = 1
    FINE = 2


@parameterNodeWrapper
class Parameters:
    inputVolume: slicer.vtkMRMLScalarVolumeNode
    region: slicer.vtkMRMLMarkupsROINode | None
    threshold: Annotated[float, WithinRange(0, 10)] = 3.0
    mode: Annotated[str, Choice(["new", "replace"])] = "new"
    smooth: bool = True
    names: list[str]
    folder: Path
    quality: Quality = Quality.FINE
    count: Annotated[int, Default(7)]


@pytest.fixture
def node(sample):
    return sample.logic.getParameterNode()


def test_defaults(node):
    parameters = Parameters(node)
    assert (parameters.threshold, parameters.mode, parameters.smooth) == (3.0, "new", True)
    assert parameters.inputVolume is None and parameters.region is None
    assert parameters.names == [] and parameters.count == 7 and parameters.quality is Quality.FINE
    assert parameters.default("threshold").value == 3.0
    assert set(parameters.allParameters) >= {"inputVolume", "mode"}


def test_values_outside_the_range_and_wrong_types_raise(node):
    parameters = Parameters(node)
    with pytest.raises(ValueError):
        parameters.threshold = 11
    with pytest.raises(ValueError):
        parameters.mode = "other"
    with pytest.raises(TypeError):
        parameters.inputVolume = node
    assert parameters.threshold == 3.0 and parameters.mode == "new"


def test_values_lie_in_the_node_and_survive_another_wrapper(node):
    first = Parameters(node)
    first.names = ["a", "b"]
    first.names.append("c")
    first.smooth = False
    first.folder = Path("/tmp/x")
    first.inputVolume = support.add_volume(np.zeros((2, 2, 2)))
    second = Parameters(node)
    assert second.names == ["a", "b", "c"] and second.smooth is False and second.folder == Path("/tmp/x")
    assert second.inputVolume is first.inputVolume


def test_gui_follows_the_node_and_the_node_follows_the_gui(sample, node):
    parameters = Parameters(node)
    tag = parameters.connectGui(sample.ui)
    assert (sample.ui.thresholdSlider.value, sample.ui.smoothBox.checked) == (3.0, True)
    assert [sample.ui.modeBox.itemText(i) for i in range(sample.ui.modeBox.count)] == ["new", "replace"]
    parameters.threshold = 4.5
    parameters.mode = "replace"
    assert (sample.ui.thresholdSlider.value, sample.ui.modeBox.currentText) == (4.5, "replace")
    sample.ui.thresholdSlider.value = 1.5
    sample.ui.smoothBox.click()
    sample.ui.modeBox.currentIndex = 0
    volume = support.add_volume(np.zeros((2, 2, 2)))
    sample.ui.inputSelector.setCurrentNode(volume)
    assert (parameters.threshold, parameters.smooth, parameters.mode) == (1.5, False, "new")
    assert parameters.inputVolume is volume
    parameters.disconnectGui(tag)
    sample.ui.thresholdSlider.value = 2.0
    assert parameters.threshold == 1.5


def test_removed_node_leaves_parameter_and_selector_empty(sample, node):
    parameters = Parameters(node)
    parameters.connectGui(sample.ui)
    volume = support.add_volume(np.zeros((2, 2, 2)))
    parameters.inputVolume = volume
    assert sample.ui.inputSelector.currentNode() is volume
    slicer.mrmlScene.RemoveNode(volume)
    assert parameters.inputVolume is None and sample.ui.inputSelector.currentNode() is None


def test_observers_see_changes(node):
    import vtk

    parameters = Parameters(node)
    seen = []
    tag = parameters.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: seen.append(parameters.threshold))
    parameters.threshold = 6
    parameters.RemoveObserver(tag)
    parameters.threshold = 7
    assert seen == [6.0]


def make(**annotations):
    """A wrapper class out of its members."""
    return parameterNodeWrapper(type("Made", (), {"__annotations__": annotations}))


def modifications(node) -> list[int]:
    import vtk

    seen: list[int] = []
    node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: seen.append(1))
    return seen


VOLUMES = (slicer.vtkMRMLScalarVolumeNode, slicer.vtkMRMLVectorVolumeNode)


def test_union_without_none_is_refused_when_the_wrapper_is_made(node):
    wanted = typing.Union[VOLUMES]  # noqa: UP007
    with pytest.raises(TypeError, match="Unable to write value 'None'"):
        make(image=wanted)(node)


@pytest.mark.parametrize("wanted", [typing.Union[(*VOLUMES, None)], VOLUMES[0] | VOLUMES[1] | None])
def test_union_with_none_holds_a_node_of_either_class_under_its_index(node, wanted):
    parameters = make(image=wanted)(node)
    assert parameters.image is None
    volume = support.add_volume(np.zeros((1, 2, 2, 3), np.uint8), class_name="vtkMRMLVectorVolumeNode")
    parameters.image = volume
    # A vector volume is a scalar one to MRML, so that the first member takes it.
    assert parameters.image is volume and node.GetNodeReference("image.0") is volume
    parameters.image = None
    assert parameters.image is None
    with pytest.raises(TypeError):
        parameters.image = node


def test_optional_number_may_be_nothing(node):
    parameters = make(number=typing.Optional[int])(node)  # noqa: UP045
    assert parameters.number is None
    parameters.number = 3
    assert parameters.number == 3


@pytest.mark.parametrize("annotation", [Annotated[int, WithinRange(3, 9)], Annotated[str, Choice(["a"])]])
def test_restricted_parameter_needs_a_default_within(node, annotation):
    with pytest.raises(ValueError):
        make(value=annotation)(node)


def test_types_are_strict(node):
    parameters = make(number=int, size=float, text=str, folder=Path, quality=Quality, image=VOLUMES[0])(node)
    for name, wrong, error in (
        ("number", "3", TypeError), ("number", 3.0, TypeError), ("number", np.int64(3), TypeError),
        ("size", np.float32(3), TypeError), ("text", None, ValueError), ("folder", "/tmp", TypeError),
        ("quality", 1, TypeError), ("image", "vtkMRMLScalarVolumeNode1", TypeError),
    ):  # fmt: skip
        with pytest.raises(error):
            setattr(parameters, name, wrong)
    parameters.size = 3
    assert parameters.size == 3.0 and type(parameters.size) is float


def test_true_as_a_number_breaks_every_later_reading(node):
    parameters = make(number=int)(node)
    with pytest.raises(ValueError):
        parameters.number = True
    assert node.GetParameter("number") == "True"
    with pytest.raises(ValueError):
        make(number=int)(node)


def test_a_node_that_is_in_no_scene_is_taken_and_reads_as_none(node):
    parameters = make(image=VOLUMES[0])(node)
    parameters.image = slicer.vtkMRMLScalarVolumeNode()
    assert parameters.image is None


def test_one_change_is_one_modification_and_none_is_none(node):
    parameters = make(number=int, names=list[str])(node)
    seen = modifications(node)
    parameters.number = 3
    parameters.number = 3
    parameters.names.append("a")
    assert len(seen) == 2
    was = parameters.StartModify()
    parameters.number, parameters.names = 4, ["b"]
    assert len(seen) == 2 and parameters.number == 4 and parameters.names == ["b"]
    parameters.EndModify(was)
    assert len(seen) == 3


def test_list_is_no_list_and_cannot_be_added_to_one(node):
    parameters = make(names=list[str])(node)
    parameters.names = ["a"]
    assert not isinstance(parameters.names, list) and list(parameters.names) == ["a"]
    with pytest.raises((AttributeError, NotImplementedError)):
        parameters.names.__add__(["b"])


def test_values_are_read_anew_at_modified_only(node):
    parameters = make(number=int)(node)
    node.SetDisableModifiedEvent(True)
    node.SetParameter("number", "5")
    node.SetDisableModifiedEvent(False)
    assert parameters.number == 0 and parameters.isCached("number")
    node.Modified()
    assert parameters.number == 5


def test_text_that_cannot_be_read_leaves_the_old_value_and_a_traceback(node):
    parameters = make(number=int)(node)
    seen, hook = [], sys.excepthook
    sys.excepthook = lambda kind, value, trace: seen.append(kind)
    node.SetParameter("number", "no number")
    sys.excepthook = hook
    assert parameters.number == 0 and seen and set(seen) == {ValueError}


def test_removed_node_is_none_after_modifications(node):
    parameters = make(image=VOLUMES[0])(node)
    parameters.image = volume = support.add_volume(np.zeros((2, 2, 2)))
    seen = modifications(node)
    slicer.mrmlScene.RemoveNode(volume)
    assert parameters.image is None and seen


def test_refused_pairs_of_widget_and_type(node):
    parameters = make(flag=bool, text=str, number=int, image=VOLUMES[0], maybe=typing.Optional[int])(node)  # noqa: UP045
    for name, widget in (
        ("flag", qt.QToolButton()), ("flag", qt.QRadioButton()), ("flag", qt.QGroupBox()),
        ("flag", ctk.ctkCollapsibleButton()), ("text", qt.QPlainTextEdit()), ("text", qt.QComboBox()),
        ("number", qt.QLineEdit()), ("number", qt.QLabel()), ("number", qt.QProgressBar()), ("maybe", qt.QSpinBox()),
        ("image", qt.QComboBox()), ("flag", ctk.ctkSearchBox()),
    ):  # fmt: skip
        with pytest.raises(RuntimeError):
            parameters.connectParametersToGui({name: widget})


def test_unknown_parameter_name_on_a_widget_is_refused(node):
    root = qt.QWidget()
    spin = qt.QSpinBox(root)
    spin.setProperty("SlicerParameterName", "no_such")
    with pytest.raises(ValueError):
        make(number=int)(node).connectGui(root)


def test_closed_scene_resets_the_parameters_of_the_same_node(node):
    parameters = make(number=int)(node)
    parameters.number = 4
    slicer.mrmlScene.Clear(0)
    assert parameters.number == 0 and slicer.mrmlScene.IsNodePresent(node)


SCENE = """<MRML version="Slicer5.13" userTags="">
 <ScriptedModule id="vtkMRMLScriptedModuleNode1" name="HarnessSample" singletonTag="HarnessSample"
  attributes="ModuleName:HarnessSample" references="image:vtkMRMLScalarVolumeNode1;" ModuleName="HarnessSample"
  parameter0= "number 5" parameter1= "image " ></ScriptedModule>
 <Volume id="vtkMRMLScalarVolumeNode1" name="Later" ></Volume>
</MRML>"""


def test_node_that_stands_later_in_an_imported_scene_is_missed_until_modified(node, tmp_path):
    parameters = make(image=VOLUMES[0], number=int)(node)
    (tmp_path / "scene.mrml").write_text(SCENE)
    slicer.util.loadScene(str(tmp_path / "scene.mrml"), {"clear": False})
    assert parameters.number == 5, "plain values are right"
    assert node.GetNodeReference("image").GetName() == "Later"
    assert parameters.image is None
    assert make(image=VOLUMES[0], number=int)(node).image is not None, "a fresh wrapper sees it"
    node.Modified()
    assert parameters.image is not None
