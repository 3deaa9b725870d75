"""The teacher of a training: what it answers to a batch, and what its terms add to the loss."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...errors import InputError
from ...inference.backends.passes import Passes
from ...models import Model, load_model
from ...models.card import ModelCard, Preparation
from ...networks.config import OpaqueNetwork
from ...networks.unet import UNet
from ..config.values import TeacherConfig
from ..losses import attention_transfer_loss, distillation_loss, overlap_distillation_loss
from .maps import StageMaps, has_stages

_LINEAR = {2: "bilinear", 3: "trilinear"}


class Teacher:
    """Every fold and mirror of the teacher's models on a batch, logits averaged, without a gradient.

    A student whose voxels are larger than the teacher's gets answers from the patch resampled (linearly) to the
    teacher's voxels, which are resampled back.

    Args:
        config: which models, and the weights of their terms.
        card: of the student.
        device: where both run; the teacher's networks are moved there.

    Raises:
        InputError: a model that cannot teach this student; see :func:`check_teacher`.
        ModelError: a package that cannot be read.
    """

    def __init__(self, config: TeacherConfig, card: ModelCard, device: torch.device) -> None:
        models = [load_model(name) for name in config.models]
        _check_digests(config, models)
        for model in models:
            check_teacher(model, card)
        self.config = config
        self.exclusive = card.inference.activation == "softmax"
        self._flat = card.network.dimension == 2
        self._size = _size(models[0].card, card)
        networks = [[model.network(fold).to(device).eval() for fold in range(model.folds)] for model in models]
        self._passes = [
            Passes(own, card.network.dimension, model.card.inference.mirror_axes if config.mirrors else ())
            for own, model in zip(networks, models, strict=True)
        ]
        self._maps = StageMaps(_with_stages(networks[0][0], "teacher"), first=True) if config.maps_weight else None
        self._own: StageMaps | None = None

    def watch(self, student: nn.Module) -> None:
        """Looks into the student's stages from now on, where the terms compare maps.

        Raises:
            InputError: the student has no stages.
        """
        if self._maps is not None:
            self._own = StageMaps(_with_stages(student, "student"))

    def answer(self, images: Tensor) -> Tensor:
        """Logits (batch, K, *patch), float32, for a batch (batch, C, *patch) of the student's."""
        size = images.shape[2:]
        with torch.no_grad():
            tiles = images if self._size is None else _resized(images, self._size)
            tiles = tiles.unsqueeze(2) if self._flat else tiles
            total = torch.stack([passes.run(tiles).float() for passes in self._passes]).mean(dim=0)
            total = total.squeeze(2) if self._flat else total
            return total if self._size is None else _resized(total, size)

    def terms(self, outputs: Tensor | Sequence[Tensor], images: Tensor, labels: dict[str, Tensor]) -> dict[str, Tensor]:
        """The parts of the loss: those of the labels, weighed, and the teacher's behind them.

        Args:
            outputs: of the student for ``images``, which has just run.
            labels: what each term of the labels adds.
        """
        share = self.config.share
        taught = self.answer(images)
        parts = {name: (1 - share) * part for name, part in labels.items()}
        parts["teacher"] = share * distillation_loss(outputs, taught, self.config.temperature, self.exclusive)
        if self.config.overlap_weight:
            weight = share * self.config.overlap_weight
            parts["overlap"] = weight * overlap_distillation_loss(outputs, taught, self.exclusive)
        if self._maps is not None and self._own is not None:
            parts["maps"] = self.config.maps_weight * attention_transfer_loss(self._own.taken(), self._maps.taken())
        return parts


def check_teacher(model: Model, card: ModelCard) -> None:
    """Whether a model can teach a student of that card.

    Raises:
        InputError: naming what they do not have in common.
    """
    own = model.card
    if own.companions:
        raise InputError(
            f"'{own.name}' consists of several models, one after the other; such a model cannot be a teacher.",
            "Distil its parts one by one.",
        )
    differences = {
        "input channels": (own.network.in_channels, card.network.in_channels),
        "dimension": (own.network.dimension, card.network.dimension),
        "labels": (_labels(own), _labels(card)),
        "kind of answer": (own.inference.activation, card.inference.activation),
        "preparation": (_without_spacing(own.preparation), _without_spacing(card.preparation)),
    }
    for name, (theirs, ours) in differences.items():
        if theirs != ours:
            raise InputError(
                f"The teacher '{own.name}' and the student '{card.name}' differ in their {name}.",
                "A teacher and its student take the same images and answer with the same labels: make the student "
                "from the teacher's card.",
            )
    size = _size(own, card) or tuple(card.inference.patch[-card.network.dimension :])
    patch = own.inference.patch[-own.network.dimension :]
    fixed = isinstance(own.network, OpaqueNetwork) and own.network.fixed_patch
    if (fixed and size != patch) or any(n % d for n, d in zip(size, own.network.divisor, strict=True)):
        raise InputError(
            f"The teacher '{own.name}' cannot take patches of the student's size.",
            f"Give the student the teacher's patch, {'x'.join(map(str, patch))} (array order).",
        )


def _labels(card: ModelCard) -> tuple[tuple[int, str], ...]:
    names = {label.value: label.name.strip().lower() for label in card.labels}
    return tuple((value, names.get(value, "")) for value in card.inference.output_values)


def _without_spacing(preparation: Preparation) -> Preparation:
    return dataclasses.replace(preparation, spacing=None if preparation.spacing is None else (1.0, 1.0, 1.0))


def _size(teacher: ModelCard, student: ModelCard) -> tuple[int, ...] | None:
    """Voxels of the student's patch on the teacher's grid, a multiple of what its network divides by; None where the
    grids are the same."""
    theirs, ours = teacher.preparation.spacing, student.preparation.spacing
    if theirs is None or ours is None or theirs == ours:
        return None
    dimension = student.network.dimension
    ratios = [1.0 if a is None or b is None else b / a for a, b in zip(theirs, ours, strict=True)][-dimension:]
    patch = student.inference.patch[-dimension:]
    whole = [max(round(n * r / d), 1) * d for n, r, d in zip(patch, ratios, teacher.network.divisor, strict=True)]
    return tuple(n if math.isclose(r, 1.0) else m for n, m, r in zip(patch, whole, ratios, strict=True))


def _resized(batch: Tensor, size: Sequence[int]) -> Tensor:
    mode = _LINEAR[batch.ndim - 2]
    return functional.interpolate(batch.float(), size=tuple(size), mode=mode, align_corners=False)


def _with_stages(network: nn.Module, role: str) -> UNet:
    if not has_stages(network):
        raise InputError(f"The {role}'s network has no stages whose maps could be compared.", "Set 'maps_weight' to 0.")
    return cast(UNet, network)


def _check_digests(config: TeacherConfig, models: Sequence[Model]) -> None:
    digests = tuple(digest for model in models for digest in model.digests)
    if config.digests and digests != config.digests:
        raise InputError(
            "The teacher's weights are not those that this training began with.",
            "Restore the teacher's package to go on, or begin a new training in another output folder.",
        )
