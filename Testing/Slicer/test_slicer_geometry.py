"""Voxels and places: volumes out of nodes, channels on one grid, regions, and results in world coordinates."""

import numpy as np
import slicer
import support
import vtk

from UNetSegmentLib.errors import GeometryError, InputError
from UNetSegmentLib.labels import Label
from UNetSegmentLib.volume import Segmentation

RADIUS_MM = 9.0
CENTER = np.array([12.0, -7.0, 31.0])


def rotation(degrees: float, axis: int) -> np.ndarray:
    """Rotation about a RAS axis."""
    angle = np.deg2rad(degrees)
    c, s = np.cos(angle), np.sin(angle)
    turn = np.eye(3)
    a, b = [n for n in range(3) if n != axis]
    turn[a, a], turn[a, b], turn[b, a], turn[b, b] = c, -s, s, c
    return turn


def grid(spacing, axes=None) -> np.ndarray:
    """A voxel-to-RAS matrix for SHAPE that has the ball inside, but not in the middle."""
    matrix = support.ijk_to_ras(spacing, rotation=axes)
    matrix[:3, 3] = CENTER - matrix[:3, :3] @ (np.array(SHAPE[::-1]) / 2.0 + (3.0, -2.0, 4.0))
    return matrix


SHAPE = (64, 66, 68)
GRIDS = {
    "straight": support.ijk_to_ras((1.0, 1.0, 1.0), (-18.0, -37.0, 1.0)),
    "anisotropic": grid((0.7, 0.9, 3.0)),
    "oblique": grid((0.8, 1.1, 1.9), rotation(23.0, 0) @ rotation(-31.0, 2)),
    "flipped": grid((1.0, 1.0, 2.0), np.diag([-1.0, -1.0, -1.0])),
    "sagittal": grid((1.0, 1.1, 1.3), [[0, 0, -1], [1, 0, 0], [0, -1, 0]]),
}


def ball_volume(ijk_to_ras, center=CENTER, name="Ball"):
    """A volume node of 100 inside a ball around ``center`` (RAS, in the node's coordinates), 0 outside."""
    k, j, i = np.indices(SHAPE)
    ras = np.stack([i, j, k, np.ones_like(i)], -1) @ ijk_to_ras.T
    inside = ((ras[..., :3] - center) ** 2).sum(-1) <= RADIUS_MM**2
    assert inside.any()
    return support.add_volume((inside * 100).astype(np.int16), ijk_to_ras, name)


