"""Segmentations on series of every form: where they lie, by our reader, highdicom, dcmqi and dciodvfy."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import CT, ENHANCED_MR, STORAGE, save_enhanced, save_slice
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from object_cases import LABELS, ORIENTATIONS, grid_of, labels_on, points_of, save_source
from object_checks import assert_valid, read_by_dcmqi
from pydicom import Dataset, dcmread

from UNetSegmentLib.errors import GeometryError, InputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import read_volume
from UNetSegmentLib.io.dicom_objects import Author, read_seg, source_of, write_report, write_rtstruct, write_seg
from UNetSegmentLib.reporting.dicom.report import measured_segments
from UNetSegmentLib.volume import Segmentation

pytest.importorskip("highdicom")

AUTHOR = Author("levels", "1.2")
ENHANCED_CT, LEGACY_CT, LEGACY_MR = (STORAGE + end for end in ("2.1", "2.2", "4.4"))
# Rows and columns along any two axes, either way: with their normal the 24 turns of a box.
TURNS = [
    (*(np.eye(3)[a] * s), *(np.eye(3)[b] * t))
    for a, b in itertools.permutations(range(3), 2)
    for s, t in itertools.product((1, -1), repeat=2)
]
CODES = [
    "".join(pair[way] for pair, way in zip(order, ways, strict=True))
    for order in itertools.permutations(("LR", "PA", "SI"))
    for ways in itertools.product((0, 1), repeat=3)
]


def tell_apart(points: set[tuple[float, ...]]) -> set[tuple[float, ...]]:
    """Values 1 and 5, as in a label map, of 1 and 2, as binary segments are numbered."""
    return {(*point[:3], {2: 5}.get(int(point[3]), point[3])) for point in points}


@pytest.mark.parametrize("turn", TURNS, ids=[" ".join(f"{v:.0f}" for v in turn) for turn in TURNS])
def test_dcmqi_finds_every_voxel_in_every_turn(tmp_path: Path, turn: tuple[float, ...]) -> None:
    grid = grid_of(turn)
    truth = labels_on(grid)
    path = write_seg(truth, source_of(save_source(tmp_path / "ct", grid)), tmp_path / "a.dcm", AUTHOR)
    assert points_of(read_by_dcmqi(path, tmp_path / "dcmqi")) == points_of(truth)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    angles=st.tuples(*[st.floats(-np.pi, np.pi)] * 3),
    codes=st.sampled_from(CODES),
    kind=st.sampled_from(["labelmap", "binary"]),
    seed=st.integers(0, 1000),
)
def test_any_oblique_series_and_any_order_of_axes(
    tmp_path_factory: pytest.TempPathFactory, angles: tuple[float, float, float], codes: str, kind: str, seed: int
) -> None:
    """The 48 orders of a label map's axes, on a series that is turned by any three angles."""
    tmp_path = tmp_path_factory.mktemp("turned")
    rotation = np.eye(3)
    for axis, angle in enumerate(angles):
        i, j = (n for n in range(3) if n != axis)
        step = np.eye(3)
        step[[i, i, j, j], [i, j, i, j]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        rotation = step @ rotation
    grid = grid_of((*rotation[:, 0], *rotation[:, 1]))
    folder = save_source(tmp_path / "ct", grid)
    # As the command line does it: the labels lie on the grid of the image that was read.
    geometry = read_volume(folder).geometry
    truth = labels_on(geometry, seed)
    turned, axes = geometry.reoriented(codes)
    other = Segmentation(np.ascontiguousarray(axes.apply(truth.voxels)), turned, LABELS)
    found = read_seg(write_seg(other, source_of(folder), tmp_path / "a.dcm", AUTHOR, kind))
    near = {tuple(np.round(point, 2)) for point in tell_apart(points_of(found))}
    wanted = {tuple(np.round(point, 2)) for point in points_of(truth)}
    assert len(near) == len(wanted)
    far = [p for p in near if not any(np.allclose(p, q, atol=0.02) for q in wanted)]
    assert not far


def into_frames(data: Any, *names: str) -> None:
    """Moves what frames share into each of them, as some scanners write it."""
    shared = data.SharedFunctionalGroupsSequence[0]
    for frame in data.PerFrameFunctionalGroupsSequence:
        for name in names:
            setattr(frame, name, getattr(shared, name))
    for name in names:
        delattr(shared, name)


def save_parts(folder: Path, grid: Geometry, sop_class: str, parts: int, in_frames: bool) -> Path:
    """A series of several multi-frame files, whose frames take turns."""
    first = save_source(folder / "one", grid, enhanced=True, SOPInstanceUID="1.2.826.0.1.5")
    header = dcmread(first / "all.dcm")
    pixels = header.pixel_array
    positions = grid.to_physical(np.array([(0, 0, k) for k in range(grid.size[2])]))
    common = {
        item.keyword: item.value
        for item in header
        if item.keyword not in ("PixelData", "NumberOfFrames", "SOPInstanceUID", "SOPClassUID") and item.VR != "SQ"
    }
    where = {
        "orientation": tuple(np.array(grid.direction).reshape(3, 3)[:, :2].T.ravel()),
        "spacing": grid.spacing[:2],
    }
    for part in range(parts):
        own = {"SOPInstanceUID": f"1.2.826.0.1.5.{part}", "InstanceNumber": part + 1}
        mine = slice(part, None, parts)
        path = folder / "series" / f"{part}.dcm"
        save_enhanced(path, pixels[mine][::-1], positions[mine][::-1], sop_class=sop_class, **where, **common, **own)
        if in_frames:
            data = dcmread(path)
            into_frames(data, "PixelMeasuresSequence", "PlaneOrientationSequence")
            data.save_as(path)
    return folder / "series"


@pytest.mark.parametrize("kind", ["labelmap", "binary"])
@pytest.mark.parametrize(
    ("sop_class", "parts", "in_frames"),
    [
        (ENHANCED_CT, 1, False),
        (ENHANCED_MR, 1, True),
        (ENHANCED_CT, 2, True),
        (ENHANCED_MR, 3, False),
        (LEGACY_CT, 1, True),
        (LEGACY_MR, 2, False),
    ],
    ids=["CT", "MR, places in frames", "CT, two files", "MR, three files", "legacy CT", "legacy MR, two files"],
)
def test_multi_frame_sources(tmp_path: Path, sop_class: str, parts: int, in_frames: bool, kind: str) -> None:
    grid = grid_of(ORIENTATIONS["oblique"])
    source = source_of(save_parts(tmp_path, grid, sop_class, parts, in_frames))
    assert (len(source.files), source.multi_frame) == (parts, True)
    truth = labels_on(grid)
    path = write_seg(truth, source, tmp_path / "a.dcm", AUTHOR, kind)
    assert tell_apart(points_of(read_by_dcmqi(path, tmp_path / "dcmqi"))) == points_of(truth)
    data = dcmread(path)
    assert len(data.SourceImageSequence) == len(data.ReferencedSeriesSequence[0].ReferencedInstanceSequence) == parts
    for frame in data.PerFrameFunctionalGroupsSequence:
        item = frame.DerivationImageSequence[0].SourceImageSequence[0]
        file = next(one for one in source.files if one.SOPInstanceUID == item.ReferencedSOPInstanceUID)
        theirs = file.PerFrameFunctionalGroupsSequence[item.ReferencedFrameNumber - 1].PlanePositionSequence[0]
        mine = frame.PlanePositionSequence[0]
        assert np.allclose(mine.ImagePositionPatient, theirs.ImagePositionPatient, atol=1e-5)
    if kind == "binary":
        measured = measured_segments(truth, None, kind)
        report = write_report(measured, path, source, tmp_path / "sr.dcm", AUTHOR)
        for made in (path, report, write_rtstruct(truth, source, tmp_path / "rt.dcm", AUTHOR)):
            assert_valid(made)


def test_frames_refer_to_the_slices_that_they_lie_on(tmp_path: Path) -> None:
    grid = grid_of(ORIENTATIONS["sagittal"])
    source = source_of(save_source(tmp_path / "ct", grid))
    data = dcmread(write_seg(labels_on(grid), source, tmp_path / "a.dcm", AUTHOR))
    positions = {str(file.SOPInstanceUID): file.ImagePositionPatient for file in source.files}
    for frame in data.PerFrameFunctionalGroupsSequence:
        item = frame.DerivationImageSequence[0].SourceImageSequence[0]
        assert item.ReferencedSOPClassUID == CT and "ReferencedFrameNumber" not in item
        own = frame.PlanePositionSequence[0].ImagePositionPatient
        assert np.allclose(own, positions[str(item.ReferencedSOPInstanceUID)], atol=1e-6)


def without(*names: str) -> Callable[[Any], None]:
    def remove(data: Any) -> None:
        for name in names:
            delattr(data, name)

    return remove


def named(charset: str, name: str) -> Callable[[Any], None]:
    def rename(data: Any) -> None:
        data.SpecificCharacterSet = charset.split("\\")
        data.PatientName = name

    return rename


HEADERS = {
    "no thickness": without(),  # test series state none
    "a thickness of nothing": lambda data: setattr(data, "SliceThickness", None),
    "no study number, date and time": without("StudyID", "StudyDate", "StudyTime", "AccessionNumber"),
    "no patient": without("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "ReferringPhysicianName"),
    "Latin": named("ISO_IR 100", "Müller^Jürgen"),
    "Japanese": named("ISO 2022 IR 6\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "Unicode": named("ISO_IR 192", "Wang^XiaoDong=王^小东"),
    "a set that there is not": lambda data: data.add_new("SpecificCharacterSet", "CS", "UTF8"),
}


@pytest.mark.parametrize("letters", ["liver", "Leber, größer", "肝臓"])
@pytest.mark.parametrize("change", HEADERS.values(), ids=HEADERS)
def test_headers_that_lack_or_spell(tmp_path: Path, change: Callable[[Any], None], letters: str) -> None:
    """A segment's name may need letters that the series' character set does not have."""
    grid = grid_of(ORIENTATIONS["axial"])
    folder = save_source(tmp_path / "ct", grid)
    for file in folder.iterdir():
        data = dcmread(file)
        change(data)
        data.save_as(file)
    source = source_of(folder)
    truth = labels_on(grid)
    truth = Segmentation(truth.voxels, grid, (LABELS[0].__class__(1, letters, LABELS[0].color), LABELS[1]))
    for write in (write_seg, write_rtstruct):
        data = dcmread(write(truth, source, tmp_path / "a.dcm", AUTHOR))
        assert str(data.PatientName) == str(source.files[0].PatientName)
        names = [item.SegmentLabel for item in data.get("SegmentSequence", ())]
        names += [item.ROIName for item in data.get("StructureSetROISequence", ())]
        assert letters in names


def test_a_series_without_a_frame_of_reference_is_refused(tmp_path: Path) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    folder = save_source(tmp_path / "ct", grid)
    for file in folder.iterdir():
        data = dcmread(file)
        del data.FrameOfReferenceUID
        data.save_as(file)
    with pytest.raises(InputError, match="no frame of reference") as caught:
        write_seg(labels_on(grid), source_of(folder), tmp_path / "a.dcm", AUTHOR)
    assert ".seg.nrrd" in caught.value.cure


def moved(name: str) -> Callable[[Dataset, int], None]:
    def move(data: Dataset, k: int) -> None:
        x, y, z = data.ImagePositionPatient
        data.ImagePositionPatient = [x, y + 0.9 * k, z] if name == "tilted" else [x, y, z + 0.5 * k * k]

    return move


@pytest.mark.parametrize("name", ["tilted", "uneven"])
def test_slices_that_make_no_grid_have_no_objects_and_that_is_said(tmp_path: Path, name: str) -> None:
    folder = save_source(tmp_path / "ct", grid_of(ORIENTATIONS["axial"]))
    for file in folder.iterdir():
        data = dcmread(file)
        moved(name)(data, int(data.InstanceNumber))
        data.save_as(file)
    with pytest.raises(GeometryError, match="tilted gantry" if name == "tilted" else "not evenly spaced") as caught:
        source_of(folder)
    assert "regularization" in caught.value.cure and ".seg.nrrd" in caught.value.cure


def test_one_of_several_echoes_is_chosen(tmp_path: Path) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    for number, echo in ((7, "first echo"), (8, "second echo")):
        more = {"SeriesNumber": number, "SeriesInstanceUID": f"1.2.826.0.1.{number}", "SeriesDescription": echo}
        save_source(tmp_path / "mr" / str(number), grid, **more)
    with pytest.raises(InputError, match="first echo"):
        source_of(tmp_path / "mr")
    source = source_of(tmp_path / "mr", "second echo")
    data = dcmread(write_seg(labels_on(grid), source, tmp_path / "a.dcm", AUTHOR))
    assert data.ReferencedSeriesSequence[0].SeriesInstanceUID == "1.2.826.0.1.8"


def test_rounded_headers_make_one_grid(tmp_path: Path) -> None:
    """Thirds of a millimetre with one decimal, and cosines that differ in the last digit from file to file."""
    for k in range(6):
        turn = (1, 0, 0, 0, 1 - 1e-7 * k, 0)
        more = {"StudyInstanceUID": "1.2.826.0.1.77", "FrameOfReferenceUID": "1.2.826.0.1.88", "Modality": "CT"}
        place = (0, 0, round(k / 3, 1))
        save_slice(tmp_path / "ct" / f"{k}", place, k, orientation=turn, sop_class=CT, InstanceNumber=k, **more)
    source = source_of(tmp_path / "ct")
    voxels = np.zeros(source.geometry.shape, np.uint8)
    voxels[:, 1:3, 2] = 1
    path = write_seg(Segmentation(voxels, source.geometry), source, tmp_path / "a.dcm", AUTHOR)
    assert int(read_by_dcmqi(path, tmp_path / "dcmqi").voxels.sum()) == 12
