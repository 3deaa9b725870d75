"""Segmentations as DICOM objects, in and out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from object_cases import ORIENTATIONS, grid_of, labels_on, points_of, save_source
from object_checks import assert_valid
from pydicom import dcmread
from typer.testing import Result

from UNetSegmentLib.errors import OutputError
from UNetSegmentLib.io import dicom_objects, read_segmentation, read_volume, write_segmentation
from UNetSegmentLib.io.dicom_objects import read_rtstruct, source_of
from UNetSegmentLib.volume import Segmentation

pytest.importorskip("highdicom")


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """A sagittal CT whose stored values are levels that the level model finds."""
    grid = grid_of(ORIENTATIONS["sagittal"])
    folder = save_source(tmp_path / "ct", grid)
    levels = np.clip(labels_on(grid).voxels, 0, 2)
    for path in folder.iterdir():
        data = dcmread(path)
        z = next(
            k
            for k in range(grid.size[2])
            if np.allclose(grid.to_physical(np.array([(0, 0, k)]))[0], [float(v) for v in data.ImagePositionPatient])
        )
        data.PixelData = levels[z].astype(np.int16).tobytes()
        data.save_as(path)
    return folder


def test_segment_writes_a_seg_and_a_report_on_its_series(
    run_json: Callable[..., Any], series: Path, tmp_path: Path, level_package: Path
) -> None:
    target, report = tmp_path / "seg.dcm", tmp_path / "sr.dcm"
    answer = run_json("segment", series, target, "-m", level_package, "--report", report)
    assert answer["files"] == [str(target), str(report)]
    truth = labels_on(grid_of(ORIENTATIONS["sagittal"]))
    found = points_of(read_segmentation(target))
    assert found == {(*p[:3], min(p[3], 2)) for p in points_of(truth)}
    data = dcmread(target)
    assert (data.PatientID, data.SegmentSequence[-1].SegmentAlgorithmType) == ("P-1", "AUTOMATIC")
    assert dcmread(report).Modality == "SR"


@pytest.mark.parametrize("command", ["segment", "convert"])
def test_a_seg_whose_report_fails_is_replaced_by_the_next_run(
    run: Callable[..., Result],
    series: Path,
    tmp_path: Path,
    level_package: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    """It is this command's own file, though the command did not get to its end."""
    target, report, drawn = tmp_path / "seg.dcm", tmp_path / "sr.dcm", tmp_path / "a.seg.nrrd"
    write_segmentation(labels_on(grid_of(ORIENTATIONS["sagittal"])), drawn)
    about = [series, target, "-m", level_package] if command == "segment" else [drawn, target, "--image", series]

    def full(*arguments: object) -> None:
        raise OutputError("The disk is full.", "Free some space.")

    with monkeypatch.context() as patch:
        patch.setattr(dicom_objects, "write_report", full, raising=False)
        failed = run(command, *about, "--report", report)
    assert failed.exit_code == 5 and "disk is full" in failed.stderr and target.exists()
    again = run(command, *about, "--report", report)
    assert again.exit_code == 0, again.stderr
    assert dcmread(report).Modality == "SR"


