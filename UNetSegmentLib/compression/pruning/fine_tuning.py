"""Training a pruned network further: as the model itself was trained where that is known, only more gently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ...errors import InputError
from ...models import Model, load_model
from ...models.card import ModelCard
from ...progress import CancelToken, ProgressCallback, Stage
from ...training.cases.case import Case
from ...training.cases.dataset import load_cases
from ...training.config.codec import load_config
from ...training.config.config import TrainingConfig
from ...training.config.values import ScheduleConfig, TeacherConfig
from ...training.layouts.dataset import Dataset
from ...training.loop.loop import train
from ...training.loop.run import CONFIG
from ...training.losses import loss_parts, sum_of
from ...training.planning.configuration import Request, moving_average
from ...training.planning.plan import plan_training
from ...training.planning.preferences import Preferences
from .held_out import FOLDS
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
    for path in _places(model, recipe):
        if recipe.training is None and not path.is_file():
            continue
        config = load_config(path)
        if _same_answer(config.card, model.card):
            return config, f"Trained further as {path.name} of the model says."
        if recipe.training is not None:
            raise InputError(
                f"The training {path} is of another model: its labels or its network's inputs differ.",
                "Give the model's own training.json, or leave it out.",
            )
    request = Request("", fold=0, folds=FOLDS, start_from=str(source), threads=recipe.threads, seed=recipe.seed)
    planned = plan_training(data, request, Preferences(steps=max(recipe.fine_tuning_steps, 1)), progress, cancel)
    axes = model.card.inference.mirror_axes
    z, y, x = (0.5 if axis in axes else 0.0 for axis in range(3))
    # What the model mirrors in use it has seen mirrored; of the other axes nobody knows.
    config = replace(planned.config, augmentation=replace(planned.config.augmentation, flip=(z, y, x)))
    where = "the axes that the model mirrors" if axes else "no axis, as the model mirrors none"
    return config, (
        f"How the model was trained is not known: a training was planned from the data set, with flips along {where}."
    )


def _places(model: Model, recipe: PruningRecipe) -> list[Path]:
    """Where a configuration may lie: a package keeps notes beside it, a run has it one folder up."""
    if recipe.training is not None:
        return [Path(recipe.training)]
    return [] if model.folder is None else [model.folder / CONFIG, model.folder.parent / CONFIG]


def _same_answer(card: ModelCard, other: ModelCard) -> bool:
    mine, theirs = card.inference, other.inference
    return (mine.output_values, mine.activation, card.network.in_channels, card.network.dimension) == (
        theirs.output_values,
        theirs.activation,
        other.network.in_channels,
        other.network.dimension,
    )


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
