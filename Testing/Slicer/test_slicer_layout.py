"""What is seen of the panel without scrolling, at 360 pixels, in both styles; and that no name makes it wider."""

import contextlib
import dataclasses
import itertools
import unittest
from types import SimpleNamespace
from unittest import mock

import numpy as np
import qt
import slicer
import support
from test_slicer_geometry import GRIDS, ball_volume
from test_slicer_panel import PanelTestCase

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.progress import ProgressEvent
from UNetSegmentLib.worker.client.client import WorkerState

# The height is what Slicer shows of a module in a window of 760 pixels, less its Help.
WIDTH, HEIGHT = 360, 430
# The embedded editor's own minimum in Slicer 5.13, see widths.MINIMUM_WIDTH.
EDITOR_WIDTH = 369
LONG = "T1_weighted_MPRAGE_sagittal_of_the_whole_head_before_contrast_repeated_after_motion_series_17"
ONE_WORD = "x" * len(LONG)


@contextlib.contextmanager
def panel_in_view(dark: bool = False, width: int = WIDTH):
    """The panel in a view of WIDTH x HEIGHT pixels; in a real Slicer as it stands there. Yields the scroll area."""
    widget = contents()
    if support.in_harness():
        from SlicerHarness.viewing.panelview import viewed

        with viewed(widget, width, HEIGHT, dark) as area:
            yield area
        return
    slicer.util.selectModule(support.MODULE)
    support.wait(0.3)
    area = widget.parentWidget()
    while not area.inherits("QScrollArea"):
        area = area.parentWidget()
    yield area


def contents():
    """The module's widget, which the view scrolls."""
    return slicer.util.getModule(support.MODULE).widgetRepresentation()


def settle() -> None:
    for _ in range(5):
        support.process_events()


class LayoutTestCase(PanelTestCase):
    where = ""
    """Address of the host that runs go to."""

    def setUp(self) -> None:
        super().setUp()
        self.run_ui = self.panel.run.ui
        # Without the panel's own minimum, to see what the widgets would take.
        self.own_minimum = self.panel.run.root.minimumWidth
        self.panel.run.root.setMinimumWidth(0)
        self.addCleanup(self.panel.run.root.setMinimumWidth, self.own_minimum)
        self.addCleanup(self.fold, [section.root for section in self.panel.sections if self.folds(section)])
        self.addCleanup(self.panel.run.started)
        self.panel.choose_model("threshold")

    @staticmethod
    def folds(section) -> bool:
        return section.root.inherits("ctkCollapsibleButton")

    @staticmethod
    def fold(roots, folded: bool = True) -> None:
        for root in roots:
            root.collapsed = folded

    def lower_edge(self, widget) -> int:
        """Pixels from the panel's top to the lower edge of a widget."""
        return widget.mapTo(contents(), qt.QPoint(0, widget.height)).y()

    def assert_fits(self, area, *widgets) -> None:
        """These are seen without scrolling, and nothing reaches beyond the view's right edge."""
        settle()
        for widget in widgets:
            self.assertTrue(widget.isVisible(), widget.objectName)
            self.assertLessEqual(self.lower_edge(widget), HEIGHT, widget.objectName)
        self.assert_not_wider(area)

    def assert_not_wider(self, area) -> None:
        self.assertLessEqual(contents().width, area.viewport().width)

    @contextlib.contextmanager
    def running(self):
        """As if a run were half done."""
        from UNetSegmentPlugin.running.runs import RunState

        event = ProgressEvent("segment", 3, 8, seconds_left=72.0)
        order = SimpleNamespace(where=self.where)
        run = SimpleNamespace(state=RunState.RUNNING, progress=event, inputs_present=True, order=order)
        runner = SimpleNamespace(
            runs=(run,), state_of=lambda run: WorkerState.READY, log=["one line"], ready=None, ready_at=lambda url: None
        )
        with mock.patch.object(self.panel, "runner", runner):
            self.panel.run.refresh()
            yield
        self.panel.run.refresh()

    def fill_scene(self, name: str) -> None:
        volume = ball_volume(GRIDS["straight"], name=name)
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
        node.CreateDefaultDisplayNodes()
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        node.GetSegmentation().AddEmptySegment("ball", name, [1.0, 0.2, 0.1])
        mask = (slicer.util.arrayFromVolume(volume) > 50).astype(np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, "ball", volume)
        roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", name)
        parameters = self.panel.parameters
        parameters.input_volume, parameters.region = volume, roi
        parameters.target = parameters.result = node
        self.panel.train.source.find_pairs()

    def finish(self) -> None:
        """As if a run had ended."""
        from UNetSegmentPlugin.running.runs import RunState

        written = SimpleNamespace(segment_ids=["a", "b"], untouched=())
        volumes = (self.panel.parameters.input_volume,)
        order = SimpleNamespace(card=self.panel.card, volumes=volumes, where=self.where)
        timings = {"click to result": 7.0}
        run = SimpleNamespace(
            order=order, state=RunState.DONE, error=None, written=written, warnings=(), timings=timings
        )
        self.panel.run.on_run(run)


