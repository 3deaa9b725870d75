"""Quick versions from the panel: which cases, how much loss, progress, result, refusals; a process that dies."""

import os
import tempfile
from pathlib import Path
from unittest import mock

import known_models
import slicer
import support
from slicer_training_cases import add_case

from UNetSegmentLib.models import locations, read_card
from UNetSegmentLib.worker.exchange.folders import folder_prefix

HERE = Path(__file__).resolve().parent
NAMES = ("Anterior hippocampus", "Posterior hippocampus")
COPY = "hippocampus-t1-quick"


class QuickTestCase(support.SlicerTestCase):
    """The section open for the bundled model, a worker that makes quick versions without the work, no models of the
    user's own."""

    def setUp(self) -> None:
        super().setUp()
        known_models.bundled_or_skip()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.own = self.scratch / "models"
        patch = mock.patch.object(locations, "user_model_folder", lambda: self.own)
        patch.start()
        self.addCleanup(patch.stop)
        self.panel = support.panel().panel
        self.section, self.compressor = self.panel.quick, self.panel.compressor
        self.panel.reload_models()
        self.addCleanup(self._stop)
        self.parameters = self.panel.parameters
        self.panel.choose_model(known_models.BUNDLED)
        self.mode("quick")
        self.panel.show_quick()

    def _stop(self) -> None:
        self.compressor.shutdown()
        self.compressor.current = None
        self.section._wanted = False
        self.section.root.collapsed = True
        self.panel.reload_models()
        self.panel.choose_any_model()

    def mode(self, name: str) -> None:
        """See compress_worker.py."""
        from UNetSegmentPlugin.running.worker_process import python_executable

        command = [python_executable(), str(HERE / "compress_worker.py"), name]
        patch = mock.patch.object(self.compressor._client._connection, "_command", command)
        patch.start()
        self.addCleanup(patch.stop)

    def choose_pairs(self, count: int = 2, names=NAMES) -> None:
        for number in range(count):
            add_case(number, f"case {number}", names)
        self.section.source.find_pairs()

    def start(self):
        self.assertEqual(self.section.errors(), [])
        self.section.ui.quickButton.click()
        return self.compressor.current

    def finish(self, compression, timeout: float = 120.0):
        support.wait_until(lambda: compression.state.final, timeout, "the quick version")
        support.process_events()
        return compression

    def working(self, compression):
        """Waits until the full model is measured."""
        support.wait_until(lambda: "measure full weights" in compression.reached, 120, "the work to begin")
        return compression

    def shown(self, widget) -> bool:
        return widget.isVisibleTo(self.section.root)

    def left_over(self) -> list[str]:
        """Copies of images that this process has left behind."""
        own = f"{folder_prefix(os.getpid())}*"
        return [path.name for path in Path(tempfile.gettempdir()).glob(f"{own}/cases")]

    @property
    def status(self) -> str:
        return self.section.ui.quickStatusLabel.text

    @property
    def problems(self) -> str:
        return self.section.ui.quickProblemLabel.text


