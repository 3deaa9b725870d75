"""``unetsegment refine``: prompts in the coordinates of Slicer, in the order given, and nothing lost."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import Result

from UNetSegmentLib.cli.correcting.refine import refine
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import read_segmentation, write_segmentation, write_volume
from UNetSegmentLib.io.segment_names import read_algorithms
from UNetSegmentLib.labels import Label
from UNetSegmentLib.refinement.growing import DEFAULT_REACH
from UNetSegmentLib.volume import Segmentation, Volume

Run = Callable[..., Result]
LABELS = (Label(1, "Liver", (200, 20, 20)), Label(4, "vena cava", (20, 20, 200)))


@pytest.fixture
def labels(image: Path) -> Path:
    """Two segments on the grid of ``image``, each away from the blocks' middles."""
    geometry = grid_of(image)
    voxels = np.zeros(geometry.shape, np.uint8)
    voxels[2:12, 3:13, 4:8] = 1
    voxels[14:18, 3:13, 10:16] = 4
    path = image.with_name("labels.seg.nrrd")
    write_segmentation(Segmentation(voxels, geometry, LABELS), path, algorithm="levels 1.0")
    return path


def grid_of(path: Path) -> Geometry:
    from UNetSegmentLib.io import read_volume

    return read_volume(path).geometry


def ras(geometry: Geometry, *voxel: int) -> str:
    """A voxel (i, j, k) as Slicer shows its place, by Slicer's own matrix."""
    return ",".join(f"{value:.4f}" for value in (geometry.ras_matrix @ (*voxel, 1))[:3])


def at(path: Path, *voxel: int) -> int:
    """The value of a voxel (i, j, k) of a segmentation."""
    i, j, k = voxel
    return int(read_segmentation(path).voxels[k, j, i])


FREE = (13, 6, 6)
INSIDE = (5, 5, 5)


def test_points_in_slicers_coordinates(run_json: Callable, image: Path, labels: Path, tmp_path: Path) -> None:
    grid, out = grid_of(image), tmp_path / "out.seg.nrrd"
    answer = run_json(
        *("refine", image, labels, out, "--segment", "liver"),
        *("--include", ras(grid, *FREE), "--exclude", ras(grid, *INSIDE)),
    )
    assert at(out, *FREE) == 1 and at(out, *INSIDE) == 0
    added, removed = answer["prompts"]
    assert added["voxels"] >= 1 and removed["voxels"] <= -1 and added["seconds"] >= 0
    assert added["prompt"].startswith("include point") and removed["prompt"].startswith("exclude point")
    before, after = read_segmentation(labels), read_segmentation(out)
    counts = [int((one.voxels == 1).sum()) for one in (before, after)]
    assert [answer["segment"][key]["voxels"] for key in ("before", "after")] == counts
    assert counts[1] - counts[0] == added["voxels"] + removed["voxels"]
    # The other segment, names, colours and terms are as they were.
    np.testing.assert_array_equal(after.voxels == 4, before.voxels == 4)
    assert after.labels == before.labels


def test_of_all_kinds_of_prompts_the_later_one_wins(run: Run, image: Path, labels: Path, tmp_path: Path) -> None:
    place = ras(grid_of(image), *FREE)
    markups = tmp_path / "point.mrk.json"
    position = [float(v) for v in place.split(",")]
    markups.write_text(
        json.dumps(
            {"markups": [{"type": "Fiducial", "coordinateSystem": "RAS", "controlPoints": [{"position": position}]}]}
        )
    )
    orders = {
        ("--include", place, "--exclude", place): 0,
        ("--exclude", place, "--include", place): 1,
        (f"--exclude={place}", f"--include={place}", "--exclude", markups): 0,
        ("--exclude", place, "--scribble", markups): 1,
        ("--scribble", markups, "--exclude", place, "--include", place, f"--exclude={place}"): 0,
    }
    for number, (options, expected) in enumerate(orders.items()):
        out = tmp_path / f"{number}.seg.nrrd"
        result = run("refine", image, labels, out, "-s", "1", *options)
        assert result.exit_code == 0, result.output
        assert at(out, *FREE) == expected, options
        assert "contradicts earlier prompts" in result.stderr


def test_boxes_and_voxels_in_numbers(run: Run, image: Path, labels: Path, tmp_path: Path) -> None:
    grid, out = grid_of(image), tmp_path / "out.nii.gz"
    ends = np.array([[float(v) for v in ras(grid, *corner).split(",")] for corner in ((4, 3, 2), (5, 12, 11))])
    box = ",".join(f"{end:.3f}" for axis in ends.T for end in axis)
    result = run("refine", image, labels, out, "-s", "Liver", "--exclude", box, "--include", "voxel:12,6,6")
    assert result.exit_code == 0, result.output
    mask = read_segmentation(out).mask(1)
    assert not mask[2:12, 3:13, 4:6].any() and mask[6, 6, 12]
    assert "exclude box of 1.0 x 13.5 x 18.0 mm" in result.stdout and "include point" in result.stdout


