"""What a model card must satisfy beyond its types: values in range, and parts that agree with each other."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection
from typing import Any

from ..errors import GeometryError
from ..geometry import IDENTITY_DIRECTION, Geometry
from ..networks.architectures import check_config
from .card import (
    ALIGNMENTS,
    NORMALIZATION_KINDS,
    PADDINGS,
    POSTPROCESSING_KINDS,
    RESTORED,
    ROLES,
    TILINGS,
    WEIGHTINGS,
    Accuracy,
    InferenceContract,
    ModelCard,
    Normalization,
    PostprocessingStep,
    Preparation,
)
from .json_text import check_values
from .small_forms import check_derived, check_fingerprint, check_forms
from .typed_json import fail, one_of, require, to_json

ACTIVATIONS = ("softmax", "sigmoid")
SPLINE_ORDERS = (0, 1, 3)
MAX_LABEL = 65535
# Beyond these a card is damaged or hostile: what they ask for would take hours or memory that no machine has.
MAX_NAME = 128
MAX_LABELS = 4096
MAX_FOLDS = 100
MAX_COMPANIONS = 64
MAX_PATCH, MAX_PATCH_VOXELS = 8192, 2**26
SPACINGS_MM = (0.0001, 10_000.0)
MAX_PHOTOGRAPH_PIXELS = 65_536

WEIGHT_SUFFIXES = {"torchscript": ".ts", "onnx": ".onnx"}
"""Ending of the weights by architecture; ``.safetensors`` for all others."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_WEIGHTS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MEMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/model\.json)?")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def check_label_count(labels: Any) -> None:
    """Before the labels are read: a table of a hundred thousand takes seconds to read, and is refused then.

    Raises:
        ModelError: there are more than :data:`MAX_LABELS`.
    """
    if isinstance(labels, list | tuple):
        count = len(labels)
        require(count <= MAX_LABELS, "labels", f"a list of {count}", f"{MAX_LABELS} labels at most")


def check_card(card: ModelCard, packaged: bool = False) -> None:
    """Checks a whole card.

    Args:
        card: the card.
        packaged: the card describes files that exist, so every weights file needs a digest.

    Raises:
        ModelError: naming the field, what was found, and what is expected.
    """
    fits = _NAME.fullmatch(card.name) is not None and len(card.name) <= MAX_NAME
    require(fits, "name", card.name, f"letters, digits, '.', '_' and '-' only, {MAX_NAME} at most")
    for field in ("version", "title"):
        require(getattr(card, field).strip(), field, getattr(card, field), "some text")
    _check_texts(card)
    check_config(card.network)
    _check_inputs(card)
    _check_labels(card)
    _check_preparation(card.preparation, card.network.dimension)
    _check_inference(card.inference, card)
    for n, step in enumerate(card.postprocessing):
        _check_step(step, f"postprocessing[{n}]", {label.value for label in card.labels})
    if card.field_of_view_mm is not None:
        require(min(card.field_of_view_mm) > 0, "field_of_view_mm", card.field_of_view_mm, "positive numbers")
    for n, line in enumerate(card.accuracy):
        _check_accuracy(line, f"accuracy[{n}]")
    _check_companions(card)
    check_forms(card, packaged)
    check_fingerprint(card)
    check_derived(card)
    _check_files(card, packaged)


def _check_texts(card: ModelCard) -> None:
    """Texts that no file and no terminal takes; those in a card's JSON were refused when it was read."""
    try:
        check_values(to_json(card))
    except ValueError as error:
        raise fail("(whole card)", str(error), "texts of whole characters and numbers of 64 bits") from None


def _check_inputs(card: ModelCard) -> None:
    channels, images = card.network.in_channels, len(card.inputs)
    if any(companion.role == "previous" for companion in card.companions):
        require(1 <= images < channels, "inputs", images, f"fewer than {channels} (network.in_channels)")
    else:
        require(images == channels, "inputs", images, f"{channels} (network.in_channels)")
    found = len(card.preparation.normalization)
    require(found == images, "preparation.normalization", found, f"{images}, one per input channel")
    for n, channel in enumerate(card.inputs):
        require(channel.name.strip(), f"inputs[{n}].name", channel.name, "some text")


