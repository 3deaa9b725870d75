"""A small image with a segmentation, and sessions on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.labels import Label
from UNetSegmentLib.refinement import Point, Session
from UNetSegmentLib.refinement.method import Problem
from UNetSegmentLib.volume import Segmentation, Volume

GRID = Geometry((12, 10, 8), (1.0, 1.5, 2.0), (5.0, -3.0, 40.0))


def image(dtype: str = "int16", grid: Geometry = GRID, channels: int = 1) -> Volume:
    values = np.random.default_rng(3).integers(0, 100, (channels, *grid.shape))
    return Volume(values.astype(dtype), grid, "scan")


def ball(grid: Geometry = GRID, value: int = 1, dtype: str = "uint8") -> Segmentation:
    voxels = np.zeros(grid.shape, dtype)
    voxels[2:6, 3:7, 3:8] = value
    return Segmentation(voxels, grid, (Label(1, "liver"),))


def at(i: float, j: float, k: float) -> tuple[float, float, float]:
    x, y, z = GRID.to_physical(np.array([i, j, k])).tolist()
    return x, y, z


def untouched(session: Session, work: Callable[[], object], error: type[Exception], *words: str) -> None:
    """The work is refused in these words, and the session is as it was, undone edits too."""
    state = session.segmentation, session.history, session.undone
    with pytest.raises(error) as caught:
        work()
    for word in words:
        assert word in str(caught.value)
    if isinstance(caught.value, InputError):
        assert caught.value.cure and "defect" not in str(caught.value)
    now = session.segmentation
    np.testing.assert_array_equal(now.voxels, state[0].voxels)
    assert (now.labels, now.voxels.dtype) == (state[0].labels, state[0].voxels.dtype)
    assert (session.history, session.undone) == state[1:]


def begun(**more: object) -> Session:
    """A session with an edit, and one undone."""
    session = Session(image(), ball(), **more)
    session.add(Point(at(9, 8, 6)))
    session.add(Point(at(1, 1, 1)))
    session.undo()
    return session


class Watching:
    """Keeps what it was asked."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def start_margin(self, spacing: tuple[float, float, float]) -> tuple[int, int, int]:
        return 2, 2, 2

    def solve(self, problem: Problem) -> np.ndarray:
        self.problems.append(problem)
        return problem.mask | problem.seeds
