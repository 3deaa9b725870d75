"""An nnU-Net results folder imported from the panel, and segmented with: three tissues, and 117 classes, on a CT."""

import shutil
import time

import known_models as models
import numpy as np
import slicer
import support
from nnunet_model import BANDS, LOW, TISSUES
from scipy.ndimage import uniform_filter
from test_slicer_import import ImportTestCase

TORSO = support.SHARED / "data" / "ct" / "ct_torso_3mm.nii.gz"


class NnunetTestCase(ImportTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.results = models.nnunet_results()
        self.addCleanup(self.panel.runner.shutdown)

    def bring(self, dataset: str):
        """Imports a data set's folder as a user does; returns its card."""
        installation = self.finish(self.start(self.results / dataset))
        self.assertIsNone(installation.error, installation.error)
        card = self.panel.card
        self.assertEqual(card.name, installation.models[0].name)
        return card

    def segment(self, volume):
        """Accepts the licence, clicks Segment and waits."""
        self.panel.parameters.input_volume = volume
        self.assertEqual(len(self.panel.input_errors()), 1, self.panel.input_errors())
        self.ui.acceptLicenceButton.click()
        self.assertEqual(self.panel.input_errors(), [])
        self.panel.run.ui.segmentButton.click()
        run = self.panel.runner.runs[0]
        support.wait_until(lambda: run.state.final, 500, "the run to end")
        self.assertEqual(run.state.value, "done", run.error)
        return run

    def image(self):
        if not TORSO.is_file():
            self.skipTest("the shared images are not beside the repository")
        return slicer.util.loadVolume(str(TORSO))

    def expected(self, volume, ends: list[float]) -> np.ndarray:
        """The label map by the same rule, and where rounding decides (near the ends of bands) zero certainty."""
        voxels = slicer.util.arrayFromVolume(volume).astype(np.float64)
        smooth = uniform_filter(np.clip(voxels, LOW, 1500.0), 3, mode="nearest")
        near = np.abs(smooth[..., None] - np.array(ends)).min(axis=-1) < 0.5 if len(ends) < 10 else smooth < -1e9
        return np.searchsorted(ends, smooth, side="right"), near


class TissuesTest(NnunetTestCase):
    def test_import_then_segment_the_torso(self):
        card = self.bring("Dataset901_Tissues")
        self.assertEqual([label.name for label in card.labels], list(TISSUES))
        self.assertIn("not stated", self.ui.modelCardLabel.text)
        volume = self.image()
        run = self.segment(volume)
        node = run.written.segmentation
        segmentation = node.GetSegmentation()
        expected, near = self.expected(volume, list(TISSUES.values()))
        inside = np.zeros(expected.shape, bool)
        inside[1:-1, 1:-1, 1:-1] = True
        for value, (segment_id, label) in enumerate(zip(run.written.segment_ids, card.labels, strict=True), 1):
            found = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, volume) != 0
            wrong = (found != (expected == value)) & inside & ~near
            self.assertEqual(np.count_nonzero(wrong), 0, label.name)
            segment = segmentation.GetSegment(segment_id)
            self.assertEqual(segment.GetName(), label.name)
            np.testing.assert_allclose(segment.GetColor(), np.array(label.color) / 255, atol=1e-6)
            self.assertTrue(segment.GetTerminology())

    def test_a_zip_of_the_folder_works_too(self):
        archive = shutil.make_archive(str(self.scratch / "tissues"), "zip", self.results / "Dataset901_Tissues")
        self.finish(self.start(archive))
        self.assertEqual([label.name for label in self.panel.card.labels], list(TISSUES))

    def test_a_folder_with_two_data_sets_brings_two_models(self):
        before = len(self.titles())
        installation = self.finish(self.start(self.results))
        self.assertEqual(len(installation.models), 2)
        self.assertEqual(self.panel.parameters.model, installation.models[0].name)
        self.assertEqual(len(self.titles()), before + 2)

    def test_a_checkpoint_that_would_run_code_is_refused(self):
        import os
        import pickle

        dataset = self.scratch / "Dataset666_Trap"
        shutil.copytree(self.results / "Dataset901_Tissues", dataset)
        checkpoint = next(dataset.rglob("checkpoint_final.pth"))
        trap = self.scratch / "sprung"

        class Trap:
            def __reduce__(self):
                return os.mkdir, (str(trap),)

        checkpoint.write_bytes(pickle.dumps({"network_weights": Trap()}))
        installation = self.finish(self.start(dataset))
        self.assertEqual(installation.error.code, "bad-model")
        self.assertFalse(trap.exists())
        self.assertTrue(self.shown(self.ui.importProblemLabel))
        self.assertEqual(list(self.own.iterdir()), [])


class ManyClassesTest(NnunetTestCase):
    def test_117_classes_from_import_to_report(self):
        card = self.bring("Dataset902_Bands")
        self.assertEqual(len(card.labels), 117)
        text = self.ui.modelCardLabel.text
        self.assertIn("117 structures", text)
        self.assertNotIn("band 050", text)
        self.assertFalse(self.shown(self.ui.labelList))
        self.ui.modelCardLabel.linkActivated.emit("labels")
        self.addCleanup(self.ui.modelCardLabel.linkActivated.emit, "labels")
        self.assertTrue(self.shown(self.ui.labelList))
        self.ui.labelSearchBox.text = "11"
        view = self.ui.labelList
        shown = [view.item(row).text() for row in range(view.count) if not view.item(row).isHidden()]
        self.assertEqual(shown, [f"band {n}" for n in ("011", *range(110, 118))])
        self.ui.labelSearchBox.text = ""
        volume = self.image()
        run = self.segment(volume)
        self.assertEqual(len(run.written.segment_ids), 117)
        node = run.written.segmentation
        expected, _ = self.expected(volume, list(BANDS.values()))
        for value in (1, 40, 117):
            found = slicer.util.arrayFromSegmentBinaryLabelmap(node, run.written.segment_ids[value - 1], volume) != 0
            inner = np.s_[1:-1, 1:-1, 1:-1]
            agreement = np.mean(found[inner] == (expected[inner] == value))
            self.assertGreater(agreement, 0.9999)
        table = self.panel.report.ui.reportTable
        support.wait_until(lambda: table.rowCount == 117, 120, "all segments to be measured")
        self.assertLessEqual(table.height, 11 * table.rowHeight(0) + table.horizontalHeader().height)
        started = time.thread_time()  # what else runs on this machine does not count
        self.panel.refresh()
        self.assertLess(time.thread_time() - started, 1.0)
        print("\n117 classes: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in run.timings.items()))
