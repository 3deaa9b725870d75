"""What a training's configuration may be."""

from __future__ import annotations

import dataclasses

from ...errors import InputError
from ...models import check_card
from ...text import shown
from .values import TrainingValues

LOSS_TERMS = ("dice", "tversky", "ce", "focal", "boundary", "cldice")
OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("poly", "cosine", "plateau", "constant")
KEPT = ("last", "best")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
PADDINGS = ("reflect", "edge", "constant", "noise", "other")

# Far beyond what anybody trains; what lies above is a slip, or somebody's wish to keep the machine busy.
_WITHIN = {
    "steps": (1, 10**8),
    "minutes": (0, 10**6),
    "batch": (1, 10_000),
    "folds": (0, 10_000),
    "seed": (0, 2**63 - 1),
    "threads": (0, 4096),
    "early_stop": (0, 10**8),
    "validate_every": (1, 10**8),
    "checkpoint_every": (1, 10**8),
    "validation_cases": (0, 10**8),
}
# Classes are kept as bytes, background and the ignored value among them.
MOST_LABELS = 250
_LARGEST = 65_535

# Array axes are z, y, x; the letters of an orientation stand for x, y, z.
_LEFT_RIGHT = ("L", "R")


def check_training(config: TrainingValues) -> None:
    """Checks every value.

    Raises:
        InputError: a value that cannot work, named, with what would.
    """
    check_card(config.card)
    _check_choices(config)
    for name, (low, high) in _WITHIN.items():
        _need(low <= getattr(config, name) <= high, name, getattr(config, name), f"a number from {low:,} to {high:,}")
    _check_labels(config)
    _need(0 <= config.ema < 1, "ema", config.ema, "0 to below 1")
    _check_course(config)
    _check_ranges(config)
    _check_shares(config)
    _check_loss(config)
    _check_regions(config)
    _check_label_pairs(config)
    _check_teacher(config)


def _check_labels(config: TrainingValues) -> None:
    values = {value for region in config.regions for value in region} or set(config.card.inference.output_values)
    values -= {0}
    _need(len(values) <= MOST_LABELS, "labels", f"a table of {len(values)}", f"{MOST_LABELS} labels at most")
    _need(all(0 < value <= _LARGEST for value in values), "labels", sorted(values)[:3], f"values from 1 to {_LARGEST}")


def _check_course(config: TrainingValues) -> None:
    """Optimiser and schedule."""
    optimizer, schedule = config.optimizer, config.schedule
    _need(optimizer.learning_rate > 0, "learning_rate", optimizer.learning_rate, "above 0")
    _need(optimizer.weight_decay >= 0, "weight_decay", optimizer.weight_decay, "0 or more")
    _need(0 <= optimizer.momentum < 1, "momentum", optimizer.momentum, "0 to below 1")
    _need(optimizer.clip >= 0, "clip", optimizer.clip, "0 or more")
    _need(0 <= schedule.floor <= 1, "floor", schedule.floor, "a share from 0 to 1")
    _need(schedule.warmup >= 0, "warmup", schedule.warmup, "a number of steps, or 0")
    _need(schedule.patience >= 0, "patience", schedule.patience, "a number of validations, or 0")
    _need(schedule.power >= 0, "power", schedule.power, "0 or more")
    _need(0 < schedule.factor <= 1, "factor", schedule.factor, "a share above 0")


def _check_ranges(config: TrainingValues) -> None:
    """Augmentation: what would blow an image up or bend it out of any shape."""
    a = config.augmentation
    for field in dataclasses.fields(a):
        value = getattr(a, field.name)
        if field.name.endswith("_range"):
            _need(value[0] <= value[1], field.name, value, "two numbers, the smaller first")
            _need(max(map(abs, value)) <= 1000, field.name, value, "numbers up to 1000")
    for name in ("scaling_range", "gamma_range", "low_resolution_range"):
        _need(getattr(a, name)[0] >= 0.01, name, getattr(a, name), "numbers from 0.01")
    _need(0 <= a.rotation_degrees <= 180, "rotation_degrees", a.rotation_degrees, "0 to 180 degrees")
    _need(0 <= a.anisotropy < 1, "anisotropy", a.anisotropy, "0 to below 1")
    _need(0 <= a.elastic_voxels <= 1000, "elastic_voxels", a.elastic_voxels, "0 to 1000 voxels")
    _need(1 <= a.elastic_spacing <= 10_000, "elastic_spacing", a.elastic_spacing, "1 to 10,000 voxels")


def _check_choices(config: TrainingValues) -> None:
    for name, value, known in (
        ("optimizer", config.optimizer.kind, OPTIMIZERS),
        ("schedule", config.schedule.kind, SCHEDULES),
        ("keep", config.keep, KEPT),
        ("precision", config.precision, PRECISIONS),
    ):
        _need(value in known, name, value, f"one of {', '.join(known)}")
    for name in config.sampling.padding:
        _need(name in PADDINGS, "padding", name, f"one of {', '.join(PADDINGS)}")
    _need(sum(config.sampling.padding.values()) > 0, "padding", "empty", "one positive weight at least")


