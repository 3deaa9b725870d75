"""Building and running TensorRT engines. Never run on a GPU by its authors yet: ``make gpu-check`` does.

Precision is in the ONNX file itself (half precision, or quantise/dequantise nodes), which TensorRT 11 takes as it is
(every network is strongly typed there). TensorRT 10, which JetPack has, needs flags beside it to be allowed to use what
the file says.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ...errors import DependencyError, ModelError, ResourceError

_LEAST_MAJOR = 10
_STRONG_MAJOR = 11
_FLAGS = {"fp32": (), "fp16": ("FP16",), "int8": ("INT8", "FP16")}


@dataclass(frozen=True)
class BuildOptions:
    """How an engine is built.

    Args:
        least, usual, largest: input shapes (N, C, *patch) that it must take, and the one that it is tuned for.
        precision: what the ONNX file holds: ``fp32``, ``fp16`` or ``int8``.
        workspace: bytes for trying kernels.
    """

    least: tuple[int, ...]
    usual: tuple[int, ...]
    largest: tuple[int, ...]
    precision: str = "fp16"
    workspace: int = 2 << 30


def load_tensorrt() -> Any:
    """The package ``tensorrt``.

    Raises:
        DependencyError: it is not installed, or too old.
    """
    try:
        import tensorrt
    except ImportError as error:
        raise DependencyError(
            "TensorRT engines need the package tensorrt, not installed here.",
            "Install with: pip install tensorrt (on a Jetson it is part of JetPack). It needs an NVIDIA GPU.",
            str(error),
        ) from error
    if major_of(tensorrt) < _LEAST_MAJOR:
        raise DependencyError(
            f"TensorRT {tensorrt.__version__} is too old: 10 or newer is needed.",
            "Update with: pip install -U tensorrt",
        )
    return tensorrt


def check_gpu() -> None:
    """Refuses where no NVIDIA GPU is: an engine is built on the device that it is for.

    Raises:
        ResourceError: there is none.
    """
    if not torch.cuda.is_available():
        raise ResourceError(
            "A TensorRT engine is built on the GPU that will run it, and torch finds none here.",
            "Export to ONNX (--onnx FILE) and build the engine on the device: see the page on Jetson.",
        )


def build_engine(content: bytes, options: BuildOptions) -> bytes:
    """The engine of an ONNX file, for the current GPU.

    Raises:
        DependencyError: TensorRT is not installed.
        ModelError: TensorRT does not read the file, or finds no kernels for it.
    """
    trt = load_tensorrt()
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    strong = major_of(trt) >= _STRONG_MAJOR
    network = builder.create_network(_creation_flags(trt, strong))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(content):
        reasons = [str(parser.get_error(n).desc()) for n in range(parser.num_errors)]
        raise ModelError(
            f"TensorRT {trt.__version__} does not read the network.",
            "Update TensorRT, or run the ONNX file itself.",
            "; ".join(reasons)[:1000],
        )
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace)
    if not strong:
        for name in _FLAGS[options.precision]:
            config.set_flag(getattr(trt.BuilderFlag, name))
    if options.precision == "fp32" and hasattr(trt.BuilderFlag, "TF32"):
        # On by itself, and a hundredth as precise.
        config.clear_flag(trt.BuilderFlag.TF32)
    profile = builder.create_optimization_profile()
    profile.set_shape(network.get_input(0).name, options.least, options.usual, options.largest)
    config.add_optimization_profile(profile)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise ModelError(
            f"TensorRT {trt.__version__} could not build an engine: an operator without a kernel on this GPU, or too "
            "little memory.",
            "Try another precision, a smaller patch, or more workspace.",
        )
    return bytes(engine)


class TensorRtNetwork:
    """A built engine: (N, C, *patch) float32 on its device to (N, K, *patch) float32. Batches are cut to fit.

    Buffers are torch's own, the work is queued on torch's current stream.

    Args:
        content: the engine, built here (see :mod:`.engine_facts`).
        device: a CUDA device.

    Raises:
        DependencyError: TensorRT is not installed.
        ModelError: the engine is of no use to this TensorRT.
    """

    def __init__(self, content: bytes, device: torch.device) -> None:
        trt = load_tensorrt()
        self._device = device
        # The runtime and the engine must outlive the context.
        self._runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        self._engine = self._runtime.deserialize_cuda_engine(content)
        if self._engine is None:
            raise ModelError("TensorRT cannot load the engine.", "Build it again on this machine.")
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise torch.OutOfMemoryError("no memory for the TensorRT engine")
        names = [self._engine.get_tensor_name(n) for n in range(self._engine.num_io_tensors)]
        self._input = next(n for n in names if self._engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT)
        self._output = next(n for n in names if self._engine.get_tensor_mode(n) == trt.TensorIOMode.OUTPUT)
        self._most = int(self._engine.get_tensor_profile_shape(self._input, 0)[2][0])
        self._lock = threading.Lock()

    def __call__(self, tiles: torch.Tensor) -> torch.Tensor:
        """The logits, in memory of their own.

        Raises:
            ModelError: the engine does not take tiles of this size.
        """
        if tiles.shape[0] > self._most:
            return torch.cat([self(part) for part in tiles.split(self._most)])
        tiles = tiles.to(self._device, torch.float32).contiguous()
        with self._lock:
            if not self._context.set_input_shape(self._input, tuple(tiles.shape)):
                raise ModelError(
                    f"The TensorRT engine does not take tiles of {' x '.join(map(str, tiles.shape))}.",
                    "Build it for them, or use the patch that it was built for.",
                )
            result = torch.empty(
                tuple(self._context.get_tensor_shape(self._output)), dtype=torch.float32, device=self._device
            )
            self._context.set_tensor_address(self._input, tiles.data_ptr())
            self._context.set_tensor_address(self._output, result.data_ptr())
            if not self._context.execute_async_v3(_stream(self._device)):
                raise ModelError("The TensorRT engine failed.", "Use the backend 'torch', or build the engine again.")
        return result


def shapes_for(channels: int, patch: Sequence[int], batch: int, divisor: Sequence[int] | None) -> BuildOptions:
    """Shapes of a build: the patch alone, or from twice the network's total stride up to the patch."""
    least = patch if divisor is None else tuple(min(n, 2 * step) for n, step in zip(patch, divisor, strict=True))
    return BuildOptions((1, channels, *least), (batch, channels, *patch), (batch, channels, *patch))


def major_of(trt: Any) -> int:
    """The first number of TensorRT's version."""
    return int(str(trt.__version__).split(".")[0])


def _creation_flags(trt: Any, strong: bool) -> int:
    """TensorRT 11 knows strongly typed networks only, whether or not the flag still exists."""
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 1 << int(flag) if strong and flag is not None else 0


def _stream(device: torch.device) -> int:
    return int(torch.cuda.current_stream(device).cuda_stream) if device.type == "cuda" else 0
