"""What a training's configuration may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InputError
from ..models import check_card

if TYPE_CHECKING:
    from .config import TrainingConfig

LOSS_TERMS = ("dice", "tversky", "ce", "focal", "boundary", "cldice")
OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("poly", "cosine", "plateau", "constant")
KEPT = ("last", "best")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
SURROUNDINGS = ("reflect", "edge", "constant", "noise", "other")

# Array axes are z, y, x; the letters of an orientation stand for x, y, z.
_LEFT_RIGHT = ("L", "R")


def check_training(config: TrainingConfig) -> None:
    """Checks every value.

    Raises:
        InputError: a value that cannot work, named, with what would.
    """
    check_card(config.card)
    _check_choices(config)
    for name in ("steps", "batch", "validate_every", "checkpoint_every"):
        _need(getattr(config, name) >= 1, name, getattr(config, name), "at least 1")
    _need(0 <= config.ema < 1, "ema", config.ema, "0 to below 1")
    _need(config.optimizer.learning_rate > 0, "learning_rate", config.optimizer.learning_rate, "above 0")
    _need(0 <= config.schedule.floor <= 1, "floor", config.schedule.floor, "a share from 0 to 1")
    _need(config.early_stop >= 0, "early_stop", config.early_stop, "a number of validations, or 0")
    _check_shares(config)
    _check_loss(config)
    _check_regions(config)
    _check_label_pairs(config)


def _check_choices(config: TrainingConfig) -> None:
    for name, value, known in (
        ("optimizer", config.optimizer.kind, OPTIMIZERS),
        ("schedule", config.schedule.kind, SCHEDULES),
        ("keep", config.keep, KEPT),
        ("precision", config.precision, PRECISIONS),
    ):
        _need(value in known, name, value, f"one of {', '.join(known)}")
    for name in config.sampling.surroundings:
        _need(name in SURROUNDINGS, "surroundings", name, f"one of {', '.join(SURROUNDINGS)}")
    _need(sum(config.sampling.surroundings.values()) > 0, "surroundings", "empty", "one positive weight at least")


def _check_shares(config: TrainingConfig) -> None:
    a, s = config.augmentation, config.sampling
    shares = {"foreground": s.foreground, "overhang": s.overhang, "subcrop": s.subcrop, "rotation": a.rotation}
    shares |= {name: getattr(a, name) for name in ("scaling", "elastic", "gamma", "contrast", "brightness", "noise")}
    shares |= {name: getattr(a, name) for name in ("blur", "low_resolution", "bias_field", "gamma_inverted", "cutout")}
    shares |= {f"flip[{axis}]": p for axis, p in enumerate(a.flip)}
    for name, value in shares.items():
        _need(0 <= value <= 1, name, value, "a share from 0 to 1")
    _need(0 <= s.subcrop_share < 0.5, "subcrop_share", s.subcrop_share, "0 to below 0.5")
    _need(0 < a.cutout_range[0] <= a.cutout_range[1] <= 1, "cutout_range", a.cutout_range, "shares, the smaller first")
    _need(a.cutout_boxes >= 1, "cutout_boxes", a.cutout_boxes, "at least 1")


def _check_loss(config: TrainingConfig) -> None:
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
    _need(loss.cldice_iterations >= 1, "cldice_iterations", loss.cldice_iterations, "at least 1")


def _check_regions(config: TrainingConfig) -> None:
    contract, regions, ignored = config.card.inference, config.regions, config.loss.ignore_label
    if contract.activation == "softmax":
        _need(not regions, "regions", regions, "none, or the card's activation 'sigmoid'")
    elif regions:
        count = len(contract.output_values)
        _need(len(regions) == count and all(regions), "regions", regions, f"{count} lists of label values")
        _need(all(v > 0 for r in regions for v in r), "regions", regions, "label values above 0")
    known = {value for region in regions for value in region} or set(contract.output_values)
    _need(ignored is None or ignored not in known | {0}, "ignore_label", ignored, "a value that no label has")


def _check_label_pairs(config: TrainingConfig) -> None:
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


def _need(fine: bool, name: str, value: object, wanted: str) -> None:
    if not fine:
        raise InputError(f"The training's '{name}' is {value}.", f"Give {wanted}.")