def test_several_segments_need_a_choice_and_one_does_not(run: Run, image: Path, labels: Path, tmp_path: Path) -> None:
    place = ("--include", "voxel:13,6,6")
    result = run("refine", image, labels, tmp_path / "o.nrrd", *place)
    assert result.exit_code == 3 and "4 'vena cava'" in result.stderr
    result = run("refine", image, labels, tmp_path / "o.nrrd", *place, "-s", "spleen")
    assert result.exit_code == 3 and "no segment 'spleen'" in result.stderr and "1 'Liver'" in result.stderr
    one = replace(read_segmentation(labels), labels=())
    write_segmentation(replace(one, voxels=(one.voxels == 1).astype(np.uint8)), tmp_path / "one.nii.gz")
    assert run("refine", image, tmp_path / "one.nii.gz", tmp_path / "o.nrrd", *place).exit_code == 0


def test_a_name_goes_before_a_value(run: Run, image: Path, labels: Path, tmp_path: Path) -> None:
    source = read_segmentation(labels)
    write_segmentation(replace(source, labels=(Label(1, "4"), Label(4, "1"))), tmp_path / "odd.seg.nrrd")
    out = tmp_path / "o.seg.nrrd"
    assert run("refine", image, tmp_path / "odd.seg.nrrd", out, "-s", "4", "--include", "voxel:13,6,6").exit_code == 0
    assert at(out, *FREE) == 1


def test_a_new_segment_beside_others_and_alone(run_json: Callable, run: Run, image: Path, labels: Path) -> None:
    beside, alone = image.with_name("beside.seg.nrrd"), image.with_name("alone.nii.gz")
    prompt = ("--new", " Cyst ", "--include", "voxel:13,6,6")
    answer = run_json("refine", image, labels, beside, *prompt)
    assert answer["segment"]["value"] == 5 and answer["segment"]["before"]["voxels"] == 0
    assert [label.name for label in read_segmentation(beside).labels] == ["Liver", "vena cava", "Cyst"]
    assert at(beside, *FREE) == 5
    run_json("refine", image, alone, *prompt)
    assert at(alone, *FREE) == 1 and read_segmentation(alone).labels[0].name == "Cyst"
    for code, *refused in ((3, "--new", "liver"), (2, "--new", " "), (2, "--new", "x", "-s", "1")):
        result = run("refine", image, labels, image.with_name("no.nrrd"), *refused, "--include", "voxel:13,6,6")
        assert result.exit_code == code and not image.with_name("no.nrrd").exists()
    result = run("refine", image, labels, "--include", "voxel:13,6,6")
    assert result.exit_code == 3 and "--new" in result.stderr


