"""The panel's section Correct: the editor with the effect in hand, begun from nothing where there is nothing."""

from __future__ import annotations

import unittest

import numpy as np
import qt
import slicer
import support
from correcting_desk import NAME, OBLIQUE, SHAPE, click, view


class SectionTestCase(support.SlicerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.panel = support.panel().panel
        self.section = self.panel.correct
        array = np.zeros(SHAPE, np.int16)
        array[6:14, 12:28, 14:34] = 100
        self.volume = support.add_volume(array, OBLIQUE, "Image")
        self.panel.parameters.input_volume = self.volume
        support.enter()
        self.addCleanup(support.leave)
        self.addCleanup(self.section.close)
        self.addCleanup(setattr, self.section.root, "collapsed", True)

    def open(self) -> None:
        self.section.root.collapsed = False

    def effect(self):
        return self.section.editor.effectByName(NAME).self().tool


class SectionTest(SectionTestCase):
    def test_opening_it_takes_the_effect_in_hand(self):
        self.open()
        self.assertEqual(self.section.editor.activeEffect().name, NAME)
        self.assertEqual(self.section.editor.effectNameOrder()[0], NAME)

    def test_without_a_segmentation_one_is_begun_under_the_images_transform(self):
        support.add_transform(np.eye(4), self.volume)
        self.open()
        node = self.panel.parameters.result
        self.assertEqual(node.GetSegmentation().GetNumberOfSegments(), 1)
        self.assertEqual(node.GetTransformNodeID(), self.volume.GetTransformNodeID())
        self.assertIs(self.section.editor.sourceVolumeNode(), self.volume)
        slicer.util.setSliceViewerLayers(background=self.volume, fit=True)
        width, height, _depth = view().mrmlSliceNode().GetDimensions()
        click(view(), (width // 2, height // 2))
        support.wait_until(lambda: not self.effect().correction.busy, 60, "the answer")
        segment_id = node.GetSegmentation().GetNthSegmentID(0)
        self.assertTrue(slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, self.volume).any())

    def test_a_segmentation_of_the_scene_is_left_to_the_user(self):
        slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Somebody's")
        self.open()
        self.assertEqual(len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")), 1)

    def test_an_empty_segmentation_gets_a_segment(self):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Empty")
        node.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)
        self.panel.parameters.result = node
        self.open()
        self.assertEqual(node.GetSegmentation().GetNumberOfSegments(), 1)

    def test_another_module_takes_the_mouse_away_and_coming_back_returns_it(self):
        self.open()
        support.leave()
        self.assertIsNone(self.section.editor.activeEffect())
        support.enter()
        self.assertEqual(self.section.editor.activeEffect().name, NAME)

    def test_another_segmentation_is_corrected_with_the_same_tool_and_escape_puts_it_down(self):
        from UNetSegmentPlugin.scene import results

        self.open()
        self.panel.parameters.result = results.begin(self.volume)
        self.assertEqual(self.section.editor.activeEffect().name, NAME)
        self.section.editor.setActiveEffect(None)
        self.section.refresh()
        self.assertIsNone(self.section.editor.activeEffect())

    def test_long_names_and_sentences_make_nothing_wider(self):
        from UNetSegmentLib.errors import InputError

        self.open()
        options = self.effect()._options
        before = options.minimumSizeHint.width()
        self.assertLessEqual(before, 340)
        name = "a_very_long_name_without_a_single_space_in_it" * 3
        options.show_state("", InputError(f"'{name}' is hidden."), [(1, name)])
        self.assertEqual(options.minimumSizeHint.width(), before)

    def test_a_tool_that_is_held_stays(self):
        self.open()
        self.section.editor.setActiveEffectByName("Paint")
        support.leave()
        support.enter()
        self.section.editor.setActiveEffectByName("Paint")
        self.section.root.collapsed = True
        self.open()
        self.assertEqual(self.section.editor.activeEffect().name, "Paint")


@unittest.skipUnless(support.in_harness(), "Slicer's Python has no QTest")
class KeysTest(SectionTestCase):
    """One key each, in the views."""

    def test_keys_of_the_tools_act_in_a_view_and_not_in_a_field(self):
        from SlicerHarness.effects.pointer import Pointer

        self.open()
        pointer = Pointer()
        pointer.click(5, 5, view())
        support.wait_until(lambda: not self.effect().correction.busy, 60, "the answer")
        for key, tool in (("S", "scribble"), ("L", "lasso"), ("X", "box"), ("P", "point")):
            pointer.key(key)
            self.assertEqual(self.effect().tool, tool)
        self.assertTrue(self.effect().include)
        pointer.key("T")
        self.assertFalse(self.effect().include)
        pointer.key("T")
        chooser = self.panel.model.chooser
        support.press_key(chooser.box, "s", focus=chooser.box)
        self.assertEqual(self.effect().tool, "point")
        chooser.popup.hide()

    def test_a_view_takes_the_keys_when_the_pointer_comes_unless_somebody_types(self):
        from SlicerHarness.effects.pointer import Pointer

        self.open()
        window = slicer.app.layoutManager().viewport()
        window.show()
        window.activateWindow()
        support.process_events()
        screen = view().sliceView().VTKWidget()
        field = qt.QLineEdit(window)
        field.show()
        for start, taken in ((field, False), (window, True)):
            start.setFocus()
            pointer = Pointer()
            pointer.move(5, 5, view("Yellow"))
            start.setFocus()
            pointer.move(5, 5, view())
            self.assertEqual(screen.hasFocus(), taken)
        field.setParent(None)

    def test_control_z_in_a_view_takes_the_last_prompt_back(self):
        from SlicerHarness.effects.pointer import Pointer

        self.open()
        slicer.util.setSliceViewerLayers(background=self.volume, fit=True)
        pointer = Pointer()
        pointer.click(200, 150, view())
        support.wait_until(lambda: not self.effect().correction.busy, 60, "the answer")
        self.assertEqual(len(self.effect().correction.entries), 1)
        pointer.key("Z")
        support.wait(0.3)
        support.wait_until(lambda: not self.effect().correction.busy, 60, "the answer")
        self.assertEqual(self.effect().correction.entries, [])
