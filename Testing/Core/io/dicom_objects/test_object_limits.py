"""Many segments, none, strange names, missing codes, a full disk: in SEG, report and structure set."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from object_cases import LABELS, ORIENTATIONS, grid_of, labels_on, points_of, save_source
from object_checks import assert_valid, read_by_dcmqi
from pydicom import dcmread

from UNetSegmentLib.errors import DependencyError, GeometryError, InputError, OutputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io.dicom_objects import (
    Author,
    SourceSeries,
    read_seg,
    source_of,
    write_report,
    write_rtstruct,
    write_seg,
)
from UNetSegmentLib.io.dicom_objects.needed import highdicom
from UNetSegmentLib.labels import CodedTerm, Label, Terminology
from UNetSegmentLib.reporting.dicom.report import measured_segments
from UNetSegmentLib.volume import Segmentation, Volume

pytest.importorskip("highdicom")

AUTHOR = Author("levels", "1.2", "ab" * 32)


@pytest.fixture
def source(tmp_path: Path) -> SourceSeries:
    return source_of(save_source(tmp_path / "ct", grid_of(ORIENTATIONS["axial"])))


def both(segmentation: Segmentation, source: SourceSeries, folder: Path, kind: str = "labelmap") -> tuple[Path, Path]:
    """SEG and report, with the mean of an image of 40."""
    image = Volume(np.full((1, *segmentation.geometry.shape), 40, np.int16), segmentation.geometry)
    seg = write_seg(segmentation, source, folder / f"{kind}.dcm", AUTHOR, kind)
    measured = measured_segments(segmentation, image, kind, source.modality)
    return seg, write_report(measured, seg, source, folder / f"{kind}-sr.dcm", AUTHOR)


def groups_of(report: Path) -> list[Any]:
    """The measurement groups of a report."""
    found = []

    def walk(item: Any) -> None:
        for inner in item.get("ContentSequence", ()):
            if inner.ConceptNameCodeSequence and inner.ConceptNameCodeSequence[0].CodeValue == "125007":
                found.append(inner)
            walk(inner)

    walk(dcmread(report))
    return found


def numbers_of(group: Any) -> dict[str, float]:
    return {
        item.ConceptNameCodeSequence[0].CodeMeaning: float(item.MeasuredValueSequence[0].NumericValue)
        for item in group.ContentSequence
        if item.ValueType == "NUM"
    }


def segment_of(group: Any) -> int:
    return next(
        int(item.ReferencedSOPSequence[0].ReferencedSegmentNumber)
        for item in group.ContentSequence
        if item.ValueType == "IMAGE"
    )


@pytest.mark.parametrize("kind", ["labelmap", "binary"])
def test_three_hundred_segments(tmp_path: Path, kind: str) -> None:
    grid = Geometry((20, 15, 5), (1.0, 1.0, 2.0), (0.0, 0.0, 0.0))
    voxels = np.zeros(grid.shape, np.uint16)
    voxels[2] = np.arange(1, 301).reshape(15, 20)
    voxels[3, :, ::2] = voxels[2, :, ::2]
    truth = Segmentation(voxels, grid, tuple(Label(n, f"tooth {n}") for n in range(1, 301)))
    source = source_of(save_source(tmp_path / "ct", grid))
    seg = write_seg(truth, source, tmp_path / "seg.dcm", AUTHOR, kind)
    data = dcmread(seg)
    assert (data.BitsAllocated, data.NumberOfFrames) == ((16, 2) if kind == "labelmap" else (1, 450))
    assert points_of(read_seg(seg)) == points_of(truth)
    if kind == "labelmap":
        assert points_of(read_by_dcmqi(seg, tmp_path / "dcmqi")) == points_of(truth)
    # A report of all takes highdicom five seconds.
    measured = measured_segments(truth, None, kind)[::50]
    groups = groups_of(write_report(measured, seg, source, tmp_path / "sr.dcm", AUTHOR))
    assert [segment_of(group) for group in groups] == [1, 51, 101, 151, 201, 251]
    assert numbers_of(groups[0])["Volume"] == 0.004


def test_the_largest_number_that_there_is(tmp_path: Path, source: SourceSeries) -> None:
    truth = labels_on(source.geometry)
    truth = replace(truth, voxels=np.where(truth.voxels == 5, np.uint16(65_535), truth.voxels.astype(np.uint16)))
    assert points_of(read_seg(write_seg(truth, source, tmp_path / "a.dcm", AUTHOR))) == points_of(truth)
    with pytest.raises(InputError, match="65535"):
        Segmentation.from_array(np.full(source.geometry.shape, 65_536))


def test_labels_without_voxels_are_left_out_of_all(tmp_path: Path, source: SourceSeries) -> None:
    labels = (*LABELS, Label(3, "spleen"), Label(200, "stomach"))
    truth = replace(labels_on(source.geometry), labels=labels)
    for kind in ("labelmap", "binary"):
        seg, report = both(truth, source, tmp_path, kind)
        assert [item.SegmentLabel for item in dcmread(seg).SegmentSequence if item.SegmentNumber] == [
            "liver",
            "left kidney",
        ]
        assert [segment_of(group) for group in groups_of(report)] == ([1, 5] if kind == "labelmap" else [1, 2])
    assert len(dcmread(write_rtstruct(truth, source, tmp_path / "rt.dcm", AUTHOR)).StructureSetROISequence) == 2


def test_nothing_at_all_is_refused_by_all(tmp_path: Path, source: SourceSeries) -> None:
    empty = Segmentation(np.zeros(source.geometry.shape, np.uint8), source.geometry, LABELS)
    for write in (write_seg, write_rtstruct):
        with pytest.raises(InputError, match="Nothing was found") as caught:
            write(empty, source, tmp_path / "a.dcm", AUTHOR)
        assert ".seg.nrrd" in caught.value.cure
    with pytest.raises(InputError, match="nothing to report"):
        write_report(measured_segments(empty), tmp_path / "a.dcm", source, tmp_path / "sr.dcm", AUTHOR)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ct"]


NAMES = {
    "300 letters": ("x" * 300, "x" * 64),
    "backslashes": ("left\\right\\2", "left/right/2"),
    "controls": ("a\nb\tc\x1b[31m\x00", "a b c/x1b[31m/x00"),
    "spaces alone": ("   ", "Label 1"),
    "nothing": ("", "Label 1"),
}


@pytest.mark.parametrize(("name", "stored"), NAMES.values(), ids=NAMES)
def test_strange_names_are_made_fit(tmp_path: Path, source: SourceSeries, name: str, stored: str) -> None:
    strange = CodedTerm("99LOCAL\\X", "c" * 40, name or "?")
    labels = (Label(1, name, terminology=Terminology(strange, strange, strange, strange)), Label(5, name + "2"))
    truth = replace(labels_on(source.geometry), labels=labels)
    seg, report = both(truth, source, tmp_path, "binary")
    first = dcmread(seg).SegmentSequence[0]
    assert first.SegmentLabel == stored
    assert len(first.TrackingID) <= 64 and isinstance(first.TrackingID, str)
    assert first.SegmentedPropertyTypeCodeSequence[0].LongCodeValue == "c" * 40
    structures = dcmread(write_rtstruct(truth, source, tmp_path / "rt.dcm", AUTHOR))
    assert structures.StructureSetROISequence[0].ROIName == stored
    for path in (seg, report, tmp_path / "rt.dcm"):
        assert_valid(path)


def test_labels_without_codes_and_of_no_table(tmp_path: Path, source: SourceSeries) -> None:
    """Numbers alone, as a label image without a table has them."""
    truth = replace(labels_on(source.geometry), labels=())
    seg, report = both(truth, source, tmp_path, "binary")
    data = dcmread(seg)
    assert [item.SegmentLabel for item in data.SegmentSequence] == ["Label 1", "Label 5"]
    assert data.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Tissue"
    assert len(data.SegmentSequence[0].RecommendedDisplayCIELabValue) == 3
    assert_valid(seg)
    assert_valid(report)


def test_authors_with_strange_names(tmp_path: Path, source: SourceSeries) -> None:
    author = Author("Modèle\\" + "é" * 200, "v" * 90)
    for write in (write_seg, write_rtstruct):
        path = write(labels_on(source.geometry), source, tmp_path / "a.dcm", author)
        data = dcmread(path)
        assert data.ManufacturerModelName.startswith("Modèle/éé") and len(data.ManufacturerModelName) <= 64
        assert data.SpecificCharacterSet == "ISO_IR 192"


def test_another_grid_is_refused_with_the_distance(tmp_path: Path, source: SourceSeries) -> None:
    truth = labels_on(source.geometry)
    x, y, z = source.geometry.origin
    moved = replace(truth, geometry=replace(truth.geometry, origin=(x + 0.3, y, z)))
    for write in (write_seg, write_rtstruct):
        with pytest.raises(GeometryError, match="does not lie on the image's grid") as caught:
            write(moved, source, tmp_path / "a.dcm", AUTHOR)
        assert "-31.2" in caught.value.cause and "-31.5" in caught.value.cause and caught.value.cure


def test_tracking_identifiers_stay_from_run_to_run(tmp_path: Path, source: SourceSeries) -> None:
    truth = labels_on(source.geometry)
    found = []
    for kind in ("labelmap", "binary", "labelmap"):
        seg, report = both(truth, source, tmp_path, kind)
        in_seg = {(item.TrackingID, item.TrackingUID) for item in dcmread(seg).SegmentSequence if "TrackingUID" in item}
        in_report = set()
        for group in groups_of(report):
            texts = {item.ConceptNameCodeSequence[0].CodeValue: item for item in group.ContentSequence}
            in_report.add((texts["112039"].TextValue, texts["112040"].UID))
        assert in_seg == in_report
        found.append(in_seg)
    assert found[0] == found[1] == found[2]


def test_one_slice_has_an_area_and_colours_have_no_mean(tmp_path: Path) -> None:
    grid = Geometry((7, 6, 1), (0.5, 2.0, 3.0), (5.0, 0.0, 0.0))
    source = source_of(save_source(tmp_path / "ct", grid))
    voxels = np.zeros(grid.shape, np.uint8)
    voxels[0, 1:4, 2:6] = 1
    truth = Segmentation(voxels, grid, LABELS[:1])
    seg, report = both(truth, source, tmp_path, "binary")
    numbers = numbers_of(groups_of(report)[0])
    # 12 pixels of 1 mm².
    assert (numbers["Area"], numbers["Mean"]) == (12.0, 40.0) and "Volume" not in numbers
    assert_valid(report)
    colour = Volume(np.full((3, *grid.shape), 40, np.uint8), grid)
    write_report(measured_segments(truth, colour, "binary"), seg, source, report, AUTHOR)
    assert set(numbers_of(groups_of(report)[0])) == {"Area", "Diameter"}


@pytest.mark.parametrize("what", ["labelmap", "binary", "rtstruct", "report"])
def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, source: SourceSeries, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pydicom.filewriter

    truth, target = labels_on(source.geometry), tmp_path / "out" / "a.dcm"
    target.parent.mkdir()
    seg = write_seg(truth, source, tmp_path / "seg.dcm", AUTHOR)
    writers: dict[str, Callable[[], Path]] = {
        "labelmap": lambda: write_seg(truth, source, target, AUTHOR),
        "binary": lambda: write_seg(truth, source, target, AUTHOR, "binary"),
        "rtstruct": lambda: write_rtstruct(truth, source, target, AUTHOR),
        "report": lambda: write_report(measured_segments(truth), seg, source, target, AUTHOR),
    }
    target.write_bytes(b"what stood here before")
    written = 0
    real = pydicom.filewriter.write_data_element

    def until_full(*arguments: Any, **more: Any) -> None:
        nonlocal written
        written += 1
        if written > 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*arguments, **more)

    monkeypatch.setattr(pydicom.filewriter, "write_data_element", until_full)
    with pytest.raises(OutputError, match="disk is full"):
        writers[what]()
    assert [path.name for path in target.parent.iterdir()] == ["a.dcm"]
    assert target.read_bytes() == b"what stood here before"


def test_a_highdicom_that_is_too_old_is_said_to_be(
    tmp_path: Path, source: SourceSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("highdicom.__version__", "0.24.0")
    with pytest.raises(DependencyError, match=r"0\.24\.0 is installed") as caught:
        write_seg(labels_on(source.geometry), source, tmp_path / "a.dcm", AUTHOR)
    assert "--upgrade" in caught.value.cure
    monkeypatch.setattr("highdicom.__version__", "0.28b1")
    assert highdicom()
