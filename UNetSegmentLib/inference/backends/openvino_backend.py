"""The network in OpenVINO, on the CPU."""

from __future__ import annotations

import hashlib
import logging
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from ...budget import available_memory
from ...errors import ModelError
from .compiled_cache import CompiledCache
from .conversion import CONVERSION, to_openvino
from .installed import check_backend, version_of
from .passes import Passes
from .verdicts import processor

log = logging.getLogger(__name__)

PRECISIONS = {None: "f32", torch.float16: "f16", torch.bfloat16: "bf16"}

_KEPT = 8  # compiled networks in this process
_LITTLE_RAM = 4 << 30

_compiled: OrderedDict[str, CompiledNetwork] = OrderedDict()
_lock = threading.Lock()


class CompiledNetwork:
    """One network, compiled for tiles of one shape (N, C, *patch). Fewer than N tiles are padded with zeros.

    Args:
        compiled: an ``openvino.CompiledModel``.
        streams: that many inputs are worked on at the same time.
    """

    def __init__(self, compiled: Any, streams: int = 1) -> None:
        self._compiled = compiled
        self._requests = [compiled.create_infer_request() for _ in range(streams)]
        self._shape = tuple(compiled.input(0).shape)
        self._out_shape = tuple(compiled.output(0).shape)
        self._lock = threading.Lock()

    def __call__(self, tiles: torch.Tensor) -> torch.Tensor:
        """(n, C, *patch) to (n, K, *patch) in float32; the result is memory of its own."""
        size, count = self._shape[0], tiles.shape[0]
        if tuple(tiles.shape[1:]) != self._shape[1:]:
            raise ModelError(f"The network was compiled for {self._shape}; {tuple(tiles.shape)} given.")
        tiles = tiles.to(torch.float32)
        if missing := -count % size:
            tiles = torch.cat([tiles, tiles.new_zeros((missing, *tiles.shape[1:]))])
        result = torch.empty((len(tiles), *self._out_shape[1:]))
        with self._lock:
            self._run(tiles.contiguous().split(size), result.split(size))
        return result[:count]

    def release(self) -> None:
        """Gives the memory of the feature maps back; the next call takes it again."""
        with self._lock:
            self._compiled.release_memory()

    def _run(self, inputs: Sequence[torch.Tensor], outputs: Sequence[torch.Tensor]) -> None:
        import openvino

        requests = self._requests
        try:
            for number, (source, target) in enumerate(zip(inputs, outputs, strict=True)):
                request = requests[number % len(requests)]
                # Tiles cost the same: the one that was begun first is the first to be done.
                request.wait()
                # Both sides work in torch's memory: nothing is copied.
                request.set_input_tensor(openvino.Tensor(source.numpy(), shared_memory=True))
                request.set_output_tensor(openvino.Tensor(target.numpy(), shared_memory=True))
                request.start_async()
        finally:
            # Also where one failed: none may still write into memory that is gone.
            failures = [failure for failure in map(_failure_of, requests) if failure is not None]
        if failures:
            raise failures[0]


def _failure_of(request: Any) -> RuntimeError | None:
    """Waits for a request; what went wrong in it, if anything."""
    try:
        request.wait()
    except RuntimeError as error:
        return error
    return None


