"""Applying per-axis operators to tensors: exact resizing on CPU, CUDA and MPS, whole or in slabs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache

import torch

from .operators import AxisOperator, axis_operator

Range = tuple[int, int]


def resize(
    tensor: torch.Tensor,
    shape: Sequence[int],
    order: int = 1,
    clip: bool = True,
    separate_axis: int | None = None,
    separate_order: int = 0,
    steps: Sequence[float] | None = None,
    starts: Sequence[float] = (0.0, 0.0, 0.0),
) -> torch.Tensor:
    """Resizes the last three axes, as scikit-image's ``resize(order, mode="edge", anti_aliasing=False)`` does.

    Args:
        tensor: (..., z, y, x), floating point, on any device.
        shape: new (z, y, x).
        order: spline order 0 (nearest), 1 (linear) or 3 (cubic).
        clip: keep cubic results within the range of what they came from: each leading index by itself (per channel),
            and with ``separate_axis`` each slice by itself, as nnU-Net does.
        separate_axis: axis (0 = z, 1 = y, 2 = x) that is much coarser than the others: the other two are resized with
            ``order`` slice by slice, then this one with ``separate_order``.
        steps: input voxels from one output voxel to the next along z, y and x (MONAI); None keeps the image's outer
            edges in place.
        starts: with ``steps``, where the first output voxel's centre lies among the inputs.

    Returns:
        (..., *shape), same type and device.

    Raises:
        InputError: an order that is not supported or an empty axis.
    """
    orders = [order] * 3
    if separate_axis is not None:
        orders[separate_axis] = separate_order
    operators = axis_operators(tensor.shape[-3:], shape, orders, steps, starts)
    first = [axis for axis in _axis_order(operators) if axis != separate_axis]
    result = tensor
    for axis in first:
        result = apply_axis(result, axis, operators[axis])
    if clip and order == 3:
        result = _clip_to(result, tensor, separate_axis)
    if separate_axis is not None:
        before = result
        result = apply_axis(result, separate_axis, operators[separate_axis])
        if clip and separate_order == 3:
            result = _clip_to(result, before, None)
    return result


def axis_operators(
    shape: Sequence[int],
    new_shape: Sequence[int],
    orders: Sequence[int],
    steps: Sequence[float] | None = None,
    starts: Sequence[float] = (0.0, 0.0, 0.0),
) -> list[AxisOperator]:
    """The operators of the axes z, y, x that take ``shape`` to ``new_shape``; see :func:`resize`."""
    every = (None, None, None) if steps is None else steps
    return [axis_operator(*axis) for axis in zip(shape, new_shape, orders, every, starts, strict=True)]


def apply_axis(
    tensor: torch.Tensor,
    axis: int,
    operator: AxisOperator,
    outputs: Range | None = None,
    inputs: Range | None = None,
) -> torch.Tensor:
    """Applies one operator along one of the last three axes.

    Args:
        tensor: (..., z, y, x), holding the inputs ``inputs`` along ``axis``.
        axis: 0 = z, 1 = y, 2 = x.
        outputs: half-open range of outputs to compute; all by default. Every input that they need must be held.
        inputs: half-open range of inputs that the tensor holds; all by default.
    """
    first_out, stop_out = outputs or (0, operator.size_out)
    first_in, stop_in = inputs or (0, operator.size_in)
    dim = tensor.ndim - 3 + axis
    if operator.identity:
        return tensor.narrow(dim, first_out - first_in, stop_out - first_out)
    if operator.order == 0:
        index = torch.as_tensor(operator.first[first_out:stop_out] - first_in, device=tensor.device)
        return tensor.index_select(dim, index)
    matrix = _matrix(operator, tensor.dtype, tensor.device)[first_out:stop_out, first_in:stop_in]
    shape = list(tensor.shape)
    shape[dim] = stop_out - first_out
    if axis == 2:
        return (tensor.reshape(-1, tensor.shape[-1]) @ matrix.T).reshape(shape)
    flat = tensor.reshape(math.prod(tensor.shape[:dim]), tensor.shape[dim], -1)
    return torch.bmm(matrix.expand(len(flat), *matrix.shape), flat).reshape(shape)


@lru_cache(maxsize=64)
def _matrix(operator: AxisOperator, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    return torch.tensor(operator.matrix, dtype=dtype, device=device)


def _axis_order(operators: Sequence[AxisOperator]) -> tuple[int, ...]:
    """The order of axes with the fewest multiplications; among equals the innermost first, the z axis last."""
    return min(itertools.permutations((2, 1, 0)), key=lambda axes: _multiplications(operators, axes))


def _multiplications(operators: Sequence[AxisOperator], axes: Sequence[int]) -> int:
    sizes = [operator.size_in for operator in operators]
    total = 0
    for axis in axes:
        if operators[axis].identity:
            continue
        taps = 1 if operators[axis].order == 0 else sizes[axis]
        sizes[axis] = operators[axis].size_out
        total += taps * sizes[0] * sizes[1] * sizes[2]
    return total


def _clip_to(result: torch.Tensor, source: torch.Tensor, slice_axis: int | None) -> torch.Tensor:
    dims = [source.ndim - 3 + axis for axis in range(3) if axis != slice_axis]
    return result.clamp(source.amin(dims, keepdim=True), source.amax(dims, keepdim=True))
