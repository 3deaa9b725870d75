"""Save as DICOM: SEG and report beside the series, out of the window's way; what is wrong is said before."""

import contextlib
import os
import tempfile
from pathlib import Path
from unittest import mock

import dicom_desk
import numpy as np
import slicer
import support

from UNetSegmentLib.errors import DependencyError, GeometryError


def points(segmentation) -> set:
    """LPS mm of every voxel, with the name of its segment."""
    places = np.argwhere(segmentation.voxels)
    where = segmentation.geometry.to_physical(places[:, ::-1])
    names = [segmentation.label(int(segmentation.voxels[tuple(place)])).name for place in places]
    return {(*np.round(point, 2).tolist(), name) for point, name in zip(where, names, strict=True)}


class SavingTestCase(support.SlicerTestCase):
    """The part of the section Report behind its button."""

    def setUp(self):
        super().setUp()
        try:
            import highdicom  # noqa: F401
        except ImportError:
            self.skipTest("highdicom is not installed")
        self.panel = support.panel().panel
        self.section = self.panel.dicom
        self.addCleanup(self.fold)

    def fold(self):
        self.panel.report.ui.dicomButton.checked = False

    def open(self, node):
        self.panel.parameters.result = node
        self.panel.report.ui.dicomButton.checked = True

    def save(self, kind="labelmap"):
        ui = self.section.ui
        ui.dicomKindBox.currentIndex = ui.dicomKindBox.findData(kind)
        ui.dicomSaveButton.click()
        return self.section.export.wait() if self.section.export is not None else None

    def problem(self) -> str:
        return self.section.ui.dicomProblemLabel.text


class TestDicomSaving(SavingTestCase):
    def setUp(self):
        super().setUp()
        import pydicom

        self.read = pydicom.dcmread

    def test_both_files_lie_beside_the_series(self):
        from UNetSegmentLib.io.dicom_objects import read_seg

        self.addCleanup(setattr, self.section.ui.dicomDatabaseBox, "checked", False)
        for orientation, kind, listed in (("oblique", "binary", False), ("sagittal", "labelmap", True)):
            with self.subTest(orientation=orientation, kind=kind), dicom_desk.opened(orientation) as desk:
                self.section.ui.dicomDatabaseBox.checked = listed
                self.open(dicom_desk.write(desk))
                self.assertEqual(self.problem(), "")
                self.assertEqual(Path(self.section.ui.dicomFolderEdit.text), desk.folder / "UNetSegment")
                export = self.save(kind)
                self.assertIsNone(export.error)
                self.assertEqual(sorted(export.paths), sorted((desk.folder / "UNetSegment").iterdir()))
                seg, report = map(self.read, export.paths)
                self.assertEqual(seg.SegmentationType, kind.upper())
                self.assertEqual(report.Modality, "SR")
                self.assertEqual(seg.PatientID, "P-1")
                self.assertEqual(points(read_seg(export.paths[0])), points(dicom_desk.labels_on(desk.grid)))
                # They are listed where they lie, or not at all.
                found = [slicer.dicomDatabase.fileForInstance(each.SOPInstanceUID) for each in (seg, report)]
                self.assertEqual(found, [str(path) if listed else "" for path in export.paths])

    def test_each_segment_says_how_it_was_made_and_a_common_transform_is_left_out(self):
        from UNetSegmentLib.io.dicom_objects import read_seg

        with dicom_desk.opened() as desk:
            node = dicom_desk.write(desk)
            liver = node.GetSegmentation().GetSegmentIDs()[0]
            drawn = node.GetSegmentation().AddEmptySegment("", "drawn")
            for segment_id, place in ((liver, (0, 5, 5)), (drawn, (0, 5, 0))):
                voxels = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, desk.volume)
                voxels[place] = 1
                slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, node, segment_id, desk.volume)
            support.add_transform(support.ijk_to_ras(origin=(30, 0, 0)), desk.volume, node, name="shift")
            self.open(node)
            export = self.save()
            self.assertIsNone(export.error)
            made = {each.SegmentLabel: each for each in self.read(export.paths[0]).SegmentSequence}
            kinds = [made[name].SegmentAlgorithmType for name in ("liver", "left kidney", "drawn")]
            self.assertEqual(kinds, ["SEMIAUTOMATIC", "AUTOMATIC", "MANUAL"])
            self.assertEqual(made["liver"].SegmentAlgorithmName, "levels")
            ours = points(dicom_desk.labels_on(desk.grid))
            self.assertEqual(len(points(read_seg(export.paths[0])) - ours), 2)
            self.assertIn("'shift' is left out", self.section.ui.dicomStatusLabel.text)

    def test_what_is_wrong_is_said_before_anything_is_written(self):
        for spoil, words in (
            (not_from_dicom, "was not loaded from DICOM"),
            (files_gone, "1 of the 5 files"),
            (one_transform, "not under the same transform"),
            (empty, "are empty"),
            (overlap, "overlap, in"),
            (another_grid, "does not lie on"),
            (image_gone, "not in the scene any more"),
        ):
            with self.subTest(words=words), dicom_desk.opened() as desk:
                node = dicom_desk.write(desk)
                spoil(desk, node)
                self.open(node)
                self.assertIsNone(self.save())
                self.assertIn(words, self.problem())
                self.assertFalse((desk.folder / "UNetSegment").exists())
                self.fold()

    def test_an_image_that_was_moved_is_refused(self):
        with dicom_desk.opened() as desk:
            desk.volume.SetOrigin(1.0, 2.0, 3.0)
            moved = dicom_desk.on_grid_of(desk.volume, dicom_desk.labels_on(desk.grid))
            self.open(dicom_desk.write(desk, moved))
            export = self.save()
            self.assertIsInstance(export.error, GeometryError)
            self.assertIn("no longer on the grid", self.problem())
            self.assertEqual(list((desk.folder / "UNetSegment").iterdir()), [])

    def test_cancelled_it_leaves_nothing(self):
        with dicom_desk.opened() as desk:
            self.open(dicom_desk.write(desk))
            self.section.ui.dicomSaveButton.click()
            export = self.section.export
            self.assertFalse(self.section.ui.dicomSaveButton.enabled)
            support.wait_until((desk.folder / "UNetSegment").is_dir, what="the process to begin")
            self.section.ui.dicomCancelButton.click()
            export.wait()
            self.assertEqual(export.paths, ())
            self.assertIn("Cancelled", self.section.ui.dicomStatusLabel.text)
            support.wait_until(lambda: list((desk.folder / "UNetSegment").iterdir()) == [])
            self.assertTrue(self.section.ui.dicomSaveButton.enabled)


