"""A package with an INT8 form beside its weights: calibrated, controlled and measured on real cases."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...errors import InputError, ModelError
from ...inference.settings import EngineSettings
from ...models.card import CompressedForm, FormAccuracy, ModelCard
from ...models.model import Model
from ...models.package import load_model, save_model
from ...progress import CancelToken, ProgressCallback
from ..calibration import calibration_tiles
from ..cases import CompressionCase, described, find_cases, modality_warnings, read_image, split_cases, too_few
from ..checking import check_licence, check_output, check_own_network, check_packages
from ..measuring import Answers, Measured, has_labels, measure
from ..result import Compressed
from .control import Candidate, within_loss
from .ir import IrModule, free_model, ir_files
from .nncf_calls import PRESETS, made_with, post_training, without_telemetry
from .recipe import QuantizationRecipe
from .sensitivity import answers, output_error, quantized_layers, sensitivities

log = logging.getLogger(__name__)

KIND = "int8-openvino"
"""Of the form, on the card."""

_TRIAL_TILES = 16  # that the two presets are compared with
_JUDGES = 8  # tiles that presets and layers are judged on; they calibrate nothing
_LOOKED_AT = 12  # images that are compared with those of the training
# A preset that is this much quicker may be this much less exact.
_QUICKER, _LESS_EXACT = 0.95, 1.25
_ROUNDS = 5


@dataclass(frozen=True, eq=False)
class _Setting:
    """What all folds have in common."""

    card: ModelCard
    recipe: QuantizationRecipe
    tiles: Sequence[np.ndarray]
    judges: Sequence[np.ndarray]
    measured: Sequence[CompressionCase]
    labelled: bool
    progress: ProgressCallback | None
    cancel: CancelToken | None

    @property
    def limit(self) -> float:
        """The largest loss: of Dice where there are labels, else of agreement."""
        return self.recipe.max_loss if self.labelled else self.recipe.max_change


@dataclass(frozen=True, eq=False)
class _Evidence:
    """How a quantised model was measured."""

    scores: Measured
    agreement: float


@dataclass(frozen=True, eq=False)
class _Fold:
    """One network in 8 bits."""

    before: Measured | None
    chosen: Candidate
    preset: str
    layers: int
    seconds: tuple[float, float]


def quantize(
    source: str | Path,
    output: str | Path,
    cases: str | Path,
    recipe: QuantizationRecipe,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Compressed:
    """Makes a copy of a package with an INT8 form for CPUs beside its weights.

    Every fold is converted to OpenVINO, calibrated on tiles of some of the cases (NNCF's post-training quantisation)
    and measured on others through the engine; where it loses more Dice than ``recipe.max_loss``, the layers that do the
    most harm go back to float.

    Args:
        source: name or path of a model.
        output: folder of the new package; it must not hold anything but an older package.
        cases: see :func:`~UNetSegmentLib.compression.cases.find_cases`.

    Raises:
        ModelError: the licence, the network or its operators forbid it, or it has such a form already.
        InputError: the cases do not suit; or the loss that was asked for cannot be reached (nothing is written then).
        OutputError: the package cannot be written.
        DependencyError: NNCF or OpenVINO is not installed.
        Cancelled: the token was set; nothing is written.
    """
    output = Path(output)
    model = load_model(source)
    check_quantizable(model, recipe)
    check_output(output, model.folder, force=True)
    without_telemetry()
    making, measured = split_cases(find_cases(cases, model.card), recipe.fold)
    if recipe.most_measured:
        measured = _evenly(measured, recipe.most_measured)
    notes = [*too_few(measured), *_unlike(making, model.card)]
    if not has_labels(measured):
        notes.append("The cases have no labels: the INT8 form was compared with what the full network finds.")
    tiles = list(calibration_tiles(model, making, recipe.tiles, None, recipe.seed, progress, cancel))
    judges = list(calibration_tiles(model, measured, _JUDGES, None, recipe.seed + 1, None, cancel))
    if not tiles or not judges:
        raise InputError("The cases hold nothing but background to this model.", "Give images that show its subject.")
    setting = _Setting(model.card, recipe, tiles, judges, measured, has_labels(measured), progress, cancel)
    folds = [_quantized_fold(model, fold, setting) for fold in range(model.folds)]
    notes += _told(folds, setting)
    form, extra = _form(folds, setting, described(making), described(measured, recipe.fold))
    others = [other for other in model.card.forms if other.kind != KIND]
    for other in others:
        for fold, names in enumerate(other.files):
            extra |= dict(zip(names, model.form_files(other.kind, fold), strict=True))
    weights = [model.network(fold).state_dict() for fold in range(model.folds)]
    save_model(replace(model.card, forms=(*others, form)), weights, output, extra=extra)
    return Compressed(
        package=output,
        kind="int8",
        before=folds[0].before,
        after=folds[0].chosen.evidence.scores if setting.labelled else None,
        bytes_before=sum(t.numel() * t.element_size() for state in weights for t in state.values()),
        bytes_after=sum(_size(extra[name]) for names in form.files for name in names),
        notes=tuple(notes),
        seconds_before=folds[0].seconds[0],
        seconds_after=folds[0].seconds[1],
    )


def check_quantizable(model: Model, recipe: QuantizationRecipe) -> None:
    """Refuses a model that cannot be made INT8, before anything is read.

    Raises:
        ModelError, DependencyError: why.
    """
    check_licence(model.card)
    check_own_network(model.card, "made INT8")
    check_packages("INT8", "nncf", "openvino")
    if not recipe.again and any(form.kind == KIND for form in model.card.forms):
        raise ModelError(
            f"'{model.card.name}' has an INT8 form already.",
            "Use it (preset 'fast'), or make it anew with --force.",
        )


def _quantized_fold(model: Model, fold: int, setting: _Setting) -> _Fold:
    network = model.network(fold).to("cpu").float()
    original = free_model(network, setting.card.network.in_channels, setting.tiles[0])
    full = Answers()
    before = _measured(original, setting, full, None, "measure full weights")
    preset, first = _best_preset(original, setting)

    def quantized(released: Sequence[str]) -> Any:
        if not released:
            return first
        return post_training(original, setting.tiles, preset, released, setting.progress, setting.cancel)

    def measured(candidate: Any) -> tuple[float, _Evidence]:
        own = Answers()
        scores = _measured(candidate, setting, own, None if setting.labelled else full, "measure INT8")
        loss = before.mean - scores.mean if setting.labelled else 1 - scores.mean
        return loss, _Evidence(scores, full.agreement(own))

    def ranking(candidate: Any) -> list[str]:
        found = sensitivities(candidate, original, setting.judges[:4], setting.progress, setting.cancel)
        return [one.layer for one in found]

    chosen = within_loss(quantized, measured, ranking, setting.limit)
    if not chosen.loss <= setting.limit and not setting.recipe.unreached:
        raise _unreached(chosen, setting)
    seconds = _side_by_side(network, IrModule(chosen.model), setting.judges[0])
    return _Fold(before if setting.labelled else None, chosen, preset, len(quantized_layers(first)), seconds)


def _best_preset(original: Any, setting: _Setting) -> tuple[str, Any]:
    """The preset of ranges that suits this network, by its error and its time on tiles that calibrated nothing."""
    expected = answers(original, setting.judges)
    tried = {}
    for preset in PRESETS:
        model = post_training(original, setting.tiles[:_TRIAL_TILES], preset, (), None, setting.cancel)
        tried[preset] = (model, output_error(model, expected, setting.judges))
    modules = [IrModule(tried[preset][0]) for preset in PRESETS]
    seconds = dict(zip(PRESETS, _side_by_side(modules[0], modules[1], setting.judges[0]), strict=True))
    for preset in PRESETS:
        log.info("INT8 %s: error %.4f, %.1f ms", preset, tried[preset][1], seconds[preset] * 1000)
    quick = seconds["performance"] < _QUICKER * seconds["mixed"]
    exact = tried["performance"][1] < tried["mixed"][1] * (_LESS_EXACT if quick else 1.0)
    chosen = "performance" if exact else "mixed"
    if len(setting.tiles) <= _TRIAL_TILES:
        return chosen, tried[chosen][0]
    return chosen, post_training(original, setting.tiles, chosen, (), setting.progress, setting.cancel)


def _measured(model: Any, setting: _Setting, answers: Answers, reference: Answers | None, stage: str) -> Measured:
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


def _side_by_side(one: torch.nn.Module, other: torch.nn.Module, tile: np.ndarray) -> tuple[float, float]:
    """Seconds that each takes for a tile, the best of several turns taken one after the other."""
    image = torch.from_numpy(tile)
    times: tuple[list[float], list[float]] = ([], [])
    with torch.inference_mode():
        for turn in range(_ROUNDS + 1):
            for module, found in zip((one, other), times, strict=True):
                started = time.perf_counter()
                module(image)
                if turn:  # the first one takes memory
                    found.append(time.perf_counter() - started)
    return min(times[0]), min(times[1])


def _form(
    folds: Sequence[_Fold], setting: _Setting, making: str, measured: str
) -> tuple[CompressedForm, dict[str, bytes | Path]]:
    """The entry on the card, and its files by name."""
    extra: dict[str, bytes | Path] = {}
    names = []
    for number, fold in enumerate(folds):
        both = (f"int8-fold{number}.xml", f"int8-fold{number}.bin")
        extra |= dict(zip(both, ir_files(fold.chosen.model), strict=True))
        names.append(both)
    several = len(folds) > 1
    layers = tuple(
        f"fold {number}: {layer}" if several else layer
        for number, fold in enumerate(folds)
        for layer in fold.chosen.released
    )
    preset = folds[0].preset
    calibration = f"{len(setting.tiles)} tiles of {making}, {preset} ranges"
    return CompressedForm(KIND, tuple(names), made_with(), calibration, layers, _accuracy(folds, measured)), extra


def _accuracy(folds: Sequence[_Fold], data: str) -> FormAccuracy | None:
    """Means over the folds, each of which was measured by itself; None without labels."""
    pairs = [(fold.before, fold.chosen.evidence) for fold in folds if fold.before is not None]
    if not pairs:
        return None
    return FormAccuracy(
        data=data,
        cases=len(pairs[0][0].cases),
        dice=_rounded([after.scores.mean for _, after in pairs]),
        source_dice=_rounded([before.mean for before, _ in pairs]),
        agreement=round(float(np.mean([after.agreement for _, after in pairs])), 6),
        worst_loss=round(max(before.worst_loss(after.scores) for before, after in pairs), 4),
    )


def _size(content: bytes | Path) -> int:
    return content.stat().st_size if isinstance(content, Path) else len(content)


def _rounded(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4)


def _unreached(best: Candidate, setting: _Setting) -> InputError:
    what = "Dice" if setting.labelled else "agreement with the full weights"
    option = "--max-loss"
    return InputError(
        f"A loss of at most {setting.limit:g} {what} could not be reached: the best INT8 form loses {best.loss:.4f}, "
        f"with {len(best.released)} layers in float. Nothing was written.",
        f"Allow more ({option} {_next_above(best.loss):g}), calibrate with more tiles, fine-tune it (--finetune 300), "
        "or write it all the same with --unreached.",
    )


def _next_above(loss: float) -> float:
    """The loss, rounded up to a number that one would type."""
    return float(np.ceil(loss * 1000) / 1000)


def _told(folds: Sequence[_Fold], setting: _Setting) -> list[str]:
    notes = []
    for number, fold in enumerate(folds):
        which = f"fold {number}: " if len(folds) > 1 else ""
        released = len(fold.chosen.released)
        if released:
            notes.append(
                f"{which}{released} of {fold.layers} layers stayed in float, chosen on the cases that were measured: "
                + ", ".join(fold.chosen.released[:4])
                + (", ..." if released > 4 else "")
            )
        if fold.chosen.loss > setting.limit:
            notes.append(f"{which}the loss is {fold.chosen.loss:.4f}, more than the {setting.limit:g} asked for.")
        agreement = fold.chosen.evidence.agreement
        notes.append(f"{which}{agreement:.3%} of the voxels have the label that the full weights give.")
    return [note[0].upper() + note[1:] for note in notes]


def _unlike(cases: Sequence[CompressionCase], card: ModelCard) -> list[str]:
    some = _evenly(cases, _LOOKED_AT)
    return modality_warnings((read_image(case, card) for case in some), card)


def _evenly(cases: Sequence[CompressionCase], count: int) -> tuple[CompressionCase, ...]:
    """So many of the cases, evenly chosen."""
    if len(cases) <= count:
        return tuple(cases)
    return tuple(cases[int(n)] for n in np.linspace(0, len(cases) - 1, count))