class GeometryTest(support.SlicerTestCase):
    def test_the_core_sees_every_voxel_where_slicer_sees_it(self):
        from UNetSegmentPlugin.scene.volumes import read_channel

        for name, matrix in GRIDS.items():
            with self.subTest(name):
                volume = read_channel(ball_volume(matrix))
                np.testing.assert_allclose(volume.geometry.ras_matrix, matrix, atol=1e-9)
                self.assertEqual(volume.voxels.shape, (1, 64, 66, 68))
                centroid = np.array([axis.mean() for axis in np.nonzero(volume.voxels[0])])[::-1]
                lps = volume.geometry.to_physical(centroid)
                np.testing.assert_allclose(lps * (-1, -1, 1), CENTER, atol=0.35)

    def test_voxels_are_not_copied(self):
        from UNetSegmentPlugin.scene.volumes import read_channel

        node = ball_volume(GRIDS["straight"])
        self.assertTrue(np.shares_memory(read_channel(node).voxels, slicer.util.arrayFromVolume(node)))

    def test_a_result_lies_on_the_ball_in_world_coordinates(self):
        """Thresholded and written as a segment, on every grid, without and with a rotated, moved parent."""
        from UNetSegmentPlugin.scene import provenance, results
        from UNetSegmentPlugin.scene.volumes import read_channel

        parent = np.eye(4)
        parent[:3, :3], parent[:3, 3] = rotation(37.0, 1) @ rotation(11.0, 2), (15.0, -20.0, 7.0)
        run = provenance.Provenance("threshold", "1", "Threshold")
        for moved in (False, True):
            for name, matrix in GRIDS.items():
                with self.subTest(name, moved=moved):
                    node = ball_volume(matrix)
                    expected = CENTER
                    if moved:
                        support.add_transform(parent, node)
                        expected = (parent @ [*CENTER, 1.0])[:3]
                    volume = read_channel(node)
                    mask = (volume.voxels[0] > 50).astype(np.uint8)
                    result = Segmentation(mask, volume.geometry, (Label(1, "Ball"),))
                    written = results.write(result, node, results.Destination(), run, lambda node: None)
                    found = support.segment_centroid_world(written.segmentation, written.segment_ids[0])
                    np.testing.assert_allclose(found, expected, atol=0.35)

    def test_a_result_lies_on_the_ball_in_the_oblique_ct(self):
        """A real scan, rotated against the scanner: its grid as Slicer reads it, with a ball drawn in."""
        from UNetSegmentPlugin.scene import provenance, results
        from UNetSegmentPlugin.scene.volumes import read_channel

        path = support.SHARED / "data" / "ct" / "ct_oblique.nii.gz"
        if not path.is_file():
            self.skipTest("the shared scans are not beside the repository")
        node = slicer.util.loadVolume(str(path))
        bounds = [0.0] * 6
        node.GetRASBounds(bounds)
        center = np.array([(low + high) / 2 for low, high in zip(bounds[::2], bounds[1::2], strict=True)])
        matrix = vtk.vtkMatrix4x4()
        node.GetIJKToRASMatrix(matrix)
        voxels = slicer.util.arrayFromVolume(node)
        k, j, i = np.indices(voxels.shape)
        ras = np.stack([i, j, k, np.ones_like(i)], -1) @ slicer.util.arrayFromVTKMatrix(matrix).T
        voxels[:] = (((ras[..., :3] - center) ** 2).sum(-1) <= RADIUS_MM**2) * 100
        slicer.util.arrayFromVolumeModified(node)
        volume = read_channel(node)
        result = Segmentation((volume.voxels[0] > 50).astype(np.uint8), volume.geometry, (Label(1, "Ball"),))
        run = provenance.Provenance("threshold", "1", "Threshold")
        written = results.write(result, node, results.Destination(), run, lambda node: None)
        found = support.segment_centroid_world(written.segmentation, written.segment_ids[0])
        np.testing.assert_allclose(found, center, atol=0.35)

    def test_other_channels_are_resampled_in_physical_space(self):
        from UNetSegmentPlugin.scene.volumes import read_channels

        reference = ball_volume(GRIDS["straight"], name="T1")
        parent = np.eye(4)
        parent[:3, :3], parent[:3, 3] = rotation(20.0, 0), (5.0, 6.0, 7.0)
        center = (np.linalg.inv(parent) @ [*CENTER, 1.0])[:3]
        for name in ("oblique", "flipped", "anisotropic"):
            with self.subTest(name):
                turned = GRIDS[name].copy()
                # The same ball, told in the coordinates under the transform.
                turned[:3, 3] += center - CENTER
                other = ball_volume(turned, center=center, name="T2")
                support.add_transform(parent, other)
                first, second = read_channels([reference, other])
                self.assertEqual(second.geometry, first.geometry)
                inside, found = first.voxels[0] > 50, second.voxels[0] > 50
                dice = 2 * (inside & found).sum() / (inside.sum() + found.sum())
                self.assertGreater(dice, 0.9)

    def test_a_channel_on_the_same_grid_is_passed_as_it_is(self):
        from UNetSegmentPlugin.scene.volumes import read_channels

        first = ball_volume(GRIDS["oblique"])
        second = ball_volume(GRIDS["oblique"], name="Other")
        channels = read_channels([first, second])
        self.assertTrue(np.shares_memory(channels[1].voxels, slicer.util.arrayFromVolume(second)))

    def test_volumes_that_cannot_be_used_say_why(self):
        from UNetSegmentPlugin.scene.volumes import read_channel

        empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Hollow")
        with self.assertRaisesRegex(InputError, "'Hollow' has no voxels"):
            read_channel(empty)
        sheared = GRIDS["straight"].copy()
        sheared[0, 1] = 0.3
        with self.assertRaisesRegex(GeometryError, "perpendicular"):
            read_channel(support.add_volume(np.zeros((4, 4, 4), np.int16), sheared))
        colour = support.add_volume(
            np.zeros((4, 4, 4, 3), np.uint8), GRIDS["straight"], "Photo", "vtkMRMLVectorVolumeNode"
        )
        with self.assertRaisesRegex(InputError, "3 components"):
            read_channel(colour)


