"""Strokes, edits that are taken back or contradict one another, and methods that fail: the session stays whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from refinement_scenes import Adversary
from small_sessions import GRID, Watching, at, ball, begun, image, untouched

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Box
from UNetSegmentLib.refinement import Point, Scribble, Session, Strokes
from UNetSegmentLib.refinement.method import Method, Problem


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
