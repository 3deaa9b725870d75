"""The worker's requests, carried out by the library: load a model once, run it often."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ...budget import available_memory, is_out_of_memory, out_of_memory
from ...errors import ResourceError
from ...progress import CancelToken, ProgressCallback, Stage
from ...volume import Volume
from ..exchange.mapped import discard, read_array, write_array
from ..protocol.compression import Compress, Compressed
from ..protocol.messages import (
    ArrayFile,
    Device,
    Import,
    Imported,
    LibraryInstall,
    Load,
    Loaded,
    Ready,
    Result,
    Segment,
    Train,
    Trained,
    Unload,
    Unloaded,
    VolumeFile,
)
from ..serving.needs import broken_installation
from ..serving.refusing import RefusingEngine
from .installing import bring
from .warm import WarmModel, WarmModels

if TYPE_CHECKING:
    from ...inference import Segmenter
    from ...models.model import Model
    from ...volume import Segmentation

T = TypeVar("T")

LOW_MEMORY = 1 << 30
"""Bytes of free RAM below which warm models are dropped before another one is loaded."""

logger = logging.getLogger(__name__)


class CoreEngine(RefusingEngine):
    """See :class:`~UNetSegmentLib.worker.serving.server.Engine`. Torch is imported by :meth:`probe`, not before.

    Args:
        load: opens a model by name or path; None is ``load_model``. ``make`` (its segmenter) and ``free_ram`` (bytes)
            stand in for the library in tests likewise.
    """

    refusal = (
        "This worker runs models; corrections have one of their own.",
        "Ask a worker that was started with 'refine'.",
    )

    def __init__(
        self,
        load: Callable[[str], Model] | None = None,
        make: Callable[[Model, Load | Segment], Segmenter] | None = None,
        free_ram: Callable[[], int] | None = None,
    ) -> None:
        self._warm = WarmModels(load or _load_model)
        self._make = make or _make_segmenter
        self._free_ram = free_ram or available_memory

    def probe(self) -> Ready:
        """Imports torch and the engine; an installation that does not work becomes the ``problem``."""
        started = time.perf_counter()
        try:
            import safetensors.torch
            import torch

            from ... import inference, models
            from ...inference import cores, devices

            cores.use_the_cores()
            names = devices.available_devices()
            _ = inference.Segmenter, models.load_model, safetensors.torch.load_file
            found = tuple(_device(name) for name in names)
        except Exception as error:
            return Ready(problem=broken_installation(error), seconds=time.perf_counter() - started)
        return Ready(str(torch.__version__), found, seconds=time.perf_counter() - started)

    def warm_up(self) -> None:
        """A first run that nobody waits for, see :mod:`...inference.self_test`."""
        from ...inference.self_test import run_self_test

        started = time.perf_counter()
        try:
            run_self_test()
        except Exception:
            # A real request will tell what is wrong, in its own words.
            logger.warning("The warm-up of the worker failed.", exc_info=True)
        logger.debug("warmed up in %.1f s", time.perf_counter() - started)

    def load(self, request: Load, cancel: CancelToken) -> Loaded:
        """Loads a model and puts its first network together."""
        started = time.perf_counter()

        def prepare() -> tuple[WarmModel, bool]:
            warm, was_warm = self._model(request.model)
            warm.segmenter_for(request, self._make)
            warm.model.network(0)
            return warm, was_warm

        warm, was_warm = self._with_relief(prepare, cancel)
        card = warm.model.card
        seconds = time.perf_counter() - started
        return Loaded(request.id, card.name, card.version, str(warm.model.folder), was_warm, seconds)

    def segment(self, request: Segment, progress: ProgressCallback, cancel: CancelToken) -> Result:
        """Runs a model over the request's images and writes the result beside them."""
        started = time.perf_counter()
        volumes = [_read(file, Path(request.folder)) for file in request.inputs]

        def run() -> tuple[WarmModel, bool, Any]:
            stage = Stage("load", 1, progress, cancel)
            warm, was_warm = self._model(request.model)
            segmenter = warm.segmenter_for(request, self._make)
            stage.step()
            outcome = segmenter.segment(
                volumes if len(volumes) > 1 else volumes[0],
                region=request.region,
                progress=progress,
                cancel=cancel,
                probabilities=request.probabilities,
                uncertainty=request.uncertainty,
            )
            return warm, was_warm, outcome

        warm, was_warm, outcome = self._with_relief(run, cancel)
        return _result(request, warm, was_warm, outcome, started)

    def bring(self, request: Import | LibraryInstall, progress: ProgressCallback, cancel: CancelToken) -> Imported:
        """Imports or installs models."""
        return bring(request, progress, cancel)

    def train(self, request: Train, progress: ProgressCallback, cancel: CancelToken) -> Trained:
        """Trains a model, or goes on with it."""
        from .training import carry_out

        return carry_out(request, progress, cancel)

    def compress(self, request: Compress, progress: ProgressCallback, cancel: CancelToken) -> Compressed:
        """Makes a quick version of a model."""
        from .compressing import compress

        return compress(request, progress, cancel)

    def unload(self, request: Unload) -> Unloaded:
        """Drops one model or all, and gives their memory back."""
        return Unloaded(request.id, self._relieve(request.model))

    def _model(self, name: str) -> tuple[WarmModel, bool]:
        warm = self._warm.find(name)
        if warm is not None:
            return warm, True
        if self._warm.names and self._free_ram() < LOW_MEMORY:
            logger.warning("Memory is short: the models kept from before are dropped (%s).", ", ".join(self._relieve()))
        return self._warm.load(name), False

    def _with_relief(self, work: Callable[[], T], cancel: CancelToken) -> T:
        """Out of memory with models in reserve is no reason to give up: drop them all and try once more."""
        try:
            return work()
        except Exception as error:
            if not isinstance(error, ResourceError) and not is_out_of_memory(error):
                raise
            reason = str(error) or "Memory ran out."
        cancel.raise_if_cancelled()
        dropped = self._relieve()
        logger.warning("%s All models kept in memory are dropped (%s); trying again.", reason, ", ".join(dropped))
        try:
            return work()
        except Exception as error:
            if is_out_of_memory(error):
                raise out_of_memory(error) from error
            raise

    def _relieve(self, name: str | None = None) -> tuple[str, ...]:
        dropped = self._warm.drop(name)
        gc.collect()
        _release_device_memory()
        return dropped


