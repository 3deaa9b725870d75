"""INT8 for GPUs: a network as ONNX whose convolutions stand between Q/DQ nodes.

TensorRT 11 takes precision from the network alone, and 10 (of JetPack) does where it finds such nodes: symmetric int8,
zero points all 0, one scale for an activation and one for each output channel of the weights, before every convolution
and transposed convolution and nowhere else. What follows a convolution (bias, norm, activation) stays in float and is
fused by TensorRT where it can. See "Explicit quantization" in NVIDIA's documentation of TensorRT, and Jacob et al.,
arXiv:1712.05877, for the arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from ...errors import ModelError
from ...inference.backends.onnx_backend import exported
from ...models.model import Model
from ...progress import CancelToken, ProgressCallback, Stage
from ..checking import check_licence, check_own_network, check_packages
from .ranges import Histogram

QUANTIZED = ("Conv", "ConvTranspose")
"""The operators that get Q/DQ nodes."""

_LEAST_OPSET = 13  # scales by channel
_LEVELS = 127
_AT_ONCE = 6  # activations that are looked at in one run, for the sake of memory


def qdq_onnx(
    model: Model,
    fold: int,
    tiles: Iterable[np.ndarray],
    float_layers: Sequence[str] = (),
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> bytes:
    """One network of a model as ONNX with Q/DQ nodes, for tiles of exactly the size of those given.

    Args:
        tiles: (1, C, *patch) float32 of :func:`~UNetSegmentLib.compression.calibration.calibration_tiles`.
        float_layers: names of nodes that stay in float.

    Raises:
        ModelError: its licence forbids derivatives, its network is a program of its own, or ONNX cannot express it.
        DependencyError: onnx or ONNX Runtime is not installed.
        Cancelled: the token was set.
    """
    check_licence(model.card)
    check_own_network(model.card, "made INT8")
    check_packages("ONNX in INT8", "onnx", "onnxruntime")
    given = list(tiles)
    if not given:
        raise ModelError("There are no tiles to calibrate with.", "Give images that show the model's subject.")
    network = exported(model.network(fold).to("cpu").float(), given[0].shape)
    return quantized_onnx(network, given, float_layers, progress, cancel)


def quantized_onnx(
    network: bytes,
    tiles: Sequence[np.ndarray],
    float_layers: Sequence[str] = (),
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> bytes:
    """Any ONNX network of one input with Q/DQ nodes around its convolutions; sizes and metadata stay as they are.

    Args:
        network: an ONNX file in float32, opset 13 or later.
        tiles: what its input takes, to calibrate with.
        float_layers: names of nodes that stay in float.

    Raises:
        ModelError: it holds no convolution with constant weights, or an older opset.
        Cancelled: the token was set.
    """
    check_packages("ONNX in INT8", "onnx", "onnxruntime")
    import onnx

    model = onnx.load_from_string(network)
    opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)
    if opset < _LEAST_OPSET:
        raise ModelError(f"The ONNX file has opset {opset}; scales by channel need {_LEAST_OPSET}.", "Export it anew.")
    weights = _constants(model)
    chosen = [
        node
        for node in model.graph.node
        if node.op_type in QUANTIZED and node.input[1] in weights and node.name not in float_layers
    ]
    if not chosen:
        raise ModelError("The network has no convolution with constant weights to quantise.", "Use it in float.")
    names = list(dict.fromkeys(node.input[0] for node in chosen))
    scales = _activation_scales(model, names, tiles, progress, cancel)
    _insert(model, chosen, weights, scales)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def weight_scales(weights: np.ndarray, axis: int) -> np.ndarray:
    """One scale for each slice along ``axis``: the largest magnitude becomes 127. A slice of zeros gets 1."""
    others = tuple(n for n in range(weights.ndim) if n != axis)
    largest = np.abs(weights).max(axis=others)
    return np.where(largest > 0, largest / _LEVELS, 1.0).astype(np.float32)


def channel_axis(node: Any) -> int | None:
    """The axis of a node's weights that its output channels lie along; None where they lie along none alone."""
    if node.op_type == "Conv":
        return 0
    groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
    return 1 if groups == 1 else None


def _constants(model: Any) -> dict[str, np.ndarray]:
    """Values that are known beforehand, by name: initializers, and what Constant and Identity nodes pass on."""
    from onnx import numpy_helper

    found = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type == "Identity" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return found


def _activation_scales(
    model: Any,
    names: Sequence[str],
    tiles: Sequence[np.ndarray],
    progress: ProgressCallback | None,
    cancel: CancelToken | None,
) -> dict[str, float]:
    """The scale of each named activation, by what the tiles show."""
    import onnx
    import onnxruntime

    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    known = {entry.name for entry in (*watched.graph.input, *watched.graph.output)}
    for name in names:
        if name not in known:
            watched.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(watched.SerializeToString(), options, ["CPUExecutionProvider"])
    source = session.get_inputs()[0].name
    inner = [name for name in names if name != source]
    histograms = {name: Histogram() for name in names}
    stage = Stage("calibrate", len(tiles), progress, cancel)
    for tile in tiles:
        if source in histograms:
            histograms[source].add(tile)
        for first in range(0, len(inner), _AT_ONCE):
            stage.check()
            part = inner[first : first + _AT_ONCE]
            for name, values in zip(part, session.run(part, {source: tile}), strict=True):
                histograms[name].add(values)
        stage.step()
    return {name: histogram.best_limit(_LEVELS) / _LEVELS for name, histogram in histograms.items()}


def _insert(model: Any, chosen: Sequence[Any], weights: dict[str, np.ndarray], scales: dict[str, float]) -> None:
    """Puts the nodes in, each activation's pair once."""
    from onnx import helper, numpy_helper

    graph = model.graph
    numbers = iter(range(len(chosen)))
    done: dict[str, str] = {}

    def pair(name: str, stem: str, scale: np.ndarray, axis: int | None) -> tuple[list[Any], str]:
        zero = np.zeros(scale.shape, np.int8)
        graph.initializer.append(numpy_helper.from_array(scale, f"{stem}_scale"))
        graph.initializer.append(numpy_helper.from_array(zero, f"{stem}_zero"))
        further: dict[str, Any] = {} if axis is None else {"axis": axis}
        both = [f"{stem}_scale", f"{stem}_zero"]
        narrow, wide = f"{stem}_int8", f"{stem}_rounded"
        nodes = [
            helper.make_node("QuantizeLinear", [name, *both], [narrow], f"{stem}_q", **further),
            helper.make_node("DequantizeLinear", [narrow, *both], [wide], f"{stem}_dq", **further),
        ]
        return nodes, wide

    ordered: list[Any] = []
    wanted = {id(node) for node in chosen}
    for node in list(graph.node):
        if id(node) in wanted:
            activation, weight = node.input[0], node.input[1]
            number = next(numbers)
            if activation not in done:
                scale = np.array(scales[activation], np.float32)
                nodes, done[activation] = pair(activation, f"activation{number}", scale, None)
                ordered += nodes
            axis = channel_axis(node)
            values = weights[weight].astype(np.float32)
            scale = (
                np.array(max(float(np.abs(values).max()), 1e-12) / _LEVELS, np.float32)
                if axis is None
                else weight_scales(values, axis)
            )
            nodes, rounded = pair(weight, f"weight{number}", scale, axis)
            ordered += nodes
            node.input[0], node.input[1] = done[activation], rounded
        ordered.append(node)
    kept = [type(node).FromString(node.SerializeToString()) for node in ordered]
    del graph.node[:]
    graph.node.extend(kept)
