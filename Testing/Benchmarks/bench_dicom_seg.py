"""DICOM segmentations of a large series: seconds to write and to read, and MB, beside dcmqi's own programs.

A phantom of 25 ellipsoids on 512 x 512 x 400 voxels, written as a CT series to a temporary folder (210 MB). Writing
counts from the series on the disk and the labels in memory (dcmqi: labels in an uncompressed NRRD) to the file; ours
runs in this process, whose imports are told apart, dcmqi's programs as processes of their own. They take turns; the
best of the rounds counts.

python Testing/Benchmarks/bench_dicom_seg.py [--small] [--rounds 3]
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from common import side_by_side, table

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io.dicom_objects import Author, read_seg, source_of, write_seg
from UNetSegmentLib.labels import Label
from UNetSegmentLib.volume import Segmentation

CLASSES = 25
SHAPE, SMALL = (400, 512, 512), (40, 128, 128)
AUTHOR = Author("phantom", "1")
CT = "1.2.840.10008.5.1.4.1.1.2"


def phantom(shape, classes=CLASSES, seed=0):
    """Ellipsoids of 3 to 15 % of the volume's sides in radius, later ones over earlier ones: uint8 (z, y, x)."""
    random = np.random.default_rng(seed)
    voxels = np.zeros(shape, np.uint8)
    axes = np.ogrid[tuple(slice(-1, 1, complex(0, n)) for n in shape)]
    for value in range(1, classes + 1):
        centre, radius = random.uniform(-0.6, 0.6, 3), random.uniform(0.06, 0.3, 3)
        distance = sum(((axis - c) / r) ** 2 for axis, c, r in zip(axes, centre, radius, strict=True))
        voxels[distance < 1] = value
    return voxels


def save_series(folder, shape):
    """A CT of zeros, a file for each slice."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    folder.mkdir()
    study, series, space = (generate_uid() for _ in range(3))
    pixels = np.zeros(shape[1:], np.int16).tobytes()
    for z in range(shape[0]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CT, generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID, data.Modality = CT, meta.MediaStorageSOPInstanceUID, "CT"
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = study, series, space
        data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "Phantom", "1", "", "O"
        data.StudyDate, data.StudyTime, data.StudyID, data.AccessionNumber = "20260101", "120000", "1", ""
        data.ReferringPhysicianName, data.SeriesNumber, data.InstanceNumber = "", 1, z + 1
        data.ImagePositionPatient, data.ImageOrientationPatient = [-190, -190, 1.5 * z], [1, 0, 0, 0, 1, 0]
        data.PixelSpacing, data.SliceThickness = [0.75, 0.75], 1.5
        data.Rows, data.Columns = shape[1:]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PixelRepresentation, data.PixelData = 15, 1, pixels
        data.save_as(folder / f"{z:04}.dcm", enforce_file_format=True)


def save_for_dcmqi(folder, voxels):
    """The labels as NRRD and what they mean as JSON, as ``itkimage2segimage`` takes them."""
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((0.75, 0.75, 1.5))
    image.SetOrigin((-190.0, -190.0, 0.0))
    sitk.WriteImage(image, str(folder / "labels.nrrd"))
    tissue = {"CodeValue": "85756007", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Tissue"}
    segments = [
        {
            "labelID": int(value),
            "SegmentLabel": f"ellipsoid {value}",
            "SegmentAlgorithmType": "AUTOMATIC",
            "SegmentAlgorithmName": "phantom",
            "SegmentedPropertyCategoryCodeSequence": tissue,
            "SegmentedPropertyTypeCodeSequence": tissue,
        }
        for value in np.unique(voxels)
        if value
    ]
    about = {"ContentCreatorName": "phantom", "SeriesDescription": "labels", "SeriesNumber": "2", "InstanceNumber": "1"}
    (folder / "labels.json").write_text(json.dumps({**about, "segmentAttributes": [segments]}))


def program(name):
    """One of dcmqi's, beside this Python or on the path; None where it is not installed."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return shutil.which(name, path=places)


