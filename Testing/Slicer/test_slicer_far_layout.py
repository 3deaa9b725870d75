"""Hosts of long names, their trials and the saving of DICOM objects find room in a narrow panel, in both styles."""

from unittest import mock

import dicom_desk
import qt
import support
from test_slicer_layout import LayoutTestCase, panel_in_view, settle
from test_slicer_panel import GRIDS, ball_volume

LONG_HOST = "node-with-four-graphics-cards-017.cluster.department-of-radiology.example.org"


class FarLayoutTest(LayoutTestCase):
    where = f"ssh://somebody@{LONG_HOST}"

    def setUp(self):
        super().setUp()
        from UNetSegmentPlugin.running import hosts

        patch = mock.patch.object(self.panel.runner, "start")
        patch.start()
        self.addCleanup(patch.stop)
        hosts.agree(hosts.add(self.where))
        self.assertTrue(self.panel.where.choose(self.where))
        self.addCleanup(self.panel.where.choose, "")
        self.panel.parameters.input_volume = ball_volume(GRIDS["straight"])

    def test_segment_progress_and_message_are_seen_without_scrolling(self):
        ui = self.run_ui
        for dark in (False, True):
            with panel_in_view(dark) as area:
                self.panel.run.started()
                self.panel.refresh()
                self.assert_fits(area, ui.segmentButton)
                with self.running():
                    self.assert_fits(area, ui.segmentButton, ui.runProgressBar, ui.runStatusLabel)
                    self.assertIn(f"on {LONG_HOST}", ui.runStatusLabel.text)
                self.finish()
                self.assert_fits(area, ui.segmentButton, ui.runStatusLabel)
                self.assertIn(f"Made on {LONG_HOST}", ui.runStatusLabel.text)

    def test_nothing_is_wider_than_the_view(self):
        where, ui = self.panel.where, self.panel.where.ui
        cure = f'ssh somebody@{LONG_HOST} python3 -m pip install "unetsegment==0.9"'
        problem = {"code": "far-no-library", "cause": f"UNetSegmentLib is not on {LONG_HOST}.", "cure": cure}
        where._reports[self.where] = {"problem": {**problem, "detail": "x" * 300}, "python": "3.12.4"}
        self.fold([self.panel.advanced.root], False)
        ui.hostAddButton.click()
        self.addCleanup(ui.hostFrame.hide)
        where.refresh()
        with dicom_desk.opened() as desk, panel_in_view() as area:
            self.panel.parameters.result = dicom_desk.write(desk)
            self.fold([self.panel.report.root], False)
            self.panel.report.ui.dicomButton.checked = True
            self.addCleanup(setattr, self.panel.report.ui.dicomButton, "checked", False)
            settle()
            for widget in (ui.whereBox, ui.hostEdit, ui.hostTestButton, ui.whereNoteLabel, ui.whereStatusLabel):
                self.assertTrue(widget.isVisible(), widget.objectName)
            self.assertTrue(self.panel.dicom.ui.dicomSaveButton.isVisible())
            self.assert_not_wider(area)

    def test_the_keyboard_reaches_everything(self):
        where, dicom = self.panel.where.ui, self.panel.dicom.ui
        for widget in (
            where.whereBox, where.hostAddButton, where.hostTestButton, where.hostRemoveButton, where.hostEdit,
            where.hostAcceptButton, dicom.dicomFolderEdit, dicom.dicomFolderButton, dicom.dicomKindBox,
            dicom.dicomDatabaseBox, dicom.dicomSaveButton, dicom.dicomCancelButton, self.panel.report.ui.dicomButton,
        ):  # fmt: skip
            self.assertTrue(int(widget.focusPolicy) & qt.Qt.TabFocus, widget.objectName)

    def test_the_return_key_adds_a_host(self):
        from UNetSegmentPlugin.running import hosts

        if not support.in_harness():
            self.skipTest("Slicer's Python has no QTest")
        hosts.agree("ssh://other")
        self.fold([self.panel.advanced.root], False)
        ui = self.panel.where.ui
        ui.hostAddButton.click()
        self.addCleanup(ui.hostFrame.hide)
        ui.hostEdit.text = "other"
        support.press_key(contents_of(self.panel), "Return", focus=ui.hostEdit)
        support.process_events()
        self.assertEqual(hosts.chosen(), "ssh://other")


def contents_of(panel):
    """The module's widget."""
    return panel.run.root.parentWidget()
