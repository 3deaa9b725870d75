"""Which cases to look at: the worst, the middle and the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ...text import shown
from .metrics import LabelScores

# More labels than this do not fit into a line.
_NAMED = 3


def mean_dice(scores: Mapping[str, Sequence[LabelScores]]) -> dict[str, float]:
    """Mean Dice over the labels, for each case that holds one, the worst case first."""
    means = {}
    for name, labels in scores.items():
        known = [score.dice for score in labels if score.dice is not None]
        if known:
            means[name] = sum(known) / len(known)
    return dict(sorted(means.items(), key=lambda item: item[1]))


def extremes(means: Mapping[str, float]) -> dict[str, str]:
    """The names of the ``worst``, ``median`` and ``best`` case.

    Args:
        means: of :func:`mean_dice`.

    Returns:
        No median of two cases, and of a single one the ``only``.
    """
    order = list(means)
    if len(order) < 2:
        return {"only": order[0]} if order else {}
    # Of an even number the lower one in the middle.
    middle = {"median": order[(len(order) - 1) // 2]} if len(order) > 2 else {}
    return {"worst": order[0], **middle, "best": order[-1]}


def heading(which: str, name: str, total: int) -> str:
    """What stands over the picture of a case."""
    name = shown(name, 100)
    return name if which == "only" else f"{which.capitalize()} of {total} cases: {name}"


def score_words(labels: Sequence[LabelScores], unit: str = "mm") -> str:
    """The scores of a case: one line, and where there are several labels a second one for each of the first.

    Args:
        unit: of distances; photographs have pixels.
    """
    known = [score for score in labels if score.dice is not None]
    if not known:
        return "No label on either side"
    if len(known) == 1:
        return f"Dice {known[0].dice:.4f}{_distance(known[0], unit)}"
    mean = sum(score.dice or 0.0 for score in known) / len(known)
    parts = [f"{shown(score.label.name, 40)} {score.dice:.3f}{_distance(score, unit)}" for score in known[:_NAMED]]
    more = f"; {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return f"Dice {mean:.4f}, mean of {len(known)} labels\n{'; '.join(parts)}{more}"


def _distance(score: LabelScores, unit: str) -> str:
    known = score.hd95_mm is not None and math.isfinite(score.hd95_mm)
    return f", HD95 {score.hd95_mm:.1f} {unit}" if known else ""
