"""The plan: the training's configuration that the data, the device and the minutes at hand ask for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from ...inference.devices import choose_device
from ...models.card import ModelCard, Preparation
from ...networks.config import AnyNetwork, NetworkConfig
from ...progress import CancelToken, ProgressCallback
from ...volume import few
from ..config.config import TrainingConfig
from ..layouts import Dataset
from ..loop.pretrained import check_pretrained
from ..loop.threads import torch_threads
from .card import Outputs, channel_names, make_card, outputs_of
from .configuration import FOR_STEPS, Request, configuration, timed
from .device import Speed, measure_speed
from .finetuning import base_card, with_outputs
from .fingerprint import Fingerprint, take_fingerprint
from .frame import frame_of
from .laterality import left_right_axis, side_pairs
from .preferences import Preferences
from .sizing import Size, choose_size, sized, wanted_steps
from .threads import quickest_threads
from .timing import Pace, measure_pace
from .topology import Topology, topology_of
from .variants import make_network

_TOO_SLOW = 1.4


@dataclass(frozen=True)
class Plan:
    """A configuration, what it follows from, and remarks for people."""

    config: TrainingConfig
    fingerprint: Fingerprint
    pace: Pace | None
    notes: tuple[str, ...]


def plan_training(
    data: Dataset,
    request: Request,
    wishes: Preferences | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Plan:
    """Plans a training.

    Args:
        data: a data set; where it defines no folds, five are made.
        wishes: what takes the place of the plan's own choices.

    Raises:
        InputError: the data cannot be used, or a wish cannot be met.
        ModelError: the model to begin with does not suit.
        Cancelled: the token was set.
    """
    wishes = wishes or Preferences()
    notes: tuple[str, ...] = ()
    # Steps that are given take as long as they take; a promise of minutes is kept by what is quickest now.
    if not request.threads and wishes.steps is None:
        request = replace(request, threads=quickest_threads(choose_device(request.device)))
        if request.threads:
            notes = (
                f"{request.threads} of {torch.get_num_threads()} CPU threads are used, which is quicker beside what "
                "else runs here now (--threads chooses).",
            )
    with torch_threads(request.threads):
        plan = _plan(data, request, wishes, progress, cancel)
    return replace(plan, notes=plan.notes + notes)


def _plan(
    data: Dataset,
    request: Request,
    wishes: Preferences,
    progress: ProgressCallback | None,
    cancel: CancelToken | None,
) -> Plan:
    device = choose_device(request.device)
    data = data.with_folds(request.folds)
    fold = request.fold if data.folds and not request.every_fold else None
    names, held_out = data.split_to_train(fold)
    if request.every_fold:
        held_out = max((list(names) for names in data.folds), key=len, default=[])
    fingerprint = take_fingerprint(data, names, progress, cancel)
    outputs, notes = outputs_of(data, fingerprint)
    notes = data.notes + notes + few(fingerprint.notes)
    if not data.folds:
        notes += ("There is one case only: nothing is held out, so nobody knows how good the model is.",)
    seconds = request.minutes * 60 * FOR_STEPS / wanted_steps(request.minutes)

    def planned(seconds: float) -> tuple[TrainingConfig, Size]:
        if request.start_from is None:
            card, size = _new(data, fingerprint, outputs, wishes, device, seconds, request.pretrained is not None)
        else:
            card, size = _from_model(request.start_from, data, fingerprint, outputs, wishes, device, seconds)
        return configuration(data, request, wishes, card, size, outputs, fingerprint, fold), size

    config, size = planned(seconds)
    if request.pretrained is not None:
        check_pretrained(request.pretrained, config.card.network)
    pace = None
    if wishes.steps is None:
        pace = measure_pace(config, data, names, device, progress, cancel)
        if pace.step > _TOO_SLOW * seconds:
            # Arithmetic knows neither the augmentation nor what else runs on the machine.
            config, _ = planned(seconds * size.seconds / pace.step)
            pace = measure_pace(config, data, names, device, progress, cancel)
        config = timed(config, pace, request.minutes, len(held_out), data.pixels)
    return Plan(config, fingerprint, pace, notes)


def _new(
    data: Dataset,
    fingerprint: Fingerprint,
    outputs: Outputs,
    wishes: Preferences,
    device: torch.device,
    seconds: float,
    pretrained: bool,
) -> tuple[ModelCard, Size]:
    channels = channel_names(data, fingerprint)
    frame = frame_of(fingerprint, channels, wishes)
    make = partial(
        make_network, wishes.network, channels=len(channels), outputs=len(outputs.values), pretrained=pretrained
    )
    speed = measure_speed(device, frame.dimension)
    voxels = _all_voxels(fingerprint)

    def build(topology: Topology, first: int) -> NetworkConfig:
        return make(topology=topology.cut(wishes.stages) if wishes.stages else topology, first=first)

    if wishes.patch is not None:
        patch = wishes.patch[3 - frame.dimension :]
        network = build(topology_of(patch, frame.spacing), wishes.features or 32)
        size = sized(network, patch, speed, seconds, voxels)
    else:
        size = choose_size(frame.shape, frame.spacing, build, speed, seconds, voxels, wishes.features)
    card = _card(data, fingerprint, outputs, channels, size, size.network, frame.preparation, wishes, "")
    return card, size


def _from_model(
    model: str,
    data: Dataset,
    fingerprint: Fingerprint,
    outputs: Outputs,
    wishes: Preferences,
    device: torch.device,
    seconds: float,
) -> tuple[ModelCard, Size]:
    """The model's network, preparation and patch; the patch is halved while memory or time do not suffice."""
    channels = channel_names(data, fingerprint)
    base = base_card(model, len(channels), fingerprint.flat)
    network = with_outputs(base.network, len(outputs.values))
    speed = measure_speed(device, network.dimension)
    patch = tuple(base.inference.patch[3 - network.dimension :])
    size = _model_size(network, patch, speed, seconds, _all_voxels(fingerprint))
    note = f"Trained further from '{base.name}' {base.version}."
    card = _card(data, fingerprint, outputs, channels, size, network, base.preparation, wishes, note)
    # A model for crops stays one: its statistics are those of a region.
    card = replace(card, field_of_view_mm=base.field_of_view_mm)
    if base.citation:
        card = replace(card, citation="; ".join(t for t in (card.citation, base.citation) if t))
    return card, size


