"""``unetsegment benchmark`` as a user meets it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from level_model import save_level_model
from typer.testing import Result

from UNetSegmentLib.io import write_volume
from UNetSegmentLib.volume import Volume


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path, Path]:
    """A package, an image and its labels."""
    monkeypatch.setattr(Path, "home", classmethod(lambda cls: tmp_path))
    labels = np.zeros((12, 14, 16), np.uint8)
    labels[3:9, 3:9, 3:9] = 1
    labels[5:7, 5:7, 5:7] = 2
    write_volume(Volume.from_array(labels.astype(np.float32)), tmp_path / "image.nii.gz")
    write_volume(Volume.from_array(labels), tmp_path / "labels.nii.gz")
    return save_level_model(tmp_path / "levels"), tmp_path / "image.nii.gz", tmp_path / "labels.nii.gz"


def test_the_table_and_the_document(
    files: tuple[Path, Path, Path], run: Callable[..., Result], run_json: Callable[..., Any]
) -> None:
    package, image, labels = files
    given = (package, "--image", image, "--reference", labels, "--threads", 1)
    shown = run("benchmark", *given)
    assert shown.exit_code == 0, shown.output
    assert "torch" in shown.stdout and "ms/tile" in shown.stdout and "1.0000" in shown.stdout
    assert "no 8-bit form" in shown.stdout
    assert "The setting 'auto' takes" in shown.stdout
    document = run_json("benchmark", *given)
    plain = document["rows"][0]
    assert (plain["backend"], plain["numbers"], plain["threads"]) == ("torch", "f32", 1)
    assert (plain["dice"], plain["same_labels"]) == (1.0, 1.0)
    assert 0 < plain["ms_per_tile"] / 1000 <= plain["case_seconds"]
    assert document["auto"] in ("torch", "openvino") and not document["cancelled"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--patch", "96,96"), "no size of a tile"),
        (("--patch", "96,0,96"), "no size of a tile"),
        (("--threads", "0"), "At least one thread"),
        (("--reference", "labels.nii.gz"), "without its image"),
    ],
)
def test_wrong_options_are_refused(
    files: tuple[Path, Path, Path], run: Callable[..., Result], options: tuple[str, ...], message: str
) -> None:
    options = tuple(str(files[2]) if value == "labels.nii.gz" else value for value in options)
    result = run("benchmark", files[0], *options)
    assert result.exit_code == (3 if "--reference" in options else 2)
    assert message in result.stderr