@pytest.mark.parametrize("ending", [".pdf", ".dcm"])
def test_a_report_page_names_the_patient_only_where_asked(
    run_json: Callable[..., Any],
    series: Path,
    tmp_path: Path,
    level_package: Path,
    ending: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("vtk")
    drawn: list[str] = []
    monkeypatch.setattr(
        "UNetSegmentLib.reporting.page.drawing.Canvas.text", lambda self, x, y, text, *_, **__: drawn.append(text)
    )
    page = tmp_path / f"page{ending}"
    for asked in ([], ["--page-patient"]):
        drawn.clear()
        answer = run_json(
            "segment", series, tmp_path / "a.seg.nrrd", "-m", level_package, "--report-page", page, *asked, "--force"
        )
        assert str(page) in answer["files"]
        named = [text for text in drawn if "Jane" in text or "P-1" in text]
        assert named == (["Patient: Roe Jane, P-1"] if asked else [])
        assert any(text.startswith("levels") for text in drawn)
    if ending == ".dcm":
        data = dcmread(page)
        assert (data.PatientID, data.Modality, data.EncapsulatedDocument[:4]) == ("P-1", "DOC", b"%PDF")
        assert_valid(page)


def test_a_picture_of_the_page_names_the_patient_of_a_series_without_identifiers(
    run: Callable[..., Result], series: Path, tmp_path: Path, level_package: Path
) -> None:
    pytest.importorskip("vtk")
    for file in series.iterdir():
        data = dcmread(file)
        del data.StudyInstanceUID
        data.save_as(file)
    found, page = tmp_path / "a.seg.nrrd", tmp_path / "page.png"
    asked = ("--report-page", page, "--page-patient")
    done = run("segment", series, found, "-m", level_package, *asked)
    assert done.exit_code == 0 and page.is_file(), done.output
    done = run("convert", found, tmp_path / "b.seg.nrrd", "--image", series, *asked, "--force")
    assert done.exit_code == 0, done.output
    for ending, more in ((".dcm", ()), (".nrrd", ("--uncertainty", tmp_path / "map.dcm"))):
        refused = run("segment", series, tmp_path / f"c{ending}", "-m", level_package, *asked, *more, "--force")
        assert refused.exit_code == 3 and "states no StudyInstanceUID" in " ".join(refused.output.split())


def test_a_page_about_a_file_that_names_no_patient_says_so(
    run: Callable[..., Result], image: Path, tmp_path: Path, level_package: Path
) -> None:
    asked = ("-m", level_package, "--report-page", tmp_path / "page.png", "--page-patient")
    refused = run("segment", image, tmp_path / "a.seg.nrrd", *asked)
    assert refused.exit_code == 3 and "other files name no patient" in " ".join(refused.output.split())


def test_uncertainty_is_a_parametric_map(
    run_json: Callable[..., Any],
    run: Callable[..., Result],
    series: Path,
    image: Path,
    tmp_path: Path,
    level_package: Path,
) -> None:
    arguments = (tmp_path / "a.seg.nrrd", "-m", level_package, "--uncertainty", tmp_path / "map.dcm")
    assert str(tmp_path / "map.dcm") in run_json("segment", series, *arguments)["files"]
    data = dcmread(tmp_path / "map.dcm")
    assert (data.ContentLabel, data.NumberOfFrames) == ("UNCERTAINTY", 5)
    result = run("segment", image, *arguments)
    assert (result.exit_code, "is not DICOM" in result.output.replace("\n", " ")) == (3, True)


@pytest.mark.parametrize("worker", [[], ["--worker"]], ids=["here", "in a worker"])
def test_segment_writes_the_models_probabilities(
    run_json: Callable[..., Any], series: Path, tmp_path: Path, level_package: Path, worker: list[str]
) -> None:
    target = tmp_path / "seg.dcm"
    asked = ["--dicom", "fractional", "--dicom-compression", "jpegls", "--probabilities", tmp_path / "p.nii.gz"]
    run_json("segment", series, target, "-m", level_package, *asked, *worker)
    truth = read_volume(tmp_path / "p.nii.gz").voxels[1:]
    data = dcmread(target)
    assert (data.SegmentationType, len(data.SegmentSequence)) == ("FRACTIONAL", 2)
    segments = [item.SegmentIdentificationSequence[0] for item in data.PerFrameFunctionalGroupsSequence]
    for number in (1, 2):
        frames = data.pixel_array[[item.ReferencedSegmentNumber == number for item in segments]] / 255
        # The series is sagittal: frames follow the patient's left, planes of the file that is read x.
        assert np.sort(frames.ravel())[-50:] == pytest.approx(np.sort(truth[number - 1].ravel())[-50:], abs=0.5 / 255)


@pytest.mark.parametrize("kind", ["labelmap", "binary", "rtstruct"])
def test_convert_goes_there_and_back(run_json: Callable[..., Any], series: Path, tmp_path: Path, kind: str) -> None:
    truth = labels_on(grid_of(ORIENTATIONS["sagittal"]))
    write_segmentation(truth, tmp_path / "a.seg.nrrd")
    run_json("convert", tmp_path / "a.seg.nrrd", tmp_path / "b.dcm", "--image", series, "--dicom", kind)
    run_json("convert", tmp_path / "b.dcm", tmp_path / "c.seg.nrrd", "--image", series)
    back = points_of(read_segmentation(tmp_path / "c.seg.nrrd"))
    assert {p[:3] for p in back} == {p[:3] for p in points_of(truth)}
    if kind == "rtstruct":
        assert read_rtstruct(tmp_path / "b.dcm", source_of(series)).labels[0].name == "liver"


def test_batch_writes_dicom_for_dicom(
    run_json: Callable[..., Any], series: Path, tmp_path: Path, level_package: Path
) -> None:
    answer = run_json("batch", series, "-o", tmp_path / "out", "-m", level_package, "--format", ".dcm", "--no-preview")
    case = answer["cases"][0]
    assert case["status"] == "done", case
    folder = tmp_path / "out" / case["folder"]
    assert read_segmentation(folder / "segmentation.dcm").voxels.max() == 2
    assert dcmread(folder / "report.dcm").Modality == "SR"
    assert "1.2.3" in (tmp_path / "out" / "audit.jsonl").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{image}", "out.dcm", "-m", "{model}"], "is not DICOM"),
        (["{series}", "out.seg.nrrd", "-m", "{model}", "--report", "sr.dcm"], "refers to a DICOM segmentation"),
        (["{series}", "out.dcm", "-m", "{model}", "--dicom", "mesh"], "no kind of DICOM object"),
        (["{series}", "out.dcm", "-m", "{model}", "--report", "sr.txt"], "is a .dcm file"),
        (["{series}", "out.dcm", "-m", "{model}", "--dicom-compression", "zip"], "no compression"),
        # Nobody is to believe that it was done: these are never compressed.
        (["{series}", "o.dcm", "-m", "{model}", "--dicom", "binary", "--dicom-compression", "jpegls"], "is about a"),
        (["{series}", "o.dcm", "-m", "{model}", "--dicom", "rtstruct", "--dicom-compression", "jpegls"], "is about a"),
        (["{series}", "o.nii.gz", "-m", "{model}", "--dicom-compression", "jpegls"], "is about a"),
        (["{series}", "out.dcm", "-m", "{model}", "--report-page", "page.docx"], ".pdf"),
        (["{series}", "out.dcm", "-m", "{model}", "--page-patient"], "none is asked for"),
        (["{image}", "out.seg.nrrd", "-m", "{model}", "--report-page", "page.dcm"], "is not DICOM"),
        (["{series}", "out.dcm", "-m", "{model}", "--dicom", "fractional", "--report", "sr.dcm"], "of labels"),
    ],
)
def test_what_does_not_go_together_is_said_before_the_run(
    run: Callable[..., Result], series: Path, image: Path, level_package: Path, arguments: list[str], words: str
) -> None:
    given = {"series": series, "image": image, "model": level_package}
    result = run("segment", *(a.format(**given) for a in arguments))
    # What the command line alone says is wrong usage.
    usage = ("refers to", "no kind of", "is about a", "none is asked for", "of labels")
    assert result.exit_code in ((2,) if words.startswith(usage) else (3, 5))
    assert words in result.output.replace("\n", " ")


def test_convert_asks_for_the_series(run: Callable[..., Result], series: Path, tmp_path: Path) -> None:
    truth = labels_on(grid_of(ORIENTATIONS["sagittal"]))
    write_segmentation(truth, tmp_path / "a.seg.nrrd")
    result = run("convert", tmp_path / "a.seg.nrrd", tmp_path / "b.dcm")
    assert (result.exit_code, "--image" in result.output) == (2, True)
    run("convert", tmp_path / "a.seg.nrrd", tmp_path / "b.dcm", "--image", series, "--dicom", "rtstruct")
    result = run("convert", tmp_path / "b.dcm", tmp_path / "c.nii.gz")
    assert (result.exit_code, "structure set" in result.output) == (3, True)


def test_convert_says_that_a_series_is_not_there(run: Callable[..., Result], tmp_path: Path) -> None:
    write_segmentation(labels_on(grid_of(ORIENTATIONS["sagittal"])), tmp_path / "a.seg.nrrd")
    result = run("convert", tmp_path / "a.seg.nrrd", tmp_path / "b.dcm", "--image", tmp_path / "nowhere")
    assert (result.exit_code, "does not exist" in result.output.replace("\n", " ")) == (3, True)


def test_convert_says_first_that_a_segmentation_is_not_there(run: Callable[..., Result], tmp_path: Path) -> None:
    result = run("convert", tmp_path / "nothere.dcm", tmp_path / "b.dcm")
    assert (result.exit_code, "nothere.dcm' does not exist" in result.output.replace("\n", "")) == (3, True)


