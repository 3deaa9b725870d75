"""The side-by-side tables: means over folds, spread over seeds, budgets apart, gaps named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "Benchmarks"))

from comparison_tables import markdown, plot, spread


def row(name: str, fold: int, seed: int, dice: float, budget: str = "9 steps") -> dict[str, object]:
    numbers = {"parameters": 2_500_000, "flops_per_voxel": 7_200.0, "training_seconds": 4.0, "inference_seconds": 0.5}
    scores = {"dice": dice, "hd95": 3.0, "pixels": {"f1": dice + 0.01, "auc": 0.9}}
    place = {"what": "networks", "task": "drive", "name": name, "fold": fold, "seed": seed, "budget": budget}
    return {**place, **scores, **numbers, "device": "cpu"}


def test_folds_are_averaged_before_seeds_are_compared() -> None:
    rows = [row("a", 0, 0, 0.6), row("a", 1, 0, 0.8), row("a", 0, 1, 0.7), row("a", 1, 1, 0.9)]
    # Seeds reach 0.7 and 0.8.
    assert spread(rows, lambda r: r["dice"]) == pytest.approx((0.75, 0.0707107))
    # With one seed the spread is that of its folds.
    assert spread(rows[:2], lambda r: r["dice"]) == pytest.approx((0.7, 0.1414214))
    assert spread(rows, lambda r: None) is None


def test_the_table_keeps_budgets_apart_and_names_gaps(tmp_path: Path) -> None:
    rows = [row("a", 0, 0, 0.6), row("a", 1, 0, 0.8), row("b", 0, 0, 0.5), row("a", 0, 0, 0.9, "5 minutes")]
    text = markdown(rows, "networks")
    assert text.count("### Networks on drive") == 2
    assert "| a | 0.7000 ± 0.1414 | 0.7100 ± 0.1414 | 0.9000 | 3.00 | 2.50 | 7.2 | 4 | 0.50 |" in text
    assert "| b (1 cells missing) |" in text
    assert "| a | 0.9000 | 0.9100 |" in text
    assert markdown(rows, "losses") == ""
    plot(rows, "networks", tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