class SeenWithoutScrollingTest(LayoutTestCase):
    """Segment, its progress and its message, whatever the names are and whatever happens."""

    def in_all_states(self, area) -> None:
        button, ui = self.run_ui.segmentButton, self.run_ui
        self.panel.run.started()
        self.panel.refresh()
        self.assert_fits(area, button, self.panel.volume.ui.inputVolumeSelector, self.panel.model.chooser.box)
        with self.running():
            self.assert_fits(area, button, ui.queueButton, ui.runProgressBar, ui.runStatusLabel)
            self.assertIn("72 s left", ui.runStatusLabel.text)
        self.panel.show_problem(ModelError("The model needs more memory than this computer has.", "Choose a region."))
        self.assert_fits(area, button, ui.runProblemLabel)
        self.panel.run.started()
        self.finish()
        self.assert_fits(area, button, ui.runStatusLabel)

    def test_short_names(self):
        self.panel.parameters.input_volume = ball_volume(GRIDS["straight"])
        for dark in (False, True):
            with panel_in_view(dark) as area:
                self.in_all_states(area)

    def test_long_names_of_nodes_and_models(self):
        card = self.card()
        for name, dark in itertools.product((LONG, ONE_WORD), (False, True)):
            slicer.mrmlScene.Clear(0)
            volume = ball_volume(GRIDS["straight"], name=name)
            roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", name)
            self.panel.parameters.input_volume, self.panel.parameters.region = volume, roi
            self.panel.parameters.whole_volume = False
            self.list_models([dataclasses.replace(card, name="long", title=name)])
            with panel_in_view(dark) as area:
                self.in_all_states(area)

    def test_many_models_of_many_structures(self):
        card = self.card()
        label = card.labels[0]
        labels = tuple(dataclasses.replace(label, value=n, name=f"vertebra_{n}_{LONG}") for n in range(1, 118))
        many = [dataclasses.replace(card, name=f"m{n}", title=f"Model {n} {LONG}", labels=labels) for n in range(120)]
        self.list_models(many)
        self.panel.parameters.input_volume = ball_volume(GRIDS["straight"])
        for dark in (False, True):
            with panel_in_view(dark) as area:
                self.in_all_states(area)

    def test_three_channels_and_a_licence_to_accept(self):
        card = self.card()
        inputs = tuple(dataclasses.replace(card.inputs[0], name=f"{name} {LONG}") for name in "abc")
        self.list_models([dataclasses.replace(card, name="strict", inputs=inputs, licence="CC-BY-NC 4.0")])
        self.panel.parameters.input_volume = ball_volume(GRIDS["straight"])
        for dark in (False, True):
            with panel_in_view(dark) as area:
                self.panel.refresh()
                self.assert_fits(area, self.run_ui.segmentButton, self.panel.model.ui.acceptLicenceButton)
                self.assertIn("CC-BY-NC", self.panel.model.ui.licenceLabel.text)
                self.assertIn("Read and accept the licence", self.run_ui.runProblemLabel.text)

    def test_closed_sections_are_short(self):
        self.panel.parameters.input_volume = ball_volume(GRIDS["straight"])
        with panel_in_view() as area:
            settle()
            self.assertLessEqual(contents().height, area.viewport().height)

    def card(self):
        return next(card for card in self.panel.cards if card.name == "threshold")

    def list_models(self, cards) -> None:
        self.addCleanup(self.panel.reload_models)
        self.panel.cards = cards
        self.panel.model.fill()
        self.panel.choose_model(cards[0].name)


