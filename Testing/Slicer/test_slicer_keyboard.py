"""The panel by keyboard alone, and what it scrolls to."""

import unittest
from unittest import mock

import support
from slicer_layout_cases import LayoutTestCase, contents, panel_in_view, settle
from test_slicer_geometry import GRIDS, ball_volume


class ScrollTest(LayoutTestCase):
    """A problem scrolls itself into view, and so does Setup."""

    def test_a_problem_is_seen_from_the_lower_end_of_the_panel(self):
        label = self.run_ui.runProblemLabel
        self.assert_scrolled_to(label, lambda: self.panel.show_problem("The disk is full."))

    def test_setup_is_seen_when_it_is_asked_for(self):
        self.addCleanup(setattr, self.panel.setup, "_wanted", False)
        self.assert_scrolled_to(self.panel.setup.root, self.panel.advanced.ui.showSetupButton.click)

    def assert_scrolled_to(self, widget, act) -> None:
        self.panel.parameters.input_volume = ball_volume(GRIDS["straight"])
        self.fold([self.panel.train.root, self.panel.advanced.root], False)
        with panel_in_view() as area:
            area.ensureVisible(0, contents().height)
            settle()
            self.assertLess(contents().y, -300)
            act()
            settle()
            edge = self.lower_edge(widget) + contents().y
            self.assertGreaterEqual(edge - widget.height, 0)
            self.assertLessEqual(edge, area.viewport().height)


@unittest.skipUnless(support.in_harness(), "Slicer's Python has no QTest")
class KeyboardOnlyTest(LayoutTestCase):
    """Everything up to Segment without a mouse."""

    def press(self, widget, *keys: str) -> None:
        for key in keys:
            support.press_key(contents(), key, focus=widget)

    def tab_order(self) -> list[str]:
        """Names of what the Tab key reaches, from the image on."""
        from PySide6 import QtCore
        from SlicerHarness.strictness.strict import raw

        first = widget = raw(self.panel.volume.ui.inputVolumeSelector).focusProxy()
        names = []
        while True:
            widget = raw(widget).nextInFocusChain()
            if widget is first or len(names) > 300:
                return names
            if raw(widget).focusPolicy() & QtCore.Qt.FocusPolicy.TabFocus and raw(widget).isVisible():
                names.append(raw(widget).objectName())

    def test_tab_goes_down_the_panel(self):
        self.panel.parameters.input_volume = ball_volume(GRIDS["straight"])
        with panel_in_view():
            settle()
            # The log's button is there once a worker has said something.
            names = [name for name in self.tab_order() if name and name != "runLogButton"]
        wanted = ["modelBox", "importButton", "modelMoreButton", "wholeVolumeBox"]
        wanted += ["placeRegionButton", "segmentButton", "ResultSection", "CorrectSection"]
        self.assertEqual(names[: len(wanted)], wanted)

    def test_a_model_is_searched_and_chosen(self):
        chooser = self.panel.model.chooser
        with panel_in_view():
            self.press(chooser.box, "Down")
            self.assertTrue(chooser.popup.isVisible())
            self.press(chooser.ui.modelSearchBox, "Esc")
            self.assertFalse(chooser.popup.isVisible())
            self.press(chooser.box, "s")
            self.assertTrue(chooser.popup.isVisible())
            self.assertEqual(chooser.ui.modelSearchBox.text, "s")
            self.press(chooser.ui.modelSearchBox, "L", "O", "W")
            self.assertEqual(self.panel.card.name, "threshold")
            self.press(chooser.ui.modelSearchBox, "Return")
            self.assertFalse(chooser.popup.isVisible())
            self.assertEqual(self.panel.card.title, "Threshold, slow")

    def test_arrows_go_through_what_the_search_leaves(self):
        chooser = self.panel.model.chooser
        titles = [card.title for card in self.panel.cards]
        with panel_in_view():
            self.press(chooser.box, "Space")
            self.press(chooser.ui.modelSearchBox, *["Up"] * len(titles), "Down", "Down", "Up", "Return")
        self.assertEqual(self.panel.card.title, titles[1])

    def test_escape_closes_the_list_and_cancels_nothing(self):
        chooser = self.panel.model.chooser
        with panel_in_view(), self.running():
            cancelled = self.panel.runner.runs[0].cancel = mock.Mock()
            chooser.open()
            self.panel._cancel_current()
            self.assertFalse(chooser.popup.isVisible())
            cancelled.assert_not_called()
            self.panel._cancel_current()
            cancelled.assert_called_once_with()

    def test_keys_of_the_editor_are_left_to_the_views(self):
        """Where two shortcuts of one key could act, neither does."""
        self.assertIsNotNone(self.panel.correct.editor)
        support.leave()
        support.enter()
        self.addCleanup(support.leave)
        chooser = self.panel.model.chooser
        with panel_in_view(), self.running():
            self.press(chooser.box, "z")
            self.assertEqual(chooser.ui.modelSearchBox.text, "z")
            self.press(chooser.ui.modelSearchBox, "Esc")
            self.assertFalse(chooser.popup.isVisible())
            cancelled = self.panel.runner.runs[0].cancel = mock.Mock()
            self.press(self.run_ui.queueButton, "Esc")
            cancelled.assert_called_once_with()

    def test_the_library_is_searched_for_what_was_not_found(self):
        chooser = self.panel.model.chooser
        asked = []
        with panel_in_view(), mock.patch.object(chooser, "_on_library", asked.append):
            chooser.open("no such structure")
            self.assertIn("No model at hand fits", chooser.ui.modelListHintLabel.text)
            chooser.ui.libraryButton.click()
        self.assertEqual(asked, ["no such structure"])
        self.assertFalse(chooser.popup.isVisible())
