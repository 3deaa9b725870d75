"""An image as the methods look at it: of comparable numbers, smoothed a little, and with its noise known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Of the smallest voxel: what a scanner's point spread is at least.
_SMOOTHING = 0.5
# Share of an image's own range below which a spread is taken for none.
_LEAST_SPREAD = 0.03
# The median difference of neighbours with Gaussian noise is 0.954 times its standard deviation.
_NOISE = 1.05
# Nor is the standard deviation the median distance from the median, but so many times it.
_DEVIATIONS = 1.4826
# So many deviations from the middle of a sample, a value is none of it.
_OUTLYING = 10.0


def normalized(image: np.ndarray) -> np.ndarray:
    """Each channel (z, y, x) around its median, with most values between -1 and 1. float32 (channels, z, y, x).

    Channels that are the same everywhere say nothing and are left out, but for one."""
    telling = [channel for channel in image if channel.min() < channel.max()]
    image = np.stack(telling) if telling else image[:1]
    around = image - np.median(image, axis=(1, 2, 3), keepdims=True)
    scale = np.percentile(np.abs(around), 90, axis=(1, 2, 3), keepdims=True)
    # Half of a picture may be black: then the largest value is what it is measured by.
    largest = np.abs(around).max(axis=(1, 2, 3), keepdims=True)
    scale = np.where(scale > 0, scale, np.where(largest > 0, largest, 1))
    return np.asarray(around / scale, np.float32)


def smoothed(image: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Each channel smoothed by half the smallest voxel's side, along every axis alike in mm."""
    from scipy import ndimage

    sigma = [_SMOOTHING * min(spacing) / mm for mm in spacing]
    return np.stack([ndimage.gaussian_filter(channel, sigma) for channel in image])


def dissimilarity(image: np.ndarray, smooth: np.ndarray, core: np.ndarray) -> np.ndarray:
    """How far each voxel is from those of ``core``, in their deviations (robust), which are the image's noise at
    least; the root mean square over the channels. float32 (z, y, x)."""
    total = np.zeros(smooth.shape[1:], np.float32)
    for raw, channel in zip(image, smooth, strict=True):
        noise = _NOISE * float(np.median(np.abs(np.diff(raw, axis=2)))) if raw.shape[2] > 1 else 0.0
        values = channel[core]
        middle = float(np.median(values))
        least = max(noise, _LEAST_SPREAD)
        # A bright voxel beside a click must not make everything alike.
        deviation = _DEVIATIONS * float(np.median(np.abs(values - middle)))
        ordinary = values[np.abs(values - middle) <= _OUTLYING * max(deviation, least)]
        total += ((channel - middle) / max(float(ordinary.std()) if ordinary.size else 0.0, least)) ** 2
    return np.asarray(np.sqrt(total / len(image)))


def steepness(smooth: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """The squared gradient over its mean, summed over the channels. float32 (z, y, x), 1 on average."""
    squares = np.zeros(smooth.shape[1:], np.float32)
    for channel in smooth:
        for axis, mm in enumerate(spacing):
            if channel.shape[axis] > 1:
                squares += np.gradient(channel, mm, axis=axis) ** 2
    return np.asarray(squares / (squares.mean() + 1e-12))
