"""Every way in which this machine can run a model, timed side by side.

A way is a backend, a precision, a form of the networks, a number of threads, and how many tiles come at once. Each is
run through the whole engine on the same image. The ways take turns, so that what else the machine does meets all of
them, and the least of their times is shown: noise only ever adds.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..errors import Cancelled, InputError, UNetSegmentError
from ..geometry import Geometry
from ..inference.segmenter import SegmentationResult, Segmenter
from ..inference.settings import EngineSettings
from ..models.model import Model
from ..progress import CancelToken, ProgressCallback, Stage
from ..reporting.measuring.metrics import dice_scores
from ..training.loop.threads import torch_threads
from ..volume import Segmentation, Volume

log = logging.getLogger(__name__)

_ROUNDS = 3
_TILES_ACROSS = 1.7  # two of them, with their overlap
_CANCELLED = "not run: cancelled"


@dataclass(frozen=True)
class Way:
    """One way to run a model on the CPU.

    Args:
        backend: ``torch``, ``openvino`` or ``onnx``.
        precision: ``fp32`` or ``bf16``.
        form: of the networks: ``full`` or ``int8``.
        threads: of the backend.
        batch: tiles at once; 0 for what the engine chooses.
        patch: (z, y, x) voxels of a tile; None for the model's.
    """

    backend: str
    precision: str = "fp32"
    form: str = "full"
    threads: int = 1
    batch: int = 0
    patch: tuple[int, int, int] | None = None

    def settings(self, base: EngineSettings) -> EngineSettings:
        """The engine's settings for it."""
        return replace(
            base,
            backend="auto" if self.form == "int8" else self.backend,
            precision="auto" if self.form == "int8" else self.precision,
            form=self.form,
            tile_batch=self.batch,
            patch=self.patch or base.patch,
        )


@dataclass(frozen=True)
class Timing:
    """What a way came to.

    Args:
        batch, patch: as they were in the run.
        tile_seconds: in the network, for each tile with its folds and mirrors; NaN where it did not run.
        case_seconds: from the image to its labels.
        start_seconds: how much longer the first run took: converting, compiling, taking memory.
        agreement: share of the voxels that have the label that torch gives them in full precision.
        dice: mean over the labels, where a reference was given.
        problem: why it did not run, or "".
        chosen: whether the setting ``auto`` ran like this.
    """

    way: Way
    batch: int = 0
    patch: tuple[int, ...] = ()
    tile_seconds: float = math.nan
    case_seconds: float = math.nan
    start_seconds: float = math.nan
    agreement: float = math.nan
    dice: float = math.nan
    problem: str = ""
    chosen: bool = False


@dataclass(frozen=True)
class Benchmark:
    """The table.

    Args:
        tiles: of the case, as the model's own patch cuts it.
        auto: the backend that the setting ``auto`` took for this case, with the threads of the first row.
        cancelled: whether it was ended early.
    """

    rows: tuple[Timing, ...]
    tiles: int = 0
    auto: str = ""
    cancelled: bool = False


def ways(threads: Sequence[int], patches: Sequence[tuple[int, int, int]] = ()) -> list[Way]:
    """What is tried: with each number of threads every backend, precision and form; with the first number also single
    tiles, and tiles of other sizes."""
    first = threads[0]
    found = [
        Way(backend, precision, form, count)
        for count in threads
        for backend, precision, form in (
            ("torch", "fp32", "full"),
            ("torch", "bf16", "full"),
            ("openvino", "fp32", "full"),
            ("openvino", "bf16", "full"),
            ("openvino", "fp32", "int8"),
            ("onnx", "fp32", "full"),
        )
    ]
    quick = ("torch", "openvino")
    found += [Way(backend, threads=first, batch=1) for backend in quick]
    return found + [Way(backend, threads=first, patch=patch) for patch in patches for backend in quick]


