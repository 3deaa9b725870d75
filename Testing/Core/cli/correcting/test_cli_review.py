"""``unetsegment review``: doubtful places as a table, as points for Slicer, as a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import Result

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import read_volume, write_segmentation, write_volume
from UNetSegmentLib.io.markups import PointList, read_markups
from UNetSegmentLib.labels import Label
from UNetSegmentLib.reporting.drawing.agreement import EXTRA, MISSED
from UNetSegmentLib.reporting.pictures import places as places_picture
from UNetSegmentLib.volume import Segmentation, Volume

Run = Callable[..., Result]
PART = (slice(4, 8), slice(4, 8), slice(18, 22))
"""Voxels (z, y, x) that belong to the segment by 0.9, and are not in it."""


@pytest.fixture
def case(image: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a block that lacks a part of which its probabilities are sure, and the image."""
    monkeypatch.setattr(places_picture, "_SIDE", 160)
    grid, folder = read_volume(image).geometry, image.parent
    voxels = np.zeros(grid.shape, np.uint8)
    voxels[2:12, 3:13, 4:16] = 1
    share = np.where(voxels == 1, 0.99, 0.01).astype(np.float32)
    share[PART] = 0.9
    labels = Segmentation(voxels, grid, (Label(1, "block", (200, 60, 20)),))
    write_segmentation(labels, folder / "labels.seg.nrrd")
    write_segmentation(replace(labels, labels=(*labels.labels, Label(2, "other"))), folder / "two.seg.nrrd")
    write_volume(Volume(np.stack([1 - share, share]), grid), folder / "both.nii.gz")
    write_volume(Volume(share[None], grid), folder / "one.nii.gz")
    entropy = -(share * np.log2(share) + (1 - share) * np.log2(1 - share))
    write_volume(Volume(entropy[None], grid), folder / "bits.nii.gz")
    return folder


def in_part(grid: Geometry, position: list[float]) -> bool:
    index = np.linalg.inv(grid.ras_matrix) @ (*position, 1)
    k, j, i = np.rint(index[:3]).astype(int)[::-1]
    return all(part.start <= n < part.stop for part, n in zip(PART, (k, j, i), strict=True))


@pytest.mark.parametrize("name", ["both.nii.gz", "one.nii.gz"])
def test_what_the_model_was_surer_of_than_its_mask_comes_first(run_json: Callable, case: Path, name: str) -> None:
    grid = read_volume(case / "image.nii.gz").geometry
    answer = run_json("review", case / "labels.seg.nrrd", "--probabilities", case / name)
    (place,) = answer["places"]
    assert in_part(grid, place["position_ras"])
    assert place["kind"] == "missing" and place["becomes"] == 1 and place["segment"] == "block"
    assert place["voxels"] == 64 and place["volume_ml"] == pytest.approx(64 * 3 / 1000)
    assert 0 < answer["agreement"] < 1


def test_the_uncertainty_alone(run_json: Callable, case: Path) -> None:
    grid = read_volume(case / "image.nii.gz").geometry
    first = run_json("review", case / "labels.seg.nrrd", "--uncertainty", case / "bits.nii.gz")
    assert not first["places"] or in_part(grid, first["places"][0]["position_ras"])
    assert first["agreement"] is not None


def test_a_table_points_and_a_picture(run: Run, case: Path) -> None:
    points, preview = case / "places.mrk.json", case / "places.png"
    options = ("--probabilities", case / "both.nii.gz", "--image", case / "image.nii.gz")
    result = run("review", case / "labels.seg.nrrd", *options, "--points", points, "--preview", preview)
    assert result.exit_code == 0, result.output
    assert "100 %" in result.stdout and "may belong to 'block'" in result.stdout and "not how accurate" in result.stdout
    (found,) = read_markups(points).items
    grid = read_volume(case / "image.nii.gz").geometry
    assert isinstance(found, PointList)
    assert [in_part(grid, [-x, -y, z]) for x, y, z in found.points] == [True]
    colours = np.asarray(Image.open(preview).convert("RGB"))
    blue, orange = ((colours == np.array(one.color)).all(axis=-1).sum() for one in (MISSED, EXTRA))
    assert blue > 3 * 200 and orange == 0
    # Its own results may be written again, those of others not.
    assert run("review", case / "labels.seg.nrrd", *options, "--points", points).exit_code == 0
    points.write_text("{}")
    assert run("review", case / "labels.seg.nrrd", *options, "--points", points).exit_code == 5


def test_the_mask_alone_and_with_its_image(run_json: Callable, case: Path) -> None:
    """A block has nothing odd; one with an island far away has."""
    grid = read_volume(case / "image.nii.gz").geometry
    assert run_json("review", case / "labels.seg.nrrd")["places"] == []
    voxels = np.zeros(grid.shape, np.uint8)
    voxels[2:12, 3:13, 4:16] = 1
    voxels[15:17, 20:22, 24:26] = 1
    write_segmentation(Segmentation(voxels, grid), case / "island.nii.gz")
    answer = run_json("review", case / "island.nii.gz", "--image", case / "image.nii.gz")
    island = [place for place in answer["places"] if place["kind"] == "extra" and place["voxels"] == 8]
    assert len(island) == 1 and answer["agreement"] is None


