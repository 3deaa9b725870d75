"""Mean and spread over the held-out cases of a cross-validation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...models.card import Accuracy
from ...reporting.measuring.pixel_metrics import PixelScores, pixel_scores
from .fold_scores import THRESHOLD, FoldScores, LabelLine
from .pixels import Pixels, joined, with_pixels

PIXEL_SCORES = ("f1", "auc", "sensitivity", "specificity")


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation (of a sample, n - 1) over ``count`` cases; the deviation of one case is 0."""

    mean: float
    sd: float
    count: int


@dataclass(frozen=True)
class LabelSpread:
    """One label over all cases that hold it on either side; ``missed`` says in how many only one side does."""

    value: int
    name: str
    cases: int
    missed: int
    dice: Spread | None
    hd95_mm: Spread | None
    nsd: Spread | None


@dataclass(frozen=True)
class PixelSpread:
    """Scores of pixels: of all judged pixels together, and over the cases, by name of the score."""

    together: PixelScores
    cases: dict[str, Spread]


@dataclass(frozen=True)
class Summary:
    """What a cross-validation found."""

    folds: tuple[FoldScores, ...]
    labels: tuple[LabelSpread, ...]
    pixels: PixelSpread | None

    @property
    def cases(self) -> int:
        """How many cases were held out once."""
        return sum(len(fold.cases) for fold in self.folds)

    @property
    def split(self) -> str:
        """What was held out, in words."""
        return f"{len(self.folds)}-fold cross-validation, each case by the network that had not seen it"

    def accuracy(self) -> tuple[Accuracy, ...]:
        """Lines for a model card, rounded to what the number of cases supports."""
        tolerance = self.folds[0].tolerance_mm
        lines = [
            Accuracy(
                label=line.name,
                split=self.split,
                cases=line.cases,
                dice=round(line.dice.mean, 4),
                hd95_mm=None if line.hd95_mm is None else round(line.hd95_mm.mean, 3),
                nsd=None if line.nsd is None else round(line.nsd.mean, 4),
                nsd_tolerance_mm=tolerance,
            )
            for line in self.labels
            if line.dice is not None
        ]
        together = None if self.pixels is None else self.pixels.together
        return with_pixels(lines, self.labels[0].name if self.labels else "", together)


def summarize_folds(folds: Sequence[FoldScores], pixels: Sequence[Pixels]) -> Summary:
    """Over all cases of all folds.

    Args:
        pixels: of each fold where the field reports scores of pixels, else nothing.
    """
    lines = [line for fold in folds for case in fold.cases.values() for line in case]
    values = sorted({line.value for line in lines})
    labels = tuple(_label([line for line in lines if line.value == value]) for value in values)
    if not pixels:
        return Summary(tuple(folds), labels, None)
    cases = [scores for fold in folds for scores in fold.pixels.values()]
    spreads = {name: spread(getattr(scores, name) for scores in cases) for name in PIXEL_SCORES}
    known = {name: value for name, value in spreads.items() if value is not None}
    together = pixel_scores(*joined(pixels), threshold=THRESHOLD)
    return Summary(tuple(folds), labels, PixelSpread(together, known))


def spread(numbers: Iterable[float | None]) -> Spread | None:
    """Of the numbers that there are; None where there is none."""
    known = [n for n in numbers if n is not None]
    if not known:
        return None
    return Spread(float(np.mean(known)), float(np.std(known, ddof=1)) if len(known) > 1 else 0.0, len(known))


def _label(lines: Sequence[LabelLine]) -> LabelSpread:
    scored = [line for line in lines if line.dice is not None]
    return LabelSpread(
        value=lines[0].value,
        name=lines[0].name,
        cases=len(scored),
        missed=sum(line.missed for line in scored),
        dice=spread(line.dice for line in scored),
        hd95_mm=spread(line.hd95_mm for line in scored),
        nsd=spread(line.nsd for line in scored),
    )
