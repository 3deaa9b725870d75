"""Which layers of a quantised network do the harm: the error that each causes at the output by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...progress import CancelToken, ProgressCallback, Stage
from .ir import IrModule

WEIGHTED = (
    "Convolution",
    "ConvolutionBackpropData",
    "GroupConvolution",
    "GroupConvolutionBackpropData",
    "MatMul",
)
"""Operations that have weights and run in 8 bits."""


@dataclass(frozen=True)
class Sensitivity:
    """One layer: its name, and the root mean square of the error that quantising it alone causes in the logits, over
    their standard deviation."""

    layer: str
    error: float


def quantized_layers(model: Any) -> list[str]:
    """Names of the layers whose weights a quantised ``openvino.Model`` keeps in 8 bits, in the order they run."""
    return [node.get_friendly_name() for node in model.get_ordered_ops() if _is_quantized(node)]


def sensitivities(
    quantized: Any,
    original: Any,
    tiles: Sequence[np.ndarray],
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> list[Sensitivity]:
    """The layers, the most harmful first.

    Args:
        quantized: an ``openvino.Model`` out of :func:`~.nncf_calls.post_training`.
        original: that it was made of.
        tiles: (1, C, *patch) to judge on; other ones than those that calibrated are the better judges.

    Raises:
        Cancelled: the token was set.
    """
    layers = quantized_layers(quantized)
    stage = Stage("find sensitive layers", len(layers), progress, cancel)
    expected = answers(original, tiles)
    found = []
    for layer in layers:
        only = released(quantized, original, [name for name in layers if name != layer])
        found.append(Sensitivity(layer, output_error(only, expected, tiles)))
        stage.step()
    return sorted(found, key=lambda one: -one.error)


def output_error(model: Any, expected: Sequence[np.ndarray], tiles: Sequence[np.ndarray]) -> float:
    """Root mean square of the difference of a model's logits from the expected ones, over these' deviation."""
    squares = [float(((a - b) ** 2).mean()) for a, b in zip(answers(model, tiles), expected, strict=True)]
    spread = float(np.mean([each.var() for each in expected]))
    return float(np.sqrt(np.mean(squares) / max(spread, 1e-20)))


def answers(model: Any, tiles: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The logits (1, K, *patch) of an ``openvino.Model`` for each tile."""
    module = IrModule(model)
    return [module(torch.from_numpy(tile)).numpy() for tile in tiles]


def released(quantized: Any, original: Any, layers: Sequence[str]) -> Any:
    """A copy of a quantised model in which some layers take their input and weights as they were in float."""
    import openvino.opset13 as ops

    copy = quantized.clone()
    before = {node.get_friendly_name(): node for node in original.get_ordered_ops()}
    for node in copy.get_ordered_ops():
        name = node.get_friendly_name()
        if name not in layers:
            continue
        for port in node.inputs():
            source = port.get_source_output()
            if source.get_node().get_type_name() == "FakeQuantize":
                port.replace_source_output(source.get_node().input_value(0))
        weights = _constant(before[name].input_value(1)) if name in before else None
        if weights is not None:
            node.input(1).replace_source_output(ops.constant(weights).output(0))
    copy.validate_nodes_and_infer_types()
    return copy


def layer_title(name: str) -> str:
    """A layer's name as the network has it, ``encoder.stages.0.0.conv``, of the one that OpenVINO's converter gives."""
    return name.removeprefix("__module.").partition("/")[0] or name


def _is_quantized(node: Any) -> bool:
    if node.get_type_name() not in WEIGHTED:
        return False
    kinds, value = set(), node.input_value(1)
    while value.get_node().get_type_name() in ("Convert", "Multiply", "Subtract", "Reshape", "FakeQuantize"):
        kinds.add(value.get_node().get_type_name())
        value = value.get_node().input_value(0)
    narrow = value.get_element_type().get_type_name() in ("i8", "u8", "i4", "u4")
    return "FakeQuantize" in kinds or narrow


def _constant(value: Any) -> np.ndarray | None:
    """What a value holds, where it is a constant, reshaped or of another type at most."""
    node = value.get_node()
    if node.get_type_name() == "Constant":
        return np.array(node.get_data(), np.float32)
    if node.get_type_name() in ("Convert", "Reshape") and value.get_partial_shape().is_static:
        inner = _constant(node.input_value(0))
        return None if inner is None else inner.reshape([int(n) for n in value.get_shape()])
    return None
