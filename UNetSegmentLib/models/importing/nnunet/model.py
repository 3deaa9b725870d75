"""From results folders to models: plans, labels, network, weights and words put together."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ....errors import ModelError
from ...card import Companion, InferenceContract, ModelCard
from ...weights import StateDict
from ..archive import SourceFiles
from ..checkpoint import load_checkpoint
from ..conversion import plain_name
from ..fields import Fields, read_json
from ..imported import Imported, ImportOptions
from . import card_texts
from .architecture import network_config
from .fingerprint import training_fingerprint
from .labels import LabelPlan, channel_names, label_plan
from .plans import Plans, configuration
from .postprocessing import postprocessing_steps
from .preparation import preparation, resampling
from .results import DATASET, PLANS, ResultsFolder, find_results, sibling
from .weights import map_weights

log = logging.getLogger(__name__)

_PREVIOUS = "previous"


@dataclass(frozen=True)
class Trained:
    """A results folder with its files read.

    Args:
        results: the folder.
        plans, dataset: its files.
        checkpoints: of the chosen folds, by fold.
        trainer: the trainer's class, as the checkpoint says.
    """

    results: ResultsFolder
    plans: Plans
    dataset: Fields
    checkpoints: Mapping[str, Mapping[str, Any]]
    trainer: str


def read_models(files: SourceFiles, options: ImportOptions) -> list[Imported]:
    """Every model of a source, or the one configuration that is asked for.

    Raises:
        ModelError: nothing fits what is asked for, or something cannot be run faithfully.
    """
    everything = find_results(files)
    chosen = [r for r in everything if options.configuration in (None, r.configuration)]
    if not chosen and len(everything) == 1 and not everything[0].configuration:
        chosen = everything
    if not chosen:
        there = ", ".join(sorted({results.configuration or results.shown for results in everything}))
        raise ModelError(f"'{files.path.name}' has no configuration '{options.configuration}'.", f"It has: {there}.")
    models = [_model(results, everything, options) for results in chosen]
    return _distinct(models, chosen)


def _model(
    results: ResultsFolder, everything: Sequence[ResultsFolder], options: ImportOptions, later: tuple[str, ...] = ()
) -> Imported:
    """One configuration with its first stage. ``later``: the stages that it is a first stage of."""
    trained = _read(results, options)
    plans = trained.plans
    if plans.name in later:
        raise ModelError(
            f"The plans' stages come before each other in a circle: {' after '.join((*later, plans.name))}.",
            "Use the plans.json as nnU-Net wrote it.",
        )
    channels, labels = channel_names(trained.dataset), label_plan(trained.dataset)
    companions: list[Imported] = []
    if plans.previous is not None:
        first = sibling(results, plans.previous, everything)
        companions.append(_previous(first, everything, options, plans, labels, (*later, plans.name)))
    further = len(labels.foreground) if companions else 0
    network = network_config(plans, len(channels) + further, len(labels.output_values), trained.trainer)
    weights: list[StateDict | Path] = []
    for fold, checkpoint in trained.checkpoints.items():
        where = f"{results.shown}, fold {fold}"
        weights.append(map_weights(network, checkpoint.get("network_weights"), where))
    values = [label.value for label in labels.labels]
    about = card_texts.about(
        plans, trained.dataset, results.dataset, trained.trainer, list(trained.checkpoints), channels
    )
    card = ModelCard(
        name=plain_name(f"{card_texts.dataset_name(trained.plans.whole, results.dataset)}-{plans.name}"),
        version="1",
        inputs=card_texts.inputs(channels),
        labels=labels.labels,
        network=network,
        preparation=preparation(plans, len(channels)),
        inference=_inference(trained, labels),
        postprocessing=postprocessing_steps(results.files, list(trained.checkpoints), values),
        companions=tuple(Companion(_PREVIOUS, "previous") for _ in companions),
        fingerprint=training_fingerprint(plans, trained.dataset, len(channels)),
        **about,
    )
    return Imported(card, weights, companions, plans.name)


def _previous(
    first: ResultsFolder,
    everything: Sequence[ResultsFolder],
    options: ImportOptions,
    plans: Plans,
    labels: LabelPlan,
    later: tuple[str, ...],
) -> Imported:
    """The first stage of a cascade, which must give the labels that the second one takes."""
    previous = _model(first, everything, replace(options, folds=None), later)
    if tuple(sorted(label.value for label in previous.card.labels)) != labels.foreground:
        raise ModelError(
            f"The first stage '{first.shown}' does not give the labels {list(labels.foreground)} of the second.",
            "Import the two stages of one and the same training.",
        )
    if resampling(plans, "seg").order != 1:
        raise ModelError(
            "The cascade resamples the first stage's labels with another order than 1.",
            "Only nnU-Net's own setting (order 1) can be run faithfully.",
        )
    return previous


def _read(results: ResultsFolder, options: ImportOptions) -> Trained:
    plans, dataset = read_json(results.files, PLANS), read_json(results.files, DATASET)
    chosen = results.chosen(options.folds, options.checkpoint)
    stage = options.stage("read model", len(chosen), results.shown)
    checkpoints = {}
    for fold, name in chosen.items():
        checkpoints[fold] = load_checkpoint(results.files.local(name), f"{results.shown}/{name}")
        stage.step()
    first = next(iter(checkpoints.values()))
    arguments = first.get("init_args")
    named = arguments.get("configuration") if isinstance(arguments, Mapping) else None
    name = named if isinstance(named, str) else results.configuration
    if not name:
        raise ModelError(
            f"Neither the checkpoint nor the folder's name '{results.shown}' says which configuration this is.",
            "Name the folder as nnU-Net does: Trainer__Plans__configuration, e.g. ...__3d_fullres.",
        )
    trainer = str(first.get("trainer_name") or results.trainer)
    return Trained(results, configuration(plans, name), dataset, checkpoints, trainer)


def _inference(trained: Trained, labels: LabelPlan) -> InferenceContract:
    dimension, patch = trained.plans.dimension, trained.plans.patch
    first = next(iter(trained.checkpoints.values()))
    mirrored = first.get("inference_allowed_mirroring_axes") or ()
    axes = tuple(mirrored) if isinstance(mirrored, list | tuple) else ("none",)
    if any(axis not in range(dimension) for axis in axes) or len(set(axes)) != len(axes):
        raise ModelError(
            f"The checkpoint allows mirroring along the axes {mirrored}, the network has {dimension}.",
            "Use the checkpoint as nnU-Net wrote it.",
        )
    return InferenceContract(
        patch=(1, *patch) if dimension == 2 else patch,  # type: ignore[arg-type]
        overlap=0.5,
        # A 2D network has no z axis, ours counts it all the same.
        mirror_axes=tuple(axis + 3 - dimension for axis in axes),
        activation=labels.activation,
        output_values=labels.output_values,
        tiling="even",
        weighting="gaussian",
        restored="logits",
    )


def _distinct(models: Sequence[Imported], results: Sequence[ResultsFolder]) -> list[Imported]:
    """The same configuration of several trainers or plans is told apart by them."""
    names = [model.card.name for model in models]
    distinct = []
    for model, folder in zip(models, results, strict=True):
        name, variant = model.card.name, model.variant
        if names.count(name) > 1:
            name, variant = (plain_name(f"{n}-{folder.trainer}-{folder.plans}") for n in (name, variant))
        distinct.append(replace(model, card=replace(model.card, name=name), variant=variant))
    return distinct
