"""Colour images through the panel: vector volumes in, what is refused and why, and results on a single slice."""

import contextlib
import tempfile
from pathlib import Path
from unittest import mock

import known_models as models
import numpy as np
import slicer
import support
import vtk

ROWS, COLUMNS = 40, 50
PHOTOGRAPH = np.diag([-1.0, -1.0, 1.0, 1.0])
"""IJKToRAS of a picture file: 1 mm, at the origin, rows downwards."""
TILTED = support.ijk_to_ras((0.5, 0.25, 2.0), (-30.0, 40.0, 7.0), [[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def colours(components: int = 3, dtype=np.uint8, scale: int = 1) -> np.ndarray:
    """One slice: red (Warm) rows 5 to 9, blue (Cold) columns 30 to 44 of rows 20 to 34, green noise in between."""
    array = np.zeros((1, ROWS, COLUMNS, components), dtype)
    array[0, 5:10, 10:40, 0] = 200 * scale
    array[0, 20:35, 30:45, 2] = 240 * scale
    array[..., 1] = np.random.default_rng(0).integers(0, 250, array.shape[:3]) * scale
    if components > 3:
        array[..., 3] = 255 * scale
    return array


def photograph(array=None, matrix=PHOTOGRAPH, name: str = "Eye"):
    return support.add_volume(colours() if array is None else array, matrix, name, "vtkMRMLVectorVolumeNode")


class ColourTestCase(support.SlicerTestCase):
    def setUp(self) -> None:
        super().setUp()
        folder = models.made_by("colour_model.py")
        patch = mock.patch("UNetSegmentLib.models.locations.user_model_folder", lambda: folder)
        patch.start()
        self.addCleanup(patch.stop)
        self.panel = support.panel().panel
        self.panel.reload_models()
        support.process_events()

    def choose(self, model: str, volume) -> list[str]:
        """Sets both; returns what the panel says against it."""
        self.panel.parameters.model = model
        self.panel.parameters.input_volume = volume
        return self.panel.input_errors()

    def run_it(self):
        self.assertEqual(self.panel.input_errors(), [])
        self.panel.run.ui.segmentButton.click()
        run = self.panel.runner.wait(self.panel.runner.runs[0], 240.0)
        self.assertIsNone(run.error)
        return run


class ChoiceTest(ColourTestCase):
    """What the selectors offer and what stands beside the button."""

    def selector(self, number: int):
        with contextlib.suppress(RuntimeError):
            return slicer.util.findChild(self.panel.volume.root, f"channelSelector{number}")
        return None

    def test_a_colour_image_is_all_that_a_colour_model_needs(self):
        self.assertEqual(self.choose("colours", None), ["Choose a colour image."])
        self.assertIsNone(self.selector(1))
        volume = photograph()
        self.panel.volume.ui.inputVolumeSelector.setCurrentNode(volume)
        self.assertIs(self.panel.parameters.input_volume, volume)
        self.assertEqual(self.panel.input_errors(), [])
        self.assertIsNone(self.selector(1))
        self.assertEqual(self.panel.order().volumes, (volume,))
        self.assertIn("colour", self.panel.volume.ui.inputVolumeSelector.toolTip)
        self.assertIn("A colour image (Photograph)", self.panel.model.ui.modelCardLabel.text)

    def test_four_components_are_colours_and_transparency(self):
        self.assertEqual(self.choose("colours", photograph(colours(4))), [])

    def test_a_grey_image_for_a_colour_model(self):
        grey = support.add_volume(colours()[..., 0], PHOTOGRAPH, "Grey")
        (error,) = self.choose("colours", grey)
        self.assertIn("reads colour images (3 channels: red, green, blue); 'Grey' is a grey image", error)
        self.assertIn("Choose the colour image itself", error)
        self.assertIn("'Grey' is a grey image", self.panel.run.ui.runProblemLabel.text)
        self.assertFalse(self.panel.run.ui.segmentButton.enabled)

    def test_three_grey_images_still_make_one_colour_image(self):
        red, green, blue = (
            support.add_volume(colours()[..., n], PHOTOGRAPH, name) for n, name in enumerate(("R", "G", "B"))
        )
        self.choose("colours", red)
        support.choose_node(self.selector(1), green)
        self.assertEqual(self.panel.input_errors(), ["Choose the image 'Blue'."])
        support.choose_node(self.selector(2), blue)
        self.assertEqual(self.panel.input_errors(), [])
        self.assertEqual(self.panel.order().volumes, (red, green, blue))

    def test_a_colour_image_for_a_grey_model(self):
        (error,) = self.choose("grey-slice", photograph())
        self.assertIn("'Eye' is a colour image; this model reads grey images (Photograph).", error)
        self.assertIn("Vector to Scalar Volume", error)

    def test_a_colour_image_for_a_model_of_two_images(self):
        (error,) = self.choose("pair-slice", photograph())
        self.assertIn("'Eye' is a colour image; this model reads 2 images: T1, T2.", error)
        grey = support.add_volume(colours()[..., 0], PHOTOGRAPH, "Grey")
        self.assertEqual(self.choose("pair-slice", grey), ["Choose the image 'T2'."])
        support.process_events()
        self.panel.parameters.parameterNode.SetNodeReferenceID("input_channel_1", photograph().GetID())
        (error,) = self.panel.input_errors()
        self.assertIn("has 3 values per voxel; the image 'T2' has one", error)

    def test_vectors_that_are_no_colours(self):
        field = photograph(np.random.default_rng(0).normal(size=(5, 8, 9, 3)).astype(np.float32), name="Field")
        (error,) = self.choose("colours", field)
        self.assertIn("'Field' holds vectors of real numbers, as displacement fields do", error)
        flagged = photograph(name="Flagged")
        flagged.SetVoxelVectorType(flagged.VoxelVectorTypeSpatial)
        self.assertIn("displacement", self.choose("colours", flagged)[0])
        # An image that says of itself that it is colours is believed.
        field.SetVoxelVectorType(field.VoxelVectorTypeColorRGB)
        self.assertEqual(self.choose("colours", field), [])

    def test_a_time_series_in_one_volume(self):
        series = photograph(np.zeros((2, 8, 9, 7), np.uint8), name="Series")
        for model in ("colours", "grey-slice"):
            with self.subTest(model):
                (error,) = self.choose(model, series)
                self.assertIn("'Series' has 7 values per voxel: several images, or points in time", error)

    def test_diffusion_and_label_volumes_are_not_offered(self):
        for name in ("vtkMRMLDiffusionTensorVolumeNode", "vtkMRMLLabelMapVolumeNode", "vtkMRMLStreamingVolumeNode"):
            slicer.mrmlScene.AddNewNodeByClass(name)
        photograph()
        support.add_volume(colours()[..., 0], name="Grey")
        support.process_events()
        selector = self.panel.volume.ui.inputVolumeSelector
        offered = [selector.nodeFromIndex(n).GetName() for n in range(selector.nodeCount())]
        self.assertEqual(sorted(offered), ["Eye", "Grey"])

    def test_a_first_image_may_be_a_colour_one(self):
        self.panel.parameters.model = "colours"
        volume = photograph()
        support.process_events()
        self.assertIs(self.panel.parameters.input_volume, volume)

    def test_a_hollow_vector_volume(self):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Hollow")
        self.assertIn("no voxels", " ".join(self.choose("grey-slice", node)))

    def test_the_choice_survives_saving_and_loading(self):
        self.choose("colours", photograph())
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "scene.mrb")
            self.assertTrue(slicer.util.saveScene(path))
            slicer.mrmlScene.Clear(0)
            support.process_events()
            slicer.util.loadScene(path)
            support.process_events()
        self.assertEqual(self.panel.parameters.input_volume.GetClassName(), "vtkMRMLVectorVolumeNode")
        self.assertEqual(self.panel.input_errors(), [])


class ReadingTest(ColourTestCase):
    """From the node to the core's volume."""

    def test_channels_are_views_and_lie_where_the_voxels_lie(self):
        from UNetSegmentPlugin.scene.volumes import read_channels

        node = photograph(matrix=TILTED)
        (volume,) = read_channels([node], 3)
        self.assertEqual(volume.voxels.shape, (3, 1, ROWS, COLUMNS))
        self.assertTrue(np.shares_memory(volume.voxels, slicer.util.arrayFromVolume(node)))
        np.testing.assert_array_equal(volume.voxels[2, 0, 20:35, 30:45], 240)
        np.testing.assert_allclose(volume.geometry.ras_matrix, TILTED, atol=1e-9)

    def test_transparency_is_left_out(self):
        from UNetSegmentPlugin.scene.volumes import read_channels

        (volume,) = read_channels([photograph(colours(4))], 3)
        np.testing.assert_array_equal(np.moveaxis(volume.voxels, 0, -1), colours())
        from UNetSegmentLib.errors import InputError

        with self.assertRaises(InputError):
            read_channels([photograph(colours(4))], 2)


class WorkerTestCase(ColourTestCase):
    """With a worker process."""

    def setUp(self) -> None:
        super().setUp()
        support.enter()
        self.addCleanup(self._stop)

    def _stop(self) -> None:
        self.panel.runner.shutdown()
        support.leave()
        support.process_events()


class RunTest(WorkerTestCase):
    """Through the worker, onto the slice."""

    def check(self, node, written) -> None:
        expected = np.zeros((1, ROWS, COLUMNS), bool)
        expected[0, 5:10, 10:40] = True
        found = slicer.util.arrayFromSegmentBinaryLabelmap(written.segmentation, written.segment_ids[0], node)
        np.testing.assert_array_equal(found != 0, expected)
        expected = np.zeros((1, ROWS, COLUMNS), bool)
        expected[0, 20:35, 30:45] = True
        found = slicer.util.arrayFromSegmentBinaryLabelmap(written.segmentation, written.segment_ids[1], node)
        np.testing.assert_array_equal(found != 0, expected)

    def test_colours_keep_their_order_and_place(self):
        for name, array, matrix in (
            ("8 bit", colours(), PHOTOGRAPH),
            ("with transparency", colours(4), TILTED),
            ("16 bit", colours(dtype=np.uint16), TILTED),
        ):
            with self.subTest(name):
                node = photograph(array, matrix, name)
                self.assertEqual(self.choose("colours", node), [])
                run = self.run_it()
                self.check(node, run.written)
                reference = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
                self.assertIs(run.written.segmentation.GetNodeReference(reference), node)

    def test_separate_channels_give_the_same(self):
        nodes = [support.add_volume(colours()[..., n], PHOTOGRAPH, name) for n, name in enumerate("RGB")]
        self.choose("colours", nodes[0])
        for number in (1, 2):
            selector = slicer.util.findChild(self.panel.volume.root, f"channelSelector{number}")
            support.choose_node(selector, nodes[number])
        self.check(nodes[0], self.run_it().written)

    def test_a_region_of_the_slice(self):
        node = photograph(matrix=TILTED)
        self.choose("colours", node)
        self.panel.region.ui.placeRegionButton.click()
        roi = self.panel.parameters.region
        self.assertFalse(self.panel.parameters.whole_volume)
        # The right half; the box is also a little off the slice, as one that was placed by hand.
        center = TILTED @ np.array([COLUMNS * 0.75 - 0.5, ROWS / 2 - 0.5, 0.2, 1.0])
        roi.SetCenter(vtk.vtkVector3d(*center[:3]))
        roi.SetSize(COLUMNS * 0.25, ROWS * 0.25, 0.3)
        run = self.run_it()
        found = slicer.util.arrayFromSegmentBinaryLabelmap(run.written.segmentation, run.written.segment_ids[0], node)
        expected = np.zeros((1, ROWS, COLUMNS), bool)
        expected[0, 5:10, 25:40] = True
        np.testing.assert_array_equal(found != 0, expected)

    def test_a_colour_file_that_slicer_loads_gives_what_the_library_gives(self):
        """The same file through MRML and through our own reader: the same voxels of the same place."""
        from UNetSegmentLib.geometry import Geometry
        from UNetSegmentLib.io import read_segmentation, read_volume, write_volume
        from UNetSegmentLib.volume import Volume

        with tempfile.TemporaryDirectory() as folder:
            path, result = Path(folder) / "eye.nrrd", Path(folder) / "eye.seg.nrrd"
            geometry = Geometry((COLUMNS, ROWS, 1), (0.5, 0.25, 2.0), (-11.0, 3.0, 8.0), (0, 1, 0, -1, 0, 0, 0, 0, 1))
            write_volume(Volume(np.moveaxis(colours(), -1, 0), geometry), path)
            node = slicer.util.loadVolume(str(path))
            self.assertTrue(node.IsA("vtkMRMLVectorVolumeNode"))
            self.choose("colours", node)
            run = self.run_it()
            self.check(node, run.written)
            slicer.util.saveNode(run.written.segmentation, str(result))
            found = read_segmentation(result)
            place = found.geometry.to_physical(np.argwhere(found.voxels == 2)[:, ::-1]).mean(axis=0)
            np.testing.assert_allclose(place, geometry.to_physical(np.array([37.0, 27.0, 0.0])), atol=1e-6)
            self.assertTrue(read_volume(path).geometry.is_close(geometry))

    def test_correcting_and_undoing_on_a_colour_image(self):
        node = photograph()
        self.choose("colours", node)
        run = self.run_it()
        editor = self.panel.correct.editor
        self.assertIs(editor.sourceVolumeNode(), node)
        self.assertIs(editor.segmentationNode(), run.written.segmentation)
        editor.saveStateForUndo()
        empty = np.zeros((1, ROWS, COLUMNS), np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(
            empty, run.written.segmentation, run.written.segment_ids[0], node
        )
        editor.undo()
        self.check(node, run.written)
        self.panel.parameters.policy, self.panel.parameters.target = "replace", run.written.segmentation
        self.check(node, self.run_it().written)

    def test_the_report_of_a_photograph_is_in_pixels(self):
        from UNetSegmentPlugin.scene import report

        self.choose("colours", photograph())
        self.run_it()
        ui = self.panel.report.ui
        headings = [ui.reportTable.horizontalHeaderItem(n).text() for n in range(3)]
        self.assertEqual(headings, ["Segment", "Area\npx", "Diameter\npx"])
        self.assertEqual([ui.reportTable.item(row, 1).text() for row in range(2)], ["150", "225"])
        self.assertFalse(ui.show3dButton.enabled)
        self.assertIn("no surfaces", ui.show3dButton.toolTip)
        text = report.as_csv(self.panel.report._rows)
        self.assertTrue(text.startswith("Segment,Area (px),Diameter (px),Width (px),Height (px),Algorithm\nWarm,150,"))

    def test_the_report_of_a_slice_of_known_size_is_in_mm2(self):
        self.choose("colours", photograph(matrix=TILTED))
        run = self.run_it()
        ui = self.panel.report.ui
        self.assertEqual(ui.reportTable.horizontalHeaderItem(1).text(), "Area\nmm²")
        self.assertEqual([ui.reportTable.item(row, 1).text() for row in range(2)], ["18.75", "28.12"])
        (row, _other) = self.panel.report._rows
        # The bar is 30 columns of 0.5 mm by 5 rows of 0.25 mm; columns run along the patient's y here.
        self.assertEqual(row.cells()[3:6], ("1.2", "15.0", ""))
        segmentation = run.written.segmentation.GetSegmentation()
        self.assertFalse(segmentation.ContainsRepresentation("Closed surface"))

    def test_vessels_have_no_outline_in_the_slice_view(self):
        array = np.zeros((1, 60, 60, 3), np.uint8)
        array[0, 5::10, :, 0] = 200
        array[0, 40:58, 20:50] = (0, 0, 240)
        array[0, 0, 0, 1] = 9
        self.choose("colours", photograph(array))
        run = self.run_it()
        shown = run.written.segmentation.GetDisplayNode()
        vessels, block = (shown.GetSegmentVisibility2DOutline(n) for n in run.written.segment_ids)
        self.assertFalse(vessels)
        self.assertTrue(block)

    def test_by_script(self):
        from UNetSegmentLib.errors import InputError

        node = photograph()
        segmentation = support.logic().segment(node, model="colours")
        self.assertEqual(segmentation.GetSegmentation().GetNumberOfSegments(), 2)
        grey = support.add_volume(colours()[..., 0], PHOTOGRAPH, "Grey")
        for volume, model, expected in (
            (grey, "colours", "'Grey' is a grey image"),
            (node, "grey-slice", "is a colour image"),
        ):
            with self.assertRaisesRegex(InputError, expected):
                support.logic().segment(volume, model=model)

    def test_a_frame_of_a_sequence_is_segmented_with_a_word(self):
        from UNetSegmentPlugin.scene import inputs

        sequence = slicer.mrmlScene.AddNode(slicer.vtkMRMLSequenceNode())
        browser = slicer.mrmlScene.AddNode(slicer.vtkMRMLSequenceBrowserNode())
        browser.SetName("Film")
        browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
        node = photograph()
        self.assertEqual(inputs.warnings([node]), [])
        browser.AddProxyNode(node, sequence, False)
        (warning,) = inputs.warnings([node])
        self.assertIn("one frame of the sequence 'Film'", warning)


class BundledTest(WorkerTestCase):
    """The model of retinal vessels that comes with the module, on a real photograph."""

    def test_vessels_of_a_fundus_photograph(self):
        from UNetSegmentLib.io import read_volume
        from UNetSegmentLib.models import list_models

        data = support.SHARED / "data" / "drive"
        if "retinal-vessels" not in [card.name for card in list_models()] or not data.is_dir():
            self.skipTest("the model retinal-vessels or the photographs are not at hand")
        image = read_volume(data / "images" / "21_training.tif")
        truth, seen = (
            read_volume(data / name).voxels[0] > 0 for name in ("labels/21_manual1.gif", "masks/21_training_mask.gif")
        )
        node = photograph(np.moveaxis(image.voxels, 0, -1), image.geometry.ras_matrix)
        self.assertEqual(self.choose("retinal-vessels", node), [])
        run = self.run_it()
        (segment_id,) = run.written.segment_ids
        found = slicer.util.arrayFromSegmentBinaryLabelmap(run.written.segmentation, segment_id, node) != 0
        score = 2 * (found & truth).sum() / (found.sum() + truth.sum())
        outside = (found & ~seen).sum() / found.sum()
        print(f"\nF1 {score:.3f}, outside the field of view {outside:.2%} of what was found")
        self.assertGreater(score, 0.75)
        self.assertLess(outside, 0.01)
        self.assertFalse(run.written.segmentation.GetDisplayNode().GetSegmentVisibility2DOutline(segment_id))
