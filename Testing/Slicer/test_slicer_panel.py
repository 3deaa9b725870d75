"""The panel without running anything: what it shows, what it refuses, what it remembers."""

import os
import tempfile

import known_models as models
import numpy as np
import slicer
import support
from test_slicer_geometry import GRIDS, ball_volume


class PanelTestCase(support.SlicerTestCase):
    def setUp(self) -> None:
        super().setUp()
        patch = models.at_hand()
        patch.start()
        self.addCleanup(patch.stop)
        self.panel = support.panel().panel
        self.panel.reload_models()
        self.ui = self.panel.run.ui
        support.process_events()

    def problem(self) -> str:
        return self.ui.runProblemLabel.text


class InputErrorTest(PanelTestCase):
    """Every input error stands beside the button, which is off; none pops up (the harness fails on any dialog)."""

    def test_no_image(self):
        self.panel.parameters.input_volume = None
        self.panel.parameters.model = "threshold"
        self.assertEqual(self.panel.input_errors(), ["Choose an image."])
        self.assertIn("Choose an image.", self.problem())
        self.assertFalse(self.ui.segmentButton.enabled)
        self.assertIn("Choose an image.", self.ui.segmentButton.toolTip)

    def test_no_model(self):
        self.panel.parameters.input_volume = ball_volume(GRIDS["straight"])
        self.panel.parameters.model = "gone"
        self.assertEqual(self.panel.input_errors(), ["Choose a model."])
        self.assertFalse(self.ui.segmentButton.enabled)

    def test_an_image_without_voxels(self):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Hollow")
        self.panel.parameters.model = "threshold"
        self.panel.parameters.input_volume = node
        self.assertEqual(self.panel.input_errors(), ["'Hollow' has no voxels."])

    def test_missing_second_channel(self):
        self.panel.parameters.input_volume = ball_volume(GRIDS["straight"])
        self.panel.parameters.model = "threshold-pair"
        self.assertEqual(self.panel.input_errors(), ["Choose the image 'Image 2'."])

    def test_no_region_yet(self):
        self.panel.parameters.input_volume = ball_volume(GRIDS["straight"])
        self.panel.parameters.model = "threshold"
        self.panel.parameters.whole_volume = False
        self.assertEqual(self.panel.input_errors(), ["Place a region, or choose the whole volume."])

    def test_a_region_outside_the_image_is_told_at_the_click(self):
        self.panel.parameters.input_volume = ball_volume(GRIDS["straight"])
        self.panel.parameters.model = "threshold"
        roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Far away")
        roi.SetCenter(900.0, 0.0, 0.0)
        roi.SetSize(10.0, 10.0, 10.0)
        self.panel.parameters.region = roi
        self.panel.parameters.whole_volume = False
        self.assertTrue(self.ui.segmentButton.enabled)
        self.ui.segmentButton.click()
        self.assertEqual(self.panel.runner.runs, ())
        self.assertIn("lies outside", self.problem())

    def test_no_segmentation_to_merge_into(self):
        self.panel.parameters.input_volume = ball_volume(GRIDS["straight"])
        self.panel.parameters.model = "threshold"
        self.panel.parameters.policy = "add"
        self.assertEqual(self.panel.input_errors(), ["Choose the segmentation that the result goes into."])
        self.panel.parameters.target = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        self.assertEqual(self.panel.input_errors(), [])
        self.assertTrue(self.ui.segmentButton.enabled)

    def test_errors_come_together(self):
        self.panel.parameters.input_volume = None
        self.panel.parameters.model = "threshold"
        self.panel.parameters.whole_volume = False
        self.panel.parameters.policy = "replace"
        self.assertEqual(len(self.panel.input_errors()), 3)
        for error in self.panel.input_errors():
            self.assertIn(error, self.problem())


