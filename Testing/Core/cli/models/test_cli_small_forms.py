"""What the commands say of a model's smaller forms, and the option that chooses one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from UNetSegmentLib.cli.segmenting.segment import _how
from UNetSegmentLib.models import (
    CompressedForm,
    Derivation,
    FormAccuracy,
    StructureSize,
    TrainingFingerprint,
    load_model,
    save_model,
)

Run = Callable[..., Result]


@pytest.fixture
def package(level_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of the user's with an 8-bit form whose files nobody reads here, measured and derived."""
    monkeypatch.setenv("COLUMNS", "200")
    model = load_model(level_package)
    accuracy = FormAccuracy("fold 0", 44, 0.8832, 0.8855, 0.9981, 0.0123)
    form = CompressedForm("int8-openvino", (("a.xml", "a.bin"),), "by hand", "none", accuracy=accuracy)
    card = replace(
        model.card,
        name="small-levels",
        forms=(form,),
        fingerprint=TrainingFingerprint(12, (), (StructureSize(1, 3.25, 9.5),)),
        derived=(Derivation("pruned", "levels", "1.0", (), {"flops": 0.5}),),
    )
    extra = {"a.xml": b"x" * 100_000, "a.bin": b"y" * 1_100_000}
    return save_model(card, [model.network().state_dict()], tmp_path / "small-levels", extra=extra)


def test_the_card_shows_size_and_loss(run: Run, package: Path) -> None:
    shown = run("models", "card", package)
    assert shown.exit_code == 0, shown.output
    for text in ("int8-openvino", "1.2 MB", "0.8832", "0.8855", "99.81%", "0.0123", "fold 0"):
        assert text in shown.stdout
    assert "pruned from levels 1.0 (flops 0.5)" in " ".join(shown.stdout.split())
    assert "3.25 ml, 9.5 mm across" in " ".join(shown.stdout.split())


def test_the_list_shows_the_loss(run: Run, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from UNetSegmentLib.models import registry

    monkeypatch.setattr(registry, "model_folders", lambda user=None: [package.parent])
    shown = run("models", "list")
    assert "Smaller forms" in shown.stdout and "0.002 Dice" in shown.stdout


def test_json_has_all_of_it(run_json: Callable[..., Any], package: Path) -> None:
    card = run_json("models", "card", package)
    assert card["forms"][0]["accuracy"]["worst_loss"] == 0.0123
    assert card["derived"][0]["numbers"] == {"flops": 0.5}


def test_a_form_that_is_not_there_is_refused(run: Run, image: Path, level_package: Path, tmp_path: Path) -> None:
    target = tmp_path / "labels.seg.nrrd"
    done = run("segment", image, target, "-m", level_package, "--form", "int8", "--device", "cpu")
    assert done.exit_code == 4
    assert "has no 8-bit form" in " ".join(done.stderr.split())
    assert not target.exists()
    done = run("segment", image, target, "-m", level_package, "--form", "tiny", "--device", "cpu")
    assert done.exit_code == 3
    assert "full, int8, smallest" in " ".join(done.stderr.split())


def test_the_smallest_form_is_the_whole_one_where_there_is_no_other(
    run: Run, image: Path, level_package: Path, tmp_path: Path
) -> None:
    target = tmp_path / "labels.seg.nrrd"
    arguments = ("--form", "smallest", "--device", "cpu", "--json")
    done = run("segment", image, target, "-m", level_package, *arguments)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["settings"]["form"] == "full"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"device": "CPU"}, "CPU"),
        ({"device": "CPU", "form": "full", "spacing_scale": 1.0}, "CPU"),
        ({"device": "CPU", "form": "int8", "spacing_scale": 1.0}, "CPU (8-bit form)"),
        ({"device": "CPU", "form": "full", "spacing_scale": 1.25}, "CPU (1.25 times the model's spacing)"),
    ],
)
def test_what_a_preset_chose_is_said(settings: dict, words: str) -> None:
    assert _how(settings) == words
