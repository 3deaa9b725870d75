"""Instance and group norms whose statistics keep float32's precision in OpenVINO.

OpenVINO adds up a channel's voxels one after the other in float32. In a map of a million voxels, a good part of them
equal (the air around a patient), each addition rounds the same way: measured on a CT, the logits of a U-Net of 96^3
were off by 4e-3 of their spread and 0.2 % of the labels of a network with random weights differed from torch's. Here
the sums are taken axis by axis instead, so that none has more than a few hundred terms: 4e-6 and none, at the same
speed (the norm's own kernel also reads the map three times).

The variance is the mean square minus the squared mean; with sums this exact that costs no more than the square of the
mean over the variance in units of 1e-7.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

# Below this many voxels the runtime's own kernel is precise enough, and quicker.
_LARGE = 16**3


def make_norms_precise(model: Any) -> int:
    """Rewrites the norms over large maps of an ``openvino.Model`` of fixed sizes; returns how many."""
    count = 0
    for node in model.get_ordered_ops():
        rewrite = {"MVN": _instance, "GroupNormalization": _group}.get(node.get_type_name())
        result = rewrite(node) if rewrite is not None else None
        if result is None:
            continue
        for target in list(node.output(0).get_target_inputs()):
            target.replace_source_output(result.output(0))
        result.set_friendly_name(node.get_friendly_name())
        count += 1
    if count:
        model.validate_nodes_and_infer_types()
    return count


def _instance(node: Any) -> Any:
    """The nodes in place of an MVN over the spatial axes; None where it is left as it is."""
    import openvino.opset13 as ops

    shape, options = _shape(node), node.get_attributes()
    axes = _constant(node.input_value(1))
    if axes is None or len(shape) < 4:
        return None
    spatial = sorted(int(axis) % len(shape) for axis in np.ravel(axes))
    inside = options.get("eps_mode", "").upper() == "INSIDE_SQRT" and options.get("normalize_variance")
    if spatial != list(range(2, len(shape))) or not inside or math.prod(shape[2:]) < _LARGE:
        return None
    image = node.input_value(0)
    mean, square = _moments(image, shape)
    factor = _factor(mean, square, float(options["eps"]))
    return ops.subtract(ops.multiply(image, factor), ops.multiply(mean, factor))


def _group(node: Any) -> Any:
    """The same for a group norm, whose groups are means of the channels' statistics."""
    import openvino.opset13 as ops

    shape, options = _shape(node), node.get_attributes()
    if len(shape) < 4 or math.prod(shape[2:]) < _LARGE:
        return None
    image, groups = node.input_value(0), int(options["num_groups"])
    column = np.array([shape[0], shape[1], *(1,) * (len(shape) - 2)], np.int64)
    grouped = np.array([shape[0], groups, shape[1] // groups], np.int64)

    def over_group(value: Any) -> Any:
        mean = ops.reduce_mean(ops.reshape(value, grouped, False), np.array([2], np.int64), keep_dims=True)
        return ops.reshape(ops.broadcast(mean, grouped), column, False)

    mean, square = (over_group(value) for value in _moments(image, shape))
    per_channel = np.array([1, shape[1], *(1,) * (len(shape) - 2)], np.int64)
    scale, shift = (ops.reshape(node.input_value(n), per_channel, False) for n in (1, 2))
    factor = ops.multiply(_factor(mean, square, float(options["epsilon"])), scale)
    return ops.add(ops.multiply(image, factor), ops.subtract(shift, ops.multiply(mean, factor)))


def _moments(image: Any, shape: list[int]) -> tuple[Any, Any]:
    """Mean and mean square over the spatial axes, axis by axis.

    Neighbouring reductions are of different kinds: the runtime would join those of one kind to a single long sum.
    """
    import openvino.opset13 as ops

    first = ops.reduce_mean(image, np.array([2], np.int64), keep_dims=True)
    norm = ops.reduce_l2(image, np.array([2], np.int64), keep_dims=True)
    second = ops.multiply(ops.multiply(norm, norm), np.float32(1 / shape[2]))
    return _rest(first, shape), _rest(second, shape)


def _rest(value: Any, shape: list[int]) -> Any:
    import openvino.opset13 as ops

    share = 1.0
    for axis in range(3, len(shape)):
        if axis % 2:
            value = ops.reduce_sum(value, np.array([axis], np.int64), keep_dims=True)
            share /= shape[axis]
        else:
            value = ops.reduce_mean(value, np.array([axis], np.int64), keep_dims=True)
    return ops.multiply(value, np.float32(share))


def _factor(mean: Any, square: Any, epsilon: float) -> Any:
    """One over the standard deviation."""
    import openvino.opset13 as ops

    variance = ops.relu(ops.subtract(square, ops.multiply(mean, mean)))  # rounding can take it below zero
    return ops.divide(np.float32(1), ops.sqrt(ops.add(variance, np.float32(epsilon))))


def _shape(node: Any) -> list[int]:
    shape = node.input_value(0).get_partial_shape()
    return [] if shape.is_dynamic else [int(n) for n in shape.to_shape()]


def _constant(value: Any) -> Any:
    node = value.get_node()
    return node.get_data() if node.get_type_name() == "Constant" else None