class ModelSectionTest(PanelTestCase):
    def visible(self) -> list[str]:
        view = self.panel.model.chooser.ui.modelList
        return [view.item(row).text().splitlines()[0] for row in range(view.count) if not view.item(row).isHidden()]

    def test_search_by_name_anatomy_and_structure(self):
        box = self.panel.model.chooser.ui.modelSearchBox
        for text, expected in (
            ("slow", ["Threshold, slow"]),
            ("phantom pair", ["Threshold of two"] if "pair" in "Threshold of two" else []),
            ("nothing at all", []),
        ):
            box.text = text
            self.assertEqual(self.visible(), expected if text != "phantom pair" else ["Threshold of two"], text)
        box.text = "high"
        self.assertEqual(len(self.visible()), 4)
        box.text = ""
        self.assertEqual(len(self.visible()), len(self.panel.cards))

    def test_choosing_a_row_shows_its_card(self):
        chooser = self.panel.model.chooser
        self.panel.choose_model("slow")
        row = [card.name for card in self.panel.cards].index("threshold")
        chooser.open()
        chooser.ui.modelList.setCurrentRow(row)
        self.assertNotEqual(self.panel.parameters.model, "threshold")
        chooser.accept()
        self.assertEqual(self.panel.parameters.model, "threshold")
        text = self.panel.model.ui.modelCardLabel.text
        for expected in ("Threshold", "Low", "High", "rgb(60,120,220)", "Apache-2.0", "about 40 × 40 × 40 mm"):
            self.assertIn(expected, text)

    def test_expected_time_is_what_the_last_run_took(self):
        from UNetSegmentPlugin.models import expectation

        self.panel.parameters.model = "threshold"
        self.assertIn("known after the first run", self.panel.model.ui.modelCardLabel.text)
        expectation.remember("threshold", "auto", "balanced", 7.4)
        self.panel.refresh()
        self.assertIn("7 s", self.panel.model.ui.modelCardLabel.text)

    def test_one_selector_for_each_channel(self):
        self.panel.parameters.model = "threshold-pair"
        self.assertEqual(self.panel.volume.ui.inputVolumeLabel.text, "&Image 1")
        self.assertIsNotNone(slicer.util.findChild(self.panel.volume.root, "channelSelector1"))
        self.panel.parameters.model = "threshold"
        support.process_events()
        self.assertEqual(self.panel.volume.ui.inputVolumeLabel.text, "&Image")
        self.assertEqual(self.panel.input_errors(), ["Choose an image."])


class PhotographStackTest(PanelTestCase):
    """Slicer loads numbered photographs as one volume when it is asked for one of them."""

    def stack(self, count: int, suffix: str = ".png"):
        volume = ball_volume(GRIDS["straight"], name="img_003")
        storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
        for number in range(count):
            storage.AddFileName(f"img_{number:03}{suffix}")
        storage.SetFileName(f"img_000{suffix}")
        volume.SetAndObserveStorageNodeID(storage.GetID())
        return volume

    def test_it_is_said_and_one_slice_is_offered(self):
        self.panel.parameters.model = "threshold"
        self.panel.parameters.whole_volume = True
        self.panel.parameters.input_volume = self.stack(64)
        label = self.panel.region.ui.regionHintLabel
        self.assertIn("64 numbered photographs", label.text)
        self.panel.region.place_on_slice()
        self.assertFalse(self.panel.parameters.whole_volume)
        from UNetSegmentPlugin.scene.regions import box_of

        box = box_of(self.panel.parameters.region, self.panel.parameters.input_volume)
        self.assertEqual(box.shape[0], 1)
        self.assertNotIn("photographs", label.text)

    def test_the_link_does_what_it_says(self):
        self.panel.parameters.whole_volume = True
        self.panel.parameters.input_volume = self.stack(64)
        self.panel.region.ui.regionHintLabel.linkActivated.emit("slice")
        self.assertFalse(self.panel.parameters.whole_volume)

    def test_other_volumes_are_no_photographs(self):
        from UNetSegmentPlugin.scene import photographs

        self.assertEqual(photographs.count(self.stack(64)), 64)
        self.assertEqual(photographs.count(self.stack(64, ".dcm")), 0)
        self.assertEqual(photographs.count(self.stack(1)), 0)
        self.assertEqual(photographs.count(ball_volume(GRIDS["straight"])), 0)
        self.assertEqual(photographs.count(None), 0)


