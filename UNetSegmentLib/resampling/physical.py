"""Bringing one volume onto the grid of another, in physical space."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from ..geometry import Geometry
from ..volume import Volume


def resample_to(volume: Volume, geometry: Geometry, nearest: bool = False, outside: float | None = None) -> Volume:
    """``volume`` sampled at the voxel centres of ``geometry``.

    Args:
        nearest: nearest neighbour (label maps); linear otherwise.
        outside: value where the volume does not reach; its minimum per channel by default.

    Returns:
        A float32 volume (the input's type with ``nearest``) of shape (channels, *geometry.shape).
    """
    if volume.geometry == geometry:
        return volume
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(geometry.size)
    resampler.SetOutputSpacing(geometry.spacing)
    resampler.SetOutputOrigin(geometry.origin)
    resampler.SetOutputDirection(geometry.direction)
    resampler.SetInterpolator(sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear)
    channels = []
    for channel in volume.voxels:
        image = sitk.GetImageFromArray(channel if nearest else channel.astype(np.float32))
        image.SetSpacing(volume.geometry.spacing)
        image.SetOrigin(volume.geometry.origin)
        image.SetDirection(volume.geometry.direction)
        resampler.SetDefaultPixelValue(float(channel.min()) if outside is None else outside)
        channels.append(sitk.GetArrayFromImage(resampler.Execute(image)))
    return replace(volume, voxels=np.stack(channels), geometry=geometry)
