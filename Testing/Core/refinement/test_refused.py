"""Bad input of a correction: a clear sentence with a cure, and the session as it was."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from refinement_scenes import Adversary

from UNetSegmentLib.errors import GeometryError, InputError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.labels import Label
from UNetSegmentLib.refinement import BoxPrompt, Lasso, Point, Scribble, Session, Strokes
from UNetSegmentLib.refinement.method import Method, Problem
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


@pytest.mark.parametrize(
    "prompt",
    [
        Point((1e6, 0.0, 0.0)),
        Point((1e7, -1e7, 1e7), include=False),
        Scribble(((-300.0, 0.0, 0.0), (-200.0, 5.0, 40.0)), radius=4.0),
        Lasso(((-300.0, 0.0, 40.0), (-200.0, 5.0, 40.0), (-250.0, 90.0, 40.0))),
        BoxPrompt((-300.0, 0.0, 0.0), (5.0, 5.0, 5.0), include=False),
        BoxPrompt((-300.0, 0.0, 0.0), (5.0, 5.0, 0.0)),
        Point((-300.0, 0.0, 0.0), segment=900),
    ],
    ids=lambda prompt: type(prompt).__name__,
)
def test_a_prompt_outside_the_image(prompt: object) -> None:
    session = begun()
    untouched(session, lambda: session.add(prompt), InputError, "outside the image 'scan'", "Draw it on the image.")


def test_what_may_not_change() -> None:
    session = begun(locked=[2])
    untouched(session, lambda: session.add(Point(at(1, 1, 1), segment=2)), InputError, "Segment 2 is locked", "Unlock")
    session = Session(image(), ball(), 2, locked=[1])
    untouched(session, lambda: session.add(Point(at(5, 5, 4))), InputError, "may not change", "Unlock the segment")
    untouched(session, lambda: session.add(Point(at(5, 5, 4), segment=1)), InputError, "'liver' is locked")
    nowhere = np.zeros(GRID.shape, bool)
    session = Session(image(), ball(), editable=nowhere)
    untouched(session, lambda: session.add(Point(at(1, 1, 1))), InputError, "editable")


@pytest.mark.parametrize("edit", [5, None, "point", (1.0, 2.0, 3.0)])
def test_what_is_no_edit(edit: object) -> None:
    session = begun()
    untouched(session, lambda: session.add(edit), InputError, "is no edit")


@pytest.mark.parametrize("label", [0, -1, 65536, 1.5, "liver", None, float("nan"), float("inf")])
def test_what_is_no_label(label: object) -> None:
    session = begun()
    if label is not None:
        untouched(session, lambda: session.add(Point(at(1, 1, 1), segment=label)), InputError, "is no label", "65535")
    with pytest.raises(InputError, match="is no label"):
        Session(image(), ball(), label)
    with pytest.raises(InputError, match="is no label"):
        Session(image(), ball(), locked=[label])


@pytest.mark.parametrize("reach", [0, -1.0, float("nan"), float("inf")])
def test_a_reach_that_is_none(reach: float) -> None:
    with pytest.raises(InputError, match=r"cannot reach .* above 0"):
        Session(image(), ball(), reach=reach)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Point((0.0, np.nan, 0.0)),
        lambda: Point((0.0, 1e8, 0.0)),
        lambda: Point((0.0, 1.0)),
        lambda: Point("here"),
        lambda: Scribble(()),
        lambda: Scribble(((0.0, 0.0, 0.0),), radius=-1.0),
        lambda: Scribble(((0.0, 0.0, 0.0),), radius=float("nan")),
        lambda: Scribble(((0.0, 0.0, 0.0),), radius="thick"),
        lambda: Scribble(((0.0, 0.0, 0.0), (1.0, 2.0))),
        lambda: Lasso(((0.0, 0.0, 0.0), (1.0, 2.0, 3.0))),
        lambda: BoxPrompt((0.0, 0.0, 0.0), (5.0, 0.0, 0.0)),
        lambda: BoxPrompt((0.0, 0.0, 0.0), (5.0, -5.0, 5.0)),
        lambda: BoxPrompt((0.0, 0.0, 0.0), (5.0, 5.0, 5.0), axes=(1.0, 0.0)),
        lambda: BoxPrompt((0.0, 0.0, 0.0), (5.0, 5.0, 5.0), axes=(1.0,) * 9),
        lambda: BoxPrompt((0.0, 0.0, 0.0), (5.0, 5.0, 5.0), axes=("a",) * 9),
    ],
)
def test_what_is_no_prompt(make: Callable[[], object]) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert caught.value.cure


def test_a_segmentation_of_another_geometry() -> None:
    for other in (Geometry((12, 10, 7)), Geometry(GRID.size, GRID.spacing, (5.0, -3.0, 42.0))):
        with pytest.raises(GeometryError, match=r"do not share a grid .*Resample"):
            Session(image(), Segmentation(np.zeros(other.shape, np.uint8), other))


@pytest.mark.parametrize(
    ("probabilities", "words"),
    [
        (np.zeros((3, 4, 5), np.float32), r"shape \(3, 4, 5\)"),
        (np.zeros((2, *GRID.shape), np.float32), "for one segment"),
        (np.zeros(GRID.shape, np.int32), "type int32"),
        (Volume(np.zeros((1, *GRID.shape), np.float32), Geometry(GRID.size)), "do not share a grid"),
    ],
)
def test_probabilities_of_another_kind(probabilities: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        Session(image(), ball(), probabilities=probabilities)
    assert caught.value.cure


def test_editable_voxels_of_another_shape() -> None:
    with pytest.raises(GeometryError, match="editable voxels have the shape"):
        Session(image(), ball(), editable=np.ones((2, 2, 2), bool))


class Watching:
    """Keeps what it was asked."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def start_margin(self, spacing: tuple[float, float, float]) -> tuple[int, int, int]:
        return 2, 2, 2

    def solve(self, problem: Problem) -> np.ndarray:
        self.problems.append(problem)
        return problem.mask | problem.seeds


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8", "bool"])
def test_methods_see_probabilities_from_0_to_1(dtype: str) -> None:
    values = np.linspace(0, 255 if dtype == "uint8" else 1, GRID.size[0] * GRID.size[1] * GRID.size[2])
    values = values.reshape(GRID.shape).astype(dtype)
    if values.dtype.kind == "f":
        values[4, 4, 4:8] = np.nan, np.inf, -np.inf, 7
    method = Watching()
    Session(image(), None, probabilities=values, method=method).add(Point(at(5, 4, 4)))
    seen = method.problems[0].probability
    assert seen.dtype == np.float32 and seen.min() >= 0 and seen.max() <= 1
    if values.dtype.kind == "f":
        # The box begins at (2, 2, 3). Where nobody knows, one half.
        np.testing.assert_array_equal(seen[2, 2, 1:5], [0.5, 1, 0, 1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_methods_see_a_finite_image(dtype: str) -> None:
    voxels = image(dtype, channels=2).voxels
    voxels[0, 4, 4, 4:7] = np.nan, np.inf, -np.inf
    voxels[1] = np.nan
    if dtype == "float64":
        voxels[0, 3, 3, 3:5] = 1e300, -1e300
    copy = voxels.copy()
    method = Watching()
    Session(Volume(voxels, GRID), method=method).add(Point(at(5, 4, 4)))
    seen = method.problems[0].image
    assert np.isfinite(seen).all() and not seen[1].any()
    low, high = seen[0].min(), seen[0].max()
    np.testing.assert_array_equal(seen[0, 2, 2, 1:4], [low, high, low])
    if dtype == "float64":
        np.testing.assert_array_equal(seen[0, 1, 1, :2], [high, low])
    np.testing.assert_array_equal(voxels, copy)


@pytest.mark.parametrize("voxels", [np.nan, np.inf, 0, 1e30, -3])
@pytest.mark.parametrize("label", [1, 2])
def test_images_that_say_nothing(voxels: float, label: int) -> None:
    """Wholly NaN, infinite or constant: the rules hold, with our own method."""
    session = Session(Volume(np.full((1, *GRID.shape), voxels, np.float32), GRID), ball(), label)
    for prompt in (Point(at(1, 1, 1)), Point(at(5, 5, 4), include=False), Scribble((at(1, 8, 6), at(9, 8, 6)))):
        change = session.add(prompt)
        assert change.voxels or label == 2


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(30, 20, 1), (1, 20, 30), (30, 1, 20), (1, 1, 30), (1, 1, 1)])
def test_photographs_and_single_slices(channels: int, size: tuple[int, int, int]) -> None:
    grid = Geometry(size, (0.4, 0.4, 7.5))
    session = Session(image("uint8", grid, channels))
    middle = tuple(grid.to_physical((np.array(size) - 1) / 2).tolist())
    change = session.add(Point(middle))
    assert change.voxels and session.segmentation.voxels.sum() == change.voxels
    corner = tuple(grid.to_physical(np.zeros(3)).tolist())
    session.add(Scribble((corner, middle), include=False))
    assert session.segmentation.voxels[0, 0, 0] == 0
    session.reset()
    assert not session.segmentation.voxels.any()


