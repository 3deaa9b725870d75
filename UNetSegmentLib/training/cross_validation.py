"""One training for each fold of the data set, each measured on the cases that it has not seen, and all as one model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import InputError
from ..io.atomic import check_writable, output_error
from ..models import Model, load_model, save_model
from ..progress import CancelToken, ProgressCallback, ProgressEvent
from .cases.dataset import open_dataset
from .config.codec import load_config
from .config.config import TrainingConfig, same_but_for
from .layouts.dataset import Dataset
from .loop.loop import MODEL, check_validation, train
from .loop.run import CONFIG
from .report.cross_table import NAME, write_table
from .scoring.fold_scores import PIXELS, SCORES, FoldScores, load_fold, load_pixels, save_fold, score_fold
from .scoring.pixels import Pixels
from .scoring.spread import Summary, summarize_folds

FINAL = "final"
# Where and how fast the computing was done does not change the result.
_FREE = ("device", "threads", "compile", "output")


@dataclass(frozen=True)
class CrossValidationResult:
    """What a cross-validation left behind.

    Args:
        summary: scores of all held-out cases.
        model: the package that holds the networks of all folds as an ensemble.
        final: the package of one network that saw every case, where that was asked for.
        table: the scores as JSON; Markdown and HTML lie beside it.
    """

    summary: Summary
    model: Path
    final: Path | None
    table: Path


def cross_validate(
    config: TrainingConfig,
    folds: Sequence[int] | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    final: bool = False,
) -> CrossValidationResult:
    """Trains every fold in a folder of its own under ``config.output`` (``fold_0``, ...) and scores its held-out cases
    through the whole engine. What is finished is not done again, a fold that was cut off goes on.

    Args:
        config: its ``fold`` is replaced by each fold's number.
        folds: only these, beside those that are finished already; all of the data set when None.
        final: also train one network on every case, in ``final``; its card carries the figures of the folds.

    Raises:
        InputError: the data set cannot be split, or the configuration cannot be trained on every case; and what
            :func:`~.loop.train` raises.
    """
    data = open_dataset(config.dataset, config.layout, config.folds)
    wanted = _wanted(data, folds)
    whole = dataclasses.replace(config, fold=None, output=str(Path(config.output) / FINAL))
    if final:
        check_validation(whole)
    _check_output(Path(config.output))
    for number, fold in enumerate(wanted):
        own = fold_config(config, fold)
        finished = is_finished(own)
        _announce(progress, number, len(wanted), f"fold {fold}{' was finished before' if finished else ''}")
        if not finished:
            _run_fold(own, data, fold, progress, cancel)
    done = {
        fold: fold_config(config, fold) for fold in range(len(data.folds)) if is_finished(fold_config(config, fold))
    }
    summary = _summary(done)
    command = f"unetsegment cross-validate DATA --layout {config.layout} --folds {len(data.folds)}"
    models = [load_model(Path(own.output) / MODEL) for own in done.values()]
    package = _save(models, summary, command, Path(config.output) / MODEL, "")
    last = None
    if final:
        _announce(progress, len(wanted), len(wanted) + 1, "all cases")
        trained = load_model(train(whole, progress, cancel).model)
        note = f" Trained on every case; the figures are those of {len(done)} networks of the same plan, one a fold."
        last = _save([trained], summary, command, Path(whole.output) / MODEL, note)
    table = write_table(config, summary, {fold: Path(own.output) for fold, own in done.items()})
    return CrossValidationResult(summary, package, last, table)


def fold_config(config: TrainingConfig, fold: int) -> TrainingConfig:
    """The configuration of one fold's training."""
    return dataclasses.replace(config, fold=fold, output=str(Path(config.output) / f"fold_{fold}"))


def is_finished(own: TrainingConfig) -> bool:
    """Whether a fold of exactly this configuration was trained and scored."""
    folder = Path(own.output)
    if not (folder / MODEL / "model.json").is_file() or load_fold(folder) is None:
        return False
    try:
        saved = load_config(folder / CONFIG)
    except InputError:
        return False
    return same_but_for(saved, own, _FREE)


def _check_output(folder: Path) -> None:
    """Refuses, before anything is trained, a folder that cannot take the table."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    check_writable(folder / f"{NAME}.json")


def _wanted(data: Dataset, folds: Sequence[int] | None) -> list[int]:
    if not data.folds:
        raise InputError(
            f"The data set {data.name} has {len(data.cases)} case(s) and cannot be split.",
            "Add cases, or train on all of them with 'unetsegment train'.",
        )
    wanted = list(range(len(data.folds))) if folds is None else sorted(set(folds))
    for fold in wanted:
        data.split_to_train(fold)
    if torch.distributed.is_available() and torch.distributed.is_torchelastic_launched():
        raise InputError(
            "A cross-validation runs in one process.",
            "Train each fold by itself (torchrun ... train fold_0/plan.json), then cross-validate to score them.",
        )
    return wanted


def _run_fold(
    own: TrainingConfig, data: Dataset, fold: int, progress: ProgressCallback | None, cancel: CancelToken | None
) -> None:
    folder = Path(own.output)
    for name in (SCORES, PIXELS):
        # Of an earlier, shorter run.
        (folder / name).unlink(missing_ok=True)
    result = train(own, progress, cancel)
    model = load_model(result.model)
    scores, pixels, evaluation = score_fold(model, data, fold, own.device, progress, cancel)
    lines = tuple(line for line in evaluation.accuracy() if line.cases)
    save_model(dataclasses.replace(model.card, accuracy=lines), [model.network().state_dict()], result.model)
    save_fold(folder, scores, pixels)


def _summary(done: dict[int, TrainingConfig]) -> Summary:
    scores: list[FoldScores] = []
    pixels: list[Pixels] = []
    for own in done.values():
        found = load_fold(Path(own.output))
        assert found is not None
        scores.append(found)
        judged = load_pixels(Path(own.output))
        if judged is not None:
            pixels.append(judged)
    return summarize_folds(scores, pixels)


def _save(models: Sequence[Model], summary: Summary, command: str, folder: Path, note: str) -> Path:
    """A package whose card carries the cross-validated figures."""
    card = models[0].card
    words = f"{card.description}{note}"
    card = dataclasses.replace(card, accuracy=summary.accuracy(), accuracy_command=command, description=words)
    return save_model(card, [model.network().state_dict() for model in models], folder)


def _announce(progress: ProgressCallback | None, done: int, total: int, what: str) -> None:
    if progress is not None:
        progress(ProgressEvent("fold", done, total, message=what))