class StateTest(PanelTestCase):
    def test_a_removed_channel_is_not_replaced_by_its_neighbour(self):
        first, second = ball_volume(GRIDS["straight"], name="First"), ball_volume(GRIDS["straight"], name="Second")
        ball_volume(GRIDS["straight"], name="Neighbour")
        self.panel.parameters.input_volume, self.panel.parameters.model = first, "threshold-pair"
        selector = slicer.util.findChild(self.panel.volume.root, "channelSelector1")
        support.choose_node(selector, second)
        self.assertEqual(self.panel.input_errors(), [])
        slicer.mrmlScene.RemoveNode(second)
        support.process_events()
        self.assertIn("Choose the image 'Image 2'.", self.panel.input_errors())
        self.assertIsNone(selector.currentNode())

    def test_state_survives_saving_and_loading_the_scene(self):
        parameters = self.panel.parameters
        volume = ball_volume(GRIDS["oblique"])
        other = ball_volume(GRIDS["straight"], name="Second")
        target = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Target")
        parameters.input_volume, parameters.model = volume, "threshold-pair"
        support.choose_node(slicer.util.findChild(self.panel.volume.root, "channelSelector1"), other)
        self.panel.region.ui.placeRegionButton.click()
        parameters.policy, parameters.target = "empty", target
        parameters.preset, parameters.memory_limit_gb, parameters.smoothing = "fast", 2.5, 0.7
        parameters.uncertainty, parameters.device = True, "cuda:1"
        parameters.backend, parameters.form = "onnx", "quick"
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "scene.mrb")  # noqa: PTH118
            self.assertTrue(slicer.util.saveScene(path))
            slicer.mrmlScene.Clear(0)
            support.process_events()
            self.assertIsNone(self.panel.parameters.region)
            slicer.util.loadScene(path)
            support.process_events()
        restored = self.panel.parameters
        self.assertEqual(restored.input_volume.GetName(), "Ball")
        self.assertEqual(self.panel.volume.ui.inputVolumeSelector.currentNode().GetName(), "Ball")
        selector = slicer.util.findChild(self.panel.volume.root, "channelSelector1")
        self.assertEqual(selector.currentNode().GetName(), "Second")
        self.assertEqual(restored.model, "threshold-pair")
        self.assertEqual(restored.region.GetName(), "UNetSegment region")
        self.assertFalse(self.panel.region.ui.wholeVolumeBox.checked)
        self.assertEqual(self.panel.result.ui.policyBox.currentData, "empty")
        self.assertEqual(self.panel.result.ui.targetSelector.currentNode().GetName(), "Target")
        self.assertEqual(self.panel.advanced.ui.presetBox.currentData, "fast")
        self.assertEqual(self.panel.advanced.ui.deviceBox.currentData, "cuda:1")
        self.assertEqual(self.panel.advanced.ui.backendBox.currentData, "onnx")
        self.assertEqual(self.panel.advanced.ui.formBox.currentData, "quick")
        self.assertAlmostEqual(self.panel.advanced.ui.memoryLimitBox.value, 2.5)
        self.assertAlmostEqual(self.panel.advanced.ui.smoothingSlider.value, 0.7)
        self.assertTrue(self.panel.advanced.ui.uncertaintyBox.checked)

    def test_a_first_image_is_chosen_by_itself(self):
        self.assertIsNone(self.panel.parameters.input_volume)
        support.add_volume(np.zeros((4, 4, 4), np.int16), name="Labels", class_name="vtkMRMLLabelMapVolumeNode")
        support.process_events()
        self.assertIsNone(self.panel.parameters.input_volume)
        volume = ball_volume(GRIDS["straight"])
        support.process_events()
        self.assertIs(self.panel.parameters.input_volume, volume)

    def test_advanced_settings_reach_the_order(self):
        parameters = self.panel.parameters
        parameters.input_volume, parameters.model = ball_volume(GRIDS["straight"]), "threshold"
        self.panel.advanced.ui.presetBox.setCurrentIndex(self.panel.advanced.ui.presetBox.findData("exact"))
        self.panel.advanced.ui.memoryLimitBox.value = 1.5
        order = self.panel.order()
        self.assertEqual((order.preset, order.device), ("exact", "auto"))
        self.assertEqual(order.settings, {"memory_limit": 1_500_000_000})
        box = self.panel.advanced.ui.backendBox
        self.assertEqual(box.currentData, "auto")
        for row in range(1, box.count):
            box.setCurrentIndex(row)
            self.assertEqual(self.panel.order().settings["backend"], box.itemData(row))

    def test_every_backend_of_the_engine_is_offered(self):
        from UNetSegmentLib.inference.backends.installed import BACKENDS

        box = self.panel.advanced.ui.backendBox
        self.assertEqual([box.itemData(row) for row in range(box.count)], list(BACKENDS))

    def test_diagnostics_name_versions_and_no_images(self):
        ball_volume(GRIDS["straight"], name="Patient Smith")
        self.panel.advanced.ui.copyDiagnosticsButton.click()
        text = slicer.app.clipboard().text()
        for expected in ("UNetSegment", "Slicer", "torch", "Python"):
            self.assertIn(expected, text)
        self.assertNotIn("Smith", text)

    def test_the_panel_fits_into_400_pixels(self):
        for section in self.panel.sections:
            if section is self.panel.correct:
                continue
            self.assertLessEqual(section.root.minimumSizeHint.width(), 380, section.ui_file)


