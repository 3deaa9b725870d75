"""What the tests of doubtful places share: a ball whose lobe a model half believes in, and any geometry."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.labels import Label
from UNetSegmentLib.volume import Segmentation

SHAPE = (24, 28, 32)
OBLIQUE = Geometry(
    SHAPE[::-1],
    (0.7, 0.9, 2.5),
    (-31.0, 12.5, 100.0),
    (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0),
)


def ball(center=(12, 12, 12), radius=8.0, shape=SHAPE):
    """Boolean (z, y, x), in voxels."""
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    return (z - center[0]) ** 2 + (y - center[1]) ** 2 + (x - center[2]) ** 2 <= radius**2


BALL = ball()
LOBE = ball((12, 12, 23), 5.0) & ~BALL


def segmentation(mask, geometry=None, value=1, name="Ball"):
    geometry = geometry or Geometry(mask.shape[::-1])
    return Segmentation(mask.astype(np.uint8) * value, geometry, (Label(value, name),))


def half_believed(mask=BALL, part=LOBE, share=0.4):
    """Probabilities: sure of the mask and the background, ``share`` in the part."""
    return np.where(mask, 0.99, np.where(part, share, 0.01)).astype(np.float32)


@st.composite
def geometries(draw, shape=SHAPE):
    """Oblique, anisotropic, flipped grids."""
    seed = draw(st.integers(0, 2**32 - 1))
    spacing = [draw(st.floats(0.2, 6.0)) for _ in range(3)]
    axes, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    origin = [draw(st.floats(-200, 200)) for _ in range(3)]
    return Geometry(shape[::-1], tuple(spacing), tuple(origin), tuple(axes.ravel()))
