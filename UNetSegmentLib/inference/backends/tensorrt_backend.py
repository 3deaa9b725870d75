"""The network in TensorRT, on an NVIDIA GPU: engines built at the first tile and kept in the user's cache.

Chosen only when asked for (``backend=tensorrt``): building takes minutes, and no GPU was at hand when this was written.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence

import torch
from torch import nn

from ...errors import InputError, ModelError
from .compiled_cache import CompiledCache
from .engine_facts import device_here, driver_here
from .half import HalfInside
from .onnx_backend import exported
from .passes import Passes
from .tensorrt_engine import BuildOptions, TensorRtNetwork, build_engine, load_tensorrt

log = logging.getLogger(__name__)

CONVERSION = 1
"""Counts up when a network is converted to something else, so that older engines of the cache are not used."""


class TensorRtBackend:
    """The networks as engines of one tile size and batch.

    Args:
        modules: one per fold, in eval mode: torch modules, or ONNX files (see :mod:`UNetSegmentLib.models.opaque`).
        dimension: 2 or 3.
        device: a CUDA device.
        mirror_axes: array axes to mirror, all combinations.
        batch: tiles at once.
        autocast: ``torch.float16`` for half precision, None for float32.
        key: tells the networks from all others, for the cache on the disk; empty keeps them out of it.
        cache: in place of the user's.

    Raises:
        DependencyError: TensorRT is not installed.
        InputError: a precision that it is not built for here.
    """

    name = "tensorrt"

    def __init__(
        self,
        modules: Sequence[nn.Module],
        dimension: int,
        device: torch.device,
        mirror_axes: Sequence[int] = (),
        batch: int = 1,
        autocast: torch.dtype | None = None,
        key: str = "",
        cache: CompiledCache | None = None,
    ) -> None:
        self._version = load_tensorrt().__version__
        if autocast not in (None, torch.float16):
            raise InputError("The backend 'tensorrt' computes in fp32 or fp16 only.", "Choose one of these precisions.")
        self.device = device
        self._modules = list(modules)
        self._dimension = dimension
        self._batch = batch
        self._half = autocast is not None
        self._key = key
        self._cache = (cache or CompiledCache()) if key else None
        self._networks: dict[tuple[int, tuple[int, ...]], TensorRtNetwork] = {}
        self._passes = Passes([self._runner(n) for n in range(len(self._modules))], dimension, mirror_axes)

    @property
    def passes(self) -> int:
        """Forward passes per tile."""
        return self._passes.count

    def predict(self, tiles: torch.Tensor) -> torch.Tensor:
        """See Backend.

        Raises:
            ModelError: TensorRT cannot express the network.
        """
        with torch.inference_mode():
            return self._passes.run(tiles.to(self.device, torch.float32))

    def _runner(self, fold: int) -> Callable[[torch.Tensor], torch.Tensor]:
        def run(tiles: torch.Tensor) -> torch.Tensor:
            key = (fold, tuple(tiles.shape[1:]))
            if key not in self._networks:
                self._networks[key] = self._engine(fold, tiles.shape[1:])
            return self._networks[key](_filled(tiles, self._batch))[: tiles.shape[0]]

        return run

    def _engine(self, fold: int, shape: Sequence[int]) -> TensorRtNetwork:
        """From the cache where it was built by the same TensorRT for the same device, else anew."""
        size = "x".join(map(str, (self._batch, *shape)))
        built_with = f"tensorrt-{self._version}/{device_here()}/{driver_here()}"
        name = f"{self._key}/{fold}/{size}/{'fp16' if self._half else 'fp32'}/{built_with}/{CONVERSION}"
        content = self._cache.get(name) if self._cache is not None else None
        if content is not None:
            try:
                return TensorRtNetwork(content, self.device)
            except ModelError as error:
                log.info("an engine of the cache is of no use and is built anew: %s", error)
        content = self._built(fold, (self._batch, *shape))
        if self._cache is not None:
            self._cache.put(name, content)
        return TensorRtNetwork(content, self.device)

    def _built(self, fold: int, shape: tuple[int, ...]) -> bytes:
        module = self._modules[fold]
        file = getattr(module, "onnx_bytes", None)
        log.info("building a TensorRT engine for %s; this takes minutes, once", "x".join(map(str, shape)))
        if file is not None:
            content = file()
        else:
            network = module.to("cpu")
            content = exported(HalfInside(network) if self._half else network, shape)
        precision = "fp16" if self._half and file is None else "fp32"
        log.debug("network for TensorRT: SHA-256 %s", hashlib.sha256(content).hexdigest())
        return build_engine(content, BuildOptions(shape, shape, shape, precision))


def _filled(tiles: torch.Tensor, batch: int) -> torch.Tensor:
    """Fewer tiles than the engine takes are filled up with zeros; more come in several batches, the last one filled."""
    missing = -tiles.shape[0] % batch
    return torch.cat([tiles, tiles.new_zeros((missing, *tiles.shape[1:]))]) if missing else tiles
