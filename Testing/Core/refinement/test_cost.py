"""What a correction costs: a copy of the labels, then boxes; the hundredth prompt as much as the tenth."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from refinement_scenes import Adversary

from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.refinement import BoxPrompt, Lasso, Point, Prompt, Scribble, Session, Strokes
from UNetSegmentLib.volume import Segmentation, Volume

LARGE = Geometry((256, 256, 160))
SMALL = Geometry((64, 64, 64), origin=(96.0, 96.0, 48.0))


def opened(grid: Geometry, **more: object) -> Session:
    """An image that is the same in both grids where they meet."""
    box = Box((48, 96, 96), (112, 160, 160))
    image = np.zeros((1, *grid.shape), np.int16)
    labels = np.zeros(grid.shape, np.uint8)
    z, y, x = np.ogrid[:64, :64, :64]
    ball = ((z - 32) ** 2 + (y - 32) ** 2 + (x - 32) ** 2 < 20**2).astype(np.int16)
    part = box.slices if grid is LARGE else Box.whole(grid.shape).slices
    image[0][part] = ball * 80 + np.random.default_rng(0).integers(0, 20, ball.shape)
    labels[part] = ball
    labels[part][:, :, 40:] = 0
    return Session(Volume(image, grid), Segmentation(labels, grid), **more)


@contextmanager
def measured() -> Iterator[list[int]]:
    """Bytes that are allocated beyond those before: the most at once, and those that stay."""
    found: list[int] = []
    gc.collect()
    tracemalloc.start()
    try:
        yield found
        found += tracemalloc.get_traced_memory()[::-1]
    finally:
        tracemalloc.stop()


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def middle(k: float = 80.0) -> tuple[float, float, float]:
    return (143.0, 128.0, k)


def test_opening_takes_one_copy_of_the_labels() -> None:
    image = np.zeros((1, *LARGE.shape), np.int16)
    labels = np.ones(LARGE.shape, np.uint8)
    volume, segmentation = Volume(image, LARGE), Segmentation(labels, LARGE)
    for given in (segmentation, None):
        with measured() as found:
            session = Session(volume, given, method=Adversary("nothing"))
        assert found[0] < 1.02 * labels.nbytes
        del session


EDITS = {
    "point": lambda: Point(middle()),
    "exclude": lambda: Point((115.0, 128.0, 80.0), include=False),
    "scribble": lambda: Scribble((middle(), (140.0, 140.0, 80.0)), radius=2.0),
    "lasso": lambda: Lasso(((138.0, 120.0, 80.0), (148.0, 120.0, 80.0), (148.0, 136.0, 80.0), (138.0, 136.0, 80.0))),
    "box": lambda: BoxPrompt((128.0, 126.0, 80.0), (10.0, 12.0, 6.0), include=False),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_prompt_in_a_large_image_touches_a_box_alone(name: str) -> None:
    """As much memory and time as in a crop of 64 x 64 x 64, and the same answer."""
    taken, changes = {}, {}
    for grid in (SMALL, LARGE):
        # Far enough from the crop's sides that both see the same.
        session = opened(grid, reach=14.0)
        session.add(Point((110.0, 128.0, 80.0)))
        with measured() as found:
            changes[grid] = session.add(EDITS[name]())
        times = []
        for _ in range(2):
            session.undo()
            times.append(seconds(lambda session=session: session.add(EDITS[name]())))
        taken[grid] = found[0], min(times)
    np.testing.assert_array_equal(changes[SMALL].labels, changes[LARGE].labels)
    assert changes[SMALL].voxels
    assert taken[LARGE][0] < 1.1 * taken[SMALL][0] + 50_000
    assert taken[LARGE][1] < 3 * taken[SMALL][1] + 0.02


def test_the_way_back_touches_boxes_alone() -> None:
    session = opened(LARGE, method=Adversary("everything"), reach=6.0)
    for n in range(6):
        session.add(Point(middle(60.0 + 8 * n)))
    whole = int(np.prod(LARGE.shape))
    steps: list[Callable[[], object]] = [
        lambda: session.remove(1), session.undo, session.redo, session.reset, session.redo
    ]  # fmt: skip
    for step in steps:
        with measured() as found:
            step()
        assert found[0] < whole / 10


def test_strokes_by_hand_take_one_more_copy_once() -> None:
    session = opened(LARGE, method=Adversary("nothing"))
    strokes = Strokes(Box((5, 5, 5), (9, 9, 9)), np.full((4, 4, 4), 2, np.uint8))
    whole = int(np.prod(LARGE.shape))
    with measured() as found:
        session.add(strokes)
    assert found[0] < 1.1 * whole
    session.undo()
    with measured() as found:
        session.add(strokes)
    # What zlib works in is most of it.
    assert found[0] < whole / 20


def edits(count: int) -> Iterator[Prompt]:
    """Prompts of all kinds on the same place, so that each box holds all of the earlier ones."""
    random = np.random.default_rng(7)
    for n in range(count):
        x, y, z = (128 + random.integers(-3, 4, 3) - (0, 0, 48)).tolist()
        include = bool(n % 2)
        yield [
            Point((x, y, z), include),
            Scribble(((x, y, z), (x + 4, y - 2, z + 1)), include, radius=1.5),
            Lasso(((x - 3, y - 3, z), (x + 3, y - 3, z), (x + 2, y + 3, z)), include),
            BoxPrompt((x, y, z), (3.0, 2.0, 4.0), include),
        ][n % 4]


def test_the_last_of_200_prompts_takes_as_long_as_the_first() -> None:
    session = opened(SMALL, method=Adversary("nothing"), reach=6.0)
    times = [seconds(lambda edit=edit: session.add(edit)) for edit in edits(200)]
    assert np.median(times[-40:]) < 3 * np.median(times[10:50]) + 0.01


def test_the_last_of_200_prompts_keeps_as_much_as_the_first() -> None:
    """Each edit keeps its prompt, its packed voxels and labels, however many came before."""
    session = opened(SMALL, method=Adversary("everything"), reach=4.0)
    prompts = list(edits(200))
    stays = []
    for some in (prompts[:40], prompts[40:160], prompts[160:]):
        gc.collect()
        traced = len(some) == 40
        if traced:
            tracemalloc.start()
        for edit in some:
            session.add(edit)
        if traced:
            gc.collect()
            stays.append(tracemalloc.get_traced_memory()[0] / len(some))
            tracemalloc.stop()
    first, last = stays
    assert last < 2 * first + 1000 and first < 30_000


def test_prompts_all_over_a_large_image_keep_little() -> None:
    """A line from corner to corner, and a box of everything: their voxels are kept small, not as boxes."""
    session = opened(LARGE, method=Adversary("nothing"), reach=4.0)
    line = Scribble(((0.0, 0.0, 0.0), (255.0, 255.0, 159.0)), segment=2)
    everything = BoxPrompt((127.5, 127.5, 79.5), (256.0, 256.0, 160.0), include=False, segment=2)
    for edit in (line, everything):
        with measured() as found:
            session.add(edit)
        assert found[1] < 300_000
