"""Measuring through the engine, and the tiles that calibrate."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from level_cases import write_cases

from UNetSegmentLib.compression.calibration import calibration_tiles
from UNetSegmentLib.compression.cases import find_cases
from UNetSegmentLib.compression.measuring import Answers, Measured, measure
from UNetSegmentLib.errors import Cancelled, InputError
from UNetSegmentLib.inference import EngineSettings
from UNetSegmentLib.models import load_model
from UNetSegmentLib.progress import CancelToken

SETTINGS = EngineSettings(backend="torch")


def test_a_model_that_knows_the_answer_scores_one(level_cases: Path, level_package: Path) -> None:
    model = load_model(level_package)
    answers = Answers()
    measured = measure(model, find_cases(level_cases, model.card)[:2], SETTINGS, answers=answers)
    assert measured.labels == ("first level", "second level")
    assert measured.dice == ((1.0, 1.0), (1.0, 1.0)) and measured.mean == measured.worst == 1.0
    assert measured.hd95 == 0.0
    assert answers.agreement(answers) == 1.0


def test_images_alone_are_measured_against_another_models_answer(level_cases: Path, level_package: Path) -> None:
    model = load_model(level_package)
    cases = find_cases(level_cases / "images", model.card)[:2]
    with pytest.raises(InputError, match="no label map"):
        measure(model, cases, SETTINGS)
    answers = Answers()
    for case in cases:
        answers.keep(case.name, np.zeros((20, 18, 22), np.uint8))
    assert measure(model, cases, SETTINGS, reference=answers).mean == 0.0


def test_measuring_can_be_cancelled(level_cases: Path, level_package: Path) -> None:
    model, token = load_model(level_package), CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        measure(model, find_cases(level_cases, model.card), SETTINGS, cancel=token)


def test_means_leave_out_what_has_no_score() -> None:
    nan = math.nan
    before = Measured(("a", "b"), ("x", "y"), ((0.8, nan), (0.6, 0.4)))
    after = Measured(("a", "b"), ("x", "y"), ((0.7, nan), (0.6, 0.2)))
    assert before.per_label == pytest.approx((0.7, 0.4)) and before.mean == pytest.approx(0.55)
    assert before.worst == pytest.approx(0.5)
    assert before.worst_loss(after) == pytest.approx(0.1)
    assert before.hd95 is None


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=3, max_dims=3), elements=st.integers(0, 3)))
def test_answers_come_back_as_they_were(labels: np.ndarray) -> None:
    answers, other = Answers(), Answers()
    answers.keep("a", labels)
    other.keep("a", np.zeros_like(labels))
    np.testing.assert_array_equal(answers.get("a"), labels)
    assert answers.agreement(other) == pytest.approx(float((labels == 0).mean()))


def test_calibration_tiles_are_the_engines_and_the_same_each_time(level_cases: Path, level_package: Path) -> None:
    model = load_model(level_package)
    cases = find_cases(level_cases, model.card)
    first = list(calibration_tiles(model, cases, 10, seed=3))
    again = list(calibration_tiles(model, cases, 10, seed=3))
    other = list(calibration_tiles(model, cases, 10, seed=4))
    assert [tile.shape for tile in first] == [(1, 1, 16, 16, 16)] * 10
    assert all(tile.dtype == np.float32 for tile in first)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert any(not np.array_equal(one, two) for one, two in zip(first, other, strict=True))
    assert len({tile.tobytes() for tile in first}) == 10


@pytest.mark.parametrize("labelled", [True, False])
def test_half_of_the_tiles_show_something(labelled: bool, tmp_path: Path, level_package: Path) -> None:
    """Most tiles of every case are empty. Without labels the network tells, of those that are tried."""
    from UNetSegmentLib.io import write_volume
    from UNetSegmentLib.volume import Volume

    write_cases(tmp_path, 3)
    for number in range(3):
        voxels = np.random.default_rng(number).uniform(0, 0.3, (40, 40, 40)).astype(np.float32)
        voxels[:14, :3, :3] = 2
        write_volume(Volume.from_array(voxels), tmp_path / "images" / f"case{number}.nii.gz")
        labels = np.rint(voxels).astype(np.uint8)
        write_volume(Volume.from_array(labels), tmp_path / "labels" / f"case{number}.nii.gz")
    model = load_model(level_package)
    cases = find_cases(tmp_path if labelled else tmp_path / "images", model.card)
    tiles = list(calibration_tiles(model, cases, 6))
    assert len(tiles) == 6
    assert sum(bool((tile > 0.5).any()) for tile in tiles) >= (3 if labelled else 1)


def test_few_tiles_are_all_given(level_cases: Path, level_package: Path) -> None:
    model = load_model(level_package)
    cases = find_cases(level_cases, model.card)
    # 20 x 18 x 22 voxels in tiles of 16: two along each axis.
    assert len(list(calibration_tiles(model, cases[:2], 100))) == 16
    assert len(list(calibration_tiles(model, cases, 3, patch=(20, 18, 22)))) == 3


def test_tiles_that_the_engine_leaves_out_calibrate_nothing(level_cases: Path, level_package: Path) -> None:
    from UNetSegmentLib.models.model import Model

    model = load_model(level_package)
    contract = replace(model.card.inference, background_below=5.0)
    dark = Model.in_memory(replace(model.card, inference=contract), [model.network()])
    assert list(calibration_tiles(dark, find_cases(level_cases, model.card), 4)) == []
