"""Structure sets as other systems write them, built by hand; areas and places are analytic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from seg_files import SPACE, code, item

from UNetSegmentLib.errors import GeometryError, InputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io.dicom_objects import read_rtstruct
from UNetSegmentLib.io.dicom_objects.contours import mask_of
from UNetSegmentLib.io.dicom_objects.reading.image_grid import ImageGrid

STORAGE = "1.2.840.10008.5.1.4.1.1.481.3"
GRID = Geometry((80, 60, 8), (0.5, 0.5, 2.0), (-20.0, -15.0, 40.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
IMAGE = ImageGrid(GRID)
CLOSED, XOR = "CLOSED_PLANAR", "CLOSEDPLANAR_XOR"
Curve = tuple[str, np.ndarray]


def curve(points: np.ndarray, z: float, kind: str = CLOSED) -> Curve:
    """Corners (n, 2) in mm at a height, or (n, 3)."""
    points = np.asarray(points, float)
    return kind, points if points.shape[1] == 3 else np.column_stack([points, np.full(len(points), z)])


def circle(radius: float, z: float, centre: tuple[float, float] = (0, 0), kind: str = CLOSED, turn: int = 1) -> Curve:
    angles = turn * np.linspace(0, 2 * np.pi, 180, endpoint=False)
    return curve(np.column_stack([np.cos(angles), np.sin(angles)]) * radius + centre, z, kind)


def square(low: float, high: float, z: float, kind: str = CLOSED) -> Curve:
    return curve(np.array([(low, low), (high, low), (high, high), (low, high)]), z, kind)


def structure_set(path: Path, structures: dict[str, Sequence[Curve]], space: str = SPACE, **elements: Any) -> Path:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = STORAGE
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.5"
    data.Modality, data.SeriesInstanceUID, data.StudyInstanceUID = "RTSTRUCT", "1.2.6", "1.2.7"
    data.StructureSetROISequence = [
        item(ROINumber=10 + n, ROIName=name, ReferencedFrameOfReferenceUID=space) for n, name in enumerate(structures)
    ]
    data.ROIContourSequence = [
        item(
            ReferencedROINumber=10 + n,
            ROIDisplayColor=[255, 0, n],
            ContourSequence=[
                item(
                    ContourGeometricType=kind,
                    NumberOfContourPoints=len(points),
                    ContourData=[f"{v:.5f}" for v in points.ravel()],
                )
                for kind, points in curves
            ],
        )
        for n, curves in enumerate(structures.values())
    ]
    for name, value in elements.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path


def area(mask: np.ndarray) -> float:
    return float(np.count_nonzero(mask)) * GRID.spacing[0] * GRID.spacing[1]


def read_one(tmp_path: Path, *curves: Curve) -> np.ndarray:
    return read_rtstruct(structure_set(tmp_path / "s.dcm", {"a": curves}), IMAGE).voxels > 0


RING = np.pi * (12.0**2 - 6.0**2)


def keyhole(z: float) -> Curve:
    """A ring as one curve: round the outside, over a bridge, round the inside the other way, and back."""
    outer, inner = circle(12, z)[1], circle(6, z, turn=-1)[1]
    return CLOSED, np.concatenate([outer, outer[:1], inner, inner[:1]])


RINGS = {
    "keyhole": [keyhole(42)],
    "XOR": [circle(12, 42, kind=XOR), circle(6, 42, kind=XOR)],
    "one inside the other": [circle(12, 42), circle(6, 42)],
    "the inner one first": [circle(6, 42), circle(12, 42)],
    "wound the other way": [circle(12, 42, turn=-1), circle(6, 42, turn=1)],
    "wound alike, clockwise": [circle(12, 42, turn=-1), circle(6, 42, turn=-1)],
    "the first point repeated": [(k, np.concatenate([p, p[:1]])) for k, p in (circle(12, 42), circle(6, 42))],
    "stored twice": [circle(12, 42), circle(6, 42), circle(12, 42), circle(6, 42, turn=-1)],
}


@pytest.mark.parametrize("name", RINGS)
def test_a_hole_however_it_is_written(tmp_path: Path, name: str) -> None:
    mask = read_one(tmp_path, *RINGS[name])
    assert np.flatnonzero(mask.any(axis=(1, 2))).tolist() == [1]
    assert area(mask) == pytest.approx(RING, rel=0.01)
    points = GRID.to_physical(np.argwhere(mask)[:, ::-1])
    distances = np.linalg.norm(points[:, :2], axis=1)
    assert distances.min() >= 6 - 0.01 and distances.max() <= 12


def test_an_island_in_a_hole_and_one_beside(tmp_path: Path) -> None:
    mask = read_one(tmp_path, circle(12, 42), circle(8, 42), circle(3, 42), circle(2, 42, (17, 0)))
    assert area(mask) == pytest.approx(np.pi * (144 - 64 + 9 + 4), rel=0.02)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [(CLOSED, 2 * 100 - 25), (XOR, 2 * 100 - 2 * 25)],
)
def test_curves_that_cross_each_other(tmp_path: Path, kind: str, wanted: float) -> None:
    """Two squares of 10 mm that share one of 5: joined, and the shared part left out where the type says so."""
    path = structure_set(tmp_path / "s.dcm", {"a": [square(-10, 0, 44, kind), square(-5, 5, 44, kind)]})
    found = read_rtstruct(path, IMAGE)
    assert area(found.voxels) == pytest.approx(wanted)
    assert any("were joined" in note for note in found.notes) == (kind == CLOSED)


@settings(max_examples=60, deadline=None)
@given(
    corners=st.lists(st.tuples(st.floats(-5, 25), st.floats(-5, 25)), min_size=3, max_size=9),
    columns=st.integers(1, 20),
    rows=st.integers(1, 20),
)
def test_pixels_inside_are_those_with_an_odd_number_of_edges_beside_them(
    corners: list[tuple[float, float]], columns: int, rows: int
) -> None:
    """Counted point by point; centres that lie on an edge may be either."""
    points = np.array(corners)
    mask = mask_of([points], (rows, columns))
    ys, xs = np.indices((rows, columns))
    for y, x in zip(ys.ravel(), xs.ravel(), strict=True):
        crossings, near = 0, False
        for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
            length = np.hypot(x1 - x0, y1 - y0)
            near |= np.hypot(x - x0, y - y0) < 1e-6
            if length > 1e-9:
                along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length**2, 0, 1)
                near |= np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)) < 1e-6
            if (y0 > y) != (y1 > y):
                crossings += x < x0 + (y - y0) * (x1 - x0) / (y1 - y0)
        assert near or mask[y, x] == bool(crossings % 2)


def test_several_structures_keep_names_colours_and_codes(tmp_path: Path) -> None:
    path = structure_set(
        tmp_path / "s.dcm",
        {"Liver": [square(-10, 0, 44)], "Kidney_L": [square(5, 9, 44)]},
        RTROIObservationsSequence=[
            item(ObservationNumber=1, ReferencedROINumber=10, RTROIIdentificationCodeSequence=code("10200004", "Liver"))
        ],
    )
    found = read_rtstruct(path, IMAGE)
    assert [(label.value, label.name, label.color) for label in found.labels] == [
        (1, "Liver", (255, 0, 0)),
        (2, "Kidney_L", (255, 0, 1)),
    ]
    assert found.labels[0].terminology.type.code == "10200004"  # type: ignore[union-attr]
    assert [area(found.voxels == n) for n in (1, 2)] == [100, 16]
    only = read_rtstruct(path, IMAGE, ["kidney_l"])
    assert [label.name for label in only.labels] == ["Kidney_L"] and np.array_equal(only.voxels == 2, found.voxels == 2)


def test_the_smaller_of_two_stands_on_top(tmp_path: Path) -> None:
    """A tumour in an organ in the patient's outline, in whatever order they come."""
    parts = {"GTV": [square(-2, 2, 44)], "BODY": [square(-14, 14, 44)], "Liver": [square(-8, 8, 44)]}
    found = read_rtstruct(structure_set(tmp_path / "s.dcm", parts), IMAGE)
    assert [area(found.voxels == n) for n in (1, 2, 3)] == [16, 28**2 - 16**2, 16**2 - 4**2]
    assert any("smaller stands on top" in note and "'BODY'" in note for note in found.notes)


