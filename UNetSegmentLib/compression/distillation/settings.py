"""How a student is trained: the configuration of its run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...inference.devices import choose_device
from ...models import Model
from ...models.card import ModelCard
from ...progress import CancelToken, ProgressCallback
from ...training.config.codec import load_config
from ...training.config.config import TrainingConfig
from ...training.config.values import LossConfig, OptimizerConfig, ScheduleConfig, TeacherConfig
from ...training.layouts.dataset import Dataset
from ...training.loop.run import CONFIG
from ...training.planning.configuration import FOLDS, Request, moving_average, timed
from ...training.planning.timing import measure_pace
from ..known_training import known_or_planned, planned_in_words
from .recipe import DistillationRecipe

_FROM_SCRATCH = 2e-3  # AdamW's rate for weights that begin at random
_VALIDATIONS = 4
_MOST_STEPS = 10**6
_LARGEST_LABEL = 65_535


def student_training(
    models: list[Model],
    sources: list[str],
    card: ModelCard,
    data: Dataset,
    dataset: str,
    recipe: DistillationRecipe,
    output: Path,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> tuple[TrainingConfig, tuple[str, ...]]:
    """The configuration of the student's run, and notes on what was chosen.

    Args:
        models, sources: the teachers, and what they were loaded by.
        card: of the student.
        data: the data set with its folds, in the model's numbering.
        dataset: the data set as the user named it.
        output: the run's folder.

    Raises:
        InputError: the configuration that is named is of another model, or values that cannot work.
    """
    base, notes = _base(models[0], sources[0], data, recipe, progress, cancel)
    if recipe.unlabelled is not None and base.loss.ignored_is_background:
        notes += ("Voxels that are not judged are left to the teacher, since images without labels have only such.",)
    steps = recipe.steps or _MOST_STEPS
    config = replace(
        base,
        dataset=dataset,
        layout=data.layout,
        folds=FOLDS,
        fold=recipe.fold,
        output=str(output),
        card=card,
        start_from=None,
        pretrained=None,
        steps=steps,
        minutes=0.0,
        batch=recipe.batch or base.batch,
        seed=recipe.seed,
        loss=_loss(base, card, recipe),
        optimizer=_optimizer(base, recipe),
        schedule=ScheduleConfig("poly", warmup=min(50, max(steps // 10, 1))),
        early_stop=0,
        keep="last",
        ema=moving_average(steps),
        device=recipe.device,
        threads=recipe.threads,
        validate_every=max(steps // _VALIDATIONS, 1),
        teacher=_teacher(models, sources, recipe),
    )
    if recipe.steps is not None:
        return config, notes
    return _within(config, data, recipe, progress, cancel), notes


def _loss(base: TrainingConfig, card: ModelCard, recipe: DistillationRecipe) -> LossConfig:
    """The teacher's own; where images without labels come with the others, their voxels are not judged by it."""
    loss = base.loss
    if recipe.unlabelled is None:
        return loss
    ignored = loss.ignore_label if loss.ignore_label is not None else _free_value(card, base)
    return replace(loss, ignore_label=ignored, ignored_is_background=False)


def _optimizer(base: TrainingConfig, recipe: DistillationRecipe) -> OptimizerConfig:
    optimizer = base.optimizer
    rate = max(optimizer.learning_rate, _FROM_SCRATCH) if optimizer.kind == "adamw" else optimizer.learning_rate
    return replace(optimizer, learning_rate=recipe.learning_rate or rate)


def _teacher(models: list[Model], sources: list[str], recipe: DistillationRecipe) -> TeacherConfig:
    return TeacherConfig(
        models=tuple(sources),
        digests=tuple(digest for model in models for digest in model.digests),
        share=recipe.share,
        temperature=recipe.temperature,
        overlap_weight=recipe.overlap_weight,
        maps_weight=recipe.maps_weight,
        mirrors=recipe.mirrors,
        unlabelled=recipe.unlabelled,
        begin=recipe.begin == "teacher",
    )


def _within(
    config: TrainingConfig,
    data: Dataset,
    recipe: DistillationRecipe,
    progress: ProgressCallback | None,
    cancel: CancelToken | None,
) -> TrainingConfig:
    """As many steps as the minutes hold, the teacher's time included. A run that was begun keeps its number."""
    begun = Path(config.output) / CONFIG
    if begun.is_file():
        steps = load_config(begun)
        schedule, ema = steps.schedule, steps.ema
        return replace(
            config,
            steps=steps.steps,
            schedule=schedule,
            ema=ema,
            minutes=recipe.minutes,
            validate_every=steps.validate_every,
            validation_cases=steps.validation_cases,
            checkpoint_every=steps.checkpoint_every,
        )
    names, held_out = data.split_to_train(recipe.fold)
    pace = measure_pace(config, data, names, choose_device(config.device), progress, cancel)
    return replace(timed(config, pace, recipe.minutes, len(held_out)), minutes=recipe.minutes)


def _base(
    model: Model,
    source: str,
    data: Dataset,
    recipe: DistillationRecipe,
    progress: ProgressCallback | None,
    cancel: CancelToken | None,
) -> tuple[TrainingConfig, tuple[str, ...]]:
    """Loss, sampling, augmentation and optimiser: the teacher's own where they are known."""
    request = Request("", fold=recipe.fold, folds=FOLDS, threads=recipe.threads, seed=recipe.seed)
    steps = recipe.steps or _MOST_STEPS
    config, path = known_or_planned(model, recipe.training, data, request, steps, progress, cancel)
    if path is None:
        return config, (planned_in_words(model.card, "teacher"),)
    return config, (f"The student is trained as {path.name} of the teacher says.",)


def _free_value(card: ModelCard, base: TrainingConfig) -> int:
    taken = {*card.inference.output_values, *(value for region in base.regions for value in region)}
    return next(value for value in range(_LARGEST_LABEL, 0, -1) if value not in taken)
