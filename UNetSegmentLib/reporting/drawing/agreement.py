"""Where a segmentation agrees with its reference, voxel by voxel, and in which colours that is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .canvas import PANEL, Color


@dataclass(frozen=True)
class Outcome:
    """What a voxel can be: its number in the map of :func:`agreement`, its name and its colour."""

    number: int
    name: str
    color: Color


# Lightness and the axis from blue to orange tell them apart, so readers who confuse red and green can too. What is
# right is plain; mistakes are what the eye should find.
BACKGROUND = Outcome(0, "background", PANEL)
RIGHT = Outcome(1, "true positive", (214, 214, 214))
EXTRA = Outcome(2, "false positive", (240, 138, 0))
MISSED = Outcome(3, "false negative", (38, 139, 255))
CONFUSED = Outcome(4, "wrong label", (255, 105, 180))
UNJUDGED = Outcome(5, "not judged", (44, 49, 58))

OUTCOMES = (BACKGROUND, RIGHT, EXTRA, MISSED, CONFUSED, UNJUDGED)


def agreement(
    prediction: np.ndarray, reference: np.ndarray, values: Sequence[int], judged: np.ndarray | None = None
) -> np.ndarray:
    """The number of the outcome at every voxel, uint8.

    Args:
        prediction, reference: label values, of one shape.
        values: labels that count; others are background.
        judged: bool, where the reference says anything; everywhere when None.
    """
    found, real = np.isin(prediction, values), np.isin(reference, values)
    result = np.zeros(reference.shape, np.uint8)
    result[found & ~real] = EXTRA.number
    result[real & ~found] = MISSED.number
    both = found & real
    result[both & (prediction == reference)] = RIGHT.number
    result[both & (prediction != reference)] = CONFUSED.number
    if judged is not None:
        result[~judged] = UNJUDGED.number
    return result


def mistakes(outcomes: np.ndarray) -> np.ndarray:
    """Where the two sides disagree."""
    return np.isin(outcomes, [EXTRA.number, MISSED.number, CONFUSED.number])


def foreground(outcomes: np.ndarray) -> np.ndarray:
    """Where either side has a label."""
    return (outcomes != BACKGROUND.number) & (outcomes != UNJUDGED.number)


def colours(outcomes: np.ndarray) -> np.ndarray:
    """RGB floats 0 to 1, (..., 3), of a map of outcomes."""
    table = np.array([outcome.color for outcome in OUTCOMES], np.float32) / 255.0
    return table[outcomes]
