"""The main job: a model on a volume, from the image as it was read to labels on the same grid."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from ..budget import memory_guard
from ..geometry import Box
from ..models.card import Preparation
from ..models.model import Model
from ..preprocessing.preparation import Layout, Prepared, lay_out, prepare
from ..progress import CancelToken, ProgressCallback, Stage
from ..volume import Segmentation, Volume
from .cascade import with_previous
from .composition import Composition
from .demand import check_demand
from .devices import choose_device, release_cache
from .form_choice import Choice, choose_form
from .hounsfield import hounsfield_warnings
from .inputs import (
    at_trained_size,
    check_dimension,
    colour_warnings,
    field_of_view_warnings,
    one_image,
    photograph_factor,
    photograph_warnings,
    scaled,
    without_fine_detail,
)
from .modality import modality_warnings
from .runner import ModelRunner, Outputs, RunResult
from .settings import EngineSettings
from .settings import preset as settings_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class SegmentationResult:
    """What a run gives.

    Attributes:
        segmentation: labels on the grid of the (first) input.
        probabilities: one channel per network output (those of further parts after the first's), float32, where asked
            for.
        uncertainty: Shannon entropy in bits, one channel, where asked for; the largest of all parts.
        timings: seconds per stage; ``network`` and ``restore`` are the two shares of ``segment``.
        warnings: what the user should know.
        settings: how it was done: model, version, digest of its weights, preset, device, tiles and so on, for
            provenance; ``outputs`` are the labels that the channels of ``probabilities`` stand for.
    """

    segmentation: Segmentation
    probabilities: Volume | None = None
    uncertainty: Volume | None = None
    timings: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Task:
    """One model of the run, on one part of the image; ``number`` is its turn, ``scale`` the factor on its spacing."""

    runner: ModelRunner
    preparation: Preparation
    region: Box | None
    layout: Layout
    previous: _Task | None
    number: int
    scale: float

    def all(self) -> Iterator[_Task]:
        """This task after those that it waits for."""
        if self.previous is not None:
            yield from self.previous.all()
        yield self


class Segmenter:
    """Runs one model on volumes, with its further parts and earlier stages; keeps the networks between runs.

    Args:
        model: from ``load_model``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        preset: ``exact``, ``balanced`` or ``fast``.
        settings: every knob by hand; takes the preset's place.

    Raises:
        ResourceError: the device is not there.
        InputError: no such preset.
        ModelError, InputError, DependencyError: the settings ask for a form of the networks that the package does not
            have, or that does not run here.
    """

    def __init__(
        self,
        model: Model,
        device: str = "auto",
        preset: str = "balanced",
        settings: EngineSettings | None = None,
    ) -> None:
        self.model = model
        self.device = choose_device(device)
        self._preset = preset if settings is None else "custom"
        self.settings = settings or settings_of(preset)
        self._runners: dict[int, ModelRunner] = {}
        self._choices: dict[int, Choice] = {}
        # What the settings ask for and cannot be had is said at once, not in the middle of a run.
        for each in _networks_of(model):
            self._choice(each)

    @property
    def spacing_scale(self) -> float:
        """The factor on the spacing of the (first) model that the settings mean, at most: a run that would save nothing
        by it takes 1."""
        return self._choice(self.model).spacing_scale

    def segment(
        self,
        volume: Volume | Sequence[Volume],
        region: Box | None = None,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        probabilities: bool = False,
        uncertainty: bool = False,
    ) -> SegmentationResult:
        """Segments a volume.

        Args:
            volume: the image, or one for each input channel of the model; further ones are resampled onto the first.
            region: voxels (z, y, x) of the first volume to segment; outside it everything is background.
            progress: called with events of the stages ``prepare``, ``segment`` and ``finish``.
            cancel: looked at between tiles.
            probabilities, uncertainty: make these maps too; no tiles are skipped then.

        Raises:
            InputError, GeometryError: the image or region does not suit the model.
            ResourceError: memory ran out on every rung of the ladder.
            Cancelled: the token was set.
        """
        volumes = [volume] if isinstance(volume, Volume) else list(volume)
        image = one_image(volumes, self.model.card)
        for model in (self.model, *self.model.parts):
            check_dimension(image, region, model.card)
        tasks: list[_Task] = []
        for model in (self.model, *self.model.parts):
            tasks.append(self._task(model, image, region, sum(1 for task in tasks for _ in task.all())))
        first = self._check_demands(tasks, image.name, probabilities)
        run = _Run(self, image, tasks, Outputs(probabilities, uncertainty), progress, cancel)
        result = run.result()
        first += modality_warnings(volumes, self.model.card)
        first += field_of_view_warnings(self.model.card, tasks[0].layout.record)
        for check in (colour_warnings, photograph_warnings, hounsfield_warnings):
            first += check(image, self.model.card)
        about: dict[str, Any] = {
            "model": self.model.card.name,
            "model_version": self.model.card.version,
            "model_digest": self.model.digest,
            "preset": self._preset,
        }
        if probabilities:
            about["outputs"] = [
                int(value) for model in (self.model, *self.model.parts) for value in model.card.inference.output_values
            ]
        chosen = [choice.note for choice in self._choices.values() if choice.note]
        warnings = tuple(dict.fromkeys((*image.notes, *first, *chosen, *result.warnings)))
        return replace(result, warnings=warnings, settings={**about, **result.settings})

    def _task(self, model: Model, image: Volume, region: Box | None, number: int) -> _Task:
        preparation, layout, scale = self._lay_out(model, image, region)
        previous = None
        if model.previous is not None:
            # The first stage must have seen all that the second one sees.
            inner = None if region is None else layout.record.source_box
            previous = self._task(model.previous, image, inner, number)
            number += sum(1 for _ in previous.all())
        return _Task(self._runner(model), preparation, region, layout, previous, number, scale)

    def _lay_out(self, model: Model, image: Volume, region: Box | None) -> tuple[Preparation, Layout, float]:
        """How the image is prepared, and at which factor on the model's spacing."""
        card, choice = model.card, self._choice(model)
        own = at_trained_size(card.preparation, image)

        def at(scale: float) -> tuple[Preparation, Layout, float]:
            preparation = scaled(own, image, scale)
            return preparation, lay_out(image, preparation, region, card.inference.patch), scale

        chosen = at(choice.spacing_scale)
        if choice.may_be_finer:
            plain, tiles = at(1.0), self._runner(model).tiles
            if tiles(plain[1].record) <= tiles(chosen[1].record):
                return plain  # coarser would save nothing
        return chosen

    def _check_demands(self, tasks: Sequence[_Task], name: str, maps: bool) -> list[str]:
        """Refuses what cannot fit; gives warnings about what is odd."""
        warnings: list[str] = []
        for task in (inner for outer in tasks for inner in outer.all()):
            warnings += check_demand(task.runner.demand(task.layout.record, maps), name, self.device)
        return warnings

    def _runner(self, model: Model) -> ModelRunner:
        if id(model) not in self._runners:
            self._runners[id(model)] = ModelRunner(model, self._choice(model).settings, self.device)
        return self._runners[id(model)]

    def _choice(self, model: Model) -> Choice:
        if id(model) not in self._choices:
            self._choices[id(model)] = choose_form(model, self.settings, self.device)
        return self._choices[id(model)]


def _networks_of(model: Model) -> Iterator[Model]:
    """The model itself, its parts, and the first stages of all of these."""
    for each in (model, *model.parts):
        yield each
        if each.previous is not None:
            yield from _networks_of(each.previous)


class _Run:
    """One call of :meth:`Segmenter.segment`: what its tasks share, and how far it is."""

    def __init__(
        self,
        segmenter: Segmenter,
        image: Volume,
        tasks: Sequence[_Task],
        outputs: Outputs,
        progress: ProgressCallback | None,
        cancel: CancelToken | None,
    ) -> None:
        self._device = segmenter.device
        self._model = segmenter.model
        self._image = image
        self._tasks = tasks
        self._order = [inner for task in tasks for inner in task.all()]
        self._tiles = [task.runner.tiles(task.layout.record) for task in self._order]
        self._outputs = outputs
        self._progress = progress
        self._cancel = cancel
        self._prepared: tuple[Any, Prepared] | None = None
        self._seconds = {"prepare": 0.0, "network": 0.0, "segment": 0.0}
        self._warnings: list[str] = []

    def result(self) -> SegmentationResult:
        """Runs all tasks and puts their labels together."""
        started = time.perf_counter()
        stage = Stage("prepare", 1, self._progress, self._cancel)
        self._prepare(self._order[0])
        stage.step()
        composition = Composition(self._image, self._model.card)
        used: dict[str, Any] = {}
        for task in self._tasks:
            done = self._run(task, self._outputs)
            used = used or done.settings
            with self._guard("putting the labels together"):
                composition.add(task.runner.card, done.record, done.reduced)
        stage = Stage("finish", 1, self._progress, self._cancel)
        with self._guard("putting the labels together"):
            segmentation, probabilities, uncertainty = composition.finish()
        stage.step()
        timings = {**self._seconds, "restore": self._seconds["segment"] - self._seconds["network"]}
        timings["total"] = time.perf_counter() - started
        timings["finish"] = timings["total"] - timings["prepare"] - timings["segment"]
        used = {**used, "spacing_scale": self._tasks[0].scale, "tiles": sum(self._tiles), "networks": len(self._order)}
        warnings = tuple(dict.fromkeys(self._warnings))
        return SegmentationResult(segmentation, probabilities, uncertainty, timings, warnings, used)

    def _run(self, task: _Task, outputs: Outputs) -> RunResult:
        before = None if task.previous is None else self._labels(task.previous)
        self._make_room(task)
        prepared = self._prepare(task)
        if before is not None and task.previous is not None:
            values = sorted(label.value for label in task.previous.runner.card.labels)
            prepared = with_previous(prepared, before, values, task.layout.separate_axis)
        started = time.perf_counter()
        done = task.runner.run(prepared, outputs, lambda tiles, where: self._stage(task.number, tiles, where))
        self._seconds["segment"] += time.perf_counter() - started
        self._seconds["network"] += done.network_seconds
        if done.warning:
            self._warnings.append(done.warning)
        return done

    def _guard(self, what: str) -> AbstractContextManager[None]:
        cure = "Choose a smaller region or the preset 'fast', or close other programs."
        return memory_guard(f"segmenting '{self._image.name}' ({what})", cure)

    def _labels(self, task: _Task) -> np.ndarray:
        """The label map of an earlier stage, on the image's grid."""
        composition = Composition(self._image, task.runner.card)
        done = self._run(task, Outputs())
        composition.add(task.runner.card, done.record, done.reduced)
        return composition.finish()[0].voxels

    def _stage(self, number: int, tiles: int, where: str) -> Stage:
        """Counts the tiles of one task among those of all."""
        self._tiles[number] = tiles
        done = sum(self._tiles[:number])
        return Stage("segment", sum(self._tiles), self._progress, self._cancel, message=where, done=done)

    def _make_room(self, task: _Task) -> None:
        """Where memory is short, the networks that have run go before the next ones come."""
        earlier = [other for other in self._order[: task.number] if other.runner is not task.runner]
        if earlier and not task.runner.fits_beside(task.layout.record):
            log.debug("memory is short: releasing the networks that have run")
            for other in earlier:
                other.runner.release()

    def _prepare(self, task: _Task) -> Prepared:
        """The prepared image; the last one again where the next part wants it prepared alike."""
        card = task.runner.card
        alone = card.field_of_view_mm is not None
        least = card.inference.patch if task.region is not None else None
        key = (task.preparation, task.region, least, alone)
        if self._prepared is not None and self._prepared[0] == key:
            return self._prepared[1]
        self._prepared = None
        started = time.perf_counter()
        with self._guard("preparing it"):
            prepared = self._prepare_on_device(task, alone)
        self._prepared = (key, prepared)
        self._seconds["prepare"] += time.perf_counter() - started
        return prepared

    def _prepare_on_device(self, task: _Task, alone: bool) -> Prepared:
        card = task.runner.card
        image = without_fine_detail(self._image, photograph_factor(self._image, card.preparation))

        def prepare_on(device: torch.device | str) -> Prepared:
            return prepare(
                image,
                task.preparation,
                task.region,
                device,
                normalize_region=alone,
                layout=task.layout,
            )

        # MPS has no float64, which the intensity statistics need.
        if self._device.type == "cuda":
            try:
                return prepare_on(self._device)
            except torch.OutOfMemoryError:
                log.warning("out of memory on %s while preparing; using the CPU for that", self._device)
                release_cache(self._device)
        return prepare_on("cpu")
