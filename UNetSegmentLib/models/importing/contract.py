"""The contract of a network that is a program: what it takes and gives, in one JSON object.

It lies beside the program as ``contract.json``, inside it (TorchScript: the extra file ``metadata.json``; ONNX: a
metadata property ``contract``), or is given by the user (``--contract FILE``). What is exported from a model of ours
has it inside (see :mod:`.describing`). All per-axis numbers are in the order of
the network's own axes; ``axes`` says what these are. Reading is strict: a wrong or unknown field is an error that names
it. ``name``, ``inputs``, ``labels``, ``patch`` and ``normalization`` must be there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...errors import ModelError
from ...labels import Label, Terminology
from ...networks.config import OpaqueNetwork
from .. import typed_json
from ..card import (
    Accuracy,
    InferenceContract,
    InputChannel,
    ModelCard,
    Normalization,
    PostprocessingStep,
    Preparation,
)
from ..json_text import parse_json
from ..validation import WEIGHT_SUFFIXES, check_card
from .colours import colour
from .terminology import terminology

FILE = "contract.json"
MAX_BYTES = 4 << 20
_AXES = "zyx"


@dataclass(frozen=True)
class ContractLabel:
    """One structure: its value in the label map, name and, where wanted, colour (red, green, blue) and terms."""

    value: int
    name: str
    color: tuple[int, int, int] | None = None
    terminology: Terminology | None = None


@dataclass(frozen=True)
class Contract:
    """What a program takes and gives.

    Args:
        name: of the model: letters, digits, ``.``, ``_`` and ``-``.
        inputs: one per input channel.
        labels: softmax: those of the output channels after the background; sigmoid: those of all output channels, later
            ones painted over earlier ones.
        patch: voxels of one tile along the network's axes: three numbers, two for a 2D network.
        normalization: one per input channel, as in a model card; ``{"kind": "none"}`` leaves the image as it is.
        axes: which image axes these are: ``zyx`` (slices first), ``xyz`` (MONAI) or another order; ``yx`` or ``xy`` in
            2D, or three letters of which the first is the axis that is cut into slices.
        spacing: mm along the same axes; null keeps the image's own.
        orientation: where the image's i, j and k axes shall point, e.g. ``LPS``; null keeps the image's own.
        activation: ``softmax`` or ``sigmoid``; what the program gives are the numbers before it.
        divisor: patches may be changed to multiples of this (per axis); null means only ``patch`` fits.
        output_values: label value of each output channel, where they are not those of ``labels`` in their order (after
            0 with softmax).
        crop_nonzero, image_order, output_order, anisotropy_threshold, alignment, normalize_resampled, crop_foreground,
            photograph_pixels: as in a model card's ``preparation``.
        overlap, mirror_axes, background_below, tiling, weighting, restored, padding, dark_margin: as in a model card's
            ``inference``; mirror axes count 0, 1, 2 along the network's axes (2D: 1 and 2).
        postprocessing, field_of_view_mm, accuracy, accuracy_command: as in a model card.
        title ... source: for people.
    """

    name: str
    inputs: tuple[InputChannel, ...]
    labels: tuple[ContractLabel, ...]
    patch: tuple[int, ...]
    normalization: tuple[Normalization, ...]
    axes: str = ""
    spacing: tuple[float, ...] | None = None
    orientation: str | None = None
    activation: str = "softmax"
    divisor: tuple[int, ...] | None = None
    crop_nonzero: bool = False
    image_order: int = 1
    output_order: int = 1
    anisotropy_threshold: float | None = None
    alignment: str = "edges"
    normalize_resampled: bool = False
    crop_foreground: bool = False
    photograph_pixels: int | None = None
    output_values: tuple[int, ...] | None = None
    overlap: float = 0.5
    mirror_axes: tuple[int, ...] = ()
    background_below: float | None = None
    tiling: str = "even"
    weighting: str = "gaussian"
    restored: str = "logits"
    padding: str = "zeros"
    dark_margin: float | None = None
    postprocessing: tuple[PostprocessingStep, ...] = ()
    field_of_view_mm: tuple[float, float, float] | None = None
    accuracy: tuple[Accuracy, ...] = ()
    accuracy_command: str = ""
    title: str = ""
    version: str = "1"
    description: str = ""
    anatomy: str = ""
    modality: str = ""
    licence: str = ""
    citation: str = ""
    training_data: str = ""
    intended_use: str = ""
    source: str = ""

    @property
    def dimension(self) -> int:
        return len(self.patch)

    @property
    def out_channels(self) -> int:
        return len(self.channel_values)

    @property
    def channel_values(self) -> tuple[int, ...]:
        """The label value of each output channel."""
        if self.output_values is not None:
            return self.output_values
        values = tuple(label.value for label in self.labels)
        return (0, *values) if self.activation == "softmax" else values


def read_contract(text: str | bytes, where: str) -> Contract:
    """The contract in a JSON text.

    Args:
        text: the JSON.
        where: what to call it in messages.

    Raises:
        ModelError: not JSON, or a field is missing, unknown, of the wrong type or at odds with another.
    """
    try:
        data = parse_json(text)
    except ValueError as error:
        raise ModelError(f"The contract ({where}) is not readable JSON: {error}.", "Correct it.") from None
    try:
        contract = typed_json.from_json(Contract, data)
    except ModelError as error:
        raise _reworded(error, where) from None
    _check(contract, where)
    return contract


def card_of(contract: Contract, architecture: str, where: str, fixed: bool = False) -> ModelCard:
    """The model card of a program with this contract.

    Args:
        fixed: the file itself takes no other patch.

    Raises:
        ModelError: the contract contradicts itself.
    """
    card = ModelCard(
        name=contract.name,
        version=contract.version,
        title=contract.title or contract.name,
        description=contract.description,
        anatomy=contract.anatomy,
        modality=contract.modality or contract.inputs[0].modality,
        inputs=contract.inputs,
        labels=tuple(_label(label, n) for n, label in enumerate(contract.labels)),
        network=_network(contract, architecture, fixed),
        preparation=_preparation(contract, contract.dimension == 2),
        inference=_inference(contract),
        postprocessing=contract.postprocessing,
        field_of_view_mm=contract.field_of_view_mm,
        accuracy=contract.accuracy,
        accuracy_command=contract.accuracy_command,
        licence=contract.licence,
        citation=contract.citation,
        training_data=contract.training_data,
        intended_use=contract.intended_use,
        source=contract.source,
        weights=(f"weights{WEIGHT_SUFFIXES[architecture]}",),
    )
    try:
        check_card(card)
    except ModelError as error:
        raise _reworded(error, where) from None
    return card


def _network(contract: Contract, architecture: str, fixed: bool) -> OpaqueNetwork:
    return OpaqueNetwork(
        contract.dimension,
        len(contract.inputs),
        contract.out_channels,
        contract.divisor or (1,) * contract.dimension,
        fixed or contract.divisor is None,
        architecture,
    )


def _inference(contract: Contract) -> InferenceContract:
    patch = (1, *contract.patch) if contract.dimension == 2 else contract.patch
    return InferenceContract(
        patch=(patch[0], patch[1], patch[2]),
        overlap=contract.overlap,
        mirror_axes=contract.mirror_axes,
        activation=contract.activation,
        output_values=contract.channel_values,
        background_below=contract.background_below,
        tiling=contract.tiling,
        weighting=contract.weighting,
        restored=contract.restored,
        padding=contract.padding,
        dark_margin=contract.dark_margin,
    )


def template(name: str, channels: int = 1, outputs: int = 2, patch: tuple[int, ...] = (96, 96, 96)) -> str:
    """A contract to fill in, as JSON text."""
    data = {
        "name": name,
        "inputs": [{"name": f"image {n + 1}" if channels > 1 else "image", "modality": "CT"} for n in range(channels)],
        "labels": [{"value": n, "name": f"structure {n}"} for n in range(1, max(outputs, 2))],
        "patch": list(patch),
        "axes": "zyx"[-len(patch) :],
        "spacing": [1.5] * len(patch),
        "orientation": "LPS",
        "normalization": [{"kind": "zscore"}] * channels,
        "activation": "softmax",
        "licence": "",
    }
    return typed_json.readable(data)


def missing(name: str, text: str) -> ModelError:
    """The error for a program without a contract; ``text`` is a template that fits what is known of it."""
    return ModelError(
        f"Nothing says what '{name}' takes and gives.",
        f"Describe it in a file such as this one and give that file with --contract FILE:\n{text}",
    )


def _check(contract: Contract, where: str) -> None:
    def refuse(field: str, expected: str) -> ModelError:
        return ModelError(
            f"In the contract ({where}), '{field}' is {typed_json.to_json(getattr(contract, field))}; expected is "
            f"{expected}.",
            "Correct it.",
        )

    count = contract.dimension
    if count not in (2, 3):
        raise refuse("patch", "three numbers, or two for a 2D network")
    if not contract.inputs:
        raise refuse("inputs", "one entry per input channel")
    if sorted(_all_axes(contract)) != sorted(_AXES):
        raise refuse("axes", "'zyx' or these letters in another order" if count == 3 else "'yx' or 'xy'")
    for field in ("spacing", "divisor"):
        value = getattr(contract, field)
        if value is not None and len(value) != count:
            raise refuse(field, f"{count} numbers, as many as in 'patch'")
    if contract.divisor and any(n < 1 or p % n for n, p in zip(contract.divisor, contract.patch, strict=True)):
        raise refuse("divisor", "numbers that divide those of 'patch'")


def _preparation(contract: Contract, planar: bool) -> Preparation:
    first, second, third = (_AXES.index(letter) for letter in _all_axes(contract))
    spacing: Any = contract.spacing
    if spacing is not None and planar:
        spacing = (None, *spacing)
    return Preparation(
        orientation=contract.orientation,
        crop_nonzero=contract.crop_nonzero,
        spacing=spacing,
        image_order=contract.image_order,
        output_order=contract.output_order,
        anisotropy_threshold=contract.anisotropy_threshold,
        normalization=contract.normalization,
        transpose=(first, second, third),
        alignment=contract.alignment,
        normalize_resampled=contract.normalize_resampled,
        crop_foreground=contract.crop_foreground,
        photograph_pixels=contract.photograph_pixels,
    )


def _all_axes(contract: Contract) -> str:
    """The image axis of each axis of the prepared image; a 2D network's slices are cut along z unless it says more."""
    if not contract.axes:
        return _AXES
    return contract.axes if len(contract.axes) == len(_AXES) else f"z{contract.axes}"


def _label(label: ContractLabel, n: int) -> Label:
    return Label(label.value, label.name, label.color or colour(n), label.terminology or terminology(label.name))


def _reworded(error: ModelError, where: str) -> ModelError:
    """A card's error in the words of a contract."""
    cause = error.cause.replace("The model card's field", f"In the contract ({where}), the field")
    cause = cause.replace("The model card", f"The contract ({where})")
    return ModelError(cause, "Correct the contract.", error.detail)
