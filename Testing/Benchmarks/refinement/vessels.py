"""Retinal vessels of which a piece is missing: thin, branched, two to eight pixels wide."""

import numpy as np
from scipy import ndimage

from UNetSegmentLib.io import read_volume
from UNetSegmentLib.volume import Volume

LEAST, MOST = 40, 90
"""Pixels: how long the missing branch is."""
MARGIN = 40
"""Pixels around it that belong to the case: what lies farther away says nothing of the correction."""


def missed_pieces(folder):
    """(name, volume, reference, mask without the piece) of each picture."""
    for number, path in enumerate(sorted((folder / "images").glob("*.tif"))):
        vessels = _vessels(folder / "labels", path.stem.split("_")[0])
        piece = _branch(vessels[0], number)[None]
        found = np.argwhere(piece)
        low = np.maximum(found.min(axis=0) - np.array((0, MARGIN, MARGIN)), 0)
        high = found.max(axis=0) + np.array((1, MARGIN + 1, MARGIN + 1))
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        picture = read_volume(path)
        volume = Volume.from_array(np.ascontiguousarray(picture.voxels[(slice(None), *box)]), name=path.stem)
        yield path.stem, volume, vessels[box].copy(), (vessels & ~piece)[box]


def _vessels(folder, number):
    from PIL import Image

    (path,) = folder.glob(f"{number}_*")
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))[None] > 127


def _branch(vessels, seed):
    """The pixels of one branch, drawn by seed from those of a fitting length."""
    from skimage.morphology import skeletonize

    lines = skeletonize(vessels)
    crossings = lines & (ndimage.convolve(lines.astype(int), np.ones((3, 3), int)) > 3)
    branches, _ = ndimage.label(lines & ~ndimage.binary_dilation(crossings, np.ones((3, 3))), np.ones((3, 3)))
    lengths = np.bincount(branches.ravel())[1:]
    fitting = np.flatnonzero((lengths >= LEAST) & (lengths <= MOST)) + 1
    chosen = np.random.default_rng(seed).choice(fitting)
    nearest = ndimage.distance_transform_edt(branches == 0, return_distances=False, return_indices=True)
    return vessels & (branches[tuple(nearest)] == chosen)