def _check_labels(card: ModelCard) -> None:
    require(card.labels, "labels", [], "at least one label")
    check_label_count(card.labels)
    values = Counter(label.value for label in card.labels)
    names = Counter(label.name for label in card.labels)
    for n, label in enumerate(card.labels):
        where = f"labels[{n}]"
        require(1 <= label.value <= MAX_LABEL, f"{where}.value", label.value, f"1 to {MAX_LABEL} (0 is background)")
        require(values[label.value] == 1, f"{where}.value", label.value, "a value that no other label has")
        require(label.name.strip(), f"{where}.name", label.name, "some text")
        require(names[label.name] == 1, f"{where}.name", label.name, "a name that no other label has")
        require(all(0 <= c <= 255 for c in label.color), f"{where}.color", label.color, "three numbers from 0 to 255")


def _check_preparation(preparation: Preparation, dimension: int) -> None:
    codes = preparation.orientation
    if codes is not None:
        require(_is_orientation(codes), "preparation.orientation", codes, "axis codes such as 'LPS', or null")
    spacing = preparation.spacing
    if spacing is not None:
        given = [s for s in spacing if s is not None]
        least, most = SPACINGS_MM
        fits = bool(given) and least <= min(given) and max(given) <= most
        require(fits, "preparation.spacing", spacing, f"positive numbers of mm, from {least} to {most:.0f}")
        expected = "null first for a 2D network" if dimension == 2 else "three numbers for a 3D network"
        require((spacing[0] is None) == (dimension == 2), "preparation.spacing", spacing, expected)
    transpose = preparation.transpose
    require(sorted(transpose) == [0, 1, 2], "preparation.transpose", transpose, "the axes 0, 1 and 2 in some order")
    one_of(preparation.alignment, "preparation.alignment", ALIGNMENTS)
    fits = preparation.alignment == "centres" or not preparation.crop_foreground
    require(fits, "preparation.crop_foreground", True, "false, because the alignment is not 'centres'")
    for field in ("image_order", "output_order"):
        one_of(getattr(preparation, field), f"preparation.{field}", SPLINE_ORDERS)
    threshold = preparation.anisotropy_threshold
    require(threshold is None or threshold >= 1, "preparation.anisotropy_threshold", threshold, "1 or more, or null")
    pixels = preparation.photograph_pixels
    fits = pixels is None or (0 < pixels <= MAX_PHOTOGRAPH_PIXELS and dimension == 2)
    require(fits, "preparation.photograph_pixels", pixels, "a positive number, for a 2D network only, or null")
    for n, normalization in enumerate(preparation.normalization):
        _check_normalization(normalization, f"preparation.normalization[{n}]")


def _check_normalization(normalization: Normalization, where: str) -> None:
    one_of(normalization.kind, f"{where}.kind", NORMALIZATION_KINDS)
    needed = {
        "ct": ("lower", "upper", "mean", "std"),
        "percentile": ("lower", "upper"),
        "percentile-range": ("lower", "upper"),
        "standard": ("mean", "std"),
    }.get(normalization.kind, ())
    for field in needed:
        value = getattr(normalization, field)
        require(value is not None, f"{where}.{field}", value, f"a number, because the kind is {normalization.kind}")
    lower, upper = normalization.lower, normalization.upper
    if lower is not None and upper is not None:
        require(lower < upper, f"{where}.upper", upper, f"more than lower ({lower:g})")
        fits = not normalization.kind.startswith("percentile") or (lower >= 0 and upper <= 100)
        require(fits, where, [lower, upper], "percentiles from 0 to 100")
    if "std" in needed:
        require((normalization.std or 0) > 0, f"{where}.std", normalization.std, "a positive number")
    if normalization.then is not None:
        _check_normalization(normalization.then, f"{where}.then")


def _check_inference(contract: InferenceContract, card: ModelCard) -> None:
    dimension = card.network.dimension
    require(min(contract.patch) >= 1, "inference.patch", contract.patch, "three numbers from 1")
    fits = max(contract.patch) <= MAX_PATCH and math.prod(contract.patch) <= MAX_PATCH_VOXELS
    require(fits, "inference.patch", contract.patch, f"numbers up to {MAX_PATCH}, 2^26 voxels together at most")
    if dimension == 2:
        require(contract.patch[0] == 1, "inference.patch", contract.patch, "1 first (z) for a 2D network")
    require(0 <= contract.overlap < 1, "inference.overlap", contract.overlap, "a number from 0 to below 1")
    axes = contract.mirror_axes
    allowed = range(3 - dimension, 3)
    fits = len(set(axes)) == len(axes) and all(axis in allowed for axis in axes)
    require(fits, "inference.mirror_axes", axes, f"different axes out of {list(allowed)}")
    one_of(contract.activation, "inference.activation", ACTIVATIONS)
    one_of(contract.tiling, "inference.tiling", TILINGS)
    one_of(contract.weighting, "inference.weighting", WEIGHTINGS)
    one_of(contract.restored, "inference.restored", RESTORED)
    one_of(contract.padding, "inference.padding", PADDINGS)
    margin = contract.dark_margin
    require(margin is None or 0 < margin < 1, "inference.dark_margin", margin, "a number between 0 and 1, or null")
    _check_output_values(contract, card)


