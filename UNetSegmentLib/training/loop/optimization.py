"""Optimisers and the course of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from ..config.values import OptimizerConfig, ScheduleConfig


def make_optimizer(network: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum or AdamW (arXiv:1711.05101). Norm parameters and biases are not decayed."""
    decayed, free = _groups(network.parameters())
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    if config.kind == "adamw":
        return torch.optim.AdamW(groups, lr=config.learning_rate)
    momentum = config.momentum
    return torch.optim.SGD(groups, lr=config.learning_rate, momentum=momentum, nesterov=momentum > 0)


def _groups(parameters: Iterable[nn.Parameter]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    everything = list(parameters)
    return [p for p in everything if p.ndim > 1], [p for p in everything if p.ndim <= 1]


class Schedule:
    """The learning rate of each step. Its state is the plateau's memory, and where the run got another length."""

    def __init__(self, config: ScheduleConfig, base: float, steps: int) -> None:
        self.config = config
        self.base = base
        self.steps = steps
        self.factor = 1.0
        self.best = -1.0
        self.waited = 0
        self._bend = (0, 0.0)

    def change_length(self, step: int, steps: int) -> None:
        """From ``step`` on the run has ``steps`` steps in all: the course goes on from where it is to the new end."""
        self._bend = (step, self._done(step))
        self.steps = steps

    def rate(self, step: int) -> float:
        """Learning rate of ``step``, counted from 0."""
        warm = min(1.0, (step + 1) / self.config.warmup) if self.config.warmup else 1.0
        return self.base * warm * max(self._share(step), self.config.floor)

    def _share(self, step: int) -> float:
        """What is left of the first rate."""
        done = self._done(step)
        if self.config.kind == "poly":
            return (1.0 - done) ** self.config.power
        if self.config.kind == "cosine":
            return (1.0 + math.cos(math.pi * done)) / 2
        return self.factor

    def _done(self, step: int) -> float:
        """The share of the course that lies behind ``step``."""
        first, before = self._bend
        if self.steps <= first:
            return 1.0
        return before + (1.0 - before) * ((step - first) / (self.steps - first))

    def apply(self, optimizer: torch.optim.Optimizer, step: int) -> float:
        """Sets the rate of ``step`` and returns it."""
        rate = self.rate(step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        return rate

    def observe(self, dice: float) -> None:
        """A validation's mean Dice: ``plateau`` lowers the rate after ``patience`` of them without improvement."""
        if self.config.kind != "plateau":
            return
        if dice > self.best:
            self.best, self.waited = dice, 0
            return
        self.waited += 1
        if self.waited > self.config.patience:
            self.factor *= self.config.factor
            self.waited = 0

    def state_dict(self) -> dict[str, float]:
        state = {"factor": self.factor, "best": self.best, "waited": self.waited}
        if self._bend[0]:
            state |= {"bent": self._bend[0], "before": self._bend[1], "steps": self.steps}
        return state

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.factor, self.best, self.waited = state["factor"], state["best"], int(state["waited"])
        if "bent" in state:
            self._bend, self.steps = (int(state["bent"]), state["before"]), int(state["steps"])
