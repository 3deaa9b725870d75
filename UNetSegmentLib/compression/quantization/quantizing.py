"""A package with an INT8 form beside its weights: calibrated, controlled and measured on real cases."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from ...errors import InputError, ModelError
from ...models.card import INT8_OPENVINO, CompressedForm, FormAccuracy, ModelCard
from ...models.model import Model
from ...models.package import load_model, save_model
from ...progress import CancelToken, ProgressCallback
from ..calibration import calibration_tiles
from ..cases import CompressionCase, described, find_cases, modality_warnings, read_image, split_cases, too_few
from ..checking import check_licence, check_output, check_own_network, check_packages
from ..measuring import has_labels
from ..result import Compressed
from .finetuning import check_finetuning, finetuned_card
from .fold import QuantizedFold, Setting, quantized_fold
from .ir import ir_files
from .nncf_calls import made_with, without_telemetry
from .recipe import QuantizationRecipe
from .sensitivity import layer_title

log = logging.getLogger(__name__)

_JUDGES = 8  # tiles that presets and layers are judged on; they calibrate nothing
_LOOKED_AT = 12  # images that are compared with those of the training


def quantize(
    source: str | Path,
    output: str | Path,
    cases: str | Path,
    recipe: QuantizationRecipe,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    force: bool = False,
) -> Compressed:
    """Makes a copy of a package with an INT8 form for CPUs beside its weights.

    Every fold is converted to OpenVINO, calibrated on tiles of some of the cases (NNCF's post-training quantisation)
    and measured on others through the engine; where it loses more Dice than ``recipe.max_loss``, the layers that do the
    most harm go back to float. With ``recipe.finetune_steps`` the weights are first fine-tuned for 8 bits; the package
    then holds those.

    Args:
        source: name or path of a model.
        output: folder of the new package, whole or not there.
        cases: see :func:`~UNetSegmentLib.compression.cases.find_cases`.
        force: replace a package at ``output``.

    Raises:
        ModelError: the licence, the network or its operators forbid it, or it has such a form already; or the loss
            that was asked for cannot be reached.
        InputError: the cases do not suit.
        OutputError: ``output`` is taken or cannot be written.
        DependencyError: NNCF or OpenVINO is not installed.
        Cancelled: the token was set; nothing is written.
    """
    output = Path(output)
    model = load_model(source)
    check_quantizable(model, recipe)
    check_output(output, model.folder, force)
    without_telemetry()
    making, measured, notes = _cases(cases, model, recipe)
    tiles = list(calibration_tiles(model, making, recipe.tiles, None, recipe.seed, progress, cancel))
    judges = list(calibration_tiles(model, measured, _JUDGES, None, recipe.seed + 1, None, cancel))
    if not tiles or not judges:
        raise InputError("The cases hold nothing but background to this model.", "Give images that show its subject.")
    data = (source, cases)
    setting = Setting(model.card, recipe, tiles, judges, measured, has_labels(measured), data, progress, cancel)
    folds = [quantized_fold(model, fold, setting) for fold in range(model.folds)]
    form, files = _form(folds, setting, described(making), described(measured, recipe.fold))
    weights = [each.weights or model.network(fold).state_dict() for fold, each in enumerate(folds)]
    _save(_card(model, folds, recipe), model, form, files, weights, output)
    return Compressed(
        package=output,
        kind="int8",
        before=folds[0].before,
        after=folds[0].chosen.evidence.scores if setting.labelled else None,
        bytes_before=sum(t.numel() * t.element_size() for state in weights for t in state.values()),
        bytes_after=sum(map(_size, files.values())),
        notes=(*notes, *_told(folds, setting)),
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
    if not recipe.again and any(form.kind == INT8_OPENVINO for form in model.card.forms):
        raise ModelError(
            f"'{model.card.name}' has an INT8 form already.",
            "Use it (preset 'fast'), or make it anew with --force.",
        )


def _cases(
    cases: str | Path, model: Model, recipe: QuantizationRecipe
) -> tuple[tuple[CompressionCase, ...], tuple[CompressionCase, ...], tuple[str, ...]]:
    """The cases that calibrate, those that measure, and notes on them.

    Raises:
        InputError: they do not suit.
    """
    found = find_cases(cases, model.card)
    check_finetuning(recipe, has_labels(found), model.folds)
    making, measured = split_cases(found, recipe.fold)
    if recipe.most_measured:
        measured = _evenly(measured, recipe.most_measured)
    notes = (*too_few(measured), *_unlike(making, model.card))
    if not has_labels(measured):
        notes += ("The cases have no labels: the INT8 form was compared with what the full network finds.",)
    return tuple(making), tuple(measured), notes


def _save(
    card: ModelCard,
    model: Model,
    form: CompressedForm,
    files: dict[str, bytes | Path],
    weights: Sequence[Mapping[str, Tensor]],
    output: Path,
) -> None:
    """Writes the package: its INT8 form beside those of the other kinds that the card still has."""
    # Other forms are those of other weights once the network was fine-tuned.
    others = [other for other in card.forms if other.kind != INT8_OPENVINO]
    for other in others:
        for fold, names in enumerate(other.files):
            files = files | dict(zip(names, model.form_files(other.kind, fold), strict=True))
    save_model(replace(card, forms=(*others, form)), weights, output, extra=files)


def _card(model: Model, folds: Sequence[QuantizedFold], recipe: QuantizationRecipe) -> ModelCard:
    tuned = folds[0]
    if tuned.weights is None or tuned.full is None or tuned.before is None:
        return model.card
    return finetuned_card(model, recipe, tuned.full.mean, tuned.before.mean)


def _form(
    folds: Sequence[QuantizedFold], setting: Setting, making: str, measured: str
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
        f"fold {number}: {layer_title(layer)}" if several else layer_title(layer)
        for number, fold in enumerate(folds)
        for layer in fold.chosen.released
    )
    preset = folds[0].preset
    calibration = f"{len(setting.tiles)} tiles of {making}, {preset} ranges"
    return CompressedForm(
        INT8_OPENVINO, tuple(names), made_with(), calibration, layers, _accuracy(folds, measured)
    ), extra


def _accuracy(folds: Sequence[QuantizedFold], data: str) -> FormAccuracy | None:
    """Means over the folds, each of which was measured by itself; None without labels."""
    pairs = [(fold.full, fold.chosen.evidence) for fold in folds if fold.full is not None]
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


def _told(folds: Sequence[QuantizedFold], setting: Setting) -> list[str]:
    notes = []
    for number, fold in enumerate(folds):
        which = f"fold {number}: " if len(folds) > 1 else ""
        released = len(fold.chosen.released)
        if released:
            notes.append(
                f"{which}{released} of {fold.layers} layers stayed in float, chosen on the cases that were measured: "
                + ", ".join(map(layer_title, fold.chosen.released[:4]))
                + (", ..." if released > 4 else "")
            )
        if fold.finetuned_loss is not None:
            what = "kept" if fold.weights is not None else "dropped, since it did not help"
            notes.append(
                f"{which}calibration alone lost too much; a fine-tuning in {setting.recipe.finetune_steps} steps (loss "
                f"{fold.finetuned_loss:.4f} then) was {what}."
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
