"""From what the caller gives to one image that suits a model, or the reason why it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..geometry import Box, Geometry
from ..models.card import ModelCard, Preparation
from ..models.colour import reads_colours
from ..photographs import is_photograph
from ..preprocessing.preparation import PreparationRecord, model_axes
from ..resampling.physical import resample_to
from ..volume import Volume, check_contrast, stack_channels

# A region this many times larger than what the model was trained on deserves a word to the user.
_WIDE_FACTOR = 2.0
# Photographs this much larger or smaller than those of the training are taken as they are.
_SAME_SIZE = 1.15
_MUCH_SMALLER = 0.6
_LEAST_SIGMA = 0.25
# Points an axis on which the overlap of two grids is judged; a share below the rounding is the same field of view.
_LATTICE = 32
_ROUNDING = 0.001


def one_image(volume: Volume | Sequence[Volume], card: ModelCard) -> Volume:
    """The volumes as channels of one image, on the grid of the first. Transparency beside three colours is left out.

    Raises:
        InputError: not as many channels as the model needs, volumes that do not overlap, or an empty one of several.
    """
    volumes = [volume] if isinstance(volume, Volume) else list(volume)
    if reads_colours(card) and len(volumes) == 1 and volumes[0].channels == 4:
        volumes = [replace(volumes[0], voxels=volumes[0].voxels[:3])]
    total = sum(v.channels for v in volumes)
    if total != len(card.inputs):
        _refuse_grey_or_colours(volumes, card)
        names = ", ".join(f"{channel.name} ({channel.modality})" for channel in card.inputs)
        hint = " An RGB or 4D image has several channels." if len(volumes) == 1 and total > 1 else ""
        raise InputError(
            f"The model '{card.name}' needs {len(card.inputs)} input channel(s): {names}; {total} given.{hint}",
            "Give one single-channel image for each input.",
        )
    if reads_colours(card) and len(volumes) == 1:
        _refuse_vectors(volumes[0])
    if len(volumes) > 1:
        # Once they are channels of one image, only the first one's name is left.
        for each in volumes:
            check_contrast(each)
    first = volumes[0].geometry
    return stack_channels([volumes[0], *(_onto(v, first) for v in volumes[1:])])


def colour_warnings(image: Volume, card: ModelCard) -> list[str]:
    """A grey photograph saved as a colour one fits in shape only."""
    if not reads_colours(card) or image.channels != 3:
        return []
    red, green, blue = image.voxels
    if not (np.array_equal(red, green) and np.array_equal(green, blue)):
        return []
    return [f"'{image.name}' has no colours: red, green and blue are the same. '{card.name}' was made for colours."]


def check_dimension(image: Volume, region: Box | None, card: ModelCard) -> None:
    """Refuses a single slice for a three-dimensional model.

    Raises:
        InputError: that is what is given.
    """
    if card.network.dimension == 3 and min((region or Box.whole(image.geometry.shape)).shape) < 2:
        raise InputError(
            f"'{image.name}' is a single slice ({' x '.join(map(str, image.geometry.size))} voxels), and the model "
            f"'{card.name}' is three-dimensional.",
            "Give a volume of several slices, or choose a 2D model.",
        )


def scaled(preparation: Preparation, image: Volume, scale: float) -> Preparation:
    """The preparation at ``scale`` times its spacing."""
    if scale == 1:
        return preparation
    z, y, x = preparation.spacing or model_axes(image.geometry, preparation)[0].array_spacing
    return replace(preparation, spacing=(None if z is None else z * scale, y * scale, x * scale))


def photograph_factor(image: Volume, preparation: Preparation) -> float:
    """How many times larger a photograph is than those of the training; 1 where that does not matter."""
    if preparation.photograph_pixels is None or not is_photograph(image.geometry):
        return 1.0
    factor = max(image.geometry.size) / preparation.photograph_pixels
    # Resampling by a few per cent would cost sharpness and gain nothing.
    return factor if max(factor, 1 / factor) > _SAME_SIZE else 1.0


def at_trained_size(preparation: Preparation, image: Volume) -> Preparation:
    """The preparation that shows things in a photograph as large as they were in the training."""
    factor = photograph_factor(image, preparation)
    if factor == 1:
        return preparation
    _, y, x = model_axes(image.geometry, preparation)[0].array_spacing
    return replace(preparation, spacing=(None, y * factor, x * factor))


def without_fine_detail(image: Volume, factor: float) -> Volume:
    """A photograph before it is made ``factor`` times smaller: what would be too fine to be seen then is smoothed away
    (by a Gaussian of (factor - 1) / 2 pixels, as scikit-image does), lest it appear as noise."""
    sigma = (factor - 1) / 2
    if sigma < _LEAST_SIGMA:
        return image
    smooth = [_smoothed(channel, sigma) for channel in image.voxels]
    return replace(image, voxels=np.stack(smooth))


def photograph_warnings(image: Volume, card: ModelCard) -> list[str]:
    """What is too small shows no vessels."""
    factor = photograph_factor(image, card.preparation)
    if factor > _MUCH_SMALLER:
        return []
    own, trained = max(image.geometry.size), card.preparation.photograph_pixels
    return [
        f"'{image.name}' is {own} pixels long; the photographs that '{card.name}' was trained with are {trained}. "
        "Thin structures may be missed."
    ]


def field_of_view_warnings(card: ModelCard, record: PreparationRecord) -> list[str]:
    """A model trained on crops should not be given a whole head without a word."""
    if card.field_of_view_mm is None:
        return []
    expected = np.array(card.field_of_view_mm)
    extent = np.array(record.target.shape[::-1]) * np.array(record.grid.spacing) * np.array(record.grid.size)
    extent = extent / np.array(record.box.shape[::-1])
    if np.all(extent <= expected * _WIDE_FACTOR):
        return []
    wanted, given = (" x ".join(f"{v:.0f}" for v in values) for values in (expected, extent))
    return [
        f"'{card.name}' was trained on regions of about {wanted} mm; {given} mm were given. "
        "Choose a region around the structure for a better result."
    ]


def _smoothed(channel: np.ndarray, sigma: float) -> np.ndarray:
    """One slice (1, rows, columns), float32."""
    slice_ = sitk.GetImageFromArray(channel[0].astype(np.float32))
    kernel = sitk.SmoothingRecursiveGaussianImageFilter()
    kernel.SetSigma(sigma)
    result: np.ndarray = sitk.GetArrayFromImage(kernel.Execute(slice_))[None]
    return result


def _refuse_grey_or_colours(volumes: Sequence[Volume], card: ModelCard) -> None:
    """The two frequent mix-ups, in words of their own.

    Raises:
        InputError: a grey image for a model of colours, or the other way round.
    """
    if len(volumes) != 1:
        return
    (image,) = volumes
    if reads_colours(card) and image.channels == 1:
        raise InputError(
            f"The model '{card.name}' reads colour images (3 channels: red, green, blue); '{image.name}' is a grey "
            "image.",
            "Give the colour image itself, or three grey images, one for each of the colours in this order.",
        )
    if len(card.inputs) == 1 and image.channels in (3, 4) and image.voxels.dtype.kind == "u":
        raise InputError(
            f"'{image.name}' is a colour image ({image.channels} channels); the model '{card.name}' reads grey images "
            f"of one channel ({card.inputs[0].modality}).",
            "Choose another model, or convert the image to grey first.",
        )


def _refuse_vectors(image: Volume) -> None:
    """A displacement field has three numbers a voxel as well.

    Raises:
        InputError: numbers below zero.
    """
    if image.voxels.dtype.kind != "u" and image.voxels.min() < 0:
        raise InputError(
            f"'{image.name}' holds vectors with numbers below zero, as displacement fields do, not colours.",
            "Give a colour image, with red, green and blue from 0 up.",
        )


def _onto(volume: Volume, geometry: Geometry) -> Volume:
    """``volume`` on the grid of the first input; refused where they have no voxel in common."""
    low, high = volume.geometry.corners().min(axis=0), volume.geometry.corners().max(axis=0)
    if geometry.box_of(low, high).empty:
        raise InputError(
            f"'{volume.name}' does not overlap the first image.",
            "Check that both images show the same patient and part.",
        )
    if volume.geometry.is_close(geometry):
        return volume
    note = f"'{volume.name}' does not lie on the grid of the first image and was resampled onto it."
    outside = 1 - _share_inside(geometry, volume.geometry)
    if outside > _ROUNDING:
        note += (
            f" It does not reach {max(outside, 0.01):.0%} of the first image: there its lowest value of each channel "
            "was filled in."
        )
    return resample_to(volume, geometry).with_notes(note)


def _share_inside(geometry: Geometry, other: Geometry) -> float:
    """Which share of a grid's voxel centres lies within ``other``, judged on a lattice of at most 32 points an axis."""
    axes = [np.linspace(0, size - 1, min(size, _LATTICE)) for size in geometry.size]
    centres = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    indices = other.to_index(geometry.to_physical(centres))
    return float(np.all((indices >= -0.5) & (indices <= np.asarray(other.size) - 0.5), axis=1).mean())