class WidthTest(LayoutTestCase):
    """Slicer makes the panel as wide as its widest widget."""

    def test_the_editor_needs_no_more_than_the_panel_has(self):
        from UNetSegmentPlugin.widgets import widths

        self.assertGreaterEqual(widths.MINIMUM_WIDTH, max(WIDTH, EDITOR_WIDTH))
        self.assertEqual(self.own_minimum, widths.MINIMUM_WIDTH)

    def test_opening_the_editor_makes_nothing_wider(self):
        from UNetSegmentPlugin.widgets import widths

        self.panel.run.root.setMinimumWidth(widths.MINIMUM_WIDTH)
        with panel_in_view(width=widths.MINIMUM_WIDTH + 60):
            settle()
            closed = contents().minimumSizeHint.width()
            self.fold([self.panel.correct.root], False)
            settle()
            self.assertTrue(self.panel.correct.editor.isVisible())
            self.assertEqual(contents().minimumSizeHint.width(), closed)

    def test_no_section_is_wider_than_the_view(self):
        parameters = self.panel.parameters
        self.fill_scene(LONG)
        # A run makes it, for its undo, while the section is closed.
        self.assertIsNotNone(self.panel.correct.editor)
        roots = [section.root for section in self.panel.sections if self.folds(section)]
        self.fold([root for root in roots if root is not self.panel.correct.root], False)
        self.panel.train.ui.trainAdvancedBox.collapsed = False
        self.addCleanup(setattr, self.panel.train.ui.trainAdvancedBox, "collapsed", True)
        parameters.policy, parameters.whole_volume = "add", False
        self.panel.model.ui.modelMoreButton.checked = True
        self.addCleanup(setattr, self.panel.model.ui.modelMoreButton, "checked", False)
        with panel_in_view() as area:
            settle()
            for section in self.panel.sections:
                name = type(section).__name__
                self.assertLessEqual(section.root.minimumSizeHint.width(), WIDTH - 18, name)
            self.assert_not_wider(area)


class ReportNamesTest(LayoutTestCase):
    """Names are shown whole: the diameter goes first, then they take more lines."""

    def name_cell(self):
        return self.panel.report.ui.reportTable.item(0, 0)

    def show(self, name: str) -> None:
        self.fill_scene(name)
        self.fold([self.panel.report.root], False)

    def test_numbers_stand_beside_short_names(self):
        self.show("Anterior hippocampus")
        with panel_in_view():
            settle()
            table = self.panel.report.ui.reportTable
            self.assertFalse(table.isColumnHidden(2))
            self.assertEqual(self.name_cell().text(), "Anterior hippocampus")
            self.assertLessEqual(table.sizeHintForColumn(0), table.columnWidth(0))

    def test_a_longer_name_takes_the_place_of_the_diameter(self):
        self.show("vertebra_T12_left_transverse_process")
        with panel_in_view():
            settle()
            table = self.panel.report.ui.reportTable
            self.assertTrue(table.isColumnHidden(2))
            self.assertLessEqual(table.sizeHintForColumn(0), table.columnWidth(0))
            self.assertIn("Diameter", self.name_cell().toolTip())

    def test_very_long_names_take_more_lines(self):
        table = self.panel.report.ui.reportTable
        with panel_in_view():
            self.show("Short")
            settle()
            one_line = table.rowHeight(0)
        for name in (LONG, ONE_WORD):
            slicer.mrmlScene.Clear(0)
            self.show(name)
            with panel_in_view():
                settle()
                self.assertEqual(self.name_cell().text().replace("\N{ZERO WIDTH SPACE}", ""), name)
                self.assertGreater(table.rowHeight(0), 1.5 * one_line)
                self.assertIn(name, self.name_cell().toolTip())


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
