"""What stands in headers gets into no table, page, journal or log: a name in every text of good and broken series."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cohort_files import write_image, write_series
from marked_names import MARK, files_with_mark, mark
from pydicom.uid import generate_uid

Change = Callable[[Path], None]


def _every(folder: Path, everything: bool = False, **elements: object) -> None:
    for path in sorted(folder.glob("*.dcm")):
        mark(path, everything, **elements)


def _cut(folder: Path) -> None:
    _every(folder)
    path = folder / "slice2.dcm"
    path.write_bytes(path.read_bytes()[:-100])


def _two_at_one_place(folder: Path) -> None:
    _every(folder, ImagePositionPatient=[0, 0, 0])
    for path in sorted(folder.glob("*.dcm"))[:2]:
        mark(path, ImagePositionPatient=[0, 0, 0], SequenceName=f"{MARK} 2", ImageComments="x")


def _without_places(folder: Path) -> None:
    _every(folder)
    mark(folder / "slice1.dcm", ImagePositionPatient=None)


SERIES: dict[str, Change] = {
    "good": _every,
    "good-modality": lambda folder: _every(folder, Modality="MR", SeriesNumber=4),
    "all": lambda folder: _every(folder, True),
    "all-but-modality": lambda folder: _every(folder, True, Modality="MR"),
    "localizer": lambda folder: _every(folder, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
    "cut": _cut,
    "one-place": _two_at_one_place,
    "no-places": _without_places,
    "no-uid": lambda folder: _every(folder, SeriesInstanceUID="", SeriesNumber=None),
    "bad-uid": lambda folder: _every(folder, SeriesInstanceUID=MARK, SeriesNumber=None),
    "mosaic": lambda folder: _every(folder, ImageType=["ORIGINAL", "PRIMARY", "MOSAIC", MARK]),
    "turned": lambda folder: _every(folder, ImageOrientationPatient=[1, 0, 0, 0, 0.7, 0.9]),
}


def _run(*words: object) -> str:
    """What the command says."""
    command = [sys.executable, "-m", "UNetSegmentLib.cli", "batch", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    for name, change in SERIES.items():
        write_series(folder / name)
        change(folder / name)
    write_series(folder / "few", 1)
    _every(folder / "few")
    return folder


def test_a_tree_of_series(tree: Path, level_package: Path, tmp_path: Path) -> None:
    said = _run(tree, "-o", tmp_path / "out", "-m", level_package)
    assert (tmp_path / "out" / "cases.csv").read_text("utf-8").count("\n") > len(SERIES)
    assert (files_with_mark(tmp_path / "out"), MARK in said.upper()) == ([], False), said


def test_a_list_of_series(tree: Path, level_package: Path, tmp_path: Path) -> None:
    said = _run(tree, "-o", tmp_path / "out", "-m", level_package, "--list", tmp_path / "list.csv")
    assert (tmp_path / "list.csv").is_file(), said
    assert (files_with_mark(tmp_path), MARK in said.upper()) == ([], False), said


def test_a_table_of_folders_and_files(tree: Path, level_package: Path, tmp_path: Path) -> None:
    """Read by themselves: with notes of what was left out beside them, and errors of what cannot be chosen."""
    several = tmp_path / "several"
    study = generate_uid()
    for name in ("a", "b"):
        write_series(several / name, study=study)
        _every(several / name)
    beside = tmp_path / "beside"
    write_series(beside, study=study)
    _every(beside)
    for name, kind in (("scout", ["ORIGINAL", "PRIMARY", "LOCALIZER"]), ("below", ["ORIGINAL", "PRIMARY"])):
        write_series(beside / name, study=study)
        _every(beside / name, ImageType=kind)
    lines = [f"several,{several},", f"beside,{beside},", f"wrong,{beside},no such", f"file,{beside / 'slice0.dcm'},"]
    lines += [f"{name},{tree / name}," for name in SERIES]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["id,image,series", *lines]), encoding="utf-8")
    said = _run(table, "-o", tmp_path / "out", "-m", level_package)
    rows = (tmp_path / "out" / "cases.csv").read_text("utf-8")
    assert "Left out as localizers: UID " in rows and "holds 2 DICOM series." in rows
    assert (files_with_mark(tmp_path / "out"), MARK in said.upper()) == ([], False), said


def test_a_reference_that_cannot_be_read(tree: Path, level_package: Path, tmp_path: Path) -> None:
    image = write_image(tmp_path / "image.nii.gz")
    table = tmp_path / "table.csv"
    table.write_text(f"id,image,reference\na,{image},{tree / 'all' / 'slice0.dcm'}\n", encoding="utf-8")
    said = _run(table, "-o", tmp_path / "out", "-m", level_package)
    assert (files_with_mark(tmp_path / "out"), MARK in said.upper()) == ([], False), said
