"""One network in 8 bits: ranges chosen, calibrated, controlled, and fine-tuned where that is asked for and needed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...inference.settings import EngineSettings
from ...models.card import ModelCard
from ...models.model import Model
from ...networks import build
from ...progress import CancelToken, ProgressCallback
from ..cases import CompressionCase
from ..measuring import Answers, Measured, measure
from ..timing import side_by_side
from ..wishes import accept_loss
from .control import Candidate, within_loss
from .finetuning import finetuned
from .ir import IrModule, free_model
from .nncf_calls import PRESETS, post_training
from .recipe import QuantizationRecipe
from .sensitivity import answers, output_error, quantized_layers, sensitivities

log = logging.getLogger(__name__)

_TRIAL_TILES = 16  # that the two presets are compared with
_RANKED_ON = 4  # tiles that layers are judged on


@dataclass(frozen=True, eq=False)
class Setting:
    """What all folds have in common. ``data``: what model and data set were loaded by, to learn from."""

    card: ModelCard
    recipe: QuantizationRecipe
    tiles: Sequence[np.ndarray]
    judges: Sequence[np.ndarray]
    measured: Sequence[CompressionCase]
    labelled: bool
    data: tuple[str | Path, str | Path]
    progress: ProgressCallback | None
    cancel: CancelToken | None

    @property
    def limit(self) -> float:
        """The largest loss: of Dice where there are labels, else of agreement."""
        return self.recipe.max_loss if self.labelled else self.recipe.max_change


@dataclass(frozen=True, eq=False)
class Evidence:
    """How a quantised model was measured."""

    scores: Measured
    agreement: float


@dataclass(frozen=True, eq=False)
class QuantizedFold:
    """One network in 8 bits.

    Attributes:
        before: scores of the source's network; None without labels.
        full: the same of the network that was made INT8: the source's, unless it was fine-tuned.
        chosen: the INT8 form.
        preset: its kind of ranges.
        layers: how many layers could be in 8 bits.
        seconds: of a tile through the source's network in torch, and through the INT8 form.
        weights: the network's, where it was fine-tuned.
        finetuned_loss: of the INT8 form after fine-tuning, before layers went back to float; None without.
    """

    before: Measured | None
    full: Measured | None
    chosen: Candidate
    preset: str
    layers: int
    seconds: tuple[float, float]
    weights: dict[str, Tensor] | None = None
    finetuned_loss: float | None = None


@dataclass(frozen=True, eq=False)
class _Calibrated:
    """A network, its OpenVINO form and that in 8 bits, and what the full one finds."""

    original: Any
    preset: str
    quantized: Any
    scores: Measured
    answers: Answers


def quantized_fold(model: Model, fold: int, setting: Setting) -> QuantizedFold:
    """Quantises the network of one fold; see :func:`~.quantizing.quantize`.

    Raises:
        ModelError: the loss that was asked for cannot be reached.
    """
    network = model.network(fold).to("cpu").float()
    source = now = _calibrated(network, setting)
    first = _loss(now.quantized, now, source, setting)
    weights: dict[str, Tensor] | None = None
    finetuned_loss: float | None = None
    if first[0] > setting.limit and setting.recipe.finetune_steps:
        log.info("INT8 loses %.4f: fine-tuning with rounding", first[0])
        weights = finetuned(model, *setting.data, setting.recipe, setting.progress, setting.cancel)
        tuned = build(setting.card.network)
        tuned.load_state_dict(weights)
        after = _calibrated(tuned.eval().requires_grad_(False), setting)
        tried = _loss(after.quantized, after, source, setting)
        finetuned_loss = tried[0]
        now, first, weights = (after, tried, weights) if tried[0] < first[0] else (now, first, None)
    chosen = _controlled(now, source, first, setting)
    if not chosen.loss <= setting.limit:
        _accept(chosen, setting)
    return QuantizedFold(
        before=source.scores if setting.labelled else None,
        full=now.scores if setting.labelled else None,
        chosen=chosen,
        preset=now.preset,
        layers=len(quantized_layers(now.quantized)),
        seconds=_seconds(network, chosen, setting.judges[0]),
        weights=weights,
        finetuned_loss=finetuned_loss,
    )


def _calibrated(network: nn.Module, setting: Setting) -> _Calibrated:
    original = free_model(network, setting.card.network.in_channels, setting.tiles[0])
    full = Answers()
    scores = _measured(original, setting, full, None, "measure full weights")
    preset, quantized = _best_preset(original, setting)
    return _Calibrated(original, preset, quantized, scores, full)


def _loss(candidate: Any, now: _Calibrated, source: _Calibrated, setting: Setting) -> tuple[float, Evidence]:
    """What a quantised model loses against the source."""
    own = Answers()
    scores = _measured(candidate, setting, own, None if setting.labelled else source.answers, "measure INT8")
    loss = source.scores.mean - scores.mean if setting.labelled else 1 - scores.mean
    return loss, Evidence(scores, now.answers.agreement(own))


def _controlled(now: _Calibrated, source: _Calibrated, first: tuple[float, Evidence], setting: Setting) -> Candidate:
    """The form of the fewest float layers that keeps the limit; ``first`` is what was measured of the one of none."""

    def quantized(released: Sequence[str]) -> Any:
        if not released:
            return now.quantized
        return post_training(now.original, setting.tiles, now.preset, released, setting.progress, setting.cancel)

    def measured(candidate: Any) -> tuple[float, Evidence]:
        return first if candidate is now.quantized else _loss(candidate, now, source, setting)

    def ranking(candidate: Any) -> list[str]:
        judges = setting.judges[:_RANKED_ON]
        found = sensitivities(candidate, now.original, judges, setting.progress, setting.cancel)
        return [one.layer for one in found]

    return within_loss(quantized, measured, ranking, setting.limit)


def _best_preset(original: Any, setting: Setting) -> tuple[str, Any]:
    """The preset of ranges with the smaller error on tiles that calibrated nothing."""
    expected = answers(original, setting.judges)
    tried = {}
    for preset in PRESETS:
        model = post_training(original, setting.tiles[:_TRIAL_TILES], preset, (), None, setting.cancel)
        tried[preset] = (model, output_error(model, expected, setting.judges))
        log.info("INT8 with %s ranges: error %.4f", preset, tried[preset][1])
    chosen = min(PRESETS, key=lambda preset: tried[preset][1])
    if len(setting.tiles) <= _TRIAL_TILES:
        return chosen, tried[chosen][0]
    return chosen, post_training(original, setting.tiles, chosen, (), setting.progress, setting.cancel)


def _measured(model: Any, setting: Setting, answers: Answers, reference: Answers | None, stage: str) -> Measured:
    """Scores through the engine. With neither labels nor a reference only the answers are of use."""
    alone = Model.in_memory(_alone(setting.card), [IrModule(model)])
    if not setting.labelled and reference is None:
        reference = answers  # with itself: what counts is what is kept in ``answers``
    settings = EngineSettings(backend="torch")
    return measure(
        alone, setting.measured, settings, setting.progress, setting.cancel, answers, reference, stage_name=stage
    )


def _alone(card: ModelCard) -> ModelCard:
    """The card of one network in memory."""
    return replace(card, weights=card.weights[:1], forms=(), digests={})


def _seconds(network: torch.nn.Module, chosen: Candidate, tile: np.ndarray) -> tuple[float, float]:
    """Of a tile through the network in torch and through its INT8 form."""
    image = torch.from_numpy(tile)
    return side_by_side(partial(network, image), partial(IrModule(chosen.model), image))


def _accept(best: Candidate, setting: Setting) -> None:
    """Refuses it, unless the user takes it all the same; what it loses is told with the other notes then."""
    what = "Dice" if setting.labelled else "agreement with the full weights"
    accept_loss(
        f"A loss of at most {setting.limit:g} {what} could not be reached: the best INT8 form loses {best.loss:.4f}, "
        f"with {len(best.released)} layers in float",
        setting.recipe.unreached,
        f"Allow more (--max-loss {_next_above(best.loss):g}), calibrate with more tiles, fine-tune it (--finetune 300)",
    )


def _next_above(loss: float) -> float:
    """The loss, rounded up to a number that one would type."""
    return float(np.ceil(loss * 1000) / 1000)