def not_from_dicom(desk, node):
    desk.volume.RemoveAttribute("DICOM.instanceUIDs")


def files_gone(desk, node):
    next(desk.folder.iterdir()).unlink()


def one_transform(desk, node):
    support.add_transform(support.ijk_to_ras(origin=(30, 0, 0)), node)


def empty(desk, node):
    for segment_id in node.GetSegmentation().GetSegmentIDs():
        slicer.vtkSlicerSegmentationsModuleLogic.ClearSegment(node, segment_id)


def overlap(desk, node):
    segment_id = node.GetSegmentation().AddEmptySegment("", "above")
    voxels = np.ones(desk.grid.shape, np.uint8)
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, node, segment_id, desk.volume)


def another_grid(desk, node):
    segment = node.GetSegmentation().GetSegment(node.GetSegmentation().GetSegmentIDs()[0])
    image = segment.GetRepresentation("Binary labelmap")
    image.SetOrigin(image.GetOrigin()[0] + 0.3, *image.GetOrigin()[1:])


def image_gone(desk, node):
    slicer.mrmlScene.RemoveNode(desk.volume)


@contextlib.contextmanager
def without_highdicom():
    """For processes that start meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "highdicom.py").write_text("raise ImportError('not there')")
        with mock.patch.dict(os.environ, PYTHONPATH=folder):
            yield


class TestDicomSavingAsks(SavingTestCase):
    """What only the harness can answer: dialogs, and packages that are not there."""

    def setUp(self):
        if not support.in_harness():
            self.skipTest("needs dialogs that are answered, and pip that installs nothing")
        super().setUp()

    def test_nothing_is_put_among_the_files_of_the_database(self):
        from SlicerHarness.toolkit import dialogs

        with dicom_desk.opened(inside_database=True) as desk, tempfile.TemporaryDirectory() as other:
            self.open(dicom_desk.write(desk))
            self.assertEqual(self.section.ui.dicomFolderEdit.text, "")
            dialogs.answers.append("")
            self.section.ui.dicomSaveButton.click()
            self.assertIsNone(self.section.export)
            dialogs.answers.append(other)
            self.section.ui.dicomSaveButton.click()
            self.assertEqual([path.parent for path in self.section.export.wait().paths], [Path(other)] * 2)
            self.section.ui.dicomStatusLabel.linkActivated.emit("open-folder")
            self.assertIn(other, dialogs.urls[-1])

    def test_a_missing_package_is_installed_when_the_user_says_so(self):
        from SlicerHarness.application import packaging

        with dicom_desk.opened() as desk:
            self.open(dicom_desk.write(desk))
            with without_highdicom():
                self.section.ui.dicomSaveButton.click()
                self.assertIsInstance(self.section.export.wait().error, DependencyError)
            self.assertIn("pip install highdicom", self.problem())
            before = self.section.export
            self.section.ui.dicomProblemLabel.linkActivated.emit("install")
            support.wait_until(lambda: self.section.export is not before)
            self.assertIn("highdicom>=0.27", str(packaging.record.calls))
            self.assertIsNone(self.section.export.wait().error)

    def test_without_the_dicom_module_it_says_so(self):
        with dicom_desk.opened() as desk:
            node = dicom_desk.write(desk)
            with mock.patch.dict(slicer.__dict__):
                del slicer.__dict__["dicomDatabase"]
                self.open(node)
                self.section.ui.dicomSaveButton.click()
            self.assertIn("DICOM database is not open", self.problem())


class TestNames(support.SlicerTestCase):
    def test_nothing_that_is_there_is_written_over(self):
        from UNetSegmentPlugin.exporting import dicom_export

        with tempfile.TemporaryDirectory() as folder, mock.patch.object(dicom_export.time, "strftime", lambda _: "now"):
            seen = set()
            for ours in range(2):
                pair = dicom_export.names_in(Path(folder))
                seen.update(path.name for path in pair)
                pair[ours].touch()
            self.assertEqual(seen, {"seg-now.dcm", "report-now.dcm", "seg-now-2.dcm", "report-now-2.dcm"})