class RegionTest(support.SlicerTestCase):
    def roi(self, center, size):
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Box")
        node.SetCenter(*center)
        node.SetSize(*size)
        return node

    def test_the_box_holds_what_the_roi_holds(self):
        from UNetSegmentPlugin.scene.regions import box_of

        volume = ball_volume(GRIDS["straight"])
        # Voxel centres at whole millimetres; RAS x from 2 to 12 is index 20 to 30 along i.
        box = box_of(self.roi((7.0, -7.0, 31.0), (10.0, 8.0, 6.0)), volume)
        self.assertEqual(box.start[::-1], (20, 26, 27))
        self.assertEqual(box.stop[::-1], (30, 34, 33))

    def test_a_box_of_the_models_size_is_that_many_voxels_wherever_it_lies(self):
        """One voxel more would be a second tile on each axis, and eight times the work."""
        from UNetSegmentPlugin.scene.regions import box_of

        volume = ball_volume(GRIDS["straight"])
        for shift in (0.0, 0.2, 0.5, 0.83):
            box = box_of(self.roi((7.0 + shift, -7.0 - shift, 31.0 + shift), (20.0, 24.0, 16.0)), volume)
            self.assertEqual(box.shape, (16, 24, 20))

    def test_parent_transforms_of_both_count(self):
        from UNetSegmentPlugin.scene.regions import box_of

        volume = ball_volume(GRIDS["straight"])
        still = box_of(self.roi((7.0, -7.0, 31.0), (10.0, 8.0, 6.0)), volume)
        parent = np.eye(4)
        parent[:3, :3], parent[:3, 3] = rotation(90.0, 2), (100.0, 3.0, -8.0)
        roi = self.roi((7.0, -7.0, 31.0), (10.0, 8.0, 6.0))
        support.add_transform(parent, volume, roi)
        self.assertEqual(box_of(roi, volume), still)
        lone = self.roi((parent @ [7.0, -7.0, 31.0, 1.0])[:3], (8.0, 10.0, 6.0))
        self.assertEqual(box_of(lone, volume), still)

    def test_a_region_outside_is_an_error_in_words(self):
        from UNetSegmentPlugin.scene.regions import box_of

        with self.assertRaisesRegex(InputError, "lies outside 'Ball'"):
            box_of(self.roi((500.0, 0.0, 0.0), (10.0, 10.0, 10.0)), ball_volume(GRIDS["oblique"]))

    def test_one_click_places_a_region_of_the_models_size_in_the_volume(self):
        from UNetSegmentPlugin.scene.regions import box_of, place

        parent = np.eye(4)
        parent[:3, :3] = rotation(25.0, 1)
        for name, matrix in GRIDS.items():
            with self.subTest(name):
                volume = ball_volume(matrix)
                support.add_transform(parent, volume)
                roi = place(volume, (30.0, 40.0, 20.0))
                box = box_of(roi, volume)
                spacing = np.linalg.norm(matrix[:3, :3], axis=0)
                # Sizes are the patient's x, y, z; which index axis runs along each differs by grid.
                along = np.argmax(np.abs(matrix[:3, :3] / spacing), axis=0)
                extent = np.array(box.shape[::-1]) * spacing
                np.testing.assert_array_less(np.abs(extent - np.array([30.0, 40.0, 20.0])[along]), 2.1 * spacing)

    def test_a_region_is_never_larger_than_the_volume(self):
        from UNetSegmentPlugin.scene.regions import box_of, place

        volume = ball_volume(GRIDS["oblique"])
        box = box_of(place(volume, (500.0, 500.0, 500.0)), volume)
        self.assertEqual((box.start, box.stop), ((0, 0, 0), (64, 66, 68)))
        self.assertEqual(box_of(place(volume, None), volume), box)

    def test_placing_again_moves_the_same_node(self):
        from UNetSegmentPlugin.scene.regions import place

        volume = ball_volume(GRIDS["straight"])
        roi = place(volume, (30.0, 30.0, 30.0))
        self.assertIs(place(volume, (20.0, 20.0, 20.0), roi), roi)
        np.testing.assert_allclose(roi.GetSize(), (20.0, 20.0, 20.0))

    def test_placing_moves_the_region_that_an_earlier_placing_made_and_no_other(self):
        from UNetSegmentPlugin.scene.regions import place

        volume = ball_volume(GRIDS["straight"])
        foreign = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Somebody's box")
        roi = place(volume, (30.0, 30.0, 30.0))
        self.assertIsNot(roi, foreign)
        self.assertIs(place(volume, (20.0, 20.0, 20.0)), roi)
        self.assertEqual(len(slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")), 2)

    def test_a_region_of_one_slice_is_the_slice_that_is_shown(self):
        from UNetSegmentPlugin.scene.regions import box_of, place_on_slice

        for name, grid in GRIDS.items():
            with self.subTest(name):
                volume = ball_volume(grid)
                roi = place_on_slice(volume)
                box = box_of(roi, volume)
                _, y, x = slicer.util.arrayFromVolume(volume).shape
                self.assertEqual((box.shape[1], box.shape[2]), (y, x))
                self.assertEqual(box.shape[0], 1)

    def test_a_placed_region_does_not_cover_the_image(self):
        from UNetSegmentPlugin.scene import samples
        from UNetSegmentPlugin.scene.regions import place

        for roi in (place(ball_volume(GRIDS["straight"]), (30.0, 30.0, 30.0)), *samples.add_regions()):
            display = roi.GetDisplayNode()
            self.assertFalse(display.GetFillVisibility())
            self.assertTrue(display.GetOutlineVisibility())
            self.assertFalse(display.GetPropertiesLabelVisibility())
            self.assertNotEqual(display.GetSelectedColor(), slicer.vtkMRMLMarkupsDisplayNode().GetSelectedColor())
