"""What a training learns from and what is refused before it starts; how it is shown."""

import json
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import qt
import slicer
import support
from slicer_training_cases import TrainingTestCase, add_case, ball

from UNetSegmentLib.io import read_segmentation, read_volume
from UNetSegmentLib.progress import ProgressEvent
from UNetSegmentLib.worker.protocol.training_runs import (
    Outcome,
    TrainingOrder,
    make_run,
    training_folder,
    write_outcome,
)


class CopyTest(TrainingTestCase):
    """What the pairs become on the disk."""

    def copy(self):
        order, pairs = self.section.order()
        ended: list = []
        pairs.start(self.scratch / "copy", lambda done, total: None, ended.append)
        support.wait_until(lambda: ended, 60, "the copy")
        self.assertEqual(ended, [None])
        return order, self.scratch / "copy"

    def test_voxels_labels_and_grids_arrive(self):
        self.choose_pairs(2)
        order, folder = self.copy()
        self.assertTrue(order.copied)
        image, label = ball(1)
        volume = read_volume(folder / "images" / "case-1.nrrd")
        found = read_segmentation(folder / "labels" / "case-1.seg.nrrd")
        np.testing.assert_allclose(volume.voxels[0], image)
        np.testing.assert_array_equal(found.voxels, label)
        self.assertTrue(volume.geometry.is_close(found.geometry))
        np.testing.assert_allclose(volume.geometry.origin, (-5.0, 3.0, 2.0))
        table = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        self.assertEqual(table["labels"], {"1": "Shell", "2": "Core"})

    def test_names_decide_not_the_order_and_what_is_unticked_is_left_out(self):
        image, label = ball(0)
        add_case(0, "a", image=image, label=label)
        swapped = np.where(label == 2, 1, np.where(label == 1, 2, 0))
        add_case(1, "b", (" core ", "SHELL", "Helper"), image=image, label=swapped)
        self.section.source.find_pairs()
        self.parameters.train_title = "Balls"
        texts = [self.section.source.ui.trainSegmentList.item(row).text() for row in range(3)]
        self.assertEqual(texts, ["Shell", "Core", "Helper (1 of 2 pairs)"])
        self.assertIn("'Helper' is missing in 'a truth'", self.problems)
        self.section.source.ui.trainSegmentList.item(2).setCheckState(qt.Qt.Unchecked)
        self.assertNotIn("Helper", self.problems)
        _order, folder = self.copy()
        for name in ("a", "b"):
            found = read_segmentation(folder / "labels" / f"{name}.seg.nrrd")
            np.testing.assert_array_equal(found.voxels, label)
            self.assertEqual([known.name for known in found.labels], ["Shell", "Core"])

    def test_a_segmentation_on_another_grid_and_transform_lands_where_it_is_seen(self):
        image, label = ball(0)
        volume, node = add_case(0, "a", image=image, label=label)
        add_case(1, "b")
        # The same place in the world, told with another matrix and a transform over both halves.
        turned = np.diag([-1.0, -1.0, 1.0, 1.0])
        turned[:3, 3] = (40.0, 10.0, -7.0)
        support.add_transform(turned, volume)
        other = support.add_transform(turned, node, name="Other")
        self.section.source.find_pairs()
        self.parameters.train_title = "Balls"
        _order, folder = self.copy()
        found = read_segmentation(folder / "labels" / "a.seg.nrrd")
        np.testing.assert_array_equal(found.voxels, label)
        shift = np.eye(4)
        shift[0, 3] = 2.0
        other.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(shift @ turned))
        _order, folder = self.copy()
        moved = read_segmentation(folder / "labels" / "a.seg.nrrd").voxels
        # Two millimetres to the right of the world are two voxels back in the turned image.
        np.testing.assert_array_equal(moved[:, :, :-2], label[:, :, 2:])

    def test_a_colour_photograph_has_three_channels(self):
        for number in range(2):
            image = np.random.default_rng(number).integers(0, 255, (1, 20, 24, 3)).astype(np.uint8)
            label = np.zeros((1, 20, 24), int)
            label[0, 5:12, 6:14] = 1
            add_case(number, f"fundus {number}", ("Vessel",), image=image, label=label)
        self.section.source.find_pairs()
        self.parameters.train_title = "Vessels"
        self.assertEqual(self.section.errors(), [])
        _order, folder = self.copy()
        self.assertEqual(read_volume(folder / "images" / "fundus-0.nrrd").voxels.shape, (3, 1, 20, 24))
        table = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        self.assertEqual(table["channels"], ["Red", "Green", "Blue"])

    def test_a_segmentation_of_surfaces_is_made_of_voxels_in_the_copy_alone(self):
        image, label = ball(0)
        _volume, node = add_case(0, "a", image=image, label=label)
        add_case(1, "b")
        node.CreateClosedSurfaceRepresentation()
        segmentation = node.GetSegmentation()
        segmentation.SetSourceRepresentationName("Closed surface")
        segmentation.RemoveRepresentation("Binary labelmap")
        self.section.source.find_pairs()
        self.parameters.train_title = "Balls"
        _order, folder = self.copy()
        found = read_segmentation(folder / "labels" / "a.seg.nrrd").voxels
        self.assertGreater((found == label).mean(), 0.97)
        self.assertFalse(segmentation.ContainsRepresentation("Binary labelmap"))


