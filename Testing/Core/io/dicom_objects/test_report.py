from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from object_cases import LABELS, ORIENTATIONS, grid_of, labels_on, save_source
from object_checks import assert_valid
from pydicom import dcmread

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.io.dicom_objects import (
    Author,
    MeasuredSegment,
    Measurement,
    source_of,
    write_report,
    write_seg,
)

pytest.importorskip("highdicom")

AUTHOR = Author("levels", "1.2")
MEASURED = tuple(
    MeasuredSegment(
        label,
        label.value,
        (Measurement("volume", 12.5 * label.value, "mL"), Measurement("diameter", 33.25, "mm")),
    )
    for label in LABELS
)


@pytest.fixture
def report(tmp_path: Path) -> tuple[Any, Any]:
    """The report, and the SEG that it refers to."""
    grid = grid_of(ORIENTATIONS["axial"])
    source = source_of(save_source(tmp_path / "ct", grid))
    seg = write_seg(labels_on(grid), source, tmp_path / "seg.dcm", AUTHOR)
    return dcmread(write_report(MEASURED, seg, source, tmp_path / "sr.dcm", AUTHOR)), dcmread(seg)


def numbers_of(data: Any) -> list[tuple[str, float, str]]:
    found = []
    for item in data.get("ContentSequence", ()):
        if item.ValueType == "NUM":
            value = item.MeasuredValueSequence[0]
            name, unit = item.ConceptNameCodeSequence[0].CodeMeaning, value.MeasurementUnitsCodeSequence[0].CodeValue
            found.append((name, float(value.NumericValue), unit))
        found += numbers_of(item)
    return found


def uids_of(data: Any) -> list[str]:
    found = [str(item.UID) for item in data.get("ContentSequence", ()) if item.ValueType == "UIDREF"]
    return found + [uid for item in data.get("ContentSequence", ()) for uid in uids_of(item)]


def test_the_numbers_stand_in_it_with_their_units(report: tuple[Any, Any]) -> None:
    numbers = numbers_of(report[0])
    assert ("Volume", 12.5, "mL") in numbers and ("Volume", 62.5, "mL") in numbers
    assert numbers.count(("Diameter", 33.25, "mm")) == 2


def test_it_speaks_of_the_segments_of_the_seg(report: tuple[Any, Any]) -> None:
    data, seg = report
    tracked = {str(s.TrackingUID) for s in seg.SegmentSequence if "TrackingUID" in s}
    assert tracked and tracked <= set(uids_of(data))
    evidence = str(data.CurrentRequestedProcedureEvidenceSequence)
    assert seg.SOPInstanceUID in evidence
    assert (data.PatientID, data.StudyInstanceUID) == ("P-1", "1.2.826.0.1.77")


def test_dciodvfy_finds_no_error_in_one_about_binary_segments(tmp_path: Path) -> None:
    """The validator of 2022 does not know label maps."""
    grid = grid_of(ORIENTATIONS["axial"])
    source = source_of(save_source(tmp_path / "ct", grid))
    seg = write_seg(labels_on(grid), source, tmp_path / "seg.dcm", AUTHOR, "binary")
    measured = [MeasuredSegment(m.label, n, m.measurements) for n, m in enumerate(MEASURED, 1)]
    for path in (seg, write_report(measured, seg, source, tmp_path / "sr.dcm", AUTHOR)):
        assert_valid(path)


def test_nothing_measured_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to report"):
        write_report((), tmp_path / "seg.dcm", None, tmp_path / "sr.dcm", AUTHOR)  # type: ignore[arg-type]
