"""Doubtful places in the views: found, shown one after the other, counted; the model's uncertainty over the image."""

from __future__ import annotations

from unittest import mock

import numpy as np
import slicer
import support
from correcting_desk import NAME, OBLIQUE, SHAPE, SHIFTED, Desk, forget_editor, view

BLOCK = np.zeros(SHAPE, bool)
BLOCK[6:14, 12:28, 14:34] = True


def tearDownModule():
    forget_editor()


class DoubtsTest(support.SlicerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.desk = Desk()
        self.addCleanup(self.desk.close)
        self.desk.put(BLOCK)

    def with_uncertainty(self):
        """A model that was unsure of a part beside the block and of one of its corners."""
        from UNetSegmentPlugin.scene import provenance

        array = np.zeros(SHAPE, np.float32)
        array[8:12, 16:24, 34:38] = 0.99
        array[6:9, 12:16, 14:18] = 0.95
        node = support.add_volume(array, OBLIQUE, "uncertainty")
        node.CreateDefaultDisplayNodes()
        provenance.set_uncertainty(self.desk.segmentation, node)
        return node

    def next(self) -> None:
        self.desk.tool.next_place()
        support.wait_until(lambda: not self.desk.tool.doubts.searching, 60, "the doubtful places")

    def left(self):
        return self.desk.tool.doubts.left(self.desk.correction.target)

    def shown_voxel(self) -> tuple[int, int, int]:
        """The voxel (k, j, i) in the middle of the view that was moved."""
        width, height, _depth = view().mrmlSliceNode().GetDimensions()
        return self.desk.voxel_at(view(), (width / 2, height / 2))

    def test_the_views_jump_to_one_place_after_the_other(self):
        support.add_transform(SHIFTED, self.desk.volume, self.desk.segmentation)
        uncertainty = slicer.util.arrayFromVolume(self.with_uncertainty())
        self.desk.correction.prepare(self.desk.tool._target())
        self.desk.settle()
        self.next()
        self.assertIn("the model is unsure", self.desk.correction.status)
        count = self.left()
        self.assertGreater(uncertainty[self.shown_voxel()], 0.5)
        self.assertGreaterEqual(count, 1)
        before = self.shown_voxel()
        # At once: the list is there, and nothing is looked for again.
        with mock.patch.object(self.desk.tool.doubts, "_search") as search:
            self.desk.tool.next_place()
        search.assert_not_called()
        self.assertEqual(self.left(), count - 1)
        self.assertNotEqual(self.shown_voxel(), before)
        self.assertGreater(uncertainty[self.shown_voxel()], 0.5)
        for _number in range(count):
            self.next()
        self.assertIn("No doubtful place is left", self.desk.correction.status)

    def test_another_run_brings_another_list(self):
        self.with_uncertainty()
        self.next()
        first = self.shown_voxel()
        other = np.zeros(SHAPE, np.float32)
        other[12:16, 26:30, 20:28] = 0.99
        slicer.util.updateVolumeFromArray(slicer.util.getNode("uncertainty"), other)
        self.next()
        self.assertNotEqual(self.shown_voxel(), first)
        self.assertGreater(other[self.shown_voxel()], 0.5)

    def test_without_a_model_the_image_and_the_mask_are_looked_at(self):
        island = BLOCK.copy()
        island[16:18, 34:36, 40:43] = True
        self.desk.put(island)
        self.next()
        self.assertIsNone(self.desk.correction.problem)

    def test_a_ring_stands_around_the_place(self):
        self.with_uncertainty()
        props = self.desk.editor.effectByName(NAME).renderer(view()).GetViewProps()
        before = props.GetNumberOfItems()
        self.next()
        self.assertEqual(props.GetNumberOfItems(), before + 1)
        ring = props.GetLastProp()
        self.assertTrue(ring.GetVisibility())
        node = view().mrmlSliceNode()
        node.SetSliceOffset(node.GetSliceOffset() + 20)
        self.assertFalse(ring.GetVisibility())
        self.desk.editor.setActiveEffect(None)
        self.assertEqual(props.GetNumberOfItems(), before)

    def test_a_place_that_was_corrected_needs_no_second_look(self):
        from UNetSegmentLib.geometry import Box

        self.with_uncertainty()
        self.desk.correction.prepare(self.desk.tool._target())
        self.desk.settle()
        self.next()
        count = self.left()
        box = Box((0, 0, 0), SHAPE)
        self.desk.tool.doubts.edited(self.desk.correction.target, box, np.ones(SHAPE, bool))
        self.assertLess(self.left(), count)

    def test_what_was_looked_at_does_not_come_back_when_the_effect_does(self):
        self.with_uncertainty()
        self.desk.correction.prepare(self.desk.tool._target())
        self.desk.settle()
        self.next()
        count = self.left()
        self.desk.tool.doubts.stop()
        self.assertIsNone(self.left())
        self.next()
        self.assertEqual(self.left(), max(count - 1, 0))

    def test_the_uncertainty_is_shown_over_the_image_and_taken_away_again(self):
        tool = self.desk.tool
        button = slicer.util.findChild(tool._options, "correctOverlayButton")
        self.assertFalse(button.enabled)
        uncertainty = self.with_uncertainty()
        composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        before = [node.GetForegroundVolumeID() for node in composites]
        tool.show_uncertainty(True)
        self.assertEqual({node.GetForegroundVolumeID() for node in composites}, {uncertainty.GetID()})
        self.assertTrue(button.enabled and button.checked)
        tool.show_uncertainty(False)
        self.assertEqual([node.GetForegroundVolumeID() for node in composites], before)

    def test_a_process_that_dies_is_said(self):
        from unittest import mock

        from UNetSegmentPlugin.correcting import doubts

        with mock.patch.object(doubts, "review_command", return_value=["/no/such/program"]):
            self.next()
        self.assertIn("ended early", str(self.desk.correction.problem))
