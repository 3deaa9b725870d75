from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from UNetSegmentLib.errors import GeometryError, InputError
from UNetSegmentLib.io import read_volume
from UNetSegmentLib.io.dicom import find_series

Write = Callable[..., Path]


@pytest.fixture
def write_slice(tmp_path: Path) -> Write:
    """Writes one small MR slice; ``position`` in LPS mm, voxel value = ``value``."""

    def write(
        name: str,
        position: tuple[float, float, float],
        value: int = 0,
        uid: str = "1.2.3",
        description: str = "T1",
        rows: int = 4,
        folder: str = "study",
    ) -> Path:
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
        data.SeriesInstanceUID, data.SeriesDescription, data.SeriesNumber = uid, description, 7
        data.Modality, data.InstanceNumber = "MR", 1
        data.Rows, data.Columns, data.PixelSpacing = rows, 5, [1.5, 0.5]
        data.ImageOrientationPatient, data.ImagePositionPatient = [1, 0, 0, 0, 1, 0], list(position)
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.PixelData = np.full((rows, 5), value, np.int16).tobytes()
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        data.save_as(path, enforce_file_format=True)
        return path

    return write


def _stack(write: Write, heights: tuple[float, ...], **kwargs: object) -> Path:
    # Names run against the heights, so that sorting by name would be wrong.
    for number, height in enumerate(heights):
        prefix = kwargs.get("uid", "a")
        path = write(f"{prefix}{99 - number:02}.dcm", (1.0, 2.0, height), value=number, **kwargs)
    return path.parent


def test_slices_are_stacked_by_position(write_slice: Write) -> None:
    volume = read_volume(_stack(write_slice, (10.0, 12.5, 15.0)))
    assert volume.voxels.shape == (1, 3, 4, 5)
    assert volume.voxels[0, :, 0, 0].tolist() == [0, 1, 2]
    np.testing.assert_allclose(volume.geometry.spacing, (0.5, 1.5, 2.5))
    np.testing.assert_allclose(volume.geometry.origin, (1.0, 2.0, 10.0))


def test_several_series_are_named_and_chosen(write_slice: Write) -> None:
    folder = _stack(write_slice, (0.0, 1.0, 2.0), uid="1.2.3", description="T1 sagittal")
    _stack(write_slice, (0.0, 3.0), uid="1.2.4", description="FLAIR")
    with pytest.raises(InputError) as caught:
        read_volume(folder)
    for text in ("2 DICOM series", "'T1 sagittal'", "3 files", "UID 1.2.3", "'FLAIR'", "2 files", "UID 1.2.4"):
        assert text in str(caught.value)
    assert read_volume(folder, series="FLAIR").voxels.shape[1] == 2
    assert read_volume(folder, series="1.2.3").voxels.shape[1] == 3
    assert read_volume(folder / "1.2.499.dcm").geometry.spacing[2] == pytest.approx(3.0)
    with pytest.raises(InputError, match="no series called 'T2'"):
        read_volume(folder, series="T2")


def test_files_without_an_image_are_ignored(write_slice: Write) -> None:
    folder = _stack(write_slice, (0.0, 1.0))
    report = pydicom.dcmread(folder / "a99.dcm")
    for name in ("Rows", "Columns", "PixelData"):
        delattr(report, name)
    report.SeriesInstanceUID, report.Modality = "9.9", "SR"
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    report.save_as(folder / "report.dcm")
    (folder / "notes.txt").write_text("read me")
    assert read_volume(folder).voxels.shape[1] == 2


def test_sub_folders_are_searched_when_the_folder_has_none(write_slice: Write) -> None:
    folder = _stack(write_slice, (0.0, 1.0))
    assert read_volume(folder.parent).voxels.shape[1] == 2


def test_missing_slice(write_slice: Write) -> None:
    with pytest.raises(GeometryError, match=r"not evenly spaced \(1 to 2 mm, "):
        read_volume(_stack(write_slice, (0.0, 1.0, 2.0, 4.0)))


def test_tilted_gantry(write_slice: Write) -> None:
    for number in range(3):
        path = write_slice(f"{number}.dcm", (0.0, 0.4 * number, 2.0 * number))
    with pytest.raises(GeometryError, match="tilted gantry"):
        read_volume(path.parent)


def test_time_series(write_slice: Write) -> None:
    for number, height in enumerate((0.0, 1.0, 0.0, 1.0)):
        path = write_slice(f"{number}.dcm", (0.0, 0.0, height))
    with pytest.raises(InputError, match="time series"):
        read_volume(path.parent)


def test_slices_of_different_size(write_slice: Write) -> None:
    write_slice("a.dcm", (0.0, 0.0, 0.0))
    path = write_slice("b.dcm", (0.0, 0.0, 1.0), rows=8)
    with pytest.raises(InputError, match="differ in size"):
        read_volume(path.parent)


def test_one_slice_alone(write_slice: Write) -> None:
    path = write_slice("a.dcm", (1.0, 2.0, 3.0), value=5)
    volume = read_volume(path)
    assert volume.voxels.shape == (1, 1, 4, 5)
    assert volume.geometry.origin == pytest.approx((1.0, 2.0, 3.0))


def test_folder_without_dicom(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("read me")
    with pytest.raises(InputError, match="holds no DICOM image"):
        read_volume(tmp_path)


def test_series_of_a_file_that_is_not_dicom(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((2, 3, 4), np.int16)), str(tmp_path / "a.nii"))
    with pytest.raises(InputError, match="not DICOM"):
        read_volume(tmp_path / "a.nii", series="1")


def test_real_series(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "ct" / "dicom_series"
    series = find_series(folder)
    assert [len(item.slices) for item in series] == [20]
    volume = read_volume(folder)
    assert volume.voxels.shape == (1, 20, 512, 512) and volume.voxels.dtype == np.int16
    np.testing.assert_allclose(volume.geometry.spacing, (0.9765625, 0.9765625, 2.0))
    # Hounsfield units: air outside the patient, nothing below the scanner's floor.
    assert volume.voxels.min() >= -1024 and np.median(volume.voxels) < -200
    # A cut-off file of the series is an error, neither a grey nor a missing slice.
    for path in folder.iterdir():
        shutil.copyfile(path, tmp_path / path.name)
    victim = sorted(tmp_path.iterdir())[5]
    victim.write_bytes(victim.read_bytes()[:100_000])
    with pytest.raises(InputError, match=f"'{victim.name}'"):
        read_volume(tmp_path)
