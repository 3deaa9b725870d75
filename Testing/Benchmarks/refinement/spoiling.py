"""Masks with a fault of a known kind, always the same one for the same seed."""

import numpy as np
from scipy import ndimage

from .measures import bounds

SHARE = 0.3
"""Of the mask's voxels: how large a missed part or a leak is."""
SHIFT = 2
"""Voxels that a border is shifted by."""


def missed(mask, image, spacing, seed):
    """Without a lobe: 30 % of the voxels, those nearest (mm) to the one that lies farthest in a random direction."""
    indices = np.argwhere(mask)
    places = indices * spacing
    direction = np.random.default_rng(seed).normal(size=3) * (np.array(mask.shape) > 1)
    tip = places[np.argmax(places @ direction)]
    nearest = np.argsort(np.linalg.norm(places - tip, axis=1), kind="stable")
    spoilt = mask.copy()
    spoilt[tuple(indices[nearest[: round(SHARE * len(indices))]].T)] = False
    return spoilt


def leak(mask, image, spacing, seed):
    """With a blob of 30 % of its voxels that a growing region would have taken too.

    It starts beside the border where the image, smoothed among what is outside the mask, resembles the mask most (one
    of the best twentieth), and grows by the cheapest path. A step costs its length in mm times 0.1 plus the difference
    to the mask's mean in standard deviations of the mask.
    """
    from skimage.graph import MCP_Geometric

    reach = _reach(mask, spacing)
    box = _padded(bounds(mask), reach, mask.shape)
    inside, grey = mask[box], image[box].astype(np.float32)
    values = grey[inside]
    cost = 0.1 + np.abs(_smoothed(grey, ~inside) - values.mean()) / max(float(values.std()), 1e-3)
    border = ndimage.binary_dilation(inside) & ~inside
    candidates = np.argwhere(border)
    order = np.argsort(cost[border], kind="stable")
    best = candidates[order[: max(1, len(order) // 20)]]
    start = best[np.random.default_rng(seed).integers(len(best))]
    walls = np.where(inside, np.inf, cost)
    paths, _ = MCP_Geometric(walls, sampling=spacing).find_costs([tuple(start)])
    cheapest = np.argsort(paths, axis=None, kind="stable")[: max(1, round(SHARE * len(values)))]
    cheapest = cheapest[np.isfinite(paths.ravel()[cheapest])]
    spoilt = mask.copy()
    blob = spoilt[box]
    blob[np.unravel_index(cheapest, blob.shape)] = True
    return spoilt


def shifted(mask, image, spacing, seed):
    """Moved as a whole by two voxels: along x for even seeds, along y for odd ones, to and fro in turns."""
    axis, sign = 2 - seed % 2, 1 - 2 * (seed // 2 % 2)
    moved = np.zeros_like(mask)
    to, source = [slice(None)] * 3, [slice(None)] * 3
    to[axis] = slice(SHIFT, None) if sign > 0 else slice(None, -SHIFT)
    source[axis] = slice(None, -SHIFT) if sign > 0 else slice(SHIFT, None)
    moved[tuple(to)] = mask[tuple(source)]
    return moved


SPOILERS = {"missed": missed, "leak": leak, "shifted": shifted}


def _smoothed(image, among, sigma=0.7):
    """Averages (Gaussian, in voxels) of those voxels only; the image itself where none is near."""
    weight = ndimage.gaussian_filter(among.astype(np.float32), sigma)
    total = ndimage.gaussian_filter(np.where(among, image, 0), sigma)
    return np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), image)


def _reach(mask, spacing):
    """Voxels around the mask's box that a leak may come to: as far as a ball of the mask's volume is wide."""
    radius = (np.count_nonzero(mask) * np.prod(spacing) * 3 / 4 / np.pi) ** (1 / 3)
    return [int(np.ceil(2 * radius / mm)) for mm in spacing]


def _padded(box, margin, shape):
    return tuple(slice(max(s.start - m, 0), min(s.stop + m, n)) for s, m, n in zip(box, margin, shape, strict=True))
