"""Training from the panel: pairs and folders, what is refused, stopping, continuing, keeping, the model in the list."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import qt
import slicer
import support

from UNetSegmentLib.io import read_segmentation, read_volume
from UNetSegmentLib.models import read_card, registry
from UNetSegmentLib.progress import ProgressEvent
from UNetSegmentLib.worker import processes
from UNetSegmentLib.worker.training_runs import CHECKPOINT, TrainingOrder, make_run, training_folder

SHAPE = (14, 16, 18)
LABELS = ("Shell", "Core")


def ball(seed: int):
    """A ball with a core in noise: image and label map."""
    centre = np.array(SHAPE) / 2 + np.random.default_rng(seed).uniform(-1.5, 1.5, 3)
    distance = np.linalg.norm(np.indices(SHAPE) - centre[:, None, None, None], axis=0)
    label = np.where(distance < 3, 2, np.where(distance < 5.5, 1, 0))
    return (100.0 * label + np.random.default_rng(seed).normal(0, 10, SHAPE)).astype(np.float32), label


def add_case(seed: int, name: str, names=LABELS, matrix=None, image=None, label=None):
    """An image and its segmentation in the scene."""
    if image is None:
        image, label = ball(seed)
    kind = "vtkMRMLVectorVolumeNode" if image.ndim == 4 else "vtkMRMLScalarVolumeNode"
    matrix = support.ijk_to_ras((1.0, 1.0, 1.0), (5.0, -3.0, 2.0)) if matrix is None else matrix
    volume = support.add_volume(image, matrix, name, kind)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", f"{name} truth")
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    for value, segment in enumerate(names, 1):
        number = node.GetSegmentation().AddEmptySegment(segment, segment, [0.2 * value, 0.5, 0.1])
        slicer.util.updateSegmentBinaryLabelmapFromArray((label == value).astype(np.uint8), node, number, volume)
    return volume, node


class TrainingTestCase(support.SlicerTestCase):
    """The panel with its section Train open, and an empty folder of the user's own models."""

    def setUp(self) -> None:
        super().setUp()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.own = self.scratch / "models"
        patch = mock.patch.object(registry, "user_model_folder", lambda: self.own)
        patch.start()
        self.addCleanup(patch.stop)
        self.panel = support.panel().panel
        self.section, self.trainer = self.panel.train, self.panel.trainer
        self.panel.reload_models()
        self.addCleanup(self._stop)
        self.section.root.collapsed = False
        self.panel.refresh()
        self.parameters = self.panel.parameters

    def _stop(self) -> None:
        if self.trainer.busy:
            self.trainer.stop()
            self.trainer._client.kill()
        self.trainer.shutdown()
        self.trainer.current = None
        self.section.root.collapsed = True
        self.panel.reload_models()
        self.panel.choose_any_model()

    def choose_pairs(self, count: int = 4) -> None:
        for number in range(count):
            add_case(number, f"case {number}")
        self.section.source.find_pairs()
        self.parameters.train_title = "Balls"

    def folder_of_cases(self, count: int = 4) -> Path:
        import SimpleITK as sitk

        folder = self.scratch / "cases"
        for number in range(count):
            for sub, array in zip(("images", "labels"), ball(number), strict=True):
                (folder / sub).mkdir(parents=True, exist_ok=True)
                array = array.astype(np.float32 if sub == "images" else np.uint8)
                sitk.WriteImage(sitk.GetImageFromArray(array), str(folder / sub / f"{number}.nii.gz"))
        return folder

    def start(self, minutes: float = 0.02):
        """Clicks Train, for a training of seconds."""
        order = self.section.order

        def short():
            made, pairs = order()
            return replace(made, minutes=minutes, threads=1, device="cpu"), pairs

        with mock.patch.object(self.section, "order", short):
            self.assertEqual(self.section.errors(), [])
            self.section.ui.trainButton.click()
        return self.trainer.current

    def finish(self, training, timeout: float = 300.0):
        support.wait_until(lambda: training.state.final, timeout, "the training to end")
        support.process_events()
        return training

    def learning(self, training):
        """Waits until the first steps are in the log."""
        support.wait_until(
            lambda: training.state.final or (training.progress is not None and training.progress.stage == "train"),
            300, "the first step",
        )  # fmt: skip
        self.assertIsNone(training.error)
        return training

    def shown(self, widget) -> bool:
        return widget.isVisibleTo(self.section.root)

    @property
    def problems(self) -> str:
        return self.section.ui.trainProblemLabel.text


