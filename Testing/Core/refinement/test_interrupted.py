"""An edit that is interrupted anywhere is made whole or not at all.

Every line of the library that runs during a call is interrupted once, as Ctrl+C and a lack of memory do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType

import numpy as np
import pytest
from refinement_scenes import Adversary

import UNetSegmentLib.refinement
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.refinement import Lasso, Point, Scribble, Session, Strokes
from UNetSegmentLib.volume import Segmentation, Volume

GRID = Geometry((7, 6, 5), (1.0, 1.5, 2.0))
LIBRARY = str(UNetSegmentLib.refinement.__path__[0])


def begun() -> Session:
    """Five edits of all kinds made, two undone."""
    labels = np.zeros(GRID.shape, np.uint8)
    labels[1:4, 1:4, 1:4] = 1
    image = np.random.default_rng(0).integers(0, 99, (1, *GRID.shape)).astype(np.int16)
    session = Session(Volume(image, GRID), Segmentation(labels, GRID), method=Adversary("everything"), reach=4.0)
    session.add(Point((0.0, 0.0, 0.0)))
    session.add(Strokes(Box((2, 2, 2), (4, 4, 4)), np.full((2, 2, 2), 2, np.uint8)))
    session.add(Scribble(((5.0, 5.0, 8.0), (6.0, 3.0, 4.0)), segment=2))
    session.add(Point((2.0, 3.0, 4.0), include=False))
    session.add(Lasso(((1.0, 1.0, 2.0), (5.0, 1.0, 2.0), (5.0, 6.0, 2.0))))
    session.undo()
    session.undo()
    return session


STEPS: dict[str, Callable[[Session], object]] = {
    "include": lambda session: session.add(Point((6.0, 7.5, 0.0))),
    "exclude": lambda session: session.add(Scribble(((0.0, 0.0, 0.0), (3.0, 4.0, 4.0)), include=False)),
    "a wider type": lambda session: session.add(Point((6.0, 7.5, 0.0), segment=300)),
    "strokes": lambda session: session.add(Strokes(Box((0, 0, 0), (2, 2, 2)), np.full((2, 2, 2), 400, np.uint16))),
    "undo": Session.undo,
    "redo": Session.redo,
    "reset": Session.reset,
    "remove": lambda session: session.remove(0),
}


def interrupted(work: Callable[[], object], line: int, error: type[BaseException]) -> bool:
    """Does something and raises an error before a line of the library runs, the n-th that does; whether it came to
    that."""
    count = 0

    def watch(frame: FrameType, event: str, argument: object) -> Callable[..., object] | None:
        nonlocal count
        if not frame.f_code.co_filename.startswith(LIBRARY):
            return None
        if event == "line":
            count += 1
            if count == line:
                raise error
        return watch

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        work()
    except error:
        return True
    finally:
        sys.settrace(before)
    return False


def state(session: Session) -> tuple[bytes, tuple[object, ...], tuple[object, ...], tuple[object, ...]]:
    now = session.segmentation
    return now.voxels.astype(np.uint16).tobytes(), session.history, session.undone, now.labels


@pytest.mark.parametrize(("step", "error"), [*((step, KeyboardInterrupt) for step in STEPS), ("undo", MemoryError)])
def test_every_line_may_be_the_last(step: str, error: type[BaseException]) -> None:
    session = begun()
    before = state(session)
    STEPS[step](session)
    after = state(session)
    assert before != after
    session, line, undisturbed = begun(), 1, 0
    while interrupted(partial(STEPS[step], session), line, error):
        found = state(session)
        assert found in (before, after), f"interrupted before line {line} of those that run"
        # As it was, it is used on: nothing else may have been left behind either.
        undisturbed += found == before
        if found == after:
            session = begun()
        # Of the two that make several edits, one after the other, a third of the lines will do.
        line += 3 if step in ("reset", "remove") else 1
    assert undisturbed > 15
    assert state(session) == after
