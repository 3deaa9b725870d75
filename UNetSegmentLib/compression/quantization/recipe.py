"""What one can choose about INT8."""

from __future__ import annotations

from dataclasses import dataclass

from ..wishes import check_wishes

MAX_TILES = 4096


@dataclass(frozen=True)
class QuantizationRecipe:
    """How a model is made INT8.

    Args:
        max_loss: mean Dice that may be lost on the measured cases. Layers go back to float until no more is.
        max_change: where no case has labels: how far the mean Dice of the INT8 form's labels with those of the full
            network may lie under 1. Two networks that are equally good differ by more than they lose, so this is wider.
        tiles: that calibrate the ranges of the activations.
        fold: of the data set, whose held-out cases are measured while the others calibrate; None measures every second
            case.
        most_measured: cases that are measured at most; 0 takes all.
        unreached: write the package even where ``max_loss`` cannot be kept.
        again: replace an INT8 form that the model has already.
        finetune_steps: of quantisation-aware fine-tuning where calibration alone loses too much; 0 does without.
        seed: of what is drawn.

    Raises:
        InputError: a number that makes no sense.
    """

    max_loss: float = 0.003
    max_change: float = 0.02
    tiles: int = 64
    fold: int | None = None
    most_measured: int = 0
    unreached: bool = False
    again: bool = False
    finetune_steps: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        check_wishes(
            self,
            "quantization",
            max_loss=(0 <= self.max_loss < 1, "a Dice from 0 to below 1, such as 0.003"),
            max_change=(0 <= self.max_change < 1, "a Dice from 0 to below 1, such as 0.02"),
            tiles=(1 <= self.tiles <= MAX_TILES, f"1 to {MAX_TILES}; 64 are usual"),
            most_measured=(self.most_measured >= 0, "0 or more"),
            finetune_steps=(self.finetune_steps >= 0, "0 or more"),
        )
