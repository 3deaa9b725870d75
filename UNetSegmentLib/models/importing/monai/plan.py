"""From a bundle's configurations to a model card, without looking at the weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ....networks.config import OpaqueNetwork
from ...card import InferenceContract, ModelCard, Preparation
from ...validation import check_card
from ..conversion import plain_name
from . import description
from .bundle import Bundle
from .configuration import Component, Configuration
from .inferer import Tiling, read_inferer
from .networks import Mapped, read_network
from .postprocessing import Outputs, read_postprocessing
from .preprocessing import read_preprocessing
from .refusal import damaged, refused

_EVALUATORS = ("SupervisedEvaluator", "EnsembleEvaluator")
_CHECKPOINT = "models/model.pt"


@dataclass(frozen=True)
class Plan:
    """A bundle that can be run.

    Attributes:
        card: complete but for weights and digests.
        mapped: where the tensors come from.
        outputs: the bundle's output channel behind each of ours.
        checkpoint: name of the weights below the bundle's folder.
        key: entry of the checkpoint that holds the state dict, where it is no plain state dict.
    """

    card: ModelCard
    mapped: Mapped
    outputs: tuple[int, ...]
    checkpoint: str
    key: str


def plan_bundle(bundle: Bundle) -> Plan:
    """The native model that a bundle becomes.

    Raises:
        ModelError: a part that is not supported, by name; or metadata and network that contradict each other.
    """
    try:
        return _plan(bundle)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        # A list where a number belongs, and the like: every reader looks at what it uses, this is for the rest.
        raise damaged("its configuration has a value of an unexpected kind", repr(error)) from error


def _plan(bundle: Bundle) -> Plan:
    configuration, metadata = bundle.configuration, bundle.metadata
    mapped = read_network(_network(configuration))
    config = mapped.config
    description.check_channels(metadata, config.in_channels, config.out_channels)
    chain = configuration.get("preprocessing") or _dataset_transform(configuration)
    kind = description.modality(metadata)
    preparation, _ = read_preprocessing(chain, config.dimension, config.in_channels, kind == "MR")
    tiling = read_inferer(_part(configuration, "inferer"), config.dimension)
    outputs = read_postprocessing(_part(configuration, "postprocessing"), config.out_channels)
    order, values = _values(outputs, metadata, config.out_channels)
    if order != tuple(range(config.out_channels)) and not mapped.heads:
        raise refused("its overlapping regions are painted in another order than the network's channels")
    contract = _contract(tiling, outputs, values)
    card = _card(bundle, mapped, _adapted(preparation, tiling, outputs), contract, outputs, order)
    check_card(card)
    return Plan(card, mapped, order, *_checkpoint(bundle))


def _card(
    bundle: Bundle,
    mapped: Mapped,
    preparation: Preparation,
    contract: InferenceContract,
    outputs: Outputs,
    order: tuple[int, ...],
) -> ModelCard:
    metadata, config = bundle.metadata, mapped.config
    painted = zip(order, contract.output_values, strict=True)
    labels = description.labels(metadata, {channel: value for channel, value in painted if value})
    title = description.text(metadata.get("name")) or bundle.name
    task = description.text(metadata.get("task"))
    return ModelCard(
        name=plain_name(bundle.name),
        version=description.text(metadata.get("version")) or "unknown",
        title=title,
        description=_words(metadata, outputs),
        anatomy=", ".join(label.name for label in labels) if len(labels) <= 4 else task or title,
        modality=description.modality(metadata),
        inputs=description.inputs(metadata, config.in_channels),
        labels=labels,
        network=config,
        preparation=preparation,
        inference=contract,
        postprocessing=outputs.steps,
        licence=description.licence(bundle.files, metadata),
        citation=description.citation(metadata),
        training_data=description.text(metadata.get("data_source")),
        intended_use=description.text(metadata.get("intended_use")),
        source=f"MONAI bundle {bundle.name}",
    )


def _adapted(preparation: Preparation, tiling: Tiling, outputs: Outputs) -> Preparation:
    """The preparation with what the steps behind it ask of it."""
    if preparation.crop_foreground and outputs.activation == "sigmoid":
        raise refused("it crops to the foreground, and each of its output channels is a region of its own (sigmoid)")
    if tiling.transpose != (0, 1, 2) and preparation.spacing is not None:
        raise refused("it resamples the image and takes slices along its first or second axis")
    nearest = outputs.restored == "labels" or preparation.image_order == 0
    return replace(preparation, transpose=tiling.transpose, output_order=0 if nearest else preparation.output_order)


def _contract(tiling: Tiling, outputs: Outputs, values: tuple[int, ...]) -> InferenceContract:
    return InferenceContract(
        patch=tiling.patch,
        overlap=tiling.overlap,
        activation=outputs.activation,
        output_values=values,
        tiling="stepped",
        weighting=tiling.weighting,
        restored=outputs.restored,
        padding=tiling.padding,
    )


def _words(metadata: dict[str, Any], outputs: Outputs) -> str:
    measured = description.metrics(metadata)
    told = description.text(metadata.get("description"))
    sentences = [told if told.endswith((".", "!", "?")) or not told else f"{told}."]
    sentences += [f"Published by its authors: {measured}."] if measured else []
    return " ".join(filter(None, [*sentences, *outputs.notes]))


def _values(outputs: Outputs, metadata: dict[str, Any], channels: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The bundle's channel behind each of our outputs, and their label values."""
    if outputs.painted is not None:
        return tuple(channel for channel, _ in outputs.painted), tuple(value for _, value in outputs.painted)
    if outputs.activation == "softmax":
        if channels < 2:
            raise refused("it takes the largest of a single output channel")
        return tuple(range(channels)), tuple(range(channels))
    if channels > 1 and description.has_background(metadata):
        raise refused("its first output channel is a background, and each channel is a region of its own (sigmoid)")
    return tuple(range(channels)), tuple(range(1, channels + 1))


