"""A folder as strangers send it: each broken file is a row that says why and what to do; the good ones are done."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from cohort_files import write_image
from pydicom import dcmread, dcmwrite
from pydicom.uid import generate_uid
from strangers import build, write_series
from typer.testing import CliRunner

from UNetSegmentLib.cli.app import app
from UNetSegmentLib.cohort.finding.inputs import find_cases
from UNetSegmentLib.cohort.finding.wanted import Wanted
from UNetSegmentLib.cohort.running.reading import read_case
from UNetSegmentLib.cohort.stamps import content_of
from UNetSegmentLib.errors import InputError

if sys.platform == "win32":
    pytest.skip("file names, links and permissions of POSIX", allow_module_level=True)


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    """pytest cannot remove what nobody may list."""
    yield
    for path in tmp_path.rglob("closed"):
        path.chmod(0o700)


def test_every_stranger_is_a_row_with_cause_and_cure(tmp_path: Path, level_package: Path, opened: None) -> None:
    good = [write_image(tmp_path / "good" / f"g{number}.nii.gz", number) for number in range(2)]
    kinds = build(tmp_path / "in", good, {"a report among images": _report(tmp_path / "sr.dcm")})
    output = tmp_path / "in" / "results"
    arguments = ["batch", tmp_path / "in", "-o", output, "-m", level_package, "--no-preview"]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    with (output / "cases.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert "unexpected" not in {row["code"] for row in rows}
    done = {row["case"] for row in rows if row["status"] == "done"}
    assert {"in-g0", "again-g0", "g1", "line-break", "brain", "no-utf8-xff-xfe"} <= done
    assert all(row["cause"] and row["cure"] for row in rows if row["status"] != "done")
    silent = [
        kind.what for kind in kinds if not _allowed(kind.path) and not _has_row(rows, tmp_path / "in" / kind.path)
    ]
    assert silent == []
    assert not any("results" in row["inputs"] for row in rows), "the output lies inside the input"


def test_pipes_and_links_that_lead_to_themselves_are_said(tmp_path: Path) -> None:
    write_series(tmp_path, write_image(tmp_path / "a.nii.gz"))
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    os.mkfifo(tmp_path / "pipe.nii.gz")
    found = find_cases([tmp_path], Wanted())
    assert len(found.cases) == 2
    assert all(content_of(case) for case in found.cases), "a series lies beside links in a circle"
    reasons = {left.name: left.cause for left in found.left_out}
    assert reasons == {
        "one": "It is a link that leads back to itself.",
        "two": "It is a link that leads back to itself.",
        "pipe.nii.gz": "It is a pipe, a device or a socket.",
    }


def test_a_pipe_that_is_named_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.nii.gz")
    case = find_cases([tmp_path / "pipe.nii.gz"], Wanted()).cases[0]
    with pytest.raises(InputError, match="a pipe, a device or a socket"):
        read_case(case)


def test_results_inside_a_dicom_tree_are_not_read_again(tmp_path: Path) -> None:
    write_series(tmp_path / "series", write_image(tmp_path / "elsewhere" / "a.nii.gz"))
    write_series(tmp_path / "results" / "case", tmp_path / "elsewhere" / "a.nii.gz")
    found = find_cases([tmp_path], Wanted(), tmp_path / "results")
    assert len(found.cases) == 2, "the image and the series"


def _has_row(rows: list[dict[str, str]], path: Path) -> bool:
    """Whether a row that is not done speaks of a file, or of a series in a folder."""
    return any(row["status"] != "done" and str(path) in row["inputs"] for row in rows)


def _allowed(path: str) -> bool:
    """What this model takes all the same, and what root may read."""
    return path in ("dicom/ct", "dicom/capture", "three-channels.nrrd") or (
        os.geteuid() == 0 and path in ("closed", "secret.nii.gz")
    )


def _report(path: Path) -> Path:
    """A structured report without an image."""
    folder = path.parent / "report"
    file = write_series(folder, write_image(path.parent / "r.nii.gz"), keep=1) / "slice0000.dcm"
    data = dcmread(file)
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"
    data.SeriesInstanceUID, data.Modality = generate_uid(), "SR"
    del data.PixelData, data.Rows, data.Columns
    dcmwrite(path, data)
    return path