class MakingTest(QuickTestCase):
    def test_from_pairs_of_the_scene_to_a_model_that_is_used_on_a_click(self):
        self.choose_pairs()
        before = slicer.mrmlScene.GetNumberOfNodes()
        compression = self.start()
        self.assertIn("Copying the pairs", self.status)
        self.assertFalse(self.shown(self.section.ui.quickForm))
        self.finish(compression)
        self.assertIsNone(compression.error, f"{compression.error} {getattr(compression.error, 'detail', '')}")
        self.assertEqual(compression.outcome.notes[0], "Made with 2 images.")
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), before)
        self.assertEqual(self.left_over(), [])
        self.assertIn("2.9 times as fast on this computer, Dice 0.885 instead of 0.886 on 12 cases", self.status)
        self.assertIn("1.4 MB instead of 5.6 MB", self.status)
        self.assertIn(f"It is in the list as '{self.panel.card.title}'", self.status)
        self.assertEqual(self.parameters.model, COPY)
        self.assertEqual(read_card(self.own / COPY).title, self.panel.card.title)
        self.assertIn("quick", self.panel.card.title)
        # The same licence as the model that comes with the extension, so nobody is asked.
        self.assertNotIn("licence", " ".join(self.panel.input_errors()))
        support.wait_until(lambda: self.compressor._client.state.value == "stopped", 20, "the process to leave")
        self.assertTrue(self.shown(self.section.ui.quickUseButton))
        self.section.ui.quickUseButton.click()
        self.assertEqual((self.parameters.preset, self.parameters.form), ("fast", "auto"))
        self.assertFalse(self.shown(self.section.ui.quickUseButton))
        self.panel.model.ui.modelMoreButton.checked = True
        self.addCleanup(lambda: setattr(self.panel.model.ui.modelMoreButton, "checked", False))
        self.assertIn("INT8, 1.4 MB, loses 0.001 Dice on 12 cases", self.panel.model.ui.modelCardLabel.text)
        # Now it is one's own, and gets another one in its place.
        self.assertFalse(self.shown(self.section.ui.quickForm))
        self.section.ui.quickAgainButton.click()
        self.assertTrue(self.shown(self.section.ui.quickForm))
        self.assertEqual(self.section.ui.quickButton.text, "Make it anew")
        self.assertIn("A new one takes its place", self.section.ui.quickModelLabel.text)
        self.finish(self.start())
        self.assertEqual(self.parameters.model, COPY)
        self.assertEqual(sorted(path.name for path in self.own.iterdir()), [COPY])

    def test_the_scene_may_go_meanwhile_and_another_model_that_was_chosen_stays_chosen(self):
        self.choose_pairs()
        compression = self.start()
        self.working(compression)
        # The pairs are copied by now.
        slicer.mrmlScene.Clear(0)
        self.panel.choose_model("retinal-vessels")
        self.finish(compression)
        self.assertEqual(self.parameters.model, "retinal-vessels")
        self.assertIn(COPY, [card.name for card in self.panel.cards])
        self.section.ui.quickUseButton.click()
        self.assertEqual(self.parameters.model, COPY)

    def test_a_folder_of_images_without_segmentations_will_do(self):
        import numpy as np
        import SimpleITK as sitk

        folder = self.scratch / "images"
        folder.mkdir()
        for number in range(3):
            sitk.WriteImage(
                sitk.GetImageFromArray(np.zeros((4, 5, 6), np.float32)), str(folder / f"patient_{number:04}.nii.gz")
            )
        self.section.source.choose_folder(str(folder))
        self.assertIn("3 images without segmentations", self.section.source.ui.trainFolderLabel.text)
        self.assertIn("Without segmentations the loss in Dice cannot be measured", self.problems)
        order, pairs = self.section.order()
        self.assertIsNone(pairs)
        self.assertEqual((order.cases, order.copied), (str(folder), ""))

    def test_the_loss_that_was_chosen_is_ordered_and_kept_with_the_scene(self):
        self.choose_pairs()
        self.assertEqual(self.section.order()[0].allowed_loss, 0.003)
        self.section.ui.quickLossBox.currentIndex = 2
        self.assertEqual(self.parameters.quick_loss, 0.01)
        self.assertEqual(self.section.order()[0].allowed_loss, 0.01)
        self.parameters.quick_loss = 0.02
        self.assertIn("0.02", self.section.ui.quickLossBox.currentText)


class StoppingTest(QuickTestCase):
    def test_cancelled_at_work_while_a_segmentation_ran_beside_it(self):
        self.mode("slow")
        self.choose_pairs()
        compression = self.working(self.start())
        self.assertRegex(self.section.root.text, r"Quick version \(\d+ %\)")
        self.assertRegex(self.status, r"Measuring the full model \(\d+ of 12\)")
        self.parameters.input_volume = slicer.util.getNode("case 0")
        self.panel.segment()
        run = self.panel.runner.wait(self.panel.runner.runs[0], 300)
        self.assertIsNone(run.error)
        self.assertFalse(compression.state.final)
        self.section.ui.quickCancelButton.click()
        self.finish(compression)
        self.assertEqual(compression.state.value, "cancelled")
        self.assertIn("is as it was", self.status)
        self.assertEqual((list(self.own.iterdir()), self.left_over()), ([], []))
        self.assertEqual(self.section.root.text, "Quick version")
        self.assertTrue(self.shown(self.section.ui.quickForm))

    def test_a_process_that_does_not_hear_the_cancel_is_ended(self):
        self.mode("deaf")
        self.choose_pairs()
        with mock.patch.object(self.compressor, "_cancel_patience_ms", 200):
            compression = self.working(self.start())
            self.section.ui.quickCancelButton.click()
            self.finish(compression, 30)
        self.assertEqual(compression.state.value, "cancelled")
        self.assertEqual([card.name for card in self.panel.cards if card.name == COPY], [])

    def test_cancelled_while_pairs_are_copied(self):
        self.choose_pairs(3)
        compression = self.start()
        self.section.ui.quickCancelButton.click()
        self.assertEqual(compression.state.value, "cancelled")
        support.process_events()
        self.assertEqual(self.left_over(), [])

    def test_the_scene_closed_while_pairs_are_copied(self):
        self.choose_pairs(3)
        compression = self.start()
        slicer.mrmlScene.Clear(0)
        self.assertEqual(compression.state.value, "failed")
        self.assertIn("scene was closed", self.section.ui.quickErrorLabel.text)

    def test_a_loss_that_cannot_be_kept_is_told_under_the_button(self):
        self.mode("refuse")
        self.choose_pairs()
        compression = self.finish(self.start())
        self.assertEqual(compression.error.code, "bad-input")
        text = self.section.ui.quickErrorLabel.text
        self.assertIn("the best INT8 form loses 0.0071", text)
        # What the library says for its command line is no help in a panel.
        self.assertIn("Let it lose more", text)
        self.assertNotIn("--", text)
        self.section.ui.quickErrorLabel.linkActivated.emit("copy-details")
        self.assertIn("bad-input", slicer.app.clipboard().text())
        self.assertIn("The model is as it was", self.status)
        self.assertEqual(self.left_over(), [])

    def test_a_process_that_dies_is_told_and_leaves_no_model(self):
        self.mode("die")
        self.choose_pairs()
        compression = self.finish(self.start())
        self.assertEqual(compression.error.code, "worker-crashed")
        self.assertIn("ended by itself", self.section.ui.quickErrorLabel.text)
        self.panel.reload_models()
        self.assertNotIn(COPY, [card.name for card in self.panel.cards])
        # What it had begun has no name that a list would show, and goes with the next one.
        self.assertTrue(all(path.name.startswith(".") for path in self.own.iterdir()))
        self.assertEqual(self.left_over(), [])