def test_no_segmentation_begins_one() -> None:
    session = Session(image(), None, 3)
    assert session.segmentation.labels == ()
    session.add(Point(at(5, 5, 4)))
    assert set(np.unique(session.segmentation.voxels)) == {0, 3}
    assert [label.value for label in session.segmentation.labels] == [3]
    session.undo()
    assert session.segmentation.labels == () and not session.segmentation.voxels.any()


def test_an_empty_segment_and_one_that_the_table_lacks() -> None:
    session = Session(image(), ball(value=7))
    change = session.add(Point(at(5, 5, 4), include=False, segment=4))
    assert change.empty and not change.notes and session.segmentation.labels == (Label(1, "liver"),)
    session.add(Point(at(5, 5, 4), segment=7))
    assert [label.value for label in session.segmentation.labels] == [1, 7]


def test_labels_above_255_that_turn_up_later() -> None:
    session = Session(image(), ball())
    change = session.add(Point(at(1, 1, 1), segment=300))
    assert session.segmentation.voxels[1, 1, 1] == 300 and change.labels.max() == 300
    session.add(Point(at(10, 8, 6)))
    session.undo()
    session.undo()
    assert session.segmentation.voxels.dtype == np.uint8
    np.testing.assert_array_equal(session.segmentation.voxels, ball().voxels)
    session.redo()
    assert session.segmentation.voxels[1, 1, 1] == 300