def _model_size(network: AnyNetwork, patch: tuple[int, ...], speed: Speed, seconds: float, voxels: int) -> Size:
    divisor = network.divisor
    while True:
        size = sized(network, patch, speed, seconds, voxels)
        longest = max(range(len(patch)), key=lambda axis: patch[axis] / divisor[axis])
        half = math.ceil(patch[longest] / divisor[longest] / 2) * divisor[longest]
        if size.seconds <= 2 * seconds or half >= patch[longest] or half < 4 * divisor[longest]:
            return size
        patch = tuple(half if axis == longest else n for axis, n in enumerate(patch))


def _card(
    data: Dataset,
    fingerprint: Fingerprint,
    outputs: Outputs,
    channels: Sequence[str],
    size: Size,
    network: AnyNetwork,
    preparation: Preparation,
    wishes: Preferences,
    note: str,
) -> ModelCard:
    patch = (1,) * (3 - len(size.patch)) + size.patch
    sides = left_right_axis(preparation) if side_pairs(outputs.labels) else None
    axes = tuple(axis for axis in range(3 - network.dimension, 3) if axis != sides)
    whole = (patch[0], patch[1], patch[2])
    return make_card(data, fingerprint, outputs, channels, network, preparation, whole, axes, wishes, note)


def _all_voxels(fingerprint: Fingerprint) -> int:
    return sum(math.prod(shape) for shape in fingerprint.shapes)
