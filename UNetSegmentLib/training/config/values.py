"""Everything that decides a training, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...models.card import ModelCard

Range = tuple[float, float]


@dataclass(frozen=True)
class LossConfig:
    """What is minimised: a weighted sum of terms. Formulas and sources stand in :mod:`.losses`.

    Args:
        kind: the terms, joined by underscores: any of ``dice``, ``tversky``, ``ce``, ``focal``, ``boundary``,
            ``cldice``; for instance ``dice_ce``, ``dice_focal`` or ``dice_ce_cldice``.
        batch_dice: overlap (Dice, Tversky, clDice) over the whole batch at once instead of per sample.
        dice_weight, ce_weight, tversky_weight, boundary_weight, cldice_weight: of the terms; ``ce_weight`` also weighs
            the focal term.
        focal_gamma: exponent of the focal loss.
        dice_squared: Dice with squares below the line.
        smooth: added above and below the line of every overlap.
        background: whether the overlap of the background counts as well.
        class_weights: one for each output channel, background included; empty for equal weights.
        tversky_alpha, tversky_beta, tversky_power: price of a false positive and of a false negative, and exponent.
        cldice_iterations: at least the radius of the widest structure in voxels.
        ignore_label: value in the label files of voxels that are not judged.
        ignored_is_background: the loss still learns that those voxels hold nothing, as around the disc of a fundus
            photograph, where a network that never saw them invents structures. Scores leave them out all the same.
    """

    kind: str = "dice_ce"
    batch_dice: bool = True
    dice_weight: float = 1.0
    ce_weight: float = 1.0
    focal_gamma: float = 2.0
    dice_squared: bool = False
    smooth: float = 1e-5
    background: bool = False
    class_weights: tuple[float, ...] = ()
    tversky_weight: float = 1.0
    tversky_alpha: float = 0.3
    tversky_beta: float = 0.7
    tversky_power: float = 1.0
    boundary_weight: float = 0.01
    cldice_weight: float = 0.5
    cldice_iterations: int = 5
    ignore_label: int | None = None
    ignored_is_background: bool = False

    @property
    def terms(self) -> tuple[str, ...]:
        """The names in ``kind``."""
        return tuple(self.kind.split("_"))


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
        kind: ``poly`` (falls as ``(1 - step / steps) ** power``), ``cosine`` (half a wave, arXiv:1608.03983),
            ``plateau`` (times ``factor`` after more than ``patience`` validations without a better Dice) or
            ``constant``.
        warmup: steps over which the rate first rises linearly.
        floor: share of the first rate under which ``poly``, ``cosine`` and ``plateau`` do not fall.
    """

    kind: str = "poly"
    warmup: int = 0
    power: float = 0.9
    patience: int = 5
    factor: float = 0.3
    floor: float = 0.0


@dataclass(frozen=True)
class SamplingConfig:
    """Where patches come from.

    Args:
        foreground: share of patches centred near a voxel of a label (labels equally often).
        overhang: share of the patch by which it may reach beyond the image, in half of the samples.
        subcrop: probability that the image is cut smaller at random first, by up to ``subcrop_share`` per side.
        padding: relative frequency of what fills the patch outside the image: ``reflect``, ``edge``,
            ``constant``, ``noise``, ``other`` (another case). Labels follow where the filling repeats anatomy.
    """

    foreground: float = 0.33
    overhang: float = 0.0
    subcrop: float = 0.0
    subcrop_share: float = 0.15
    padding: dict[str, float] = field(default_factory=lambda: {"constant": 1.0})