def _check_shares(config: TrainingValues) -> None:
    a, s = config.augmentation, config.sampling
    shares = {"foreground": s.foreground, "overhang": s.overhang, "subcrop": s.subcrop, "rotation": a.rotation}
    shares |= {name: getattr(a, name) for name in ("scaling", "elastic", "gamma", "contrast", "brightness", "noise")}
    shares |= {name: getattr(a, name) for name in ("blur", "low_resolution", "bias_field", "gamma_inverted", "cutout")}
    shares |= {f"flip[{axis}]": p for axis, p in enumerate(a.flip)}
    for name, value in shares.items():
        _need(0 <= value <= 1, name, value, "a share from 0 to 1")
    _need(0 <= s.subcrop_share < 0.5, "subcrop_share", s.subcrop_share, "0 to below 0.5")
    _need(0 < a.cutout_range[0] <= a.cutout_range[1] <= 1, "cutout_range", a.cutout_range, "shares, the smaller first")
    _need(1 <= a.cutout_boxes <= 1000, "cutout_boxes", a.cutout_boxes, "1 to 1000")


def _check_loss(config: TrainingValues) -> None:
    loss, channels = config.loss, config.card.network.out_channels
    for term in loss.terms:
        _need(term in LOSS_TERMS, "loss", loss.kind, f"terms out of {', '.join(LOSS_TERMS)}, joined by '_'")
    _need(len(set(loss.terms)) == len(loss.terms), "loss", loss.kind, "each term once")
    fits = not loss.class_weights or len(loss.class_weights) == channels
    _need(fits, "class_weights", loss.class_weights, f"{channels} weights, one for each output channel, or none")
    judged = loss.class_weights if loss.background or config.regions else loss.class_weights[1:]
    usable = not loss.class_weights or (min(loss.class_weights) >= 0 and sum(judged) > 0)
    _need(usable, "class_weights", loss.class_weights, "weights of which none is negative and one is above 0")
    _need(loss.smooth > 0, "smooth", loss.smooth, "above 0")
    for name in ("focal_gamma", "tversky_alpha", "tversky_beta"):
        _need(getattr(loss, name) >= 0, name, getattr(loss, name), "0 or more")
    _need(loss.tversky_power > 0, "tversky_power", loss.tversky_power, "above 0")
    _need(1 <= loss.cldice_iterations <= 1000, "cldice_iterations", loss.cldice_iterations, "1 to 1000")


def _check_regions(config: TrainingValues) -> None:
    contract, regions, ignored = config.card.inference, config.regions, config.loss.ignore_label
    if contract.activation == "softmax":
        _need(not regions, "regions", regions, "none, or the card's activation 'sigmoid'")
    elif regions:
        count = len(contract.output_values)
        _need(len(regions) == count and all(regions), "regions", regions, f"{count} lists of label values")
        _need(all(v > 0 for r in regions for v in r), "regions", regions, "label values above 0")
    known = {value for region in regions for value in region} or set(contract.output_values)
    _need(ignored is None or 0 <= ignored <= _LARGEST, "ignore_label", ignored, f"a value up to {_LARGEST}")
    _need(ignored is None or ignored not in known | {0}, "ignore_label", ignored, "a value that no label has")


def _check_label_pairs(config: TrainingValues) -> None:
    augmentation, contract = config.augmentation, config.card.inference
    axis, pairs = augmentation.left_right_axis, augmentation.label_pairs
    _need(axis in (0, 1, 2), "left_right_axis", axis, "0, 1 or 2")
    if not pairs:
        return
    known = {value for region in config.regions for value in region} or set(contract.output_values)
    paired = [value for pair in pairs for value in pair]
    _need(set(paired) <= known - {0}, "label_pairs", pairs, f"values out of {', '.join(map(str, sorted(known)))}")
    _need(len(set(paired)) == len(paired), "label_pairs", pairs, "each value once")
    preparation = config.card.preparation
    if preparation.orientation is not None:
        letter = preparation.orientation[::-1][preparation.transpose[axis]]
        _need(letter in _LEFT_RIGHT, "left_right_axis", axis, "the array axis that runs from left to right")


def _check_teacher(config: TrainingValues) -> None:
    teacher, loss = config.teacher, config.loss
    if teacher is None:
        return
    _need(bool(teacher.models), "teacher", "empty", "a model package at least")
    _need(0 <= teacher.share <= 1, "share", teacher.share, "a share from 0 to 1")
    _need(0.01 <= teacher.temperature <= 1000, "temperature", teacher.temperature, "0.01 to 1000")
    for name in ("overlap_weight", "maps_weight"):
        _need(0 <= getattr(teacher, name) <= 1e6, name, getattr(teacher, name), "0 or more")
    _need(not (config.compile and teacher.maps_weight), "maps_weight", teacher.maps_weight, "0 together with 'compile'")
    if teacher.unlabelled is not None:
        value = loss.ignore_label
        _need(value is not None, "ignore_label", value, "a value that no label has, for the cases without labels")
        _need(not loss.ignored_is_background, "ignored_is_background", True, "false where cases have no labels")


def _need(fine: bool, name: str, value: object, wanted: str) -> None:
    if not fine:
        raise InputError(f"The training's '{name}' is {shown(value, 80)}.", f"Give {wanted}.")
