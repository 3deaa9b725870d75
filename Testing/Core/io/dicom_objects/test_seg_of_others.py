"""Written by others, read by us: the same voxels at the same places."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from object_cases import LABELS, ORIENTATIONS, grid_of, labels_on, points_of, save_source
from pydicom import Dataset, dcmread
from seg_files import highdicom_seg

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io.dicom_objects import Author, read_seg, source_of
from UNetSegmentLib.io.dicom_objects.reading.cielab import rgb_of
from UNetSegmentLib.io.dicom_objects.reading.image_grid import grid_of_series
from UNetSegmentLib.io.dicom_objects.writing.descriptions import segment_descriptions
from UNetSegmentLib.volume import Segmentation

hd: Any = pytest.importorskip("highdicom")

DESCRIPTIONS = segment_descriptions(LABELS, Author("nobody", "1"), (1, 2), "1.2")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("others") / "ct"
    return source_of(save_source(folder, grid_of(ORIENTATIONS["axial"])))


@st.composite
def volumes(draw: st.DrawFn) -> tuple[Any, str]:
    """A label map of highdicom's in any orientation, and a kind of SEG."""
    angles = [
        draw(st.floats(-3.2, 3.2)) if draw(st.booleans()) else draw(st.integers(-2, 2)) * np.pi / 2 for _ in "xyz"
    ]
    rotation = np.eye(3)
    for axis, angle in enumerate(angles):
        turn = np.eye(3)
        others = [n for n in range(3) if n != axis]
        turn[np.ix_(others, others)] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        rotation = rotation @ turn
    # highdicom stores frames of less than eight pixels in a byte each, which are bits by the standard.
    shape = (draw(st.integers(1, 6)), draw(st.integers(3, 6)), draw(st.integers(3, 6)))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    voxels = np.where(random.random(shape) < draw(st.floats(0, 1)), random.integers(1, 3, shape), 0).astype(np.uint8)
    voxels[tuple(n // 2 for n in shape)] = 1
    spacing = np.array([draw(st.floats(0.3, 5)) for _ in "zyx"])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = rotation * spacing, [draw(st.floats(-300, 300)) for _ in "xyz"]
    volume = hd.Volume(voxels, affine, "PATIENT", frame_of_reference_uid="1.2.826.0.1.88")
    return volume, draw(st.sampled_from(["BINARY", "LABELMAP", "FRACTIONAL"]))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(case=volumes(), seed=st.integers(0, 2**32))
def test_whatever_highdicom_writes_is_read_at_its_place(
    tmp_path: Path, source: Any, case: tuple[Any, str], seed: int
) -> None:
    volume, kind = case
    pixels = volume
    if kind == "FRACTIONAL":
        shares = np.stack([volume.array == n for n in (1, 2)], axis=-1).astype(np.float32)
        pixels = volume.with_array(shares, channels={"SegmentNumber": [1, 2]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = highdicom_seg(source, pixels, kind, DESCRIPTIONS)
    shuffled(made, seed).save_as(tmp_path / "seg.dcm")
    found = read_seg(tmp_path / "seg.dcm")
    indices = np.argwhere(volume.array)
    wanted = volume.map_indices_to_reference(indices)
    values = volume.array[tuple(indices.T)]
    places = np.argwhere(found.voxels)
    there = found.geometry.to_physical(places[:, ::-1])
    assert len(there) == len(wanted)
    # Each wanted point is the nearest of those found, closer than headers round.
    distances = np.linalg.norm(wanted[:, None] - there[None], axis=-1)
    assert distances.min(axis=1).max() < 1e-3
    assert np.array_equal(found.voxels[tuple(places[distances.argmin(axis=1)].T)], values)


def shuffled(data: Dataset, seed: int) -> Dataset:
    """The same frames in another order."""
    shape = (int(data.NumberOfFrames), -1)
    stored = np.frombuffer(data.PixelData, np.uint8)
    flat = np.unpackbits(stored, bitorder="little") if data.BitsAllocated == 1 else stored
    frames = flat[: shape[0] * int(data.Rows) * int(data.Columns)].reshape(shape)
    order = np.random.default_rng(seed).permutation(shape[0])
    data.PerFrameFunctionalGroupsSequence = [data.PerFrameFunctionalGroupsSequence[n] for n in order]
    moved = frames[order].ravel()
    packed = np.packbits(moved, bitorder="little") if data.BitsAllocated == 1 else moved
    data.PixelData = packed.tobytes() + b"\0" * (packed.nbytes % 2)
    return data


def dcmqi(program: str) -> str:
    # Beside this Python, which need not be on the path.
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which(program, path=places)
    if found is None:
        pytest.skip("dcmqi is not installed")
    return found


@pytest.mark.parametrize("name", ["oblique", "sagittal"])
def test_what_dcmqi_writes_is_read_at_its_place(tmp_path: Path, name: str) -> None:
    grid = grid_of(ORIENTATIONS[name])
    folder, truth = save_source(tmp_path / "ct", grid), labels_on(grid)
    image = sitk.GetImageFromArray(truth.voxels)
    image.SetSpacing(grid.spacing), image.SetOrigin(grid.origin), image.SetDirection(grid.direction)
    sitk.WriteImage(image, str(tmp_path / "labels.nrrd"))
    about = {"CodingSchemeDesignator": "SCT", "CodeValue": "85756007", "CodeMeaning": "Tissue"}
    segments = [
        {
            "labelID": value,
            "SegmentDescription": "x",
            "SegmentLabel": text,
            "SegmentAlgorithmType": "MANUAL",
            "SegmentedPropertyCategoryCodeSequence": about,
            "SegmentedPropertyTypeCodeSequence": about,
            "recommendedDisplayRGBValue": [221, 130, 101],
        }
        for value, text in ((1, "one"), (5, "five"))
    ]
    meta = {"ContentCreatorName": "x", "SeriesDescription": "s", "SeriesNumber": "3", "InstanceNumber": "1"}
    meta |= {"segmentAttributes": [segments], "ContentLabel": "SEG", "ContentDescription": "x", "BodyPartExamined": ""}
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    command = [dcmqi("itkimage2segimage"), "--inputImageList", "labels.nrrd", "--inputDICOMDirectory", str(folder)]
    command += ["--inputMetadata", "meta.json", "--outputDICOM", "seg.dcm", "--skip", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert (tmp_path / "seg.dcm").is_file(), done.stdout + done.stderr
    found = read_seg(tmp_path / "seg.dcm", grid_of_series(folder))
    assert np.array_equal(found.voxels, np.where(truth.voxels == 5, 2, truth.voxels))
    assert points_of(read_seg(tmp_path / "seg.dcm")) == points_of(found)
    assert [label.name for label in found.labels] == ["one", "five"]
    assert np.abs(np.subtract(found.labels[0].color, (221, 130, 101))).max() <= 1


def test_the_shared_ones_lie_where_dcmqi_says(tmp_path: Path, shared_data: Path) -> None:
    folder = shared_data / "dicom_objects"
    program = dcmqi("segimage2itkimage")
    for number, name in enumerate(("liver", "sparse-labelmap-ppv5", "sparse-labelmap-noppv", "sr-example/seg")):
        out = tmp_path / str(number)
        out.mkdir()
        command = [
            program,
            "--inputDICOM",
            str(folder / f"{name}.dcm"),
            "--outputDirectory",
            str(out),
            "--mergeSegments",
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        image = sitk.ReadImage(str(next(out.glob("*.nrrd"))))
        geometry = Geometry(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())
        voxels = sitk.GetArrayFromImage(image).astype(np.uint8)
        voxels[voxels == 5] = 0  # what one of them states as padding, which is no segment
        theirs = Segmentation(voxels, geometry)
        assert points_of(read_seg(folder / f"{name}.dcm")) == points_of(theirs), name


def test_the_liver_lies_on_its_ct(shared_data: Path) -> None:
    folder = shared_data / "dicom_objects"
    image = grid_of_series(folder / "ct-3slice")
    found = read_seg(folder / "liver.dcm", image)
    # The series as SimpleITK stacks it; the SEG's frames name the slices that they were drawn on.
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder / "ct-3slice")))
    series = reader.Execute()
    assert found.geometry.is_close(
        Geometry(series.GetSize(), series.GetSpacing(), series.GetOrigin(), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    )
    data = dcmread(folder / "liver.dcm")
    heights = {
        str(d.SOPInstanceUID): float(d.ImagePositionPatient[2]) for d in map(dcmread, (folder / "ct-3slice").iterdir())
    }
    for frame, group in zip(data.pixel_array, data.PerFrameFunctionalGroupsSequence, strict=True):
        drawn_on = group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        z = series.TransformPhysicalPointToIndex((*series.GetOrigin()[:2], heights[drawn_on]))[2]
        assert np.array_equal(found.voxels[z], frame)
    assert sitk.GetArrayFromImage(series)[found.voxels > 0].mean() == pytest.approx(90, abs=60)  # liver with contrast


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_colours_are_those_that_highdicom_wrote(color: tuple[int, int, int]) -> None:
    assert np.abs(np.subtract(rgb_of(hd.color.CIELabColor.from_rgb(*color).value), color)).max() <= 1