class RefusalTest(QuickTestCase):
    def test_what_is_wrong_with_the_cases_stands_under_the_button(self):
        self.assertIn("0 of at least 2 cases", self.problems)
        self.assertFalse(self.section.ui.quickButton.enabled)
        self.choose_pairs(2, ("Left", "Right"))
        self.assertIn("No segment of 'case 0 truth' is called like a structure of the model", self.problems)
        self.section.source.choose_folder(str(self.scratch / "nowhere"))
        self.assertIn("There is no folder", self.problems)
        (self.scratch / "empty").mkdir()
        self.section.source.choose_folder(str(self.scratch / "empty"))
        self.assertIn("no layout that is known", self.problems)

    def test_a_graphics_card_has_no_use_for_it(self):
        from UNetSegmentLib.worker.protocol.messages import Device, Ready

        ready = Ready("2.6", (Device("cuda:0", "GPU"), Device("cpu", "CPU")))
        with mock.patch.object(self.panel.runner._here, "ready", ready):
            self.panel.refresh()
            self.assertIn("graphics card runs the full model", self.problems)
        self.panel.refresh()
        self.assertNotIn("graphics card", self.problems)

    def test_few_cases_are_a_warning(self):
        self.choose_pairs(2)
        self.assertIn("2 cases are few", self.problems)
        self.assertTrue(self.section.ui.quickButton.enabled)

    def test_a_program_cannot_be_made_quick(self):
        from dataclasses import replace

        from UNetSegmentLib.networks.config import OpaqueNetwork

        program = replace(self.panel.card, name="program", network=OpaqueNetwork(3, 1, 3, (8, 8, 8)))
        with mock.patch.object(self.panel, "cards", [program]):
            self.panel.choose_model("program")
            self.panel.model.ui.modelMoreButton.checked = True
            self.addCleanup(lambda: setattr(self.panel.model.ui.modelMoreButton, "checked", False))
            self.assertFalse(self.panel.model.ui.quickVersionButton.enabled)
            self.assertIn("TorchScript or ONNX", self.panel.model.ui.quickVersionButton.toolTip)
            self.assertIn("not possible", self.panel.model.ui.modelCardLabel.text)
            self.assertIn("TorchScript or ONNX", self.problems)
            self.assertFalse(self.section.ui.quickButton.enabled)

    def test_missing_packages_are_installed_on_a_click(self):
        from SlicerHarness.application import packaging

        self.choose_pairs()
        packaging.record.missing.update({"openvino", "nncf"})
        self.panel.refresh()
        self.assertIn("Needs OpenVINO and NNCF, which are not installed", self.problems)
        self.assertFalse(self.section.ui.quickButton.enabled)
        self.assertTrue(self.shown(self.section.ui.quickInstallButton))
        with mock.patch.object(self.panel.runner, "restart"):
            self.section.ui.quickInstallButton.click()
        self.assertFalse(self.shown(self.section.ui.quickInstallButton))
        self.assertTrue(self.section.ui.quickButton.enabled)

    def test_an_installation_that_fails_is_told_beside_its_button(self):
        from SlicerHarness.application import packaging

        def fail(what, **options):
            raise RuntimeError("no route to host")

        packaging.record.missing.update({"nncf"})
        with (
            mock.patch.object(slicer.packaging, "pip_install", fail),
            mock.patch.object(self.panel.runner, "restart"),
        ):
            self.section.ui.quickInstallButton.click()
        self.assertIn("no route to host", self.problems)
        self.assertTrue(self.section.ui.quickInstallButton.enabled)

    def test_it_is_hidden_until_the_card_asks_for_it(self):
        self.section._wanted = False
        self.panel.refresh()
        self.assertFalse(self.section.root.isVisibleTo(self.section.root.parentWidget()))
        self.panel.model.ui.modelMoreButton.checked = True
        self.addCleanup(lambda: setattr(self.panel.model.ui.modelMoreButton, "checked", False))
        self.panel.model.ui.quickVersionButton.click()
        self.assertTrue(self.section.root.isVisibleTo(self.section.root.parentWidget()))
        self.assertFalse(self.section.root.collapsed)