def test_points_and_open_curves_are_left_out_and_said(tmp_path: Path) -> None:
    path = structure_set(
        tmp_path / "s.dcm",
        {
            "organ": [square(-10, 0, 44)],
            "isocentre": [curve(np.array([(0, 0)]), 44, "POINT")],
            "path": [curve(np.array([(0, 0), (5, 5), (9, 0)]), 44, "OPEN_PLANAR")],
            "empty": [],
            "speck": [square(0.05, 0.1, 44)],
        },
    )
    found = read_rtstruct(path, IMAGE)
    assert [label.name for label in found.labels] == ["organ", "speck"]
    words = " ".join(found.notes)
    assert "'isocentre', 'path', 'empty'" in words and "'speck' is smaller than a voxel" in words
    with pytest.raises(InputError, match="no closed curves"):
        read_rtstruct(path, IMAGE, ["path"])


def test_curves_between_slices(tmp_path: Path) -> None:
    """Drawn on slices of 5 mm from 40.7 on, read on slices of 2 mm: each takes the nearest as far as it reaches."""
    heights = (40.7, 45.7, 50.7)
    path = structure_set(tmp_path / "s.dcm", {"a": [square(-n, n, z) for n, z in zip((2, 4, 6), heights, strict=True)]})
    found = read_rtstruct(path, IMAGE)
    assert [area(plane) for plane in found.voxels] == [16, 16, 64, 64, 64, 144, 144, 0]
    assert any("between the slices" in note for note in found.notes)


