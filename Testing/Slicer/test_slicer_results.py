"""Writing results: merge policies, who is left alone, overlap, undo, provenance, geometry of the destination."""

import numpy as np
import slicer
import support

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.labels import CodedTerm, Label, Terminology
from UNetSegmentLib.volume import Segmentation

SHAPE = (20, 22, 24)
FRONT = Label(1, "Front", (255, 0, 0), Terminology(CodedTerm("SCT", "85756007", "Tissue"), CodedTerm("SCT", "1", "F")))
BACK = Label(2, "Back", (0, 255, 0))


def box(*bounds: int) -> np.ndarray:
    """A mask with the half-open box z0, z1, y0, y1, x0, x1 filled."""
    mask = np.zeros(SHAPE, bool)
    z0, z1, y0, y1, x0, x1 = bounds
    mask[z0:z1, y0:y1, x0:x1] = True
    return mask


class WritingTestCase(support.SlicerTestCase):
    """A volume, a result to write, and a segmentation to write it into."""

    def setUp(self) -> None:
        super().setUp()
        from UNetSegmentPlugin.scene import provenance, results, segments
        from UNetSegmentPlugin.scene.undo import UndoHistory

        self.results, self.segments, self.provenance = results, segments, provenance
        self.history = UndoHistory()
        matrix = support.ijk_to_ras(spacing=(0.8, 0.9, 2.0), origin=(-30.0, 20.0, 5.0))
        self.volume = support.add_volume(np.zeros(SHAPE, np.int16), matrix, "Head")
        self.run = provenance.Provenance("tiny", "1.2", "Tiny model", ("Head",), "", {"device": "cpu"}, 1.5)

    def write(self, front, back=None, policy="new", target=None, labels=(FRONT, BACK)):
        from UNetSegmentPlugin.scene.volumes import geometry_of

        voxels = np.zeros(SHAPE, np.uint8)
        voxels[front] = 1
        if back is not None:
            voxels[back] = 2
        result = Segmentation(voxels, geometry_of(self.volume), labels)
        destination = self.results.Destination(policy, target)
        return self.results.write(result, self.volume, destination, self.run, self.history.save)

    def mask(self, node, name: str) -> np.ndarray:
        """A segment's voxels on the volume's grid."""
        segment_id = node.GetSegmentation().GetSegmentIdBySegmentName(name)
        return slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, self.volume) != 0

    def existing(self):
        """A segmentation with three segments: Front (ours by name), a stranger, and one that overlaps it."""
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Existing")
        node.CreateDefaultDisplayNodes()
        node.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)
        for name, mask in self.before.items():
            segment_id = node.GetSegmentation().AddEmptySegment(name, name, [0.5, 0.5, 0.5])
            slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), node, segment_id, self.volume)
        return node

    before = {  # noqa: RUF012
        "Front": box(2, 6, 2, 6, 2, 6),
        "Vessel": box(0, 20, 4, 8, 4, 8),
        "Lesion": box(3, 9, 3, 9, 3, 9),
    }
    front, back = box(5, 12, 5, 12, 5, 12), box(14, 18, 10, 15, 1, 20)


