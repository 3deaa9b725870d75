from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dicom_files import save_slice
from object_cases import LABELS, ORIENTATIONS, grid_of, labels_on, points_of, save_source
from object_checks import read_by_dcmqi
from pydicom import dcmread

from UNetSegmentLib.errors import GeometryError, InputError, OutputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import place_on_grid
from UNetSegmentLib.io.dicom_objects import Author, read_seg, source_of, write_seg
from UNetSegmentLib.volume import Segmentation

pytest.importorskip("highdicom")

AUTHOR = Author("levels", "1.2", "ab" * 32)


@pytest.mark.parametrize("kind", ["labelmap", "binary"])
@pytest.mark.parametrize("name", ORIENTATIONS)
def test_a_segmentation_comes_back_where_it_was(tmp_path: Path, name: str, kind: str) -> None:
    grid = grid_of(ORIENTATIONS[name])
    source = source_of(save_source(tmp_path / "ct", grid))
    truth = labels_on(grid)
    found = read_seg(write_seg(truth, source, tmp_path / "out.dcm", AUTHOR, kind))
    assert {(*p[:3], {1: 1, 2: 5}.get(p[3], p[3])) for p in points_of(found)} == points_of(truth)
    assert [label.name for label in found.labels] == [label.name for label in LABELS]
    assert found.labels[1].terminology.type_modifier.meaning == "Left"  # type: ignore[union-attr]
    assert np.abs(np.subtract(found.labels[0].color, LABELS[0].color)).max() <= 2


@pytest.mark.parametrize("codes", ["LPS", "RAS", "PIR", "SAR"])
def test_a_segmentation_whose_axes_run_otherwise_is_turned_not_mirrored(tmp_path: Path, codes: str) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    source = source_of(save_source(tmp_path / "ct", grid))
    turned, axes = grid.reoriented(codes)
    truth = labels_on(grid)
    other = Segmentation(np.ascontiguousarray(axes.apply(truth.voxels)), turned, LABELS)
    assert points_of(other) == points_of(truth)
    assert points_of(read_seg(write_seg(other, source, tmp_path / "out.dcm", AUTHOR))) == points_of(truth)


def test_a_multi_frame_file_is_a_source_too(tmp_path: Path) -> None:
    grid = grid_of(ORIENTATIONS["sagittal"])
    folder = save_source(tmp_path / "mr", grid, enhanced=True, SOPInstanceUID="1.2.826.0.1.5", InstanceNumber=1)
    source = source_of(folder)
    assert source.multi_frame
    truth = labels_on(grid)
    assert points_of(read_seg(write_seg(truth, source, tmp_path / "out.dcm", AUTHOR))) == points_of(truth)


@pytest.mark.parametrize("kind", ["labelmap", "binary"])
def test_dcmqi_reads_the_same_voxels_at_the_same_places(tmp_path: Path, kind: str) -> None:
    grid = grid_of(ORIENTATIONS["oblique"])
    truth = labels_on(grid)
    path = write_seg(truth, source_of(save_source(tmp_path / "ct", grid)), tmp_path / "out.dcm", AUTHOR, kind)
    found = read_by_dcmqi(path, tmp_path / "dcmqi")
    found.voxels[found.voxels == 2] = 5  # binary segments are numbered from 1 on
    assert points_of(found) == points_of(truth)
    assert "liver" in next((tmp_path / "dcmqi").glob("*.json")).read_text()


