"""From finished planes of logits to labels on the image's grid, plane by plane, so that nothing large is ever held.

The logits are resampled, not the labels (as nnU-Net does), but class by class with a running maximum, and each class
only where it can win: linear interpolation is a convex combination, so a class that stays at or below the background's
logit in every voxel that an output is made of cannot exceed it there. Confining a class to the bounding box of the
voxels where it beats the background (and the outputs that use them) is therefore exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from ..geometry import Box, Shape
from ..resampling import AxisOperator, apply_axis, axis_operators, resize

_CHUNK_VOXELS = 1 << 24  # outputs handled at once: 64 MB per float32 map


@dataclass(frozen=True)
class ReductionPlan:
    """What is to be made of the logits.

    Args:
        crop: the image inside the padded, tiled grid.
        shape: (z, y, x) of the output grid.
        order: spline order that resamples the logits.
        steps: inputs from one output to the next, see :func:`~UNetSegmentLib.resampling.resize`.
        separate_axis: coarse axis that is resampled apart by nearest neighbour, or None.
        activation: ``softmax`` or ``sigmoid``.
        output_values: label value per output channel.
        restored: what is resampled: ``logits``, ``probabilities`` or ``labels``.
        probabilities, entropy: which maps to make besides the labels.
    """

    crop: Box
    shape: Shape
    order: int
    separate_axis: int | None
    activation: str
    output_values: tuple[int, ...]
    steps: tuple[float, float, float] | None = None
    restored: str = "logits"
    probabilities: bool = False
    entropy: bool = False

    @property
    def resamples(self) -> bool:
        """Whether logits or probabilities are resampled."""
        return self._regrids and self.restored != "labels"

    @property
    def resizes_labels(self) -> bool:
        return self._regrids and self.restored == "labels"

    @property
    def restores_shares(self) -> bool:
        return self.resamples and self.restored == "probabilities"

    @property
    def _regrids(self) -> bool:
        return self.shape != self.crop.shape or (self.steps is not None and self.steps != (1.0, 1.0, 1.0))

    @property
    def maps(self) -> bool:
        return self.probabilities or self.entropy

    @property
    def normalized(self) -> bool:
        """Whether the reducer needs true averages rather than any positive multiple of them."""
        return self.resamples or self.maps


@dataclass(frozen=True, eq=False)
class Reduced:
    """Labels (z, y, x); probabilities (channels, z, y, x) and entropy in bits (z, y, x), float32, where asked for."""

    labels: np.ndarray
    probabilities: np.ndarray | None
    entropy: np.ndarray | None


class PlaneReducer:
    """Takes planes of logits in order and fills the outputs as soon as their inputs are there."""

    def __init__(self, plan: ReductionPlan) -> None:
        self._plan = plan
        out = plan.shape if plan.resamples else plan.crop.shape
        orders = [0 if axis == plan.separate_axis else plan.order for axis in range(3)]
        self._operators = axis_operators(plan.crop.shape, out, orders, plan.steps if plan.resamples else None)
        dtype = np.uint8 if max(plan.output_values, default=0) <= 255 else np.uint16
        self._labels = np.zeros(out, dtype)
        self._lookup = np.array(plan.output_values, dtype)
        channels = len(plan.output_values)
        self._probabilities = np.zeros((channels, *out), np.float32) if plan.probabilities else None
        self._entropy = np.zeros(out, np.float32) if plan.entropy else None
        self._held: torch.Tensor | None = None  # cropped planes that later outputs still need
        self._held_from = 0
        self._seen = 0  # planes of the padded grid
        self._done = 0  # output planes

    def push(self, planes: torch.Tensor) -> None:
        """Takes the next planes: (channels, planes, y, x) of the padded grid. What is needed later is copied."""
        crop = self._plan.crop
        low, high = max(self._seen, crop.start[0]), min(self._seen + planes.shape[1], crop.stop[0])
        if low < high:
            _, ys, xs = crop.slices
            inner = planes[:, low - self._seen : high - self._seen, ys, xs]
            if self._plan.restores_shares:
                inner = _shares(inner, self._plan.activation)
            waiting = self._held is not None and self._held.shape[1] > 0
            self._held = torch.cat([self._held, inner], dim=1) if waiting else inner  # type: ignore[list-item]
        self._seen += planes.shape[1]
        self._emit_ready()

    def finish(self) -> Reduced:
        """The results, once every plane was pushed."""
        labels, probabilities, entropy = self._labels, self._probabilities, self._entropy
        if self._plan.resizes_labels:
            labels = _resize_labels(labels, self._plan)
            probabilities = _resize_map(probabilities, self._plan)
            entropy = None if entropy is None else _resize_map(entropy[None], self._plan)[0]  # type: ignore[index]
        return Reduced(labels, probabilities, entropy)

    def _emit_ready(self) -> None:
        if self._held is None:
            return
        z = self._operators[0]
        have = self._held_from + self._held.shape[1]
        ready = z.outputs_ready(have)
        step = max(_CHUNK_VOXELS // int(np.prod(self._labels.shape[1:])), 1)
        while self._done < ready:
            stop = min(self._done + step, ready)
            self._emit(self._done, stop)
            self._done = stop
        needed = z.inputs_of(ready, ready + 1)[0] if ready < z.size_out else have
        drop = max(min(needed, have) - self._held_from, 0)
        # A clone: the planes that are done with can be freed, and the pushed ones are not ours to keep.
        self._held = self._held[:, drop:].clone()
        self._held_from += drop

    def _emit(self, start: int, stop: int) -> None:
        assert self._held is not None
        low, high = self._operators[0].inputs_of(start, stop)
        logits = self._held[:, low - self._held_from : high - self._held_from]
        window = _Window(self._operators, (start, stop), (low, high))
        if self._plan.maps:
            index = self._emit_maps(window.resample(logits), start, stop)
        elif self._plan.activation == "sigmoid":
            index = None
            self._labels[start:stop] = self._paint(window, logits)
        elif window.identity:
            index = logits.max(dim=0).indices
        else:
            index = _winning_class(window, logits)
        if index is not None:
            self._labels[start:stop] = self._lookup[index.cpu().numpy()]

    def _emit_maps(self, logits: torch.Tensor, start: int, stop: int) -> torch.Tensor | None:
        sigmoid = self._plan.activation == "sigmoid"
        shares = logits if self._plan.restores_shares else _shares(logits, self._plan.activation)
        if self._probabilities is not None:
            self._probabilities[:, start:stop] = shares.cpu().numpy()
        if self._entropy is not None:
            self._entropy[start:stop] = entropy_bits(shares, sigmoid).cpu().numpy()
        if not sigmoid:
            return logits.max(dim=0).indices
        self._labels[start:stop] = self._painted(shares[c] > 0.5 for c in range(len(self._lookup)))
        return None

    def _paint(self, window: _Window, logits: torch.Tensor) -> np.ndarray:
        threshold = 0.5 if self._plan.restores_shares else 0.0
        return self._painted(window.resample(logits[c : c + 1])[0] > threshold for c in range(len(self._lookup)))

    def _painted(self, masks: Iterable[torch.Tensor]) -> np.ndarray:
        """Later regions are painted over earlier ones (nnU-Net's regions_class_order)."""
        painted = None
        for value, mask in zip(self._lookup, masks, strict=True):
            if painted is None:
                painted = np.zeros(mask.shape, self._lookup.dtype)
            painted[mask.cpu().numpy()] = value
        assert painted is not None
        return painted


@dataclass(frozen=True, eq=False)
class _Window:
    """A range of output planes, the input planes they need, and the operators that link them."""

    operators: list[AxisOperator]
    outputs: tuple[int, int]
    inputs: tuple[int, int]

    @property
    def identity(self) -> bool:
        return all(op.identity for op in self.operators)

    @property
    def convex(self) -> bool:
        return all(op.convex for op in self.operators)

    def whole(self) -> list[tuple[int, int]]:
        return [self.outputs, *((0, op.size_out) for op in self.operators[1:])]

    def resample(self, logits: torch.Tensor, outputs: list[tuple[int, int]] | None = None) -> torch.Tensor:
        """Outputs (channels, *ranges) from logits (channels, z, y, x) of this window; all outputs by default."""
        outputs = outputs or self.whole()
        held = [self.inputs, *((0, op.size_in) for op in self.operators[1:])]
        needed = [op.inputs_of(*out) for op, out in zip(self.operators, outputs, strict=True)]
        cut = tuple(slice(n[0] - h[0], n[1] - h[0]) for n, h in zip(needed, held, strict=True))
        result = logits[(slice(None), *cut)]
        for axis in (2, 1, 0):
            result = apply_axis(result, axis, self.operators[axis], outputs[axis], needed[axis])
        return result

    def touched(self, mask: torch.Tensor) -> list[tuple[int, int]] | None:
        """The outputs that use any input where ``mask`` (z, y, x) is set, as a box of ranges; None for none."""
        ranges = []
        for axis, (op, whole) in enumerate(zip(self.operators, self.whole(), strict=True)):
            others = [a for a in range(3) if a != axis]
            used = mask.any(others).nonzero()
            if not len(used):
                return None
            offset = self.inputs[0] if axis == 0 else 0
            low, high = op.outputs_touching(int(used[0]) + offset, int(used[-1]) + 1 + offset)
            low, high = max(low, whole[0]), min(high, whole[1])
            if low >= high:
                return None
            ranges.append((low, high))
        return ranges


def _winning_class(window: _Window, logits: torch.Tensor) -> torch.Tensor:
    """Index of the largest resampled logit, (z, y, x); the first among equals, as argmax."""
    background = logits[0]
    best = window.resample(logits[:1])[0]
    winner = torch.zeros(best.shape, dtype=torch.int16, device=best.device)
    origin = [r[0] for r in window.whole()]
    for channel in range(1, logits.shape[0]):
        ranges = window.touched(logits[channel] > background) if window.convex else window.whole()
        if ranges is None:
            continue
        values = window.resample(logits[channel : channel + 1], ranges)[0]
        part = tuple(slice(a - o, b - o) for (a, b), o in zip(ranges, origin, strict=True))
        better = values > best[part]
        winner[part].masked_fill_(better, channel)
        best[part] = torch.maximum(best[part], values)
    return winner


def entropy_bits(shares: torch.Tensor, independent: bool = False) -> torch.Tensor:
    """Uncertainty as Shannon entropy in bits of (channels, z, y, x) probabilities: 0 when sure.

    With ``independent`` (sigmoid) channels it is the largest of the channels' own binary entropies.
    """
    surprise = -torch.special.xlogy(shares, shares)
    if independent:
        rest = 1 - shares
        return ((surprise - torch.special.xlogy(rest, rest)) / np.log(2)).amax(dim=0)
    return surprise.sum(dim=0) / np.log(2)


def _shares(logits: torch.Tensor, activation: str) -> torch.Tensor:
    return torch.sigmoid(logits) if activation == "sigmoid" else torch.softmax(logits, dim=0)


def _resize_labels(labels: np.ndarray, plan: ReductionPlan) -> np.ndarray:
    operators = axis_operators(labels.shape, plan.shape, (0, 0, 0), plan.steps)
    return labels[np.ix_(*(operator.first for operator in operators))]


def _resize_map(values: np.ndarray | None, plan: ReductionPlan) -> np.ndarray | None:
    return None if values is None else resize(torch.from_numpy(values), plan.shape, 1, steps=plan.steps).numpy()