def _load_model(name: str) -> Model:
    from ...models import load_model

    model: Model = load_model(name)
    return model


def _make_segmenter(model: Model, request: Load | Segment) -> Segmenter:
    from ...inference import Segmenter, overridden

    # JSON knows no tuples.
    changes = {name: tuple(value) if isinstance(value, list) else value for name, value in request.settings.items()}
    settings = overridden(request.preset, changes)
    return Segmenter(model, device=request.device, preset=request.preset, settings=settings)


def _read(file: VolumeFile, folder: Path) -> Volume:
    """An input, mapped; a file of the client's folder needs no name any more then."""
    voxels = read_array(file.array)
    if Path(file.array.path).parent == folder:
        discard(file.array)
    return Volume(voxels, file.geometry, file.name, modality=file.modality)


def _result(request: Segment, warm: WarmModel, was_warm: bool, outcome: Any, started: float) -> Result:
    """Writes the arrays of a SegmentationResult; none is left when one cannot be written."""
    segmentation: Segmentation = outcome.segmentation
    folder = Path(request.folder)
    written: list[ArrayFile] = []

    def write(array: Any, name: str) -> ArrayFile:
        if name in request.results:
            return write_array(array, Path(request.results[name]), held=True)
        file = write_array(array, folder / f"result-{request.id}-{name}.raw")
        written.append(file)
        return file

    def write_volume(volume: Volume | None, name: str) -> VolumeFile | None:
        if volume is None:
            return None
        return VolumeFile(write(volume.voxels, name), volume.geometry, volume.name)

    writing = time.perf_counter()
    try:
        voxels = write(segmentation.voxels, "labels")
        probabilities = write_volume(outcome.probabilities, "probabilities")
        uncertainty = write_volume(outcome.uncertainty, "uncertainty")
    except BaseException:
        for file in written:
            discard(file)
        raise
    now = time.perf_counter()
    return Result(
        id=request.id,
        voxels=voxels,
        geometry=segmentation.geometry,
        labels=segmentation.labels,
        model=warm.model.card.name,
        version=warm.model.card.version,
        timings={**outcome.timings, "write": now - writing, "total": now - started},
        warnings=tuple(outcome.warnings),
        settings=dict(outcome.settings),
        warm=was_warm,
        probabilities=probabilities,
        uncertainty=uncertainty,
    )


def _device(name: str) -> Device:
    from ...inference import devices

    return Device(name, devices.device_title(name), free_memory=devices.free_memory(name))


def _release_device_memory() -> None:
    import torch

    from ...inference import devices

    for name in devices.available_devices():
        devices.release_cache(torch.device(name))
