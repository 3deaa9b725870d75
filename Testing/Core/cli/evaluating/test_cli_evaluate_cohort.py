"""``unetsegment evaluate`` on the folder that ``batch`` makes: a folder for each case."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import write_segmentation
from UNetSegmentLib.labels import Label
from UNetSegmentLib.volume import Segmentation

Run = Callable[..., Result]


def labels(columns: int) -> Segmentation:
    voxels = np.zeros((6, 7, 8), np.uint8)
    voxels[2:4, 2:5, :columns] = 1
    return Segmentation(voxels, Geometry((8, 7, 6), (1.0, 1.0, 1.0)), (Label(1, "part"),))


@pytest.fixture(params=[".seg.nrrd", ".nii.gz"])
def folders(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """Results of a cohort, one of which was corrected and kept; references, one of them of a case that failed."""
    results, references = tmp_path / "results", tmp_path / "labels"
    references.mkdir()
    for case, columns in (("b", 4), ("a", 6), ("a-kept-1", 2)):
        (results / case).mkdir(parents=True)
        write_segmentation(labels(columns), results / case / f"segmentation{request.param}")
        (results / case / "preview.png").write_bytes(b"a picture")
        (results / case / "case.json").write_text("{}", encoding="utf-8")
    (results / "images").mkdir()
    (results / "cases.csv").write_text("case\n", encoding="utf-8")
    for case in ("a", "b", "failed"):
        write_segmentation(labels(6), references / f"{case}.nii.gz")
    return results, references


def test_results_of_a_cohort_are_scored_by_the_names_of_their_folders(run: Run, folders: tuple[Path, Path]) -> None:
    result = run("evaluate", *folders, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["cases"]
    assert {case: rows[0]["dice"] for case, rows in found.items()} == {"a": 1.0, "b": pytest.approx(0.8)}


def test_a_folder_with_two_results_is_refused(run: Run, folders: tuple[Path, Path]) -> None:
    for ending in (".nii.gz", ".seg.nrrd"):
        write_segmentation(labels(4), folders[0] / "b" / f"segmentation{ending}")
    result = run("evaluate", *folders)
    assert result.exit_code == 3
    assert "Case b: The folder holds several results" in " ".join(result.output.split())
