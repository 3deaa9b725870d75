"""Random scenes and steps of correcting a mask, and methods that answer without regard for anything.

A **scene** is an image, labels and what may not change; a **step** is a prompt, strokes by hand, or a way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.refinement import BoxPrompt, Lasso, Point, Prompt, Scribble, Session, Strokes
from UNetSegmentLib.refinement.method import Method, Problem
from UNetSegmentLib.volume import Segmentation, Volume

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64")
MOST = 9


class Adversary:
    """A method that answers without regard for anything, and counts how often it is asked."""

    def __init__(self, kind: str) -> None:
        self.kind, self.calls = kind, 0

    def start_margin(self, spacing: tuple[float, float, float]) -> tuple[int, int, int]:
        return {"narrow": (0, 0, 0), "everything": (1, 2, 3)}.get(self.kind, (2, 2, 2))

    def solve(self, problem: Problem) -> np.ndarray:
        self.calls += 1
        shape = problem.mask.shape
        if self.kind == "writer":
            # What it was given is overwritten as well.
            for array in (problem.mask, problem.free, problem.seeds, problem.include, problem.exclude, problem.given):
                array[...] = ~array
            problem.image[...] = np.nan
        if self.kind == "random":
            return np.random.default_rng(int(problem.seeds.sum()) + shape[0]).random(shape) < 0.5
        if self.kind == "inverse":
            return ~problem.mask
        if self.kind == "numbers":
            return problem.free.astype(np.float64) * 3 - 1
        return np.full(shape, self.kind != "nothing")


class Counting:
    """Another method, and how often it was asked."""

    def __init__(self, method: Method) -> None:
        self.method, self.calls = method, 0

    def start_margin(self, spacing: tuple[float, float, float]) -> tuple[int, int, int]:
        return self.method.start_margin(spacing)

    def solve(self, problem: Problem) -> np.ndarray:
        self.calls += 1
        return self.method.solve(problem)


ADVERSARIES = ("everything", "nothing", "random", "inverse", "narrow", "writer", "numbers")


def own_method() -> Method:
    from UNetSegmentLib.refinement.methods import LocalMethod

    return LocalMethod()


@dataclass(frozen=True, eq=False)
class Scene:
    """What a session is opened with."""

    volume: Volume
    segmentation: Segmentation | None
    label: int = 1
    locked: tuple[int, ...] = ()
    editable: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    reach: float = 80.0

    def open(self, method: Method | None = None) -> Session:
        return Session(
            self.volume,
            self.segmentation,
            self.label,
            probabilities=self.probabilities,
            locked=self.locked,
            editable=self.editable,
            reach=self.reach,
            method=method,
        )

    @property
    def arrays(self) -> list[np.ndarray]:
        """All that belongs to the caller."""
        own = [self.volume.voxels, self.editable, self.probabilities]
        own.append(self.segmentation.voxels if self.segmentation is not None else None)
        return [array for array in own if array is not None]

    @property
    def labels(self) -> np.ndarray:
        if self.segmentation is None:
            return np.zeros(self.volume.geometry.shape, np.uint8)
        return self.segmentation.voxels


# -- random scenes


def turned(angles: Sequence[float], flips: Sequence[int]) -> np.ndarray:
    """A direction: turns about x, y and z in radians, and axes that run backwards."""
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        turn = np.eye(3)
        a, b = (n for n in range(3) if n != axis)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix * np.asarray(flips)


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    size = tuple(draw(st.integers(1, MOST)) for _ in range(3))
    spacing = tuple(draw(st.sampled_from((0.3, 0.5, 1.0, 2.5, 7.5))) for _ in range(3))
    origin = tuple(draw(st.floats(-300, 300)) for _ in range(3))
    angles = [draw(st.sampled_from((0.0, 0.0, 0.3, -0.8, 1.5))) for _ in range(3)]
    flips = [draw(st.sampled_from((1, -1))) for _ in range(3)]
    return Geometry(size, spacing, origin, tuple(turned(angles, flips).ravel()))


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    geometry = draw(geometries())
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    # Coarse, so that there are shapes: what is drawn on a third of the grid, seen on all of it.
    coarse = [-(-n // 3) for n in geometry.shape]
    image = np.stack([_enlarged(random.normal(60, 20, coarse), geometry.shape) for _ in range(draw(st.integers(1, 3)))])
    image = np.clip(image, 0, 120).astype(dtype)
    if dtype.kind == "f" and draw(st.booleans()):
        image.flat[:: draw(st.integers(1, 5))] = draw(st.sampled_from((np.nan, np.inf, -np.inf)))
    wide = draw(st.booleans())
    values = (0, 1, 2, 300) if wide else (0, 1, 2, 3)
    labels = _enlarged(random.choice(values, coarse), geometry.shape).astype(np.uint16 if wide else np.uint8)
    segmentation = None if draw(st.integers(0, 5)) == 0 else Segmentation(labels, geometry)
    editable = _enlarged(random.random(coarse) < 0.7, geometry.shape) if draw(st.booleans()) else None
    probabilities = None
    if draw(st.booleans()):
        probabilities = _enlarged(random.random(coarse), geometry.shape).astype(np.float32)
        if draw(st.booleans()):
            probabilities = (probabilities * 255).astype(np.uint8)
    return Scene(
        Volume(image, geometry),
        segmentation,
        draw(st.sampled_from((1, 2, 300))),
        draw(st.sampled_from(((), (), (3,), (2, 300), (1, 3)))),
        editable,
        probabilities,
        draw(st.sampled_from((1.0, 4.0, 12.0, 80.0))),
    )


def _enlarged(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    for axis in range(3):
        array = np.repeat(array, 3, axis=axis)
    return np.ascontiguousarray(array[tuple(slice(n) for n in shape)])


# -- random steps

Step = tuple[str, object]


@st.composite
def prompts(draw: st.DrawFn, geometry: Geometry, often: Sequence[Sequence[int]]) -> Prompt:
    include = draw(st.booleans())
    segment = draw(st.sampled_from((None, None, None, 1, 2, 3, 300)))

    def place(margin: float = 1.5) -> tuple[float, ...]:
        if draw(st.integers(0, 2)):
            # Where others were drawn as well.
            return tuple(geometry.to_physical(np.array(draw(st.sampled_from(often)), float)).tolist())
        index = [draw(st.floats(-margin, n - 1 + margin)) for n in geometry.size]
        # Borders and centres of voxels are where rounding shows.
        index = [round(2 * n) / 2 for n in index] if draw(st.booleans()) else index
        return tuple(geometry.to_physical(np.array(index)).tolist())

    kind = draw(st.sampled_from(("point", "scribble", "lasso", "box")))
    if kind == "point":
        return Point(place(0.7), include, segment)
    if kind == "scribble":
        radius = draw(st.sampled_from((0.0, 0.0, 0.8, 3.0)))
        return Scribble(tuple(place(3) for _ in range(draw(st.integers(1, 5)))), include, segment, radius)
    if kind == "lasso":
        return Lasso(_curve(draw, geometry), include, segment)
    size = [draw(st.floats(0.2, 12)) for _ in range(3)]
    size[draw(st.integers(0, 2))] *= draw(st.sampled_from((0, 1, 1)))
    angles = [draw(st.sampled_from((0.0, 0.0, 0.5))) for _ in range(3)]
    return BoxPrompt(place(), tuple(size), include, segment, tuple(turned(angles, (1, 1, 1)).ravel()))


def _curve(draw: st.DrawFn, geometry: Geometry) -> tuple[tuple[float, ...], ...]:
    """A curve in a plane of the grid or across it; it may cross itself."""
    middle = np.array([draw(st.floats(0, n - 1)) for n in geometry.size])
    first, second = np.eye(3)[[draw(st.integers(0, 2)) for _ in range(2)]]
    if draw(st.booleans()):
        first, second = first + 0.4 * second[::-1], second - 0.3 * first[::-1]
    ends = [(draw(st.floats(-5, 5)), draw(st.floats(-5, 5))) for _ in range(draw(st.integers(3, 7)))]
    return tuple(tuple(geometry.to_physical(middle + a * first + b * second).tolist()) for a, b in ends)


@st.composite
def strokes(draw: st.DrawFn, geometry: Geometry, often: Sequence[Sequence[int]]) -> Strokes:
    middle = draw(st.sampled_from(often))[::-1]
    start = [draw(st.integers(max(n - 2, 0), n)) for n in middle]
    stop = [draw(st.integers(a + 1, min(a + 4, n))) for a, n in zip(start, geometry.shape, strict=True)]
    box = Box(tuple(start), tuple(stop))
    random = np.random.default_rng(draw(st.integers(0, 2**16)))
    return Strokes(box, random.choice((0, 1, 2, 300), box.shape).astype(np.uint16))


@st.composite
def steps(draw: st.DrawFn, geometry: Geometry, most: int = 8) -> list[Step]:
    often = [[draw(st.integers(0, n - 1)) for n in geometry.size] for _ in range(2)]
    one = st.one_of(
        *[st.tuples(st.just("add"), prompts(geometry, often)) for _ in range(4)],
        st.tuples(st.just("add"), strokes(geometry, often)),
        st.tuples(st.sampled_from(("undo", "undo", "redo", "redo", "reset")), st.none()),
        st.tuples(st.just("remove"), st.integers(0, 6)),
    )
    return draw(st.lists(one, min_size=1, max_size=most))
