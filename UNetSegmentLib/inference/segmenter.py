"""The main job: a model on a volume, from the image as it was read to labels on the same grid."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from ..errors import InputError, ResourceError
from ..geometry import Box
from ..models.card import ModelCard, Preparation
from ..models.model import Model
from ..postprocessing import clean
from ..preprocessing.preparation import PreparationRecord, Prepared, model_axes, prepare
from ..progress import CancelToken, ProgressCallback, Stage
from ..resampling.physical import resample_to
from ..volume import Segmentation, Volume, stack_channels
from .backend import TorchBackend
from .devices import choose_device, device_title, release_cache
from .engine import Pass, crop_of, run_tiles, tiles_of
from .head import split_head
from .memory import RunPlan, is_out_of_memory, ladder
from .reduction import Reduced, ReductionPlan
from .settings import EngineSettings
from .settings import preset as settings_of

log = logging.getLogger(__name__)

# A region this many times larger than what the model was trained on deserves a word to the user.
_WIDE_FACTOR = 2.0


@dataclass(frozen=True, eq=False)
class SegmentationResult:
    """What a run gives.

    Attributes:
        segmentation: labels on the grid of the (first) input.
        probabilities: one channel per network output, float32, where asked for.
        uncertainty: Shannon entropy in bits, one channel, where asked for.
        timings: seconds per stage.
        warnings: what the user should know.
        settings: how it was done: model, version, preset, device, tiles and so on, for provenance.
    """

    segmentation: Segmentation
    probabilities: Volume | None = None
    uncertainty: Volume | None = None
    timings: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Outputs:
    probabilities: bool
    uncertainty: bool

    @property
    def any(self) -> bool:
        return self.probabilities or self.uncertainty


class Segmenter:
    """Runs one model on volumes; keeps the network on the device between runs.

    Args:
        model: from ``load_model``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        preset: ``exact``, ``balanced`` or ``fast``.
        settings: every knob by hand; takes the preset's place.

    Raises:
        ResourceError: the device is not there.
        InputError: no such preset.
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
        card = self.model.card
        started = time.perf_counter()
        stage = Stage("prepare", 1, progress, cancel)
        image = self._one_image(volume)
        prepared = self._prepare(image, region)
        warnings = [*_field_of_view_warnings(card, prepared.record)]
        stage.step()
        timings = {"prepare": time.perf_counter() - started}
        outputs = _Outputs(probabilities, uncertainty)
        reduced, plan, used = self._run(prepared, outputs, progress, cancel)
        timings["segment"] = time.perf_counter() - started - timings["prepare"]
        stage = Stage("finish", 1, progress, cancel)
        result = _assemble(card, image, prepared.record, reduced)
        stage.step()
        timings["total"] = time.perf_counter() - started
        timings["finish"] = timings["total"] - timings["prepare"] - timings["segment"]
        if plan.warning:
            warnings.append(plan.warning)
        return replace(result, timings=timings, warnings=tuple(warnings), settings=used)

    # -- steps ---------------------------------------------------------------------------------------------------

    def _one_image(self, volume: Volume | Sequence[Volume]) -> Volume:
        card = self.model.card
        volumes = [volume] if isinstance(volume, Volume) else list(volume)
        total = sum(v.channels for v in volumes)
        if total != len(card.inputs):
            names = ", ".join(f"{channel.name} ({channel.modality})" for channel in card.inputs)
            hint = " An RGB or 4D image has several channels." if len(volumes) == 1 and total > 1 else ""
            raise InputError(
                f"The model '{card.name}' needs {len(card.inputs)} input channel(s): {names}; {total} given.{hint}",
                "Give one single-channel image for each input.",
            )
        first = volumes[0].geometry
        return stack_channels([volumes[0], *(_onto(v, first) for v in volumes[1:])])

    def _prepare(self, image: Volume, region: Box | None) -> Prepared:
        card = self.model.card
        if card.network.dimension == 3 and min((region or Box.whole(image.geometry.shape)).shape) < 2:
            raise InputError(
                f"'{image.name}' is a single slice ({' x '.join(map(str, image.geometry.size))} voxels), and the model "
                f"'{card.name}' is three-dimensional.",
                "Give a volume of several slices, or choose a 2D model.",
            )
        prepare_on = functools.partial(
            prepare,
            image,
            _scaled(card.preparation, image, self.settings.spacing_scale),
            region,
            least_shape=card.inference.patch,
            normalize_region=card.field_of_view_mm is not None,
        )
        # MPS has no float64, which the intensity statistics need.
        if self.device.type == "cuda":
            try:
                return prepare_on(device=self.device)
            except torch.OutOfMemoryError:
                log.warning("out of memory on %s while preparing; using the CPU for that", self.device)
                release_cache(self.device)
        return prepare_on(device="cpu")

    def _run(
        self, prepared: Prepared, outputs: _Outputs, progress: ProgressCallback | None, cancel: CancelToken | None
    ) -> tuple[Reduced, RunPlan, dict[str, Any]]:
        """Tries the rungs of the memory ladder until one carries."""
        card, settings = self.model.card, self.settings
        precision = _autocast(settings.precision, self.device)
        shape = prepared.record.grid.shape
        patch = settings.for_model(card.inference).patch
        assert patch is not None
        rungs = ladder(
            card, self.device, shape, patch, settings.tile_batch, precision is not None, settings.memory_limit
        )
        failure: BaseException | None = None
        for plan in rungs:
            try:
                return self._attempt(plan, prepared, outputs, progress, cancel)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                failure = error
                log.warning("out of memory on %s with %s; trying less", plan.device, plan)
            release_cache(self.device)
        raise ResourceError(
            f"Memory ran out, even on the CPU with the smallest tiles ({card.name}, {shape} voxels).",
            "Close other programs, segment a smaller region, or use the preset 'fast'.",
            str(failure),
        ) from failure

    def _attempt(
        self,
        plan: RunPlan,
        prepared: Prepared,
        outputs: _Outputs,
        progress: ProgressCallback | None,
        cancel: CancelToken | None,
    ) -> tuple[Reduced, RunPlan, dict[str, Any]]:
        card, settings = self.model.card, self.settings.for_model(self.model.card.inference)
        precision = _autocast(settings.precision, plan.device)
        folds = range(self.model.folds if settings.folds else 1)
        mirrors = card.inference.mirror_axes if settings.mirrors else ()
        networks: list[nn.Module] = [self.model.network(f) for f in folds]
        split = split_head(networks)
        head = None
        if split is not None:
            body, head = split
            networks = [body]
        backend = TorchBackend(networks, card.network.dimension, plan.device, mirrors, precision)
        skip = settings.skip_background and not outputs.any
        how = Pass(
            plan.patch,
            settings.overlap or 0.0,
            settings.tiling or card.inference.tiling,
            settings.weighting or card.inference.weighting,
            card.inference.padding,
            plan.batch,
            plan.accumulate_on,
            card.inference.background_below if skip else None,
        )
        image = prepared.tensor.to(plan.device)
        reduction = _reduction_plan(card, prepared.record, crop_of(image, how), settings, outputs)
        tiles = tiles_of(image, how)
        stage = Stage("segment", len(tiles), progress, cancel, message=device_title(plan.device))
        reduced = run_tiles(image, backend, how, reduction, stage, head)
        used = {
            "model": card.name,
            "model_version": card.version,
            "preset": self._preset,
            "device": device_title(plan.device),
            "tiles": len(tiles),
            "patch": list(plan.patch),
            "batch": plan.batch,
            "folds": len(folds),
            "passes_per_tile": backend.passes,
            "precision": str(precision or torch.float32).removeprefix("torch."),
            **{key: value for key, value in asdict(settings).items() if key not in ("patch", "folds", "precision")},
        }
        return reduced, plan, used


