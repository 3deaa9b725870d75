"""Everything of a planned training but its card: loss, optimiser, schedule, sampling, augmentation, length."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ...models.card import ModelCard
from ..config.config import TrainingConfig
from ..config.values import AugmentationConfig, LossConfig, OptimizerConfig, SamplingConfig, ScheduleConfig
from ..layouts import Dataset
from ..loop.clock import ENGINE, MOST, report_passes
from .card import Outputs
from .fingerprint import Fingerprint
from .laterality import left_right_axis, side_pairs
from .preferences import Preferences
from .sizing import Size, wanted_steps
from .spacing import ANISOTROPY
from .timing import Pace

FOLDS = 5
_RARE = 0.01
_VALIDATIONS, _VALIDATION_SHARE = 5, 0.15
_CHECKPOINT_SECONDS = 30.0
# Of the minutes, what is left to the steps after reading and packaging.
FOR_STEPS = 0.92


@dataclass(frozen=True)
class Request:
    """What is to be planned.

    Args:
        output: folder of the run.
        minutes: that the training may take on this device, from reading the cases to the report.
        fold: held out for validation; None trains on everything.
        folds: how many to make where the data set defines none.
        every_fold: one plan for a training of each fold: it looks at all cases, and leaves time for validation.
        start_from: a model to begin with; its network and preparation are kept.
        device, threads, seed, pretrained, compile: as in the configuration.
        source: the path to write down as the data set's; its folder when None.
    """

    output: str
    minutes: float = 60.0
    fold: int | None = 0
    start_from: str | None = None
    device: str = "auto"
    threads: int = 0
    seed: int = 0
    source: str | None = None
    folds: int = FOLDS
    every_fold: bool = False
    pretrained: str | None = None
    compile: bool = False


def configuration(
    data: Dataset,
    request: Request,
    wishes: Preferences,
    card: ModelCard,
    size: Size,
    outputs: Outputs,
    fingerprint: Fingerprint,
    fold: int | None,
) -> TrainingConfig:
    """Loss, optimiser, schedule, sampling and augmentation around a card and a size."""
    rare = fingerprint.foreground < _RARE
    loss = wishes.loss or LossConfig()
    if data.ignored is not None and loss.ignore_label is None:
        loss = replace(loss, ignore_label=data.ignored)
    rate = 5e-4 if request.start_from else 2e-3
    steps = wishes.steps or wanted_steps(request.minutes)
    return TrainingConfig(
        dataset=request.source or str(data.folder),
        output=request.output,
        card=card,
        layout=data.layout,
        folds=request.folds,
        fold=fold,
        start_from=request.start_from,
        pretrained=request.pretrained,
        steps=steps,
        minutes=0.0 if wishes.steps else request.minutes,
        batch=wishes.batch or size.batch,
        seed=request.seed,
        loss=loss,
        optimizer=wishes.optimizer or OptimizerConfig("adamw", rate, weight_decay=0.01, clip=5.0),
        schedule=ScheduleConfig("poly", warmup=min(50, max(steps // 10, 1))),
        sampling=SamplingConfig(foreground=wishes.foreground or (0.67 if rare else 0.33)),
        augmentation=_augmentation(wishes, card),
        regions=outputs.regions,
        ema=moving_average(steps),
        device=request.device,
        compile=request.compile,
        threads=request.threads,
        validate_every=max(steps // _VALIDATIONS, 1),
        checkpoint_every=100,
    )


def _augmentation(wishes: Preferences, card: ModelCard) -> AugmentationConfig:
    settings = wishes.augmentation or AugmentationConfig()
    spacing, patch = card.preparation.spacing, card.inference.patch
    if card.network.dimension == 3:
        thick = spacing is not None and spacing[0] is not None and spacing[0] > ANISOTROPY * max(spacing[1:])
        flat = max(patch[1:]) > ANISOTROPY * patch[0]
        settings = replace(settings, in_plane=settings.in_plane or thick or flat)
    else:
        settings = replace(settings, flip=(0.0, *settings.flip[1:]))
    pairs, axis = side_pairs(card.labels), left_right_axis(card.preparation)
    if not pairs:
        return settings
    if axis is None:
        # Nobody knows which axis to swap along: then nothing may be mirrored.
        return replace(settings, flip=(0.0, 0.0, 0.0))
    return replace(settings, label_pairs=pairs, left_right_axis=axis)


def moving_average(steps: int) -> float:
    """Decay of an average over about the last twentieth of a run."""
    return round(1.0 - min(max(20.0 / steps, 0.001), 0.1), 4)


def timed(config: TrainingConfig, pace: Pace, minutes: float, held_out: int, pixels: bool = False) -> TrainingConfig:
    """As many steps as fit, with a few validations that take no more than a share of the time, and the report after
    them.

    Args:
        held_out: how many cases are.
        pixels: whether the report scores pixels too.
    """
    total = minutes * 60 * FOR_STEPS
    cases = min(held_out, max(int(total * _VALIDATION_SHARE / _VALIDATIONS / max(pace.validation, 1e-3)), 1))
    config = replace(config, validation_cases=0 if cases >= held_out else cases)
    report = ENGINE * pace.validation * report_passes(config, held_out, pixels)
    left = total - _VALIDATIONS * cases * pace.validation - min(report, MOST * total)
    steps = max(int(left / pace.step), _VALIDATIONS)
    every = max(math.ceil(steps / _VALIDATIONS), 1)
    return replace(
        config,
        steps=steps,
        validate_every=every,
        checkpoint_every=min(max(round(_CHECKPOINT_SECONDS / pace.step), 1), every),
        schedule=replace(config.schedule, warmup=min(50, max(steps // 10, 1))),
        ema=moving_average(steps),
    )
