"""What a training tells while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...progress import ProgressEvent


@dataclass(frozen=True)
class TrainingEvent(ProgressEvent):
    """One line of the progress table; ``done`` and ``total`` count optimiser steps.

    Args:
        loss: mean since the event before.
        terms: what each term of the loss adds to it, by name.
        learning_rate: of the last step.
        dice: mean over held-out cases for each label from the first on, when this step validated.
        seconds_per_step: mean since the event before.
        best: the best mean Dice of all validations so far; None before the first one.
    """

    loss: float = float("nan")
    learning_rate: float = 0.0
    dice: tuple[float, ...] | None = None
    seconds_per_step: float = 0.0
    terms: dict[str, float] = field(default_factory=dict)
    best: float | None = None