def test_locked_segments_stay_and_say_so(run: Run, image: Path, labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.seg.nrrd"
    on_it = ("--include", "voxel:12,5,15")
    result = run("refine", image, labels, out, "-s", "Liver", "--locked", "Vena  Cava", *on_it)
    assert result.exit_code == 3 and "may not change" in result.stderr and not out.exists()
    result = run("refine", image, labels, out, "-s", "Liver", "--locked", "1", *on_it)
    assert result.exit_code == 3 and "locked" in result.stderr
    result = run("refine", image, labels, out, "-s", "Liver", "--locked", "4", "--include", "voxel:12,5,11")
    assert result.exit_code == 0
    np.testing.assert_array_equal(read_segmentation(out).mask(4), read_segmentation(labels).mask(4))


def test_the_result_says_what_drew_each_segment(run: Run, image: Path, labels: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1.seg.nrrd", tmp_path / "2.seg.nrrd"
    place = ("--include", "voxel:13,6,6", "--exclude", "voxel:5,5,5")
    assert run("refine", image, labels, first, "-s", "Liver", *place).exit_code == 0
    assert run("refine", image, first, second, "-s", "Liver", "--exclude", "voxel:6,9,9").exit_code == 0
    kinds = {value: (one.name, one.kind) for value, one in read_algorithms(second).items()}
    assert kinds == {1: ("levels 1.0 + 3 prompts", "SEMIAUTOMATIC"), 4: ("levels 1.0", "AUTOMATIC")}
    back = ("--include", "voxel:6,9,9")
    assert run("refine", image, second, tmp_path / "3.nii.gz", "-s", "Liver", *back).exit_code == 0
    assert json.loads((tmp_path / "3.json").read_text())["algorithm"] == "levels 1.0 + 4 prompts"


@pytest.mark.parametrize("ending", [".seg.nrrd", ".nii.gz"])
def test_prompts_that_change_nothing_correct_nothing(
    run: Run, image: Path, labels: Path, tmp_path: Path, ending: str
) -> None:
    out = tmp_path / f"out{ending}"
    result = run("refine", image, labels, out, "-s", "Liver", "--include", "voxel:5,5,5")
    assert result.exit_code == 0 and "nothing changed" in result.stderr
    if ending == ".seg.nrrd":
        assert read_algorithms(out) == read_algorithms(labels)
    else:
        assert json.loads((tmp_path / "out.json").read_text())["algorithm"] == "levels 1.0"


def test_probabilities_of_every_label_or_of_one(run: Run, image: Path, labels: Path, tmp_path: Path) -> None:
    grid = grid_of(image)
    masks = read_segmentation(labels).voxels
    every = np.stack([masks == value for value in range(5)]).astype(np.float32)
    files = {"all.nii.gz": every, "one.nrrd": every[1:2], "some.nrrd": every[:3], "ct.nrrd": 1000 * every[1:2]}
    for name, voxels in files.items():
        write_volume(Volume(voxels, grid), tmp_path / name)
    shifted = replace(grid, origin=(0.0, 0.0, 0.0))
    write_volume(Volume(every[1:2], shifted), tmp_path / "elsewhere.nrrd")
    options = ("-s", "vena cava", "--include", "voxel:13,6,6", "--probabilities")
    codes = {}
    for name in (*files, "elsewhere.nrrd"):
        result = run("refine", image, labels, tmp_path / f"out-{name}.nrrd", *options, tmp_path / name)
        codes[name] = result.exit_code
    assert codes == {"all.nii.gz": 0, "one.nrrd": 0, "some.nrrd": 3, "ct.nrrd": 3, "elsewhere.nrrd": 3}


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ((), 2, "no prompt"),
        (("--include", "1,2"), 3, "neither coordinates nor a Markups file"),
        (("--include", "1,2,nan"), 3, "neither coordinates"),
        (("--include", "voxel:1,2,3,4,5,6"), 3, "neither coordinates"),
        (("--include", "voxel:-1,0,0"), 3, "voxels from 0,0,0"),
        (("--include", "voxel:0,0,9999"), 3, "voxels from 0,0,0"),
        (("--include", "no-such-file"), 3, "neither coordinates"),
        (("--include", "missing.mrk.json"), 3, "does not exist"),
        (("--include", "9000,0,0"), 3, "outside the image"),
        (("--include", "voxel:13,6,6", "--include", "9000,0,0"), 3, "Prompt 2 (include point 9000.0, 0.0, 0.0)"),
        (("--include", "1e9,0,0"), 3, "10 km away"),
        (("--include", "0,0,0,0,0,5"), 3, "holds nothing"),
        (("--include", "voxel:13,6,6", "--reach", "0"), 2, "--reach"),
        (("--include", "voxel:13,6,6", "--brush", "nan"), 2, "--brush"),
        (("--include", "voxel:13,6,6", "--series", "1"), 3, "not DICOM"),
        (("--include",), 2, "--include"),
        (("--no-such",), 2, "No such option"),
    ],
)
def test_bad_prompts_write_nothing(
    run: Run, image: Path, labels: Path, tmp_path: Path, options: tuple[str, ...], code: int, said: str
) -> None:
    before = labels.read_bytes()
    result = run("refine", image, labels, tmp_path / "out.seg.nrrd", "-s", "Liver", *options)
    assert result.exit_code == code, result.output
    assert said in result.stderr and "defect" not in result.stderr
    assert not (tmp_path / "out.seg.nrrd").exists() and labels.read_bytes() == before


def test_a_segmentation_of_another_image_or_of_a_part(run: Run, image: Path, labels: Path, tmp_path: Path) -> None:
    grid, prompt = grid_of(image), ("-s", "1", "--include", "voxel:13,6,6")
    voxels = read_segmentation(labels).voxels
    write_segmentation(Segmentation(voxels, replace(grid, spacing=(1.0, 1.0, 1.0))), tmp_path / "other.nii.gz")
    result = run("refine", image, tmp_path / "other.nii.gz", tmp_path / "o.nrrd", *prompt)
    assert result.exit_code == 3 and "does not lie on the image's grid" in result.stderr
    from UNetSegmentLib.geometry import Box

    part = Box((1, 2, 3), (15, 20, 25))
    write_segmentation(Segmentation(voxels[part.slices], grid.cropped(part)), tmp_path / "part.nii.gz")
    result = run("refine", image, tmp_path / "part.nii.gz", tmp_path / "o.nrrd", *prompt)
    assert result.exit_code == 0 and "covers another part" in result.stderr
    corrected = read_segmentation(tmp_path / "o.nrrd")
    assert corrected.geometry.is_close(grid) and corrected.voxels[6, 6, 13] == 1