def writers(folder, voxels):
    """Name -> (file, function that writes it)."""
    grid = Geometry(voxels.shape[::-1], (0.75, 0.75, 1.5), (-190.0, -190.0, 0.0))
    labels = tuple(Label(int(value), f"ellipsoid {value}") for value in np.unique(voxels) if value)
    segmentation = Segmentation(voxels, grid, labels)

    def ours(path, kind, compression):
        write_seg(segmentation, source_of(folder / "ct"), path, AUTHOR, kind, compression)

    def theirs(path, *options):
        command = [program("itkimage2segimage"), "--inputImageList", folder / "labels.nrrd", "--inputDICOMDirectory"]
        command += [folder / "ct", "--inputMetadata", folder / "labels.json", "--outputDICOM", path, *options]
        subprocess.run([str(word) for word in command], check=True, capture_output=True)

    made = {
        f"ours, {name}": (folder / f"ours-{n}.dcm", ours, options)
        for n, (name, options) in enumerate(
            {
                "label map, RLE": ("labelmap", "rle"),
                "label map, JPEG-LS": ("labelmap", "jpegls"),
                "binary": ("binary", "none"),
            }.items()
        )
    }
    if program("itkimage2segimage"):
        for n, (name, options) in enumerate(
            {
                "binary": (),
                "label map": ("--segmentationType", "labelmap"),
                "label map, deflate": ("--segmentationType", "labelmap", "--compress", "deflate"),
            }.items()
        ):
            made[f"dcmqi, {name}"] = (folder / f"dcmqi-{n}.dcm", theirs, options)
    return {
        name: (path, lambda write=write, path=path, rest=rest: write(path, *rest))
        for name, (path, write, rest) in made.items()
    }


def read_by_dcmqi(path, folder):
    """As a label map in an NRRD."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    command = [program("segimage2itkimage"), "--inputDICOM", path, "--outputDirectory", folder, "--mergeSegments"]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


def works(run):
    try:
        run()
    except subprocess.CalledProcessError:
        return False
    return True


def check(path, voxels):
    """The file holds what was written, by our reader."""
    found = read_seg(path).voxels
    full = np.flatnonzero(voxels.any(axis=(1, 2)))
    part = voxels[full[0] : full[-1] + 1]
    if found.shape != voxels.shape:
        voxels = part
    assert np.array_equal(found > 0, voxels > 0), path.name


def run(folder, shape, rounds):
    voxels = phantom(shape)
    save_series(folder / "ct", shape)
    save_for_dcmqi(folder, voxels)
    made = writers(folder, voxels)
    seconds = side_by_side({name: write for name, (_, write) in made.items()}, rounds)
    for path, _ in made.values():
        check(path, voxels)
    readers = {name: lambda path=path: read_seg(path) for name, (path, _) in made.items()}
    ours = side_by_side(readers, rounds, warmup=False)
    theirs = {}
    if program("segimage2itkimage"):
        readers = {
            name: lambda path=path: read_by_dcmqi(path, folder / "back")
            for name, (path, _) in made.items()
            if works(lambda path=path: read_by_dcmqi(path, folder / "back"))
        }
        theirs = side_by_side(readers, rounds, warmup=False)
    size = {name: path.stat().st_size / 1e6 for name, (path, _) in made.items()}
    base = seconds.get("dcmqi, label map", float("nan"))
    rows = [
        [name, f"{seconds[name]:.2f}", f"{base / seconds[name]:.2f}", f"{size[name]:.2f}", f"{ours[name]:.2f}",
         f"{theirs[name]:.2f}" if name in theirs else "cannot"]
        for name in made
    ]  # fmt: skip
    z, y, x = shape
    title = f"SEG of {x} x {y} x {z} voxels, {CLASSES} classes, best of {rounds}"
    table(title, ["writer", "write s", "dcmqi label map / it", "MB", "our reader s", "dcmqi's reader s"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="128 x 128 x 40 voxels")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    start = time.perf_counter()
    import highdicom  # noqa: F401

    print(f"highdicom is imported in {time.perf_counter() - start:.2f} s, once for each process of ours.")
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), SMALL if given.small else SHAPE, given.rounds)


if __name__ == "__main__":
    main()
