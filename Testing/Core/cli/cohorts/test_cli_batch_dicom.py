"""``unetsegment batch`` with a table whose references are DICOM objects."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from object_cases import ORIENTATIONS, grid_of, save_source
from pydicom import dcmread
from seg_files import plain_seg, segment

from UNetSegmentLib.io.dicom_objects import Author, source_of, write_rtstruct
from UNetSegmentLib.labels import Label
from UNetSegmentLib.volume import Segmentation


def test_structures_are_compared_by_their_names(
    run_json: Callable[..., Any], tmp_path: Path, level_package: Path
) -> None:
    """The structure set numbers its structures otherwise, and has one that the model does not know. A reference of
    another patient costs its case the Dice."""
    grid = grid_of(ORIENTATIONS["axial"])
    levels = np.zeros(grid.shape, np.int16)
    levels[1:4, 1:3, 1:6], levels[1:4, 3:5, 1:6] = 1, 2
    folder, other_folder = (save_source(tmp_path / name, grid, Modality="MR") for name in ("ct", "ct2"))
    for path in (*folder.iterdir(), *other_folder.iterdir()):
        data = dcmread(path)
        z = round((float(data.ImagePositionPatient[2]) - grid.origin[2]) / grid.spacing[2])
        data.PixelData = levels[z].tobytes()
        data.save_as(path)
    table = np.array([0, 3, 2])  # 1 is another structure
    voxels = table[levels].astype(np.uint8)
    voxels[0] = 1
    voxels[1, 1] = 0  # a third of a third of the first level is missing
    labels = (Label(1, "table"), Label(2, "Second  Level"), Label(3, "FIRST LEVEL"))
    source = source_of(folder)
    write_rtstruct(Segmentation(voxels, grid, labels), source, tmp_path / "rt.dcm", Author("nobody", "1"))
    masks, parts = np.ones((1, *grid.shape[1:])), [segment(1, "first level")]
    plain_seg(tmp_path / "other.dcm", masks, [grid.origin], [1], segments=parts, FrameOfReferenceUID="1.2.9")
    (tmp_path / "cases.csv").write_text("id,image,reference\nx,ct,rt.dcm\ny,ct2,other.dcm\n")
    run_json("batch", tmp_path / "cases.csv", "-o", tmp_path / "out", "-m", level_package, "--no-preview")
    with (tmp_path / "out" / "cases.csv").open(newline="", encoding="utf-8") as file:
        row, other = csv.DictReader(file)
    assert (row["status"], float(row["second level (Dice)"])) == ("done", 1)
    assert abs(float(row["first level (Dice)"]) - 2 * 25 / (25 + 30)) < 1e-4
    assert "Left out of the reference" in row["warnings"] and "'table'" in row["warnings"]
    # What cannot be compared costs the case its Dice.
    assert (other["status"], other["first level (Dice)"]) == ("done", "")
    assert "another frame of reference" in other["warnings"]
