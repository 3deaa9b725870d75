"""What a user wants of pruning, as values that can work."""

from __future__ import annotations

from dataclasses import dataclass

from ..wishes import check_wishes
from .importance import IMPORTANCES


@dataclass(frozen=True)
class PruningRecipe:
    """Channels are removed in steps, and after each the network is trained a little further.

    Args:
        share: of the floating-point operations that go, above 0 and below 1.
        fold: of the data set; its cases are held out of all training here, and what the model lost is measured on
            them. Give the fold that the model itself was trained without: on cases that it knows, the source looks
            better than it is. None for a model of as many networks as the data set has folds, one a fold.
        steps: how often channels are removed.
        fine_tuning_steps: optimiser steps after each removal.
        last_steps: the same after the last one; None for twice as many.
        importance: ``taylor`` (what the loss says, on training cases) or ``magnitude`` (of the weights alone).
        batches: on which ``taylor`` is measured.
        multiple: widths become multiples of this many channels. Processors compute 8 or 16 at once, so odd widths save
            operations and no time.
        learning_rate: the highest in fine-tuning; None takes a quarter of the model's own training's.
        teaching: share (0 to 1) of the loss that asks for the whole network's own answers, the rest asks for the
            labels; each network learns from itself as it was, never from one that has seen its held-out cases.
        max_loss: mean Dice (0 to 1) that may be lost on the held-out cases. A result that loses more is not written.
        unreached: write it all the same.
        most_measured: held-out cases of a fold that are measured at most, spread over all of them; 0 takes all.
        again: prune a model that was pruned before.
        training: configuration file (``training.json``) of the model's training; None looks beside the package, and
            plans a training from the data set where there is none.
        seed: of patches and batches.
        threads: CPU threads for torch, 0 leaves its default.
        device: to train on, as ``--device`` of ``train``.

    Raises:
        InputError: a value that cannot work.
    """

    share: float = 0.5
    fold: int | None = None
    steps: int = 3
    fine_tuning_steps: int = 250
    last_steps: int | None = None
    importance: str = "taylor"
    batches: int = 16
    multiple: int = 8
    learning_rate: float | None = None
    teaching: float = 0.5
    max_loss: float = 0.005
    unreached: bool = False
    most_measured: int = 0
    again: bool = False
    training: str | None = None
    seed: int = 0
    threads: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        check_wishes(
            self,
            "pruning",
            share=(0 < self.share < 1, "the share of the operations that go, such as 0.5"),
            steps=(1 <= self.steps <= 50, "1 to 50"),
            fine_tuning_steps=(self.fine_tuning_steps >= 0, "0 or more"),
            last_steps=(self.last_steps is None or self.last_steps >= 0, "0 or more"),
            importance=(self.importance in IMPORTANCES, f"one of {', '.join(IMPORTANCES)}"),
            batches=(self.batches >= 1, "1 or more"),
            multiple=(1 <= self.multiple <= 256, "1 to 256 channels"),
            most_measured=(self.most_measured >= 0, "0 or more"),
            learning_rate=(self.learning_rate is None or self.learning_rate > 0, "above 0"),
            teaching=(0 <= self.teaching <= 1, "a share from 0 to 1"),
            max_loss=(0 <= self.max_loss <= 1, "mean Dice from 0 to 1"),
        )

    def share_after(self, step: int) -> float:
        """Share of the operations that are left after a step, counted from 1: each removes the same part of what the
        one before left."""
        return float((1.0 - self.share) ** (step / self.steps))

    def tuning_after(self, step: int) -> int:
        """Optimiser steps after a step, counted from 1."""
        if step < self.steps:
            return self.fine_tuning_steps
        return 2 * self.fine_tuning_steps if self.last_steps is None else self.last_steps
