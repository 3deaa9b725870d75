"""The side-by-side tables: means over folds, differences by fold and seed, budgets apart, gaps named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "Benchmarks"))

from comparison_tables import against, between_seeds, markdown, over_folds, plot


def row(name: str, fold: int, seed: int, dice: float, budget: str = "9 steps") -> dict[str, object]:
    numbers = {"parameters": 2_500_000, "flops_per_voxel": 7_200.0, "training_seconds": 4.0, "inference_seconds": 0.5}
    scores = {"dice": dice, "hd95": 3.0, "pixels": {"f1": dice + 0.01, "auc": 0.9}}
    place = {"what": "networks", "task": "drive", "name": name, "fold": fold, "seed": seed, "budget": budget}
    return {**place, **scores, **numbers, "device": "cpu"}


def dice(row: dict[str, object]) -> object:
    return row["dice"]


def test_seeds_are_averaged_before_folds_are_compared() -> None:
    # The folds reach 0.65 and 0.85, whatever a further seed adds to one of them only.
    rows = [row("a", 0, 0, 0.6), row("a", 1, 0, 0.85), row("a", 0, 1, 0.7)]
    assert over_folds(rows, dice) == pytest.approx((0.75, 0.2 / 2**0.5))
    assert over_folds(rows[:1], dice) == pytest.approx((0.6, 0.0))
    assert over_folds(rows, lambda r: None) is None


def test_differences_are_taken_between_the_same_folds_and_seeds() -> None:
    reference = [row("unet", 0, 0, 0.6), row("unet", 1, 0, 0.9), row("unet", 0, 1, 0.5)]
    other = [row("b", 1, 0, 0.93), row("b", 0, 0, 0.61), row("b", 7, 0, 0.1)]
    assert against(other, reference, dice) == pytest.approx((0.02, 0.02 / 2**0.5, 2))
    assert against(other[2:], reference, dice) is None


def test_what_another_seed_alone_changes() -> None:
    rows = [row("a", 0, 0, 0.6), row("a", 0, 1, 0.62), row("b", 0, 0, 0.7), row("b", 0, 1, 0.71), row("b", 1, 0, 0.1)]
    assert between_seeds(rows, dice) == pytest.approx((0.02, 0.015))
    assert between_seeds(rows[-1:], dice) is None


def test_the_table_keeps_budgets_apart_and_names_gaps(tmp_path: Path) -> None:
    rows = [row("unet", 0, 0, 0.6), row("unet", 1, 0, 0.8), row("b", 0, 0, 0.5), row("unet", 0, 0, 0.9, "5 minutes")]
    text = markdown(rows, "networks")
    assert text.count("### Networks on drive") == 2
    assert "| unet | - | 0.7000 ± 0.1414 | 0.7100 ± 0.1414 | 0.9000 | 3.00 | 2.50 | 7.2 | 4 | 0.50 |" in text
    assert "| b (1 trainings missing) | -0.1000 | 0.5000 |" in text
    assert "| unet | - | 0.9000 | 0.9100 |" in text
    assert "2 fold(s), 2 training(s) of each, 9 steps" in text
    assert markdown(rows, "losses") == ""
    plot(rows, "networks", tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
