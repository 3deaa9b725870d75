"""What is seen of the panel without scrolling, at 360 pixels, in both styles; and that no name makes it wider."""

import dataclasses
import itertools

import slicer
from slicer_layout_cases import EDITOR_WIDTH, LONG, ONE_WORD, WIDTH, LayoutTestCase, contents, panel_in_view, settle
from test_slicer_geometry import GRIDS, ball_volume

from UNetSegmentLib.errors import ModelError


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
