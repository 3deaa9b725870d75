"""A scripted module is loaded, shown, left and unloaded as Slicer would do it."""

from __future__ import annotations

import numpy as np
import slicer

import support


def test_panel_is_found_through_slicer_util(sample):
    assert slicer.util.getModuleWidget("HarnessSample") is sample
    assert slicer.util.getModuleLogic("HarnessSample") is sample.logic
    assert slicer.modules.HarnessSampleWidget is sample
    assert slicer.modules.harnesssample.title == "Harness sample"


def test_ui_children_are_strict_and_carry_their_properties(sample):
    assert sample.ui.inputSelector.nodeTypes == ("vtkMRMLScalarVolumeNode",)
    assert sample.ui.inputSelector.toolTip == "Pick the image."
    assert sample.ui.inputSelector.property("SlicerParameterName") == "inputVolume"
    assert (sample.ui.thresholdSlider.maximum, sample.ui.thresholdSlider.singleStep) == (10.0, 0.5)
    assert sample.ui.applyButton.text == "Apply"
    assert sample.ui.inputsButton.text == "Inputs"


def test_scene_reaches_the_selector_through_the_ui_connection(sample):
    assert sample.ui.inputSelector.mrmlScene() is slicer.mrmlScene
    volume = support.add_volume(np.zeros((2, 3, 4)))
    assert sample.ui.inputSelector.currentNode() is None
    sample.ui.inputSelector.setCurrentNode(volume)
    sample.ui.applyButton.click()
    assert ("apply", volume.GetID()) in sample.events


def test_enter_exit_and_cleanup_arrive(sample):
    representation = slicer.modules.harnesssample.widgetRepresentation()
    representation.enter()
    representation.exit()
    slicer.app.moduleManager().moduleAboutToBeUnloaded.emit("HarnessSample")
    assert [e[0] for e in sample.events if e[0] in ("enter", "exit", "cleanup")] == ["enter", "exit", "cleanup"]


def test_parameter_node_is_a_singleton(sample):
    node = sample.logic.getParameterNode()
    assert node is sample.logic.getParameterNode()
    assert node.GetAttribute("ModuleName") == "HarnessSample"
