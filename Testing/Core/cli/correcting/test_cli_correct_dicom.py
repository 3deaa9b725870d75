"""``unetsegment refine`` and ``review`` begin with DICOM segmentations, ``convert`` takes parts of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from object_cases import ORIENTATIONS, grid_of, labels_on, points_of, save_source
from seg_files import plain_seg, segment
from typer.testing import Result

from UNetSegmentLib.io import read_segmentation, write_segmentation, write_volume
from UNetSegmentLib.io.dicom_objects import Author, source_of, write_rtstruct, write_seg
from UNetSegmentLib.volume import Segmentation, Volume

pytest.importorskip("highdicom")

GRID = grid_of(ORIENTATIONS["sagittal"])
TRUTH = labels_on(GRID)


@pytest.fixture
def objects(tmp_path: Path) -> dict[str, Path]:
    """A series with something in it, and its SEG and structure set; a NIfTI file of the same image."""
    folder = save_source(tmp_path / "ct", GRID)
    source = source_of(folder)
    image = Volume((100 * (TRUTH.voxels > 0) + np.arange(7)).astype(np.int16)[None], GRID)
    write_volume(image, tmp_path / "image.nii.gz")
    return {
        "seg": write_seg(TRUTH, source, tmp_path / "seg.dcm", Author("nobody", "1")),
        "structures": write_rtstruct(TRUTH, source, tmp_path / "structures.dcm", Author("nobody", "1")),
        "series": folder,
        "nifti": tmp_path / "image.nii.gz",
    }


@pytest.mark.parametrize("labels", ["seg", "structures"])
def test_a_correction_begins_with_it(
    run_json: Callable[..., Any], tmp_path: Path, objects: dict[str, Path], labels: str
) -> None:
    place = ",".join(f"{v:.4f}" for v in (GRID.ras_matrix @ (0, 0, 3, 1))[:3])
    out = tmp_path / "out.seg.nrrd"
    answer = run_json(
        "refine", objects["nifti"], objects[labels], out, "-s", "liver", "--exclude", place, "--locked", "left kidney"
    )
    assert answer["segment"]["name"] == "liver"
    assert answer["segment"]["before"]["voxels"] == np.count_nonzero(TRUTH.voxels == 1)
    read = read_segmentation(out)
    assert [label.name for label in read.labels] == ["liver", "left kidney"]


@pytest.mark.parametrize("labels", ["seg", "structures"])
def test_a_review_looks_through_it(run_json: Callable[..., Any], objects: dict[str, Path], labels: str) -> None:
    answer = run_json("review", objects[labels], "--image", objects["nifti"])
    assert "places" in answer


def test_a_review_without_an_image(
    run: Callable[..., Result], run_json: Callable[..., Any], objects: dict[str, Path]
) -> None:
    assert "places" in run_json("review", objects["seg"])
    result = run("review", objects["structures"])
    assert result.exit_code == 3 and "--image" in result.output


def test_a_structure_set_becomes_slicers_file_on_any_image(
    run: Callable[..., Result], tmp_path: Path, objects: dict[str, Path]
) -> None:
    for name in ("nifti", "series"):
        target = tmp_path / f"{name}.seg.nrrd"
        result = run("convert", objects["structures"], target, "--image", objects[name])
        assert result.exit_code == 0, result.output
        assert {p[:3] for p in points_of(read_segmentation(target))} == {p[:3] for p in points_of(TRUTH)}


def test_one_segment_is_taken(run: Callable[..., Result], tmp_path: Path) -> None:
    masks = np.ones((2, 2, 4))
    masks[1, 0] = 0
    parts = [segment(1, "organ"), segment(2, "tumour")]
    path = plain_seg(tmp_path / "folder" / "o.dcm", masks, [(0, 0, 0)] * 2, [1, 2], segments=parts)
    result = run("convert", path, tmp_path / "all.seg.nrrd")
    assert result.exit_code == 3 and "--segment" in result.output
    assert not (tmp_path / "all.seg.nrrd").exists()
    for given in (path, path.parent):  # a folder means the one in it
        result = run("convert", given, tmp_path / "one.seg.nrrd", "--segment", "tumour")
        assert result.exit_code == 0, result.output
        found = read_segmentation(tmp_path / "one.seg.nrrd")
        assert [label.name for label in found.labels] == ["tumour"]
        assert np.count_nonzero(found.voxels) == 4
    assert "'o.dcm' was found" in result.output.replace("\n", " ")


def test_segments_of_slicers_file_can_be_taken_too(run: Callable[..., Result], tmp_path: Path) -> None:
    write_segmentation(Segmentation(TRUTH.voxels, GRID, TRUTH.labels), tmp_path / "a.seg.nrrd")
    assert run("convert", tmp_path / "a.seg.nrrd", tmp_path / "b.nii.gz", "-s", "5").exit_code == 0
    assert np.array_equal(read_segmentation(tmp_path / "b.nii.gz").voxels, np.where(TRUTH.voxels == 5, 5, 0))


def test_another_image_is_refused(run: Callable[..., Result], tmp_path: Path, objects: dict[str, Path]) -> None:
    elsewhere = {"FrameOfReferenceUID": "1.2.9", "SeriesInstanceUID": "1.2.8"}
    other = save_source(tmp_path / "other", GRID, **elsewhere)
    place = ",".join(f"{v:.4f}" for v in (GRID.ras_matrix @ (0, 0, 3, 1))[:3])
    for labels in ("seg", "structures"):
        result = run("refine", other, objects[labels], tmp_path / "x.nrrd", "-s", "liver", "--include", place)
        assert result.exit_code == 3 and "another frame of reference" in result.output.replace("\n", " ")


def test_a_correction_becomes_an_object_as_it_is_said(
    run: Callable[..., Result], tmp_path: Path, objects: dict[str, Path]
) -> None:
    given = ("refine", objects["series"], objects["seg"])
    asked = ("-s", "1", "--include", "voxel:1,1,1")
    result = run(*given, tmp_path / "OUT.dcm", *asked)
    said = result.output.replace("\n", " ")
    assert result.exit_code == 5 and not (tmp_path / "OUT.dcm").exists()
    command = "convert OUT.seg.nrrd OUT.dcm --image SERIES"
    assert f"unetsegment {command}" in said
    assert run(*given, tmp_path / "OUT.seg.nrrd", *asked).exit_code == 0
    places = {"OUT.seg.nrrd": tmp_path / "OUT.seg.nrrd", "OUT.dcm": tmp_path / "OUT.dcm", "SERIES": objects["series"]}
    assert run(*(places.get(word, word) for word in command.split())).exit_code == 0
    assert (tmp_path / "OUT.dcm").exists()
