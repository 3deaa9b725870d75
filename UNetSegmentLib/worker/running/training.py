"""The worker's request that trains: from a training's folder to a model among the user's own."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError, UNetSegmentError
from ...geometry import in_xyz
from ...progress import CancelToken, ProgressCallback, ProgressEvent, Stage
from ..protocol.messages import Train, Trained
from ..protocol.training_runs import (
    CHECKPOINT,
    LOG,
    PLAN,
    Outcome,
    TrainingOrder,
    clear_run,
    note_step,
    read_order,
    read_run,
    write_outcome,
)
from .niceness import step_back

if TYPE_CHECKING:
    from ...labels import Label
    from ...models.card import ModelCard
    from ...training import TrainingConfig, TrainingResult
    from ...training.layouts import Dataset
    from ...training.planning import Plan, Preferences

logger = logging.getLogger(__name__)

_FINGERPRINT = "fingerprint.json"


def carry_out(request: Train, progress: ProgressCallback, cancel: CancelToken) -> Trained:
    """Plans (where there is no plan yet), trains or goes on, scores, reports, and installs the model.

    Stages told: ``fingerprint``, ``read cases``, ``train``, ``evaluate``, ``draw``, ``install``.

    Raises:
        UNetSegmentError: what the data, the plan, the training or the disk had to say.
        Cancelled: the token was set. What was learned is in the checkpoint.
    """
    started = time.perf_counter()
    step_back()
    folder = Path(request.folder)
    order = read_order(folder)
    if request.keep and not (folder / CHECKPOINT).is_file():
        raise InputError("Nothing has been learned yet that could be kept.", "Continue the training first.")
    config = _configuration(order, folder, progress, cancel)
    result = _so_far(config) if request.keep else _trained(config, folder, progress, cancel)
    _report(config, result, progress, cancel)
    outcome = _installed(request, order, config, result, progress, cancel)
    outcome = replace(outcome, seconds=time.perf_counter() - started)
    write_outcome(outcome, folder)
    if outcome.whole:
        clear_run(folder, order.copied)
    return Trained(request.id, outcome)


def plan_order(order: TrainingOrder, folder: Path, progress: ProgressCallback, cancel: CancelToken) -> Plan:
    """The plan of an order, under the order's name and title.

    Raises:
        UNetSegmentError: see :func:`UNetSegmentLib.training.plan_training`.
    """
    from ...training.planning import Request, plan_training

    data, wishes = open_order(order)
    asked = Request(
        output=str(folder),
        minutes=order.minutes,
        fold=0 if order.folds else None,
        start_from=order.start_from or None,
        device=order.device,
        threads=order.threads,
        source=order.source,
    )
    if order.folds:
        data = data.with_folds(order.folds)
    plan = plan_training(data, asked, wishes, progress, cancel)
    card = _named(plan.config.card, order, data)
    return replace(plan, config=replace(plan.config, card=card, folds=order.folds))


def open_order(order: TrainingOrder) -> tuple[Dataset, Preferences]:
    """The data set of an order, and what its recipe and network ask of the plan. Reads no image.

    Raises:
        InputError: no data set, or no such recipe.
    """
    from ...training.layouts import open_layout
    from ...training.planning import Preferences
    from ...training.recipes.recipes import find_recipe, open_recipe

    if not order.recipe:
        return open_layout(order.source), Preferences(network=order.network or "unet")
    recipe = find_recipe(order.recipe)
    wishes = replace(recipe.wishes, network=order.network) if order.network else recipe.wishes
    return open_recipe(recipe, order.source), wishes


def _configuration(
    order: TrainingOrder, folder: Path, progress: ProgressCallback, cancel: CancelToken
) -> TrainingConfig:
    from ...training import load_config, save_config
    from ...training.planning.fingerprint import save_fingerprint

    if (folder / PLAN).is_file():
        # The folder may have moved since.
        return replace(load_config(folder / PLAN), output=str(folder))
    plan = plan_order(order, folder, progress, cancel)
    save_fingerprint(plan.fingerprint, folder / _FINGERPRINT)
    save_config(plan.config, folder / PLAN)
    for line in _described(plan):
        logger.info("%s", line)
    return plan.config


def _described(plan: Plan) -> list[str]:
    """The plan for the log."""
    config = plan.config
    card, network = config.card, config.card.network
    cases = f"{len(plan.fingerprint.cases)} cases to learn from, {len(card.inputs)} channel(s)"
    labels = ", ".join(label.name for label in card.labels)
    size = f"patch {in_xyz(card.inference.patch)} (x, y, z), batch {config.batch}, {config.steps} steps"
    return [f"{cases}, labels: {labels}", f"{network.architecture}, {network.dimension}D, {size}", *plan.notes]


def _named(card: ModelCard, order: TrainingOrder, data: Dataset) -> ModelCard:
    """The card under its own name, with the colours and terms of the label files, and the licence of its ancestor."""
    card = replace(card, name=order.name, title=order.title, labels=_dressed(card.labels, data))
    if not order.start_from:
        return card
    from ...models.opening import read_card

    base = read_card(order.start_from)
    if not base.licence:
        return card
    stated = f"{card.licence}; trained further" if card.licence else "Trained further"
    return replace(card, licence=f"{stated} from '{base.title}', whose licence is: {base.licence}")


def _dressed(labels: tuple[Label, ...], data: Dataset) -> tuple[Label, ...]:
    """Colours and terminology as the first case's label file has them, where it has."""
    from ...io.guarded import read_segmentation

    if data.values or data.regions or data.segments.labels:
        return labels
    try:
        known = {label.value: label for label in read_segmentation(data.cases[0].label).labels}
    except UNetSegmentError:
        return labels
    found = ((label, known.get(label.value)) for label in labels)
    return tuple(
        label if own is None else replace(label, color=own.color, terminology=own.terminology) for label, own in found
    )


