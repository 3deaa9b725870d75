"""Scenes that are saved, opened, imported and closed while the panel is shown."""

import tempfile
from pathlib import Path
from unittest import mock

import known_models as models
import numpy as np
import slicer
import support
from test_slicer_geometry import GRIDS, ball_volume


class SceneTest(support.SlicerTestCase):
    def setUp(self) -> None:
        super().setUp()
        patch = models.at_hand()
        patch.start()
        self.addCleanup(patch.stop)
        self.panel = support.panel().panel
        self.panel.reload_models()
        support.enter()
        self.addCleanup(support.leave)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = str(Path(folder.name) / "scene.mrb")

    def saved_scene(self) -> None:
        """A scene with an image, a region, a target and a result, saved and closed."""
        parameters, volume = self.panel.parameters, ball_volume(GRIDS["straight"])
        volume.SetName("Saved image")
        parameters.input_volume = volume
        region = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Saved region")
        segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Saved segments")
        segmentation.CreateDefaultDisplayNodes()
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        segment_id = segmentation.GetSegmentation().AddEmptySegment("One", "One", [1.0, 0.0, 0.0])
        array = np.ones(slicer.util.arrayFromVolume(volume).shape, np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(array, segmentation, segment_id, volume)
        parameters.whole_volume, parameters.region = False, region
        parameters.policy, parameters.target, parameters.result = "add", segmentation, segmentation
        self.assertTrue(slicer.util.saveScene(self.path))
        slicer.mrmlScene.Clear(0)
        support.process_events()

    def assert_shown(self) -> None:
        """The parameters and the selectors hold the nodes of the saved scene."""
        expected = {
            "input_volume": "Saved image",
            "region": "Saved region",
            "target": "Saved segments",
            "result": "Saved segments",
        }
        from slicer.parameterNodeWrapper import findChildWidgetForParameter

        for name, node_name in expected.items():
            node = getattr(self.panel.parameters, name)
            self.assertIsNotNone(node, name)
            self.assertEqual(node.GetName(), node_name)
            selector = findChildWidgetForParameter(support.panel().parent, name)
            self.assertIs(selector.currentNode(), node, name)
        self.assertFalse(self.panel.parameters.whole_volume)
        self.assertEqual(self.panel.input_errors(), [])

    def test_a_scene_imported_into_an_open_one_is_shown(self):
        self.saved_scene()
        slicer.util.loadScene(self.path, {"clear": False})
        support.process_events()
        self.assert_shown()

    def test_a_scene_that_is_opened_is_shown(self):
        self.saved_scene()
        slicer.util.loadScene(self.path, {"clear": True})
        support.process_events()
        self.assert_shown()

    def test_the_editor_works_after_a_scene_is_opened_without_leaving_the_module(self):
        self.assertIsNotNone(self.panel.correct.editor)
        for clear in (True, False):
            with self.subTest(clear=clear):
                self.saved_scene()
                slicer.util.loadScene(self.path, {"clear": clear})
                support.process_events()
                self.assert_tools_work(self.panel.parameters.result)

    def assert_tools_work(self, segmentation) -> None:
        editor = self.panel.correct.editor
        self.assertIs(editor.segmentationNode(), segmentation)
        self.assertIsNotNone(editor.sourceVolumeNode())
        self.assertIsNotNone(segmentation.GetSegmentation().GetSegment(editor.currentSegmentID()))
        editor.setActiveEffectByName("Paint")
        self.assertIsNotNone(editor.activeEffect())
        editor.setActiveEffect(None)

    def segment(self):
        self.panel.parameters.model = "threshold"
        self.panel.segment()
        return self.panel.runner.wait(self.panel.runner.runs[0], 240.0)

    def test_tools_work_after_a_run_and_after_a_close(self):
        for _ in range(2):
            self.panel.parameters.input_volume = ball_volume(GRIDS["straight"])
            run = self.segment()
            self.assertIsNone(run.error)
            self.assert_tools_work(run.written.segmentation)
            slicer.mrmlScene.Clear(0)
            support.process_events()
            self.assertIsNone(self.panel.correct.editor.segmentationNode())

    def test_a_result_that_cannot_be_written_leaves_what_was_shown(self):
        from UNetSegmentPlugin.scene import results

        self.panel.parameters.input_volume = ball_volume(GRIDS["straight"])
        first = self.segment().written.segmentation

        def fail(*_):
            raise MemoryError

        before = slicer.mrmlScene.GetNumberOfNodes()
        with mock.patch.object(results, "_add_segments", fail):
            run = self.segment()
        self.assertIn("could not be written", str(run.error))
        self.assertIs(self.panel.parameters.result, first)
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), before)
        self.assert_tools_work(first)
