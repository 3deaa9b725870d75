"""The weights that a training begins with when it goes on from a model: its body, and what its answer has in common
with the new one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...errors import InputError
from ...models import load_model
from ...models.card import ModelCard
from ...networks import build
from ...networks.config import AnyNetwork
from .export import is_extra_head

Rows = Sequence[tuple[int, int]]
"""Pairs of output channels: of the new answer, and of the old one that means the same."""


def transfer_weights(network: nn.Module, card: ModelCard, package: str) -> None:
    """Fills ``network`` from a package of the same architecture.

    The body is taken bit for bit. Of the layers that give the answer, the channels of labels that both models have by
    name are taken (the background with them), others stay as they begin. Further heads, which packages lack, begin
    anew.

    Raises:
        InputError: the package is of another architecture.
    """
    model = load_model(package)
    given, own = model.network().state_dict(), network.state_dict()
    answer = answer_axes(card.network)
    rows = common_channels(card, model.card)
    _check(package, own, given, answer)
    with torch.no_grad():
        for name, value in given.items():
            if name not in own:
                continue
            if name in answer:
                _take_rows(own[name], value, answer[name], rows)
            else:
                own[name].copy_(value)


def take_alike(network: nn.Module, package: str) -> int:
    """Fills ``network`` with the tensors of a package that have the same name and shape; returns how many.

    Raises:
        ModelError: the package cannot be read.
    """
    given, own = load_model(package).network().state_dict(), network.state_dict()
    alike = [name for name, value in own.items() if name in given and given[name].shape == value.shape]
    with torch.no_grad():
        for name in alike:
            own[name].copy_(given[name])
    return len(alike)


def common_channels(card: ModelCard, other: ModelCard) -> list[tuple[int, int]]:
    """Output channels of ``card`` and ``other`` that stand for the same label by name; nothing where one answers with
    exclusive labels and the other with regions."""
    if card.inference.activation != other.inference.activation:
        return []
    ours, theirs = _named(card), _named(other)
    rows = [(channel, theirs[name]) for name, channel in ours.items() if name in theirs]
    if rows and card.inference.activation == "softmax":
        background = [c.inference.output_values.index(0) for c in (card, other) if 0 in c.inference.output_values]
        if len(background) == 2:
            rows.append((background[0], background[1]))
    return sorted(rows)


def answer_axes(network: AnyNetwork) -> dict[str, tuple[int, ...]]:
    """For each tensor whose shape depends on the number of output channels, the axes that do."""
    more = dataclasses.replace(network, out_channels=network.out_channels + 1)
    with torch.device("meta"):
        first, second = build(network).state_dict(), build(more).state_dict()
    axes = {
        name: tuple(axis for axis, (a, b) in enumerate(zip(value.shape, second[name].shape, strict=True)) if a != b)
        for name, value in first.items()
    }
    return {name: found for name, found in axes.items() if found}


def _named(card: ModelCard) -> dict[str, int]:
    names = {label.value: label.name.strip().lower() for label in card.labels}
    return {names[v]: channel for channel, v in enumerate(card.inference.output_values) if v in names}


def _take_rows(own: Tensor, given: Tensor, axes: tuple[int, ...], rows: Rows) -> None:
    """Copies the channels in common, along every axis that counts them."""
    if not rows:
        return
    to, source = (torch.tensor([pair[side] for pair in rows]) for side in (0, 1))
    index: list[Tensor | slice] = [slice(None)] * own.ndim
    part = given
    for axis in axes:
        part = part.index_select(axis, source)
    for number, axis in enumerate(axes):
        shape = [1] * len(axes)
        shape[number] = -1
        index[axis] = to.reshape(shape) if len(axes) > 1 else to
    own[tuple(index)] = part.to(own.dtype)


def _check(package: str, own: dict[str, Tensor], given: dict[str, Tensor], answer: dict[str, tuple[int, ...]]) -> None:
    def alike(name: str) -> bool:
        a, b = list(own[name].shape), list(given[name].shape)
        return len(a) == len(b) and all(
            x == y or axis in answer.get(name, ()) for axis, (x, y) in enumerate(zip(a, b, strict=True))
        )

    strange = [name for name in own if name not in given and not is_extra_head(name)]
    strange += [name for name in given if not is_extra_head(name) and (name not in own or not alike(name))]
    if strange:
        raise InputError(
            f"The model '{package}' has another architecture than the configuration's card ('{strange[0]}' differs).",
            "Start from a model of the same network, or take the network of its card.",
        )
