"""One training for each fold of the data set, each measured on the cases that it has not seen, and all as one model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..models import Model, load_model, save_model
from ..progress import CancelToken, ProgressCallback
from .config import TrainingConfig
from .dataset import open_dataset
from .evaluation import Evaluation, evaluate_fold
from .loop import TrainingResult, train


@dataclass(frozen=True)
class CrossValidationResult:
    """A result and an evaluation for each fold, and the package that holds all their networks as an ensemble."""

    results: tuple[TrainingResult, ...]
    evaluations: tuple[Evaluation, ...]
    model: Path


def cross_validate(
    config: TrainingConfig,
    folds: Sequence[int] | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> CrossValidationResult:
    """Trains every fold in a folder of its own under ``config.output``; folds that are finished are only evaluated.

    Args:
        config: its ``fold`` is replaced by each fold's number.
        folds: only these; all of the data set when None.

    Raises:
        InputError: the data set defines no folds; and what :func:`~.loop.train` raises.
    """
    data = open_dataset(config.dataset, config.layout, config.folds)
    wanted = range(len(data.folds)) if folds is None else folds
    if not wanted:
        raise InputError("The data set defines no folds.", "Add 'folds' (lists of case names) to dataset.json.")
    results, evaluations, networks = [], [], []
    for fold in wanted:
        own = dataclasses.replace(config, fold=fold, output=str(Path(config.output) / f"fold_{fold}"))
        result = train(own, progress, cancel)
        model = load_model(result.model)
        evaluation = evaluate_fold(model, data, fold, device=config.device, progress=progress, cancel=cancel)
        results.append(result)
        evaluations.append(evaluation)
        networks.append(model)
    package = _ensemble(networks, evaluations, Path(config.output) / "model")
    return CrossValidationResult(tuple(results), tuple(evaluations), package)


def _ensemble(models: Sequence[Model], evaluations: Sequence[Evaluation], folder: Path) -> Path:
    lines = tuple(line for evaluation in evaluations for line in evaluation.accuracy())
    card = dataclasses.replace(models[0].card, accuracy=lines)
    return save_model(card, [model.network().state_dict() for model in models], folder)
