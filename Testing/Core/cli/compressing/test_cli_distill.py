"""``unetsegment compress --distill``: what it prints, writes and refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from UNetSegmentLib.models import load_model

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def package(make_level_package: Callable[..., Path]) -> Path:
    return make_level_package(name="taught")


def test_a_model_gets_a_student(run_json: Callable[..., Any], package: Path, cases: Path, tmp_path: Path) -> None:
    out = tmp_path / "student"
    options = ("--distill", 0.95, "--steps", 2, "--fold", 0, "--cases", cases, "-o", out)
    found = run_json("compress", package, *options)
    assert found["kind"] == "distilled" and found["before"]["dice"] == 1.0
    assert any("training was planned" in note for note in found["notes"])
    card = load_model(out).card
    assert card.name == "taught-student" and card.derived[0].numbers["steps"] == 2
    assert (tmp_path / "student-training" / "checkpoint.pt").is_file()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--distill", 0.95, "--steps", 2), 3, "not said which cases are held out"),
        (("--distill", 0), 2, "--distill 0"),
        (("--distill", 0.001, "--fold", 0), 3, "smallest of this kind"),
        (("--distill", 0.95, "--minutes", "nan"), 2, "--minutes nan"),
        (("--steps", 3, "--int8"), 2, "--steps is of a student's training"),
        (("--distill", 0.95, "--fold", 0, "--steps", 1, "--max-loss", 0.0001), 4, "No package was written"),
    ],
)
def test_what_cannot_be_is_said(
    run: Run, package: Path, cases: Path, tmp_path: Path, options: tuple[Any, ...], code: int, words: str
) -> None:
    out = tmp_path / "student"
    result = run("compress", package, "--cases", cases, "-o", out, *options)
    assert result.exit_code == code, result.output
    assert words in result.stderr.replace("\n", " ").replace("  ", " ")
    assert not out.exists()
