"""What the benchmark of corrections compares with, on a phantom that each of them can do."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("skimage", reason="the benchmark needs scikit-image")
pytest.importorskip("surface_distance", reason="the benchmark measures with surface-distance")

sys.path.insert(0, str(Path(__file__).parents[2] / "Benchmarks"))

from refinement import Case, OurSession, play, robot, tables
from refinement.baselines import all_of_them, ball
from refinement.records import Records, area
from refinement.solvers import SOLVERS

from UNetSegmentLib.volume import Segmentation, Volume

SHAPE = (22, 26, 30)


@pytest.fixture(scope="module")
def bright_ball():
    """A bright ball of radius 6 in noise, and nothing found of it yet."""
    z, y, x = np.indices(SHAPE)
    reference = (z - 11) ** 2 + (y - 13) ** 2 + (x - 15) ** 2 <= 36
    grey = np.random.default_rng(0).normal(0, 5, SHAPE) + 100 * reference
    volume = Volume.from_array(grey.astype(np.float32))
    start = Segmentation(np.zeros(SHAPE, np.uint8), volume.geometry)
    return Case("nothing", "ball", "tune", volume, start, 1, reference)


@pytest.mark.parametrize("name", [name for name in all_of_them() if "ball" not in name])
def test_baseline_finds_a_bright_ball_by_two_clicks(name, bright_ball):
    assert play(all_of_them()[name], bright_ball, clicks=2, surfaces=False)[-1].dice > 0.95


@pytest.mark.parametrize("name", SOLVERS)
def test_solver_finds_a_bright_ball_by_one_click(name, bright_ball):
    steps = play(lambda case: OurSession(case, SOLVERS[name]()), bright_ball, clicks=1, surfaces=False)
    assert steps[-1].dice > 0.95


def test_painted_ball_has_its_radius(bright_ball):
    painting = ball(4.0)(bright_ball)
    painting.add(robot.click(bright_ball.start, bright_ball.reference, bright_ball.volume.geometry))
    assert np.count_nonzero(painting.mask) == pytest.approx(4 / 3 * np.pi * 4**3, rel=0.06)


def test_once_nothing_is_wrong_the_last_step_is_repeated(bright_ball):
    class Knows:
        def __init__(self, case):
            self.mask, self._answer = case.start, case.reference

        def add(self, prompt):
            self.mask = self._answer

    steps = play(Knows, bright_ball, clicks=4, surfaces=False)
    assert [step.dice for step in steps] == [0, 1, 1, 1, 1]
    assert area(steps) == 1


def test_what_was_measured_is_kept_and_shown(bright_ball, tmp_path):
    path = tmp_path / "found.json"
    records = Records(path)
    records.put("brush", bright_ball, play(ball(4.0), bright_ball, surfaces=False))
    records.save()
    again = Records(path)
    assert again.steps("brush", "nothing", "tune") == records.steps("brush", "nothing", "tune")
    assert not again.steps("brush", "nothing", "report")
    (row,) = [line for line in tables.clicks(again, ["nothing"], ["brush"]).splitlines() if "brush" in line]
    assert row.startswith("| nothing | tune | 1 | brush | 0.000 |")
