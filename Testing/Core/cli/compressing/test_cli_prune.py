"""``unetsegment compress --prune`` and ``--prune-exit``: what they print, write and refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from level_model import save_level_model
from typer.testing import Result

from UNetSegmentLib.models import load_model
from UNetSegmentLib.networks import cost

Run = Callable[..., Result]
QUICK = ("--fold", 0, "--prune-steps", 1, "--prune-fine-tune", 0, "--prune-multiple", 1)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_level_model(tmp_path_factory.mktemp("models") / "levels")


@pytest.fixture(scope="module")
def cases(write_level_cases: Callable[[int, int], Path]) -> Path:
    """Five cases, one a fold."""
    return write_level_cases(5, 3)


def test_a_pruned_model_is_a_model(run: Run, package: Path, cases: Path, tmp_path: Path) -> None:
    out = tmp_path / "small"
    result = run("compress", package, "--prune", 0.6, *QUICK, "--cases", cases, "-o", out)
    assert result.exit_code == 0, result.output
    assert "Pruned: " in result.stdout and "mean Dice 1.0000 -> 1.0000" in result.stdout
    assert "Note: Step 1: " in result.stderr and "of the operations" in result.stderr
    before, after = (load_model(one).card for one in (package, out))
    flops = [cost(card.network, card.inference.patch).flops for card in (before, after)]
    assert flops[1] <= 0.4 * flops[0] and after.derived[0].kind == "pruned"
    segmented = run("segment", cases / "images" / "0.nii.gz", tmp_path / "labels.nii.gz", "--model", out)
    assert segmented.exit_code == 0, segmented.output
    again = run("compress", out, "--prune", 0.2, *QUICK, "--cases", cases, "-o", tmp_path / "again")
    assert again.exit_code == 4 and "was pruned before" in again.stderr and "--force" in again.stderr


def test_programs_get_a_document(run_json: Callable[..., Any], package: Path, cases: Path, tmp_path: Path) -> None:
    out = tmp_path / "small"
    found = run_json("compress", package, "--prune", 0.6, *QUICK, "--cases", cases, "-o", out)
    assert (found["kind"], found["loss"]) == ("pruned", 0) and found["before"]["cases"] == 1
    assert found["speed"] > 0 and found["bytes_after"] < found["bytes_before"]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--prune", 0.5), 3, "not said which cases are held out"),
        (("--prune", 1.5, "--fold", 0), 2, "--prune 1.5 makes no sense"),
        (("--prune", "nan", "--fold", 0), 2, "--prune nan makes no sense"),
        (("--prune", 0.5, "--prune-exit", 1), 2, "different networks"),
        (("--prune-exit", 1), 4, "no U-Net++"),
        (("--prune", 0.99, *QUICK, "--prune-multiple", 4), 3, "as far as can be"),
        (("--prune", 0.5, "--fold", 9), 3, "no fold 9"),
        (("--prune", 0.5, "--fold", 0, "--prune-training", "nowhere.json"), 3, "nowhere.json"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    run: Run, package: Path, cases: Path, tmp_path: Path, options: tuple[object, ...], code: int, words: str
) -> None:
    result = run("compress", package, *options, "--cases", cases, "-o", tmp_path / "out")
    assert result.exit_code == code, result.output
    assert words in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []
