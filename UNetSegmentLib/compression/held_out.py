"""Which cases each network of a model is measured on, and must therefore never be trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import InputError
from ..inference.settings import EngineSettings
from ..models import Model
from ..models.card import Accuracy
from ..progress import CancelToken, ProgressCallback
from ..training.layouts.dataset import Dataset
from .cases import CompressionCase
from .measuring import Measured, measure


@dataclass(frozen=True)
class HeldOut:
    """The cases of one network: ``fold`` of the data set (None for no fold), and the measured ones."""

    network: int
    fold: int | None
    cases: tuple[CompressionCase, ...]


def held_out_cases(
    model: Model, data: Dataset, cases: Sequence[CompressionCase], fold: int | None, most: int = 0
) -> tuple[HeldOut, ...]:
    """For each network of the model the cases that it must not be trained on.

    Args:
        data: with folds.
        fold: as in :class:`~.pruning.PruningRecipe`.
        most: cases of a fold that are measured at most; 0 takes all. None of the others is trained on either.

    Raises:
        InputError: it is not plain which cases these are.
    """
    if model.folds == 1:
        if fold is None:
            raise InputError(
                f"It is not said which cases are held out: the data set has the folds 0 to {len(data.folds) - 1}.",
                "Give the fold that the model was trained without, such as --fold 0. Its cases measure the result.",
            )
        folds: Sequence[int] = [fold]
    elif fold is not None:
        raise InputError(
            f"'{model.card.name}' has {model.folds} networks, each of a fold of its own; fold {fold} suits one only.",
            "Leave --fold out: each network is measured on the cases of its own fold.",
        )
    elif model.folds != len(data.folds):
        raise InputError(
            f"'{model.card.name}' has {model.folds} networks, and the data set has {len(data.folds)} folds: which "
            "cases each network has not seen is not known.",
            "Give the data set that the model was trained on, with its folds.",
        )
    else:
        folds = range(model.folds)
    found = []
    for network, number in enumerate(folds):
        names = set(data.split_to_train(number)[1])
        measured = tuple(case for case in cases if case.name in names)
        if not measured:
            raise InputError(f"Fold {number} of the data set holds out no case.", "Choose another fold.")
        step = -(-len(measured) // most) if most else 1
        found.append(HeldOut(network, number, measured[::step]))
    return tuple(found)


def measure_held_out(
    model: Model,
    held_out: Sequence[HeldOut],
    settings: EngineSettings,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    stage: str = "measure",
) -> Measured:
    """Every network on its own held-out cases, all scores together."""
    parts = [
        measure(
            model.one_fold(one.network) if model.folds > 1 else model,
            one.cases,
            settings,
            progress,
            cancel,
            stage_name=stage,
        )
        for one in held_out
    ]
    distances = [row for part in parts for row in part.hd95_mm or ()]
    return Measured(
        tuple(name for part in parts for name in part.cases),
        parts[0].labels,
        tuple(row for part in parts for row in part.dice),
        tuple(distances) or None,
        sum(part.seconds for part in parts),
        tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def accuracy_lines(measured: Measured, split: str) -> tuple[Accuracy, ...]:
    """The scores as lines of a card: each label over the cases that have it."""
    lines = []
    for number, label in enumerate(measured.labels):
        dice = [row[number] for row in measured.dice if not math.isnan(row[number])]
        distances = [row[number] for row in measured.hd95_mm or () if math.isfinite(row[number])]
        if dice:
            distance = round(sum(distances) / len(distances), 3) if distances else None
            lines.append(Accuracy(label, split, len(dice), round(sum(dice) / len(dice), 4), distance))
    return tuple(lines)


def split_in_words(held_out: Sequence[HeldOut]) -> str:
    """For the lines of a card."""
    if len(held_out) == 1 and held_out[0].fold is None:
        return "all cases given"
    if len(held_out) == 1:
        return f"fold {held_out[0].fold}, held out"
    return f"{len(held_out)} folds, each held out"
