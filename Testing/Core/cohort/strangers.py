"""A folder as strangers send it: good cases, and one broken file of each kind beside them."""

from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, SecondaryCaptureImageStorage, generate_uid

from UNetSegmentLib.io import read_volume

LOCALIZER = ["ORIGINAL", "PRIMARY", "LOCALIZER"]


@dataclass(frozen=True)
class Stranger:
    """Something broken: what it is, and the file or folder (relative) whose row must say so."""

    what: str
    path: str


def build(folder: Path, good: Sequence[Path], objects: Mapping[str, Path]) -> list[Stranger]:
    """Fills ``folder``; returns what is wrong in it.

    Args:
        good: at least two images that the model can segment, NIfTI.
        objects: DICOM files that are no images, by what they are.
    """
    folder.mkdir(parents=True)
    for path in good:
        (folder / path.name).write_bytes(path.read_bytes())
    found = [*_files(folder, good), *_names(folder, good), *_links(folder), *_dicom(folder, good)]
    for number, (what, path) in enumerate(objects.items()):
        (folder / "objects").mkdir(exist_ok=True)
        (folder / "objects" / f"{number}.dcm").write_bytes(path.read_bytes())
        found.append(Stranger(what, f"objects/{number}.dcm"))
    return found


def _files(folder: Path, good: Sequence[Path]) -> list[Stranger]:
    whole = good[0].read_bytes()
    image = sitk.ReadImage(str(good[0]))
    voxels = sitk.GetArrayFromImage(image).astype(np.float32)
    (folder / "letter.txt").write_text("Dear colleague", encoding="utf-8")
    (folder / "zero.nii.gz").write_bytes(b"")
    (folder / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "words.nii.gz").write_text("Dear colleague", encoding="utf-8")
    (folder / "noise.nrrd").write_bytes(np.random.default_rng(0).bytes(2000))
    sitk.WriteImage(sitk.GetImageFromArray(np.full_like(voxels, np.nan)), str(folder / "nothing-but-nan.nii.gz"))
    sitk.WriteImage(sitk.JoinSeries([image, image, image]), str(folder / "in-time.nii.gz"))
    vectors = sitk.GetImageFromArray(np.stack([voxels] * 3, axis=-1), isVector=True)
    sitk.WriteImage(vectors, str(folder / "three-channels.nrrd"))
    header = bytearray(gzip.decompress(whole))
    struct.pack_into("<8h", header, 40, 3, 32000, 32000, 32000, 1, 1, 1, 1)
    (folder / "claims-too-much.nii.gz").write_bytes(gzip.compress(bytes(header)))
    return [
        Stranger("a text", "letter.txt"),
        Stranger("zero bytes", "zero.nii.gz"),
        Stranger("a truncated gzip", "cut.nii.gz"),
        Stranger("a text called .nii.gz", "words.nii.gz"),
        Stranger("noise called .nrrd", "noise.nrrd"),
        Stranger("voxels that are no numbers", "nothing-but-nan.nii.gz"),
        Stranger("four dimensions", "in-time.nii.gz"),
        Stranger("three channels", "three-channels.nrrd"),
        Stranger("a header that claims 32,000^3", "claims-too-much.nii.gz"),
    ]


def _names(folder: Path, good: Sequence[Path]) -> list[Stranger]:
    """Names that are hard to say (they are good cases), one image under two endings, and what may not be read."""
    image = good[1].read_bytes()
    for name in (b"line\nbreak.nii.gz", "brain \U0001f9e0.nii.gz".encode(), b"no-utf8-\xff\xfe.nii.gz"):
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:  # noqa: PTH118, PTH123
            file.write(image)
    (folder / "again").mkdir()
    (folder / "again" / good[0].name).write_bytes(good[0].read_bytes())
    (folder / "closed").mkdir()
    (folder / "closed" / "inside.nii.gz").write_bytes(image)
    (folder / "secret.nii.gz").write_bytes(image)
    (folder / "secret.nii.gz").chmod(0)
    (folder / "closed").chmod(0)
    return [Stranger("no permission to list", "closed"), Stranger("no permission to read", "secret.nii.gz")]


def _links(folder: Path) -> list[Stranger]:
    (folder / "circle").symlink_to(folder, target_is_directory=True)
    (folder / "one.nii.gz").symlink_to(folder / "two.nii.gz")
    (folder / "two.nii.gz").symlink_to(folder / "one.nii.gz")
    (folder / "gone.nii.gz").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.nii.gz")
    return [
        Stranger("a link to the folder itself", "circle"),
        Stranger("links in a circle", "one.nii.gz"),
        Stranger("a link to nothing", "gone.nii.gz"),
        Stranger("a pipe", "pipe.nii.gz"),
    ]


def _dicom(folder: Path, good: Sequence[Path]) -> list[Stranger]:
    write_series(folder / "dicom" / "good", good[0])
    write_series(folder / "dicom" / "gap", good[0])
    for name in ("slice0004.dcm", "slice0005.dcm"):
        (folder / "dicom" / "gap" / name).unlink()
    write_series(folder / "dicom" / "mixed", good[0])
    write_series(folder / "dicom" / "mixed", good[1], prefix="other", keep=2, patient="Roe")
    write_series(folder / "dicom" / "localizer", good[0], keep=3, ImageType=LOCALIZER)
    write_series(folder / "dicom" / "capture", good[0], keep=1, SOPClassUID=SecondaryCaptureImageStorage, Modality="OT")
    write_series(folder / "dicom" / "ct", good[0], Modality="CT")
    copied = folder / "dicom" / "copied"
    copied.mkdir()
    for path in (folder / "dicom" / "good").iterdir():
        (copied / path.name).write_bytes(path.read_bytes())
    torn = write_series(folder / "dicom" / "torn", good[1]) / "slice0003.dcm"
    torn.write_bytes(torn.read_bytes()[:300])
    return [
        Stranger("missing slices", "dicom/gap"),
        Stranger("slices of another patient", "dicom/mixed"),
        Stranger("a localizer", "dicom/localizer"),
        Stranger("a secondary capture", "dicom/capture"),
        Stranger("another modality", "dicom/ct"),
        Stranger("a torn slice", "dicom/torn"),
    ]


def write_series(
    folder: Path, image: Path, prefix: str = "slice", keep: int = 0, patient: str = "Doe", **elements: object
) -> Path:
    """A volume as a series of DICOM files, axial in the patient; the first ``keep`` slices where that is not 0."""
    folder.mkdir(parents=True, exist_ok=True)
    volume = read_volume(image)
    voxels = volume.voxels[0].astype(np.float64)
    scaled = np.round((voxels - voxels.min()) / max(float(np.ptp(voxels)), 1e-9) * 4000).astype(np.uint16)
    spacing = volume.geometry.spacing
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    for number in range(keep or len(scaled)):
        data = Dataset()
        data.SOPClassUID, data.SOPInstanceUID, data.Modality = MRImageStorage, generate_uid(), "MR"
        data.PatientName, data.PatientID = f"{patient}^Jane", f"{patient}-1"
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = study, series, frame
        data.SeriesNumber, data.InstanceNumber, data.SeriesDescription = 4, number + 1, "T1"
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.ImagePositionPatient = [0, 0, round(number * spacing[2], 6)]
        data.PixelSpacing, data.SliceThickness = [spacing[1], spacing[0]], spacing[2]
        data.Rows, data.Columns = scaled.shape[1:]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
        data.PixelData = scaled[number].tobytes()
        for name, value in elements.items():
            setattr(data, name, value)
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.save_as(folder / f"{prefix}{number:04}.dcm", enforce_file_format=True)
    return folder