class ReportAndCorrectTest(PanelTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.volume = ball_volume(GRIDS["straight"])
        self.node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Result")
        self.node.CreateDefaultDisplayNodes()
        self.node.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)
        self.node.GetSegmentation().AddEmptySegment("ball", "Ball", [1.0, 0.2, 0.1])
        self.mask = (slicer.util.arrayFromVolume(self.volume) > 50).astype(np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(self.mask, self.node, "ball", self.volume)
        self.panel.parameters.result = self.node

    def test_table_copy_and_csv(self):
        table = self.panel.report.ui.reportTable
        self.assertEqual(table.rowCount, 1)
        self.assertEqual(table.item(0, 0).text(), "Ball")
        self.assertAlmostEqual(float(table.item(0, 1).text()), self.mask.sum() / 1000, places=3)
        # Between voxel faces a ball of radius 9 mm is about 18 to 19 mm wide.
        self.assertAlmostEqual(float(table.item(0, 2).text()), 18.5, delta=1.0)
        self.panel.report.ui.copyReportButton.click()
        self.assertEqual(slicer.app.clipboard().text().splitlines()[1].split("\t")[0], "Ball")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "table.csv")  # noqa: PTH118
            self.panel.report.save(path)
            with open(path, encoding="utf-8-sig") as file:  # noqa: PTH123
                self.assertEqual(file.read().splitlines()[1].split(",")[0], "Ball")
        self.panel.report.save("/no/such/folder/table.csv")
        self.assertIn("could not be written", self.problem())

    def test_show_in_3d(self):
        button = self.panel.report.ui.show3dButton
        self.assertFalse(button.checked)
        button.checked = True
        self.assertTrue(self.node.GetSegmentation().ContainsRepresentation("Closed surface"))
        self.assertEqual(self.node.GetSegmentation().GetConversionParameter("Smoothing factor"), "0.30")
        self.panel.advanced.ui.smoothingSlider.value = 0.6
        self.assertEqual(self.node.GetSegmentation().GetConversionParameter("Smoothing factor"), "0.60")
        button.checked = False
        self.assertFalse(self.node.GetDisplayNode().GetVisibility3D())

    def test_the_editor_works_on_the_result_and_its_image(self):
        editor = self.panel.correct.editor
        self.assertIs(editor.segmentationNode(), self.node)
        self.assertIs(editor.sourceVolumeNode(), self.volume)
        self.panel.correct.save(self.node)
        slicer.util.updateSegmentBinaryLabelmapFromArray(np.zeros_like(self.mask), self.node, "ball", self.volume)
        self.panel.correct.undo()
        found = slicer.util.arrayFromSegmentBinaryLabelmap(self.node, "ball", self.volume)
        np.testing.assert_array_equal(found, self.mask)

    def test_opening_the_section_shows_the_editor(self):
        self.panel.correct.root.collapsed = False
        self.addCleanup(setattr, self.panel.correct.root, "collapsed", True)
        self.assertTrue(self.panel.correct.editor.isVisibleTo(self.panel.correct.root))

    def test_a_correction_reaches_the_report(self):
        half = self.mask.copy()
        half[: half.shape[0] // 2] = 0
        slicer.util.updateSegmentBinaryLabelmapFromArray(half, self.node, "ball", self.volume)
        table = self.panel.report.ui.reportTable
        support.wait_until(lambda: table.item(0, 1).text() == f"{half.sum() / 1000:.3f}", 5, "the new volume")

    def test_removing_the_result_empties_the_report(self):
        slicer.mrmlScene.RemoveNode(self.node)
        support.process_events()
        self.assertIsNone(self.panel.parameters.result)
        self.assertEqual(self.panel.report.ui.reportTable.rowCount, 0)


class KeyboardTest(PanelTestCase):
    def test_mnemonics_do_not_clash(self):
        """Alt+letter reaches one widget only (sections that stand on the panel together)."""
        letters: dict[str, str] = {}
        for section in self.panel.sections:
            for name, widget in vars(section.ui).items():
                text = getattr(widget, "text", "")
                if not isinstance(text, str) or "<" in text or "&" not in text.replace("&&", ""):
                    continue
                letter = text[text.index("&") + 1].lower()
                self.assertNotIn(letter, letters, f"{name} and {letters.get(letter)}")
                letters[letter] = name
        self.assertGreater(len(letters), 10)
