"""The table of ways to run a model: what it measures, and what stands in it for what cannot run or was not run."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from level_cases import level_image

from UNetSegmentLib.compression import benchmark as module
from UNetSegmentLib.compression.benchmark import Way, benchmark, noise, ways
from UNetSegmentLib.errors import InputError
from UNetSegmentLib.inference.backends import choice, installed
from UNetSegmentLib.models import Model, load_model
from UNetSegmentLib.progress import CancelToken, ProgressEvent
from UNetSegmentLib.volume import Segmentation, Volume


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept in the user's own cache."""
    monkeypatch.setattr(Path, "home", classmethod(lambda cls: tmp_path))


@pytest.fixture
def model(level_package: Path) -> Model:
    return load_model(level_package)


@pytest.fixture
def image() -> Volume:
    return Volume.from_array(level_image(0))


def truth(model: Model, image: Volume) -> Segmentation:
    labels = np.rint(image.voxels[0]).astype(np.uint8)
    # Half of what is of level 2 is called level 1: its Dice is then that of a set and its half, 2 / 3.
    inside = np.flatnonzero(labels == 2)
    labels.reshape(-1)[inside[: inside.size // 2]] = 1
    return Segmentation(labels, image.geometry, model.card.labels)


def test_every_way_is_timed_or_says_why_not(model: Model, image: Volume) -> None:
    before = torch.get_num_threads()
    done = benchmark(model, image, truth(model, image), tried=[*ways([1], [(8, 8, 8)]), Way("torch", threads=2)])
    assert torch.get_num_threads() == before
    assert {(row.way.backend, row.way.precision) for row in done.rows} >= {("torch", "bf16"), ("onnx", "fp32")}
    ones = int((np.rint(image.voxels[0]) == 1).sum())
    twos = int((np.rint(image.voxels[0]) == 2).sum())
    moved = twos // 2
    dice = (2 * ones / (2 * ones + moved) + 2 * (twos - moved) / (2 * twos - moved)) / 2
    for row in done.rows:
        assert bool(row.problem) == math.isnan(row.tile_seconds)
        if row.problem:
            continue
        assert 0 < row.tile_seconds <= row.case_seconds
        if row.way.precision == "fp32":
            assert (row.agreement, row.dice) == (1.0, pytest.approx(dice))
    plain = next(row for row in done.rows if row.way == Way("torch"))
    assert plain.problem == ""
    assert done.auto in ("torch", "openvino")
    (chosen,) = (row for row in done.rows if row.chosen)
    assert chosen.way == Way(done.auto, threads=1)
    (small, *_) = (row for row in done.rows if row.way.form == "int8")
    assert "no 8-bit form" in small.problem or installed.version_of("openvino") is None
    assert {row.patch for row in done.rows if row.way.patch and not row.problem} == {(8, 8, 8)}


def test_without_an_image_there_are_several_tiles_of_noise(model: Model) -> None:
    done = benchmark(model, tried=[Way("torch")])
    assert done.tiles > 1
    assert math.isnan(done.rows[0].dice)
    assert noise(model).voxels.shape[0] == len(model.card.inputs)


def test_ways_of_other_tiles_run_on_the_same_noise(model: Model) -> None:
    whole = model.card.inference.patch
    done = benchmark(model, tried=[Way("torch"), Way("torch", patch=(whole[0], whole[1] // 2, whole[2] // 2))])
    assert all(0 <= row.agreement <= 1 for row in done.rows), done.rows


def test_a_package_that_is_not_installed_is_a_row_with_its_cure(
    model: Model, image: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (installed, choice):
        monkeypatch.setattr(place, "version_of", lambda package: None)
    (row,) = benchmark(model, image, tried=[Way("onnx")]).rows
    assert "pip install onnxruntime" in row.problem


def test_when_the_time_is_up_no_run_is_begun(model: Model, image: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    done = benchmark(model, image, tried=[replace(Way("torch"), batch=n) for n in (1, 2, 3)], seconds=2)
    assert [row.problem for row in done.rows] == ["", "", "not run: the time was up"]


def test_cancelling_keeps_what_was_measured(model: Model, image: Volume) -> None:
    token, seen = CancelToken(), []

    def progress(event: ProgressEvent) -> None:
        seen.append(event)
        if event.stage == "benchmark" and event.done == 1:
            token.cancel()

    done = benchmark(model, image, tried=[Way("torch"), Way("torch", batch=1)], progress=progress, cancel=token)
    assert done.cancelled and done.auto == ""
    assert [row.problem for row in done.rows] == ["", "not run: cancelled"]
    assert seen


def test_a_reference_must_fit_its_image(model: Model, image: Volume) -> None:
    labels = Segmentation(np.zeros((3, 4, 5), np.uint8), Volume.from_array(np.zeros((3, 4, 5))).geometry, ())
    with pytest.raises(InputError, match="5 x 4 x 3 voxels"):
        benchmark(model, image, labels)
    with pytest.raises(InputError, match="without its image"):
        benchmark(model, None, labels)
