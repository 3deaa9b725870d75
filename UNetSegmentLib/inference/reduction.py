"""From finished planes of logits to labels on the image's grid, block by block, so that nothing large is ever held.

The logits are resampled, not the labels (as nnU-Net does), but only as many of them at a time as stay in the cache.
Instead of logits the planes may be feature maps, from which a :class:`Head` makes the logits of each block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..geometry import Box, Shape
from ..resampling import axis_operators, resize
from .cores import on_every_core
from .decision import Decision
from .head import Head
from .windows import Window, windows


@dataclass(frozen=True)
class ReductionPlan:
    """What is to be made of the logits.

    Args:
        crop: the image inside the padded, tiled grid.
        shape: (z, y, x) of the output grid.
        order: spline order that resamples the logits.
        steps, starts: inputs from one output to the next and at the first, see
            :func:`~UNetSegmentLib.resampling.resize`.
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
    starts: tuple[float, float, float] = (0.0, 0.0, 0.0)
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
        """Whether probabilities are resampled."""
        return self.resamples and self.restored == "probabilities"

    @property
    def maps(self) -> bool:
        return self.probabilities or self.entropy

    @property
    def normalized(self) -> bool:
        """Whether the reducer needs true averages rather than any positive multiple of them."""
        return self.resamples or self.maps

    @property
    def _regrids(self) -> bool:
        moved = self.steps is not None and (self.steps, self.starts) != ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
        return self.shape != self.crop.shape or moved


@dataclass(frozen=True, eq=False)
class Reduced:
    """Labels (z, y, x); probabilities (channels, z, y, x) and entropy in bits (z, y, x), float32, where asked for."""

    labels: np.ndarray
    probabilities: np.ndarray | None = None
    entropy: np.ndarray | None = None


class PlaneReducer:
    """Takes planes in order and fills the outputs as soon as their inputs are there.

    Args:
        plan: what to make of them.
        device: where the planes lie.
        head: makes logits of the planes where these are features; None where they are logits.
    """

    def __init__(self, plan: ReductionPlan, device: torch.device, head: Head | None = None) -> None:
        self._plan = plan
        self._head = head.to(device) if head else None
        self._device = device
        out = plan.shape if plan.resamples else plan.crop.shape
        orders = [0 if axis == plan.separate_axis else plan.order for axis in range(3)]
        self._operators = axis_operators(
            plan.crop.shape, out, orders, plan.steps if plan.resamples else None, plan.starts
        )
        small = max(plan.output_values, default=0) <= 255
        self._labels = torch.zeros(out, dtype=torch.uint8 if small else torch.int32, device=device)
        channels = len(plan.output_values)
        self._probabilities = np.zeros((channels, *out), np.float32) if plan.probabilities else None
        self._entropy = np.zeros(out, np.float32) if plan.entropy else None
        threshold = 0.5 if plan.restores_shares or plan.maps else 0.0
        self._decision = Decision(plan.activation, plan.output_values, threshold, device)
        self._held: torch.Tensor | None = None  # cropped planes that later outputs still need
        self._held_from = 0
        self._pushed = 0  # planes of the padded grid
        self._done = 0  # output planes

    def push(self, planes: torch.Tensor) -> None:
        """Takes the next planes: (channels, planes, y, x) of the padded grid. What is needed later is copied."""
        crop = self._plan.crop
        low, high = max(self._pushed, crop.start[0]), min(self._pushed + planes.shape[1], crop.stop[0])
        if low < high:
            _, ys, xs = crop.slices
            self._take(planes[:, low - self._pushed : high - self._pushed, ys, xs], low - crop.start[0])
        self._pushed += planes.shape[1]

    def finish(self) -> Reduced:
        """The results, once every plane was pushed."""
        labels = self._labels.cpu().numpy()
        if labels.dtype != np.uint8:
            labels = labels.astype(np.uint16)
        probabilities, entropy = self._probabilities, self._entropy
        if self._plan.resizes_labels:
            labels = _resize_labels(labels, self._plan)
            probabilities = _resize_map(probabilities, self._plan)
            entropy = None if entropy is None else _resize_map(entropy[None], self._plan)[0]  # type: ignore[index]
        return Reduced(labels, probabilities, entropy)

    def _take(self, planes: torch.Tensor, first: int) -> None:
        """Emits what the planes from input ``first`` on make possible, together with those that are held."""
        z = self._operators[0]
        have = first + planes.shape[1]
        ready = z.outputs_ready(have)
        mixed = min(int(np.searchsorted(z.first, first)), ready)  # outputs before it need planes that are held
        if self._held is not None and self._done < mixed:
            needed = z.inputs_of(self._done, mixed)[1] - first
            joined = torch.cat([self._held, planes[:, : max(needed, 0)]], dim=1)
            self._emit(joined, self._held_from, mixed)
        self._emit(planes, first, ready)
        if ready == z.size_out:
            self._held = None
            return
        needed = z.inputs_of(ready, ready + 1)[0]
        if needed >= first:
            self._held = planes[:, needed - first :].clone()
        elif self._held is not None:
            self._held = torch.cat([self._held[:, needed - self._held_from :], planes], dim=1)
        self._held_from = needed

    def _emit(self, planes: torch.Tensor, first: int, stop: int) -> None:
        """The output planes up to ``stop``, from planes whose first one is input ``first``."""

        def fill(window: Window) -> None:
            values = self._values(window.cut(planes, first))
            if self._plan.maps:
                self._fill_maps(window, values)
            else:
                self._labels[window.target] = self._decision.labels(window, values).to(self._labels.dtype)

        channels = max(len(self._plan.output_values), len(planes))
        blocks = list(windows(self._operators, self._done, stop, channels, self._device))
        on_every_core(fill, blocks, self._device)
        self._done = max(self._done, stop)

    def _values(self, block: torch.Tensor) -> torch.Tensor:
        """Logits, or probabilities where these are restored, of a block of inputs."""
        if self._head is not None:
            block = self._head(block.reshape(len(block), -1)).reshape(-1, *block.shape[1:])
        return _shares(block, self._plan.activation) if self._plan.restores_shares else block

    def _fill_maps(self, window: Window, values: torch.Tensor) -> None:
        values = window.resample(values)
        shares = values if self._plan.restores_shares else _shares(values, self._plan.activation)
        if self._probabilities is not None:
            self._probabilities[(slice(None), *window.target)] = shares.cpu().numpy()
        if self._entropy is not None:
            bits = entropy_bits(shares, self._plan.activation == "sigmoid")
            self._entropy[window.target] = bits.cpu().numpy()
        # Where probabilities round to one and the same number, the logits still tell which is greater.
        ruling = shares if self._plan.activation == "sigmoid" else values
        self._labels[window.target] = self._decision.of_outputs(ruling).to(self._labels.dtype)


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
    operators = axis_operators(labels.shape, plan.shape, (0, 0, 0), plan.steps, plan.starts)
    return labels[np.ix_(*(operator.first for operator in operators))]


def _resize_map(values: np.ndarray | None, plan: ReductionPlan) -> np.ndarray | None:
    if values is None:
        return None
    return resize(torch.from_numpy(values), plan.shape, 1, steps=plan.steps, starts=plan.starts).numpy()