def test_outputs_never_replace_what_is_read(run: Run, image: Path, labels: Path, tmp_path: Path) -> None:
    prompt = ("-s", "1", "--include", "voxel:13,6,6")
    before = labels.read_bytes()
    assert run("refine", image, labels, labels, *prompt, "--force").exit_code == 5
    assert labels.read_bytes() == before
    markups = tmp_path / "out.json"
    markups.write_text(json.dumps({"markups": [{"type": "Fiducial", "controlPoints": [{"position": [0, 0, 0]}]}]}))
    result = run("refine", image, labels, tmp_path / "out.nii.gz", *prompt, "--include", markups, "--force")
    assert result.exit_code == 5 and json.loads(markups.read_text())["markups"]
    out = tmp_path / "o.seg.nrrd"
    for _ in range(2):
        assert run("refine", image, labels, out, *prompt).exit_code == 0
    write_segmentation(read_segmentation(labels), out)
    result = run("refine", image, labels, out, *prompt)
    assert result.exit_code == 5 and "--force" in result.stderr


def test_hostile_pixels_and_sizes(run_json: Callable, tmp_path: Path) -> None:
    """NaN in the image, a single slice, a photograph in colour."""
    grid = Geometry((16, 12, 8))
    voxels = np.random.default_rng(0).normal(0, 1, (1, *grid.shape)).astype(np.float32)
    voxels[0, 2:5] = np.nan
    write_volume(Volume(voxels, grid), tmp_path / "nan.nrrd")
    flat = Geometry((16, 12, 1), (0.5, 0.5, 7.5))
    write_volume(Volume(voxels[:, :1], flat), tmp_path / "slice.nrrd")
    colours = np.random.default_rng(1).integers(0, 255, (24, 32, 3), np.uint8)
    Image.fromarray(colours).save(tmp_path / "photo.png")
    for name in ("nan.nrrd", "slice.nrrd", "photo.png"):
        out = tmp_path / f"{name}.seg.nrrd"
        answer = run_json("refine", tmp_path / name, out, "--new", "thing", "--include", "voxel:8,6,0")
        assert at(out, 8, 6, 0) == 1
        assert ("volume_ml" in answer["segment"]["after"]) == (name == "nan.nrrd")


def test_what_was_left_out_of_a_file_is_said(run: Run, image: Path, labels: Path, tmp_path: Path) -> None:
    grid = grid_of(image)
    points = [{"position": [float(v) for v in ras(grid, *voxel).split(",")]} for voxel in (FREE, (9, 6, 6), (20, 6, 6))]
    points[1]["visibility"] = False  # type: ignore[assignment]
    points[2]["positionStatus"] = "undefined"  # type: ignore[assignment]
    entry: dict[str, Any] = {"type": "Fiducial", "coordinateSystem": "RAS", "controlPoints": points}
    (tmp_path / "p.mrk.json").write_text(json.dumps({"markups": [entry]}))
    result = run("refine", image, labels, tmp_path / "o.nrrd", "-s", "1", "--include", tmp_path / "p.mrk.json")
    assert result.exit_code == 0 and "hidden: 1" in result.stderr and "not placed: 1" in result.stderr
    assert result.stdout.count("include point") == 1


def test_a_picture_of_what_changed(run_json: Callable, run: Run, image: Path, labels: Path, tmp_path: Path) -> None:
    grid, files = grid_of(image), tmp_path / "p.mrk.json"
    corners = [[float(v) for v in ras(grid, *voxel).split(",")] for voxel in ((4, 3, 6), (7, 3, 6), (7, 9, 6))]
    entries = [
        {"type": kind, "coordinateSystem": "RAS", "controlPoints": [{"position": corner} for corner in corners]}
        for kind in ("Curve", "ClosedCurve")
    ]
    files.write_text(json.dumps({"markups": entries}))
    options = ("-s", "1", "--exclude", files, "--include", "voxel:13,6,6", "--include", "-9,9,-12,12,-9,9", "--preview")
    answer = run_json("refine", image, labels, tmp_path / "o.nrrd", *options, tmp_path / "p.png")
    assert answer["files"] == [str(tmp_path / name) for name in ("o.nrrd", "o.json", "p.png")]
    assert [row["prompt"].split()[1] for row in answer["prompts"]] == ["scribble", "lasso", "point", "box"]
    assert Image.open(tmp_path / "p.png").size[1] > 1000
    result = run("refine", image, labels, tmp_path / "o2.nrrd", *options, tmp_path / "p.jpg")
    assert result.exit_code == 5 and not (tmp_path / "o2.nrrd").exists()


def test_the_reach_that_help_names_is_the_sessions() -> None:
    """Written twice, since help must not wait for the library."""
    assert inspect.signature(refine).parameters["reach"].default == DEFAULT_REACH