class TrainTest(TrainingTestCase):
    def test_from_pairs_of_the_scene_to_a_chosen_model(self):
        self.choose_pairs()
        before = slicer.mrmlScene.GetNumberOfNodes()
        training = self.start()
        self.assertFalse(self.shown(self.section.ui.trainForm))
        self.assertIn("Copying", self.section.progress.ui.trainStatusLabel.text)
        self.learning(training)
        self.assertIn("Training 'Balls': step", self.section.progress.ui.trainStatusLabel.text)
        self.finish(training)
        self.assertIsNone(training.error, f"{training.error} {getattr(training.error, 'detail', '')}")
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), before)
        card = read_card(self.own / "Balls")
        self.assertEqual([label.name for label in card.labels], list(LABELS))
        self.assertEqual(card.labels[1].color, (102, 128, 26))
        self.assertEqual(len(card.accuracy), 2)
        self.assertEqual(self.parameters.model, "Balls")
        self.assertIn("Balls", self.panel.model.ui.modelList.currentItem().text())
        self.assertIn("Dice on held-out cases: Shell", self.section.progress.ui.trainStatusLabel.text)
        self.assertNotIn("licence", " ".join(self.panel.input_errors()))
        self.assertTrue(self.shown(self.section.ui.trainForm))
        # The copies of the patients' images go; the report stays.
        left = {path.name for path in training.folder.iterdir()}
        self.assertFalse({"data", CHECKPOINT} & left)
        self.assertTrue({"report.html", "plan.json", "log.csv"} <= left)
        self.assertEqual(self.trainer.unfinished, [])
        support.wait_until(lambda: self.trainer._client.state.value == "stopped", 20, "the process to leave")

    def test_the_report_is_opened(self):
        if not support.in_harness():
            self.skipTest("would open a window")
        from SlicerHarness import dialogs

        self.parameters.train_title = "Cases"
        self.section.source.choose_folder(str(self.folder_of_cases()))
        self.finish(self.start())
        self.assertEqual(self.parameters.model, "Cases")
        self.section.progress.ui.trainReportButton.click()
        self.assertEqual(dialogs.urls, [f"file://{training_folder() / 'Cases' / 'report.html'}"])
        self.assertTrue((self.scratch / "cases" / "images").is_dir())

    def test_paused_kept_and_continued(self):
        self.choose_pairs()
        training = self.learning(self.start(0.6))
        self.section.progress.ui.trainPauseButton.click()
        self.finish(training)
        self.assertEqual(training.state.value, "cancelled")
        self.assertIn("What was learned is kept", self.section.progress.ui.trainStatusLabel.text)
        self.assertTrue(self.shown(self.section.progress.ui.trainUnfinished))
        self.assertIn("Balls, step", self.section.progress.ui.trainUnfinishedBox.currentText)
        stopped = training.run
        self.assertTrue(stopped.has_checkpoint)
        # Another session finds it, without the scene.
        slicer.mrmlScene.Clear(0)
        self.section.progress.ui.trainContinueButton.click()
        again = self.trainer.current
        self.assertIsNot(again, training)
        self.learning(again)
        self.assertGreater(again.progress.done, 0)
        self.section.progress.ui.trainKeepButton.click()
        self.finish(again)
        support.wait_until(lambda: self.trainer.current is not again, 20, "the model to be made")
        kept = self.finish(self.trainer.current)
        self.assertIsNone(kept.error)
        self.assertFalse(kept.outcome.whole)
        self.assertEqual(self.panel.parameters.model, "Balls")
        self.assertIn("can be continued", self.section.progress.ui.trainStatusLabel.text)
        self.assertGreaterEqual(kept.outcome.step, stopped.step)
        self.assertIn("model made", self.section.progress.ui.trainUnfinishedBox.currentText)
        self.assertTrue((kept.folder / "data" / "images").is_dir())

    def test_a_killed_process_is_told_and_can_be_continued(self):
        self.parameters.train_title = "Cases"
        self.section.source.choose_folder(str(self.folder_of_cases()))
        training = self.learning(self.start(0.5))
        support.wait_until(lambda: (training.folder / CHECKPOINT).is_file(), 120, "a checkpoint")
        processes.kill(self.trainer._client.hello.pid)
        self.finish(training)
        self.assertEqual(training.error.code, "worker-crashed")
        text = self.section.progress.ui.trainErrorLabel.text
        self.assertIn("ended by itself", text)
        self.assertIn("click Continue", text)
        self.section.progress.ui.trainErrorLabel.linkActivated.emit("copy-details")
        self.assertIn("worker-crashed", slicer.app.clipboard().text())
        self.section.progress.ui.trainContinueButton.click()
        again = self.learning(self.trainer.current)
        self.assertFalse(self.shown(self.section.progress.ui.trainErrorLabel))
        self.assertGreater(again.progress.done, 0)

    def test_the_scene_may_be_closed_during_a_training(self):
        self.choose_pairs(2)
        training = self.learning(self.start(0.05))
        slicer.mrmlScene.Clear(0)
        self.finish(training)
        self.assertIsNone(training.error)
        self.assertEqual(training.outcome.name, "Balls")
        self.assertEqual(self.panel.parameters.model, "Balls")

    def test_the_scene_closed_while_pairs_are_copied(self):
        self.choose_pairs(3)
        training = self.start()
        slicer.mrmlScene.Clear(0)
        self.assertEqual(training.state.value, "failed")
        self.assertIn("scene was closed", self.section.progress.ui.trainErrorLabel.text)
        self.assertFalse(training.folder.exists())

    def test_cancelled_while_pairs_are_copied(self):
        self.choose_pairs(3)
        training = self.start()
        self.assertEqual(self.section.progress.ui.trainPauseButton.text, "Cancel")
        self.section.progress.ui.trainPauseButton.click()
        self.assertEqual(training.state.value, "cancelled")
        self.assertFalse(training.folder.exists())
        support.process_events()
        self.assertFalse(training.folder.exists())
        self.assertTrue(self.shown(self.section.ui.trainForm))

    def test_what_the_worker_refuses_is_told_with_cause_and_cure(self):
        folder = self.folder_of_cases(2)
        for path in (folder / "labels").iterdir():
            path.write_bytes(b"no image")
        self.parameters.train_title = "Broken"
        self.section.source.choose_folder(str(folder))
        training = self.finish(self.start())
        self.assertEqual(training.error.code, "bad-input")
        self.assertIn("Case", self.section.progress.ui.trainErrorLabel.text)
        self.assertTrue(self.shown(self.section.progress.ui.trainLogButton))
        self.section.progress.ui.trainLogButton.checked = True
        self.assertIn("Case", self.section.progress.ui.trainLogText.plainText)
        self.section.progress.ui.trainLogButton.checked = False


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
            selector.setCurrentNode(chosen)
            selector.nodeActivated.emit(chosen)
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
        from UNetSegmentPlugin import training_pairs

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
        from UNetSegmentLib.worker.messages import Problem, Ready

        self.choose_pairs(2)
        with mock.patch.object(self.panel.runner, "ready", Ready(problem=Problem("missing-package", "no torch"))):
            self.refused("see Setup")


class ViewTest(TrainingTestCase):
    def test_a_closed_section_does_not_look_at_the_disk(self):
        self.section.root.collapsed = True
        with mock.patch("UNetSegmentPlugin.training_checks.open_layout", side_effect=AssertionError):
            self.section.source.choose_folder(str(self.scratch))
            self.panel.refresh()

    def test_unfinished_trainings_are_offered_and_discarded(self):
        if not support.in_harness():
            self.skipTest("nobody answers dialogs in a real Slicer")
        from SlicerHarness import dialogs

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
        from UNetSegmentPlugin.runs import RunState
        from UNetSegmentPlugin.train_progress import status_text
        from UNetSegmentPlugin.trainer import Training

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
        from UNetSegmentPlugin import curve_view

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
