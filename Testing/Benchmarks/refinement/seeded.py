"""How prompts and a present mask become the seeds of methods that know neither."""

import numpy as np
from scipy import ndimage

from UNetSegmentLib.geometry import Box
from UNetSegmentLib.refinement.prompts.voxels import voxels_of

MARGIN = 80.0
"""mm around the prompts that the box reaches: as far as our sessions do."""
MOST = 4_000_000
"""Voxels of a box."""
LOCAL = 30.0
"""mm around a prompt that is corrected, where there is a mask already."""
DOUBT = 15.0
"""mm around a prompt where the mask is no seed of what the prompt contradicts."""


class Prompted:
    """Prompts so far, as voxels that are certain; ``mask`` is found when it is asked for."""

    def __init__(self, case):
        self._geometry = case.volume.geometry
        self._image = case.volume.voxels[min(1, case.volume.voxels.shape[0] - 1)].astype(np.float32)
        self._certain = np.zeros(self._geometry.shape, np.int8)
        self._waiting = []
        self._corrects = bool(case.start.any())
        self._mask = case.start.copy()

    def add(self, prompt):
        voxels = voxels_of(prompt, self._geometry)
        self._certain[voxels.box.slices][voxels.inside] = 1 if prompt.include else -1
        self._waiting.append((voxels, prompt.include))

    @property
    def mask(self):
        if self._waiting:
            self._answer()
            self._mask[self._certain != 0] = self._certain[self._certain != 0] > 0
            self._waiting.clear()
        return self._mask

    def _box(self, around, margin, most):
        """Around voxels, ``margin`` mm wider, or less where it would hold too many voxels."""
        whole = Box.whole(self._geometry.shape)
        while True:
            padding = [int(margin / mm) for mm in self._geometry.array_spacing]
            box = around.padded(padding).intersect(whole)
            if np.prod(box.shape) <= most or margin < 5:
                return box
            margin *= 0.9


class Seeded(Prompted):
    """For methods with seeds of both sides.

    From nothing, all prompts are seeds, in a box 80 mm around them (less where it would hold more than ``most`` voxels)
    whose sides are seeds of the background. Where there
    is a mask, each prompt corrects 30 mm around it: the mask, eroded by a voxel, and what lies two voxels outside it
    are seeds, except 15 mm around the prompt on the side that it contradicts; what is found may only add to the mask
    where the prompt includes, and only take away where it excludes, which is better than taking it as it is.
    """

    def __init__(self, case, solve, most):
        super().__init__(case)
        self._solve = solve
        self._most = most

    def _answer(self):
        if self._corrects:
            for voxels, include in self._waiting:
                self._correct(voxels, include)
        else:
            self._begin()

    def _begin(self):
        box = self._box(_box_of(self._certain != 0), MARGIN, self._most)
        certain = self._certain[box.slices]
        outside = (certain < 0) | (_sides(certain.shape) & (certain == 0))
        self._mask[box.slices] = self._run(box, certain > 0, outside)

    def _correct(self, voxels, include):
        box = self._box(voxels.box, LOCAL, self._most)
        certain, mask = self._certain[box.slices], self._mask[box.slices]
        prompt = np.zeros(box.shape, bool)
        prompt[voxels.box.shifted([-n for n in box.start]).slices] = voxels.inside
        doubtful = ndimage.distance_transform_edt(~prompt, sampling=self._geometry.array_spacing) <= DOUBT
        cross = _flat(ndimage.generate_binary_structure(3, 1), mask.shape)
        inside = ndimage.binary_erosion(mask, cross, border_value=1)
        outside = ~ndimage.binary_dilation(mask, cross, iterations=2)
        if include:
            outside &= ~doubtful
        else:
            inside &= ~doubtful
        inside = (inside & (certain == 0)) | (certain > 0)
        outside = (outside & (certain == 0)) | (certain < 0)
        if not inside.any() or not outside.any():
            return
        found = self._run(box, inside, outside)
        self._mask[box.slices] = (mask | found) if include else (mask & found)

    def _run(self, box, inside, outside):
        return self._solve(self._image[box.slices], self._geometry.array_spacing, inside, outside)


class Grower(Prompted):
    """For methods with seeds of one side: what grows from an including prompt is added, from an excluding one removed,
    80 mm around it, or 30 where there is a mask already."""

    def __init__(self, case, solve):
        super().__init__(case)
        self._solve = solve

    def _answer(self):
        for voxels, include in self._waiting:
            box = self._box(voxels.box, LOCAL if self._corrects else MARGIN, MOST)
            seeds = np.zeros(box.shape, bool)
            seeds[voxels.box.shifted([-n for n in box.start]).slices] = voxels.inside
            grown = self._solve(self._image[box.slices], self._geometry.array_spacing, seeds, None)
            self._mask[box.slices][grown] = include


def _box_of(mask):
    found = np.argwhere(mask)
    start, stop = found.min(axis=0), found.max(axis=0) + 1
    return Box(tuple(map(int, start)), tuple(map(int, stop)))


def _sides(shape):
    """The outermost voxels; of a single slice its four edges."""
    inner = tuple(slice(1, -1) if n > 2 else slice(None) for n in shape)
    sides = np.ones(shape, bool)
    sides[inner] = False
    return sides


def _flat(structure, shape):
    """Of a single slice, without the neighbours above and below."""
    if shape[0] > 1:
        return structure
    structure = structure.copy()
    structure[[0, 2]] = False
    return structure
