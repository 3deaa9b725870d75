"""The method that needs no network, on phantoms whose objects are known."""

from __future__ import annotations

import numpy as np
import pytest

from UNetSegmentLib.refinement import Lasso, Point, Scribble, Session
from UNetSegmentLib.volume import Segmentation, Volume

SHAPE = (40, 48, 48)
MIDDLE = (24.0, 24.0, 20.0)
Z, Y, X = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
BALL = (Z - 20) ** 2 + (Y - 24) ** 2 + (X - 24) ** 2 <= 11**2


def ball_image(noise: float = 8.0) -> np.ndarray:
    return (BALL * 100 + np.random.default_rng(4).normal(0, noise, SHAPE)).astype(np.float32)


def dice(session: Session) -> float:
    mask = session.segmentation.voxels == 1
    return float(2 * (mask & BALL).sum() / (mask.sum() + BALL.sum()))


def clicked(image: np.ndarray) -> Session:
    session = Session(Volume.from_array(image), None, 1)
    session.add(Point(MIDDLE))
    return session


def test_one_click_finds_a_ball() -> None:
    assert dice(clicked(ball_image())) > 0.92


@pytest.mark.parametrize(("missing", "place"), [(Z < 20, (24.0, 24.0, 14.0)), (X > 26, (30.0, 24.0, 20.0))])
def test_one_click_mends_a_missing_part(missing: np.ndarray, place: tuple[float, float, float]) -> None:
    start = Segmentation.from_array((BALL & ~missing).astype(np.uint8))
    session = Session(Volume.from_array(ball_image()), start, 1)
    before = dice(session)
    session.add(Point(place))
    assert dice(session) > max(0.93, before)


def test_one_click_takes_a_leak_away() -> None:
    leak = (Z - 20) ** 2 + (Y - 24) ** 2 + (X - 40) ** 2 <= 6**2
    session = Session(Volume.from_array(ball_image()), Segmentation.from_array((BALL | leak).astype(np.uint8)), 1)
    session.add(Point((41.0, 24.0, 20.0), include=False))
    assert dice(session) > 0.97


def test_a_bright_voxel_beside_the_click_hides_nothing() -> None:
    image = ball_image()
    image[20, 24, 25] = 1e4
    assert dice(clicked(image)) > 0.92


def test_a_channel_that_says_nothing_is_not_asked() -> None:
    image = ball_image()
    alone = clicked(image).segmentation.voxels
    for other in (np.zeros_like(image), np.full_like(image, np.nan)):
        assert np.array_equal(clicked(np.stack([image, other])).segmentation.voxels, alone)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1e6])
def test_units_do_not_matter(scale: float) -> None:
    assert dice(clicked(ball_image() * np.float32(scale))) > 0.92


@pytest.mark.parametrize("noise", [8.0, 60.0])
def test_a_lasso_is_a_border_and_tells_the_size(noise: float) -> None:
    """Where the image says little, too: without a limit the ball would run out into all that looks like it."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = [(24 + 11.4 * np.cos(a), 24 + 11.4 * np.sin(a), 20.0) for a in angles]
    session = Session(Volume.from_array(ball_image(noise)), None, 1)
    change = session.add(Lasso(tuple(circle)))
    mask = session.segmentation.voxels == 1
    assert np.array_equal(mask[20], (X[0] - 24) ** 2 + (Y[0] - 24) ** 2 <= 11.4**2)
    assert change.reach < 16 and mask.sum() < 2.5 * BALL.sum()
    if noise < 10:
        assert dice(session) > 0.9


def test_a_faint_vessel_stays_as_thin_as_it_is_drawn() -> None:
    """One voxel wide and hardly brighter than the noise, beside a vessel that was found."""
    image = np.random.default_rng(1).normal(0, 10, (1, 60, 60)).astype(np.float32)
    image[0, 30] += 6
    image[0, 10:13] += 60
    start = np.zeros((1, 60, 60), np.uint8)
    start[0, 10:13] = 1
    session = Session(Volume.from_array(image), Segmentation.from_array(start), 1)
    change = session.add(Scribble(((5.0, 30.0, 0.0), (54.0, 30.0, 0.0))))
    assert 50 <= change.voxels < 200


def test_a_click_that_nothing_stands_out_from_says_so() -> None:
    """In noise beside a mask that was given, only the click itself may be sure."""
    image = np.random.default_rng(2).normal(0, 10, SHAPE).astype(np.float32)
    start = np.zeros(SHAPE, np.uint8)
    start[2:5, 2:5, 2:5] = 1
    session = Session(Volume.from_array(image), Segmentation.from_array(start), 1)
    change = session.add(Point((40.0, 40.0, 30.0)))
    assert change.voxels < 400
    assert (change.voxels == 1) == any("does not set this place apart" in note for note in change.notes)
