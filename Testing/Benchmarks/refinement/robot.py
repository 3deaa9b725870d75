"""Robots that look at the errors of a mask and prompt as a person might."""

import numpy as np
from scipy import ndimage

from UNetSegmentLib.refinement import Point, Scribble

from .measures import bounds

SEED = 42


def click(mask, reference, geometry):
    """A point in the largest error, as the interactive challenge of CVPR 2025 places it; None where there is none.

    The largest part of the error (joined by faces, edges or corners), and in it the voxel farthest from its border,
    counted in voxels and not in mm, where the image's border is a border too. Of several one is drawn by seed 42.
    """
    found = largest_error(mask, reference)
    if found is None:
        return None
    part, start = found
    depth = ndimage.distance_transform_edt(np.pad(part, 1))[1:-1, 1:-1, 1:-1]
    deepest = np.argwhere(depth == depth.max())
    index = deepest[np.random.RandomState(SEED).choice(len(deepest))] + start
    return Point(world([index], geometry)[0], include=bool(reference[tuple(index)]))


def scribble(mask, reference, geometry):
    """A stroke along the middle of the largest error, in the slice (z) that has most of it; None where there is none.

    It is the longest path of that slice's skeleton, shortened by a tenth at each end as nobody draws to the very tip.
    """
    found = largest_error(mask, reference)
    if found is None:
        return None
    part, start = found
    layer = int(np.argmax(part.sum(axis=(1, 2))))
    path = center_line(_largest(part[layer]))
    cut = len(path) // 10
    path = path[cut : len(path) - cut]
    indices = np.column_stack([np.full(len(path), layer), path]) + start
    include = bool(reference[tuple(indices[len(indices) // 2])])
    return Scribble(world(_thinned(indices), geometry), include=include)


def largest_error(mask, reference):
    """The largest part of the error in its own box (boolean, z y x), and where that box starts; None without errors."""
    error = mask != reference
    if not error.any():
        return None
    box = bounds(error)
    part = _largest(error[box])
    inner = bounds(part)
    start = np.array([outer.start + own.start for outer, own in zip(box, inner, strict=True)])
    return part[inner], start


def center_line(area):
    """Pixels (n, 2) of the longest path of a skeleton, from end to end."""
    from skimage.morphology import skeletonize

    pixels = np.argwhere(skeletonize(np.pad(area, 1))) - 1
    if not len(pixels):
        depth = ndimage.distance_transform_edt(np.pad(area, 1))[1:-1, 1:-1]
        return np.argwhere(depth == depth.max())[:1]
    neighbours = _neighbours(pixels)
    far = _walk(neighbours, 0)[0]
    end, before = _walk(neighbours, far)
    path = [end]
    while before[path[-1]] is not None:
        path.append(before[path[-1]])
    return pixels[path]


def world(indices, geometry):
    """Voxels (z, y, x) as LPS mm."""
    points = geometry.to_physical(np.asarray(indices, float)[:, ::-1])
    return tuple(tuple(map(float, point)) for point in points)


def _largest(mask):
    parts, count = ndimage.label(mask, np.ones((3,) * mask.ndim))
    if count < 2:
        return mask
    return parts == np.argmax(np.bincount(parts.ravel())[1:]) + 1


def _neighbours(pixels):
    number = {tuple(pixel): n for n, pixel in enumerate(pixels)}
    steps = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)]
    return [[number[(y + a, x + b)] for a, b in steps if (y + a, x + b) in number] for y, x in pixels]


def _walk(neighbours, first):
    """The pixel that takes most steps from ``first``, and of each pixel the one before it."""
    before, queue = {first: None}, [first]
    for pixel in queue:
        for other in neighbours[pixel]:
            if other not in before:
                before[other] = pixel
                queue.append(other)
    return queue[-1], before


def _thinned(indices, step=3):
    """Every third pixel and the last: a mouse leaves no more."""
    kept = list(range(0, len(indices), step))
    if kept[-1] != len(indices) - 1:
        kept.append(len(indices) - 1)
    return indices[kept]
