"""``unetsegment evaluate --pictures``: the worst, median and best case as pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import Result

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import write_segmentation, write_volume
from UNetSegmentLib.labels import Label
from UNetSegmentLib.reporting.drawing.agreement import EXTRA, MISSED, RIGHT
from UNetSegmentLib.volume import Segmentation, Volume

Run = Callable[..., Result]
GRID = Geometry((30, 24, 20), (1.0, 1.5, 2.0))


def count(path: Path, color: tuple[int, int, int]) -> int:
    return int((np.asarray(Image.open(path).convert("RGB")) == np.array(color)).all(axis=-1).sum())


def labels(value: np.ndarray) -> Segmentation:
    return Segmentation(value.astype(np.uint8), GRID, (Label(1, "part"),))


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Four cases whose predictions are 0, 2, 4 and 6 columns too short, with images numbered as nnU-Net does."""
    for folder in ("predictions", "labels", "images"):
        (tmp_path / folder).mkdir()
    for number in range(4):
        real = np.zeros(GRID.shape)
        real[5:15, 4:20, 6:24] = 1
        found = real.copy()
        found[..., 24 - 2 * number :] = 0
        write_segmentation(labels(found), tmp_path / "predictions" / f"case{number}.nii.gz")
        write_segmentation(labels(real), tmp_path / "labels" / f"case{number}.nii.gz")
        voxels = np.random.default_rng(number).normal(real, 0.2)[None].astype(np.float32)
        write_volume(Volume(voxels, GRID), tmp_path / "images" / f"case{number}_0000.nii.gz")
    return tmp_path


def test_predictions_and_references(run: Run, folders: Path) -> None:
    drawn = folders / "new" / "cases"
    result = run("evaluate", folders / "predictions", folders / "labels", "--pictures", drawn)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in drawn.iterdir()) == ["case-best.png", "case-median.png", "case-worst.png"]
    assert f"Picture: {drawn / 'case-worst.png'}" in result.stdout
    swatch = 22 * 22
    assert count(drawn / "case-best.png", MISSED.color) <= swatch
    missed = [count(drawn / f"case-{which}.png", MISSED.color) for which in ("median", "worst")]
    # Two voxels short is the better one of the middle two; the worst is six.
    assert missed[1] - swatch > 1.3 * (missed[0] - swatch) > 0
    assert count(drawn / "case-worst.png", EXTRA.color) <= swatch
    assert count(drawn / "case-worst.png", RIGHT.color) > 10 * swatch


def test_the_image_beside_or_left_out(run: Run, folders: Path) -> None:
    sides = ("evaluate", folders / "predictions", folders / "labels", "--images", folders / "images")
    assert run(*sides, "--pictures", folders / "with").exit_code == 0
    assert run(*sides, "--pictures", folders / "without", "--outcomes-only").exit_code == 0
    colours = [len(Image.open(folders / name / "case-worst.png").getcolors(1 << 24)) for name in ("with", "without")]
    # Letters and outcomes have few colours, an image between black and white has many.
    assert colours[0] > colours[1] + 100


def test_an_image_that_is_missing_or_lies_elsewhere(run: Run, folders: Path) -> None:
    sides = ("evaluate", folders / "predictions", folders / "labels", "--pictures", folders / "drawn", "--images")
    write_volume(Volume(np.zeros((1, 4, 4, 4), np.float32), Geometry((4, 4, 4))), folders / "images" / "case3.nii.gz")
    elsewhere = run(*sides, folders / "images")
    assert elsewhere.exit_code == 3
    assert "does not lie on the grid of its reference" in elsewhere.stderr
    missing = run(*sides, folders / "labels" / ".." / "predictions" / ".." / "new")
    assert missing.exit_code == 3


def test_a_model_on_a_held_out_fold(run_json: Callable[..., Any], level_package: Path, tmp_path: Path) -> None:
    """The level model finds what is bright; in one case half of that is not in the reference."""
    data = tmp_path / "data"
    for folder in ("images", "labels"):
        (data / folder).mkdir(parents=True)
    for number in range(4):
        real = np.zeros(GRID.shape)
        real[5:15, 4:20, 6:24] = 1
        write_volume(Volume(real[None].astype(np.float32), GRID), data / "images" / f"case{number}.nii.gz")
        if number == 1:
            real[..., 15:] = 0
        write_segmentation(labels(real), data / "labels" / f"case{number}.nii.gz")
    names = [[f"case{n}" for n in range(3)], ["case3"]]
    (data / "dataset.json").write_text(json.dumps({"labels": {"1": "part"}, "folds": names}), encoding="utf-8")
    found = run_json(
        "evaluate", "--model", level_package, "--data", data, "--fold", 0, "--pictures", tmp_path / "cases"
    )
    assert [Path(path).name for path in found["pictures"]] == ["case-worst.png", "case-median.png", "case-best.png"]
    assert count(tmp_path / "cases" / "case-worst.png", EXTRA.color) > 5000
    assert count(tmp_path / "cases" / "case-best.png", EXTRA.color) <= 22 * 22
