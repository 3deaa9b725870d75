"""What other programs say of DICOM objects."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.volume import Segmentation


def assert_valid(path: Path) -> None:
    """dciodvfy (dicom3tools) finds no error; skips where it is not installed."""
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dicom3tools is not installed")
    assert path.is_file()
    said = subprocess.run([program, str(path)], capture_output=True, encoding="utf-8", errors="replace", check=False)
    assert [line for line in said.stderr.splitlines() if line.startswith("Error")] == [], path.name


def read_by_dcmqi(path: Path, folder: Path) -> Segmentation:
    """What ``segimage2itkimage`` makes of a SEG; skips where it is not installed."""
    return _images_of(path, folder, "--mergeSegments")[0]


def read_segments_by_dcmqi(path: Path, folder: Path) -> list[Segmentation]:
    """An image for each segment, in their order; of fractions their stored values."""
    return _images_of(path, folder)


def _images_of(path: Path, folder: Path, *options: str) -> list[Segmentation]:
    # Beside this Python, which need not be on the path.
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    program = shutil.which("segimage2itkimage", path=places)
    if program is None:
        pytest.skip("dcmqi is not installed")
    folder.mkdir(parents=True)
    command = [program, "--inputDICOM", str(path), "--outputDirectory", str(folder), *options]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    found = []
    for file in sorted(folder.glob("*.nrrd")):
        image = sitk.ReadImage(str(file))
        geometry = Geometry(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())
        found.append(Segmentation(sitk.GetArrayFromImage(image).astype(np.uint16), geometry))
    return found
