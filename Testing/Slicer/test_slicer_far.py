"""Runs on another computer: the same segments, what is said, what is asked, and a host that is gone."""

import contextlib
import json
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import far_desk
import numpy as np
import qt
import slicer
import support
from test_slicer_runs import RunTestCase


@contextlib.contextmanager
def answering(name: str, answer: bool):
    """The user's answer to one of the questions; yields what was asked."""
    from UNetSegmentPlugin.widgets import questions

    with mock.patch.object(questions, name, return_value=answer) as asked:
        yield asked


class FarRunTestCase(RunTestCase):
    """Without a worker on this computer until one is needed."""

    def setUp(self):
        with mock.patch.object(support, "enter"):
            super().setUp()
        self.addCleanup(far_desk.use, None)

    def run_slowly(self, model="threshold-slow"):
        """A run of many tiles that has begun."""
        self.panel.parameters.model = model
        run = self.click()
        self.wait_for_first_tile(run)
        return run

    @staticmethod
    def voxels(run, segment_id):
        return slicer.util.arrayFromSegmentBinaryLabelmap(run.written.segmentation, segment_id, run.order.volumes[0])


class TestFarRuns(FarRunTestCase):
    def setUp(self):
        super().setUp()
        self.host = far_desk.make(self)

    def test_a_run_there_is_the_run_here(self):
        here = self.finish(self.click())
        far_desk.use(self.host)
        self.assertIn("on gpu-server", self.panel.run.ui.segmentButton.toolTip)
        with answering("may_send_model", True) as asked:
            run = self.click()
            support.wait_until(lambda: "on gpu-server" in self.panel.run.ui.runStatusLabel.text, 60, "the words")
            self.finish(run)
        self.assertIsNone(run.error)
        (_parent, name, size, host), _ = asked.call_args
        self.assertEqual((name, host), ("threshold", "gpu-server"))
        self.assertRegex(size, r"^\d+(\.\d)? MB$")
        for one, other in zip(here.written.segment_ids, run.written.segment_ids, strict=True):
            np.testing.assert_array_equal(self.voxels(here, one), self.voxels(run, other))
        self.assertIn("Made on gpu-server.", self.panel.run.ui.runStatusLabel.text)
        settings = json.loads(run.written.segmentation.GetAttribute("UNetSegment.Settings"))
        self.assertEqual(settings["where"], "gpu-server")
        self.assertNotIn("where", json.loads(here.written.segmentation.GetAttribute("UNetSegment.Settings")))
        # What has been permitted once is not asked again, and the worker there is warm.
        again = self.finish(self.click())
        self.assertIsNone(again.error)
        self.assertTrue(again.warm)
        self.assertEqual(asked.call_count, 1)
        before = self.scene()
        slow = self.run_slowly("threshold-endless")
        self.panel.run.ui.segmentButton.click()
        self.assertEqual(self.finish(slow).state.value, "cancelled")
        self.assertEqual(self.scene(), before)
        # Here is chosen, and a script names the host.
        far_desk.use(None)
        node = support.logic().segment(self.volume, again.order.package, where=self.host.url)
        self.assertIn("gpu-server", node.GetAttribute("UNetSegment.Settings"))

    def test_a_model_that_may_not_be_sent(self):
        far_desk.use(self.host)
        with answering("may_send_model", False) as asked:
            # While the question stands there, the application goes on.
            asked.side_effect = lambda *_arguments: support.wait(1.0) or False
            first, second = self.click(), self.runner.submit(self.panel.order())
            self.finish(second)
            self.finish(first)
        for run in (first, second):
            self.assertEqual(run.error.code, "far-model-missing")
        self.assertIn("does not have the model 'threshold'", self.panel.run.ui.runProblemLabel.text)
        self.assertIn("choose this computer", self.panel.run.ui.runProblemLabel.text)
        self.assertEqual(asked.call_count, 1)

    def test_another_place_is_for_the_next_run(self):
        here = self.run_slowly()
        far_desk.use(self.host)
        self.panel.parameters.model = "threshold"
        with answering("may_send_model", True):
            there = self.finish(self.runner.submit(self.panel.order()))
        self.finish(here)
        self.assertEqual([run.error for run in (here, there)], [None, None])
        self.assertEqual([run.order.where for run in (here, there)], ["", self.host.url])

    def test_a_connection_that_breaks_and_then_a_host_that_is_off(self):
        from UNetSegmentPlugin.running import hosts

        far_desk.use(self.host)
        hosts.permit_models(self.host.url)
        run = self.run_slowly("threshold-endless")
        self.panel.parameters.model = "threshold"
        waiting = self.runner.submit(self.panel.order())
        self.host.break_connections()
        self.assertEqual(self.finish(run).error.code, "far-broken")
        self.assertIn("The connection to gpu-server broke", str(run.error))
        self.assertIn("choose this computer", str(run.error))
        # It had only waited, and was asked again.
        self.assertIsNone(self.finish(waiting).error)
        before = self.scene()
        run = self.run_slowly("threshold-endless")
        waiting = self.runner.submit(self.panel.order())
        self.host.switch_off()
        self.assertEqual(self.finish(run).error.code, "far-broken")
        # It was asked again too, and met a host that is off: which is no damage of this computer's installation.
        self.assertEqual(self.finish(waiting).error.code, "far-unreachable")
        self.assertIn("refuses connections", str(waiting.error))
        self.assertFalse(self.panel.setup.root.isVisibleTo(self.panel.setup.root.parentWidget()))
        self.assertEqual(self.scene(), before)
        self.panel.where.choose("")
        self.panel.parameters.model = "threshold"
        self.assertIsNone(self.finish(self.click()).error)


