"""Recipes in a chain: what comes to the output is whole or not there."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from UNetSegmentLib.compression.chain import Step, compress
from UNetSegmentLib.compression.measuring import Measured
from UNetSegmentLib.compression.result import Compressed
from UNetSegmentLib.errors import ModelError, OutputError
from UNetSegmentLib.models import load_model, save_model


def measured(dice: float, *cases: str) -> Measured:
    return Measured(cases or ("a",), ("x",), ((dice,),) * len(cases or ("a",)))


def copying(name: str, before: float, after: float, size: int, cases: tuple[str, ...] = ("a",)) -> Step:
    """A recipe that copies its source and says what it is told."""

    def run(source: str | Path, output: Path) -> Compressed:
        model = load_model(source)
        card = replace(model.card, description=f"{model.card.description} {name}")
        save_model(card, [model.network().state_dict()], output)
        scores = measured(before, *cases), measured(after, *cases)
        return Compressed(output, name, *scores, 100, size, (f"{name} done.",), 1.0, size / 100)

    return Step(name, run)


def test_each_recipe_works_on_what_the_one_before_made(level_package: Path, tmp_path: Path) -> None:
    steps = [copying("pruned", 0.9, 0.89, 50), copying("int8", 0.89, 0.88, 10)]
    result = compress(level_package, tmp_path / "out", steps)
    assert load_model(tmp_path / "out").card.description.endswith("pruned int8")
    assert result.package == tmp_path / "out" and result.kind == "pruned+int8"
    assert result.loss == pytest.approx(0.02) and result.speed == pytest.approx(10)
    assert (result.bytes_before, result.bytes_after) == (100, 10)
    assert result.notes == ("pruned: pruned done.", "int8: int8 done.")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_scores_of_other_cases_are_not_subtracted(level_package: Path, tmp_path: Path) -> None:
    steps = [copying("pruned", 0.9, 0.89, 50, ("b",)), copying("int8", 0.8, 0.79, 10, ("a",))]
    assert compress(level_package, tmp_path / "out", steps).loss == pytest.approx(0.01)


@pytest.mark.parametrize("error", [ModelError("no"), KeyboardInterrupt(), OSError(errno.ENOSPC, "no space")])
def test_a_recipe_that_fails_leaves_nothing(error: BaseException, level_package: Path, tmp_path: Path) -> None:
    def fail(source: str | Path, output: Path) -> Compressed:
        shutil.copytree(source, output)
        raise error

    expected = OutputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        compress(level_package, tmp_path / "out", [copying("pruned", 1, 1, 1), Step("int8", fail)])
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_was_there_is_kept_when_a_recipe_fails(level_package: Path, tmp_path: Path) -> None:
    shutil.copytree(level_package, tmp_path / "out")

    def fail(source: str | Path, output: Path) -> Compressed:
        raise ModelError("no")

    with pytest.raises(OutputError, match="holds a model already"):
        compress(level_package, tmp_path / "out", [copying("pruned", 1, 1, 1)])
    with pytest.raises(ModelError):
        compress(level_package, tmp_path / "out", [Step("int8", fail)], force=True)
    assert load_model(tmp_path / "out").card == load_model(level_package).card
    compress(level_package, tmp_path / "out", [copying("pruned", 1, 1, 1)], force=True)
    assert load_model(tmp_path / "out").card.description.endswith("pruned")


def test_killed_in_the_middle_no_half_package_is_there(level_package: Path, tmp_path: Path) -> None:
    program = (
        "import os, shutil, sys\n"
        "from UNetSegmentLib.compression.chain import Step, compress\n"
        "def run(source, output):\n"
        "    shutil.copytree(source, output)\n"
        "    os._exit(9)\n"
        "compress(sys.argv[1], sys.argv[2], [Step('int8', run)])\n"
    )
    done = subprocess.run([sys.executable, "-c", program, level_package, tmp_path / "out"], check=False)
    assert done.returncode == 9
    # A hidden folder may be left, which the next run removes; no list of models shows it.
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


def test_a_licence_that_forbids_derivatives_is_refused_first(level_package: Path, tmp_path: Path) -> None:
    model = load_model(level_package)
    source = save_model(replace(model.card, licence="CC-BY-ND 4.0"), [model.network().state_dict()], tmp_path / "nd")
    with pytest.raises(ModelError, match="forbids derivatives"):
        compress(source, tmp_path / "out", [copying("pruned", 1, 1, 1)])
    assert not (tmp_path / "out").exists()