def _onto(volume: Volume, geometry: Any) -> Volume:
    """``volume`` on the grid of the first input; refused where they have no voxel in common."""
    low, high = volume.geometry.corners().min(axis=0), volume.geometry.corners().max(axis=0)
    if geometry.box_of(low, high).empty:
        raise InputError(
            f"'{volume.name}' does not overlap the first image.",
            "Check that both images show the same patient and part.",
        )
    return volume if volume.geometry.is_close(geometry) else resample_to(volume, geometry)


def _scaled(preparation: Preparation, image: Volume, scale: float) -> Preparation:
    """The preparation at ``scale`` times its spacing."""
    if scale == 1:
        return preparation
    z, y, x = preparation.spacing or model_axes(image.geometry, preparation)[0].array_spacing
    return replace(preparation, spacing=(None if z is None else z * scale, y * scale, x * scale))


def _autocast(precision: str, device: torch.device) -> torch.dtype | None:
    if precision == "auto":
        return torch.float16 if device.type == "cuda" else None
    return {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]


def _reduction_plan(
    card: ModelCard, record: PreparationRecord, crop: Box, settings: EngineSettings, outputs: _Outputs
) -> ReductionPlan:
    return ReductionPlan(
        crop=crop,
        shape=record.box.shape,
        order=card.preparation.output_order,
        separate_axis=record.separate_axis,
        activation=card.inference.activation,
        output_values=card.inference.output_values,
        steps=record.steps,
        starts=record.starts,
        restored=settings.restored or card.inference.restored,
        probabilities=outputs.probabilities,
        entropy=outputs.uncertainty,
    )


def _assemble(card: ModelCard, image: Volume, record: PreparationRecord, reduced: Reduced) -> SegmentationResult:
    """Everything back onto the image's grid, cleaned up."""
    segmentation = Segmentation(record.restore(reduced.labels), image.geometry, card.labels)
    segmentation = clean(segmentation, card.postprocessing)
    probabilities = uncertainty = None
    if reduced.probabilities is not None:
        maps = record.restore(reduced.probabilities)
        if card.inference.activation == "softmax":
            maps[0][~_target_mask(record)] = 1.0  # outside the region it is background for sure
        probabilities = Volume(maps, image.geometry, f"{image.name} probabilities")
    if reduced.entropy is not None:
        uncertainty = Volume(record.restore(reduced.entropy)[None], image.geometry, f"{image.name} uncertainty")
    return SegmentationResult(segmentation, probabilities, uncertainty)


def _target_mask(record: PreparationRecord) -> np.ndarray:
    return record.restore(np.ones(record.box.shape, bool))


def _field_of_view_warnings(card: ModelCard, record: PreparationRecord) -> list[str]:
    """A model trained on crops should not be given a whole head without a word."""
    if card.field_of_view_mm is None:
        return []
    expected = np.array(card.field_of_view_mm)
    extent = np.array(record.target.shape[::-1]) * np.array(record.grid.spacing) * np.array(record.grid.size)
    extent = extent / np.array(record.box.shape[::-1])
    if np.all(extent <= expected * _WIDE_FACTOR):
        return []
    wanted, given = (" x ".join(f"{v:.0f}" for v in values) for values in (expected, extent))
    return [
        f"'{card.name}' was trained on regions of about {wanted} mm; {given} mm were given. "
        "Choose a region around the structure for a better result."
    ]