def test_it_carries_patient_study_and_author(tmp_path: Path) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    source = source_of(save_source(tmp_path / "ct", grid))
    data = dcmread(write_seg(labels_on(grid), source, tmp_path / "out.dcm", replace(AUTHOR, corrected=True)))
    assert (data.PatientName, data.PatientID, data.StudyInstanceUID) == ("Roe^Jane", "P-1", "1.2.826.0.1.77")
    assert data.FrameOfReferenceUID == "1.2.826.0.1.88"
    liver = next(s for s in data.SegmentSequence if s.SegmentLabel == "liver")
    assert liver.SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert liver.SegmentationAlgorithmIdentificationSequence[0].AlgorithmVersion == "1.2"
    assert liver.SegmentedPropertyTypeCodeSequence[0].CodeValue == "10200004"
    sources = {item.ReferencedSOPInstanceUID for item in data.ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    assert sources == {file.SOPInstanceUID for file in source.files}


def test_label_maps_are_the_smaller_ones(tmp_path: Path) -> None:
    grid = Geometry((64, 64, 20), (1, 1, 1), (0, 0, 0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    source = source_of(save_source(tmp_path / "ct", grid))
    voxels = np.zeros(grid.shape, np.uint8)
    for value in range(1, 9):
        voxels[:, 8 * value - 8 : 8 * value - 2, 4:60] = value
    truth = Segmentation(voxels, grid)
    sizes = [write_seg(truth, source, tmp_path / f"{k}.dcm", AUTHOR, k).stat().st_size for k in ("labelmap", "binary")]
    assert sizes[0] < sizes[1] / 2


def test_fractions_count_from_one_half(tmp_path: Path) -> None:
    import highdicom as hd

    grid = grid_of(ORIENTATIONS["axial"])
    source = source_of(save_source(tmp_path / "ct", grid))
    shares = np.zeros((grid.size[2], grid.size[1], grid.size[0], 2), np.float32)
    shares[1, 1:3, 1:3] = (0.8, 0.2)
    shares[2, 1:3, 1:3] = (0.3, 0.7)
    shares[3, 1:3, 1:3] = (0.4, 0.4)
    from UNetSegmentLib.io.dicom_objects.writing.descriptions import segment_descriptions

    made = hd.seg.Segmentation(
        list(source.files),
        shares,
        "FRACTIONAL",
        segment_descriptions(LABELS, AUTHOR, (1, 2), "1.2"),
        hd.UID(),
        1,
        hd.UID(),
        1,
        "nobody",
        "none",
        "0",
        "0",
    )
    made.save_as(tmp_path / "f.dcm")
    voxels = place_on_grid(read_seg(tmp_path / "f.dcm"), grid).voxels
    assert [int(voxels[z].max()) for z in range(5)] == [0, 1, 2, 0, 0]


def test_overlapping_segments_are_refused_in_words(tmp_path: Path) -> None:
    import highdicom as hd

    from UNetSegmentLib.io.dicom_objects.writing.descriptions import segment_descriptions

    grid = grid_of(ORIENTATIONS["axial"])
    source = source_of(save_source(tmp_path / "ct", grid))
    masks = np.zeros((grid.size[2], grid.size[1], grid.size[0], 2), np.uint8)
    masks[1:3, 1:4, 1:4] = 1
    descriptions = segment_descriptions(LABELS, AUTHOR, (1, 2), "1.2")
    where = (hd.UID(), 1, hd.UID(), 1, "nobody", "none", "0", "0")
    hd.seg.Segmentation(list(source.files), masks, "BINARY", descriptions, *where).save_as(tmp_path / "o.dcm")
    with pytest.raises(InputError, match="overlap"):
        read_seg(tmp_path / "o.dcm")


def test_segmentations_of_others_are_read(shared_data: Path) -> None:
    """dcmqi's own: a liver on three slices, and sparse label maps."""
    folder = shared_data / "dicom_objects"
    liver = read_seg(folder / "liver.dcm")
    assert (liver.labels[0].name, int(liver.voxels.sum())) == ("Liver", 107098)
    assert liver.labels[0].terminology.type.code == "T-62000"  # type: ignore[union-attr]
    sparse = [read_seg(folder / f"sparse-labelmap-{end}.dcm") for end in ("ppv5", "noppv")]
    assert all((s.geometry.size, int(s.voxels.sum())) == ((24, 38, 3), 630) for s in sparse)


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    source = source_of(save_source(tmp_path / "ct", grid))
    truth = labels_on(grid)
    with pytest.raises(InputError, match="Nothing was found"):
        write_seg(replace(truth, voxels=np.zeros_like(truth.voxels)), source, tmp_path / "a.dcm", AUTHOR)
    with pytest.raises(OutputError, match=r"\.dcm"):
        write_seg(truth, source, tmp_path / "a.nrrd", AUTHOR)
    elsewhere = replace(truth, geometry=replace(grid, origin=(0.3, 0.1, 0.2)))
    with pytest.raises(GeometryError, match="grid"):
        write_seg(elsewhere, source, tmp_path / "a.dcm", AUTHOR)
    assert not (tmp_path / "a.dcm").exists()


def test_a_source_must_be_dicom_with_its_identifiers(tmp_path: Path) -> None:
    (tmp_path / "image.nii.gz").write_bytes(b"x" * 400)
    with pytest.raises(InputError, match="is not DICOM"):
        source_of(tmp_path / "image.nii.gz")
    for number in range(3):
        save_slice(tmp_path / "anonymous" / f"{number}.dcm", (0, 0, number))
    with pytest.raises(InputError, match="StudyInstanceUID"):
        source_of(tmp_path / "anonymous")


@pytest.mark.parametrize("content", [b"", b"words", b"\0" * 128 + b"DICM" + b"\xff" * 64])
def test_what_is_no_segmentation_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.dcm").write_bytes(content)
    with pytest.raises(InputError):
        read_seg(tmp_path / "x.dcm")


@pytest.mark.parametrize(
    "keyword",
    ["SegmentNumber", "Rows", "BitsStored", "PerFrameFunctionalGroupsSequence"],
)
def test_a_segmentation_with_an_empty_header_is_refused_in_words(tmp_path: Path, keyword: str) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    source = source_of(save_source(tmp_path / "ct", grid))
    data = dcmread(write_seg(labels_on(grid), source, tmp_path / "x.dcm", AUTHOR))
    element = (data if keyword in data else data.SegmentSequence[0])[keyword]
    element.value = [] if element.VR == "SQ" else None
    data.save_as(tmp_path / "x.dcm")
    with pytest.raises(InputError) as caught:
        read_seg(tmp_path / "x.dcm")
    assert caught.value.cure