class PairsTest(TrainingTestCase):
    def test_pairs_are_found_by_reference_and_by_name(self):
        add_case(0, "case 1")
        add_case(1, "case 10")
        for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
            node.SetNodeReferenceID(node.GetReferenceImageGeometryReferenceRole(), None)
        self.section.source.ui.findPairsButton.click()
        names = [(pair.volume.GetName(), pair.segmentation.GetName()) for pair in self.section.source.pairs]
        self.assertEqual(names, [("case 1", "case 1 truth"), ("case 10", "case 10 truth")])

    def test_rows_are_added_chosen_and_taken_away(self):
        volume, node = add_case(0, "a")
        source = self.section.source
        source.ui.addPairButton.click()
        source.ui.addPairButton.click()
        self.assertEqual(self.parameters.train_pairs, 2)
        self.assertIn("Pair 1: choose an image.", self.problems)
        for selector, chosen in ((source._rows[1].volume, volume), (source._rows[1].segmentation, node)):
            support.choose_node(selector, chosen)
        self.assertEqual([pair.volume for pair in source.pairs], [volume])
        source._rows[0].button.click()
        support.process_events()
        self.assertEqual(self.parameters.train_pairs, 1)
        self.assertIs(source._rows[0].volume.currentNode(), volume)

    def test_a_removed_node_leaves_its_row_empty(self):
        self.choose_pairs(2)
        slicer.mrmlScene.RemoveNode(self.section.source.pairs[0].volume)
        self.assertEqual(len(self.section.source.pairs), 1)
        self.assertIn("Pair 1: choose an image.", self.problems)
        self.assertFalse(self.section.ui.trainButton.enabled)

    def test_choices_are_saved_with_the_scene(self):
        self.choose_pairs(2)
        self.parameters.train_minutes = 12.0
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "scene.mrb")
            slicer.util.saveScene(path)
            slicer.mrmlScene.Clear(0)
            self.assertEqual(self.section.source.pairs, [])
            slicer.util.loadScene(path)
        support.process_events()
        self.assertEqual([pair.volume.GetName() for pair in self.section.source.pairs], ["case 0", "case 1"])
        self.assertEqual(self.section.ui.trainTitleEdit.text, "Balls")
        self.assertEqual(self.section.ui.trainMinutesBox.value, 12.0)