def _trained(config: TrainingConfig, folder: Path, progress: ProgressCallback, cancel: CancelToken) -> TrainingResult:
    """Trains, and notes the step that was reached: the log has lines for some steps only."""
    from ...training import train

    reached = 0

    def follow(event: ProgressEvent) -> None:
        nonlocal reached
        if event.stage == "train":
            reached = event.done
        progress(event)

    try:
        result: TrainingResult = train(config, follow, cancel)
    finally:
        note_step(folder, reached)
    return result


def _so_far(config: TrainingConfig) -> TrainingResult:
    """What has been learned until the last checkpoint, as a model."""
    from ...training import TrainingResult, package_checkpoint

    output = Path(config.output)
    return TrainingResult(package_checkpoint(config), output / LOG, output / "curve.png", None, 0.0)


def _report(config: TrainingConfig, result: TrainingResult, progress: ProgressCallback, cancel: CancelToken) -> None:
    """Scores the model, on whose card the scores are written, and makes the page."""
    from ...training.report.finish import finish_run

    if result.curve is not None and not result.curve.is_file():
        result = replace(result, curve=None)
    finish_run(config, result, progress, cancel)


def _installed(
    request: Train,
    order: TrainingOrder,
    config: TrainingConfig,
    result: TrainingResult,
    progress: ProgressCallback,
    cancel: CancelToken,
) -> Outcome:
    """Puts the package among the user's models, the way that imported ones go."""
    from ...models.importing import import_model
    from ...models.opening import read_card

    folder = Path(request.folder)
    stage = Stage("install", 1, progress, cancel)
    models = Path(request.models) if request.models is not None else None
    package = import_model(result.model, models, order.name)[0]
    stage.step()
    card, run = read_card(package), read_run(folder)
    scored = {line.label: line.dice for line in card.accuracy}
    labels = tuple(label.name for label in card.labels)
    report = folder / "report.html"
    return Outcome(
        whole=not request.keep,
        step=run.step,
        steps=result.steps or config.steps,
        name=card.name,
        version=card.version,
        title=card.title,
        folder=str(package),
        labels=labels,
        dice=tuple(_finite(scored.get(name)) for name in labels) if scored else (),
        report=str(report) if report.is_file() else None,
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
