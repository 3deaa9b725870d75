"""The label map that a session works on is what the segments hold on the image's grid, whatever theirs is."""

from __future__ import annotations

import numpy as np
import slicer
import support
from correcting_desk import OBLIQUE, SHAPE, SHIFTED, Desk, forget_editor


def tearDownModule():
    forget_editor()


class LabelsTest(support.SlicerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.desk = Desk(segments=("a", "b", "c"))
        self.addCleanup(self.desk.close)

    def target(self):
        from UNetSegmentPlugin.correcting.target import Target

        return Target(self.desk.segmentation, "a", self.desk.volume)

    def read(self, box=None) -> np.ndarray:
        from UNetSegmentPlugin.correcting import labels

        return labels.read(self.target(), self.desk.node.GetOverwriteMode(), box)

    def blocks(self, shape) -> dict[str, np.ndarray]:
        """Three blocks beside each other."""
        found = {}
        for number, segment_id in enumerate("abc"):
            mask = np.zeros(shape, np.uint8)
            third = shape[2] // 3
            mask[2:-2, 3:-3, number * third + 1 : (number + 1) * third] = 1
            found[segment_id] = mask
        return found

    def fill(self, reference) -> None:
        shape = slicer.util.arrayFromVolume(reference).shape[:3]
        for segment_id, mask in self.blocks(shape).items():
            slicer.util.updateSegmentBinaryLabelmapFromArray(mask, self.desk.segmentation, segment_id, reference)

    def check(self) -> None:
        """Against Slicer's own function, segment by segment; and a box against the whole."""
        from UNetSegmentLib.geometry import Box

        present = self.read()
        expected = {1: self.desk.mask("a"), 3: self.desk.mask("b"), 4: self.desk.mask("c")}
        for value, mask in expected.items():
            self.assertGreater(mask.sum(), 0)
            np.testing.assert_array_equal(present == value, mask)
        box = Box((3, 5, 7), (12, 30, 31))
        np.testing.assert_array_equal(self.read(box), present[box.slices])

    def test_on_the_images_own_grid(self):
        self.fill(self.desk.volume)
        self.check()

    def test_on_another_grid(self):
        coarse = slicer.util.addVolumeFromArray(np.zeros((11, 19, 23), np.int16), name="Coarse")
        matrix = OBLIQUE @ np.diag([2.1, 2.2, 1.9, 1.0])
        coarse.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
        self.fill(coarse)
        self.check()

    def test_under_another_transform(self):
        self.fill(self.desk.volume)
        small = np.eye(4)
        small[:3, 3] = 3.1, -2.2, 4.3
        support.add_transform(small, self.desk.segmentation)
        self.check()
        support.add_transform(SHIFTED, self.desk.volume)
        self.desk.segmentation.SetAndObserveTransformNodeID(self.desk.volume.GetTransformNodeID())
        self.check()

    def test_what_is_written_to_another_grid_is_there_when_it_is_read_back(self):
        from UNetSegmentPlugin.correcting import labels, writing

        from UNetSegmentLib.geometry import Box

        random = np.random.default_rng(11)
        effect = self.desk.editor.effectByName("U-Net correct")
        turned = support.ijk_to_ras(
            rotation=[[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]], origin=(0.4, -0.7, 0.9)
        )
        for scale in ((1.0, 1.0, 1.0), (2.1, 1.7, 0.8), (0.6, 0.5, 0.45)):
            other = slicer.util.addVolumeFromArray(np.zeros((30, 60, 60), np.int16), name="Other")
            other.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(OBLIQUE @ np.diag([*scale, 1.0])))
            self.desk.segmentation.GetSegmentation().RemoveSegment("a")
            self.desk.segmentation.GetSegmentation().AddEmptySegment("a", "A", [1.0, 0.0, 0.0])
            self.desk.segmentation.SetReferenceImageGeometryParameterFromVolumeNode(other)
            self.desk.editor.setCurrentSegmentID("a")
            support.add_transform(turned, self.desk.segmentation)
            box = Box((3, 4, 5), (9, 14, 17))
            before = np.zeros(box.shape, np.uint8)
            line = (random.random(box.shape) < 0.15).astype(np.uint8)
            writing.write(effect, self.target(), {}, box, before, line)
            there = self.read(box)
            self.assertTrue((there[line == 1] == labels.OWN).all(), scale)
            writing.write(effect, self.target(), {}, box, line, before)
            self.assertFalse((self.read(box)[line == 1] == labels.OWN).any(), scale)

    def test_who_is_locked_and_who_is_left_out(self):
        from UNetSegmentPlugin.correcting import labels

        self.fill(self.desk.volume)
        kinds = slicer.vtkMRMLSegmentEditorNode
        segmentation, display = self.desk.segmentation.GetSegmentation(), self.desk.segmentation.GetDisplayNode()
        segmentation.GetSegment("b").SetTag("Segmentation.Status", "completed")
        display.SetSegmentVisibility("c", False)
        expected = {
            kinds.OverwriteAllSegments: {"b": labels.LOCKED, "c": labels.LOCKED},
            kinds.OverwriteVisibleSegments: {"b": labels.LOCKED},
            kinds.OverwriteNone: {},
        }
        for mode, found in expected.items():
            self.assertEqual(labels.values(self.target(), mode), found)

    def test_the_stamp_changes_with_everything_that_counts_and_with_nothing_else(self):
        from UNetSegmentPlugin.correcting import labels

        self.fill(self.desk.volume)
        segmentation, display = self.desk.segmentation.GetSegmentation(), self.desk.segmentation.GetDisplayNode()
        mode = self.desk.node.GetOverwriteMode()
        moved = np.eye(4)
        moved[0, 3] = 5
        changes = [
            lambda: self.desk.put(np.ones(SHAPE)),
            lambda: segmentation.GetSegment("b").SetTag("Segmentation.Status", "completed"),
            lambda: display.SetSegmentVisibility("c", False),
            lambda: segmentation.RemoveSegment("c"),
            lambda: support.add_transform(moved, self.desk.segmentation),
        ]
        before = labels.stamp(self.target(), mode)
        for change in changes:
            segmentation.GetSegment("a").SetName("Renamed")
            segmentation.GetSegment("a").SetTag("Note", "nothing")
            self.assertEqual(labels.stamp(self.target(), mode), before)
            change()
            after = labels.stamp(self.target(), mode)
            self.assertNotEqual(after, before)
            before = after
