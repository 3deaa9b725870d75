"""What stands in headers of a server's series gets into no table, page, journal or log."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
from marked_names import MARK, files_with_mark, mark
from pacs_series import save_levels
from pydicom.uid import generate_uid
from scripted_server import BOUNDARY, MULTIPART, Answer, ScriptedServer

STUDY = generate_uid()
KINDS: dict[str, dict[str, object]] = {
    "good": {"Modality": "CT"},
    "modality": {"Modality": MARK[:16]},
    "localizer": {"Modality": "CT", "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
    "turned": {"Modality": "CT", "ImageOrientationPatient": [1, 0, 0, 0, 0.7, 0.9]},
    "damaged": {"Modality": "CT"},
}


@pytest.fixture
def marked(scripted: ScriptedServer, tmp_path: Path) -> ScriptedServer:
    """A server whose series bear the name in every text, as it searches and as it sends."""
    for number, (name, elements) in enumerate(KINDS.items()):
        folder = tmp_path / "in" / name
        uid = save_levels(folder, number, STUDY, **({"Modality": "CT"} if number else {}))
        for path in sorted(folder.iterdir()):
            mark(path, **elements)
        scripted.take(folder)
        if name == "damaged":
            mark(path, True, SOPInstanceUID=MARK)
            body = b"--%s\r\nContent-Type: application/dicom\r\n\r\n%s\r\n--%s--" % (
                BOUNDARY.encode(),
                path.read_bytes(),
                BOUNDARY.encode(),
            )
            scripted.rule(f"GET .*/series/{uid}$", Answer(body=body, kind=MULTIPART))
    scripted.told |= {"SeriesDescription", "SeriesNumber", "PatientName"}
    return scripted


@pytest.mark.parametrize("more", [(), ("--store", "--keep-images")])
def test_series_of_a_server(more: tuple[str, ...], marked: ScriptedServer, ct_package: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    command = ["batch", "--dicomweb", marked.url, "--study", STUDY, "-o", str(output), "-m", str(ct_package), *more]
    done = subprocess.run(
        [sys.executable, "-m", "UNetSegmentLib.cli", *command], capture_output=True, text=True, timeout=300, check=False
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    rows = (output / "cases.csv").read_text("utf-8")
    assert "It is OT, and the model takes CT." in rows and "It is a localizer." in rows and ",done," in rows, rows
    assert (files_with_mark(output), MARK in said.upper()) == ([], False), said
    assert all(pydicom.dcmread(path).PatientName == MARK for path in output.rglob("report.dcm"))