class OpenVinoBackend:
    """The networks in OpenVINO; compiled at the first tile, which tells the number of channels.

    Args:
        modules: one per fold, in eval mode.
        dimension: 2 or 3.
        mirror_axes: array axes to mirror, all combinations.
        batch: tiles that come at once. One has all cores to itself; several (small ones, see
            :mod:`~UNetSegmentLib.inference.memory`) have a core each, so that none waits for another. A tile's result
            does not depend on the tiles beside it.
        autocast: None for float32; half precision only where it was asked for.
        key: tells the networks from all others, for the cache on the disk; empty keeps them out of it.
        cache: in place of the user's.

    Raises:
        DependencyError: OpenVINO is not installed.
    """

    name = "openvino"

    def __init__(
        self,
        modules: Sequence[nn.Module],
        dimension: int,
        mirror_axes: Sequence[int] = (),
        batch: int = 1,
        autocast: torch.dtype | None = None,
        key: str = "",
        cache: CompiledCache | None = None,
    ) -> None:
        check_backend("openvino")
        self.device = torch.device("cpu")
        self._modules = list(modules)
        self._dimension = dimension
        self._streams = min(batch, torch.get_num_threads())
        self._precision = PRECISIONS[autocast]
        self._key = key
        self._cache = (cache or CompiledCache()) if key else None
        self._networks: dict[tuple[int, ...], list[CompiledNetwork]] = {}  # by the shape of what they take
        self._passes = Passes([self._runner(n) for n in range(len(self._modules))], dimension, mirror_axes)

    @property
    def passes(self) -> int:
        """Forward passes per tile."""
        return self._passes.count

    def predict(self, tiles: torch.Tensor) -> torch.Tensor:
        """See Backend.

        Raises:
            ModelError: OpenVINO cannot express the network.
        """
        with torch.inference_mode():
            tiles = tiles.to(self.device)
            self.compile(tiles.shape)
            return self._passes.run(tiles)

    def compile(self, shape: Sequence[int]) -> None:
        """Makes ready for tiles of ``shape`` (n, C, z, y, x)."""
        key = tuple(self._shape_of(shape))
        if key in self._networks:
            return
        threads = torch.get_num_threads()
        self._key = self._key or f"memory/{digest_of(self._modules)}"
        networks = [self._compile(fold, key, threads) for fold in range(len(self._modules))]
        for network in networks:
            weakref.finalize(self, network.release)
        self._networks[key] = networks

    def stored(self, shape: Sequence[int]) -> bool:
        """Whether all networks lie compiled in the cache on the disk."""
        folds = range(len(self._modules))
        return self._cache is not None and all(self._cache.has(self._name(n, self._shape_of(shape))) for n in folds)

    def _shape_of(self, tiles: Sequence[int]) -> list[int]:
        return [1, tiles[1], *list(tiles[2:])[-self._dimension :]]

    def _runner(self, fold: int) -> Callable[[torch.Tensor], torch.Tensor]:
        def run(tiles: torch.Tensor) -> torch.Tensor:
            network = self._networks[(1, *tiles.shape[1:])][fold]
            result = network(tiles)
            if len(self._modules) > 1 and available_memory() < _LITTLE_RAM:
                network.release()
            return result

        return run

    def _name(self, fold: int, shape: Sequence[int]) -> str:
        size = "x".join(map(str, shape))
        # A folder may be shared by machines, and what is compiled fits one kind of processor.
        made = f"openvino-{version_of('openvino')}/{CONVERSION}/{processor()}"
        return f"{self._key}/{fold}/{size}/{self._precision}/{made}"

    def _compile(self, fold: int, shape: Sequence[int], threads: int) -> CompiledNetwork:
        name = self._name(fold, shape)
        key = f"{name}/{threads}/{self._streams}"
        with _lock:
            if key in _compiled:
                _compiled.move_to_end(key)
                return _compiled[key]
        network = CompiledNetwork(
            self._from_disk(name, threads) or self._anew(fold, shape, name, threads), self._streams
        )
        with _lock:
            _compiled[key] = network
            while len(_compiled) > max(_KEPT, len(self._modules)):
                _compiled.popitem(last=False)
        # A model that is let go takes its compiled form along.
        weakref.finalize(self._modules[fold], _forget, key)
        return network

    def _from_disk(self, name: str, threads: int) -> Any:
        import openvino

        content = self._cache.get(name) if self._cache else None
        if self._cache is None or content is None:
            return None
        try:
            return openvino.Core().import_model(content, "CPU", self._options(threads))
        except RuntimeError as error:
            log.info("a compiled network of the cache is of no use and is made anew: %s", error)
            self._cache.drop(name)
            return None

    def _anew(self, fold: int, shape: Sequence[int], name: str, threads: int) -> Any:
        import openvino

        model = to_openvino(self._modules[fold], shape)
        compiled = openvino.Core().compile_model(model, "CPU", self._options(threads))
        if self._cache is not None:
            content = compiled.export_model()  # bytes or a stream of them, by the version
            self._cache.put(name, content if isinstance(content, bytes) else content.getvalue())
        return compiled

    def _options(self, threads: int) -> dict[str, Any]:
        return {
            # Never left to the runtime, which takes half precision where the processor has it.
            "INFERENCE_PRECISION_HINT": self._precision,
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "THROUGHPUT" if self._streams > 1 else "LATENCY",
            "NUM_STREAMS": self._streams,
            # Threads tied to cores wait for each other when another process has work for those cores.
            "ENABLE_CPU_PINNING": False,
        }


def _forget(key: str) -> None:
    with _lock:
        _compiled.pop(key, None)


def forget_compiled() -> None:
    """Drops the compiled networks that this process keeps."""
    with _lock:
        _compiled.clear()


def digest_of(modules: Sequence[nn.Module]) -> str:
    """SHA-256 of the structure and weights of modules."""
    digest = hashlib.sha256()
    for module in modules:
        digest.update(repr(module).encode())
        for name, tensor in module.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