def benchmark(
    model: Model,
    image: Volume | Sequence[Volume] | None = None,
    reference: Segmentation | None = None,
    settings: EngineSettings | None = None,
    tried: Sequence[Way] | None = None,
    seconds: float = 120.0,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Benchmark:
    """Times the ways to run a model, on the CPU.

    Args:
        image: the case; None for noise of a few tiles, which tells times but no Dice.
        reference: its true labels, on the grid of the (first) image.
        settings: of the engine, but for what a way sets; None for the preset ``balanced``.
        tried: see :func:`ways`; None for all with the threads that torch has now. The first one that is torch in full
            precision is what labels are compared with.
        seconds: after which no further run is begun. Each way is run at least once as long as it lasts.
        progress: called with events of the stage ``benchmark``.
        cancel: ends the table early, with what was measured by then.

    Raises:
        InputError: a reference on another grid, or without an image.
    """
    if reference is not None:
        _check_reference(image, reference)
    base = settings or EngineSettings()
    tried = list(tried) if tried is not None else ways([torch.get_num_threads()])
    # One image for all ways, or their times and labels could not be compared.
    case = image if image is not None else noise(model, _largest_patch(model, tried))
    runs = [_Runs(model, way, base, case) for way in tried]
    end = time.monotonic() + seconds
    stage = Stage("benchmark", len(runs) * _ROUNDS + 1, progress)
    cancelled = False
    auto: SegmentationResult | None = None
    try:
        for number in range(_ROUNDS):
            for run in runs:
                stage.step(0, str(run.way.backend))
                run.once(number, end, cancel)
                stage.step()
        if runs:
            with torch_threads(tried[0].threads):
                auto = Segmenter(model, "cpu", settings=base).segment(runs[0].image, cancel=cancel)
        stage.step()
    except Cancelled:
        cancelled = True
    return _table(runs, reference, auto, cancelled)


def noise(model: Model, patch: Sequence[int] | None = None) -> Volume:
    """An image that a model takes, of two tiles along y and x, filled with noise (seed 0).

    Args:
        patch: (z, y, x) voxels of a tile; None for the model's.
    """
    card = model.card
    z, y, x = patch or card.inference.patch
    shape = (z, round(y * _TILES_ACROSS), round(x * _TILES_ACROSS))
    dz, dy, dx = (step or 1.0 for step in card.preparation.spacing or (None, None, None))
    geometry = Geometry((shape[2], shape[1], shape[0]), (dx, dy, dz))
    voxels = np.random.default_rng(0).normal(100, 30, (len(card.inputs), *shape)).astype(np.float32)
    return Volume(voxels, geometry, "noise")


def _largest_patch(model: Model, tried: Sequence[Way]) -> list[int]:
    """(z, y, x) voxels, along each axis those of the way that has most."""
    patches = [model.card.inference.patch, *(way.patch for way in tried if way.patch is not None)]
    return [max(sizes) for sizes in zip(*patches, strict=True)]


class _Runs:
    """The runs of one way so far."""

    def __init__(self, model: Model, way: Way, base: EngineSettings, image: Volume | Sequence[Volume]) -> None:
        self.way = way
        self.image = image
        self._model = model
        self._base = base
        self._segmenter: Segmenter | None = None
        self.results: list[SegmentationResult] = []
        self.problem = _CANCELLED

    def once(self, number: int, end: float, cancel: CancelToken | None) -> None:
        """One more run, unless the time is up; what is wrong becomes the row's problem."""
        if cancel is not None:
            cancel.raise_if_cancelled()
        if number != len(self.results):
            return
        if time.monotonic() > end:
            self.problem = "not run: the time was up"
            return
        self.problem = ""
        try:
            with torch_threads(self.way.threads):
                if self._segmenter is None:
                    self._segmenter = Segmenter(self._model, "cpu", settings=self.way.settings(self._base))
                self.results.append(self._segmenter.segment(self.image, cancel=cancel))
        except Cancelled:
            self.problem = _CANCELLED
            raise
        except UNetSegmentError as error:
            self.problem = " ".join(filter(None, (error.cause, error.cure)))
        except Exception as error:  # a foreign runtime may raise anything; the other rows are still of use
            log.debug("%s did not run", self.way, exc_info=True)
            self.problem = f"{type(error).__name__}: {error}".splitlines()[0]


def _table(
    runs: Sequence[_Runs], reference: Segmentation | None, auto: SegmentationResult | None, cancelled: bool
) -> Benchmark:
    full = Way("torch")
    plain = [run for run in runs if run.results and replace(run.way, threads=1) == full]
    rows = [_row(run, plain[0].results[0] if plain else None, reference) for run in runs]
    if auto is None:
        return Benchmark(tuple(rows), cancelled=cancelled)
    name = str(auto.settings["backend"])
    as_it = Way(name, threads=runs[0].way.threads)
    as_auto = [n for n, row in enumerate(rows) if row.way == as_it and not row.problem]
    rows = [replace(row, chosen=n in as_auto[:1]) for n, row in enumerate(rows)]
    return Benchmark(tuple(rows), int(auto.settings["tiles"]), name, cancelled)


def _row(run: _Runs, plain: SegmentationResult | None, reference: Segmentation | None) -> Timing:
    if not run.results:
        return Timing(run.way, problem=run.problem)
    first, *later = run.results
    quickest = min(later or [first], key=lambda result: result.timings["total"])
    voxels = first.segmentation.voxels
    same = math.nan
    if plain is not None and plain.segmentation.voxels.shape == voxels.shape:
        same = float(np.mean(plain.segmentation.voxels == voxels))
    tiles = max(int(first.settings["tiles"]), 1)
    return Timing(
        run.way,
        int(first.settings["batch"]),
        tuple(first.settings["patch"]),
        min(result.timings["network"] for result in later or [first]) / tiles,
        quickest.timings["total"],
        max(first.timings["total"] - quickest.timings["total"], 0.0) if later else math.nan,
        same,
        math.nan if reference is None else _dice(first.segmentation, reference),
    )


def _dice(found: Segmentation, reference: Segmentation) -> float:
    values = [label.value for label in found.labels]
    known = [score for score in dice_scores(found, reference, values).values() if score is not None]
    return float(np.mean(known)) if known else math.nan


def _check_reference(image: Volume | Sequence[Volume] | None, reference: Segmentation) -> None:
    if image is None:
        raise InputError("A reference without its image tells nothing.", "Give the image too.")
    first = image if isinstance(image, Volume) else image[0]
    if first.geometry.shape != reference.geometry.shape:
        raise InputError(
            f"The reference has {' x '.join(map(str, reference.geometry.size))} voxels, the image "
            f"{' x '.join(map(str, first.geometry.size))}.",
            "Give the labels of this image, on its grid.",
        )
