"""What else there is, with the same prompts: each is a function of a case that gives ``add(prompt)`` and ``mask``.

Colour pictures are given by their green channel, in which vessels are seen best. None of these promises that a prompt
is obeyed; as anybody would, the benchmark sets the prompts' own voxels afterwards.
"""

import functools

import numpy as np
from scipy import ndimage

from UNetSegmentLib.geometry import Box
from UNetSegmentLib.refinement.prompts.voxels import voxels_of

from .seeded import Grower, Seeded

RADII = (2.0, 3.0, 5.0, 8.0, 12.0, 16.0, 20.0)
"""mm, among which the best ball is looked for."""


class PaintedBall:
    """A brush: everything within a radius (mm) of the prompt becomes what the prompt says."""

    def __init__(self, case, radius=5.0):
        self._geometry = case.volume.geometry
        self._radius = radius
        self.mask = case.start.copy()

    def add(self, prompt):
        spacing = self._geometry.array_spacing
        voxels = voxels_of(prompt, self._geometry)
        whole = Box.whole(self._geometry.shape)
        box = voxels.box.padded([int(np.ceil(self._radius / mm)) for mm in spacing]).intersect(whole)
        away = np.ones(box.shape, bool)
        away[voxels.box.shifted([-n for n in box.start]).slices] = ~voxels.inside
        self.mask[box.slices][ndimage.distance_transform_edt(away, sampling=spacing) <= self._radius] = prompt.include


def random_walker(image, spacing, inside, outside, beta=3000):
    """scikit-image's, on intensities from 0 to 1.

    Its own beta of 130 cuts a click off where it is; with 10,000 and noise it takes minutes. 3,000 is nearly as good on
    the tuning halves (Dice after 3 clicks with 1,000 and 3,000: from nothing 0.28, 0.38 on three objects, missed parts
    0.91, 0.89, a model's answers 0.74, 0.79).
    """
    from skimage.segmentation import random_walker as walk

    if not inside.any() or not outside.any() or np.ptp(image) == 0:
        return inside
    labels = np.where(inside, 1, np.where(outside, 2, 0)).astype(np.int8)
    flat = image.shape[0] == 1
    if flat:
        image, labels, spacing = image[0], labels[0], spacing[1:]
    found = walk(_unit(image), labels, beta, mode="cg_j", tol=1e-3, spacing=np.asarray(spacing)) == 1
    return found[None] if flat else found


def grow_from_seeds(image, spacing, inside, outside):
    """Slicer's Grow from seeds: its filter vtkImageGrowCutSegment, on the image as 16-bit integers."""
    import slicer
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

    def picture(array, kind):
        data = vtk.vtkImageData()
        data.SetDimensions(*array.shape[::-1])
        data.SetSpacing(*spacing[::-1])
        data.GetPointData().SetScalars(numpy_to_vtk(array.ravel(), deep=True, array_type=kind))
        return data

    grey = np.round(4000 * _unit(image)).astype(np.int16)
    seeds = np.where(inside, 1, np.where(outside, 2, 0)).astype(np.uint8)
    # The filter refuses fewer than three slices.
    thick = 3 if len(image) < 3 else 1
    grey, seeds = grey.repeat(thick, axis=0), seeds.repeat(thick, axis=0)
    growth = slicer.vtkImageGrowCutSegment()
    growth.SetIntensityVolume(picture(grey, vtk.VTK_SHORT))
    growth.SetSeedLabelVolume(picture(seeds, vtk.VTK_UNSIGNED_CHAR))
    growth.Update()
    return vtk_to_numpy(growth.GetOutput().GetPointData().GetScalars()).reshape(grey.shape)[thick // 2 :: thick] == 1


def confidence_connected(image, spacing, inside, outside):
    """SimpleITK's, from the seeds of one prompt, with its own settings: 2.5 deviations, four rounds."""
    import SimpleITK as sitk

    picture = sitk.GetImageFromArray(image)
    picture.SetSpacing([float(mm) for mm in spacing[::-1]])
    seeds = [tuple(int(n) for n in index[::-1]) for index in np.argwhere(inside)]
    found = sitk.ConfidenceConnected(picture, seeds, numberOfIterations=4, multiplier=2.5, initialNeighborhoodRadius=1)
    return sitk.GetArrayFromImage(found) == 1


def _unit(image):
    """From 0 to 1, the lowest and highest half per cent cut off."""
    low, high = np.percentile(image, (0.5, 99.5))
    return np.clip((image - low) / max(high - low, 1e-6), 0, 1)


def slicer_has_grow_cut():
    try:
        import slicer
    except ImportError:
        return False
    return hasattr(slicer, "vtkImageGrowCutSegment")


def ball(radius):
    return functools.partial(PaintedBall, radius=radius)


def all_of_them(share=1.0):
    """Name and factory of each that is here. Boxes hold so many voxels as take some seconds, or a ``share`` of them."""
    found = {
        "random walker": functools.partial(Seeded, solve=random_walker, most=int(share * 100_000)),
        "confidence connected": functools.partial(Grower, solve=confidence_connected),
        "painted ball 5 mm": ball(5.0),
    }
    if slicer_has_grow_cut():
        found["Grow from seeds"] = functools.partial(Seeded, solve=grow_from_seeds, most=int(share * 1_000_000))
    return found
