from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.labels import Label
from UNetSegmentLib.volume import Segmentation


def rotation(*degrees: float) -> np.ndarray:
    """A rotation about x, then y, then z."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


def geometry_around(
    centre: tuple[float, float, float], spacing: tuple[float, float, float], axes: np.ndarray, reach: float = 32.0
) -> Geometry:
    """A grid of at least ``reach`` mm around ``centre`` on all sides."""
    size = [int(2 * reach / s) + 1 for s in spacing]
    origin = np.asarray(centre) - axes @ ((np.array(size) - 1) / 2 * np.array(spacing))
    return Geometry(tuple(size), spacing, tuple(origin), tuple(axes.ravel()))


GRIDS = {
    "isotropic": ((1.0, 1.0, 1.0), np.eye(3)),
    "anisotropic": ((0.8, 0.8, 2.5), np.eye(3)),
    "oblique": ((1.0, 0.7, 1.8), rotation(25, -35, 50)),
    "left-handed": ((1.0, 1.0, 1.5), rotation(10, 20, 30) @ np.diag([-1.0, 1.0, 1.0])),
    "flipped": ((0.9, 1.1, 1.0), np.diag([-1.0, -1.0, 1.0])),
}
CENTRE = (12.0, -30.0, 55.0)


@pytest.fixture(params=GRIDS)
def grid(request: pytest.FixtureRequest) -> Geometry:
    """Grids of every kind around one point in space."""
    return geometry_around(CENTRE, *GRIDS[request.param])


@pytest.fixture
def oblique() -> Geometry:
    """The hardest of these grids alone, for tests that take long."""
    return geometry_around(CENTRE, *GRIDS["oblique"])


@pytest.fixture
def paint() -> Callable[..., Segmentation]:
    """Paints what a function of LPS points, shape (..., 3), says is inside."""

    def make(geometry: Geometry, inside: Callable[[np.ndarray], np.ndarray], value: int = 1) -> Segmentation:
        indices = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.size), indexing="ij"), axis=-1)
        mask = inside(geometry.to_physical(indices)).transpose(2, 1, 0)
        return Segmentation(mask.astype(np.uint8) * value, geometry, (Label(value, "phantom", (200, 40, 40)),))

    return make


@pytest.fixture
def ball(paint: Callable[..., Segmentation]) -> Callable[..., Segmentation]:
    """A ball around CENTRE."""

    def make(geometry: Geometry, radius: float = 20.0) -> Segmentation:
        return paint(geometry, lambda points: np.linalg.norm(points - CENTRE, axis=-1) <= radius)

    return make