@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "uint64", "float32", "float64", ">u2"])
def test_labels_of_other_types_are_taken_when_they_are_labels(dtype: str) -> None:
    given = ball(dtype=dtype)
    session = Session(image(), given)
    np.testing.assert_array_equal(session.segmentation.voxels, given.voxels)
    session.add(Point(at(5, 5, 4), include=False))
    session.undo()
    np.testing.assert_array_equal(session.segmentation.voxels, given.voxels)


@pytest.mark.parametrize("value", [np.nan, -1.0, 0.5, 70_000.0, np.inf])
def test_labels_that_are_none(value: float) -> None:
    given = ball(dtype="float64")
    given.voxels[0, 0, 0] = value
    with pytest.raises(InputError, match=r"other than whole numbers .*Round or renumber"):
        Session(image(), given)
    box = Box((0, 0, 0), (1, 1, 2))
    session = begun()
    untouched(session, lambda: session.add(Strokes(box, np.array([[[value, 1.0]]]))), InputError, "What was painted")


@pytest.mark.parametrize(
    ("box", "shape"),
    [
        (Box((0, 0, 0), (2, 2, 2)), (2, 2, 3)),
        (Box((-1, 0, 0), (1, 2, 2)), (2, 2, 2)),
        (Box((0, 0, 10), (2, 2, 13)), (2, 2, 3)),
    ],
)
def test_strokes_that_do_not_fit(box: Box, shape: tuple[int, int, int]) -> None:
    session = begun()
    strokes = Strokes(box, np.ones(shape, np.uint8))
    untouched(session, lambda: session.add(strokes), InputError, "do not fit the image")
    wrong = Strokes(Box((0, 0, 0), (2, 2, 2)), np.ones((2, 2, 2), np.uint8), np.ones((2, 2), bool))
    untouched(session, lambda: session.add(wrong), InputError, "do not fit the image")


