"""Random sessions of correcting a mask, and the hard rules that every one of them must keep.

A **scene** is an image, labels and what may not change; a **step** is a prompt, strokes by hand, or a way back. The
rules are judged here from what a session says and shows, with the positions of voxels computed anew: nothing of the
library's own bookkeeping is asked. Shared by the tests and by ``Testing/Demos/refinement_rules.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.refinement import BoxPrompt, Change, Lasso, Point, Prompt, Scribble, Session, Strokes
from UNetSegmentLib.refinement.change import between
from UNetSegmentLib.refinement.method import Method, Problem
from UNetSegmentLib.refinement.voxels import voxels_of
from UNetSegmentLib.volume import Segmentation, Volume

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64")
MOST = 9
Marks = np.ndarray


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


# -- the rules


@dataclass(eq=False)
class Watch:
    """A session, and what must be true of it after each step.

    Args:
        counted: how often each rule was judged.
    """

    scene: Scene
    method: Adversary | Counting
    counted: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.session = self.scene.open(self.method)
        self.own = [(array, array.copy()) for array in self.scene.arrays]
        # (include, segment, voxels) of the prompts made, or None where labels were painted, oldest first.
        self.promised: list[tuple[bool, int, Marks] | tuple[None, None, Marks]] = []
        self.maps = [self.now]
        self.rule("an empty history gives the input", np.array_equal(self.now, self.scene.labels))

    @property
    def now(self) -> np.ndarray:
        return self.session.segmentation.voxels

    def rule(self, name: str, holds: object) -> None:
        self.counted[name] += 1
        assert holds, name

    def run(self, steps: Sequence[Step]) -> None:
        for name, what in steps:
            before = self.now
            if name == "add" and isinstance(what, Strokes):
                self._painted(what, before)
            elif name == "add":
                self._prompted(what, before)
            else:
                self._back(name, what, before)
            self._always()

    # -- one kind of step each

    def _prompted(self, prompt: object, before: np.ndarray) -> None:
        history, calls = self.session.history, self.method.calls
        segment = prompt.segment or self.scene.label
        marks = self._marks(prompt)
        free = marks & ~self._fixed(before)
        try:
            change = self.session.add(prompt)
        except InputError as error:
            self.rule("what is refused says a cure", error.cure)
            self.rule("what is refused changes nothing", self._same(before) and self.session.history == history)
            self.rule("only what may change nothing is refused", segment in self.scene.locked or not free.any())
            return
        after = self.now
        self._judge_change(change, before, after)
        self.rule(
            "every include voxel is in its segment, every exclude voxel outside it",
            ((after == segment) == prompt.include)[free].all(),
        )
        contradicted = self._contradicted(free, segment, prompt.include)
        self.rule("contradictions are said", contradicted == any("contradicts" in note for note in change.notes))
        locked = np.isin(before, self.scene.locked) | np.isin(after, self.scene.locked)
        self.rule("locked segments never change", (before == after)[locked].all())
        if self.scene.editable is not None:
            self.rule("voxels that are not editable never change", (before == after)[~self.scene.editable].all())
        was, is_ = before == segment, after == segment
        self.rule(
            "including only adds, excluding only removes", not (was & ~is_ if prompt.include else ~was & is_).any()
        )
        self.rule("nothing changes beyond the reach", self._near(before != after, marks, change.reach))
        if not prompt.include:
            left = was & ~is_
            self.rule(
                "what exclusion leaves is what was given, or nothing",
                ((after == 0) | (after == self._given()))[left].all(),
            )
        if not ((after == segment) != prompt.include)[free].any() and np.array_equal(before, after):
            self.rule("a prompt that changes nothing costs nothing", self.method.calls == calls)
        self.promised.append((prompt.include, segment, free))
        self._judge_promises(after)
        self._entered(after)

    def _painted(self, painted: Strokes, before: np.ndarray) -> None:
        change = self.session.add(painted)
        after = self.now
        self._judge_change(change, before, after)
        self.rule("strokes by hand are taken as they are", np.array_equal(after[painted.box.slices], painted.labels))
        marks = before != after
        self.promised.append((None, None, marks))
        self._entered(after)

    def _back(self, name: str, number: object, before: np.ndarray) -> None:
        made = len(self.promised)
        if name == "undo":
            change = self.session.undo()
            self.rule("undo restores exactly", self._same(self.maps[max(made - 1, 0)]))
            if made:
                again = self.session.redo()
                self.rule("undo and redo together change nothing", self._same(before))
                self.rule("undo and redo name one change", (again.box, again.voxels) == (change.box, change.voxels))
                self.session.undo()
                self.undone = [(self.promised.pop(), self.maps.pop()), *self.undone]
        elif name == "redo":
            change = self.session.redo()
            if self.undone:
                (promise, labels), *self.undone = self.undone
                self.promised.append(promise)
                self.maps.append(labels)
            self.rule("redo makes exactly what was undone", self._same(self.maps[-1]))
        elif name == "reset":
            change = self.session.reset()
            self.rule("reset gives the input", self._same(self.scene.labels))
            for promise, labels in zip(self.promised[::-1], self.maps[:0:-1], strict=True):
                self.undone = [(promise, labels), *self.undone]
            del self.promised[:], self.maps[1:]
        else:
            if not made:
                return
            change = self._removed(int(number) % made)
        self._judge_change(change, before, self.now)

    def _removed(self, number: int) -> Change:
        edits, before = self.session.history, self.now
        fresh = self.scene.open(self.method)
        promised, maps, refused = [], [self.scene.labels], False
        for edit in (*edits[:number], *edits[number + 1 :]):
            labels = fresh.segmentation.voxels
            try:
                fresh.add(edit)
            except InputError:
                refused = True
                break
            promised.append(self._promise(edit, labels))
            maps.append(fresh.segmentation.voxels)
        try:
            change = self.session.remove(number)
        except InputError as error:
            self.rule("remove refuses only what a new session would", refused and error.cure)
            self.rule("what is refused changes nothing", self._same(before) and self.session.history == edits)
            return between(Box.whole(before.shape), before, before)
        self.promised, self.maps, self.undone = promised, maps, []
        self.rule("remove gives a new session without it", not refused and self._same(fresh.segmentation.voxels))
        return change

    def _promise(self, edit: object, labels: np.ndarray) -> tuple[bool | None, int | None, Marks]:
        if isinstance(edit, Strokes):
            where = np.zeros(labels.shape, bool)
            where[edit.box.slices] = edit.painted
            return None, None, where
        return edit.include, edit.segment or self.scene.label, self._marks(edit) & ~self._fixed(labels)

    # -- what is always so

    def _always(self) -> None:
        self.rule("the caller's arrays are never written", all(same(array, copy) for array, copy in self.own))
        self.rule("the history is as long as the edits", len(self.session.history) == len(self.promised))

    def finish(self) -> None:
        """The same history in a new session."""
        fresh = self.scene.open(self.method)
        for edit in self.session.history:
            fresh.add(edit)
        self.rule("the same history gives the same answer", self._same(fresh.segmentation.voxels))
        table = [label.value for label in fresh.segmentation.labels]
        self.rule(
            "the same history gives the same labels", table == [x.value for x in self.session.segmentation.labels]
        )

    def _judge_change(self, change: Change, before: np.ndarray, after: np.ndarray) -> None:
        different = before != after
        self.rule("the change counts its voxels", change.voxels == np.count_nonzero(different))
        self.rule(
            "change.labels is what the segmentation holds", np.array_equal(change.labels, after[change.box.slices])
        )
        found = np.argwhere(different)
        if not len(found):
            self.rule("no change has no box", change.box.empty and change.empty)
            return
        box = Box(tuple(found.min(axis=0).tolist()), tuple(found.max(axis=0) + 1))
        self.rule("nothing changes outside change.box, the smallest", change.box == box)

    def _certain(self) -> tuple[np.ndarray, dict[int, Marks]]:
        """What the prompts so far say of each voxel: the segment that it is (or 0), and per segment where it is not."""
        shape = self.scene.labels.shape
        holder, denied = np.zeros(shape, int), dict[int, Marks]()
        for include, segment, marks in self.promised:
            if include is None:
                holder[marks] = 0
                for places in denied.values():
                    places &= ~marks
            elif include:
                holder[marks] = segment
                denied.setdefault(segment, np.zeros(shape, bool))[marks] = False
            else:
                holder[marks & (holder == segment)] = 0
                denied.setdefault(segment, np.zeros(shape, bool))[marks] = True
        return holder, denied

    def _judge_promises(self, after: np.ndarray) -> None:
        """What all prompts together are certain of."""
        holder, denied = self._certain()
        held = holder != 0
        self.rule("what prompts included is still there", np.array_equal(after[held], holder[held]))
        for segment, places in denied.items():
            self.rule("what prompts excluded is still away", not (after == segment)[places].any())

    def _contradicted(self, free: Marks, segment: int, include: bool) -> bool:
        """Whether earlier prompts were certain of the opposite anywhere."""
        holder, denied = self._certain()
        if not include:
            return bool((holder == segment)[free].any())
        other = (holder != 0) & (holder != segment)
        return bool((other | denied.get(segment, np.zeros(other.shape, bool)))[free].any())

    def _given(self) -> np.ndarray:
        """The labels that were given or painted, without what prompts did."""
        given = self.scene.labels.astype(int)
        for (include, _, marks), labels in zip(self.promised, self.maps[1:], strict=True):
            if include is None:
                given[marks] = labels[marks]
        return given

    def _entered(self, after: np.ndarray) -> None:
        self.maps.append(after)
        self.undone = []

    # -- helpers

    undone: list[tuple[tuple[bool | None, int | None, Marks], np.ndarray]] = field(default_factory=list)

    def _same(self, labels: np.ndarray) -> bool:
        return np.array_equal(self.now, labels)

    def _fixed(self, labels: np.ndarray) -> np.ndarray:
        fixed = np.isin(labels, self.scene.locked)
        return fixed if self.scene.editable is None else fixed | ~self.scene.editable

    def _marks(self, prompt: object) -> Marks:
        geometry = self.scene.volume.geometry
        found = voxels_of(prompt, geometry)
        marks = np.zeros(geometry.shape, bool)
        marks[found.box.slices] = found.inside
        return marks

    def _near(self, changed: Marks, marks: Marks, reach: float) -> bool:
        geometry = self.scene.volume.geometry
        far, own = (geometry.to_physical(np.argwhere(part)[:, ::-1]) for part in (changed & ~marks, marks))
        if not len(far):
            return True
        return bool(np.linalg.norm(far[:, None] - own[None], axis=-1).min(axis=1).max() <= reach + 1e-6)


def same(array: np.ndarray, copy: np.ndarray) -> bool:
    return array.dtype == copy.dtype and array.tobytes() == copy.tobytes()


def play(scene: Scene, what: Sequence[Step], method: Adversary | Counting) -> Counter[str]:
    """One random session; raises AssertionError with the rule that it broke.

    Returns:
        how often each rule was judged.
    """
    watch = Watch(scene, method)
    watch.run(what)
    watch.finish()
    return watch.counted


Players = dict[str, Callable[[], "Adversary | Counting"]]


def players() -> Players:
    """The methods that sessions are played with, by name."""
    return {
        "own": lambda: Counting(own_method()),
        **{name: (lambda name=name: Adversary(name)) for name in ADVERSARIES},
    }
