"""Accuracy control: as many layers go back to float as it takes to keep what was asked, and no more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A quantised model that was measured.

    Attributes:
        model: ``openvino.Model``.
        released: names of the layers that stay in float.
        loss: that it was measured to have.
        evidence: whatever the measuring keeps.
    """

    model: Any
    released: tuple[str, ...]
    loss: float
    evidence: Any


def within_loss(
    quantized: Callable[[Sequence[str]], Any],
    measured: Callable[[Any], tuple[float, Any]],
    ranking: Callable[[Any], Sequence[str]],
    max_loss: float,
) -> Candidate:
    """The model of the fewest float layers whose loss is at most ``max_loss``; that of the least loss (to 0.001)
    where none is.

    The layers are ranked once, by the harm that each does alone; then the number of them that is released, worst first,
    is found by doubling and bisection, each try quantised anew so that the other layers' corrections fit.

    Args:
        quantized: the model with the named layers in float.
        measured: a model's loss, and what was seen.
        ranking: names of the quantised layers of the first model, the most harmful first.
    """
    best = first = _candidate(quantized(()), (), measured)
    if first.loss <= max_loss:
        return first
    order = tuple(ranking(first.model))
    # As many as it takes at first, doubled: released layers cost a measurement each.
    low, high = 0, 1
    found: Candidate | None = None
    while high < len(order):
        tried = _candidate(quantized(order[:high]), order[:high], measured)
        best = min(best, tried, key=_merit)
        if tried.loss <= max_loss:
            found = tried
            break
        low, high = high, high * 2
    if found is None:
        # All layers but one at least must stay quantised for the model to be worth its name.
        high = len(order) - 1
        if high > low:
            tried = _candidate(quantized(order[:high]), order[:high], measured)
            best = min(best, tried, key=_merit)
            found = tried if tried.loss <= max_loss else None
        if found is None:
            return best
    while high - low > 1:
        middle = (low + high) // 2
        tried = _candidate(quantized(order[:middle]), order[:middle], measured)
        if tried.loss <= max_loss:
            found, high = tried, middle
        else:
            low = middle
    return found


def _merit(candidate: Candidate) -> tuple[float, int]:
    """The lower the better: layers are not given up for differences that no one could measure again."""
    return round(candidate.loss, 3), len(candidate.released)


def _candidate(model: Any, released: Sequence[str], measured: Callable[[Any], tuple[float, Any]]) -> Candidate:
    loss, evidence = measured(model)
    log.info("INT8 with %d layers in float: loss %.4f", len(released), loss)
    return Candidate(model, tuple(released), loss, evidence)
