"""The model card: everything one must know about a model, as typed values.

The card is ``model.json`` of a package. It is both what people read (anatomy, licence, accuracy) and the contract that
the engine follows (channels, spacing, normalisation, patch, labels). All per-axis numbers of the contract are in array
order ``(z, y, x)`` of the prepared image, whose axes point as :attr:`Preparation.orientation` says.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..labels import Label
from ..networks.config import AnyNetwork
from .typed_json import LEFT_OUT_EMPTY

FORMAT_VERSION = 1

NORMALIZATION_KINDS = (
    "zscore",
    "zscore-nonzero",
    "zscore-mask",
    "percentile",
    "percentile-range",
    "range",
    "standard",
    "ct",
    "none",
)
POSTPROCESSING_KINDS = ("keep-largest", "minimum-size", "fill-holes")
ALIGNMENTS = ("edges", "centres")
TILINGS = ("even", "stepped")
WEIGHTINGS = ("gaussian", "gaussian-clamped", "flat")
RESTORED = ("logits", "probabilities", "labels")
PADDINGS = ("zeros", "edge", "reflect")
ROLES = ("part", "previous")
INT8_OPENVINO = "int8-openvino"


@dataclass(frozen=True)
class InputChannel:
    """One image that the model needs: what it must be, in words."""

    name: str
    modality: str
    description: str = ""


@dataclass(frozen=True)
class Normalization:
    """How one channel's intensities are brought to the network's range.

    kind:
        ``zscore``: minus mean, over standard deviation, of the whole (cropped) image.
        ``zscore-nonzero``: the same over non-zero voxels only; the others become 0.
        ``zscore-mask``: the same over the voxels that are non-zero in any channel, holes filled (nnU-Net's mask); the
        others stay as they are.
        ``percentile``: clip to the percentiles ``lower`` and ``upper`` (0 to 100) of the image, then z-score.
        ``percentile-range``: those percentiles become the two numbers of ``target``, linear between (and beyond, unless
        ``clip``).
        ``range``: the same with the intensities ``lower`` and ``upper``; None takes the image's own minimum or maximum.
        ``standard``: minus ``mean``, over ``std``, both given.
        ``ct``: clip to ``lower`` and ``upper`` (HU), minus ``mean``, over ``std`` (all from the training data).
        ``none``: as they are.
    then:
        A second rule for the result of this one, where a model's preparation has two steps.
    """

    kind: str = "zscore"
    lower: float | None = None
    upper: float | None = None
    mean: float | None = None
    std: float | None = None
    target: tuple[float, float] = (0.0, 1.0)
    clip: bool = False
    then: Normalization | None = None


@dataclass(frozen=True)
class Preparation:
    """How an image becomes the network's input, in this order: orientation, transpose, crop, normalise, resample.

    Args:
        orientation: axis codes (as ``Geometry.axis_codes``, for i, j, k), or None to keep the image's own.
        transpose: order in which the (oriented) array axes z, y, x are taken (nnU-Net's ``transpose_forward``). All
            further per-axis numbers, those of the inference contract too, follow the transposed axes.
        crop_nonzero: crop to the bounding box of non-zero voxels first (nnU-Net's way).
        spacing: mm in array order (z, y, x), or None to keep the image's own. A 2D network has None as its first entry:
            slices stay as they are.
        image_order: spline order (0, 1, 3) that resamples the image, ``output_order`` the logits on the way back.
        anisotropy_threshold: spacing ratio beyond which the coarse axis is resampled apart, by nearest neighbour
            (nnU-Net: 3); None never does so.
        alignment: what stays in place when resampling: the outer ``edges`` of the image (scikit-image, nnU-Net), or the
            ``centres`` of its first voxels (MONAI's ``Spacing``).
        normalization: one per input channel.
        normalize_resampled: resample first and normalise the result (MONAI's usual order); statistics are then those
            of the resampled image.
        crop_foreground: crop the prepared image to the bounding box of its positive voxels at the very end (MONAI's
            ``CropForeground``); what lies outside is background. With aligned centres only.
        photograph_pixels: length of the longer side, in pixels, of the photographs that a 2D network was trained with.
            Photographs have no size in mm; one of another length is resampled to this one, so that things look as large
            as in training. None takes them as they are.
    """

    orientation: str | None = None
    crop_nonzero: bool = False
    spacing: tuple[float | None, float, float] | None = None
    image_order: int = 3
    output_order: int = 1
    anisotropy_threshold: float | None = 3.0
    normalization: tuple[Normalization, ...] = (Normalization(),)
    transpose: tuple[int, int, int] = (0, 1, 2)
    alignment: str = "edges"
    normalize_resampled: bool = False
    crop_foreground: bool = False
    photograph_pixels: int | None = None


@dataclass(frozen=True)
class InferenceContract:
    """How the network is run.

    Args:
        patch: (z, y, x) voxels of one tile; z is 1 for a 2D network.
        overlap: share of a tile that neighbours share at least in the model's published protocol (preset ``exact``).
        mirror_axes: array axes (0 = z, 1 = y, 2 = x) that test-time mirroring may flip.
        activation: ``softmax`` (exclusive labels: argmax) or ``sigmoid`` (regions: above 0.5, painted in order).
        output_values: the label value that each output channel stands for; the first is 0 under softmax.
        background_below: a tile whose prepared voxels are all at or below this value holds only background; None when
            the model has no such rule.
        tiling: in the published protocol tiles are spread ``even``ly (nnU-Net) or ``stepped`` from the first voxel with
            the last one moved back into the image (MONAI).
        weighting: of a tile's voxels in the published protocol: ``gaussian`` (sigma 1/8 of the patch, nnU-Net),
            ``gaussian-clamped`` (MONAI's importance map), ``flat``.
        restored: what the published protocol resamples back onto the image's grid: ``logits`` (nnU-Net),
            ``probabilities`` or ``labels``.
        padding: what surrounds an image that is smaller than a tile: ``zeros``, its ``edge`` voxels repeated, or its
            voxels ``reflect``ed.
        dark_margin: share of the image's brightness under which the margin around what a camera saw lies; there is
            nothing but background there. None looks everywhere.
    """

    patch: tuple[int, int, int]
    overlap: float = 0.5
    mirror_axes: tuple[int, ...] = ()
    activation: str = "softmax"
    output_values: tuple[int, ...] = (0, 1)
    background_below: float | None = None
    tiling: str = "even"
    weighting: str = "gaussian"
    restored: str = "logits"
    padding: str = "zeros"
    dark_margin: float | None = None


@dataclass(frozen=True)
class Companion:
    """A further network of the model, a whole package of its own in a folder beside ``model.json``.

    role:
        ``part``: segments further labels of the same label table; painted over those before it, in order.
        ``previous``: the first stage of a cascade: its label map, one-hot, becomes the main network's last input
        channels (one per label of the companion, by value).
    """

    folder: str
    role: str


@dataclass(frozen=True)
class PostprocessingStep:
    """One clean-up of the label map.

    Args:
        kind: ``keep-largest`` (connected component), ``minimum-size`` (drop components under ``size_mm3``),
            ``fill-holes``.
        values: labels it applies to, one after the other; with ``together`` they count as one structure.
    """

    kind: str
    values: tuple[int, ...]
    together: bool = False
    size_mm3: float | None = None


@dataclass(frozen=True)
class PixelAccuracy:
    """Scores over all judged pixels of the cases together, as retinal vessels are judged; shares, 0 to 1.

    ``threshold`` is the probability above which a pixel counts as found; AUC needs none. ``judged`` says which pixels
    count.
    """

    threshold: float
    f1: float
    auc: float
    sensitivity: float
    specificity: float
    judged: str = "all"


@dataclass(frozen=True)
class Accuracy:
    """One measured line: where, on what, and the numbers. Dice and NSD are shares (0 to 1), HD95 is mm."""

    label: str
    split: str
    cases: int
    dice: float
    hd95_mm: float | None = None
    nsd: float | None = None
    nsd_tolerance_mm: float | None = None
    pixels: PixelAccuracy | None = None


@dataclass(frozen=True)
class FormAccuracy:
    """What a smaller form costs: it and the full weights on the same real cases, measured in the same way.

    Attributes:
        data: which cases, in words.
        cases: how many.
        dice: mean over labels and cases with this form, 0 to 1.
        source_dice: the same with the full weights.
        agreement: share of the voxels that get the label which the full weights give, 0 to 1.
        worst_loss: the largest drop of a single case's mean Dice; below 0 where every case gained.
    """

    data: str
    cases: int
    dice: float
    source_dice: float
    agreement: float
    worst_loss: float


@dataclass(frozen=True)
class CompressedForm:
    """A smaller form of the same networks, in files of the same package beside the weights.

    Attributes:
        kind: ``int8-openvino``: OpenVINO IR with 8-bit weights and activations. A kind that is not known is left alone.
        files: for each fold its files, whose digests stand in ``ModelCard.digests``: ``("int8-fold0.xml",
            "int8-fold0.bin")``.
        made_with: the programs and their versions.
        calibration: which cases the ranges of the activations come from, and how many tiles, in words.
        float_layers: names of the layers that stayed in float for the sake of accuracy.
        accuracy: what it costs, where that was measured.
    """

    kind: str
    files: tuple[tuple[str, ...], ...]
    made_with: str
    calibration: str
    float_layers: tuple[str, ...] = ()
    accuracy: FormAccuracy | None = None


@dataclass(frozen=True)
class Derivation:
    """One step in which a model was made out of another.

    Attributes:
        kind: ``pruned``, ``distilled``, ``quantization-aware``.
        source: name of the model that it was made of.
        version: of that model.
        digests: SHA-256 of that model's weights, one per fold; empty where they did not lie in files.
        numbers: what is worth knowing of it, by name (shares of parameters and of work that were kept, steps).
    """

    kind: str
    source: str
    version: str
    digests: tuple[str, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ChannelIntensities:
    """One channel over the training cases, in the images' own units.

    Attributes:
        percentile_00_5, median, percentile_99_5: of the voxels inside the labels of all cases.
        lowest_median, highest_median: the extremes of the cases' own medians over the whole image; None where unknown.
    """

    percentile_00_5: float
    median: float
    percentile_99_5: float
    lowest_median: float | None = None
    highest_median: float | None = None


@dataclass(frozen=True)
class StructureSize:
    """How large one structure is in the training cases.

    Attributes:
        value: its label.
        volume_ml: median over the cases that have it.
        width_mm: median over those cases of twice the largest inscribed radius.
    """

    value: int
    volume_ml: float
    width_mm: float


@dataclass(frozen=True)
class TrainingFingerprint:
    """What the training cases look like.

    Attributes:
        cases: how many were looked at.
        channels: one per input channel; empty where unknown.
        structures: one per label, where images have a size; empty for photographs, which have none.
    """

    cases: int
    channels: tuple[ChannelIntensities, ...] = ()
    structures: tuple[StructureSize, ...] = ()


@dataclass(frozen=True)
class ModelCard:
    """See the module's text.

    ``digests`` maps each file of the package to its SHA-256, in hexadecimal; a companion counts with its own
    ``folder/model.json``. ``source`` says where an imported model comes from. With companions in the role ``part`` the
    card's labels are those of all parts together. ``derived`` lists the steps in which the model was made smaller, in
    the order in which they were done. A card without forms, fingerprint or derivation does not mention them.
    """

    name: str
    version: str
    title: str
    description: str
    anatomy: str
    modality: str
    inputs: tuple[InputChannel, ...]
    labels: tuple[Label, ...]
    network: AnyNetwork
    preparation: Preparation
    inference: InferenceContract
    postprocessing: tuple[PostprocessingStep, ...] = ()
    field_of_view_mm: tuple[float, float, float] | None = None
    licence: str = ""
    citation: str = ""
    training_data: str = ""
    intended_use: str = ""
    accuracy: tuple[Accuracy, ...] = ()
    accuracy_command: str = ""
    source: str = ""
    companions: tuple[Companion, ...] = ()
    forms: tuple[CompressedForm, ...] = field(default=(), metadata=LEFT_OUT_EMPTY)
    fingerprint: TrainingFingerprint | None = None
    derived: tuple[Derivation, ...] = field(default=(), metadata=LEFT_OUT_EMPTY)
    weights: tuple[str, ...] = ("weights.safetensors",)
    digests: dict[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION
