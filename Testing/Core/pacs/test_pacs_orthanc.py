"""A cohort of a real archive: Orthanc with its DICOMweb plugin."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from orthanc import USER, Orthanc
from pacs_series import levels, save_levels, with_uids
from pydicom.uid import generate_uid
from typer.testing import CliRunner

from UNetSegmentLib.cli.app import app
from UNetSegmentLib.io import read_volume
from UNetSegmentLib.io.dicomweb import Query, fetch_series, find_series

LABELMAP_STORAGE, BINARY_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7", "1.2.840.10008.5.1.4.1.1.66.4"


def batch(orthanc: Orthanc, package: Path, output: Path, *more: str) -> tuple[int, str]:
    """The command, as a user gives it."""
    words = ["batch", "--dicomweb", f"{orthanc.address}/dicom-web", "--user", USER]
    words += ["--password-file", str(orthanc.password_file()), "-m", str(package), "-o", str(output), "--no-preview"]
    result = CliRunner().invoke(app, [*words, *more], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def table(output: Path) -> list[dict[str, str]]:
    with (output / "cases.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def planes_of(seg: pydicom.Dataset) -> np.ndarray:
    """The labels of a SEG (z, y, x) by what its frames say of themselves, decoded by pydicom."""
    frames = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    depth = [float(f.PlanePositionSequence[0].ImagePositionPatient[2]) for f in seg.PerFrameFunctionalGroupsSequence]
    made = np.zeros((len(levels()), seg.Rows, seg.Columns), np.int64)
    for frame, z, groups in zip(frames, depth, seg.PerFrameFunctionalGroupsSequence, strict=True):
        value = frame.astype(np.int64)
        if seg.SegmentationType == "BINARY":
            value = value * int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        made[round(z / 2)] += value
    return made


def parsed(files: list[bytes]) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(io.BytesIO(data)) for data in files]


def fill(orthanc: Orthanc, folder: Path) -> tuple[str, str]:
    """Two studies: CT, a localizer, one slice and MR in the first, CT in the second; returns the CTs' UIDs."""
    study = generate_uid()
    first = save_levels(folder / "a", 0, study)
    save_levels(folder / "b", 3, study, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    save_levels(folder / "c", 4, study, voxels=np.zeros((1, 12, 14)))
    save_levels(folder / "d", 5, study, modality="MR")
    second = save_levels(folder / "e", 1, PatientID="P-9", PatientName="Poe^Ann", StudyDate="20260220")
    orthanc.upload(folder)
    return first, second


def test_a_query_finds_what_suits_and_says_why_the_rest_does_not(
    orthanc: Orthanc, ct_package: Path, tmp_path: Path
) -> None:
    first, second = fill(orthanc, tmp_path / "in")
    code, said = batch(orthanc, ct_package, tmp_path / "out", "--query", "StudyDate=20260101-", "--dry-run", "--json")
    assert code == 0, said
    plan = json.loads(said)
    assert {address.rpartition("/")[2] for case in plan["cases"] for address in case["images"]} == {first, second}
    why = sorted(one["cause"].partition("(")[0].strip() for one in plan["left_out"])
    assert why == [
        "It has 1 slice, and the model takes volumes.",
        "It is MR, and the model takes CT.",
        "It is a localizer.",
    ]
    assert all(one["cure"] for one in plan["left_out"])
    assert not (tmp_path / "out").exists()
    january = batch(
        orthanc, ct_package, tmp_path / "out", "--query", "StudyDate=20260101-20260131", "--dry-run", "--json"
    )
    assert [case["images"][0].rpartition("/")[2] for case in json.loads(january[1])["cases"]] == [first]


def test_a_wrong_password_and_a_wrong_address_are_said(orthanc: Orthanc, ct_package: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.touch(mode=0o600)
    wrong.write_text("guessed")
    for more, says in (
        (["--password-file", str(wrong)], "does not accept the name and password"),
        (["--dicomweb", orthanc.address], "Check the address"),
        (["--dicomweb", f"{orthanc.address}/dicomweb"], "Check the address"),
    ):
        code, said = batch(orthanc, ct_package, tmp_path / "out", "--study", "1.2", *more)
        assert (code, says in said) == (9, True), said


@dataclass(frozen=True)
class Stored:
    """A run over all of :func:`fill` and a real series, whose results were sent back."""

    output: Path
    real: Path
    series: tuple[str, str]
    real_series: str
    said: str

    def rows(self) -> dict[str, dict[str, str]]:
        """The cases by their series."""
        rows = (row for row in table(self.output) if row["status"] == "done")
        return {row["inputs"].rpartition("/")[2]: row for row in rows}


@pytest.fixture(scope="module")
def stored(
    running_orthanc: Orthanc, ct_package: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Stored:
    running_orthanc.empty()
    folder = tmp_path_factory.mktemp("stored")
    series = fill(running_orthanc, folder / "in")
    _, real_series = with_uids(shared_data / "ct" / "dicom_series", folder / "real")
    running_orthanc.upload(folder / "real")
    words = ("--query", "Modality=CT", "--store", "--keep-images")
    code, said = batch(running_orthanc, ct_package, folder / "out", *words)
    assert code == 0, said
    return Stored(folder / "out", folder / "real", series, real_series, said)


def test_results_are_stored_as_they_are(stored: Stored, running_orthanc: Orthanc) -> None:
    rows = stored.rows()
    assert set(rows) == {*stored.series, stored.real_series}, stored.said
    segs = {str(seg.ReferencedSeriesSequence[0].SeriesInstanceUID): seg for seg in parsed(running_orthanc.files("SEG"))}
    assert len(segs) == len(running_orthanc.files("SR")) == 3
    for series, seg in segs.items():
        local = pydicom.dcmread(stored.output / rows[series]["folder"] / "segmentation.dcm")
        assert (local.SOPInstanceUID, local.PixelData) == (seg.SOPInstanceUID, seg.PixelData)
        assert seg.SOPClassUID == LABELMAP_STORAGE
        report = pydicom.dcmread(stored.output / rows[series]["folder"] / "report.dcm")
        assert rows[series]["stored"] == f"{local.SOPInstanceUID} | {report.SOPInstanceUID}"
    for number, series in enumerate(stored.series):
        assert np.array_equal(planes_of(segs[series]), levels(number))
    assert [segs[series].PatientID for series in stored.series] == ["P-1", "P-9"]
    audit = [json.loads(line) for line in (stored.output / "audit.jsonl").read_text().splitlines()]
    assert {" | ".join(line["stored"]) for line in audit} == {row["stored"] for row in rows.values()}


def test_no_patient_and_no_password_is_in_what_a_run_writes(stored: Stored, running_orthanc: Orthanc) -> None:
    texts = [p for p in stored.output.rglob("*") if p.suffix in (".csv", ".json", ".jsonl", ".html")]
    written = b"".join(path.read_bytes() for path in texts) + stored.said.encode()
    assert len(texts) > 5
    assert not any(word in written for word in (b"Roe", b"Poe", b"P-9", running_orthanc.password.encode()))
    assert not any("Roe" in str(path) or "P-9" in str(path) for path in stored.output.rglob("*"))


def test_a_real_series_of_compressed_slices_comes_as_it_is_stored(stored: Stored) -> None:
    """JPEG 2000, which the server must not unpack; only a segmentation shows that all slices were there."""
    kept = stored.output / "images" / stored.rows()[stored.real_series]["folder"]
    pixels = {str(d.SOPInstanceUID): d.PixelData for d in map(pydicom.dcmread, stored.real.iterdir())}
    assert {str(d.SOPInstanceUID): d.PixelData for d in map(pydicom.dcmread, kept.iterdir())} == pixels
    assert kept.parent.stat().st_mode & 0o077 == 0
    image = read_volume(stored.real).voxels.reshape(len(pixels), -1)
    row = stored.rows()[stored.real_series]
    seg = pydicom.dcmread(stored.output / row["folder"] / "segmentation.dcm")
    found = {value: int((seg.pixel_array == value).sum()) for value in (1, 2)}
    assert found == {1: int((image == 1).sum()), 2: int((image >= 2).sum())}


def test_the_stored_segmentation_is_found_and_fetched_by_dicomweb(
    stored: Stored, running_orthanc: Orthanc, ct_package: Path, tmp_path: Path
) -> None:
    server = running_orthanc.server()
    found, _ = find_series(server, Query.of([], [], ["Modality=SEG", "StudyDate=20260220"]))
    assert len(found) == 1
    fetch_series(server, found[0].study, found[0].uid, 1, tmp_path / "seg")
    (seg,) = map(pydicom.dcmread, (tmp_path / "seg").iterdir())
    assert np.array_equal(planes_of(seg), levels(1))
    # What was stored is not taken for an image by the next run over the same study.
    _, said = batch(running_orthanc, ct_package, tmp_path / "again", "--study", found[0].study, "--dry-run", "--json")
    assert [len(json.loads(said)[key]) for key in ("cases", "left_out")] == [1, 0]
    assert "2 series hold no images (SEG, SR)." in json.loads(said)["notes"]


def test_results_of_files_go_to_a_server_too(orthanc: Orthanc, ct_package: Path, tmp_path: Path) -> None:
    """As binary SEG; first without a server that stores, then with one: nothing is computed again."""
    save_levels(tmp_path / "in")
    local = ["batch", str(tmp_path / "in"), "-m", str(ct_package), "-o", str(tmp_path / "out"), "--no-preview"]
    result = CliRunner().invoke(app, [*local, "--format", ".dcm", "--dicom", "binary"])
    assert result.exit_code == 0, result.output
    before = (tmp_path / "out" / table(tmp_path / "out")[0]["folder"] / "segmentation.dcm").read_bytes()
    code, said = batch(
        orthanc, ct_package, tmp_path / "out", str(tmp_path / "in"), "--store", "--dicom", "binary", "--json"
    )
    assert code == 0, said
    assert [json.loads(said)[key] for key in ("run", "kept")] == [0, 1]
    (seg,) = parsed(orthanc.files("SEG"))
    assert seg.SOPClassUID == BINARY_STORAGE
    assert np.array_equal(planes_of(seg), levels())
    assert seg.SOPInstanceUID == pydicom.dcmread(io.BytesIO(before)).SOPInstanceUID
