"""A result carries everything that Slicer's own DICOM export (DICOMSegmentationPlugin) asks of a segmentation."""

from dataclasses import replace

import dicom_desk
import numpy as np
import slicer
import support
import vtk

from UNetSegmentLib.labels import Label

REFERENCED = "DICOM.ReferencedInstanceUIDs"


class TestDicomTags(support.SlicerTestCase):
    """What the exporter reads, in its order: the item of the hierarchy, the image, the voxels, the tags."""

    def test_the_item_lies_in_the_study_and_names_the_files(self):
        with dicom_desk.opened() as desk:
            node = dicom_desk.write(desk)
            hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
            item, source = hierarchy.GetItemByDataNode(node), hierarchy.GetItemByDataNode(desk.volume)
            study = hierarchy.GetItemParent(source)
            self.assertEqual(hierarchy.GetItemParent(item), study)
            self.assertEqual(hierarchy.GetItemUID(study, "DICOM"), "1.2.826.0.1.77")
            named = hierarchy.GetItemAttribute(item, REFERENCED).split()
            self.assertEqual(sorted(named), sorted(desk.uids))
            self.assertTrue(all(slicer.dicomDatabase.fileForInstance(uid) for uid in named))
            role = node.GetReferenceImageGeometryReferenceRole()
            self.assertIs(node.GetNodeReference(role), desk.volume)

    def test_an_image_from_elsewhere_names_no_files(self):
        node = support.add_volume(np.zeros((5, 6, 7), np.int16), name="no DICOM")
        with dicom_desk.opened() as desk:
            desk.volume = node
            found = dicom_desk.labels_on(desk.grid)
            node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(desk.grid.ras_matrix))
            item = slicer.mrmlScene.GetSubjectHierarchyNode().GetItemByDataNode(dicom_desk.write(desk, found))
            self.assertEqual(slicer.mrmlScene.GetSubjectHierarchyNode().GetItemAttribute(item, REFERENCED), "")

    def test_the_voxels_are_no_empty_ones_to_the_exporter(self):
        """It takes a label map for empty that has no array called ImageScalars."""
        with dicom_desk.opened("oblique") as desk:
            node = dicom_desk.write(desk)
            for segment_id in node.GetSegmentation().GetSegmentIDs():
                self.assertGreater(_most(node, segment_id), 0)
            # Merged into what is there, it comes another way.
            from UNetSegmentPlugin.scene import provenance, results

            for policy in (results.REPLACE, results.ADD, results.EMPTY):
                other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
                made, found = provenance.Provenance("levels", "1.2"), dicom_desk.labels_on(desk.grid)
                goes_to = results.Destination(policy, other)
                written = results.write(found, desk.volume, goes_to, made, lambda node: None)
                for segment_id in written.segment_ids:
                    self.assertGreater(_most(other, segment_id), 0, policy)

    def test_every_segment_has_codes_colour_algorithm_and_name(self):
        with dicom_desk.opened() as desk:
            plain = replace(dicom_desk.labels_on(desk.grid), labels=(dicom_desk.LABELS[0], Label(5, "no codes")))
            node = dicom_desk.write(desk, plain)
            liver, other = (node.GetSegmentation().GetSegment(each) for each in node.GetSegmentation().GetSegmentIDs())
            for segment in (liver, other):
                self.assertEqual(_tag(segment, "DICOM.SegmentAlgorithmType"), "AUTOMATIC")
                self.assertEqual(_tag(segment, "DICOM.SegmentAlgorithmName"), "UNetSegment levels 1.2")
            self.assertEqual(_type(liver), ("SCT", "10200004", "Liver"))
            self.assertEqual([round(255 * part) for part in liver.GetColor()], [221, 130, 101])
            # Without a category and a type the exporter stops.
            self.assertEqual(_type(other), ("SCT", "85756007", "Tissue"))

    def test_a_stroke_by_anybody_makes_it_semiautomatic(self):
        """Also of a result that is not the one that the panel shows."""
        with dicom_desk.opened() as desk:
            first, second = dicom_desk.write(desk), dicom_desk.write(desk)
            panel = support.panel().panel
            panel.parameters.result = first
            panel.parameters.result = second
            for node in (first, second):
                liver, kidney = node.GetSegmentation().GetSegmentIDs()
                _stroke(node, kidney, desk.volume)
                support.wait_until(lambda node=node, kidney=kidney: _kind(node, kidney) == "SEMIAUTOMATIC")
                self.assertEqual(_kind(node, liver), "AUTOMATIC")


def _stroke(node, segment_id, volume) -> None:
    voxels = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, volume)
    voxels[0, 0, 0] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, node, segment_id, volume)


def _kind(node, segment_id) -> str:
    return _tag(node.GetSegmentation().GetSegment(segment_id), "DICOM.SegmentAlgorithmType")


def _most(node, segment_id) -> float:
    image = node.GetSegmentation().GetSegment(segment_id).GetRepresentation("Binary labelmap")
    scalars = image.GetPointData().GetArray("ImageScalars")
    return scalars.GetValueRange()[1] if scalars is not None else 0


def _tag(segment, name) -> str:
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else ""


def _type(segment) -> tuple[str, str, str]:
    entry = slicer.vtkSlicerTerminologyEntry()
    slicer.modules.terminologies.logic().DeserializeTerminologyEntry(_tag(segment, "TerminologyEntry"), entry)
    assert entry.GetCategoryObject().GetCodeValue()
    found = entry.GetTypeObject()
    return found.GetCodingSchemeDesignator(), found.GetCodeValue(), found.GetCodeMeaning()
