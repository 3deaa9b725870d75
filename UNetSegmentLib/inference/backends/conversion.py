"""A torch module (or the file behind an opaque one) as an OpenVINO model of a fixed patch."""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from ...errors import ModelError
from .ir_network import IrNetwork
from .precise_norms import make_norms_precise

log = logging.getLogger(__name__)

CONVERSION = 2
"""Counts up when a network is converted to something else, so that what older versions compiled is not used."""

_LARGEST_KNOWN_STRIDE = 32


def to_openvino(module: nn.Module, shape: Sequence[int]) -> Any:
    """An ``openvino.Model`` of ``module`` for inputs of exactly ``shape`` (N, C, *patch).

    A network is recorded while it runs once. That costs a pass, so it is recorded with a small patch which is halved as
    often without rounding as the real one, and then set to the real size; where that does not work out (sizes that
    round, norms that need more voxels) it is recorded with the real one.

    Raises:
        ModelError: OpenVINO cannot express the network.
    """
    if isinstance(module, IrNetwork):
        return _of_ir(module, shape)
    file = getattr(module, "onnx_bytes", None)
    try:
        if file is not None:
            return _read_onnx(file(), shape)
        small = _small_shape(shape)
        if math.prod(small) <= math.prod(shape) // 2:
            try:
                return _record(module, small, shape)
            except Exception as error:  # the runtime has errors of its own kinds
                log.debug("recording with %s did not work, so %s is used: %s", small, tuple(shape), error)
        return _record(module, shape, shape)
    except Exception as error:  # the runtime has errors of its own kinds
        raise ModelError(
            "OpenVINO cannot run this network.", "Use the backend 'torch' or 'auto'.", str(error)
        ) from error


def _of_ir(network: IrNetwork, shape: Sequence[int]) -> Any:
    model = network.openvino_model()
    try:
        fixed = _fixed(model, shape)
    except Exception as error:  # the runtime has errors of its own kinds
        raise ModelError(
            f"The network's smaller form does not suit tiles of {' x '.join(map(str, shape[:1:-1]))} voxels.",
            "Use the full weights (form 'full').",
            str(error),
        ) from error
    network.check_sizes(fixed, shape)
    return fixed


def _small_shape(shape: Sequence[int]) -> list[int]:
    """A patch of two voxels at the coarsest level, if the network halves it no more often than it divides evenly."""
    halved = [2 * math.gcd(n, _LARGEST_KNOWN_STRIDE) for n in shape[2:]]
    return [1, shape[1], *(min(n, small) for n, small in zip(shape[2:], halved, strict=True))]


def _record(module: nn.Module, example: Sequence[int], shape: Sequence[int]) -> Any:
    import openvino

    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # of the tracer, about sizes that become constants; the result is checked
        image = torch.zeros(list(example))
        script = module if isinstance(module, torch.jit.ScriptModule) else traced(module, image)
        with own_logging():
            model = openvino.convert_model(script)
    return _fixed(model, shape)


@contextlib.contextmanager
def own_logging() -> Iterator[None]:
    """OpenVINO's converter sets the level and the handlers of the root logger; they are the program's, not its own."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers


def traced(module: nn.Module, image: torch.Tensor) -> torch.jit.ScriptModule:
    """What the module does with an image of this size, recorded."""
    recorded = torch.jit.trace(module, image, check_trace=False)
    assert isinstance(recorded, torch.jit.ScriptModule)
    return recorded


def _read_onnx(content: bytes, shape: Sequence[int]) -> Any:
    import openvino

    return _fixed(openvino.Core().read_model(content, b""), shape)


def _fixed(model: Any, shape: Sequence[int]) -> Any:
    """``model`` with a fixed input, refused where its output has another grid."""
    if len(model.inputs) != 1:
        raise ValueError(f"the network has {len(model.inputs)} inputs")
    model.reshape({model.inputs[0]: list(shape)})
    found = model.outputs[0].get_partial_shape()
    if found.is_dynamic or list(found.to_shape())[2:] != list(shape)[2:] or found.to_shape()[0] != shape[0]:
        raise ValueError(f"the network turns {tuple(shape)} into {found}")
    make_norms_precise(model)
    return model
