from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from UNetSegmentLib.cli.app import app
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import write_volume
from UNetSegmentLib.volume import Volume

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "io" / folder) for folder in ("dicom_objects", "dicom")]

GRID = Geometry((30, 24, 20), (1.0, 1.5, 2.0), (-15.0, 18.0, -20.0), (1, 0, 0, 0, -1, 0, 0, 0, 1))


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes on what commands have written stay with the test."""
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path_factory.mktemp("state")))


@pytest.fixture
def run() -> Callable[..., Result]:
    """Runs a command in this process; ``.stdout``, ``.stderr`` and ``.exit_code`` as a shell would see them."""

    def invoke(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(a) for a in arguments])

    return invoke


@pytest.fixture
def run_json(run: Callable[..., Result]) -> Callable[..., Any]:
    """Runs a command with ``--json`` and returns the document."""

    def invoke(*arguments: object) -> Any:
        result = run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return invoke


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Two blocks: intensity 1 (1200 voxels) and 2 (480 voxels) in a field of 0."""
    voxels = np.zeros((1, *GRID.shape), np.float32)
    voxels[0, 2:12, 3:13, 4:16] = 1
    voxels[0, 14:18, 3:13, 4:16] = 2
    write_volume(Volume(voxels, GRID), tmp_path / "image.nii.gz")
    return tmp_path / "image.nii.gz"


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """Five slices of cells on a grid; the lines between them are the label."""
    root = tmp_path / "cells"
    rows, columns = np.indices((48, 48))
    for n in range(5):
        lines = ((rows + n) % 12 <= 2) | ((columns + 2 * n) % 12 <= 2)
        picture = 180 - 100 * lines + np.random.default_rng(n).normal(0, 12, lines.shape)
        for folder, array in (("images", picture.clip(0, 255)), ("labels", 1 * lines)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array.astype(np.uint8)).save(root / folder / f"{n}.png")
    return root
