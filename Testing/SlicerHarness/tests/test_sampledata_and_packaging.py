"""Nothing is downloaded or installed; what was asked is recorded."""

from __future__ import annotations

import numpy as np
import pytest
import SampleData
import slicer
import slicer.packaging

import support
from SlicerHarness.application import packaging, sampledata


def test_samples_load_from_files_that_the_test_gives(tmp_path):
    slicer.mrmlScene.Clear(0)
    path = tmp_path / "head.nrrd"
    assert slicer.util.saveNode(support.add_volume(np.ones((2, 3, 4), np.float32)), str(path), {})
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="Harness", sampleName="Head", uris="u", fileNames="head.nrrd", nodeNames="Head"
    )
    with pytest.raises(ValueError, match="downloads nothing"):
        SampleData.SampleDataLogic().downloadSamples("Head")
    sampledata.files["u"] = str(path)
    (node,) = SampleData.SampleDataLogic().downloadSamples("Head")
    assert node.GetName() == "Head" and slicer.util.arrayFromVolume(node).shape == (2, 3, 4)
    del slicer.modules.sampleDataSources["Harness"], sampledata.files["u"]


def test_packaging_records_and_answers():
    packaging.record.reset()
    assert slicer.packaging.pip_check("numpy>=1.20") and not slicer.packaging.pip_check("no-such-package")
    slicer.packaging.pip_install(["no-such-package"], requester="Harness")
    assert slicer.packaging.pip_check("no-such-package")
    packaging.record.missing.add("numpy")
    assert not slicer.packaging.pip_check("numpy")
    packaging.record.declined = True
    with pytest.raises(RuntimeError):
        slicer.packaging.pip_ensure("numpy", requester="Harness")
    assert [call[0] for call in packaging.record.calls] == ["pip_install", "pip_ensure"]
    packaging.record.reset()


def test_scene_is_saved_and_loaded(tmp_path):
    slicer.mrmlScene.Clear(0)
    volume = support.add_volume(np.arange(24.0).reshape(2, 3, 4), name="Image")
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Result")
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    segment_id = segmentation.GetSegmentation().AddEmptySegment("id", "Name", [1, 0, 0])
    labels = np.zeros((2, 3, 4), np.uint8)
    labels[1, 2, 3] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(labels, segmentation, segment_id, volume)
    parameters = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "Parameters")
    parameters.SetParameter("a", "b")
    for name in ("scene.mrb", "scene.mrml"):
        assert slicer.util.saveScene(str(tmp_path / name), {})
        slicer.mrmlScene.Clear(0)
        slicer.util.loadScene(str(tmp_path / name), {})
        image, result = slicer.util.getNode("Image"), slicer.util.getNode("Result")
        assert np.array_equal(slicer.util.arrayFromVolume(image).ravel(), np.arange(24.0))
        assert result.GetSegmentation().GetSegment("id").GetName() == "Name"
        found = slicer.util.arrayFromSegmentBinaryLabelmap(result, "id", image)
        assert np.array_equal(found, labels)
        assert slicer.util.getNode("Parameters").GetParameter("a") == "b"
    slicer.mrmlScene.Clear(0)
