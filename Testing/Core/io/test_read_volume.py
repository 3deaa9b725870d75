from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from UNetSegmentLib.errors import InputError, OutputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import guarded, read_segmentation, read_volume, write_volume
from UNetSegmentLib.volume import Volume

_ANGLE = np.deg2rad(23.0)
_OBLIQUE = (np.cos(_ANGLE), -np.sin(_ANGLE), 0.0, np.sin(_ANGLE), np.cos(_ANGLE), 0.0, 0.0, 0.0, -1.0)


def _ramp(dtype: type, shape: tuple[int, ...] = (5, 6, 7)) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def _image(array: np.ndarray, vector: bool = False) -> sitk.Image:
    image = sitk.GetImageFromArray(array, isVector=vector)
    image.SetSpacing((0.7, 1.3, 2.9))
    image.SetOrigin((-11.5, 22.25, 300.0))
    image.SetDirection(_OBLIQUE)
    return image


@pytest.mark.parametrize("ending", ["nii", "nii.gz", "nrrd", "nhdr", "mha", "mhd"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32])
def test_voxels_type_and_grid(tmp_path: Path, ending: str, dtype: type) -> None:
    array, path = _ramp(dtype), tmp_path / f"scan.{ending}"
    sitk.WriteImage(_image(array), str(path))
    volume = read_volume(path)
    assert volume.voxels.dtype == dtype
    np.testing.assert_array_equal(volume.voxels, array[None])
    np.testing.assert_allclose(volume.geometry.spacing, (0.7, 1.3, 2.9), rtol=1e-5)
    np.testing.assert_allclose(volume.geometry.origin, (-11.5, 22.25, 300.0), rtol=1e-5)
    np.testing.assert_allclose(volume.geometry.direction, _OBLIQUE, atol=1e-6)
    assert volume.name == path.name


def test_double_becomes_float(tmp_path: Path) -> None:
    path = tmp_path / "d.nrrd"
    sitk.WriteImage(_image(_ramp(np.float64) / 3), str(path))
    volume = read_volume(path)
    assert volume.voxels.dtype == np.float32
    np.testing.assert_allclose(volume.voxels[0], _ramp(np.float64) / 3, rtol=1e-6)


def test_vector_pixels_become_channels(tmp_path: Path) -> None:
    array, path = _ramp(np.float32, (5, 6, 7, 2)), tmp_path / "v.nrrd"
    sitk.WriteImage(_image(array, vector=True), str(path))
    np.testing.assert_array_equal(read_volume(path).voxels, np.moveaxis(array, -1, 0))


def test_one_time_point_is_3d(tmp_path: Path) -> None:
    path = tmp_path / "t.nii.gz"
    sitk.WriteImage(sitk.JoinSeries([_image(_ramp(np.int16))]), str(path))
    assert read_volume(path).voxels.shape == (1, 5, 6, 7)


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    image = sitk.RealAndImaginaryToComplex(_image(_ramp(np.float32)), _image(_ramp(np.float32)))
    sitk.WriteImage(image, str(tmp_path / "c.nii"))
    with pytest.raises(InputError, match="complex"):
        read_volume(tmp_path / "c.nii")


def test_direction_with_float_rounding_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "r.nrrd"
    image = _image(_ramp(np.int16))
    image.SetDirection(tuple(np.round(_OBLIQUE, 4)))
    sitk.WriteImage(image, str(path))
    np.testing.assert_allclose(read_volume(path).geometry.direction, _OBLIQUE, atol=1e-4)


def test_names_that_are_not_ascii_and_long_paths(tmp_path: Path) -> None:
    folder = tmp_path / "Müller — 患者" / ("long " * 30) / ("folder " * 25)
    folder.mkdir(parents=True)
    path = folder / ("größe " * 20 + "脳.nii.gz")
    assert len(str(path)) > 400
    volume = Volume(_ramp(np.int16)[None], Geometry((7, 6, 5)))
    write_volume(volume, path)
    np.testing.assert_array_equal(read_volume(path).voxels, volume.voxels)