class RefusedTest(TrainingTestCase):
    """What is told before anything starts."""

    def refused(self, *words: str) -> None:
        self.panel.refresh()
        errors = " ".join(self.section.errors())
        for word in words:
            self.assertIn(word, errors)
        self.assertFalse(self.section.ui.trainButton.enabled)
        self.section.start()
        self.assertFalse(self.trainer.busy)
        self.assertFalse(training_folder().exists())

    def test_too_few_pairs(self):
        self.choose_pairs(1)
        self.refused("at least 2 cases")
        self.parameters.train_folds = 0
        self.assertEqual(self.section.errors(), [])

    def test_nothing_at_all(self):
        self.refused("at least 2 cases", "name")

    def test_segments_that_have_no_name_in_common(self):
        self.choose_pairs(1)
        add_case(5, "odd", ("Kidney",))
        self.section.source.find_pairs()
        for row in range(2):
            self.section.source.ui.trainSegmentList.item(row).setCheckState(qt.Qt.Unchecked)
        self.refused("'case 0 truth' has none of the segments: Kidney")

    def test_every_segment_unticked(self):
        self.choose_pairs(2)
        for row in range(2):
            self.section.source.ui.trainSegmentList.item(row).setCheckState(qt.Qt.Unchecked)
        self.refused("Tick at least one segment")

    def test_a_segmentation_elsewhere(self):
        self.choose_pairs(2)
        far = np.eye(4)
        far[0, 3] = 500.0
        support.add_transform(far, self.section.source.pairs[1].segmentation)
        self.refused("'case 1 truth' lies outside of 'case 1'")

    def test_sheared_axes(self):
        self.choose_pairs(2)
        sheared = support.ijk_to_ras()
        sheared[0, 2] = 0.4
        self.section.source.pairs[0].volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(sheared))
        self.refused("'case 0'", "perpendicular")

    def test_colour_and_grey_and_slices_and_volumes_do_not_mix(self):
        self.choose_pairs(1)
        label = np.zeros((1, 20, 24), int)
        label[0, 5:12, 6:14] = 1
        add_case(1, "photo", image=np.zeros((1, 20, 24, 3), np.uint8), label=label)
        add_case(2, "slice", image=np.zeros((1, 20, 24), np.uint8), label=label)
        self.section.source.find_pairs()
        self.refused("'case 0' and 'photo' do not have the same channels", "one is a single slice")

    def test_the_same_image_twice(self):
        self.choose_pairs(2)
        from UNetSegmentPlugin.training import pairs as training_pairs

        rows = training_pairs.pairs(self.parameters)
        training_pairs.set_pairs(self.parameters, [*rows, rows[0]])
        self.refused("'case 0' is in the list twice")

    def test_names(self):
        self.choose_pairs(2)
        self.parameters.train_title = " "
        self.refused("Give the new model a name")
        (self.own / "Taken").mkdir(parents=True)
        self.parameters.train_title = "Taken"
        self.refused("model called 'Taken' already")
        self.parameters.train_title = "Begun"
        make_run(TrainingOrder("Begun", "Begun", "/data"))
        self.panel.refresh()
        self.assertIn("training called 'Begun' already", " ".join(self.section.errors()))
        # Finished, and its model removed since: the name is free again.
        write_outcome(Outcome(True, 9, 9, "Begun", "1", "Begun", "/gone"), training_folder() / "Begun")
        self.panel.refresh()
        self.assertEqual(self.section.errors(), [])

    def test_folders(self):
        self.parameters.train_title = "Cases"
        self.section.source.choose_folder("")
        self.refused("Choose the folder")
        self.section.source.choose_folder(str(self.scratch / "nowhere"))
        self.refused("There is no folder", "Check the path")
        (self.scratch / "holidays").mkdir()
        self.section.source.choose_folder(str(self.scratch / "holidays"))
        self.refused("has no layout that is known", "images/ and labels/")
        self.section.source.choose_folder(str(self.folder_of_cases(1)))
        self.refused("at least 2 cases")
        self.folder_of_cases(3)
        self.section.source.forget()
        self.panel.refresh()
        self.assertEqual(self.section.errors(), [])
        self.assertIn("3 cases, layout 'pairs'", self.section.source.ui.trainFolderLabel.text)
        self.assertIn("3 cases are few", self.problems)

    def test_a_model_with_other_inputs_cannot_be_the_start(self):
        import shutil

        import known_models

        self.own.mkdir()
        for name in ("threshold", "threshold-pair"):
            shutil.copytree(known_models.folder() / name, self.own / name)
        self.panel.reload_models()
        self.choose_pairs(2)
        self.parameters.train_start_from = "threshold-pair"
        self.refused("reads 2 channel(s), the images have 1")
        self.parameters.train_start_from = "threshold"
        self.assertEqual(self.section.errors(), [])
        self.assertFalse(self.section.ui.trainNetworkBox.enabled)
        order, _pairs = self.section.order()
        self.assertEqual(order.start_from, str(self.own / "threshold"))

    def test_while_the_worker_has_no_torch(self):
        from UNetSegmentLib.worker.protocol.messages import Problem, Ready

        self.choose_pairs(2)
        with mock.patch.object(self.panel.runner._here, "ready", Ready(problem=Problem("missing-package", "no torch"))):
            self.refused("see Setup")