def test_convert_draws_a_page(
    run_json: Callable[..., Any], run: Callable[..., Result], series: Path, tmp_path: Path
) -> None:
    pytest.importorskip("vtk")
    write_segmentation(labels_on(grid_of(ORIENTATIONS["sagittal"])), tmp_path / "a.seg.nrrd")
    page = tmp_path / "page.png"
    result = run("convert", tmp_path / "a.seg.nrrd", tmp_path / "b.dcm", "--report-page", page)
    assert (result.exit_code, "--image" in result.output) == (2, True)
    asked = ["--image", series, "--report-page", page, "--name", "Dr. Roe"]
    assert str(page) in run_json("convert", tmp_path / "a.seg.nrrd", tmp_path / "b.dcm", *asked)["files"]
    assert page.read_bytes().startswith(b"\x89PNG")


def test_a_segmentation_has_no_probabilities_to_convert(
    run: Callable[..., Result], series: Path, tmp_path: Path
) -> None:
    write_segmentation(labels_on(grid_of(ORIENTATIONS["sagittal"])), tmp_path / "a.seg.nrrd")
    asked = ["--image", series, "--dicom", "fractional"]
    result = run("convert", tmp_path / "a.seg.nrrd", tmp_path / "b.dcm", *asked)
    assert (result.exit_code, "probabilities" in result.output.replace("\n", " ")) == (2, True)


def test_a_kind_of_dicom_object_is_not_passed_over_silently(run: Callable[..., Result], tmp_path: Path) -> None:
    write_segmentation(labels_on(grid_of(ORIENTATIONS["sagittal"])), tmp_path / "a.seg.nrrd")
    result = run("convert", tmp_path / "a.seg.nrrd", tmp_path / "b.nii.gz", "--dicom", "binary")
    assert (result.exit_code, "--dicom binary" in result.output.replace("\n", " ")) == (2, True)
    assert not (tmp_path / "b.nii.gz").exists()


def test_a_mask_drawn_on_another_image_becomes_no_object_about_this_series(
    run: Callable[..., Result], series: Path, tmp_path: Path
) -> None:
    """Scanners give patients the same corner and spacing: voxels coincide, and sizes alone tell them apart."""
    drawn = labels_on(grid_of(ORIENTATIONS["sagittal"]))
    i, j, k = drawn.geometry.size
    voxels = np.zeros((k, j + 1, i), np.uint8)
    voxels[:, :j] = drawn.voxels
    other = Segmentation(voxels, replace(drawn.geometry, size=(i, j + 1, k)), drawn.labels)
    write_segmentation(other, tmp_path / "a.seg.nrrd")
    result = run("convert", tmp_path / "a.seg.nrrd", tmp_path / "b.dcm", "--image", series)
    assert result.exit_code == 3 and not (tmp_path / "b.dcm").exists()
    assert f"{i} x {j + 1} x {k} voxels" in result.stderr and f"{i} x {j} x {k} voxels" in result.stderr
    write_segmentation(other, tmp_path / "a.nii.gz")
    result = run("convert", tmp_path / "a.nii.gz", tmp_path / "b.dcm", "--image", series)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("covers another part than the series") == 1
    assert f"{i} x {j + 1} x {k} voxels, not {i} x {j} x {k}" in result.stderr
