"""Fine-tuning for 8 bits inside the recipe: when it is tried, kept and dropped, and what the card says of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from UNetSegmentLib.compression.quantization import fold as folds
from UNetSegmentLib.compression.quantization import quantizing
from UNetSegmentLib.compression.quantization.recipe import QuantizationRecipe
from UNetSegmentLib.models import load_model

pytest.importorskip("nncf")
pytest.importorskip("openvino")


def test_weights_that_were_fine_tuned_lie_in_the_package_and_the_card_tells(
    level_package: Path, level_cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training itself is that of any model; here it gives back the weights, a little changed. 8 bits are made to
    lose much before it and nothing after."""
    real, seen = folds._loss, []

    def loss(candidate: Any, now: Any, source: Any, setting: Any) -> tuple[float, Any]:
        seen.append(now is source)
        return (0.5 if now is source else 0.0), real(candidate, now, source, setting)[1]

    def finetuned(model: Any, source: Any, cases: Any, recipe: Any, *_: Any) -> dict[str, torch.Tensor]:
        assert Path(source) == level_package and Path(cases) == level_cases and recipe.finetune_steps == 7
        state = {name: value.clone() for name, value in model.network(0).state_dict().items()}
        state["heads.0.bias"] += 0.001
        return state

    monkeypatch.setattr(folds, "_loss", loss)
    monkeypatch.setattr(folds, "PRESETS", ("mixed",))
    monkeypatch.setattr(folds, "finetuned", finetuned)
    recipe = QuantizationRecipe(tiles=2, fold=0, finetune_steps=7, most_measured=1)
    result = quantizing.quantize(level_package, tmp_path / "out", level_cases, recipe)
    assert seen == [True, False]
    model, source = load_model(result.package), load_model(level_package)
    step = model.card.derived[-1]
    assert (step.kind, step.source, step.digests) == ("quantization-aware", source.card.name, source.digests)
    assert step.numbers["steps"] == 7 and step.numbers["source_dice"] == 1.0
    torch.testing.assert_close(
        model.network(0).state_dict()["heads.0.bias"], source.network(0).state_dict()["heads.0.bias"] + 0.001
    )
    assert any("was kept" in note for note in result.notes)
    assert model.card.forms[0].accuracy is not None


def test_real_training_runs_with_rounded_convolutions(level_package: Path, level_cases: Path) -> None:
    from UNetSegmentLib.compression.quantization.finetuning import finetuned

    model = load_model(level_package)
    recipe = QuantizationRecipe(fold=0, finetune_steps=2)
    state = finetuned(model, level_package, level_cases, recipe)
    before = model.network(0).state_dict()
    assert list(state) == list(before)
    assert any(not torch.equal(state[name], before[name]) for name in state)


def test_a_fine_tuning_that_does_not_help_is_dropped(
    level_package: Path, level_cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = folds._loss

    def loss(candidate: Any, now: Any, source: Any, setting: Any) -> tuple[float, Any]:
        return (0.1 if now is source else 0.2), real(candidate, now, source, setting)[1]

    monkeypatch.setattr(folds, "_loss", loss)
    monkeypatch.setattr(folds, "PRESETS", ("mixed",))
    monkeypatch.setattr(folds, "finetuned", lambda model, *_: dict(model.network(0).state_dict()))
    monkeypatch.setattr(folds, "sensitivities", lambda *_: [])
    recipe = QuantizationRecipe(tiles=2, fold=0, finetune_steps=7, most_measured=1)
    result = quantizing.quantize(level_package, tmp_path / "out", level_cases, replace(recipe, unreached=True))
    assert load_model(result.package).card.derived == ()
    assert any("dropped, since it did not help" in note for note in result.notes)