def test_more_curves_than_slices(tmp_path: Path) -> None:
    """Every millimetre on slices of two: each slice has its own curve, not all that are near it."""
    path = structure_set(tmp_path / "s.dcm", {"a": [square(-1 - n, 1 + n, 42 + n) for n in range(5)]})
    found = read_rtstruct(path, IMAGE)
    assert [area(plane) for plane in found.voxels] == [0, 4, 36, 100, 0, 0, 0, 0]


def test_slices_that_were_left_out_stay_empty_and_it_is_said(tmp_path: Path) -> None:
    found = read_rtstruct(structure_set(tmp_path / "s.dcm", {"a": [square(-4, 4, 42), square(-4, 4, 48)]}), IMAGE)
    assert found.voxels.any(axis=(1, 2)).tolist() == [False, True, False, False, True, False, False, False]
    assert any("nothing was put in between" in note for note in found.notes)


def test_headers_round(tmp_path: Path) -> None:
    found = read_rtstruct(structure_set(tmp_path / "s.dcm", {"a": [square(-4, 4, 42.06), circle(2, 41.96)]}), IMAGE)
    assert area(found.voxels[1]) == pytest.approx(64 - 4 * np.pi, rel=0.03) and not found.notes


def test_beyond_the_image(tmp_path: Path) -> None:
    found = read_rtstruct(structure_set(tmp_path / "s.dcm", {"a": [square(-4, 4, z) for z in (38, 40, 42)]}), IMAGE)
    assert area(found.voxels) == 128 and any("beyond the image" in note for note in found.notes)
    with pytest.raises(GeometryError, match="Nothing of"):
        read_rtstruct(structure_set(tmp_path / "s.dcm", {"a": [square(-4, 4, 99)]}), IMAGE)
    cut = read_rtstruct(structure_set(tmp_path / "s.dcm", {"a": [square(-40, 0, 42)]}), IMAGE)
    assert area(cut.voxels) == 20 * 15  # centres from -20 and from -15 on


def test_curves_that_are_not_flat_in_the_slices(tmp_path: Path) -> None:
    tilted = np.array([(-5, -5, 42), (5, -5, 44), (5, 5, 44), (-5, 5, 42)])
    with pytest.raises(GeometryError, match="does not lie in a slice") as caught:
        read_rtstruct(structure_set(tmp_path / "s.dcm", {"a": [curve(tilted, 0)]}), IMAGE)
    assert caught.value.cure


@pytest.mark.parametrize("codes", ["LPS", "RAS", "PIR", "SAL", "RSP"])
def test_images_whose_axes_run_otherwise(tmp_path: Path, codes: str) -> None:
    path = structure_set(tmp_path / "s.dcm", {"a": [circle(9, z, (3.13, -2.17)) for z in (42, 44, 46)]})
    plain = read_rtstruct(path, IMAGE).voxels
    turned, axes = GRID.reoriented(codes)
    assert np.array_equal(read_rtstruct(path, ImageGrid(turned)).voxels, axes.apply(plain))


def test_structures_of_two_spaces(tmp_path: Path) -> None:
    path = structure_set(tmp_path / "s.dcm", {"a": [square(-4, 4, 42)], "b": [square(-8, 8, 42)]})
    data = dcmread(path)
    data.StructureSetROISequence[1].ReferencedFrameOfReferenceUID = "1.2.99"
    data.save_as(path)

    class Image(ImageGrid):
        reference = SPACE  # type: ignore[assignment]
        uid = "1.2.3.4"  # type: ignore[assignment]

    found = read_rtstruct(path, Image(GRID))
    assert [label.name for label in found.labels] == ["a"]
    assert any("another frame of reference: 'b'" in note for note in found.notes)


def test_numbers_that_are_none(tmp_path: Path) -> None:
    path = structure_set(tmp_path / "s.dcm", {"a": [square(-4, 4, 42)]})
    content = path.read_bytes().replace(b"-4.00000", b"     nan", 1)
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        read_rtstruct(path, IMAGE)
    for length in range(140, len(content), 61):
        path.write_bytes(content[:length])
        with pytest.raises(InputError):
            read_rtstruct(path, IMAGE)
