"""NIfTI files as nibabel and ITK read them."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from UNetSegmentLib.errors import GeometryError, InputError
from UNetSegmentLib.io import read_volume

nib = pytest.importorskip("nibabel")

_AFFINE = np.array([[0.0, -1.5, 0.0, 10.0], [0.7, 0.0, 0.0, -20.0], [0.0, 0.0, 2.5, 30.0], [0.0, 0.0, 0.0, 1.0]])
_VALUES = np.arange(24).reshape(2, 3, 4)


def _same_as_nibabel(path: Path, opened: Path | None = None) -> None:
    theirs, ours = nib.load(opened or path), read_volume(path)
    np.testing.assert_allclose(ours.geometry.ras_matrix, theirs.affine, atol=1e-5)
    np.testing.assert_allclose(ours.voxels[0], np.asarray(theirs.dataobj).T, rtol=1e-6)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_types_byte_orders_and_versions(tmp_path: Path, kind: type, dtype: str, order: str) -> None:
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.dtype(dtype).newbyteorder(order))
    nib.save(kind(_VALUES.T.astype(dtype), _AFFINE, header), tmp_path / "a.nii")
    _same_as_nibabel(tmp_path / "a.nii")
    expected = np.dtype("f4") if dtype == "f8" else np.dtype(dtype)
    assert read_volume(tmp_path / "a.nii").voxels.dtype == expected


def test_packed_or_not_whatever_the_name_says(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(_VALUES.T.astype(np.int16), _AFFINE), tmp_path / "a.nii")
    plain = (tmp_path / "a.nii").read_bytes()
    for name, content in {"b.nii": gzip.compress(plain), "c.nii.gz": plain, "D.NII": plain, "e.img2": plain}.items():
        (tmp_path / name).write_bytes(content)
        np.testing.assert_array_equal(read_volume(tmp_path / name).voxels[0], _VALUES)


@pytest.mark.parametrize("kind", [nib.Nifti1Pair, nib.Spm99AnalyzeImage, nib.AnalyzeImage])
@pytest.mark.parametrize("named", ["a.hdr", "a.img"])
@pytest.mark.parametrize("first", [0, 2, 8])
def test_pairs_by_either_name(tmp_path: Path, kind: type, named: str, first: int) -> None:
    """A first voxel of 2 or 8 looks like the beginning of an old DICOM file."""
    values = _VALUES.T.astype(np.int16).copy()
    values[0, 0, :] = first, 0
    nib.save(kind(values, np.diag([-1.0, 2, 3, 1])), tmp_path / "a.img")
    volume = read_volume(tmp_path / named)
    np.testing.assert_array_equal(volume.voxels[0], values.T)
    np.testing.assert_allclose(volume.geometry.spacing, (1, 2, 3))


def test_half_a_pair_names_the_other_half(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Pair(_VALUES.T.astype(np.int16), _AFFINE), tmp_path / "a.img")
    (tmp_path / "a.img").rename(tmp_path / "b.img")
    with pytest.raises(InputError, match=r"'a\.img', which is not beside it"):
        read_volume(tmp_path / "a.hdr")
    with pytest.raises(InputError, match=r"'b\.hdr' is not beside it"):
        read_volume(tmp_path / "b.img")


@pytest.mark.parametrize("scale", [(2.5, 0.0), (1.0, -1024.0), (0.0, 5.0), (float("nan"), 1.0)])
def test_scaled_values(tmp_path: Path, scale: tuple[float, float]) -> None:
    image = nib.Nifti1Image(_VALUES.T.astype(np.int16), _AFFINE)
    nib.save(image, tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    struct.pack_into("<2f", content, 112, *scale)
    (tmp_path / "a.nii").write_bytes(content)
    _same_as_nibabel(tmp_path / "a.nii")


def test_colours_are_channels(tmp_path: Path) -> None:
    values = np.arange(72, dtype=np.uint8).reshape(2, 3, 4, 3)
    sitk.WriteImage(sitk.GetImageFromArray(values, isVector=True), str(tmp_path / "v.nii"))
    np.testing.assert_array_equal(read_volume(tmp_path / "v.nii").voxels, np.moveaxis(values, -1, 0))
    rgb = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(values.view(rgb)[..., 0].T, _AFFINE), tmp_path / "rgb.nii")
    np.testing.assert_array_equal(read_volume(tmp_path / "rgb.nii").voxels, np.moveaxis(values, -1, 0))


def test_values_that_are_no_numbers_count_as_zero_and_are_told(tmp_path: Path) -> None:
    values = _VALUES.T.astype(np.float32).copy()
    values[0, 0, 0], values[1, 1, 1], values[2, 2, 1] = np.nan, np.inf, np.nan
    nib.save(nib.Nifti1Image(values, _AFFINE), tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    np.testing.assert_array_equal(volume.voxels[0], np.nan_to_num(values.T, nan=0, posinf=0))
    assert any("3 voxels" in note and "taken as 0" in note for note in volume.notes)


@pytest.mark.parametrize(("sizes", "axes"), [((4, 3), 2), ((4, 3, 2, 1), 3), ((4, 3, 2, 1, 1), 3)])
def test_flat_images_and_single_points_in_time(tmp_path: Path, sizes: tuple[int, ...], axes: int) -> None:
    values = np.arange(np.prod(sizes), dtype=np.int16).reshape(sizes)
    nib.save(nib.Nifti1Image(values, np.diag([-2.0, -3, 1, 1])), tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.voxels.ravel().tolist() == values.T.ravel().tolist()
    assert volume.geometry.spacing[:2] == (2, 3) and volume.geometry.size == (4, 3, 1 if axes == 2 else 2)


@pytest.mark.parametrize("sizes", [(4, 3, 2, 5), (4, 3, 2, 2, 3)])
def test_several_volumes_are_refused_or_channels(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    values = np.arange(np.prod(sizes), dtype=np.int16).reshape(sizes)
    nib.save(nib.Nifti1Image(values, _AFFINE), tmp_path / "a.nii")
    with pytest.raises(InputError, match="several volumes in one file"):
        read_volume(tmp_path / "a.nii")
    voxels = read_volume(tmp_path / "a.nii", further_as_channels=True).voxels
    np.testing.assert_array_equal(voxels, values.T.reshape(-1, 2, 3, 4))


# -- where it lies -------------------------------------------------------------------------------------------------

_numbers = st.floats(-1, 1).filter(lambda v: abs(v) > 1e-3)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.tuples(_numbers, _numbers, _numbers, _numbers),
    st.tuples(*[st.floats(0.1, 9)] * 3),
    st.booleans(),
    st.sampled_from([(1, 0), (0, 1), (2, 1), (1, 3)]),
)
def test_any_turn_lies_where_nibabel_puts_it(
    tmp_path: Path, quaternion: tuple, spacing: tuple, mirrored: bool, codes: tuple[int, int]
) -> None:
    turn = nib.quaternions.quat2mat(np.array(quaternion)) @ np.diag([1, 1, -1 if mirrored else 1])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * spacing, (5, -6, 7)
    image = nib.Nifti1Image(_VALUES.T.astype(np.int16), affine)
    image.set_qform(affine, codes[0])
    image.set_sform(affine, codes[1])
    nib.save(image, tmp_path / "a.nii")
    _same_as_nibabel(tmp_path / "a.nii")
    assert read_volume(tmp_path / "a.nii").notes == ()


def _two_places(path: Path, qform: np.ndarray, sform: np.ndarray) -> Path:
    image = nib.Nifti1Image(_VALUES.T.astype(np.int16), sform)
    image.set_qform(qform, 1)
    image.set_sform(sform, 2)
    nib.save(image, path)
    return path


def test_two_places_are_told_and_the_sform_is_used(tmp_path: Path) -> None:
    moved = _AFFINE.copy()
    moved[:3, 3] += (3, 4, 0)
    path = _two_places(tmp_path / "a.nii", _AFFINE, moved)
    _same_as_nibabel(path)
    (note,) = read_volume(path).notes
    assert "5 mm apart" in note and "sform is used" in note


def test_the_result_lies_on_the_image_for_nibabel(tmp_path: Path) -> None:
    from UNetSegmentLib.io import write_segmentation
    from UNetSegmentLib.volume import Segmentation

    moved = _AFFINE.copy()
    moved[:3, 3] += (3, 4, 0)
    volume = read_volume(_two_places(tmp_path / "a.nii", _AFFINE, moved))
    write_segmentation(Segmentation(volume.voxels[0].astype(np.uint8), volume.geometry), tmp_path / "s.nii.gz")
    np.testing.assert_allclose(nib.load(tmp_path / "s.nii.gz").affine, moved, atol=1e-5)


def test_spacing_that_contradicts_the_sform(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    image = nib.Nifti1Image(_VALUES.T.astype(np.int16), np.diag([-1.0, -1, 2.5, 1]))
    image.set_qform(None, 0)
    nib.save(image, path)
    content = bytearray(path.read_bytes())
    struct.pack_into("<f", content, 88, 1.0)
    path.write_bytes(content)
    _same_as_nibabel(path)
    (note,) = read_volume(path).notes
    assert "1 x 1 x 2.5 mm" in note and "pixdim 1 x 1 x 1 mm" in note


def test_a_sheared_sform_gives_way_to_the_qform(tmp_path: Path) -> None:
    sheared = _AFFINE.copy()
    sheared[0, 0] = 0.4
    volume = read_volume(_two_places(tmp_path / "a.nii", _AFFINE, sheared))
    np.testing.assert_allclose(volume.geometry.ras_matrix, _AFFINE, atol=1e-5)
    assert "sheared" in volume.notes[0] and "qform is used" in volume.notes[0]


def test_the_cure_for_a_sheared_image_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("scipy")
    sheared = _AFFINE.copy()
    sheared[0, 0] = 0.4
    nib.save(nib.Nifti1Image(_VALUES.T.astype(np.float32), sheared), tmp_path / "in.nii")
    with pytest.raises(GeometryError, match="not perpendicular") as caught:
        read_volume(tmp_path / "in.nii")
    program = caught.value.cure.split("then: ")[1]
    monkeypatch.chdir(tmp_path)
    exec(program)
    assert read_volume("out.nii").geometry.size > (4, 3, 2)


def test_a_file_that_does_not_say_how_it_lies(tmp_path: Path) -> None:
    image = nib.Nifti1Image(_VALUES.T.astype(np.int16), None)
    image.header.set_zooms((2, 3, 4))
    nib.save(image, tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    theirs = sitk.ReadImage(str(tmp_path / "a.nii"))
    assert volume.geometry.spacing == theirs.GetSpacing() and volume.geometry.origin == theirs.GetOrigin()
    np.testing.assert_allclose(volume.geometry.direction, theirs.GetDirection())
    assert "neither sform nor qform" in volume.notes[0]


@pytest.mark.parametrize(("unit", "factor"), [("micron", 1e-3), ("meter", 1e3)])
def test_other_units_become_millimetres(tmp_path: Path, unit: str, factor: float) -> None:
    image = nib.Nifti1Image(_VALUES.T.astype(np.int16), _AFFINE)
    image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "a.nii")
    theirs, ours = sitk.ReadImage(str(tmp_path / "a.nii")), read_volume(tmp_path / "a.nii")
    np.testing.assert_allclose(ours.geometry.spacing, theirs.GetSpacing(), rtol=1e-5)
    np.testing.assert_allclose(ours.geometry.origin, theirs.GetOrigin(), rtol=1e-5)
    assert unit.replace("meter", "metre").replace("micron", "micrometre") in ours.notes[0]


# -- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "kind", "values", "words"),
    [
        (108, "<f", (float("inf"),), "header .* damaged"),
        (108, "<f", (float("nan"),), "header .* damaged"),
        (108, "<f", (1e30,), "header .* damaged"),
        (40, "<h", (0,), "header .* damaged"),
        (40, "<h", (9,), "header .* damaged"),
        (42, "<h", (-3,), "header .* damaged"),
        (42, "<3h", (32767, 32767, 32767), "cut short"),
        (70, "<h", (32,), "complex"),
        (70, "<h", (1536,), "of a kind that is not read"),
        (280, "<f", (1e30,), "absurd|not perpendicular"),
        (292, "<f", (float("nan"),), "origin|spacing"),
    ],
)
def test_headers_that_no_image_has(tmp_path: Path, place: int, kind: str, values: tuple, words: str) -> None:
    path = tmp_path / "a.nii"
    image = nib.Nifti1Image(_VALUES.T.astype(np.int16), _AFFINE)
    image.set_qform(None, 0)
    nib.save(image, path)
    content = bytearray(path.read_bytes())
    struct.pack_into(kind, content, place, *values)
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        read_volume(path)
    assert caught.value.cure


def test_one_point_in_time_is_told(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(_VALUES.T.astype(np.int16)[..., None], _AFFINE), tmp_path / "a.nii")
    assert read_volume(tmp_path / "a.nii").notes == ("'a.nii' is 4D with one volume; it is read as 3D.",)
