from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from object_cases import ORIENTATIONS, grid_of, labels_on, points_of, save_source
from pydicom import dcmread

from UNetSegmentLib.errors import GeometryError, InputError, OutputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io.dicom_objects import Author, read_seg
from UNetSegmentLib.reporting.dicom.process import order_line
from UNetSegmentLib.reporting.dicom.saving import STEPS, DicomOrder, save_beside
from UNetSegmentLib.volume import Segmentation

pytest.importorskip("highdicom")

PROCESS = [sys.executable, "-m", "UNetSegmentLib.reporting.dicom.process"]
AUTHOR = Author("levels", "1.2")


@pytest.fixture
def grid() -> Geometry:
    return grid_of(ORIENTATIONS["oblique"])


def order_of(files: list[Path], out: Path, kind: str = "labelmap") -> DicomOrder:
    return DicomOrder(tuple(files), out / "seg.dcm", out / "report.dcm", out / ".staging", AUTHOR, kind=kind)


def points(path: Path) -> set[tuple[float, ...]]:
    return {(*p[:3], {1: 1, 2: 5}.get(p[3], p[3])) for p in points_of(read_seg(path))}


@pytest.mark.parametrize("kind", ["labelmap", "binary"])
def test_both_objects_lie_there_and_nothing_else(tmp_path: Path, grid: Geometry, kind: str) -> None:
    files = sorted(save_source(tmp_path / "ct", grid).iterdir())
    told: list[str] = []
    assert save_beside(order_of(files, tmp_path / "ct" / "own", kind), labels_on(grid), told.append) == ()
    assert tuple(told) == STEPS
    assert sorted(path.name for path in (tmp_path / "ct" / "own").iterdir()) == ["report.dcm", "seg.dcm"]
    assert points(tmp_path / "ct" / "own" / "seg.dcm") == points_of(labels_on(grid))
    assert "Mean" in str(dcmread(tmp_path / "ct" / "own" / "report.dcm"))


def test_files_in_several_folders_and_among_others_are_the_series(tmp_path: Path, grid: Geometry) -> None:
    files = sorted(save_source(tmp_path / "ct", grid).iterdir())
    (tmp_path / "more").mkdir()
    files[0] = Path(shutil.move(files[0], tmp_path / "more"))
    save_beside(order_of(files, tmp_path / "a"), labels_on(grid), lambda step: None)
    assert points(tmp_path / "a" / "seg.dcm") == points_of(labels_on(grid))
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["report.dcm", "seg.dcm"]
    # The same slices a second time, moved by a little, make no grid with the first.
    shutil.copytree(tmp_path / "more", tmp_path / "ct", dirs_exist_ok=True)
    files[0] = tmp_path / "ct" / files[0].name
    odd = dcmread(files[1])
    odd.SOPInstanceUID, odd.ImagePositionPatient = "1.2.3.4", [0, 0, 7.7]
    odd.save_as(tmp_path / "ct" / "zz")
    save_beside(order_of(files, tmp_path / "b"), labels_on(grid), lambda step: None)
    assert points(tmp_path / "b" / "seg.dcm") == points_of(labels_on(grid))


def test_another_grid_is_refused_and_nothing_is_left(tmp_path: Path, grid: Geometry) -> None:
    files = sorted(save_source(tmp_path / "ct", grid).iterdir())
    moved = Geometry(grid.size, grid.spacing, tuple(np.add(grid.origin, 0.4)), grid.direction)
    with pytest.raises(GeometryError, match="no longer on the grid"):
        save_beside(order_of(files, tmp_path / "own"), labels_on(moved), lambda step: None)
    empty = Segmentation(np.zeros(grid.shape, np.uint8), grid, labels_on(grid).labels)
    with pytest.raises(InputError, match="Nothing was found"):
        save_beside(order_of(files, tmp_path / "own"), empty, lambda step: None)
    assert list((tmp_path / "own").iterdir()) == []


def test_a_folder_that_is_a_file_is_told(tmp_path: Path, grid: Geometry) -> None:
    files = sorted(save_source(tmp_path / "ct", grid).iterdir())
    (tmp_path / "own").write_text("mine")
    with pytest.raises(OutputError):
        save_beside(order_of(files, tmp_path / "own"), labels_on(grid), lambda step: None)
    assert (tmp_path / "own").read_text() == "mine"


def test_the_process_answers_in_lines(tmp_path: Path, grid: Geometry) -> None:
    files = sorted(save_source(tmp_path / "ct", grid).iterdir())
    found = labels_on(grid)
    asked = order_line(order_of(files, tmp_path / "own"), found) + found.voxels.tobytes()
    told = _told(asked)
    *steps, last = map(json.loads, told.splitlines())
    assert [step["step"] for step in steps] == list(STEPS)
    assert last == {"done": [str(tmp_path / "own" / name) for name in ("seg.dcm", "report.dcm")], "notes": []}
    assert points(tmp_path / "own" / "seg.dcm") == points_of(found)
    told = _told(asked.replace(b"labelmap", b"anything"))
    assert json.loads(told.splitlines()[-1])["problem"]["code"] == InputError.code


def test_a_process_that_is_not_wanted_any_more_leaves_nothing(tmp_path: Path, grid: Geometry) -> None:
    files = sorted(save_source(tmp_path / "ct", grid).iterdir())
    found = labels_on(grid)
    asked = order_line(order_of(files, tmp_path / "own"), found) + found.voxels.tobytes()
    with subprocess.Popen(PROCESS, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(asked)
        process.stdin.flush()
        assert json.loads(process.stdout.readline()) == {"step": STEPS[0]}
        process.stdin.close()
        process.wait(60)
    assert list((tmp_path / "own").iterdir()) == []


def _told(asked: bytes) -> bytes:
    """Its answers, while its input stays open."""
    with subprocess.Popen(PROCESS, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(asked)
        process.stdin.flush()
        return process.stdout.read()
