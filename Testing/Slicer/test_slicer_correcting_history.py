"""Prompts and everything else that changes a segment are one history: undo, strokes by hand, other segments, masks."""

from __future__ import annotations

import numpy as np
import slicer
import support
from correcting_desk import SHAPE, Desk, click, drag, forget_editor, view

BLOCK = np.zeros(SHAPE, bool)
BLOCK[6:14, 12:28, 14:34] = True


def tearDownModule():
    forget_editor()


def cells() -> np.ndarray:
    """An image of bricks, each as bright as no other: what is found in one does not reach into the next."""
    counts = [-(-length // size) for length, size in zip(SHAPE, (4, 8, 8), strict=True)]
    values = np.random.default_rng(5).permutation(int(np.prod(counts))).reshape(counts) * 60
    whole = np.kron(values, np.ones((4, 8, 8)))
    return whole[tuple(slice(length) for length in SHAPE)].astype(np.int16)


class HistoryTestCase(support.SlicerTestCase):
    in_cells = True

    def setUp(self) -> None:
        super().setUp()
        self.desk = Desk(array=cells() if self.in_cells else None)
        self.addCleanup(self.desk.close)

    def click(self, ijk, **modifiers) -> tuple[int, int, int]:
        return self.desk.click(ijk, **modifiers)

    def settle_scene(self) -> None:
        """Until what others did has reached the session."""
        support.wait(0.25)
        self.desk.settle()

    def words(self) -> list[str]:
        return [text for _number, text in self.desk.correction.entries]


class UndoTest(HistoryTestCase):
    def test_the_editors_undo_takes_a_prompt_back_and_redo_brings_it_again(self):
        desk = self.desk
        first = self.click((20, 20, 10))
        one = desk.mask()
        second = self.click((30, 16, 8))
        two = desk.mask()
        self.assertTrue(one[first] and two[second] and not one[second])
        desk.editor.undo()
        self.settle_scene()
        np.testing.assert_array_equal(desk.mask(), one)
        self.assertEqual(self.words(), ["Point, include"])
        desk.editor.undo()
        self.settle_scene()
        self.assertFalse(desk.mask().any())
        self.assertEqual(self.words(), [])
        desk.editor.redo()
        desk.editor.redo()
        self.settle_scene()
        np.testing.assert_array_equal(desk.mask(), two)
        self.assertEqual(len(self.words()), 2)

    def test_two_undos_at_once_are_two(self):
        desk = self.desk
        for ijk in ((20, 20, 10), (30, 16, 8), (16, 24, 12)):
            self.click(ijk)
        desk.editor.undo()
        desk.editor.undo()
        self.settle_scene()
        self.assertEqual(self.words(), ["Point, include"])

    def test_a_prompt_after_an_undo_begins_where_the_mask_is(self):
        desk = self.desk
        first = self.click((20, 20, 10))
        desk.editor.undo()
        second = self.click((30, 16, 8))
        self.assertTrue(desk.mask()[second])
        self.assertFalse(desk.mask()[first])
        self.assertEqual(self.words(), ["Point, include"])

    def test_one_prompt_of_several_is_taken_back(self):
        desk = self.desk
        first, second = self.click((20, 20, 10)), self.click((38, 30, 16))
        number = desk.correction.entries[0][0]
        desk.correction.take_back(number)
        desk.settle()
        self.assertFalse(desk.mask()[first])
        self.assertTrue(desk.mask()[second])
        desk.editor.undo()
        self.settle_scene()
        self.assertTrue(desk.mask()[first] and desk.mask()[second])

    def test_all_are_taken_back_to_what_was_there(self):
        desk = self.desk
        desk.put(BLOCK)
        self.click((40, 30, 16))
        self.click((24, 20, 10), control=True)
        desk.correction.take_back(None)
        desk.settle()
        np.testing.assert_array_equal(desk.mask(), BLOCK)

    def test_a_prompt_that_changes_nothing_saves_no_state(self):
        desk = self.desk
        desk.put(BLOCK)
        self.click((24, 20, 10))
        self.assertIn("Nothing to change", desk.correction.status)
        desk.editor.undo()
        np.testing.assert_array_equal(desk.mask(), BLOCK)


class OthersTest(HistoryTestCase):
    """What others do to the segment counts as the present mask."""

    def test_strokes_by_hand_are_kept(self):
        desk = self.desk
        first = self.click((20, 20, 10))
        painted = desk.mask()
        painted[2:4, 2:6, 2:6] = True
        painted[first] = False
        desk.put(painted)
        self.settle_scene()
        self.assertEqual(self.words(), ["Point, include", "Work by hand"])
        second = self.click((30, 16, 8))
        mask = desk.mask()
        self.assertTrue(mask[2:4, 2:6, 2:6].all() and mask[second])
        self.assertFalse(mask[first])

    def test_another_segment_is_another_session_and_loses_nothing(self):
        desk = self.desk
        first = self.click((20, 20, 10))
        before = desk.mask("a")
        desk.editor.setCurrentSegmentID("b")
        second = self.click((38, 30, 16))
        self.assertTrue(desk.mask("b")[second])
        self.assertFalse(desk.mask("a")[second])
        self.assertTrue(desk.mask("a")[first])
        np.testing.assert_array_equal(desk.mask("a") | desk.mask("b"), before | desk.mask("b"))

    def test_another_image_is_another_session(self):
        desk = self.desk
        first = self.click((20, 20, 10))
        other = slicer.util.addVolumeFromArray(np.zeros(SHAPE, np.int16), name="Other")
        other.CopyOrientation(desk.volume)
        desk.editor.setSourceVolumeNode(other)
        desk.editor.setActiveEffectByName("U-Net correct")
        second = self.click((38, 30, 16))
        self.assertIs(desk.correction.target.volume, other)
        self.assertTrue(desk.mask()[first] and desk.mask()[second])

    def test_prompts_that_are_drawn_faster_than_they_are_answered(self):
        desk = self.desk
        widget = view("Red")
        pixels = [desk.pixel(widget, (i, 20, 10)) for i in (8, 16, 24, 32, 40)]
        for pixel in pixels:
            click(widget, pixel)
        desk.settle()
        mask = desk.mask()
        for pixel in pixels:
            self.assertTrue(mask[desk.voxel_at(widget, pixel)])
        self.assertEqual(len(self.words()), 5)

    def test_an_undo_while_a_prompt_is_on_its_way(self):
        desk = self.desk
        first = self.click((20, 20, 10))
        widget = view("Red")
        pixel = desk.pixel(widget, (38, 30, 10))
        click(widget, pixel)
        desk.editor.undo()
        desk.settle()
        self.settle_scene()
        self.assertFalse(desk.mask()[first])
        self.assertTrue(desk.mask()[desk.voxel_at(widget, pixel)])
        third = self.click((8, 8, 10))
        self.assertTrue(desk.mask()[third])
        self.assertFalse(desk.mask()[first])


class MasksTest(HistoryTestCase):
    """The editor's masks, locked and hidden segments, overlaps."""

    in_cells = False

    def test_completed_segments_do_not_change(self):
        desk = self.desk
        desk.put(BLOCK, "b")
        self.complete("b")
        desk.choose("scribble")
        widget = view("Red")
        start, end = desk.pixel(widget, (4, 20, 10)), desk.pixel(widget, (24, 20, 10))
        drag(widget, [start, end])
        desk.settle()
        np.testing.assert_array_equal(desk.mask("b"), BLOCK)
        self.assertTrue(desk.mask("a")[desk.voxel_at(widget, start)])
        self.assertIn("may not change", desk.correction.status)
        click(widget, end)
        desk.settle()
        self.assertIn("may not change", str(desk.correction.problem))

    def complete(self, segment_id: str) -> None:
        self.desk.segmentation.GetSegmentation().GetSegment(segment_id).SetTag("Segmentation.Status", "completed")

    def test_hidden_segments_do_not_change(self):
        desk = self.desk
        desk.put(BLOCK, "b")
        desk.segmentation.GetDisplayNode().SetSegmentVisibility("b", False)
        self.click((24, 20, 10))
        np.testing.assert_array_equal(desk.mask("b"), BLOCK)
        self.assertFalse(desk.mask("a").any())

    def test_a_completed_or_hidden_segment_is_not_corrected(self):
        desk = self.desk
        self.complete("a")
        self.click((24, 20, 10))
        self.assertIn("completed", str(desk.correction.problem))
        desk.editor.setCurrentSegmentID("b")
        desk.segmentation.GetDisplayNode().SetSegmentVisibility("b", False)
        self.click((24, 20, 10))
        self.assertIn("hidden", str(desk.correction.problem))
        self.assertFalse(desk.mask("a").any() or desk.mask("b").any())

    def test_overlapping_segments_keep_what_they_have(self):
        desk = self.desk
        desk.put(BLOCK, "b")
        desk.node.SetOverwriteMode(desk.node.OverwriteNone)
        place = self.click((24, 20, 10))
        self.assertTrue(desk.mask("a")[place])
        np.testing.assert_array_equal(desk.mask("b"), BLOCK)
        desk.choose("point", include=False)
        again = self.click((24, 20, 10))
        self.assertFalse(desk.mask("a")[again])
        np.testing.assert_array_equal(desk.mask("b"), BLOCK)

    def test_a_neighbour_gets_back_what_was_taken_from_it(self):
        desk = self.desk
        desk.put(BLOCK, "b")
        place = self.click((24, 20, 10))
        self.assertTrue(desk.mask("a")[place])
        self.assertFalse(desk.mask("b")[place])
        desk.correction.take_back(None)
        desk.settle()
        self.assertFalse(desk.mask("a").any())
        np.testing.assert_array_equal(desk.mask("b"), BLOCK)

    def test_the_editable_area_holds_and_the_session_knows(self):
        desk = self.desk
        values = slicer.util.arrayFromVolume(desk.volume)
        desk.node.SetSourceVolumeIntensityMask(True)
        desk.node.SetSourceVolumeIntensityMaskRange(50.0, 150.0)
        desk.choose("scribble")
        widget = view("Red")
        drag(widget, [desk.pixel(widget, (6, 20, 10)), desk.pixel(widget, (24, 20, 10))])
        desk.settle()
        mask = desk.mask()
        self.assertTrue(mask.any())
        self.assertFalse((mask & (values < 50)).any())
        self.assertIn("masks kept", desk.correction.status)
        self.assertEqual(self.words(), ["Scribble, include", "Work by hand"])
        desk.editor.undo()
        self.settle_scene()
        self.assertEqual(self.words(), [])
        self.assertFalse(desk.mask().any())

    def test_inside_another_segment_only(self):
        desk = self.desk
        desk.put(BLOCK, "b")
        # Overlapping, or the answer would empty the very area that is editable.
        desk.node.SetOverwriteMode(desk.node.OverwriteNone)
        desk.node.SetMaskSegmentID("b")
        desk.node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedInsideSingleSegment)
        desk.choose("scribble")
        widget = view("Red")
        drag(widget, [desk.pixel(widget, (6, 20, 10)), desk.pixel(widget, (24, 20, 10))])
        desk.settle()
        self.assertTrue(desk.mask("a").any())
        self.assertFalse((desk.mask("a") & ~BLOCK).any())


class SurfaceTest(HistoryTestCase):
    def test_surfaces_wait_until_the_hand_rests(self):
        desk = self.desk
        desk.put(BLOCK)
        desk.segmentation.CreateClosedSurfaceRepresentation()
        segmentation = desk.segmentation.GetSegmentation()
        self.click((40, 30, 16))
        self.assertFalse(segmentation.ContainsRepresentation("Closed surface"))
        support.wait_until(lambda: segmentation.ContainsRepresentation("Closed surface"), 10, "the surface")


class ProvenanceTest(HistoryTestCase):
    def test_prompts_and_seconds_stand_in_the_tags(self):
        from UNetSegmentPlugin.scene import provenance, segments

        self.click((20, 20, 10))
        self.click((38, 30, 16))
        segment = self.desk.segmentation.GetSegmentation().GetSegment("a")
        self.assertEqual(segments.tag(segment, provenance.ALGORITHM_TYPE), "SEMIAUTOMATIC")
        self.assertEqual(provenance.prompts_of(segment).count, 2)
        self.desk.editor.undo()
        self.settle_scene()
        segment = self.desk.segmentation.GetSegmentation().GetSegment("a")
        self.assertEqual(provenance.prompts_of(segment).count, 1)
