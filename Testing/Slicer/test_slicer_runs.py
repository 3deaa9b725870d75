"""Runs with real worker processes, driven through the panel as a user does: result, warm, cancel, crash, queue."""

import os
import signal
import time
import unittest

import known_models as models
import numpy as np
import slicer
import support
from test_slicer_geometry import CENTER, GRIDS, ball_volume

from UNetSegmentLib.worker.client.client import WorkerState


def process_alive(pid: int) -> bool:
    from UNetSegmentLib.worker.processes import alive

    return alive(pid)


class RunTestCase(support.SlicerTestCase):
    """The panel with the threshold models, on a volume with a ball of 100 (label Low) and a core of 200 (High)."""

    def setUp(self) -> None:
        super().setUp()
        patch = models.at_hand()
        patch.start()
        self.addCleanup(patch.stop)
        support.enter()
        self.addCleanup(self._stop)
        self.panel = support.panel().panel
        self.runner = self.panel.runner
        self.panel.reload_models()
        self.volume = ball_volume(GRIDS["oblique"])
        self.panel.parameters.input_volume = self.volume
        self.panel.parameters.model = "threshold"

    def _stop(self) -> None:
        self.runner.shutdown()
        support.leave()
        support.process_events()

    def click(self):
        """Clicks Segment; returns the run."""
        self.assertEqual(self.panel.input_errors(), [])
        self.panel.run.ui.segmentButton.click()
        self.assertTrue(self.runner.runs, self.panel.run.ui.runProblemLabel.text)
        return self.runner.runs[-1]

    def finish(self, run, timeout: float = 240.0):
        support.wait_until(lambda: run.state.final, timeout, "the run to end")
        return run

    def wait_for_first_tile(self, run) -> None:
        def begun() -> bool:
            return run.progress is not None and run.progress.stage == "segment" and bool(run.progress.done)

        support.wait_until(lambda: begun() or run.state.final, 180, "a tile")
        self.assertTrue(begun(), run.error)

    @staticmethod
    def scene() -> list[str]:
        return [node.GetID() for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")]


def assert_quicker_around_the_network(test: unittest.TestCase, cold, warm) -> None:
    """The second run has neither process, torch nor model to load. The network computes as long as in the first one, or
    longer where the machine is busy, so its time is left out."""
    around = []
    for name, run in (("cold", cold), ("warm", warm)):
        whole, network = run.timings["click to result"], run.timings["segment"]
        around.append(whole - network)
        print(f"\n{name}: click to result {whole:.2f} s, network {network:.2f} s", end="")
    test.assertLess(around[1], around[0])


class RunsTest(RunTestCase):
    def test_first_click_to_result_then_warm(self):
        first = self.finish(self.click())
        self.assertEqual(first.state.value, "done", first.error)
        node = first.written.segmentation
        centroid = support.segment_centroid_world(node, first.written.segment_ids[0])
        np.testing.assert_allclose(centroid, CENTER, atol=0.35)
        self.assertIs(self.panel.parameters.result, node)
        self.assertIn("2 segments", self.panel.run.ui.runStatusLabel.text)
        second = self.finish(self.click())
        self.assertTrue(second.warm)
        assert_quicker_around_the_network(self, first, second)

    def test_the_result_equals_the_threshold(self):
        run = self.finish(self.click())
        expected = slicer.util.arrayFromVolume(self.volume) > 50
        found = slicer.util.arrayFromSegmentBinaryLabelmap(run.written.segmentation, run.written.segment_ids[0])
        np.testing.assert_array_equal(found != 0, expected)

    def test_cancel_leaves_the_scene_as_it_was_and_the_next_run_works(self):
        self.panel.parameters.model = "threshold-endless"
        before = self.scene()
        run = self.click()
        self.wait_for_first_tile(run)
        self.assertEqual(self.panel.run.ui.segmentButton.text, "Cancel")
        self.panel.run.ui.runLogButton.checked = True
        self.addCleanup(setattr, self.panel.run.ui.runLogButton, "checked", False)
        self.assertTrue(self.panel.run.ui.runLogText.isVisibleTo(self.panel.run.root))
        self.runner.on_log("INFO", "a line for the log", None)
        self.assertIn("a line for the log", self.panel.run.ui.runLogText.toPlainText())
        clicked, process = time.monotonic(), self.runner.process_id
        self.panel.run.ui.segmentButton.click()
        self.finish(run)
        print(f"\ncancel to idle {time.monotonic() - clicked:.2f} s")
        self.assertEqual(run.state.value, "cancelled")
        # It ended between two tiles: one that takes longer to hear of it is killed.
        self.assertEqual((self.runner.process_id, self.runner.state), (process, WorkerState.READY))
        self.assertEqual(self.scene(), before)
        self.assertIn("Cancelled", self.panel.run.ui.runStatusLabel.text)
        self.panel.parameters.model = "threshold"
        self.assertEqual(self.finish(self.click()).state.value, "done")

    def test_a_killed_worker_is_told_and_replaced(self):
        self.panel.parameters.model = "threshold-endless"
        run = self.click()
        self.wait_for_first_tile(run)
        os.kill(self.runner.process_id, getattr(signal, "SIGKILL", signal.SIGTERM))
        self.finish(run)
        self.assertEqual(run.error.code, "worker-crashed")
        self.assertIn("ended", self.panel.run.ui.runProblemLabel.text)
        self.assertEqual(self.runner.state, WorkerState.CRASHED)
        self.panel.parameters.model = "threshold"
        self.assertEqual(self.finish(self.click()).state.value, "done")
        self.assertEqual(self.panel.run.ui.runProblemLabel.text, "")

    def test_runs_queue_and_each_can_be_cancelled(self):
        self.panel.parameters.model = "threshold-endless"
        first = self.click()
        self.panel.run.ui.queueButton.click()
        self.panel.parameters.model = "threshold"
        self.panel.run.ui.queueButton.click()
        self.assertEqual(len(self.runner.runs), 3)
        _, second, third = self.runner.runs
        self.assertIn("2 more waiting", self.panel.run.ui.runStatusLabel.text)
        second.cancel()
        first.cancel()
        for run in (first, second, third):
            self.finish(run)
        self.assertEqual([run.state.value for run in (first, second, third)], ["cancelled", "cancelled", "done"])

    def kill_worker(self, run) -> None:
        self.wait_for_first_tile(run)
        os.kill(self.runner.process_id, getattr(signal, "SIGKILL", signal.SIGTERM))
        self.finish(run)
        self.assertEqual(run.error.code, "worker-crashed")

    def test_a_run_that_waited_behind_a_killed_worker_runs_all_the_same(self):
        self.panel.parameters.model = "threshold-endless"
        first = self.click()
        self.panel.parameters.model = "threshold"
        self.panel.run.ui.queueButton.click()
        second = self.runner.runs[1]
        self.kill_worker(first)
        self.assertEqual(self.runner.runs, (second,))
        self.assertEqual(self.finish(second).state.value, "done", second.error)

    def test_a_waiting_run_whose_image_has_changed_since_is_not_asked_again(self):
        self.panel.parameters.model = "threshold-endless"
        first = self.click()
        self.panel.run.ui.queueButton.click()
        second = self.runner.runs[1]
        slicer.util.arrayFromVolume(self.volume)[:] = 0
        slicer.util.arrayFromVolumeModified(self.volume)
        self.kill_worker(first)
        self.assertEqual(self.finish(second).error.code, "worker-crashed")

    def test_input_deleted_during_the_run(self):
        self.panel.parameters.model = "threshold-endless"
        before = self.scene()
        run = self.click()
        self.wait_for_first_tile(run)
        slicer.mrmlScene.RemoveNode(self.volume)
        self.finish(run)
        self.assertEqual(run.state.value, "cancelled")
        self.assertEqual(self.scene(), before)
        self.assertIn("Choose an image.", self.panel.input_errors())

    def test_scene_closed_during_the_run(self):
        self.panel.parameters.model = "threshold-endless"
        run = self.click()
        self.wait_for_first_tile(run)
        slicer.mrmlScene.Clear(0)
        self.finish(run)
        self.assertEqual(run.state.value, "cancelled")
        self.assertEqual(self.scene(), [])
        self.panel.parameters.input_volume = ball_volume(GRIDS["straight"])
        self.panel.parameters.model = "threshold"
        self.assertEqual(self.finish(self.click()).state.value, "done")

    def test_target_deleted_during_the_run_gives_a_new_one_and_says_so(self):
        target = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Target")
        self.panel.parameters.policy, self.panel.parameters.target = "add", target
        run = self.click()
        slicer.mrmlScene.RemoveNode(target)
        self.finish(run)
        self.assertEqual(run.state.value, "done", run.error)
        self.assertIn("removed meanwhile", self.panel.run.ui.runStatusLabel.text)

    def test_region(self):
        from UNetSegmentPlugin.scene.regions import box_of

        self.panel.region.ui.placeRegionButton.click()
        self.assertFalse(self.panel.parameters.whole_volume)
        box = box_of(self.panel.parameters.region, self.volume)
        run = self.finish(self.click())
        expected = np.zeros(run.order.volumes[0].GetImageData().GetDimensions()[::-1], bool)
        expected[box.slices] = slicer.util.arrayFromVolume(self.volume)[box.slices] > 50
        found = slicer.util.arrayFromSegmentBinaryLabelmap(run.written.segmentation, run.written.segment_ids[0])
        np.testing.assert_array_equal(found != 0, expected)
        self.assertEqual(run.written.segmentation.GetAttribute("UNetSegment.Region"), "UNetSegment region")

    def test_two_channels(self):
        self.panel.parameters.model = "threshold-pair"
        self.assertIn("Choose the image 'Image 2'.", self.panel.input_errors())
        other = ball_volume(GRIDS["straight"], name="Other")
        selector = slicer.util.findChild(self.panel.volume.root, "channelSelector1")
        support.choose_node(selector, other)
        run = self.finish(self.click())
        self.assertEqual(run.state.value, "done", run.error)
        # 100 + 100 is above 150: the ball is High where both images have it.
        _, high = (support.segment_centroid_world(run.written.segmentation, name) for name in run.written.segment_ids)
        np.testing.assert_allclose(high, CENTER, atol=0.35)
        self.assertEqual(run.written.segmentation.GetAttribute("UNetSegment.Inputs"), "Ball; Other")

    def test_nan_is_told_beside_the_button(self):
        array = np.full((20, 20, 20), np.nan, np.float32)
        self.panel.parameters.input_volume = support.add_volume(array, name="Broken")
        run = self.finish(self.click())
        self.assertEqual(run.error.code, "bad-input")
        text = self.panel.run.ui.runProblemLabel.text
        self.assertIn("NaN", text)
        self.assertIn("Replace them", text)

    def test_uncertainty_map(self):
        self.panel.parameters.uncertainty = True
        run = self.finish(self.click())
        self.assertEqual(run.state.value, "done", run.error)
        self.assertEqual(run.uncertainty.GetImageData().GetDimensions(), self.volume.GetImageData().GetDimensions())
        from UNetSegmentPlugin.scene import provenance

        self.assertIs(provenance.uncertainty_of(run.written.segmentation), run.uncertainty)
        np.testing.assert_allclose(
            slicer.util.arrayFromVTKMatrix(self.matrix(run.uncertainty)), self.matrix_array(self.volume), atol=1e-6
        )

    @staticmethod
    def matrix(node):
        import vtk

        matrix = vtk.vtkMatrix4x4()
        node.GetIJKToRASMatrix(matrix)
        return matrix

    def matrix_array(self, node):
        return slicer.util.arrayFromVTKMatrix(self.matrix(node))

    def test_leaving_the_module_stops_the_worker_once_it_is_idle(self):
        self.finish(self.click())
        pid = self.runner.process_id
        self.assertTrue(process_alive(pid))
        support.leave()
        support.wait_until(lambda: not process_alive(pid), 20, "the worker to leave")
        self.assertEqual(self.runner.state, WorkerState.STOPPED)
        support.enter()
        self.assertEqual(self.finish(self.click()).state.value, "done")

    def test_leaving_during_a_run_lets_it_finish(self):
        run = self.click()
        support.leave()
        self.finish(run)
        self.assertEqual(run.state.value, "done", run.error)
        support.wait_until(lambda: self.runner.state is WorkerState.STOPPED, 20, "the worker to leave")


class ShortcutTest(RunTestCase):
    """Real key presses, which reach the panel through the window that has the focus."""

    def press(self, key: str) -> None:
        if not support.in_harness():
            self.skipTest("Slicer's Python cannot press keys")
        self.addCleanup(self.panel.run.root.window().hide)
        support.press_key(self.panel.run.root, key)

    def test_ctrl_return_starts_and_escape_cancels(self):
        self.panel.parameters.model = "threshold-endless"
        self.press("Ctrl+Return")
        self.assertEqual(len(self.runner.runs), 1)
        run = self.runner.runs[0]
        self.wait_for_first_tile(run)
        self.press("Esc")
        self.assertEqual(self.finish(run).state.value, "cancelled")

    def test_nothing_happens_while_something_is_missing(self):
        self.panel.parameters.input_volume = None
        self.press("Ctrl+Return")
        self.assertEqual(self.runner.runs, ())

    def test_keys_of_another_module_are_left_alone(self):
        support.leave()
        self.press("Ctrl+Return")
        self.assertEqual(self.runner.runs, ())


class BundledModelTest(RunTestCase):
    """The model that comes with the extension, on a real image."""

    def setUp(self) -> None:
        super().setUp()
        self.panel.parameters.model = models.bundled_or_skip()
        folder = support.SHARED / "data" / "msd_hippocampus"
        if not folder.is_dir():
            self.skipTest("the shared images are not beside the repository")
        path = min((folder / "images").glob("*.nii*"))
        self.labels = folder / "labels" / path.name
        self.panel.parameters.input_volume = slicer.util.loadVolume(str(path))

    def test_first_click_finds_both_parts_and_the_second_is_warm(self):
        run = self.finish(self.click(), 180)
        self.assertEqual(run.state.value, "done", run.error)
        node, image = run.written.segmentation, run.order.volumes[0]
        truth = slicer.util.arrayFromVolume(slicer.util.loadVolume(str(self.labels)))
        for value, segment_id in enumerate(run.written.segment_ids, 1):
            found = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, image) != 0
            dice = 2 * (found & (truth == value)).sum() / (found.sum() + (truth == value).sum())
            self.assertGreater(dice, 0.8)
            segment = node.GetSegmentation().GetSegment(segment_id)
            self.assertIn("SCT^", segment.GetTerminology())
        warm = self.finish(self.click(), 180)
        self.assertTrue(warm.warm)
        assert_quicker_around_the_network(self, run, warm)


