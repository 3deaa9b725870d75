"""Colour, grey the other way round, missing sizes of pixels, and bits that are no values."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from dicom_files import CT, STORAGE, image, save, save_slice
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, RLELossless

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.io import read_volume

_US = STORAGE + "6.1"


def _colours(photometric: str, pixels: np.ndarray, path: Path, **elements: object) -> Path:
    data = image(pixels, _US, PhotometricInterpretation=photometric, **elements)
    return save(data, path)


def test_rgb(tmp_path: Path) -> None:
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    volume = read_volume(_colours("RGB", pixels, tmp_path / "a"))
    np.testing.assert_array_equal(volume.voxels[:, 0], np.moveaxis(pixels, -1, 0))
    planes = image(pixels, _US, PlanarConfiguration=1, PixelData=np.moveaxis(pixels, -1, 0).tobytes())
    np.testing.assert_array_equal(read_volume(save(planes, tmp_path / "b" / "b")).voxels, volume.voxels)


def test_brightness_and_colour_differences_become_rgb(tmp_path: Path) -> None:
    # ITU-R BT.601 full range, as DICOM writes it down: grey, red, green, blue.
    pixels = np.array([[(100, 128, 128), (76, 85, 255), (150, 44, 21), (29, 255, 107)]], np.uint8)
    truth = [(100, 100, 100), (255, 0, 0), (0, 255, 0), (0, 0, 255)]
    volume = read_volume(_colours("YBR_FULL", pixels, tmp_path / "a"))
    assert np.abs(volume.voxels[:, 0, 0].T.astype(int) - truth).max() <= 2
    # One pair of differences for two pixels.
    half = image(np.zeros((1, 4, 3), np.uint8), _US, PhotometricInterpretation="YBR_FULL_422")
    half.PixelData = bytes([76, 76, 85, 255, 100, 50, 128, 128])
    volume = read_volume(save(half, tmp_path / "b" / "b"))
    assert np.abs(volume.voxels[:, 0, 0].T - [(255, 0, 0), (255, 0, 0), (100,) * 3, (50,) * 3]).max() <= 2


def test_a_palette_becomes_rgb(tmp_path: Path) -> None:
    data = image(np.arange(20, dtype=np.uint8).reshape(4, 5), _US, PhotometricInterpretation="PALETTE COLOR")
    for name, factor in (("Red", 257), ("Green", 0), ("Blue", 514)):
        setattr(data, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        table = (np.arange(256) * factor % 65536).astype(np.uint16)
        setattr(data, f"{name}PaletteColorLookupTableData", table.tobytes())
    voxels = read_volume(save(data, tmp_path / "a")).voxels[:, 0]
    number = np.arange(20).reshape(4, 5)
    np.testing.assert_array_equal(voxels[0], number)
    np.testing.assert_array_equal(voxels[1], 0)
    assert voxels.shape == (3, 4, 5)


def test_grey_and_colour_in_one_series(tmp_path: Path) -> None:
    save_slice(tmp_path / "1", (0, 0, 0), np.zeros((4, 5), np.uint8))
    save_slice(tmp_path / "2", (0, 0, 1), np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(InputError, match=r"some grey and some in colour|differ in size"):
        read_volume(tmp_path)


def test_dark_for_high_is_turned_round_and_said(tmp_path: Path) -> None:
    pixels = np.arange(20, dtype=np.uint16).reshape(4, 5)
    kind = {"PhotometricInterpretation": "MONOCHROME1", "BitsStored": 12, "HighBit": 11}
    volume = read_volume(save_slice(tmp_path / "a", (0, 0, 0), pixels, Modality="CR", SliceThickness=1, **kind))
    np.testing.assert_array_equal(volume.voxels[0, 0], 4095 - pixels)
    assert len(volume.notes) == 1 and "MONOCHROME1" in volume.notes[0]


def test_a_table_of_values_is_said(tmp_path: Path) -> None:
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [16, 0, 16], "US"
    table.add_new(0x00283006, "OW", np.arange(16, dtype=np.uint16).tobytes())
    volume = read_volume(save_slice(tmp_path / "a", (0, 0, 0), 3, SliceThickness=1, ModalityLUTSequence=[table]))
    assert (volume.voxels == 3).all() and "modality LUT" in volume.notes[0]


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
def test_hounsfield_units_stay_what_they_are(tmp_path: Path, dtype: type) -> None:
    pixels = np.arange(20).astype(dtype).reshape(4, 5)
    kind = {"PhotometricInterpretation": "MONOCHROME1", "Modality": "CT", "sop_class": CT}
    scaled = {"RescaleSlope": 2, "RescaleIntercept": -1024, "SliceThickness": 1}
    volume = read_volume(save_slice(tmp_path / "a", (0, 0, 0), pixels, **kind, **scaled))
    np.testing.assert_array_equal(volume.voxels[0, 0], pixels * 2.0 - 1024)
    assert volume.notes == ()


def test_bits_above_those_that_are_stored_are_no_values(tmp_path: Path) -> None:
    # Old files keep overlays there.
    pixels = np.arange(20, dtype=np.uint16).reshape(4, 5)
    volume = read_volume(save_slice(tmp_path / "a", (0, 0, 0), pixels | 0xF000, BitsStored=12, HighBit=11))
    np.testing.assert_array_equal(volume.voxels[0, 0], pixels)
    signed = (pixels.astype(np.int16) - 8) & 0x0FFF
    volume = read_volume(save_slice(tmp_path / "b" / "b", (0, 0, 0), signed, BitsStored=12, HighBit=11))
    np.testing.assert_array_equal(volume.voxels[0, 0], pixels.astype(int) - 8)


@pytest.mark.parametrize("high", [15, 12])
def test_a_header_that_places_its_bits_elsewhere_is_said(tmp_path: Path, high: int) -> None:
    pixels = np.arange(20, dtype=np.uint16).reshape(4, 5)
    volume = read_volume(save_slice(tmp_path / "a", (0, 0, 0), pixels, BitsStored=12, HighBit=high, SliceThickness=1))
    np.testing.assert_array_equal(volume.voxels[0, 0], pixels)
    assert len(volume.notes) == 1 and f"high bit {high}, 12 bits stored" in volume.notes[0]


def _region(x: float, y: float, unit: int = 3) -> Dataset:
    region = Dataset()
    region.PhysicalDeltaX, region.PhysicalDeltaY = x, y
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = unit
    return region


@pytest.mark.parametrize(
    ("elements", "spacing"),
    [
        ({"ImagerPixelSpacing": [0.2, 0.3]}, (0.3, 0.2)),
        ({"NominalScannedPixelSpacing": [0.2, 0.3]}, (0.3, 0.2)),
        ({"PixelSpacing": [0.4, 0.5], "ImagerPixelSpacing": [0.2, 0.3]}, (0.5, 0.4)),
        ({"SequenceOfUltrasoundRegions": [_region(0.02, -0.03)]}, (0.2, 0.3)),
        ({"SequenceOfUltrasoundRegions": [_region(0.02, 0.03, unit=4)]}, None),
        ({"SequenceOfUltrasoundRegions": [_region(0.02, 0.03), _region(0.05, 0.05)]}, None),
        ({}, None),
    ],
)
def test_size_of_pixels(tmp_path: Path, elements: dict[str, object], spacing: tuple[float, float] | None) -> None:
    path = save_slice(tmp_path / "a", (0, 0, 0), spacing=None, SliceThickness=2, sop_class=STORAGE + "1", **elements)
    volume = read_volume(path)
    assert volume.geometry.spacing == pytest.approx((*(spacing or (1, 1)), 2))
    assert ("states no pixel size; 1 mm is assumed" in " ".join(volume.notes)) == (spacing is None)


def test_real_numbers_as_pixels_say_what_they_are(tmp_path: Path) -> None:
    for name, end, message in (("a", "30", "it is a DICOM parametric map"), ("b", "4", "holds its pixels as real num")):
        data = image(np.zeros((4, 5), np.int16), STORAGE + end, BitsAllocated=32, FloatPixelData=bytes(80))
        del data.PixelData
        with pytest.raises(InputError, match=message):
            read_volume(save(data, tmp_path / name))


# -- compressed pictures ---------------------------------------------------------------------------------------------


def _jpeg(pixels: np.ndarray) -> bytes:
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "JPEG", quality=100)
    return written.getvalue()


def _compressed(pixels: np.ndarray, path: Path, pictures: list[bytes], **elements: object) -> Path:
    data = image(pixels, CT, syntax=JPEGBaseline8Bit, **elements)
    data.PixelData = encapsulate(pictures)
    data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
    return save(data, path)


def test_jpeg_and_run_lengths(tmp_path: Path) -> None:
    pixels = np.add.outer(np.arange(16) * 3, np.arange(24) * 5).astype(np.uint8)
    place = {"ImagePositionPatient": [0, 0, 0], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [1, 1]}
    volume = read_volume(_compressed(pixels, tmp_path / "a", [_jpeg(pixels)], **place))
    assert np.abs(volume.voxels[0, 0].astype(int) - pixels).max() <= 2
    plain = image(pixels.astype(np.uint16) * 200, CT, **place)
    plain.compress(RLELossless)
    np.testing.assert_array_equal(read_volume(save(plain, tmp_path / "b" / "b")).voxels[0, 0], pixels * np.uint16(200))


def test_compressed_pictures_of_another_size_are_not_decoded(tmp_path: Path, shared_data: Path) -> None:
    # Decoders allocate what the picture itself says.
    pixels = np.zeros((16, 24), np.uint8)
    path = _compressed(pixels, tmp_path / "a", [_jpeg(np.zeros((3000, 4000), np.uint8))])
    with pytest.raises(InputError, match="holds compressed pictures of another size than its header says"):
        read_volume(path)
    whole = sorted((shared_data / "ct" / "dicom_series").iterdir())[0].read_bytes()
    at = whole.index(b"\xff\x4f\xff\x51") + 8
    (tmp_path / "b").write_bytes(whole[:at] + b"\x5c" + whole[at + 1 :])
    with pytest.raises(InputError, match="of another size"):
        read_volume(tmp_path / "b")


def test_more_pixels_stated_than_the_file_has(tmp_path: Path) -> None:
    whole = save_slice(tmp_path / "a", (0, 0, 0)).read_bytes()
    at = whole.rindex(b"OW\0\0") + 4
    (tmp_path / "a").write_bytes(whole[:at] + (0xF0000000).to_bytes(4, "little") + whole[at + 4 :])
    with pytest.raises(InputError, match="ends before its last pixel"):
        read_volume(tmp_path / "a")