@pytest.mark.parametrize("name", ["x" * 300 + ".nii", "a\0b.nii", "none.nii.gz"])
@pytest.mark.parametrize("read", [read_volume, read_segmentation, guarded.read_volume, guarded.read_segmentation])
def test_names_that_no_file_has(tmp_path: Path, name: str, read: Callable[[Path], object]) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path / name)
    assert caught.value.cure


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
def test_write_volume_reads_back(tmp_path: Path, channels: int, ending: str) -> None:
    voxels = np.random.default_rng(1).random((channels, 4, 5, 6), dtype=np.float32)
    volume = Volume(voxels, Geometry((6, 5, 4), (0.5, 1.5, 2.0), (1.0, -2.0, 3.0), _OBLIQUE))
    write_volume(volume, tmp_path / f"p{ending}")
    back = read_volume(tmp_path / f"p{ending}")
    np.testing.assert_array_equal(back.voxels, voxels)
    assert back.geometry.is_close(volume.geometry)


def test_write_volume_names_the_endings_it_knows(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.nii\.gz"):
        write_volume(Volume(_ramp(np.float32)[None], Geometry((7, 6, 5))), tmp_path / "p.xyz")


# -- pictures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
def test_pictures(tmp_path: Path, ending: str, mode: str, channels: int) -> None:
    array = np.random.default_rng(2).integers(0, 256, (9, 11, channels)).astype(np.uint8)
    Image.fromarray(array.squeeze()).convert(mode).save(tmp_path / f"p.{ending}")
    volume = read_volume(tmp_path / f"p.{ending}")
    assert volume.voxels.shape == (channels, 1, 9, 11)
    np.testing.assert_array_equal(volume.voxels[:, 0], np.moveaxis(array, -1, 0))
    assert volume.geometry.size == (11, 9, 1)


@pytest.mark.parametrize(("mode", "channels"), [("LA", 1), ("RGBA", 3)])
def test_alpha_is_dropped(tmp_path: Path, mode: str, channels: int) -> None:
    Image.new(mode, (6, 4), tuple(range(10, 10 + len(mode)))).save(tmp_path / "p.png")
    volume = read_volume(tmp_path / "p.png")
    assert volume.voxels[:, 0, 0, 0].tolist() == [10, 11, 12][:channels]


def test_jpeg(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), (200, 100, 50)).save(tmp_path / "p.jpg", quality=95)
    np.testing.assert_allclose(read_volume(tmp_path / "p.jpg").voxels[:, 0, 4, 4], (200, 100, 50), atol=4)


def test_16_bit_png(tmp_path: Path) -> None:
    array = np.array([[0, 70, 65535]], np.uint16)
    sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / "p.png"))
    np.testing.assert_array_equal(read_volume(tmp_path / "p.png").voxels[0, 0], array)


# -- real images ---------------------------------------------------------------------------------------------------


def test_real_oblique_ct(shared_data: Path) -> None:
    volume = read_volume(shared_data / "ct" / "ct_oblique.nii.gz")
    image = sitk.ReadImage(str(shared_data / "ct" / "ct_oblique.nii.gz"))
    assert volume.voxels.shape == (1, 58, 248, 175)
    point = (10, 20, 30)
    np.testing.assert_allclose(
        volume.geometry.to_physical(np.array(point)), image.TransformIndexToPhysicalPoint(point), atol=1e-4
    )
    assert volume.voxels[0, 30, 20, 10] == image[point]


def test_real_fundus_photograph(shared_data: Path) -> None:
    photo = read_volume(shared_data / "drive" / "images" / "21_training.tif")
    assert photo.voxels.shape == (3, 1, 584, 565)
    vessels = read_volume(shared_data / "drive" / "labels" / "21_manual1.gif")
    assert vessels.voxels.shape == (1, 1, 584, 565)
    assert set(np.unique(vessels.voxels)) == {0, 255}