class ViewTest(TrainingTestCase):
    def test_a_closed_section_does_not_look_at_the_disk(self):
        self.section.root.collapsed = True
        with mock.patch("UNetSegmentPlugin.training.checks.open_layout", side_effect=AssertionError):
            self.section.source.choose_folder(str(self.scratch))
            self.panel.refresh()

    def test_unfinished_trainings_are_offered_and_discarded(self):
        if not support.in_harness():
            self.skipTest("nobody answers dialogs in a real Slicer")
        from SlicerHarness.toolkit import dialogs

        folder = make_run(TrainingOrder("liver", "Liver", "/data"))
        (folder / "plan.json").write_text('{"steps": 800}', encoding="utf-8")
        (folder / "log.csv").write_text("step,loss\n120,0.5\n", encoding="utf-8")
        self.panel.refresh()
        ui = self.section.progress.ui
        self.assertTrue(self.shown(ui.trainUnfinished))
        self.assertEqual(ui.trainUnfinishedBox.currentText, "Liver, step 120 of 800")
        self.assertFalse(ui.trainMakeModelButton.enabled)
        dialogs.answers.append(qt.QMessageBox.No)
        ui.trainDiscardButton.click()
        self.assertTrue(folder.is_dir())
        dialogs.answers.append(qt.QMessageBox.Yes)
        ui.trainDiscardButton.click()
        self.assertFalse(folder.exists())
        self.assertFalse(self.shown(ui.trainUnfinished))

    def test_a_training_whose_order_is_gone_is_told(self):
        folder = make_run(TrainingOrder("liver", "Liver", "/data"))
        self.panel.refresh()
        (folder / "order.json").unlink()
        self.section.progress.ui.trainContinueButton.click()
        self.assertIn("no training", self.section.progress.ui.trainErrorLabel.text)

    def test_stages_in_words(self):
        from UNetSegmentPlugin.running.runs import RunState
        from UNetSegmentPlugin.sections.train_progress import status_text
        from UNetSegmentPlugin.training.trainer import Training

        training = Training(self.scratch, TrainingOrder("liver", "Liver", "/data"))
        training.state = RunState.RUNNING
        for event, expected in (
            (None, "Starting the training's process"),
            (ProgressEvent("fingerprint", 2, 8, 3.0), "Looking at the cases (2 of 8)"),
            (ProgressEvent("fingerprint", 8, 8, 0.0), "Planning: network, patches and steps for this computer"),
            (ProgressEvent("read cases", 1, 8), "Reading the cases (1 of 8)"),
            (ProgressEvent("train", 20, 80, 600.0), "Training 'Liver': step 20 of 80, 10 min left"),
            (ProgressEvent("evaluate", 0, 2), "Checking on the held-out cases (0 of 2)"),
        ):
            training.progress = event
            self.assertEqual(status_text(training), expected)

    def test_the_curve_is_drawn_from_the_log(self):
        from UNetSegmentPlugin.widgets import curve_view

        rows = [{"step": 10.0 * n, "loss": 1.0 / n} for n in range(1, 9)]
        rows[3]["dice Liver"], rows[7]["dice Liver"] = 0.25, 0.75
        self.assertEqual(curve_view.last_dice(rows), {"Liver": 0.75})
        view = curve_view.CurveView()
        picture = curve_view.draw(rows, 100, 380, 190, view.palette).toImage()
        empty = curve_view.draw([], 100, 380, 190, view.palette).toImage()
        blue = [
            (x, y)
            for x in range(380)
            for y in range(190)
            if picture.pixel(x, y) & 0xFFFFFF == int(curve_view._DICE[0][1:], 16) and x < 340 and y < 140
        ]
        # The line runs up from left to right, on the side where the steps are done.
        self.assertGreater(len(blue), 100)
        self.assertGreater(min(blue)[1], max(blue)[1])
        self.assertLess(max(blue)[0], 310)
        self.assertNotEqual(picture, empty)
