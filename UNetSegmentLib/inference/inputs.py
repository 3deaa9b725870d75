"""From what the caller gives to one image that suits a model, or the reason why it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..errors import InputError
from ..geometry import Box, Geometry
from ..models.card import ModelCard, Preparation
from ..preprocessing.preparation import PreparationRecord, model_axes
from ..resampling.physical import resample_to
from ..volume import Volume, stack_channels

# A region this many times larger than what the model was trained on deserves a word to the user.
_WIDE_FACTOR = 2.0


def one_image(volume: Volume | Sequence[Volume], card: ModelCard) -> Volume:
    """The volumes as channels of one image, on the grid of the first.

    Raises:
        InputError: not as many channels as the model needs, or volumes that do not overlap.
    """
    volumes = [volume] if isinstance(volume, Volume) else list(volume)
    total = sum(v.channels for v in volumes)
    if total != len(card.inputs):
        names = ", ".join(f"{channel.name} ({channel.modality})" for channel in card.inputs)
        hint = " An RGB or 4D image has several channels." if len(volumes) == 1 and total > 1 else ""
        raise InputError(
            f"The model '{card.name}' needs {len(card.inputs)} input channel(s): {names}; {total} given.{hint}",
            "Give one single-channel image for each input.",
        )
    first = volumes[0].geometry
    return stack_channels([volumes[0], *(_onto(v, first) for v in volumes[1:])])


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


def _onto(volume: Volume, geometry: Geometry) -> Volume:
    """``volume`` on the grid of the first input; refused where they have no voxel in common."""
    low, high = volume.geometry.corners().min(axis=0), volume.geometry.corners().max(axis=0)
    if geometry.box_of(low, high).empty:
        raise InputError(
            f"'{volume.name}' does not overlap the first image.",
            "Check that both images show the same patient and part.",
        )
    return volume if volume.geometry.is_close(geometry) else resample_to(volume, geometry)
