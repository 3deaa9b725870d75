"""Everything that changes during a training, and its checkpoint.

A run that is resumed from a checkpoint does exactly what the uninterrupted run would have done: on a CPU bit for bit,
because the checkpoint holds every generator's state besides weights and optimiser.
"""

from __future__ import annotations

import copy
import io
import logging
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...errors import InputError
from ...io.atomic import atomic_path
from ...networks import build
from ...networks.config import NetworkConfig
from ..config.codec import config_from_text, config_to_text
from ..config.config import TrainingConfig, same_but_for
from ..processes.distributed import World
from .averaging import MovingAverage
from .optimization import Schedule, make_optimizer
from .pretrained import load_pretrained
from .stopping import Watch
from .transfer import take_alike, transfer_weights

log = logging.getLogger(__name__)

ALONE = World()

# What a resumed run may change: its length, where its folder and its data lie, where it computes, and how often it
# looks and saves.
_FREE_ON_RESUME = (
    "steps",
    "minutes",
    "dataset",
    "output",
    "compile",
    "threads",
    "validate_every",
    "validation_cases",
    "checkpoint_every",
)


@dataclass
class TrainingState:
    """The network on its way, with everything needed to go on. ``step`` counts finished optimiser steps, ``seconds``
    the time that they took with all that belongs to them, ``cases`` names what is learned from (empty: unknown)."""

    network: nn.Module
    average: MovingAverage | None
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    scaler: torch.amp.GradScaler
    generator: torch.Generator
    watch: Watch
    step: int = 0
    seconds: float = 0.0
    cases: tuple[str, ...] = ()

    @property
    def model(self) -> nn.Module:
        """The network that validation looks at."""
        return self.average.network if self.average else self.network

    def result(self) -> nn.Module:
        """The network that is exported: the one of the best validation where the run keeps it, else the last one."""
        if self.watch.weights is None:
            return self.model
        best = copy.deepcopy(self.model)
        best.load_state_dict(self.watch.weights)
        return best


def start_state(
    config: TrainingConfig, generator: torch.Generator, device: torch.device, fp16: bool, resumed: bool = False
) -> TrainingState:
    """A fresh state; weights depend on the seed alone, not on the device.

    Args:
        resumed: a checkpoint will replace the weights, so those that the run began with need not be there any more.
    """
    torch.manual_seed(config.seed)
    network = build(config.card.network)
    if not resumed:
        _begin(network, config)
    network.to(device)
    return TrainingState(
        network=network,
        average=MovingAverage(network, config.ema) if config.ema else None,
        optimizer=make_optimizer(network, config.optimizer),
        schedule=Schedule(config.schedule, config.optimizer.learning_rate, config.steps),
        scaler=torch.amp.GradScaler(device.type, enabled=fp16),
        generator=generator,
        watch=Watch(config.early_stop, config.keep == "best"),
    )


def _begin(network: nn.Module, config: TrainingConfig) -> None:
    """Weights that the training begins with, where it does not begin at random."""
    if config.start_from is not None:
        transfer_weights(network, config.card, config.start_from)
    elif config.pretrained is not None and isinstance(config.card.network, NetworkConfig):
        load_pretrained(network, config.card.network, config.pretrained)
    if config.teacher is not None and config.teacher.begin:
        taken = take_alike(network, config.teacher.models[0])
        log.info("%d of %d tensors begin as the teacher's", taken, len(network.state_dict()))


def save_checkpoint(state: TrainingState, config: TrainingConfig, path: Path, world: World = ALONE) -> None:
    """Writes the whole state (the first process does); an interruption leaves the checkpoint before.

    Raises:
        OutputError: it cannot be written; the checkpoint before is still there.
    """
    torch_rng = world.gather(torch.get_rng_state())
    if not world.first:
        return
    content: dict[str, Any] = {
        "config": config_to_text(config),
        "step": state.step,
        "seconds": state.seconds,
        "cases": list(state.cases),
        "network": state.network.state_dict(),
        "average": state.average.network.state_dict() if state.average else None,
        "optimizer": state.optimizer.state_dict(),
        "schedule": state.schedule.state_dict(),
        "scaler": state.scaler.state_dict(),
        "watch": state.watch.state_dict(),
        "generator": state.generator.get_state(),
        "torch_rng": torch_rng,
        "cuda_rng": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    # Through memory: written to a full disk by torch itself, it fails in words that say nothing of the disk.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load_checkpoint(state: TrainingState, config: TrainingConfig, path: Path, world: World = ALONE) -> None:
    """Puts ``state`` where the checkpoint was.

    Raises:
        InputError: the file is not a checkpoint, its run began with other cases, or it belongs to a run with another
            configuration (a longer or shorter run, another folder, and how often it validates and saves are no other
            configuration).
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        belongs = same_but_for(config_from_text(content["config"], path.name), config, _FREE_ON_RESUME)
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise InputError(
            f"The checkpoint {path} is damaged or not a checkpoint.", "Remove it to start anew.", str(error)
        ) from error
    if not belongs:
        raise InputError(
            f"The checkpoint {path} belongs to a training with another configuration.",
            "Choose another output folder, or restore the configuration to go on.",
        )
    _check_cases(state.cases, content.get("cases", ()))
    state.step, state.seconds = content["step"], float(content.get("seconds", 0.0))
    state.network.load_state_dict(content["network"])
    if state.average:
        state.average.network.load_state_dict(content["average"])
    state.optimizer.load_state_dict(content["optimizer"])
    # A run that was asked to be longer or shorter has no length of another promise.
    same_length = config_from_text(content["config"], path.name).steps == config.steps
    bend = () if same_length else ("bent", "before", "steps")
    state.schedule.load_state_dict({key: value for key, value in content["schedule"].items() if key not in bend})
    state.scaler.load_state_dict(content["scaler"])
    # Checkpoints of the first version have no such entry, and nothing to watch.
    if "watch" in content:
        state.watch.load_state_dict(content["watch"])
    _restore_chance(state, content, world)


def _check_cases(now: Sequence[str], then: Sequence[str]) -> None:
    """A run goes on to the same result only with the same cases."""
    if not now or not then or list(now) == list(then):
        return
    lost, new = [n for n in then if n not in set(now)], [n for n in now if n not in set(then)]
    which = f"'{lost[0]}' is missing" if lost else f"'{new[0]}' is new" if new else "their order has changed"
    raise InputError(
        f"This training began with {len(then)} cases to learn from, now there are {len(now)}: {which}.",
        "Restore the data set to go on, or begin a new training in another output folder.",
    )


def _restore_chance(state: TrainingState, content: dict[str, Any], world: World) -> None:
    """The batches go on as they would have, with any number of processes; dropout does with the same number."""
    generator, torch_rng = torch.atleast_2d(content["generator"])[0], torch.atleast_2d(content["torch_rng"])
    # Torch reads a state from the start of its storage, whatever row of a table it is given.
    state.generator.set_state(generator.clone())
    torch.set_rng_state(torch_rng[world.rank % len(torch_rng)].clone())
    if content["cuda_rng"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(content["cuda_rng"])
