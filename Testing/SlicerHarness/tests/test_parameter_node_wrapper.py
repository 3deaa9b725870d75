"""The parameter node wrapper as README.md of the dump says: both directions, ranges, choices, nodes."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
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
