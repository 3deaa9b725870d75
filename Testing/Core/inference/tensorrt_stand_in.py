"""The part of TensorRT's Python interface that we call, without a GPU: engines hold the ONNX file and run it.

Names, arguments and return values are those of NVIDIA's reference for TensorRT 10; an attribute that is not here
raises, so that a call by a wrong name does not pass for one that works.
"""

from __future__ import annotations

import ctypes
import enum
import json
import math
from types import ModuleType
from typing import Any

import numpy as np


class _Flags(enum.IntEnum):
    FP16 = 0
    INT8 = 2
    TF32 = 7


class _Creation(enum.IntEnum):
    EXPLICIT_BATCH = 0
    STRONGLY_TYPED = 1


class _CreationOf11(enum.IntEnum):
    EXPLICIT_BATCH = 0


class _Pool(enum.Enum):
    WORKSPACE = 0


class _Mode(enum.Enum):
    INPUT = 1
    OUTPUT = 2


class Logger:
    ERROR = 1

    def __init__(self, severity: int) -> None:
        self.severity = severity


class _Network:
    def __init__(self, flags: int) -> None:
        self.flags = flags
        self.content = b""

    def get_input(self, number: int) -> Any:
        import onnx

        return onnx.load_from_string(self.content).graph.input[number]


class _Profile:
    def __init__(self) -> None:
        self.shapes: dict[str, Any] = {}

    def set_shape(self, name: str, least: tuple[int, ...], usual: tuple[int, ...], largest: tuple[int, ...]) -> None:
        self.shapes[name] = [least, usual, largest]


class _Config:
    def __init__(self) -> None:
        self.flags = {_Flags.TF32}
        self.workspace = 0
        self.profiles: list[_Profile] = []

    def set_flag(self, flag: _Flags) -> None:
        self.flags.add(flag)

    def clear_flag(self, flag: _Flags) -> None:
        self.flags.discard(flag)

    def set_memory_pool_limit(self, pool: _Pool, size: int) -> None:
        assert pool is _Pool.WORKSPACE
        self.workspace = size

    def add_optimization_profile(self, profile: _Profile) -> int:
        self.profiles.append(profile)
        return 0


class _Reason:
    def __init__(self, text: str) -> None:
        self._text = text

    def desc(self) -> str:
        return self._text


def tensorrt(version: str = "10.3.0", parses: bool = True, builds: bool = True) -> ModuleType:
    """A module to stand in ``sys.modules``; ``module.built`` lists what was built: network flags and configuration."""
    module: Any = ModuleType("tensorrt")
    module.__version__ = version
    module.built = []

    class Builder:
        def __init__(self, logger: Logger) -> None:
            pass

        def create_network(self, flags: int = 0) -> _Network:
            return _Network(flags)

        def create_builder_config(self) -> _Config:
            return _Config()

        def create_optimization_profile(self) -> _Profile:
            return _Profile()

        def build_serialized_network(self, network: _Network, config: _Config) -> bytes | None:
            module.built.append((network, config))
            ((name, shapes),) = config.profiles[0].shapes.items()
            head = json.dumps({"name": name, "shapes": shapes}).encode()
            return head + b"\0" + network.content if builds else None

    class OnnxParser:
        num_errors = 2

        def __init__(self, network: _Network, logger: Logger) -> None:
            self._network = network

        def parse(self, content: bytes) -> bool:
            self._network.content = content
            return parses

        def get_error(self, number: int) -> _Reason:
            return _Reason(f"reason {number}")

    module.Logger, module.Builder, module.OnnxParser, module.Runtime = Logger, Builder, OnnxParser, Runtime
    module.BuilderFlag = _Flags
    module.MemoryPoolType = _Pool
    module.TensorIOMode = _Mode
    module.NetworkDefinitionCreationFlag = _Creation if version.startswith("10") else _CreationOf11
    return module


class Runtime:
    def __init__(self, logger: Logger) -> None:
        pass

    def deserialize_cuda_engine(self, content: bytes) -> _Engine | None:
        return _Engine(content) if content.startswith(b"{") else None


class _Engine:
    def __init__(self, content: bytes) -> None:
        import onnxruntime

        head, _, network = content.partition(b"\0")
        told = json.loads(head)
        self.shapes = told["shapes"]
        self.session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
        self.names = [told["name"], self.session.get_outputs()[0].name]
        self.num_io_tensors = 2

    def get_tensor_name(self, number: int) -> str:
        return self.names[number]

    def get_tensor_mode(self, name: str) -> _Mode:
        return _Mode.INPUT if name == self.names[0] else _Mode.OUTPUT

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[tuple[int, ...]]:
        return [tuple(shape) for shape in self.shapes]

    def create_execution_context(self) -> _Context:
        return _Context(self)


class _Context:
    def __init__(self, engine: _Engine) -> None:
        self._engine = engine
        self._addresses: dict[str, int] = {}
        self._shape: tuple[int, ...] = ()

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        least, _, largest = self._engine.shapes
        self._shape = shape
        return all(low <= n <= high for low, n, high in zip(least, shape, largest, strict=True))

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        classes = self._engine.session.get_outputs()[0].shape[1]
        return (self._shape[0], int(classes), *self._shape[2:])

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        source, target = (self._addresses[name] for name in self._engine.names)
        image = _memory(source, self._shape)
        (result,) = self._engine.session.run(None, {self._engine.names[0]: image.copy()})
        _memory(target, result.shape)[...] = result
        return True


def _memory(address: int, shape: tuple[int, ...]) -> np.ndarray:
    """The floats at an address."""
    kind = ctypes.c_float * math.prod(shape)
    return np.ctypeslib.as_array(kind.from_address(address)).reshape(shape)
