"""Everything that decides a training, as frozen values that are checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import InputError
from ..models import check_card
from ..models.card import ModelCard

LOSSES = ("dice_ce", "dice", "ce", "focal", "dice_focal")
OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("poly", "plateau", "constant")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")

Range = tuple[float, float]


@dataclass(frozen=True)
class LossConfig:
    """What is minimised.

    Args:
        kind: ``dice_ce``, ``dice``, ``ce``, ``focal`` or ``dice_focal``.
        batch_dice: Dice over the whole batch at once instead of per sample.
        dice_weight, ce_weight: of the two terms; the second also weighs the focal term.
        focal_gamma: exponent of the focal loss (arXiv:1708.02002).
    """

    kind: str = "dice_ce"
    batch_dice: bool = True
    dice_weight: float = 1.0
    ce_weight: float = 1.0
    focal_gamma: float = 2.0


@dataclass(frozen=True)
class OptimizerConfig:
    """How weights move. ``sgd`` uses Nesterov momentum; ``clip`` limits the gradient's norm (0 switches it off)."""

    kind: str = "sgd"
    learning_rate: float = 0.01
    weight_decay: float = 3e-5
    momentum: float = 0.99
    clip: float = 12.0


@dataclass(frozen=True)
class ScheduleConfig:
    """How the learning rate moves.

    Args:
        kind: ``poly`` (falls to zero as ``(1 - step / steps) ** power``), ``plateau`` (times ``factor`` after
            ``patience`` validations without a better Dice) or ``constant``.
        warmup: steps over which the rate first rises linearly.
    """

    kind: str = "poly"
    warmup: int = 0
    power: float = 0.9
    patience: int = 5
    factor: float = 0.3


@dataclass(frozen=True)
class SamplingConfig:
    """Where patches come from.

    Args:
        foreground: share of patches centred near a voxel of a label (labels equally often).
        overhang: share of the patch by which it may reach beyond the image, in half of the samples.
        subcrop: probability that the image is cut smaller at random first, by up to ``subcrop_share`` per side.
        surroundings: relative frequency of what fills the patch outside the image: ``reflect``, ``edge``,
            ``constant``, ``noise``, ``other`` (another case). Labels follow where the filling repeats anatomy.
    """

    foreground: float = 0.33
    overhang: float = 0.0
    subcrop: float = 0.0
    subcrop_share: float = 0.15
    surroundings: dict[str, float] = field(default_factory=lambda: {"constant": 1.0})


@dataclass(frozen=True)
class AugmentationConfig:
    """Probabilities per sample and ranges of each transform. Angles in degrees, lengths in voxels.

    Args:
        flip: probability per array axis (z, y, x).
        rotation: probability; ``rotation_degrees`` about every axis, either way.
        scaling, scaling_range: one factor for all axes; ``anisotropy`` is how far each axis may deviate from it.
        elastic: probability; displacement of ``elastic_voxels`` (standard deviation) on a grid of
            ``elastic_spacing`` voxels.
        gamma, contrast, brightness, noise, blur, low_resolution, bias_field: probabilities, each with its range.
    """

    flip: tuple[float, float, float] = (0.5, 0.5, 0.5)
    rotation: float = 0.2
    rotation_degrees: float = 30.0
    scaling: float = 0.2
    scaling_range: Range = (0.7, 1.4)
    anisotropy: float = 0.0
    elastic: float = 0.0
    elastic_voxels: float = 2.0
    elastic_spacing: float = 12.0
    gamma: float = 0.3
    gamma_range: Range = (0.7, 1.5)
    contrast: float = 0.15
    contrast_range: Range = (0.75, 1.25)
    brightness: float = 0.15
    brightness_range: Range = (-0.3, 0.3)
    noise: float = 0.1
    noise_range: Range = (0.0, 0.3)
    blur: float = 0.2
    blur_range: Range = (0.5, 1.0)
    low_resolution: float = 0.25
    low_resolution_range: Range = (1.0, 2.0)
    bias_field: float = 0.0
    bias_field_range: Range = (0.1, 0.4)


@dataclass(frozen=True)
class TrainingConfig:
    """One training run.

    Args:
        dataset: folder with ``images/``, ``labels/`` and ``dataset.json`` (cases, labels, folds).
        output: folder of the run: checkpoint, log, curve, and the finished package in ``model/``.
        card: the model to make: network, preparation, patch and labels, and the words of its card.
        fold: index of the fold that is held out; None trains on every case.
        start_from: a model package (name or path) whose weights the training begins with; None begins at random. Heads
            of deep supervision, which packages lack, begin at random all the same.
        steps, batch: optimiser steps, and patches in each.
        ema: decay of the moving average of the weights that becomes the model; 0 keeps the last weights.
        precision: ``auto`` is fp16 with loss scaling on CUDA and fp32 elsewhere.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        threads: CPU threads for torch, 0 leaves its default.
        validate_every, checkpoint_every: steps; ``validation_cases`` limits how many held-out cases are looked at
            during the run (0 means all).

    Raises:
        InputError: a value that cannot work, named.
    """

    dataset: str
    output: str
    card: ModelCard
    fold: int | None = None
    start_from: str | None = None
    steps: int = 1000
    batch: int = 2
    seed: int = 0
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    ema: float = 0.0
    precision: str = "auto"
    device: str = "auto"
    threads: int = 0
    validate_every: int = 250
    validation_cases: int = 0
    checkpoint_every: int = 100

    def __post_init__(self) -> None:
        _check_choices(self)
        for name in ("steps", "batch", "validate_every", "checkpoint_every"):
            _need(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        _need(0 <= self.ema < 1, "ema", self.ema, "0 to below 1")
        _need(self.optimizer.learning_rate > 0, "learning_rate", self.optimizer.learning_rate, "above 0")
        _check_shares(self)
        _check_card(self.card)


def _check_choices(config: TrainingConfig) -> None:
    for name, value, known in (
        ("loss", config.loss.kind, LOSSES),
        ("optimizer", config.optimizer.kind, OPTIMIZERS),
        ("schedule", config.schedule.kind, SCHEDULES),
        ("precision", config.precision, PRECISIONS),
    ):
        _need(value in known, name, value, f"one of {', '.join(known)}")
    known = ("reflect", "edge", "constant", "noise", "other")
    for name in config.sampling.surroundings:
        _need(name in known, "surroundings", name, f"one of {', '.join(known)}")
    _need(sum(config.sampling.surroundings.values()) > 0, "surroundings", "empty", "one positive weight at least")


def _check_shares(config: TrainingConfig) -> None:
    a, s = config.augmentation, config.sampling
    shares = {"foreground": s.foreground, "overhang": s.overhang, "subcrop": s.subcrop, "rotation": a.rotation}
    shares |= {name: getattr(a, name) for name in ("scaling", "elastic", "gamma", "contrast", "brightness", "noise")}
    shares |= {name: getattr(a, name) for name in ("blur", "low_resolution", "bias_field")}
    shares |= {f"flip[{axis}]": p for axis, p in enumerate(a.flip)}
    for name, value in shares.items():
        _need(0 <= value <= 1, name, value, "a share from 0 to 1")
    _need(0 <= s.subcrop_share < 0.5, "subcrop_share", s.subcrop_share, "0 to below 0.5")


def _check_card(card: ModelCard) -> None:
    check_card(card)
    contract = card.inference
    _need(contract.activation == "softmax", "activation", contract.activation, "softmax (sigmoid is not trained yet)")


def _need(fine: bool, name: str, value: object, wanted: str) -> None:
    if not fine:
        raise InputError(f"The training's '{name}' is {value}.", f"Give {wanted}.")
