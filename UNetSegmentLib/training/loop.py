"""One training, from the configuration to the model package."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import DependencyError, InputError, OutputError
from ..progress import CancelToken, ProgressCallback
from .codec import save_config
from .config import TrainingConfig
from .curve import write_curve
from .dataset import Case, load_cases, open_dataset
from .devices import autocast, choose_device, choose_precision
from .events import TrainingEvent
from .export import export_model
from .losses import total_loss
from .runlog import append_log, truncate_log
from .sampling import PatchSampler
from .state import load_checkpoint, save_checkpoint, start_state
from .validation import validate

log = logging.getLogger(__name__)

_REPORT_EVERY = 25


@dataclass(frozen=True)
class TrainingResult:
    """What a training left behind: the package's folder, the CSV log, the curve, and the last validation's Dice per
    label (None without held-out cases)."""

    model: Path
    log: Path
    curve: Path | None
    dice: tuple[float, ...] | None
    seconds: float


def train(
    config: TrainingConfig, progress: ProgressCallback | None = None, cancel: CancelToken | None = None
) -> TrainingResult:
    """Trains, or goes on with, the run in ``config.output``.

    A folder that holds a checkpoint of the same configuration is resumed. ``progress`` gets
    :class:`~.events.TrainingEvent` every few steps. Cancelling keeps the last checkpoint.

    Raises:
        InputError: data or configuration that cannot be used.
        ResourceError: the device is not there.
        OutputError: the run's folder cannot be written.
        Cancelled: the token was set.
    """
    started = time.monotonic()
    device = choose_device(config.device)
    if config.threads:
        torch.set_num_threads(config.threads)
    output = _output_folder(config)
    data = open_dataset(config.dataset)
    names, held_out = data.split(config.fold)
    if not names:
        raise InputError("No case is left to train on.", "Choose another fold.")
    cases = load_cases(data, names, config.card, progress, cancel)
    validation = load_cases(data, held_out[: config.validation_cases or None], config.card, progress, cancel)
    run = _Run(config, cases, validation, device, output, progress, cancel)
    dice = run.to_the_end()
    model = export_model(config.card, run.state.model, output / "model")
    curve = _curve(output, config.card.name)
    return TrainingResult(model, run.log, curve, dice, time.monotonic() - started)


class _Run:
    """The state of one training and the steps that change it."""

    def __init__(
        self,
        config: TrainingConfig,
        cases: list[Case],
        validation: list[Case],
        device: torch.device,
        output: Path,
        progress: ProgressCallback | None,
        cancel: CancelToken | None,
    ) -> None:
        self.config, self.validation, self.device = config, validation, device
        self.progress, self.cancel = progress, cancel
        self.precision = choose_precision(config.precision, device)
        self.sampler = PatchSampler(cases, config, device)
        self.state = start_state(config, self.sampler.generator, device, self.precision == "fp16")
        self.checkpoint, self.log = output / "checkpoint.pt", output / "log.csv"
        self.labels = _label_names(config)
        self.dice: tuple[float, ...] | None = None
        if self.checkpoint.exists():
            load_checkpoint(self.state, config, self.checkpoint)
            log.info("resumed at step %d", self.state.step)
        truncate_log(self.log, self.state.step)
        self._losses: list[float] = []
        self._since = time.monotonic()

    def to_the_end(self) -> tuple[float, ...] | None:
        """Runs the steps that are left. Returns the last validation's Dice."""
        state, config = self.state, self.config
        state.network.train()
        while state.step < config.steps:
            if self.cancel is not None:
                self.cancel.raise_if_cancelled()
            self._losses.append(self._step())
            last = state.step == config.steps
            validated = bool(self.validation) and (state.step % config.validate_every == 0 or last)
            if validated:
                self._validate()
            if validated or state.step % _REPORT_EVERY == 0 or last:
                self._report(validated)
            if state.step % config.checkpoint_every == 0 or last:
                save_checkpoint(state, config, self.checkpoint)
        return self.dice

    def _step(self) -> float:
        state, optimizer = self.state, self.config.optimizer
        state.schedule.apply(state.optimizer, state.step)
        images, target = self.sampler.draw()
        with autocast(self.precision, self.device):
            loss = total_loss(state.network(images), target, self.config.loss)
        state.optimizer.zero_grad(set_to_none=True)
        scaled: Tensor = state.scaler.scale(loss)
        scaled.backward()
        state.scaler.unscale_(state.optimizer)
        if optimizer.clip:
            torch.nn.utils.clip_grad_norm_(state.network.parameters(), optimizer.clip)
        state.scaler.step(state.optimizer)
        state.scaler.update()
        if state.average:
            state.average.update(state.network, state.step)
        state.step += 1
        return float(loss.detach())

    def _validate(self) -> None:
        card = self.config.card
        context = autocast(self.precision, self.device)
        channels = card.network.out_channels
        self.dice = validate(self.state.model, self.validation, card.inference.patch, channels, self.device, context)
        self.state.schedule.observe(sum(self.dice) / len(self.dice))

    def _report(self, validated: bool) -> None:
        now, count = time.monotonic(), max(len(self._losses), 1)
        pace = (now - self._since) / count
        state, total = self.state, self.config.steps
        event = TrainingEvent(
            stage="train",
            done=state.step,
            total=total,
            seconds_left=pace * (total - state.step),
            loss=sum(self._losses) / count,
            learning_rate=state.schedule.rate(max(state.step - 1, 0)),
            dice=self.dice if validated else None,
            seconds_per_step=pace,
        )
        append_log(self.log, self.labels, event)
        if self.progress is not None:
            self.progress(event)
        self._losses, self._since = [], now


def _label_names(config: TrainingConfig) -> list[str]:
    names = {label.value: label.name for label in config.card.labels}
    return [names.get(value, f"Label {value}") for value in config.card.inference.output_values[1:]]


def _output_folder(config: TrainingConfig) -> Path:
    folder = Path(config.output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_config(config, folder / "training.json")
    except OSError as error:
        raise OutputError(f"The run's folder {folder} cannot be written.", "Choose another.", str(error)) from error
    return folder


def _curve(output: Path, title: str) -> Path | None:
    path = output / "curve.png"
    try:
        write_curve(output / "log.csv", path, title)
    except DependencyError as error:
        log.warning("%s", error)
        return None
    return path
