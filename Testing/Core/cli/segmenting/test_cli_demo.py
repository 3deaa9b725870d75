from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from UNetSegmentLib.io import read_segmentation
from UNetSegmentLib.models import list_models


def test_demo_finds_both_hippocampi(run: Callable[..., Result], tmp_path: Path) -> None:
    pytest.importorskip("nilearn")
    pytest.importorskip("vtk")
    if "hippocampus-t1" not in {card.name for card in list_models()}:
        pytest.skip("the bundled model is not in this checkout")
    result = run("demo", "--output", tmp_path / "out", "--device", "cpu")
    assert result.exit_code == 0, result.output
    for name in ("hippocampi.seg.nrrd", "hippocampi.csv", "hippocampi.png"):
        assert str(tmp_path / "out" / name) in result.stdout
    assert (tmp_path / "out" / "hippocampi.png").read_bytes().startswith(b"\x89PNG")
    found = read_segmentation(tmp_path / "out" / "hippocampi.seg.nrrd")
    sides = {"Left": 1.0, "Right": -1.0}
    assert [label.name.split()[0] for label in found.labels] == ["Left", "Left", "Right", "Right"]
    for label in found.labels:
        where = np.argwhere(found.mask(label.value))[:, ::-1]
        x, y, z = found.geometry.to_physical(where).mean(axis=0)
        # The hippocampi of MNI space lie about 26 mm from the midline, 10 to 40 mm behind the front commissure.
        assert 18 < x * sides[label.name.split()[0]] < 34 and 5 < y < 40 and -30 < z < 0
        assert label.terminology is not None and label.terminology.type_modifier is not None
        assert label.terminology.type_modifier.meaning == label.name.split()[0]
    with (tmp_path / "out" / "hippocampi.csv").open() as file:
        volumes = {row["name"]: float(row["volume_ml"]) for row in csv.DictReader(file)}
    left, right = (sum(v for name, v in volumes.items() if name.startswith(side)) for side in sides)
    # Averages of adults are 3 to 5 mL a side; the average head is nearly symmetric.
    assert 3 < left < 6 and 3 < right < 6 and abs(left - right) < 0.15 * left