def test_segments_are_chosen_by_name_or_value(run_json: Callable, run: Run, case: Path) -> None:
    both = ("--probabilities", case / "both.nii.gz")
    for text in ("Block", "1"):
        assert len(run_json("review", case / "labels.seg.nrrd", *both, "-s", text)["places"]) == 1
    assert run_json("review", case / "two.seg.nrrd", "-s", "other")["places"] == []
    # One channel says nothing about which of two segments it is of.
    result = run("review", case / "two.seg.nrrd", "--probabilities", case / "one.nii.gz")
    assert result.exit_code == 3 and "--segment" in result.stderr
    assert len(run_json("review", case / "two.seg.nrrd", "--probabilities", case / "one.nii.gz", "-s", "1")["places"])


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--preview", "p.png"), 2, "no image"),
        (("--preview", "p.jpg"), 5, "does not end with .png"),
        (("--points", "p.fcsv"), 5, "does not end with .json"),
        (("-s", "spleen"), 3, "no segment 'spleen'"),
        (("--probabilities", "image.nii.gz"), 3, "no probabilities"),
        (("--image", "missing.nii.gz"), 3, "does not exist"),
        (("--most", "0"), 2, "--most"),
    ],
)
def test_bad_input(
    run: Run, case: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, str], code: int, said: str
) -> None:
    monkeypatch.chdir(case)
    result = run("review", "labels.seg.nrrd", *options)
    assert result.exit_code == code and said in result.stderr and "defect" not in result.stderr


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--roi", "0,1,0,1,0,1"), "--roi say"),
        (("--channel", "x.nii.gz", "--roi", "r.json"), "--channel and --roi say"),
    ],
)
def test_options_of_the_model_need_one(run: Run, case: Path, options: tuple[str, ...], named: str) -> None:
    result = run("review", case / "labels.seg.nrrd", "--image", case / "image.nii.gz", *options)
    assert result.exit_code == 2 and named in result.stderr and "Add --model" in result.stderr


def test_a_grey_image_is_not_reviewed_or_corrected(run: Run, case: Path) -> None:
    grey = read_volume(case / "image.nii.gz")
    values = np.random.default_rng(0).integers(0, 1000, grey.voxels.shape).astype(np.float32)
    write_volume(replace(grey, voxels=values), case / "grey.nii.gz")
    for words in (
        ("review", case / "grey.nii.gz"),
        ("refine", case / "grey.nii.gz", case / "grey.nii.gz", case / "o.nrrd"),
    ):
        result = run(*words, *(("--include", "0,0,0") if words[0] == "refine" else ()))
        assert result.exit_code == 3 and "is not a label map" in result.stderr, result.output


def test_another_grid_is_refused(run: Run, case: Path) -> None:
    grid = read_volume(case / "image.nii.gz").geometry
    other = replace(grid, origin=tuple(np.array(grid.origin) + 0.4))
    write_volume(Volume(np.full((1, *grid.shape), 0.5, np.float32), other), case / "elsewhere.nrrd")
    for options in (
        ("--image", case / "elsewhere.nrrd"),
        ("--image", case / "image.nii.gz", "--probabilities", case / "elsewhere.nrrd"),
        ("--image", case / "image.nii.gz", "--uncertainty", case / "elsewhere.nrrd"),
    ):
        result = run("review", case / "labels.seg.nrrd", *options)
        assert result.exit_code == 3 and "grid" in result.stderr, result.output


def test_a_model_is_asked_several_times(run_json: Callable, run: Run, case: Path, level_package: Path) -> None:
    """It finds the mask's block whole, and another that the mask lacks: 480 voxels of 'second level', whose border
    other voxel sizes blur to the first."""
    grid = read_volume(case / "image.nii.gz").geometry
    voxels = np.zeros(grid.shape, np.uint8)
    voxels[2:12, 3:13, 4:16] = 5
    labels = (Label(5, "first level"), Label(6, "second level"))
    write_segmentation(Segmentation(voxels, grid, labels), case / "levels.seg.nrrd")
    arguments = ("review", case / "levels.seg.nrrd", "--model", level_package, "--device", "cpu")
    answer = run_json(*arguments, "--image", case / "image.nii.gz")
    place = answer["places"][0]
    assert place["reason"] == "folds or mirrors of the model disagree"
    assert (place["kind"], place["becomes"], place["segment"]) == ("missing", 6, "second level")
    assert 200 < place["voxels"] <= 480
    assert 0.7 < answer["agreement"] <= 1
    assert "voxel sizes" in answer["agreement_words"]
    refused = run(*arguments)
    assert refused.exit_code != 0
    assert "--image" in refused.output
