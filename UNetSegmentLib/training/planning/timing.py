"""How long a step and a validation of a planned training take on this device, by doing a few."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import torch

from ...progress import CancelToken, ProgressCallback
from ..cases.dataset import load_cases
from ..cases.labelling import labelling_of
from ..config.config import TrainingConfig
from ..layouts import Dataset
from ..loop.compilation import compiled
from ..loop.precision import autocast, choose_precision
from ..loop.sampling import PatchSampler
from ..loop.state import start_state
from ..loop.validation import needed_divisor, validate
from ..losses import loss_parts, sum_of
from ..teaching.teacher import Teacher

_STEPS = 3
_CASES = 2


@dataclass(frozen=True)
class Pace:
    """Seconds of one step, and of the validation of one case."""

    step: float
    validation: float


def measure_pace(
    config: TrainingConfig,
    data: Dataset,
    names: Sequence[str],
    device: torch.device,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Pace:
    """Trains a few steps on two of the cases, patches and augmentation included; the weights are thrown away."""
    labelling = labelling_of(config)
    cases = load_cases(data, list(names)[:_CASES], config.card, progress, cancel, labelling)
    sampler = PatchSampler(cases, config, device, config.seed)
    precision = choose_precision(config.precision, device)
    state = start_state(config, sampler.generator, device, precision == "fp16")
    teacher = Teacher(config.teacher, config.card, device) if config.teacher else None
    if teacher is not None:
        teacher.watch(state.network)
    network = compiled(state.network, device) if config.compile else state.network
    times = []
    for _ in range(_STEPS):
        if cancel is not None:
            cancel.raise_if_cancelled()
        started = time.perf_counter()
        images, target = sampler.draw()
        with autocast(precision, device):
            outputs = network(images)
            parts = loss_parts(outputs, target, config.loss)
            loss = sum_of(parts if teacher is None else teacher.terms(outputs, images, parts))
        loss.backward()
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        float(loss.detach())
        times.append(time.perf_counter() - started)
    started = time.perf_counter()
    patch, divisor = config.card.inference.patch, needed_divisor(config.card.network)
    validate(state.network, cases[:1], patch, labelling, device, autocast(precision, device), divisor)
    return Pace(median(times), time.perf_counter() - started)
