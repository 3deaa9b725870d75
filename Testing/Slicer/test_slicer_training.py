"""Training from the panel: start, pause, keep, continue, closing and crashes, the model in the list."""

import slicer
import support
from slicer_training_cases import LABELS, TrainingTestCase

from UNetSegmentLib.models import read_card
from UNetSegmentLib.worker import processes
from UNetSegmentLib.worker.protocol.training_runs import CHECKPOINT, training_folder


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
        self.assertIn("Balls", self.panel.model.chooser.box.currentText)
        self.assertIn("Dice on held-out cases: Shell", self.section.progress.ui.trainStatusLabel.text)
        self.assertNotIn("licence", " ".join(self.panel.input_errors()))
        self.assertTrue(self.shown(self.section.ui.trainForm))
        self.assertEqual(self.parameters.train_title, "", "the next one needs a name of its own")
        # The copies of the patients' images go; the report stays.
        left = {path.name for path in training.folder.iterdir()}
        self.assertFalse({"data", CHECKPOINT} & left)
        self.assertTrue({"report.html", "plan.json", "log.csv"} <= left)
        self.assertEqual(self.trainer.unfinished, [])
        support.wait_until(lambda: self.trainer._client.state.value == "stopped", 20, "the process to leave")

    def test_the_report_is_opened(self):
        if not support.in_harness():
            self.skipTest("would open a window")
        from SlicerHarness.toolkit import dialogs

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

    def test_one_that_begins_as_soon_as_another_has_ended_is_left_alone(self):
        self.choose_pairs()
        stopped = self.start()
        self.trainer.stop()
        self.assertEqual(stopped.state.value, "cancelled")
        again = self.start()
        support.wait_until(lambda: again.copied is None, 60, "the pairs to be copied")
        self.assertFalse(again.state.final, again.state)
        self.trainer.stop()
        self.finish(again)

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
        # Nothing was learned: once the files are right, Train can simply be clicked again.
        self.assertFalse(training.folder.exists())
        self.assertEqual(self.section.errors(), [])

    def test_closing_slicer_keeps_every_step(self):
        self.choose_pairs(2)
        training = self.learning(self.start(0.6))
        self.section.root.collapsed = True
        self.assertRegex(self.section.root.text, r"Train \(\d+ %\)")
        reached = training.progress.done
        self.panel.trainer.shutdown()
        support.process_events()
        self.assertEqual(training.state.value, "cancelled")
        self.assertEqual(self.section.root.text, "Train")
        self.assertTrue(training.run.has_checkpoint)
        self.assertGreaterEqual(training.run.step, reached)
        self.assertEqual([run.order.name for run in self.trainer.unfinished], ["Balls"])

    def test_a_model_is_trained_further(self):
        self.choose_pairs(3)
        self.parameters.train_folds = 0
        self.finish(self.start())
        self.parameters.train_title, self.parameters.train_start_from = "More balls", "Balls"
        training = self.finish(self.start())
        self.assertIsNone(training.error)
        first, second = (read_card(self.own / name) for name in ("Balls", "More-balls"))
        self.assertEqual(second.network, first.network)
        self.assertIn("Trained further from 'Balls'", second.description)
        self.assertEqual(self.parameters.model, "More-balls")
        self.assertEqual(training.outcome.dice, ())
