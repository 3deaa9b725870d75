"""``unetsegment compress``: what it prints, writes and refuses."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from level_model import save_level_model
from typer.testing import Result

from UNetSegmentLib.io import write_volume
from UNetSegmentLib.models import load_model, save_model
from UNetSegmentLib.volume import Volume

Run = Callable[..., Result]

needs_nncf = pytest.mark.skipif("not __import__('importlib.util').util.find_spec('nncf')", reason="needs nncf")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_level_model(tmp_path_factory.mktemp("models") / "levels")


@needs_nncf
def test_a_model_gets_an_int8_form(run: Run, package: Path, cases: Path, tmp_path: Path) -> None:
    out = tmp_path / "small"
    options = ("--int8", "--cases", cases, "-o", out, "--calibration", 4, "--max-loss", 0.2)
    result = run("compress", package, *options)
    assert result.exit_code == 0, result.output
    assert "INT8: 0.0 MB -> 0." in result.stdout and "mean Dice 1.0000 -> " in result.stdout
    assert "second level" in result.stdout and "Worst case" in result.stdout
    assert "Only 2 cases were measured" in result.stderr
    (form,) = load_model(out).card.forms
    assert form.kind == "int8-openvino" and form.accuracy is not None and form.accuracy.source_dice == 1.0
    segmented = run("segment", cases / "images" / "0.nii.gz", tmp_path / "labels.nii.gz", "--model", out)
    assert segmented.exit_code == 0, segmented.output
    again = run("compress", out, "--int8", "--cases", cases, "-o", tmp_path / "again")
    assert again.exit_code == 4 and "has an INT8 form already" in again.stderr
    taken = run("compress", package, *options)
    assert taken.exit_code == 5 and "--force" in taken.stderr


@needs_nncf
def test_programs_get_a_document(run_json: Callable[..., Any], package: Path, cases: Path, tmp_path: Path) -> None:
    out = tmp_path / "small"
    options = ("--int8", "--cases", cases / "images", "-o", out, "--calibration", 2, "--measured", 1, "--unreached")
    found = run_json("compress", package, *options)
    assert found["model"] == str(out) and found["kind"] == "int8"
    assert found["before"] is None and found["loss"] is None and found["speed"] > 0
    assert any("no labels" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ((), 2, "no way of compressing was chosen"),
        (("--int8", "--calibration", 0), 2, "--calibration 0 makes no sense"),
        (("--int8", "--max-loss", "nan"), 2, "--max-loss nan makes no sense"),
        (("--int8", "--cases", "nowhere"), 3, "There is no folder"),
        (("--int8", "--fold", 9), 3, "no fold 9"),
        (("--int8", "--output", "nowhere/out"), 5, "does not exist"),
    ],
)
def test_what_is_refused(
    options: tuple[object, ...], code: int, words: str, run: Run, package: Path, cases: Path, tmp_path: Path
) -> None:
    given = () if "--cases" in options else ("--cases", cases)
    where = () if "--output" in options else ("-o", tmp_path / "out")
    result = run("compress", package, *given, *where, *options)
    assert result.exit_code == code and words in result.stderr, result.output
    assert list(tmp_path.iterdir()) == []


def test_no_cases_and_images_of_another_kind(run: Run, package: Path, tmp_path: Path) -> None:
    empty, colours = tmp_path / "empty", tmp_path / "colours"
    empty.mkdir()
    colours.mkdir()
    for name in "abc":
        voxels = np.random.default_rng(0).integers(0, 255, (3, 1, 30, 30)).astype(np.uint8)
        write_volume(Volume.from_array(voxels), colours / f"{name}.nii.gz")
    result = run("compress", package, "--int8", "--cases", empty, "-o", tmp_path / "out")
    assert result.exit_code == 3 and "is empty" in result.stderr
    result = run("compress", package, "--int8", "--cases", colours, "-o", tmp_path / "out")
    assert result.exit_code == 3 and "Case" in result.stderr and "colour" in result.stderr, result.output
    assert not (tmp_path / "out").exists()


def test_a_licence_that_forbids_it(run: Run, package: Path, cases: Path, tmp_path: Path) -> None:
    model = load_model(package)
    source = save_model(replace(model.card, licence="CC-BY-NC-ND"), [model.network().state_dict()], tmp_path / "nd")
    result = run("compress", source, "--int8", "--cases", cases, "-o", tmp_path / "out")
    assert result.exit_code == 4 and "forbids derivatives" in result.stderr
    shutil.rmtree(source)


def test_asking_for_help_loads_neither_torch_nor_nncf() -> None:
    import subprocess

    program = (
        "import sys; from UNetSegmentLib.cli.app import app\n"
        "from typer.testing import CliRunner\n"
        "assert CliRunner().invoke(app, ['compress', '--help']).exit_code == 0\n"
        "assert not {'torch', 'nncf', 'openvino'} & set(sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
