"""The steps of one training."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ...errors import Cancelled, InputError
from ...progress import CancelToken, ProgressCallback, ProgressEvent
from ...text import shown
from ..cases.case import Case
from ..config.codec import save_config
from ..config.config import TrainingConfig
from ..losses import loss_parts, sum_of
from ..processes.distributed import World
from ..teaching.teacher import Teacher
from .clock import Clock
from .compilation import compiled
from .events import TrainingEvent
from .precision import autocast, choose_precision
from .runlog import append_log, last_dice, truncate_log
from .sampling import PatchSampler
from .state import load_checkpoint, save_checkpoint, start_state
from .validation import needed_divisor, validate

log = logging.getLogger(__name__)

CHECKPOINT, LOG, CONFIG = "checkpoint.pt", "log.csv", "training.json"
_REPORT_EVERY = 25
# Processes on GPUs would wait for each other if they asked after every step.
_ASK_EVERY = {"cpu": 1}
_ASK_SELDOM = 10
_TELL_AFTER = 2.0


class Run:
    """One training on its way: the state, what changes it, and what it tells.

    Raises:
        InputError: the output folder holds a run of another configuration, or one that began with other cases.
    """

    def __init__(
        self,
        config: TrainingConfig,
        cases: Sequence[Case],
        validation: Sequence[Case],
        world: World,
        device: torch.device,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        clock: Clock | None = None,
        prepare: Callable[[nn.Module], None] | None = None,
    ) -> None:
        self.clock = clock or Clock(0.0)
        self.config, self.validation = config, validation
        self.world, self.device = world, device
        self.progress, self.cancel = progress, cancel
        self.precision = choose_precision(config.precision, device)
        # Before the seed is set: networks draw random numbers when they are built.
        self.teacher = Teacher(config.teacher, config.card, device) if config.teacher else None
        self.sampler = PatchSampler(cases, config, device, config.seed, world)
        fp16, resumed = self.precision == "fp16", (Path(config.output) / CHECKPOINT).exists()
        self.state = start_state(config, self.sampler.generator, device, fp16, resumed)
        self.state.cases = tuple(case.name for case in cases)
        if not world.first:
            # Or dropout would hide the same places in every process.
            torch.manual_seed(config.seed + world.rank)
        self.output = Path(config.output)
        self.labels = _label_names(config)
        self.dice: tuple[float, ...] | None = None
        self._resume()
        self._weight = world.weight(config.batch)
        if self.teacher is not None:
            self.teacher.watch(self.state.network)
        if prepare is not None:
            prepare(self.state.network)
        network = world.wrap(self.state.network, device)
        self.network = compiled(network, device) if config.compile else network
        self._saved = self.state.step
        self._losses: list[Tensor] = []
        self._since = self._told = time.monotonic()

    def to_the_end(self) -> tuple[float, ...] | None:
        """Runs the steps that are left. Returns the Dice of the validation whose network is kept."""
        state, config = self.state, self.config
        state.network.train()
        while state.step < self.steps and not state.watch.stopped:
            self._stop_where_asked()
            self._losses.append(self._step())
            self._keep_the_promise()
            last = state.step >= self.steps
            validated = config.fold is not None and (state.step % config.validate_every == 0 or last)
            if validated:
                self._validate()
                last = last or state.watch.stopped
            if validated or state.step % _REPORT_EVERY == 0 or last:
                self._report(validated)
            else:
                self._show_life()
            if state.step % config.checkpoint_every == 0 or last:
                self._save()
        return self.dice if state.watch.dice is None else state.watch.dice

    @property
    def steps(self) -> int:
        """How many the run is to have: those of the plan, or as many as its time allows."""
        return self.state.schedule.steps

    def _keep_the_promise(self) -> None:
        """Makes the run shorter where the machine has become slower, in all processes at the same step."""
        state, clock = self.state, self.clock
        every = _ASK_EVERY.get(self.device.type, _ASK_SELDOM) if self.world.size == 1 else _ASK_SELDOM
        clock.stepped()
        if not clock.seconds or state.step % every:
            return
        left = (self.steps - 1) // self.config.validate_every - state.step // self.config.validate_every
        validations = max(left, 0) if self.validation else 0
        steps = self.world.share(clock.length(state.step, self.steps, self.config.steps, validations))
        if steps != self.steps:
            log.info("the run has %d steps instead of %d: the time is up at that pace", steps, self.steps)
            state.schedule.change_length(state.step, steps)

    def _save(self) -> None:
        self.state.seconds = self.clock.elapsed
        save_checkpoint(self.state, self.config, self.output / CHECKPOINT, self.world)
        self._saved = self.state.step

    def _stop_where_asked(self) -> None:
        """Ends the run between two steps, in all processes after the same one, and loses none of them."""
        state, every = self.state, _ASK_EVERY.get(self.device.type, _ASK_SELDOM)
        wanted = self.cancel is not None and self.cancel.cancelled
        if self.world.size > 1:
            wanted = state.step % every == 0 and self.world.agree(wanted, self.device)
        if not wanted:
            return
        if state.step > self._saved:
            self._save()
        raise Cancelled(f"The training was stopped after step {state.step} of {self.steps}.")

    def _resume(self) -> None:
        path = self.output / CHECKPOINT
        if path.exists():
            load_checkpoint(self.state, self.config, path, self.world)
            self.clock.resumed(self.state.seconds)
            log.info("resumed at step %d", self.state.step)
        if self.world.first:
            save_config(self.config, self.output / CONFIG)
            truncate_log(self.output / LOG, self.state.step)
            self.dice = last_dice(self.output / LOG, self.labels)

    def _step(self) -> Tensor:
        state, optimizer = self.state, self.config.optimizer
        state.schedule.apply(state.optimizer, state.step)
        images, target = self.sampler.draw()
        with autocast(self.precision, self.device):
            outputs = self.network(images)
            parts = loss_parts(outputs, target, self.config.loss)
            if self.teacher is not None:
                parts = self.teacher.terms(outputs, images, parts)
            loss = sum_of(parts) * self._weight
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
        # Read only when a report is due: reading a number back makes a GPU wait.
        return torch.stack([loss, *(part * self._weight for part in parts.values())]).detach()

    def _validate(self) -> None:
        dice: tuple[float, ...] | None = None
        started = time.monotonic()
        if self.validation:
            card = self.config.card
            context = autocast(self.precision, self.device)
            labelling = self.sampler.labelling
            patch, divisor = card.inference.patch, needed_divisor(card.network)
            dice = validate(self.state.model, self.validation, patch, labelling, self.device, context, divisor)
        self.dice = self.world.share(dice)
        self.clock.validated(time.monotonic() - started, len(self.validation))
        if self.dice:
            known = [d for d in self.dice if not math.isnan(d)]
            mean = sum(known) / max(len(known), 1)
            self.state.schedule.observe(mean)
            self.state.watch.observe(mean, self.dice, self.state.model)
            if self.state.watch.stopped:
                log.info("no better validation than %.4f for %d times", self.state.watch.best, self.state.watch.waited)

    def _show_life(self) -> None:
        """Slow steps are counted between the reports as well."""
        now = time.monotonic()
        if self.progress is None or not self.world.first or now - self._told < _TELL_AFTER:
            return
        self._told = now
        state, total = self.state, self.steps
        left = (now - self._since) / len(self._losses) * (total - state.step)
        self.progress(ProgressEvent("train", state.step, total, left))

    def _report(self, validated: bool) -> None:
        now, count = time.monotonic(), max(len(self._losses), 1)
        means = self.world.mean(torch.stack(self._losses).double().mean(dim=0).cpu()).tolist()
        loss, terms = means[0], dict(zip(self.config.terms, means[1:], strict=True))
        pace = (now - self._since) / count
        self._losses, self._since, self._told = [], now, now
        state, total = self.state, self.steps
        if not math.isfinite(loss):
            raise InputError(
                f"The training diverged: the loss is {loss} at step {state.step}.",
                "Lower the learning rate, add 'warmup' to the schedule, or use the precision fp32.",
            )
        event = TrainingEvent(
            stage="train",
            done=state.step,
            total=total,
            seconds_left=pace * (total - state.step),
            loss=loss,
            learning_rate=state.schedule.rate(max(state.step - 1, 0)),
            dice=self.dice if validated else None,
            seconds_per_step=pace,
            terms=terms,
            best=state.watch.best if state.watch.best >= 0 else None,
        )
        if not self.world.first:
            return
        append_log(self.output / LOG, self.labels, event)
        if self.progress is not None:
            self.progress(event)


def _label_names(config: TrainingConfig) -> list[str]:
    names = {label.value: label.name for label in config.card.labels}
    contract = config.card.inference
    values = contract.output_values[1:] if contract.activation == "softmax" else contract.output_values
    return [shown(names.get(value, f"Label {value}"), 100) for value in values]
