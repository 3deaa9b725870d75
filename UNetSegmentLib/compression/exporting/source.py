"""The network that is exported: which fold, whether it may be, and with which patch."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ...errors import InputError, ModelError
from ...models.card import ModelCard
from ...models.importing.contract import Contract
from ...models.importing.describing import contract_of
from ...models.model import Model
from ...models.validation import MAX_NAME
from ...networks.config import OpaqueNetwork
from ...networks.folding import folded
from .settings import ExportSettings


@dataclass(frozen=True, eq=False)
class Source:
    """What is exported.

    Args:
        card: the model's.
        reference: the model's own network, in eval mode on the CPU: (N, C, *patch) to logits (N, K, *patch).
        network: what is written: a copy of it in float32, batch norms folded into their convolutions.
        contract: what the exported file says of itself.
        patch: voxels of a tile along the network's axes.
        notes: what was chosen.
    """

    card: ModelCard
    reference: nn.Module
    network: nn.Module
    contract: Contract
    patch: tuple[int, ...]
    notes: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """(1, C, *patch)."""
        return (1, self.card.network.in_channels, *self.patch)

    @property
    def tile(self) -> tuple[int, ...]:
        """(z, y, x) voxels of a tile; z is 1 for a 2D network."""
        return (*(1,) * (3 - len(self.patch)), *self.patch)


class MeanOfFolds(nn.Module):
    """Several networks as one: the mean of their logits."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, *patch) to (N, K, *patch)."""
        total = self.networks[0](x)
        for network in list(self.networks)[1:]:
            total = total + network(x)
        return total / len(self.networks)


def open_source(model: Model, kind: str, settings: ExportSettings) -> Source:
    """Chooses the network and says what of it will be exported.

    Raises:
        ModelError: the model cannot be exported: several networks that work together, a program of its own, a fold that
            is not there.
        InputError: the patch does not suit the network.
    """
    card = model.card
    _check_exportable(card)
    reference, notes = _network(model, settings.fold)
    # The model keeps its networks; what is made half is a copy.
    network = folded(reference)
    network = copy.deepcopy(reference) if network is reference else network
    patch = _patch(card, settings)
    divisor = card.network.divisor if settings.dynamic else None
    stem = f"{card.name[: MAX_NAME - len(kind) - 1]}-{kind}"
    contract = contract_of(card, stem, settings.patch or card.inference.patch, divisor)
    return Source(card, reference, network.eval().requires_grad_(False), contract, patch, tuple(notes))


def _check_exportable(card: ModelCard) -> None:
    if isinstance(card.network, OpaqueNetwork):
        kind = {"onnx": "an ONNX file", "torchscript": "a TorchScript file"}[card.network.architecture]
        raise ModelError(
            f"The network of '{card.name}' is {kind} already: there is no network of ours to export.",
            "Use the file as it is, or export the model that it was made from.",
        )
    if card.companions:
        folders = ", ".join(companion.folder for companion in card.companions)
        cascade = any(companion.role == "previous" for companion in card.companions)
        what = "a cascade, whose second stage reads the labels of the first" if cascade else "several networks together"
        raise ModelError(
            f"'{card.name}' is {what}; one file holds one network, and the rest of the work would be lost.",
            "Export a network of it by itself: give the folder inside the package instead of the model "
            f"({folders}). The first stage of a cascade works alone, the second does not.",
        )


def _network(model: Model, fold: int | None) -> tuple[nn.Module, list[str]]:
    """The network, and what was silently chosen."""
    notes = []
    if fold is None and model.folds > 1:
        networks = [model.network(n) for n in range(model.folds)]
        chosen: nn.Module = MeanOfFolds(networks)
        notes.append(f"All {model.folds} folds are in the file, averaged: {model.folds} times the work of one.")
    else:
        chosen = model.network(fold or 0)
        if model.folds > 1:
            notes.append(
                f"Fold {fold} of {model.folds} was exported, one network as in the preset 'balanced'; --fold all "
                f"averages them in one file, {model.folds} times the work."
            )
    return chosen.to("cpu", torch.float32).eval(), notes


def _patch(card: ModelCard, settings: ExportSettings) -> tuple[int, ...]:
    """Voxels of a tile along the network's axes."""
    whole = settings.patch or card.inference.patch
    count = card.network.dimension
    patch = whole[3 - count :]
    if count == 2 and whole[0] != 1:
        raise InputError(f"'{card.name}' is a 2D network; a tile of {whole[0]} slices does not suit it.", "Give 1 x y.")
    if settings.patch is not None:
        divisor = card.network.divisor
        if any(n % d for n, d in zip(patch, divisor, strict=True)):
            raise InputError(
                f"A patch of {_words(patch[::-1])} does not suit '{card.name}': its network halves a tile until only "
                f"multiples of {_words(divisor[::-1])} come out even (x, y{', z' if count == 3 else ''}).",
                "Give such multiples.",
            )
    return tuple(patch)


def _words(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes))
