"""The cases that a model is compressed with: images that calibrate it, and label maps that tell what it lost."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import InputError, ResourceError, UNetSegmentError
from ..inference.hounsfield import hounsfield_warnings
from ..inference.inputs import colour_warnings, one_image, photograph_warnings
from ..io.guarded import read_volume
from ..models.card import ModelCard
from ..training.layouts import reading
from ..training.layouts.dataset import Dataset
from ..training.layouts.files import natural
from ..training.layouts.naming import numbered_like
from ..training.layouts.recognition import open_layout
from ..training.planning.configuration import FOLDS
from ..volume import Segmentation, Volume
from .images_alone import images_alone

FEW = 8
"""Under so many cases, what they tell is uncertain, and the user is told."""

_SEED = 7
# By how much of the width of the training's medians an image's own may lie beside them.
_BESIDE = 0.5


@dataclass(frozen=True)
class CompressionCase:
    """One case.

    Args:
        name: unlike that of any other case.
        channels: its image files in the order of the model's channels; one file may hold several.
        labels: its label map; None where there is none.
        data: the data set that it was found in, which says what the values in ``labels`` mean; None for images alone.
    """

    name: str
    channels: tuple[Path, ...]
    labels: Path | None = None
    data: Dataset | None = field(default=None, repr=False, compare=False)


def find_cases(folder: str | Path, card: ModelCard, limit: int = 0, least: int = 2) -> tuple[CompressionCase, ...]:
    """The cases in a folder (or a CSV file), in natural order. No image is read.

    Args:
        folder: in any layout that ``train`` reads, or images alone: one file for each case, or ``NAME_0000``,
            ``NAME_0001`` and so on for the channels of one.
        card: whose labels and channels are meant. Label values are brought to its numbering by their names.
        limit: take the first so many; 0 takes all.
        least: fewer are refused.

    Raises:
        InputError: no such folder, no cases or fewer than ``least``, or a table of contents that is broken.
    """
    path = Path(folder)
    if not path.exists():
        raise InputError(f"There is no folder '{path}'.", "Give the folder with the cases.")
    alone = images_alone(path, len(card.inputs))
    found = tuple(CompressionCase(name, files) for name, files in alone.items()) if alone else _labelled(path, card)
    if len(found) < least:
        which = "one case" if len(found) == 1 else f"{len(found)} cases"
        raise InputError(
            f"'{path}' holds {which}, too few to compress a model with: at least {least} are needed, better 20.",
            "Add cases: images like those that the model will be used on.",
        )
    return found[:limit] if limit else found


def split_cases(
    cases: Sequence[CompressionCase], fold: int | None = None
) -> tuple[tuple[CompressionCase, ...], tuple[CompressionCase, ...]]:
    """Cases to make the model with, and others to measure it on.

    With ``fold`` those that this fold of the data set holds out are measured, the others make the model. Without, every
    second one of the cases, in an order drawn by a fixed seed.

    Raises:
        InputError: there is no such fold, or it leaves one side empty.
    """
    if fold is None:
        order = sorted(cases, key=lambda case: natural(case.name))
        random.Random(_SEED).shuffle(order)
        measured = {case.name for case in order[1::2]}
    else:
        data = cases[0].data
        if data is None:
            raise InputError("Images alone have no folds.", "Leave --fold out, or give a data set that names folds.")
        measured = set(data.with_folds(FOLDS).split(fold)[1])
    making = tuple(case for case in cases if case.name not in measured)
    measuring = tuple(case for case in cases if case.name in measured)
    if not making or not measuring:
        raise InputError(
            f"Of the {len(cases)} cases {len(making)} are left to calibrate with and {len(measuring)} to measure on.",
            "Choose another fold, or give more cases.",
        )
    return making, measuring


def read_image(case: CompressionCase, card: ModelCard) -> Volume:
    """The image of a case, as training and evaluation read it, with the channels that the model takes.

    Raises:
        InputError: naming the case: it cannot be read, or has not the model's channels.
        ResourceError: naming the case: it does not fit into memory.
    """
    try:
        if case.data is not None:
            return one_image(reading.read_image(case.data, case.name), card)
        return one_image([read_volume(path, further_as_channels=True) for path in case.channels], card)
    except UNetSegmentError as error:
        raise _named(case, error) from error


def read_labels(case: CompressionCase, card: ModelCard, image: Volume) -> Segmentation | None:
    """The label map of a case in the model's values, on the grid of its image; None where it has none.

    Raises:
        InputError: naming the case: it cannot be read, lies on another grid, or holds a value without a meaning.
    """
    if case.data is None or case.labels is None:
        return None
    try:
        return reading.read_labels(case.data, case.name, image)
    except UNetSegmentError as error:
        raise _named(case, error) from error


def modality_warnings(images: Iterable[Volume], card: ModelCard) -> list[str]:
    """What does not look like the images that the model was trained with, one sentence for each kind.

    An image counts as unlike them where the median of a channel lies further beside those of the training cases than
    half of their width, or where no Hounsfield units stand in a CT. A card without a fingerprint tells less.
    """
    unlike: dict[str, list[str]] = {}
    warnings: dict[str, None] = {}
    for image in images:
        for check in (colour_warnings, photograph_warnings, hounsfield_warnings):
            warnings.update(dict.fromkeys(check(image, card)))
        for channel in _unlike_channels(image, card):
            unlike.setdefault(channel, []).append(image.name)
    for channel, names in unlike.items():
        which = f"'{names[0]}' is" if len(names) == 1 else f"{len(names)} images ('{names[0]}', ...) are"
        warnings[
            f"{which} unlike the images that '{card.name}' was trained with: the intensities of {channel} lie outside "
            "of theirs. A model that is calibrated with images of another kind loses accuracy on its own."
        ] = None
    return list(warnings)


def too_few(cases: Sequence[CompressionCase]) -> list[str]:
    """A warning where there are few cases."""
    if len(cases) >= FEW:
        return []
    which = "Only one case was" if len(cases) == 1 else f"Only {len(cases)} cases were"
    return [f"{which} measured: the loss that they show is uncertain. 20 or more are better."]


def described(cases: Sequence[CompressionCase], fold: int | None = None) -> str:
    """The cases in words, for a card: how many, of what, which fold."""
    data = cases[0].data
    where = data.name if data is not None else f"images of {cases[0].channels[0].parent.name}"
    held_out = "" if fold is None else f", held out by fold {fold}"
    return f"{len(cases)} case{'s' if len(cases) > 1 else ''} of {where}{held_out}"


def _unlike_channels(image: Volume, card: ModelCard) -> list[str]:
    if card.fingerprint is None:
        return []
    found = []
    for voxels, known, channel in zip(image.voxels, card.fingerprint.channels, card.inputs, strict=False):
        low, high = known.lowest_median, known.highest_median
        if low is None or high is None:
            continue
        median = float(np.median(voxels))
        # Where all cases have the same median (air around a body), the structures' own range is the measure.
        width = max(high - low, abs(known.percentile_99_5 - known.percentile_00_5))
        below_zero = median < 0 <= min(low, known.percentile_00_5)  # as Hounsfield units beside any other modality
        if below_zero or not low - _BESIDE * width <= median <= high + _BESIDE * width:
            found.append(channel.name)
    return found


def _labelled(path: Path, card: ModelCard) -> tuple[CompressionCase, ...]:
    if path.is_dir() and not any(path.iterdir()):
        raise InputError(f"The folder '{path}' is empty.", "Give a folder with cases: images, or images and labels.")
    data = numbered_like(open_layout(path), card.labels)
    return tuple(CompressionCase(case.name, case.images, case.label, data) for case in data.cases)


def _named(case: CompressionCase, error: UNetSegmentError) -> UNetSegmentError:
    kind = ResourceError if isinstance(error, ResourceError) else InputError
    return kind(f"Case {case.name}: {error.cause}", error.cure, error.detail)