class ScriptedUseTest(RunTestCase):
    def test_blocking(self):
        node = support.logic().segment(self.volume, model="threshold")
        self.assertEqual(node.GetSegmentation().GetNumberOfSegments(), 2)

    def test_a_path_is_a_model_too(self):
        node = support.logic().segment(self.volume, model=str(models.folder() / "threshold"))
        self.assertEqual(node.GetAttribute("UNetSegment.Model"), "threshold")

    def test_with_callbacks(self):
        seen, done = [], []
        run = support.logic().segment(
            self.volume, model="threshold", wait=False, on_progress=seen.append, on_done=done.append
        )
        self.finish(run)
        support.process_events()
        self.assertEqual(done, [run])
        self.assertTrue(seen)

    def test_undo_takes_a_run_back(self):
        logic = support.logic()
        node = logic.segment(self.volume, model="threshold")
        segment_id = node.GetSegmentation().GetSegmentIdBySegmentName("Low")
        before = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, self.volume).copy()
        shell = ball_volume(GRIDS["oblique"], center=CENTER + 4.0, name="Moved")
        logic.segment(shell, model="threshold", segmentation=node, policy="replace")
        after = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, self.volume)
        self.assertTrue((after != before).any())
        logic.undo()
        back = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, self.volume)
        np.testing.assert_array_equal(back, before)

    def test_into_an_existing_segmentation(self):
        logic = support.logic()
        node = logic.segment(self.volume, model="threshold")
        again = logic.segment(self.volume, model="threshold", segmentation=node, policy="add")
        self.assertIs(again, node)
        self.assertEqual(node.GetSegmentation().GetNumberOfSegments(), 2)

    def test_errors_are_raised_with_cause_and_cure(self):
        from UNetSegmentLib.errors import InputError, ModelError

        logic = support.logic()
        with self.assertRaisesRegex(ModelError, "no model called 'nothing'"):
            logic.segment(self.volume, model="nothing")
        with self.assertRaisesRegex(InputError, "needs 2 image"):
            logic.segment(self.volume, model="threshold-pair")
        with self.assertRaisesRegex(InputError, "Choose the segmentation"):
            logic.segment(self.volume, model="threshold", policy="add")