class TestRealSsh(FarRunTestCase):
    """The machine's own ssh, and an sshd of this test's."""

    def test_a_trial_and_a_run(self):
        testing = support.REPOSITORY / "Testing"
        with mock.patch.object(sys, "path", [str(testing / "Core" / "worker" / "far"), str(testing), *sys.path]):
            import loopback_sshd
        if loopback_sshd.MISSING:
            self.skipTest(loopback_sshd.MISSING)
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        sshd = loopback_sshd.start_sshd(Path(place.name))
        self.addCleanup(sshd.stop)
        qt.QSettings().setValue("UNetSegment/FarSsh", sshd.ssh_text)
        host = SimpleNamespace(url=sshd.host().url)
        with mock.patch.object(self.runner, "start"):
            far_desk.use(host)
        ui = self.panel.where.ui
        ui.hostTestButton.click()
        support.wait_until(lambda: ui.hostTestButton.text == "Test", 120, "the trial")
        self.assertIn("loopback is ready: Python 3", ui.whereStatusLabel.text)
        with answering("may_send_model", True):
            run = self.finish(self.click())
        self.assertIsNone(run.error)
        self.assertIn("Made on loopback.", self.panel.run.ui.runStatusLabel.text)
        self.runner.shutdown()


class TestWhere(support.SlicerTestCase):
    """The lines in the section Advanced."""

    def setUp(self):
        super().setUp()
        self.panel = support.panel().panel
        # Which worker starts is another matter.
        patch = mock.patch.object(self.panel.runner, "start")
        patch.start()
        self.addCleanup(patch.stop)
        self.host = far_desk.make(self)
        self.addCleanup(far_desk.use, None)
        self.ui = self.panel.where.ui

    def add(self, text: str) -> None:
        self.ui.hostAddButton.click()
        self.ui.hostEdit.text = text
        self.ui.hostAcceptButton.click()
        support.process_events()

    def test_a_host_is_used_after_it_was_said_where_pixels_go(self):
        from UNetSegmentPlugin.running import hosts

        with answering("may_use_host", False) as asked:
            self.add(self.host.url)
        (_parent, sentence, host), _ = asked.call_args
        self.assertEqual(host, "gpu-server")
        self.assertIn("sent to gpu-server through ssh, encrypted", sentence)
        self.assertEqual((hosts.chosen(), hosts.known()), ("", [self.host.url]))
        self.assertEqual(self.ui.whereBox.currentText, "This computer")
        self.assertEqual(self.host.logins, 0)
        with answering("may_use_host", True) as asked:
            for index in (1, 0, 1):
                self.ui.whereBox.currentIndex = index
                support.process_events()
        self.assertEqual(asked.call_count, 1)
        self.assertEqual(hosts.chosen(), self.host.url)
        self.assertIn("sent to gpu-server", self.ui.whereNoteLabel.text)
        self.assertIn("Training, quick versions and imports", self.ui.whereNoteLabel.text)
        self.ui.hostRemoveButton.click()
        self.assertEqual((hosts.chosen(), hosts.known()), ("", []))
        self.assertFalse(hosts.told(self.host.url))

    def test_what_stays_here_says_so(self):
        from UNetSegmentLib.worker.protocol.messages import Problem, Ready

        self.panel.train.root.collapsed = False
        self.addCleanup(setattr, self.panel.train.root, "collapsed", True)
        said = "This runs on this computer, not on gpu-server."
        self.assertNotIn(said, self.panel.train.ui.trainProblemLabel.text)
        far_desk.use(self.host)
        self.assertIn(said, self.panel.train.ui.trainProblemLabel.text)
        # What is missing here keeps no run from a host.
        runner = self.panel.runner
        with mock.patch.object(runner._here, "ready", Ready(problem=Problem("missing-package", "No torch."))):
            self.assertFalse([error for error in self.panel.input_errors() if "Setup" in error])

    def test_settings_that_a_restart_gives_back_as_text(self):
        from UNetSegmentPlugin.running import hosts

        settings = qt.QSettings()
        settings.setValue("UNetSegment/FarHosts", self.host.url)
        self.assertEqual(hosts.known(), [self.host.url])
        for text, meant in (("true", True), ("false", False), ("", False)):
            settings.setValue(f"UNetSegment/FarTold/{self.host.url}", text)
            self.assertIs(hosts.told(self.host.url), meant)
        # Nothing goes to a host that nobody has agreed to, whatever the file says.
        hosts.choose(self.host.url)
        self.assertEqual(hosts.chosen(), "")

    def test_an_error_of_a_host_says_where(self):
        from UNetSegmentPlugin.running import far_words

        from UNetSegmentLib.errors import ResourceError

        error = ResourceError("Out of memory.", "Choose a region.", "detail")
        told = far_words.told_of(error, self.host.url)
        self.assertIsInstance(told, ResourceError)
        self.assertEqual((told.cause, told.cure), ("On gpu-server: Out of memory.", "Choose a region."))
        self.assertIs(far_words.told_of(error, ""), error)

    def test_what_is_no_address_is_said(self):
        self.add("ssh://me:secret@host")
        self.assertIn("holds no password", self.ui.whereStatusLabel.text)
        self.add("two words")
        self.assertIn("is no name of a host", self.ui.whereStatusLabel.text)

    def test_a_host_is_tried(self):
        far_desk.use(self.host)
        self.ui.hostTestButton.click()
        self.assertEqual(self.ui.hostTestButton.text, "Cancel")
        self.assertIn("Trying gpu-server", self.ui.whereStatusLabel.text)
        support.wait_until(lambda: self.ui.hostTestButton.text == "Test", 120, "the trial")
        self.assertIn("gpu-server is ready: Python 3", self.ui.whereStatusLabel.text)
        self.host.switch_off()
        self.ui.hostTestButton.click()
        support.wait_until(lambda: self.ui.hostTestButton.text == "Test", 120, "the trial")
        self.assertIn("refuses connections", self.ui.whereStatusLabel.text)

    def test_a_trial_is_cancelled(self):
        self.host = far_desk.make(self, before="import time; time.sleep(600)")
        far_desk.use(self.host)
        self.ui.hostTestButton.click()
        support.wait_until(lambda: self.host.logins, 60, "the login")
        self.ui.hostTestButton.click()
        self.assertEqual(self.ui.hostTestButton.text, "Test")
        self.assertEqual(self.ui.whereStatusLabel.text, "")
