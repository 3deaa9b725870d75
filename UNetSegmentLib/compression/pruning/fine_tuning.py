"""Training a pruned network further: as the model itself was trained where that is known, only more gently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ...models import Model, load_model
from ...models.card import ModelCard
from ...progress import CancelToken, ProgressCallback, Stage
from ...training.cases.case import Case
from ...training.cases.dataset import load_cases
from ...training.config.config import TrainingConfig
from ...training.config.values import ScheduleConfig, TeacherConfig
from ...training.layouts.dataset import Dataset
from ...training.loop.loop import train
from ...training.losses import loss_parts, sum_of
from ...training.planning.configuration import FOLDS, Request, moving_average
from ..known_training import known_or_planned, planned_in_words
from .importance import Importance, taylor_scores
from .recipe import PruningRecipe
from .spaces import ChannelSpaces

_GENTLER = 0.25  # of the model's own highest learning rate
_LEAST_RATE = 0.05  # of the highest, at the end
_WARMUP = 20
_CASES = 24  # that importance is measured on at most


def training_of(
    model: Model,
    source: str | Path,
    data: Dataset,
    recipe: PruningRecipe,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> tuple[TrainingConfig, str]:
    """How the model was trained, or would be; and where that is known from, in words.

    Args:
        source: what the model was loaded by.
        data: the data set with its folds.

    Raises:
        InputError: the file that is named cannot be read, or is of another model.
    """
    request = Request("", fold=0, folds=FOLDS, start_from=str(source), threads=recipe.threads, seed=recipe.seed)
    steps = max(recipe.fine_tuning_steps, 1)
    config, path = known_or_planned(model, recipe.training, data, request, steps, progress, cancel)
    if path is None:
        return config, planned_in_words(model.card, "model")
    return config, f"Trained further as {path.name} of the model says."


def further_training(
    base: TrainingConfig,
    card: ModelCard,
    data: Dataset,
    source: str,
    recipe: PruningRecipe,
    fold: int,
    steps: int,
    start_from: Path,
    teacher: Path,
    output: Path,
) -> TrainingConfig:
    """The configuration of one fine-tuning.

    Args:
        base: see :func:`training_of`.
        card: of the pruned network.
        source: the data set as the user named it.
        start_from: a package of that network.
        teacher: a package of the whole network.
    """
    rate = recipe.learning_rate or _GENTLER * base.optimizer.learning_rate
    return replace(
        base,
        dataset=source,
        layout=data.layout,
        folds=FOLDS,
        fold=fold,
        output=str(output),
        card=card,
        start_from=str(start_from),
        pretrained=None,
        teacher=TeacherConfig((str(teacher),), share=recipe.teaching, mirrors=False) if recipe.teaching else None,
        steps=steps,
        minutes=0.0,
        seed=recipe.seed,
        optimizer=replace(base.optimizer, learning_rate=rate),
        schedule=ScheduleConfig("cosine", warmup=min(_WARMUP, steps // 5), floor=_LEAST_RATE),
        early_stop=0,
        keep="last",
        ema=moving_average(steps),
        device=recipe.device,
        threads=recipe.threads,
        validate_every=steps,
        validation_cases=0,
    )


def tuned(
    config: TrainingConfig, progress: ProgressCallback | None, cancel: CancelToken | None
) -> tuple[dict[str, Tensor], float | None]:
    """The weights after a fine-tuning, and the mean Dice of the held-out cases in it. What was begun goes on."""
    result = train(config, progress, cancel)
    dice = [value for value in result.dice or () if value == value]
    return load_model(result.model).network().state_dict(), sum(dice) / len(dice) if dice else None


def measured_scores(
    spaces: ChannelSpaces,
    network: torch.nn.Module,
    config: TrainingConfig,
    cases: Sequence[Case],
    batches: int,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Importance:
    """First-order importance over batches of real patches, as the training draws them.

    Args:
        network: in the state that its channels are judged in. Its weights stay as they are.
        config: its loss, sampling and augmentation are used.
        cases: of the training side.
    """
    from ...training.loop.sampling import PatchSampler

    sampler = PatchSampler(cases, config, torch.device("cpu"), config.seed)
    network.eval().requires_grad_(True)
    names, weights = zip(*network.named_parameters(), strict=True)
    total = {name: torch.zeros(space.channels, dtype=torch.float64) for name, space in spaces.spaces.items()}
    stage = Stage("importance", batches, progress, cancel)
    for _ in range(batches):
        images, target = sampler.draw()
        loss = sum_of(loss_parts(network(images), target, config.loss))
        gradients = torch.autograd.grad(loss, weights)
        state = network.state_dict()
        for name, scores in taylor_scores(spaces, state, dict(zip(names, gradients, strict=True))).items():
            total[name] += scores / batches
        stage.step()
    network.requires_grad_(False)
    return total


def training_cases(
    data: Dataset, fold: int, card: ModelCard, config: TrainingConfig, cancel: CancelToken | None = None
) -> list[Case]:
    """Some of the cases outside a fold, spread over all of them, prepared."""
    from ...training.cases.labelling import labelling_of

    names, _ = data.split_to_train(fold)
    step = -(-len(names) // _CASES)
    return load_cases(data, names[::step], card, None, cancel, labelling_of(config))