def _network(configuration: Configuration) -> Any:
    for name in ("network_def", "network", "net_def", "net", "model"):
        found = configuration.get(name)
        if isinstance(found, Component):
            return found
    evaluator = _evaluator(configuration)
    return evaluator.get("network") if evaluator else None


def _part(configuration: Configuration, name: str) -> Any:
    """An entry by its usual name, or the one that the evaluator uses."""
    if configuration.has(name):
        return configuration.get(name)
    evaluator = _evaluator(configuration)
    return evaluator.get(name) if evaluator else None


def _dataset_transform(configuration: Configuration) -> Any:
    dataset = configuration.get("dataset")
    return dataset.get("transform") if isinstance(dataset, Component) else None


def _evaluator(configuration: Configuration) -> Component | None:
    return next((c for c in configuration.components() if c.target in _EVALUATORS), None)


def _checkpoint(bundle: Bundle) -> tuple[str, str]:
    """Which file holds the weights, and under which entry, as the bundle's ``CheckpointLoader`` says."""
    loader = next((c for c in bundle.configuration.components() if c.target == "CheckpointLoader"), None)
    if loader is None:
        return _CHECKPOINT, "model"
    entries = loader.arguments.get("load_dict")
    key = next(iter(entries), "model") if isinstance(entries, dict) else "model"
    path = loader.get("load_path", _CHECKPOINT)
    if not isinstance(path, str) or "models/" not in path.replace("\\", "/"):
        return _CHECKPOINT, key
    name = path.replace("\\", "/").rpartition("models/")[2]
    if not name or "/" in name or name.startswith("."):
        raise damaged(f"its checkpoint '{path[:80]}' does not lie in its folder 'models'")
    return f"models/{name}", key


def opaque(plan_card: ModelCard, divisor: tuple[int, ...]) -> ModelCard:
    """The card of the same bundle run through its TorchScript file, whose axes run x, y, z.

    Transposing the prepared image instead of the weights gives the program what it was made for.
    """
    config, flat = plan_card.network, plan_card.network.dimension == 2
    turned = (0, 2, 1) if flat else (2, 1, 0)
    network = OpaqueNetwork(
        config.dimension, config.in_channels, config.out_channels, tuple(reversed(divisor)), False, "torchscript"
    )
    preparation, contract = plan_card.preparation, plan_card.inference
    spacing = preparation.spacing
    z, y, x = (contract.patch[axis] for axis in turned)
    turned_spacing = None if spacing is None else tuple(spacing[axis] for axis in turned)
    return replace(
        plan_card,
        network=network,
        preparation=replace(
            preparation,
            transpose=tuple(preparation.transpose[axis] for axis in turned),  # type: ignore[arg-type]
            spacing=turned_spacing,  # type: ignore[arg-type]
        ),
        inference=replace(contract, patch=(z, y, x)),
    )