def _check_output_values(contract: InferenceContract, card: ModelCard) -> None:
    where, values = "inference.output_values", contract.output_values
    channels = card.network.out_channels
    require(len(values) == channels, where, values, f"{channels} values (network.out_channels)")
    require(len(set(values)) == len(values), where, values, "values that differ from each other")
    foreground = values
    if contract.activation == "softmax":
        require(values[0] == 0, where, values, "0 (background) first, because the activation is softmax")
        foreground = values[1:]
    labels = {label.value for label in card.labels}
    parts = any(companion.role == "part" for companion in card.companions)
    fits = set(foreground) <= labels if parts else set(foreground) == labels
    require(fits, where, values, f"the values of the labels {sorted(labels)}, each once")


def _check_step(step: PostprocessingStep, where: str, labels: Collection[int]) -> None:
    one_of(step.kind, f"{where}.kind", POSTPROCESSING_KINDS)
    fits = bool(step.values) and all(value in labels for value in step.values)
    require(fits, f"{where}.values", step.values, f"label values out of {sorted(labels)}")
    if step.kind == "minimum-size":
        require((step.size_mm3 or 0) > 0, f"{where}.size_mm3", step.size_mm3, "a positive number of mm^3")


def _check_accuracy(line: Accuracy, where: str) -> None:
    require(line.cases >= 1, f"{where}.cases", line.cases, "1 or more")
    for field in ("dice", "nsd"):
        value = getattr(line, field)
        require(value is None or 0 <= value <= 1, f"{where}.{field}", value, "a share from 0 to 1")
    for field in ("threshold", "f1", "auc", "sensitivity", "specificity"):
        value = getattr(line.pixels, field, 0.0)
        require(0 <= value <= 1, f"{where}.pixels.{field}", value, "a share from 0 to 1")


def _check_companions(card: ModelCard) -> None:
    folders = [companion.folder for companion in card.companions]
    require(len(folders) <= MAX_COMPANIONS, "companions", f"a list of {len(folders)}", f"{MAX_COMPANIONS} at most")
    for n, companion in enumerate(card.companions):
        where = f"companions[{n}]"
        one_of(companion.role, f"{where}.role", ROLES)
        require(_NAME.fullmatch(companion.folder), f"{where}.folder", companion.folder, "the plain name of a folder")
        require(folders.count(companion.folder) == 1, f"{where}.folder", companion.folder, "a folder listed once")
    previous = [companion.folder for companion in card.companions if companion.role == "previous"]
    require(len(previous) <= 1, "companions", previous, "one previous stage at most")


def _check_files(card: ModelCard, packaged: bool) -> None:
    fits = 1 <= len(card.weights) <= MAX_FOLDS
    require(fits, "weights", f"a list of {len(card.weights)}", f"1 to {MAX_FOLDS} files")
    suffix = WEIGHT_SUFFIXES.get(card.network.architecture, ".safetensors")
    for n, name in enumerate(card.weights):
        fits = _WEIGHTS.fullmatch(name) is not None and name.endswith(suffix)
        require(fits, f"weights[{n}]", name, f"the plain name of a {suffix} file")
        require(card.weights.count(name) == 1, f"weights[{n}]", name, "a file that is not listed twice")
        require(not packaged or name in card.digests, "digests", sorted(card.digests), f"a SHA-256 digest of {name}")
    for n, companion in enumerate(card.companions):
        listed = f"{companion.folder}/model.json"
        fits = not packaged or listed in card.digests
        require(fits, "digests", sorted(card.digests), f"a SHA-256 digest of {listed} (companions[{n}])")
    for name, digest in card.digests.items():
        require(_MEMBER.fullmatch(name), "digests", name, "plain file names, or folder/model.json of a companion")
        require(_DIGEST.fullmatch(digest), f"digests.{name}", digest, "64 hexadecimal digits in lower case")


def _is_orientation(codes: str) -> bool:
    try:
        Geometry((1, 1, 1), direction=IDENTITY_DIRECTION).reoriented(codes)
    except (GeometryError, ValueError):
        return False
    return len(codes) == 3 and codes == codes.upper()
