"""The words of a card: what an nnU-Net model is, as far as its files say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ....geometry import in_xyz
from ...card import InputChannel
from ..fields import Fields
from .plans import Plans

CITATION = (
    "Isensee F, Jaeger PF, Kohl SAA, Petersen J, Maier-Hein KH. nnU-Net: a self-configuring method for deep "
    "learning-based biomedical image segmentation. Nature Methods 18, 203-211 (2021)."
)
_INTENDED_USE = "Imported model: check its results on your own images before you rely on them. Not for diagnosis."
_MR = re.compile(r"(t1|t2|flair|pd|adc|dwi|swi|dce|mri?|hbv)(\b|[^a-z]|w|c|gd|ce|k|\*|$)", re.IGNORECASE)
_OWN_TRAINER = re.compile(
    r"nnUNetTrainer(_?(DA5|DA5ord0|DA5Segord0|NoDA|DASegOrd0|noDummy2DDA|NoMirroring|onlyMirror01|1500ep|warmup|CosAnneal"
    r"|Adan|Adan1en3|Adan3en4|Adan1en1|AdanCosAnneal|Adam|VanillaAdam|VanillaAdam1en3|VanillaAdam3en4|Adam1en3|Adam3en4"
    r"|DiceLoss|DiceCELoss|noSmooth|Topk10Loss|Topk10LossLS01|DiceTopK10Loss|CELoss|NoDeepSupervision|BN"
    r"|probabilisticOversampling|033|010|\d+epochs?|Benchmark|noDataLoading))*"
)


def dataset_name(plans: Fields, folder: str) -> str:
    """``Dataset004_Hippocampus``, from the plans or the folder."""
    return plans.text("dataset_name", folder or "nnUNet")


def inputs(channels: Sequence[str]) -> tuple[InputChannel, ...]:
    """One entry per image, with the modality that its name tells."""
    return tuple(InputChannel(name or f"channel {n}", *_modality(name)) for n, name in enumerate(channels))


def about(
    plans: Plans, dataset: Fields, folder: str, trainer: str, folds: Sequence[str], channels: Sequence[str]
) -> dict[str, Any]:
    """The fields of a card that are words."""
    name = dataset_name(plans.whole, folder)
    plain = re.sub(r"^Dataset\d+_", "", name).replace("_", " ")
    modalities = ", ".join(dict.fromkeys(_modality(channel)[0] for channel in channels))
    plans_name = plans.whole.text("plans_name", "nnUNetPlans")
    which = "fold " + folds[0] if len(folds) == 1 else "folds " + ", ".join(folds)
    description = f"{_given(dataset, 'description') or plain}. nnU-Net configuration {plans.name}, imported."
    if not _OWN_TRAINER.fullmatch(trainer):
        description += (
            f" The trainer {trainer} is not one of nnU-Net's own; if it changed more than the training (activations, "
            "preparation of images), results differ from its own."
        )
    licence = _given(dataset, "licence") or _given(dataset, "license")
    if licence:
        licence += " (of the training data, as their description says)"
    else:
        description += " Its files state no licence: ask its author before you use it."
    return {
        "title": f"{plain} (nnU-Net {plans.name})",
        "description": description,
        "anatomy": plain,
        "modality": modalities,
        "licence": licence,
        "citation": " ".join(filter(None, (_given(dataset, "reference"), CITATION))),
        "training_data": _training_data(plans, dataset, name, channels),
        "intended_use": _INTENDED_USE,
        "source": f"nnU-Net v2, {name}, trainer {trainer}, plans {plans_name}, configuration {plans.name}, {which}",
    }


def _training_data(plans: Plans, dataset: Fields, name: str, channels: Sequence[str]) -> str:
    count = dataset.get("numTraining")
    parts = [f"{name}{f', {count} cases' if isinstance(count, int) else ''}."]
    spacing, shape = (plans.whole.get(f"original_median_{k}_after_transp") for k in ("spacing", "shape"))
    if _numeric(spacing) and _numeric(shape):
        parts.append(f"Median image {in_xyz(shape)} voxels of {in_xyz(spacing)} mm (x, y, z of the network).")
    key = "foreground_intensity_properties_per_channel"
    statistics = plans.whole.object(key).data if key in plans.whole else {}
    for n, channel in enumerate(channels):
        entry = statistics.get(str(n))
        fingerprint = Fields(entry, key) if isinstance(entry, dict) else None
        if fingerprint and all(isinstance(fingerprint.get(k), int | float) for k in ("mean", "std", "median")):
            parts.append(
                f"Foreground intensities of {channel}: mean {fingerprint.get('mean'):.4g}, "
                f"standard deviation {fingerprint.get('std'):.4g}, median {fingerprint.get('median'):.4g}."
            )
    return " ".join(parts)


def _modality(channel: str) -> tuple[str, str]:
    """The DICOM modality that a channel's name tells, and a description."""
    name = channel.strip().lower()
    if name == "ct" or name.startswith(("ct_", "ct ", "ct-")) or name in ("cbct", "cta"):
        return "CT", "intensities in Hounsfield units"
    if _MR.match(name):
        return "MR", ""
    if name.startswith("pet") or name in ("pt", "suv", "fdg"):
        return "PT", "standardised uptake values" if "suv" in name else ""
    if name in ("us", "ultrasound"):
        return "US", ""
    if name in ("r", "g", "b", "red", "green", "blue", "rgb"):
        return "Photograph", "colour channel of a picture"
    return channel.strip() or "any", ""


def _given(dataset: Fields, key: str) -> str:
    value = dataset.get(key)
    return value.strip().rstrip(".") if isinstance(value, str) and value.strip() else ""


def _numeric(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(v, int | float) for v in values)
