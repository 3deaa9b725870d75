"""The contract of a model of ours, so that a file made of its network says by itself what it takes and gives."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from .. import typed_json
from ..card import ModelCard
from .contract import Contract, ContractLabel

_TEXTS = (
    "version",
    "title",
    "description",
    "anatomy",
    "modality",
    "licence",
    "citation",
    "training_data",
    "intended_use",
    "source",
    "accuracy_command",
)
_PREPARATION = (
    "orientation",
    "crop_nonzero",
    "image_order",
    "output_order",
    "anisotropy_threshold",
    "normalization",
    "alignment",
    "normalize_resampled",
    "crop_foreground",
    "photograph_pixels",
)
_INFERENCE = (
    "overlap",
    "mirror_axes",
    "activation",
    "background_below",
    "tiling",
    "weighting",
    "restored",
    "padding",
    "dark_margin",
)
_MODEL = ("inputs", "postprocessing", "field_of_view_mm", "accuracy")


def contract_of(card: ModelCard, name: str, patch: Sequence[int], divisor: Sequence[int] | None) -> Contract:
    """The contract of one network of a model; :func:`.contract.card_of` makes the same card of it again.

    What a contract has no words for is left out: weights, digests, further networks.

    Args:
        card: the model's, without companions.
        name: what the exported model shall be called.
        patch: (z, y, x) voxels of a tile of the exported file; z is 1 for a 2D network.
        divisor: numbers that other patches must be multiples of, one per axis of the network; None where no other
            patch fits.
    """
    count = card.network.dimension
    letters = "".join("zyx"[axis] for axis in card.preparation.transpose)
    spacing = card.preparation.spacing
    labels = tuple(ContractLabel(label.value, label.name, label.color, label.terminology) for label in card.labels)
    taken = {
        **{field: getattr(card, field) for field in (*_TEXTS, *_MODEL)},
        **{field: getattr(card.preparation, field) for field in _PREPARATION},
        **{field: getattr(card.inference, field) for field in _INFERENCE},
    }
    return Contract(
        name=name,
        labels=labels,
        patch=tuple(patch[3 - count :]),
        axes=letters if count == 3 else letters.removeprefix("z"),
        spacing=None if spacing is None else tuple(n for n in spacing[3 - count :] if n is not None),
        divisor=None if divisor is None else tuple(divisor),
        output_values=card.inference.output_values,
        **taken,
    )


def contract_text(contract: Contract, readable: bool = False) -> str:
    """A contract as JSON, without the fields that have their default."""
    given = {
        field.name: typed_json.to_json(value)
        for field in dataclasses.fields(contract)
        if (value := getattr(contract, field.name)) != field.default
    }
    return typed_json.readable(given) if readable else json.dumps(given, ensure_ascii=False, allow_nan=False)
