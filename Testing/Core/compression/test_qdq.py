"""ONNX with Q/DQ nodes: what TensorRT asks of their structure, and how near ONNX Runtime comes with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from UNetSegmentLib.compression.quantization.qdq import qdq_onnx, quantized_onnx, weight_scales
from UNetSegmentLib.compression.quantization.ranges import Histogram
from UNetSegmentLib.errors import Cancelled, ModelError
from UNetSegmentLib.inference.backends.onnx_backend import exported
from UNetSegmentLib.models import Model, load_model
from UNetSegmentLib.networks import build
from UNetSegmentLib.progress import CancelToken

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

TILES = [np.random.default_rng(n).normal(size=(1, 1, 16, 16, 16)).astype(np.float32) for n in range(4)]


@pytest.fixture(scope="module")
def model(level_package: Path) -> Model:
    """A small network with norms, transposed convolutions and random weights."""
    card = load_model(level_package).card
    network = replace(card.network, norm="instance", activation="leaky_relu", features=(8, 16))
    torch.manual_seed(0)
    return Model.in_memory(replace(card, network=network), [build(network)])


@pytest.fixture(scope="module")
def content(model: Model) -> bytes:
    return qdq_onnx(model, 0, TILES)


def test_every_convolution_stands_between_symmetric_pairs(content: bytes) -> None:
    graph = onnx.load_from_string(content).graph
    made_by = {name: node for node in graph.node for name in node.output}
    values = {entry.name: onnx.numpy_helper.to_array(entry) for entry in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type in ("Conv", "ConvTranspose")]
    assert [node.op_type for node in convolutions].count("ConvTranspose") == 1 and len(convolutions) == 5
    pairs = 0
    for node in convolutions:
        channels = {"Conv": 0, "ConvTranspose": 1}[node.op_type]
        for port, axis in ((0, None), (1, channels)):
            wide = made_by[node.input[port]]
            narrow = made_by[wide.input[0]]
            assert (narrow.op_type, wide.op_type) == ("QuantizeLinear", "DequantizeLinear")
            for each in (narrow, wide):
                scale, zero = values[each.input[1]], values[each.input[2]]
                assert zero.dtype == np.int8 and not zero.any() and (scale > 0).all()
                given_axis = [attribute.i for attribute in each.attribute if attribute.name == "axis"]
                if axis is None:
                    assert scale.shape == () and given_axis == []
                else:
                    weights = values[narrow.input[0]]
                    assert given_axis == [axis] and scale.shape == (weights.shape[axis],)
            pairs += 1
    kinds = [node.op_type for node in graph.node]
    # No others: norms, activations, sums and concatenations stay in float.
    consumed = {name for node in convolutions for name in node.input[:2]}
    assert kinds.count("DequantizeLinear") == len(consumed) <= pairs
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    assert onnx.load_from_string(content).opset_import[0].version >= 13


def test_onnx_runtime_gives_nearly_the_same(content: bytes, model: Model) -> None:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    for tile in TILES[:2]:
        with torch.inference_mode():
            expected = model.network()(torch.from_numpy(tile)).numpy()
        found = session.run(None, {name: tile})[0]
        assert np.sqrt(((found - expected) ** 2).mean()) < 0.1 * expected.std()
        assert not np.array_equal(found, expected)


def test_named_layers_stay_in_float(model: Model) -> None:
    network = exported(model.network(), TILES[0].shape)
    first = next(node.name for node in onnx.load_from_string(network).graph.node if node.op_type == "Conv")
    graph = onnx.load_from_string(quantized_onnx(network, TILES[:1], float_layers=[first])).graph
    node = next(node for node in graph.node if node.name == first)
    assert not {node.input[0], node.input[1]} & {
        name for each in graph.node if each.op_type == "DequantizeLinear" for name in each.output
    }


def test_what_cannot_be_quantised_is_said() -> None:
    from onnx import TensorProto, helper

    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 4, 4]) for name in "xy"]
    for opset, words in ((17, "no convolution"), (12, "opset 12")):
        graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ports[:1], ports[1:])
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        with pytest.raises(ModelError, match=words):
            quantized_onnx(proto.SerializeToString(), TILES[:1])


def test_no_tiles_and_cancelling(model: Model) -> None:
    with pytest.raises(ModelError, match="no tiles"):
        qdq_onnx(model, 0, [])
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        qdq_onnx(model, 0, TILES, cancel=token)


def test_a_licence_that_forbids_derivatives_is_refused(model: Model) -> None:
    with pytest.raises(ModelError, match="forbids derivatives"):
        qdq_onnx(Model.in_memory(replace(model.card, licence="CC BY-ND 4.0"), [model.network()]), 0, TILES)


@given(arrays.arrays(np.float32, (3, 4, 2), elements=st.floats(-100, 100, width=32)), st.integers(0, 2))
def test_weights_by_channel_are_off_by_half_a_step_at_most(weights: np.ndarray, axis: int) -> None:
    scale = np.expand_dims(weight_scales(weights, axis), [n for n in range(3) if n != axis])
    levels = np.rint(weights / scale)
    assert np.abs(levels).max() <= 127
    assert (np.abs(levels * scale - weights) <= scale * 0.5001 + 1e-30).all()


def test_a_range_covers_what_is_there_and_drops_outliers() -> None:
    generator = np.random.default_rng(0)
    flat = Histogram()
    flat.add(generator.uniform(-1, 1, 10_000))
    flat.add(generator.uniform(-8, 8, 10_000))  # the limit grows
    # Of an even spread nothing should be cut off.
    assert flat.best_limit(127) == pytest.approx(8, rel=0.02) and flat.largest <= 8
    bell = Histogram()
    bell.add(generator.normal(size=1_000_000))
    # Banner et al., "Post training 4-bit quantization" (arXiv:1810.05723): 2.55 deviations for 4 bits, 2.15 for 3.
    assert bell.best_limit(8) == pytest.approx(2.55, abs=0.06)
    assert bell.best_limit(4) == pytest.approx(2.15, abs=0.06)
    nothing = Histogram()
    nothing.add(np.zeros(5))
    nothing.add(np.array([np.nan, np.inf]))
    assert nothing.best_limit(127) == 1.0
