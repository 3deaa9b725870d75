"""Slices and frames become the one grid that they lie on, or a sentence says why there is none."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from dicom_files import ENHANCED_MR, PET, STORAGE, save_enhanced, save_series, save_slice
from hypothesis import given, settings
from hypothesis import strategies as st

from UNetSegmentLib.errors import GeometryError, InputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import read_volume

_SIZE = (5, 4, 6)


@st.composite
def grids(draw: st.DrawFn) -> Geometry:
    """Any right-handed grid: turned, anisotropic, far from the origin."""
    quaternion = np.array([draw(st.floats(-1, 1)) for _ in range(4)])
    quaternion = quaternion / np.linalg.norm(quaternion) if np.linalg.norm(quaternion) > 0.1 else np.array([1, 0, 0, 0])
    w, x, y, z = quaternion
    axes = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    spacing = [draw(st.floats(0.2, 6)) for _ in range(3)]
    origin = [draw(st.floats(-500, 500)) for _ in range(3)]
    return Geometry(_SIZE, tuple(spacing), tuple(origin), tuple(axes.ravel()))


def _positions(grid: Geometry) -> np.ndarray:
    return grid.to_physical(np.array([(0, 0, k) for k in range(grid.size[2])]))


def _orientation(grid: Geometry) -> tuple[float, ...]:
    return tuple(np.array(grid.direction).reshape(3, 3)[:, :2].T.ravel())


def _voxels(grid: Geometry) -> np.ndarray:
    return np.arange(np.prod(grid.shape), dtype=np.uint16).reshape(grid.shape)


@settings(max_examples=12, deadline=None)
@given(grids(), st.permutations(range(_SIZE[2])), st.sampled_from(["slices", "one file", "two files"]))
def test_any_grid_in_any_order(grid: Geometry, order: list[int], form: str) -> None:
    positions, truth = _positions(grid), _voxels(grid)
    where = {"orientation": _orientation(grid), "spacing": grid.spacing[:2]}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if form == "slices":
            for number, k in enumerate(order):
                save_slice(folder / f"IM{number}", positions[k], truth[k], **where)
        else:
            parts = [order] if form == "one file" else [order[:2], order[2:]]
            for number, part in enumerate(parts):
                save_enhanced(folder / f"IM{number}", truth[part], positions[part], **where)
        volume = read_volume(folder)
    np.testing.assert_array_equal(volume.voxels[0], truth)
    assert volume.geometry.is_close(grid), volume.geometry.difference(grid)
    assert volume.notes == ()


@settings(max_examples=10, deadline=None)
@given(grids(), st.integers(1, 4), st.booleans())
def test_a_missing_slice_is_never_overlooked(grid: Geometry, lost: int, enhanced: bool) -> None:
    positions, truth = np.delete(_positions(grid), lost, axis=0), np.delete(_voxels(grid), lost, axis=0)
    where = {"orientation": _orientation(grid), "spacing": grid.spacing[:2]}
    with tempfile.TemporaryDirectory() as name:
        if enhanced:
            save_enhanced(Path(name) / "a", truth, positions, **where)
        else:
            save_series(Path(name), positions, **where)
        with pytest.raises(GeometryError, match=r"not evenly spaced.*some are missing"):
            read_volume(name)


def test_small_steps_aside_add_up(tmp_path: Path) -> None:
    # 1.1 degrees: 0.038 mm a slice, 1.1 mm at the last of thirty.
    tilt = math.tan(math.radians(1.1))
    positions = [(0.0, tilt * 2 * k, 2.0 * k) for k in range(30)]
    with pytest.raises(GeometryError, match=r"up to 1\.1 mm \(1\.1 degrees: a tilted gantry"):
        read_volume(save_series(tmp_path / "series", positions))
    save_enhanced(tmp_path / "one.dcm", np.zeros((30, 4, 5), np.uint16), positions)
    with pytest.raises(GeometryError, match="tilted gantry"):
        read_volume(tmp_path / "one.dcm")


def test_small_differences_of_gaps_add_up(tmp_path: Path) -> None:
    heights = np.cumsum([0.0] + [5.0] * 19 + [5.2] * 18)
    with pytest.raises(GeometryError, match=r"5 to 5\.2 mm, up to 1\.8 mm from an even grid\)\."):
        read_volume(save_series(tmp_path, [(0, 0, h) for h in heights]))


@pytest.mark.parametrize("gap", [0.625, 1.25, 3.3])
def test_positions_rounded_to_one_decimal_are_read(tmp_path: Path, gap: float) -> None:
    positions = [(0.0, 0.0, round(gap * k, 1)) for k in range(41)]
    volume = read_volume(save_series(tmp_path, positions))
    # The far end is where the header says.
    assert volume.geometry.to_physical(np.array((0, 0, 40)))[2] == pytest.approx(positions[-1][2])


def test_slices_turned_by_little_are_judged_at_their_corners(tmp_path: Path) -> None:
    # Half a milliradian is 0.3 mm at the far corner of 600 pixels.
    turn = 5e-4
    wide = np.zeros((2, 600), np.int16)
    save_slice(tmp_path / "1", (0, 0, 0), wide, spacing=(1, 1))
    save_slice(tmp_path / "2", (0, 0, 1), wide, spacing=(1, 1), orientation=(1, turn, 0, -turn, 1, 0))
    with pytest.raises(InputError, match=r"turned or scaled against each other by 0\.3 mm"):
        read_volume(tmp_path)


def test_series_of_two_volumes_says_what_tells_them_apart(tmp_path: Path) -> None:
    positions = [(0, 0, 2.0 * k) for k in range(3)]
    for echo in (2.3, 4.6):
        for number, position in enumerate(positions):
            save_slice(tmp_path / "echoes" / f"{echo}_{number}", position, EchoTime=echo)
    with pytest.raises(InputError, match=r"2 volumes of 3 slices, which differ in their echo time \(2\.3, 4\.6\)"):
        read_volume(tmp_path / "echoes")
    contents = [{"TemporalPositionIndex": t} for t in (1, 1, 1, 2, 2, 2)]
    save_enhanced(tmp_path / "a.dcm", np.zeros((6, 4, 5), np.uint16), positions * 2, contents=contents)
    with pytest.raises(InputError, match=r"2 volumes of 3 slices, which differ in their time point \(1, 2\)"):
        read_volume(tmp_path / "a.dcm")


@pytest.mark.parametrize("sop_class", ["4.1", "2.1", "130", "128.1", "4.3", "7.3", "6.2"])
@pytest.mark.parametrize("slopes", [((0.5, 1), (2, 1), (3, -4)), ((2, 0), (0.25, 0), (1, 0)), ((2, -9),) * 3])
def test_every_frame_has_its_own_slope(tmp_path: Path, sop_class: str, slopes: list[tuple[float, float]]) -> None:
    # GDCM applies that of the first frame to all, or, in classes that it does not know, none.
    stored = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)
    positions = [(0, 0, 4.0), (0, 0, 0.0), (0, 0, 2.0)]
    path = save_enhanced(tmp_path / "a.dcm", stored, positions, slopes=slopes, sop_class=STORAGE + sop_class)
    truth = np.stack([stored[k] * float(slopes[k][0]) + slopes[k][1] for k in (1, 2, 0)])
    volume = read_volume(path)
    np.testing.assert_allclose(volume.voxels[0], truth, rtol=1e-6)
    whole = all(float(number).is_integer() for pair in slopes for number in pair)
    assert (volume.voxels.dtype.kind == "i") == whole or volume.voxels.dtype.kind == "u"


@pytest.mark.parametrize(
    ("slices", "dtype"),
    [
        ([(np.uint16, 1, 0)] + [(np.uint16, 0.3, 0)] * 3, np.float32),
        ([(np.uint16, 1, 0)] + [(np.int16, 1, 0)] * 3, np.int16),
        ([(np.uint16, 1, 0)] + [(np.uint16, 1, -1000)] * 3, np.int32),
        ([(np.int16, 1, 0)] + [(np.uint8, 1, 0)] * 3, np.int16),
        ([(np.uint8, 1, 0)] * 3 + [(np.int16, 2.5, -1)], np.float32),
    ],
)
def test_every_slice_has_its_own_type(tmp_path: Path, slices: list[tuple[type, float, float]], dtype: type) -> None:
    truth = []
    for number, (kind, slope, intercept) in enumerate(slices):
        low = -100 if np.issubdtype(kind, np.signedinteger) else 0
        pixels = np.arange(low, low + 20).astype(kind).reshape(4, 5)
        truth.append(pixels * float(slope) + intercept)
        elements = {"RescaleSlope": slope, "RescaleIntercept": intercept, "sop_class": PET}
        save_slice(tmp_path / f"IM{number}", (0, 0, number), pixels, **elements)
    volume = read_volume(tmp_path)
    np.testing.assert_allclose(volume.voxels[0], np.stack(truth), rtol=1e-6)
    assert volume.voxels.dtype == dtype


def test_nuclear_medicine_is_stacked_against_the_normal(tmp_path: Path) -> None:
    pixels = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)
    place = {"orientation": None, "sop_class": STORAGE + "20", "SpacingBetweenSlices": -4.0, "SliceVector": [1, 2, 3]}
    from pydicom.dataset import Dataset

    detector = Dataset()
    detector.ImagePositionPatient, detector.ImageOrientationPatient = [1, 2, 30], [1, 0, 0, 0, 1, 0]
    place |= {"FrameIncrementPointer": 0x00540080, "DetectorInformationSequence": [detector]}
    volume = read_volume(save_slice(tmp_path / "a", None, pixels, **place))
    assert volume.geometry.origin == pytest.approx((1, 2, 22)) and volume.geometry.spacing[2] == pytest.approx(4)
    np.testing.assert_array_equal(volume.voxels[0], pixels[::-1])


def test_dose_lies_at_its_offsets_and_is_scaled(tmp_path: Path) -> None:
    pixels = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)
    elements = {"sop_class": STORAGE + "481.2", "DoseGridScaling": "0.01", "GridFrameOffsetVector": [0, 3, 6]}
    volume = read_volume(save_slice(tmp_path / "a", (0, 0, -5), pixels, **elements))
    assert volume.geometry.origin == (0, 0, -5) and volume.geometry.spacing[2] == pytest.approx(3)
    np.testing.assert_allclose(volume.voxels[0], pixels * 0.01, rtol=1e-6)


@pytest.mark.parametrize(
    ("elements", "depth", "note"),
    [
        ({"SliceThickness": 5}, 5, ""),
        ({"SpacingBetweenSlices": 6, "SliceThickness": 5}, 6, ""),
        ({"SpacingBetweenSlices": -6}, 6, ""),
        ({}, 1, "states no thickness"),
    ],
)
def test_depth_of_one_slice(tmp_path: Path, elements: dict[str, float], depth: float, note: str) -> None:
    volume = read_volume(save_slice(tmp_path / "a", (0, 0, 0), **elements))
    assert volume.geometry.spacing == (0.5, 1.5, depth)
    assert note in " ".join(volume.notes) and bool(note) == bool(volume.notes)


def test_depth_of_several_slices_is_their_distance(tmp_path: Path) -> None:
    folder = save_series(tmp_path, [(0, 0, 2.0 * k) for k in range(3)], SliceThickness=5, SpacingBetweenSlices=7)
    assert read_volume(folder).geometry.spacing == (0.5, 1.5, 2.0)


def test_frames_that_are_too_many_are_refused_before_they_are_read(tmp_path: Path) -> None:
    from UNetSegmentLib.errors import UNetSegmentError

    for number, elements in enumerate(({"NumberOfFrames": 2_000_000_000}, {"Rows": 65535, "Columns": 65535})):
        path = save_slice(tmp_path / f"{number}.dcm", (0, 0, 0), sop_class=ENHANCED_MR, **elements)
        with pytest.raises(UNetSegmentError, match="damaged or incomplete: it ends before its last pixel"):
            read_volume(path)
