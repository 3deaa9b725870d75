"""Uncertainty as a DICOM parametric map, read back by pydicom and dcmqi."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from object_cases import ORIENTATIONS, grid_of, save_source
from object_checks import assert_valid
from pydicom import dcmread

from UNetSegmentLib.errors import GeometryError, InputError
from UNetSegmentLib.io.dicom_objects import Author, source_of, write_map
from UNetSegmentLib.io.dicom_objects.writing.parametric_map import UNCERTAINTY
from UNetSegmentLib.volume import Volume

pytest.importorskip("highdicom")

AUTHOR = Author("levels", "1.2")


def noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).random((1, *shape)).astype(np.float32)


@pytest.mark.parametrize("enhanced", [False, True])
@pytest.mark.parametrize("name", ["axial, columns turned", "coronal"])
def test_dcmqi_finds_the_same_numbers_at_the_same_places(tmp_path: Path, name: str, enhanced: bool) -> None:
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    program = shutil.which("paramap2itkimage", path=places)
    if program is None:
        pytest.skip("dcmqi is not installed")
    grid = grid_of(ORIENTATIONS[name])
    more = {"SOPInstanceUID": "1.2.826.0.1.5"} if enhanced else {}
    source = source_of(save_source(tmp_path / "ct", grid, enhanced, **more))
    given = Volume(noise(grid.shape), grid)
    path = write_map(given, UNCERTAINTY, source, tmp_path / "map.dcm", AUTHOR)
    folder = tmp_path / "dcmqi"
    folder.mkdir()
    command = [program, "--inputDICOM", str(path), "--outputDirectory", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    image = sitk.ReadImage(str(folder / "pmap.nrrd"))
    assert np.array_equal(sitk.GetArrayFromImage(image), given.voxels[0])
    assert np.allclose(image.GetOrigin(), grid.origin) and np.allclose(image.GetDirection(), grid.direction)
    assert np.allclose(image.GetSpacing(), grid.spacing)


def test_what_it_says(tmp_path: Path) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    source = source_of(save_source(tmp_path / "ct", grid))
    path = write_map(Volume(noise(grid.shape), grid), UNCERTAINTY, source, tmp_path / "map.dcm", AUTHOR)
    data = dcmread(path)
    frames = data.PerFrameFunctionalGroupsSequence
    heights = [frame.PlanePositionSequence[0].ImagePositionPatient[2] for frame in frames]
    assert heights == pytest.approx([104 + 2.5 * k for k in range(5)])
    assert np.array_equal(data.pixel_array, noise(grid.shape)[0])
    assert (data.PatientID, data.ContentLabel, data.ManufacturerModelName) == ("P-1", "UNCERTAINTY", "levels")
    mapping = data.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "bit"
    assert_valid(path)


def test_what_cannot_be_a_map_is_refused(tmp_path: Path) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    source = source_of(save_source(tmp_path / "ct", grid))
    with pytest.raises(InputError, match="2 channels"):
        write_map(Volume(np.zeros((2, *grid.shape)), grid), UNCERTAINTY, source, tmp_path / "a.dcm", AUTHOR)
    other = grid_of(ORIENTATIONS["oblique"])
    with pytest.raises(GeometryError, match="grid"):
        write_map(Volume(noise(other.shape), other), UNCERTAINTY, source, tmp_path / "a.dcm", AUTHOR)
    assert not (tmp_path / "a.dcm").exists()