def test_strokes_stay_as_they_were_when_their_array_changes_later() -> None:
    labels = np.full((2, 2, 2), 5, np.uint8)
    session = Session(image(), ball())
    session.add(Strokes(Box((0, 0, 0), (2, 2, 2)), labels))
    after = session.segmentation.voxels
    labels[...] = 9
    session.add(Point(at(9, 8, 6)))
    session.remove(1)
    np.testing.assert_array_equal(session.segmentation.voxels, after)
    assert (session.history[0].labels == 5).all()


def test_strokes_that_paint_nothing_are_an_edit_all_the_same() -> None:
    session = Session(image(), ball())
    change = session.add(Strokes(Box((0, 0, 0), (4, 4, 4)), ball().voxels[:4, :4, :4]))
    assert change.empty and len(session.history) == 1
    assert session.undo().empty and session.redo().empty
    assert session.add(Strokes(Box((3, 3, 3), (3, 3, 3)), np.zeros((0, 0, 0), np.uint8))).empty


def test_an_edit_that_is_not_there() -> None:
    session = begun()
    for number in (-1, 1, 50):
        untouched(session, lambda number=number: session.remove(number), InputError, f"no edit {number}")


def test_an_edit_without_which_a_later_one_cannot_be_made_stays() -> None:
    """The strokes took away a locked segment; the point lies where it was."""
    session = Session(image(), ball(), 2, locked=[1])
    session.add(Strokes(Box((0, 0, 0), GRID.shape), np.zeros(GRID.shape, np.uint8)))
    session.add(Point(at(5, 5, 4)))
    untouched(session, lambda: session.remove(0), InputError, "Edit 1 could not be made without it", "first")
    session.remove(1)
    session.remove(0)
    np.testing.assert_array_equal(session.segmentation.voxels, ball().voxels)


def test_taking_back_an_earlier_prompt_leaves_what_was_painted_later() -> None:
    """Strokes are told as labels of a box; only what was painted is the person's."""
    session = Session(image(), ball(), 2, method=Adversary("narrow"))
    session.add(Point(at(1, 1, 1)))
    labels = session.segmentation.voxels[:3, :3, :3].copy()
    labels[2, 2, 2] = 3
    session.add(Strokes(Box((0, 0, 0), (3, 3, 3)), labels))
    session.remove(0)
    expected = ball().voxels
    expected[2, 2, 2] = 3
    np.testing.assert_array_equal(session.segmentation.voxels, expected)


def test_what_was_denied_does_not_come_back_by_another_prompt() -> None:
    """Not 1, then 2, then not 2: the voxel was given as 1 and must not be it again."""
    session = Session(image(), ball())
    place = at(5, 5, 4)
    session.add(Point(place, include=False, segment=1))
    session.add(Point(place, segment=2))
    session.add(Point(place, include=False, segment=2))
    assert session.segmentation.voxels[4, 5, 5] == 0


def test_what_an_exclusion_leaves_is_what_was_painted_last() -> None:
    session = Session(image(), ball())
    place, box = at(5, 5, 4), Box((4, 5, 5), (5, 6, 6))
    session.add(Strokes(box, np.full((1, 1, 1), 3, np.uint8)))
    session.add(Point(place, segment=2))
    session.add(Point(place, include=False, segment=2))
    assert session.segmentation.voxels[4, 5, 5] == 3


