"""One model on one prepared image: down the memory ladder until a plan carries."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import nn

from ..budget import available_memory, is_out_of_memory
from ..errors import InputError, ModelError, ResourceError, UNetSegmentError
from ..models.card import INT8_OPENVINO, ModelCard
from ..models.model import Model
from ..networks.config import OpaqueNetwork
from ..preprocessing.preparation import PreparationRecord, Prepared
from ..progress import Stage
from .backend import Backend
from .backends import BackendRequest, make_backend
from .backends.trial import TrialBackend
from .demand import Demand
from .devices import device_title, free_memory, release_cache
from .engine import Pass, crop_of, run_tiles, tiles_of
from .finite import FiniteWatch, NotFiniteError
from .head import Bodies, Head, split_head
from .memory import RunPlan, feature_bytes, ladder, need_of
from .reduction import Reduced, ReductionPlan
from .settings import EngineSettings
from .small_networks import SmallNetworks, small_networks
from .tiles import plan_tiles

log = logging.getLogger(__name__)

_OVERFLOW = "'{}' gives numbers that are too large for half precision, so it ran in single precision."

# What a backend may hold between two runs, and the free memory below which none holds any.
_KEPT_BYTES = 1 << 29
_LITTLE_RAM = 4 << 30

StageMaker = Callable[[int, str], Stage]
"""Makes the stage that counts the tiles: how many, and on what."""


@dataclass(frozen=True)
class Outputs:
    """Which maps are wanted besides the labels."""

    probabilities: bool = False
    uncertainty: bool = False

    @property
    def any(self) -> bool:
        return self.probabilities or self.uncertainty


@dataclass(frozen=True, eq=False)
class RunResult:
    """What a run gives, how its image was prepared, and how it was done: provenance, a warning or "", seconds in the
    network."""

    reduced: Reduced
    record: PreparationRecord
    settings: dict[str, Any]
    warning: str
    network_seconds: float


class ModelRunner:
    """Runs the networks of one model (not its companions) on prepared images.

    Args:
        model: the model.
        settings: the knobs; their ``form`` is ``full`` or ``int8``.
        device: where to run first.
    """

    def __init__(self, model: Model, settings: EngineSettings, device: torch.device) -> None:
        self.model = model
        self.settings = settings.for_model(model.card.inference)
        self._device = device
        self._loaded: list[nn.Module] = []
        self._split: tuple[Bodies, Head] | None = None
        self._small: SmallNetworks | None = None
        self._kept: dict[tuple[Any, ...], Backend] = {}  # by what they were made for
        self._overflows = False

    @property
    def card(self) -> ModelCard:
        return self.model.card

    def demand(self, record: PreparationRecord, maps: bool) -> Demand:
        """What a run over such an image takes at least."""
        how = self._pass(RunPlan(self._device, self._device, 1, self._patch), Outputs(maps))
        mirrors = len(self.card.inference.mirror_axes) if self.settings.mirrors else 0
        passes = self._folds * 2**mirrors
        return Demand(self.card, record, how.patch, how.overlap, how.tiling, passes, maps)

    def tiles(self, record: PreparationRecord) -> int:
        """How many tiles a prepared image takes, unless memory is short."""
        how = self._pass(RunPlan(self._device, self._device, 1, self._patch), Outputs())
        return len(plan_tiles(record.grid.shape, how.patch, how.overlap, how.tiling))

    def run(self, prepared: Prepared, outputs: Outputs, stage: StageMaker) -> RunResult:
        """Runs the model.

        Raises:
            ResourceError: memory ran out on every rung of the ladder.
            ModelError: what its network gives is not finite, in single precision too.
            Cancelled: between two tiles.
        """
        try:
            return self._down_the_ladder(prepared, outputs, stage)
        except NotFiniteError as error:
            if not self._half(self._device):
                raise _not_finite(self.card, prepared) from error
        # Kept for the runs to come: it would happen again.
        log.warning("%s", _OVERFLOW.format(self.card.name))
        self.settings = replace(self.settings, precision="fp32")
        self._overflows = True
        try:
            return self._down_the_ladder(prepared, outputs, stage)
        except NotFiniteError as error:
            raise _not_finite(self.card, prepared) from error

    def _down_the_ladder(self, prepared: Prepared, outputs: Outputs, stage: StageMaker) -> RunResult:
        failure: BaseException | None = None
        for plan in self._ladder(prepared.record):
            try:
                return self._attempt(plan, prepared, outputs, stage)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                failure = error
                self._kept.clear()
                log.warning("Memory ran out with %s; trying less.", plan)
            release_cache(self._device)
        raise ResourceError(
            f"Memory ran out, even on the CPU with the smallest tiles ({self.card.name}, "
            f"{' x '.join(map(str, prepared.record.grid.size))} voxels).",
            "Close other programs, segment a smaller region, or use the preset 'fast'.",
            str(failure),
        ) from failure

    def release(self) -> None:
        """Forgets the networks; the next run loads them again."""
        self._loaded, self._split, self._small = [], None, None
        self._kept.clear()
        self.model.release()
        release_cache(self._device)

    def fits_beside(self, record: PreparationRecord) -> bool:
        """Whether a run over such an image fits into the memory that is free now."""
        plan = next(self._ladder(record))
        need = need_of(plan, self.card, record.grid.shape, self._half(plan.device), self._features)
        return max(need.device, need.host if plan.device.type == "cpu" else 0) <= free_memory(plan.device)

    # -- steps ---------------------------------------------------------------------------------------------------

    @property
    def _patch(self) -> tuple[int, int, int]:
        return self.settings.patch or self.card.inference.patch

    @property
    def _folds(self) -> int:
        return self.model.folds if self.settings.folds else 1

    @property
    def _features(self) -> int | None:
        head = self._networks()[1]
        return head.features if head else None

    def _half(self, device: torch.device) -> bool:
        return autocast_of(self.settings.precision, device) is not None

    def _ladder(self, record: PreparationRecord) -> Any:
        settings, shape = self.settings, record.grid.shape
        return ladder(
            self.card,
            self._device,
            shape,
            self._patch,
            settings.tile_batch,
            self._half(self._device),
            settings.memory_limit,
            self._features,
        )

    def _networks(self) -> tuple[list[nn.Module], Head | None]:
        """The networks whole, or their bodies as one beside the head that was taken off."""
        if self.settings.form == "int8":
            self._small = self._small or small_networks(self.model, self._folds)
            return self._small.networks, self._small.head
        networks: list[nn.Module] = [self.model.network(fold) for fold in range(self._folds)]
        if networks != self._loaded:
            self._loaded, self._split = networks, split_head(networks)
            self._kept.clear()
        return (networks, None) if self._split is None else ([self._split[0]], self._split[1])

    def _backend(self, plan: RunPlan, tiles: int) -> tuple[Backend, Head | None]:
        """What runs the tiles: that of an earlier run of the same kind where it is kept."""
        networks, head = self._networks()
        batch = min(plan.batch, tiles)
        key = (plan.device, plan.patch, batch, self.settings)
        backend = self._kept.get(key)
        if backend is None:
            backend = make_backend(self._request(plan, batch, tiles, networks, head is None))
            if self._may_keep(plan):
                self._kept[key] = backend
        elif isinstance(backend, TrialBackend):
            backend.expect(tiles)
        return backend, head

    def _may_keep(self, plan: RunPlan) -> bool:
        """Whether what a backend holds between two runs (its memory for feature maps) is little."""
        if plan.device.type != "cpu":
            return True
        return feature_bytes(plan, self.card, False, self._features) <= _KEPT_BYTES

    def _request(
        self, plan: RunPlan, batch: int, tiles: int, networks: Sequence[nn.Module], whole: bool
    ) -> BackendRequest:
        card, settings = self.card, self.settings
        small = settings.form == "int8"
        digests = self.model.form_digests(INT8_OPENVINO) if small else self.model.digests
        digests = digests[: self._folds]
        kind = ("int8-" if small else "") + ("logits" if whole else "features")
        return BackendRequest(
            networks,
            card.network.dimension,
            plan.device,
            card.inference.mirror_axes if settings.mirrors else (),
            autocast_of(settings.precision, plan.device),
            "openvino" if small else settings.backend,
            plan.patch,
            batch,
            cache_key="-".join([kind, *digests]) if digests and all(digests) else "",
            tiles=tiles,
            activation=card.inference.activation if whole else None,
            title=f"{card.name} {card.version}",
        )

    def _pass(self, plan: RunPlan, outputs: Outputs) -> Pass:
        contract, settings = self.card.inference, self.settings
        skip = settings.skip_background and not outputs.any
        return Pass(
            plan.patch,
            settings.overlap or 0.0,
            settings.tiling or contract.tiling,
            settings.weighting or contract.weighting,
            contract.padding,
            plan.batch,
            plan.accumulate_on,
            contract.background_below if skip else None,
            len(self.card.inputs),
        )

    def _attempt(self, plan: RunPlan, prepared: Prepared, outputs: Outputs, stage: StageMaker) -> RunResult:
        how = self._pass(plan, outputs)
        image = prepared.tensor.to(plan.device)
        tiles = len(tiles_of(image, how))
        backend, head = self._backend(plan, tiles)
        timed = _Timed(backend)
        reduction = _reduction_plan(self.card, prepared.record, how, image, self.settings, outputs)
        watch = FiniteWatch(infinite=not isinstance(self.card.network, OpaqueNetwork))
        reduced = run_tiles(image, timed, how, reduction, stage(tiles, device_title(plan.device)), head, watch)
        used = self._provenance(plan, backend, tiles)
        told = [plan.warning, getattr(backend, "note", ""), _OVERFLOW.format(self.card.name) if self._overflows else ""]
        if available_memory() < _LITTLE_RAM:
            self._kept.clear()
        return RunResult(reduced, prepared.record, used, " ".join(filter(None, told)), timed.seconds)

    def _provenance(self, plan: RunPlan, backend: Backend, tiles: int) -> dict[str, Any]:
        settings = asdict(self.settings)
        precision = autocast_of(self.settings.precision, plan.device) or torch.float32
        taken = {
            "device": device_title(plan.device),
            "backend": getattr(backend, "name", self.settings.backend),
            "tiles": tiles,
            "patch": list(plan.patch),
            "batch": min(plan.batch, tiles),
            "folds": self._folds,
            "passes_per_tile": backend.passes,
            "precision": str(precision).removeprefix("torch."),
        }
        reason = getattr(backend, "reason", "")
        return {**settings, **taken, **({"backend_reason": reason} if reason else {})}


def _not_finite(card: ModelCard, prepared: Prepared) -> UNetSegmentError:
    """Why: the weights, unless the image's own numbers are at fault."""
    if not bool(torch.isfinite(prepared.tensor).all()):
        return InputError(
            f"The image's intensities are too large for the model '{card.name}': prepared for it they are no finite "
            "numbers any more.",
            "Check the image's intensities, or rescale them.",
        )
    return ModelError(
        f"The network of '{card.name}' gives values that are NaN or infinite; nothing can be found with them.",
        "Its weights are damaged, or its training went wrong: get or import the model again, or train it anew.",
    )


class _Timed:
    """A backend that knows how long it has run. (On a GPU: how long its work took to be queued.)"""

    def __init__(self, backend: Backend) -> None:
        self.device = backend.device
        self.seconds = 0.0
        self._backend = backend

    @property
    def passes(self) -> int:
        return self._backend.passes

    def predict(self, tiles: torch.Tensor) -> torch.Tensor:
        started = time.perf_counter()
        try:
            return self._backend.predict(tiles)
        finally:
            self.seconds += time.perf_counter() - started


def autocast_of(precision: str, device: torch.device) -> torch.dtype | None:
    """The lower precision that a setting means on a device, or None."""
    if precision == "auto":
        return torch.float16 if device.type == "cuda" else None
    return {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]


def _reduction_plan(
    card: ModelCard,
    record: PreparationRecord,
    how: Pass,
    image: torch.Tensor,
    settings: EngineSettings,
    outputs: Outputs,
) -> ReductionPlan:
    return ReductionPlan(
        crop=crop_of(image, how),
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
