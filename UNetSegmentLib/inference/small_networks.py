"""The 8-bit form of a model's networks, ready for a backend; the last layer in full precision where it comes late."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ..models.card import INT8_OPENVINO
from ..models.model import Model
from ..networks import build
from ..networks.config import OpaqueNetwork
from .backends.ir_network import HeadNotFoundError, IrNetwork
from .head import Head, split_head

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class SmallNetworks:
    """Networks for a backend: one per fold that give logits, or a single one that gives all folds' features."""

    networks: list[nn.Module]
    head: Head | None = None


def small_networks(model: Model, folds: int) -> SmallNetworks:
    """The first ``folds`` networks of a model in 8 bits.

    Raises:
        ModelError: the package has no such form, or its files are altered or not safe to run.
        DependencyError: OpenVINO is not installed.
    """
    what = f"The 8-bit form of '{model.card.name}'"
    files = [model.form_files(INT8_OPENVINO, fold) for fold in range(folds)]
    if _comes_late(model, folds):
        head = _head(model, folds)
        try:
            return SmallNetworks([IrNetwork(files, what, head.features // folds)], head)
        except HeadNotFoundError as error:
            log.info("%s Its logits are carried instead of features.", error.cause)
    return SmallNetworks([IrNetwork([each], what) for each in files])


def _comes_late(model: Model, folds: int) -> bool:
    """Whether the engine carries features, judged by the description alone: weights are read only where it does."""
    if isinstance(model.card.network, OpaqueNetwork):
        return False
    with torch.device("meta"):
        skeletons: Sequence[nn.Module] = [build(model.card.network)] * folds
    return split_head(skeletons) is not None


def _head(model: Model, folds: int) -> Head:
    split = split_head([model.network(fold) for fold in range(folds)])
    assert split is not None
    return split[1]