class ResultsTest(WritingTestCase):
    def assert_strangers_kept(self, node) -> None:
        for name in ("Vessel", "Lesion"):
            np.testing.assert_array_equal(self.mask(node, name), self.before[name], err_msg=name)

    def test_a_new_segmentation_says_what_it_is(self):
        written = self.write(self.front, self.back)
        node = written.segmentation
        self.assertEqual(len(written.segment_ids), 2)
        np.testing.assert_array_equal(self.mask(node, "Front"), self.front)
        np.testing.assert_array_equal(self.mask(node, "Back"), self.back)
        segment = node.GetSegmentation().GetSegment(written.segment_ids[0])
        np.testing.assert_allclose(segment.GetColor(), (1, 0, 0))
        self.assertEqual(segment.GetTerminology(), FRONT.terminology.slicer_entry())
        self.assertEqual(self.segments.tag(segment, "DICOM.SegmentAlgorithmType"), "AUTOMATIC")
        self.assertEqual(self.segments.tag(segment, "DICOM.SegmentAlgorithmName"), "UNetSegment tiny 1.2")
        self.assertEqual(node.GetAttribute("UNetSegment.Model"), "tiny")
        self.assertIn('"device": "cpu"', node.GetAttribute("UNetSegment.Settings"))
        role = node.GetReferenceImageGeometryReferenceRole()
        self.assertIs(node.GetNodeReference(role), self.volume)

    def test_a_structure_that_was_not_found_is_an_empty_segment(self):
        written = self.write(self.front)
        self.assertIsNone(self.segments.read(written.segmentation, written.segment_ids[1]))
        self.assertEqual(written.segmentation.GetSegmentation().GetNumberOfSegments(), 2)

    def test_replace(self):
        node = self.existing()
        self.write(self.front, self.back, "replace", node)
        np.testing.assert_array_equal(self.mask(node, "Front"), self.front)
        np.testing.assert_array_equal(self.mask(node, "Back"), self.back)
        self.assert_strangers_kept(node)

    def test_add(self):
        node = self.existing()
        self.write(self.front, self.back, "add", node)
        np.testing.assert_array_equal(self.mask(node, "Front"), self.before["Front"] | self.front)
        self.assert_strangers_kept(node)

    def test_only_where_empty(self):
        node = self.existing()
        taken = np.logical_or.reduce(list(self.before.values()))
        self.write(self.front, self.back, "empty", node)
        np.testing.assert_array_equal(self.mask(node, "Front"), self.before["Front"] | (self.front & ~taken))
        np.testing.assert_array_equal(self.mask(node, "Back"), self.back & ~taken)
        self.assert_strangers_kept(node)

    def test_undo_brings_every_policy_back(self):
        for policy in ("replace", "add", "empty"):
            with self.subTest(policy):
                node = self.existing()
                self.write(self.front, self.back, policy, node)
                self.history.undo()
                segmentation = node.GetSegmentation()
                names = [segmentation.GetNthSegment(n).GetName() for n in range(segmentation.GetNumberOfSegments())]
                self.assertEqual(names, list(self.before))
                for name, mask in self.before.items():
                    np.testing.assert_array_equal(self.mask(node, name), mask, err_msg=f"{policy}: {name}")

    def test_undo_of_a_new_segmentation_empties_it(self):
        node = self.write(self.front, self.back).segmentation
        self.history.undo()
        self.assertEqual(node.GetSegmentation().GetNumberOfSegments(), 0)

    def test_completed_and_hidden_segments_are_left_alone(self):
        for lock in ("completed", "hidden"):
            for policy in ("replace", "add", "empty"):
                with self.subTest(lock=lock, policy=policy):
                    node = self.existing()
                    if lock == "completed":
                        node.GetSegmentation().GetSegment("Front").SetTag("Segmentation.Status", "completed")
                    else:
                        node.GetDisplayNode().SetSegmentVisibility("Front", False)
                    written = self.write(self.front, self.back, policy, node)
                    self.assertEqual(written.untouched, ("Front",))
                    np.testing.assert_array_equal(self.mask(node, "Front"), self.before["Front"])
                    self.assert_strangers_kept(node)
                    self.assertTrue(self.mask(node, "Back").any())

    def test_replacing_by_nothing_empties_the_segment(self):
        node = self.existing()
        self.write(np.zeros(SHAPE, bool), self.back, "replace", node)
        self.assertIsNone(self.segments.read(node, "Front"))
        self.assert_strangers_kept(node)

    def test_a_destination_on_a_coarser_grid_keeps_its_grid(self):
        coarse = support.add_volume(
            np.zeros((10, 11, 12), np.int16),
            support.ijk_to_ras(spacing=(1.6, 1.8, 4.0), origin=(-29.6, 20.45, 6.0)),
            "Coarse",
        )
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Coarse segments")
        node.CreateDefaultDisplayNodes()
        node.SetReferenceImageGeometryParameterFromVolumeNode(coarse)
        segment_id = node.GetSegmentation().AddEmptySegment("Old", "Old", [1, 1, 0])
        old = np.zeros((10, 11, 12), np.uint8)
        old[1:3, 1:4, 1:5] = 1
        slicer.util.updateSegmentBinaryLabelmapFromArray(old, node, segment_id, coarse)
        self.write(box(4, 12, 4, 12, 4, 12), None, "add", node, labels=(FRONT,))
        expected = np.zeros((10, 11, 12), bool)
        expected[2:6, 2:6, 2:6] = True
        found = slicer.util.arrayFromSegmentBinaryLabelmap(
            node, node.GetSegmentation().GetSegmentIdBySegmentName("Front"), coarse
        )
        np.testing.assert_array_equal(found != 0, expected)

    def test_a_destination_under_another_transform_gets_the_right_place(self):
        node = self.existing()
        support.add_transform(np.array([[1, 0, 0, 8.0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), node)
        written = self.write(self.front, None, "add", node, labels=(Label(1, "Ball"),))
        k, j, i = (indices.mean() for indices in np.nonzero(self.front))
        expected = (support.ijk_to_ras((0.8, 0.9, 2.0), (-30.0, 20.0, 5.0)) @ [i, j, k, 1])[:3]
        found = support.segment_centroid_world(node, written.segment_ids[0])
        np.testing.assert_allclose(found, expected, atol=0.01)

    def test_result_joins_the_folder_and_transform_of_the_image(self):
        hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
        folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "Visit 1")
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(self.volume), folder)
        transform = support.add_transform(np.diag([-1.0, -1.0, 1.0, 1.0]), self.volume)
        node = self.write(self.front).segmentation
        self.assertEqual(hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)), folder)
        self.assertIs(node.GetParentTransformNode(), transform)

    def test_surfaces_cannot_be_merged_into(self):
        node = self.existing()
        node.CreateClosedSurfaceRepresentation()
        node.SetSourceRepresentationToClosedSurface()
        self.assertIn("made of surfaces", self.results.Destination("add", node).problem())
        self.assertIn("Choose", self.results.Destination("add", None).problem())
        self.assertEqual(self.results.Destination().problem(), "")

    def test_a_correction_makes_a_segment_semiautomatic_and_undoing_it_automatic_again(self):
        written = self.write(self.front, self.back)
        node, segmentation = written.segmentation, written.segmentation.GetSegmentation()
        front = segmentation.GetSegment(written.segment_ids[0])
        back = segmentation.GetSegment(written.segment_ids[1])
        changed = self.front.copy()
        changed[5, 5, 5] = False
        for mask, kind in ((changed, "SEMIAUTOMATIC"), (self.front, "AUTOMATIC")):
            slicer.util.updateSegmentBinaryLabelmapFromArray(
                mask.astype(np.uint8), node, written.segment_ids[0], self.volume
            )
            self.provenance.mark_corrections(node)
            self.assertEqual(self.segments.tag(front, "DICOM.SegmentAlgorithmType"), kind)
            self.assertEqual(self.segments.tag(back, "DICOM.SegmentAlgorithmType"), "AUTOMATIC")

    def test_report_measures_overlapping_segments_whole(self):
        from UNetSegmentPlugin.scene import report

        rows = {row.name: row for row in report.rows(self.existing())}
        for name, mask in self.before.items():
            self.assertEqual(rows[name].voxels, mask.sum())
            self.assertAlmostEqual(rows[name].volume_ml, mask.sum() * 0.8 * 0.9 * 2.0 / 1000, places=6)
        np.testing.assert_allclose(rows["Vessel"].extent_mm, (4 * 0.8, 4 * 0.9, 20 * 2.0))
        text = report.as_csv(list(rows.values()))
        self.assertEqual(len(text.splitlines()), 4)
        self.assertTrue(text.startswith("Segment,Volume (mL),Diameter (mm)"))

    def test_reading_a_segment_gives_its_place(self):
        written = self.write(self.front)
        mask, geometry = self.segments.read(written.segmentation, written.segment_ids[0])
        self.assertEqual(mask.shape, (7, 7, 7))
        expected = Geometry(SHAPE[::-1], (0.8, 0.9, 2.0), (30.0, -20.0, 5.0), (-1, 0, 0, 0, -1, 0, 0, 0, 1))
        np.testing.assert_allclose(geometry.origin, expected.to_physical(np.array([5, 5, 5])), atol=1e-9)
