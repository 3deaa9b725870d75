"""How much each channel matters, by what reads it.

A channel is what the layers behind it make of it, so both measures look at the weights that read it, wherever these
are: in the next convolution, across the skip connection, in a gate.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .spaces import Axes, ChannelSpaces

Importance = dict[str, Tensor]
"""For each space one number per channel, float64, at least 0."""

IMPORTANCES = ("taylor", "magnitude")


def taylor_scores(spaces: ChannelSpaces, state: Mapping[str, Tensor], gradients: Mapping[str, Tensor]) -> Importance:
    """First-order estimate of how much the loss changes without a channel, for one batch, squared (Molchanov et al.
    2019, arXiv:1906.10771, their equation 8).

    The derivative by a gate on a channel is the sum of weight times gradient over all weights that read the channel:
    these are linear in it.

    Args:
        state, gradients: weights and the loss's derivatives by them, by name.
    """
    scores = _nothing(spaces)
    for name, axes in spaces.tensors.items():
        if axes.reads is not None and name in gradients:
            _add(scores, spaces, axes, (state[name].double() * gradients[name].double()))
    return {name: value.square() for name, value in scores.items()}


def magnitude_scores(spaces: ChannelSpaces, state: Mapping[str, Tensor]) -> Importance:
    """Share of the reading weights' squares that a channel has in its space, times that of the strength with which it
    is written; needs no data.

    Written is the channel as strongly as its norm says, ``gamma ** 2 + beta ** 2`` (the mean square after the norm),
    or, where nothing normalises it, as the squares of its filter say. A filter before a norm tells nothing, unlike in
    Li et al. 2017 (arXiv:1608.08710): the norm takes its length away.
    """
    read, written, filters = _nothing(spaces), _nothing(spaces), _nothing(spaces)
    for name, axes in spaces.tensors.items():
        squares = state[name].double().square()
        if axes.reads is not None:
            _add(read, spaces, axes, squares)
        if axes.writes is not None and not name.endswith(("running_mean", "running_var")):
            axis, space = axes.writes
            into = written if axes.reads is None and name.rpartition(".")[0] + ".weight" in _vectors(state) else filters
            into[space] += _per_channel(squares, axis)
    strength = {name: written[name] if written[name].any() else filters[name] for name in read}
    return {name: _share(_share(read[name]) * _share(strength[name])) for name in read}


def _vectors(state: Mapping[str, Tensor]) -> set[str]:
    """Names of weights that are one number per channel: those of norms."""
    return {name for name, value in state.items() if value.ndim == 1}


def _nothing(spaces: ChannelSpaces) -> Importance:
    return {name: torch.zeros(space.channels, dtype=torch.float64) for name, space in spaces.spaces.items()}


def _add(scores: Importance, spaces: ChannelSpaces, axes: Axes, values: Tensor) -> None:
    """Adds the sums of a reading tensor to the channels that it reads."""
    assert axes.reads is not None
    axis, names = axes.reads
    sums = _per_channel(values, axis)
    for name, part in zip(names, sums.split([spaces.spaces[one].channels for one in names]), strict=True):
        scores[name] += part.cpu()


def _per_channel(values: Tensor, axis: int) -> Tensor:
    return values.transpose(0, axis).flatten(1).sum(dim=1) if values.ndim > 1 else values


def _share(values: Tensor) -> Tensor:
    total = values.sum()
    return values / total if total > 0 else values