@dataclass(frozen=True)
class AugmentationConfig:
    """Probabilities per sample and ranges of each transform. Angles in degrees, lengths in voxels.

    Args:
        flip: probability per array axis (z, y, x).
        rotation: probability; ``rotation_degrees`` about every axis, either way.
        scaling, scaling_range: one factor for all axes; ``anisotropy`` is how far each axis may deviate from it.
        elastic: probability; displacement of ``elastic_voxels`` (standard deviation) on a grid of
            ``elastic_spacing`` voxels.
        in_plane: for patches of thick slices: turn, scale, bend, blur and coarsen within slices only. Slices may still
            be flipped. A 2D network never leaves the slice.
        label_pairs: values of labels on the left and on the right, which change places when a patch is flipped along
            ``left_right_axis`` (array axis; 2 where the card's orientation runs along x first).
        gamma, contrast, brightness, noise, blur, low_resolution, bias_field: probabilities, each with its range.
        gamma_inverted: share of the gamma changes that act on the inverted image.
        per_channel: draw the parameters of intensity transforms for each channel by itself.
        cutout: probability; up to ``cutout_boxes`` boxes of the image are blanked, with sides of ``cutout_range`` of
            the patch's. Labels stay.
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
    in_plane: bool = False
    label_pairs: tuple[tuple[int, int], ...] = ()
    left_right_axis: int = 2
    gamma: float = 0.3
    gamma_range: Range = (0.7, 1.5)
    gamma_inverted: float = 0.5
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
    per_channel: bool = False
    cutout: float = 0.0
    cutout_range: Range = (0.1, 0.3)
    cutout_boxes: int = 3


@dataclass(frozen=True)
class TeacherConfig:
    """A model whose answers are learned from beside the labels (knowledge distillation, arXiv:1503.02531).

    The loss is ``(1 - share) * labels + share * (T^2 KL(teacher || student) + overlap_weight * overlap) + maps_weight *
    attention transfer``, with the teacher's answer to the same augmented patch; formulas in
    :mod:`.losses.distillation`.

    Args:
        models: packages (name or path). The logits of all of them, of all their folds and, with ``mirrors``, of all
            mirrors that their cards allow are averaged.
        digests: SHA-256 of their weights, all folds one after the other: a run goes on with the same teacher only.
            Empty: not checked.
        share: of the teacher's answers, 0 to 1; the labels have the rest.
        temperature: ``T``, above 0.
        overlap_weight: of the overlap with what the teacher segments, beside the divergence; small structures need it.
        maps_weight: of the term that compares where the maps of the first model's first network are active; 0 leaves
            it out. Both networks must be U-Nets of the same strides.
        mirrors: whether the teacher's mirrors take part; each costs as much as the teacher itself.
        unlabelled: folder of images without label maps (one file for each case and channel, as nnU-Net names them).
            They are drawn as often as others, and the teacher's terms alone judge them. Needs the loss's
            ``ignore_label``.
        begin: take the teacher's weights wherever name and shape are those of the student's.
    """

    models: tuple[str, ...]
    digests: tuple[str, ...] = ()
    share: float = 0.5
    temperature: float = 2.0
    overlap_weight: float = 0.0
    maps_weight: float = 0.0
    mirrors: bool = True
    unlabelled: str | None = None
    begin: bool = False

    @property
    def terms(self) -> tuple[str, ...]:
        """The names of its terms in reports."""
        further = {"overlap": self.overlap_weight, "maps": self.maps_weight}
        return ("teacher", *(name for name, weight in further.items() if weight))


@dataclass(frozen=True)
class TrainingValues:
    """One training run, not checked yet; see :class:`~.config.TrainingConfig`.

    Args:
        dataset: folder in any of the known :mod:`.layouts` (the simplest: ``images/`` and ``labels/``), or a CSV file.
        output: folder of the run: checkpoint, log, curve, and the finished package in ``model/``.
        card: the model to make: network, preparation, patch and labels, and the words of its card.
        layout: of the data set; ``auto`` finds out.
        folds: how many folds to make where the data set defines none.
        fold: index of the fold that is held out; None trains on every case.
        start_from: a model package (name or path) whose weights the training begins with; None begins at random. Heads
            of deep supervision, which packages lack, begin at random all the same, and so do channels of labels
            whose name the package does not know.
        pretrained: ImageNet weights for a light encoder in 2D, see :mod:`.pretrained`: a file, or ``timm``.
        steps, batch: optimiser steps, and patches in each (of all processes together).
        minutes: promised for the whole run, report included: on a machine that has become slower it has fewer steps,
            see :mod:`.clock`. 0 promises nothing.
        regions: for a card with sigmoid activation, the values in the label files that each output channel unites;
            regions may overlap. Empty: each channel is its own label.
        early_stop: the run ends after more than this many validations without a better mean Dice; 0 never does.
        keep: which weights become the model, the ``last`` or those of the ``best`` validation.
        ema: decay of the moving average of the weights that becomes the model; 0 keeps the last weights.
        precision: ``auto`` is fp16 with loss scaling on CUDA and fp32 elsewhere.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        compile: translate the network for the device first, see :mod:`.compilation`: small networks become quicker.
        threads: CPU threads for torch, 0 leaves its default.
        validate_every, checkpoint_every: steps; ``validation_cases`` limits how many held-out cases are looked at
            during the run (0 means all).
        teacher: a model to learn from beside the labels; None learns from the labels alone.
    """

    dataset: str
    output: str
    card: ModelCard
    layout: str = "auto"
    folds: int = 0
    fold: int | None = None
    start_from: str | None = None
    pretrained: str | None = None
    steps: int = 1000
    minutes: float = 0.0
    batch: int = 2
    seed: int = 0
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    regions: tuple[tuple[int, ...], ...] = ()
    early_stop: int = 0
    keep: str = "last"
    ema: float = 0.0
    precision: str = "auto"
    device: str = "auto"
    compile: bool = False
    threads: int = 0
    validate_every: int = 250
    validation_cases: int = 0
    checkpoint_every: int = 100
    teacher: TeacherConfig | None = None

    @property
    def terms(self) -> tuple[str, ...]:
        """The names of what the loss is the sum of."""
        return self.loss.terms + (self.teacher.terms if self.teacher else ())
