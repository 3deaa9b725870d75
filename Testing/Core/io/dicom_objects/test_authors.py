"""Segments of one object may be the work of several: of a model, of a model and a person, of a person alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from object_cases import LABELS, ORIENTATIONS, grid_of, labels_on, save_source
from pydicom import dcmread

from UNetSegmentLib.io.dicom_objects import Author, source_of, write_report, write_seg
from UNetSegmentLib.reporting.dicom.report import measured_segments

pytest.importorskip("highdicom")


@pytest.mark.parametrize("kind", ["labelmap", "binary"])
def test_each_segment_says_how_it_was_made(tmp_path: Path, kind: str) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    source = source_of(save_source(tmp_path / "ct", grid))
    found, author, hand = labels_on(grid), Author("levels", "1.2", corrected=True), Author("", by_hand=True)
    seg = write_seg(found, source, tmp_path / "seg.dcm", author, kind, others={5: hand})
    names = [label.name for label in LABELS]
    model, drawn = (item for item in dcmread(seg).SegmentSequence if item.SegmentLabel in names)
    assert drawn.SegmentLabel == names[1]
    assert (model.SegmentAlgorithmType, model.SegmentAlgorithmName) == ("SEMIAUTOMATIC", "levels")
    assert drawn.SegmentAlgorithmType == "MANUAL"
    assert "SegmentAlgorithmName" not in drawn
    assert "SegmentationAlgorithmIdentificationSequence" not in drawn

    segments = measured_segments(found, None, kind)
    report = dcmread(write_report(segments, seg, source, tmp_path / "sr.dcm", author, {5: hand}))
    assert str(report).count("Algorithm Name") == 1