def test_a_locked_segment_does_not_gain_what_an_exclusion_leaves() -> None:
    session = Session(image(), ball(), 2, locked=[1])
    place, box = at(5, 5, 4), Box((4, 5, 5), (5, 6, 6))
    labels = ball().voxels
    session.add(Strokes(box, np.full((1, 1, 1), 2, np.uint8), np.zeros((1, 1, 1), bool)))
    assert session.segmentation.voxels[4, 5, 5] == 1
    # Painted away and back: given is then what was painted, so the locked value comes from the strokes alone.
    session.add(Strokes(Box((0, 0, 0), GRID.shape), np.where(labels == 1, 2, 0).astype(np.uint8)))
    session.add(Point(place, include=False))
    assert not (session.segmentation.voxels == 1).any() and session.segmentation.voxels[4, 5, 5] == 0


def test_contradictions_are_said_and_the_later_wins() -> None:
    session = Session(image(), ball())
    place = at(5, 5, 4)
    assert not session.add(Point(place)).notes
    assert any("contradicts earlier prompts in 1 voxels" in note for note in session.add(Point(place, False)).notes)
    assert session.segmentation.voxels[4, 5, 5] == 0
    assert any("contradicts" in note for note in session.add(Point(place, segment=2)).notes) is False
    assert any("contradicts" in note for note in session.add(Point(place)).notes)
    assert session.segmentation.voxels[4, 5, 5] == 1


class Raising(Watching):
    """Fails at a certain call."""

    def __init__(self, at: int, error: BaseException) -> None:
        super().__init__()
        self.at, self.error = at, error

    def solve(self, problem: Problem) -> np.ndarray:
        if len(self.problems) == self.at:
            raise self.error
        return super().solve(problem)


@pytest.mark.parametrize("error", [RuntimeError("no memory"), MemoryError(), KeyboardInterrupt(), SystemExit(1)])
def test_a_method_that_fails_leaves_the_session_as_it_was(error: BaseException) -> None:
    session = Session(image(), ball(), method=Raising(0, error))
    untouched(session, lambda: session.add(Point(at(1, 1, 1), segment=300)), type(error))
    method = Raising(4, error)
    session = Session(image(), ball(), method=method)
    for place in (1, 3, 9):
        session.add(Point(at(place, 8, 1), segment=place * 100))
    # The first of two that are made anew, then the second.
    untouched(session, lambda: session.remove(0), type(error))
    assert len(method.problems) == 4


class Shaped(Watching):
    def __init__(self, shape: Callable[[tuple[int, ...]], tuple[int, ...]]) -> None:
        super().__init__()
        self.shape = shape

    def solve(self, problem: Problem) -> np.ndarray:
        return np.ones(self.shape(problem.mask.shape), bool)


@pytest.mark.parametrize(
    "shape", [lambda s: (1, *s), lambda s: s[:2], lambda s: (1, 1, 1), lambda s: (s[0], s[1], s[2] + 1), lambda s: ()]
)
def test_a_method_that_answers_for_another_box(shape: Callable[[tuple[int, ...]], tuple[int, ...]]) -> None:
    session = Session(image(), ball(), method=Shaped(shape))
    untouched(session, lambda: session.add(Point(at(1, 1, 1))), ValueError, "answered an array of shape")


METHODS: list[Method] = [Watching(), Adversary("everything")]


@pytest.mark.parametrize("method", METHODS, ids=["careful", "greedy"])
def test_a_prompt_too_large_to_look_around_changes_what_it_covers(
    method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    from UNetSegmentLib.refinement import growing

    monkeypatch.setattr(growing, "MOST_VOXELS", 20)
    monkeypatch.setattr(growing, "MOST_PARTS", 3)
    session = Session(image(), None, method=method)
    change = session.add(Scribble((at(0, 0, 0), at(11, 9, 7)), radius=3.0))
    assert any("so large that only what it covers" in note for note in change.notes)
    session.undo()
    monkeypatch.setattr(growing, "MOST_PARTS", 500)
    again = session.add(Scribble((at(0, 0, 0), at(11, 9, 7)), radius=3.0))
    assert not again.notes and again.voxels >= change.voxels
