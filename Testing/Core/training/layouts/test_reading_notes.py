"""What reading chose for a training or a comparison is said, and TIFF stacks are as large as nnU-Net takes them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from UNetSegmentLib.cli.app import app
from UNetSegmentLib.training.layouts import open_layout, read_case
from UNetSegmentLib.training.planning.fingerprint import take_fingerprint

_STACK = (np.arange(5 * 6 * 7) % 3).astype(np.uint8).reshape(5, 6, 7)


def _nnunet(folder: Path, ending: str) -> Path:
    data = {"channel_names": {"0": "EM"}, "labels": {"background": 0, "a": 1, "b": 2}, "numTraining": 2}
    (folder / "dataset.json").write_text(json.dumps({**data, "file_ending": ending}))
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir()
    return folder


def test_a_data_set_of_tiff_stacks_has_its_spacing(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    folder = _nnunet(tmp_path, ".tif")
    for case in ("one", "two"):
        for place, name in (("imagesTr", f"{case}_0000.tif"), ("labelsTr", f"{case}.tif")):
            tifffile.imwrite(folder / place / name, _STACK, photometric="minisblack", resolution=(72, 72))
            (folder / place / f"{case}.json").write_text(json.dumps({"spacing": [3.0, 0.5, 0.25]}))
    data = open_layout(folder)
    assert sorted(data.names) == ["one", "two"]
    volume, segmentation = read_case(data, "one")
    assert volume.geometry.spacing == segmentation.geometry.spacing == (0.25, 0.5, 3.0)
    fingerprint = take_fingerprint(data)
    assert fingerprint.physical and any("one_0000.tif" in note for note in fingerprint.notes)


def test_notes_of_the_cases_reach_the_plan(tmp_path: Path) -> None:
    folder = _nnunet(tmp_path, ".nii.gz")
    for case in ("one", "two"):
        image = sitk.GetImageFromArray(_STACK.astype(np.float32))
        image[0, 0, 0] = float("nan")
        sitk.WriteImage(image, str(folder / "imagesTr" / f"{case}_0000.nii.gz"))
        sitk.WriteImage(sitk.GetImageFromArray(_STACK), str(folder / "labelsTr" / f"{case}.nii.gz"))
    notes = take_fingerprint(open_layout(folder)).notes
    assert [note[:8] for note in notes] == ["1 voxel "] * 2 and "one_0000.nii.gz" in notes[0]


def test_evaluate_says_what_reading_chose(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.JoinSeries([sitk.GetImageFromArray(_STACK)]), str(tmp_path / "a.nii.gz"))
    result = CliRunner().invoke(app, ["evaluate", str(tmp_path / "a.nii.gz"), str(tmp_path / "a.nii.gz")])
    assert result.exit_code == 0, result.output
    assert "'a.nii.gz' is 4D with one volume" in " ".join(result.stderr.split())
