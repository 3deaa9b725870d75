"""How much likelier a voxel's intensity is in one sample of voxels than in another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

_BINS = 48
_BLUR = 1.2
_FLOOR = 0.2
CAP = 2.5
"""The most that intensity may say: a log ratio, as samples are small and images are not always right."""

# The place matters too: what is near a sample is compared with that one.
_NEAR_BINS = 16
_NEAR_FLOOR = 0.02
_NEAR_CELL = 4


def binned(smooth: np.ndarray) -> list[np.ndarray]:
    """The bin of a histogram that each voxel of (channels, z, y, x) falls into: int32 (z, y, x) for each channel."""
    return [np.clip(position, 0, _BINS - 1).astype(np.int32) for position in _positions(smooth, _BINS)]


def _positions(smooth: np.ndarray, bins: int) -> Iterator[np.ndarray]:
    """Each channel's values in numbers of bins, which begin and end with all but the rarest values."""
    for channel in smooth:
        low, high = np.percentile(channel, (0.5, 99.5))
        yield (channel - low) / (high - low + 1e-9) * bins


def log_ratio(bins: Sequence[np.ndarray], here: Sequence[np.ndarray], there: np.ndarray) -> np.ndarray:
    """The sum over the channels of log p(v | here) / p(v | there), within +- :data:`CAP`; float32 (z, y, x).

    Histograms, smoothed as a kernel estimate would be. Several samples ``here`` count alike, whatever their size;
    empty ones not at all.

    Args:
        bins: of :func:`binned`.
        here, there: boolean (z, y, x).
    """
    total = np.zeros(there.shape, np.float32)
    for channel in bins:
        mine = [_density(channel[sample]) for sample in here if sample.any()]
        ratio = np.log((np.mean(mine, axis=0) + _FLOOR / _BINS) / (_density(channel[there]) + _FLOOR / _BINS))
        total += ratio.astype(np.float32)[channel]
    return np.asarray(np.clip(total, -CAP, CAP))


def _density(bins: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    counts = np.bincount(bins, minlength=_BINS).astype(float)
    return np.asarray(ndimage.gaussian_filter1d(counts, _BLUR, mode="nearest") / max(counts.sum(), 1.0))


def log_ratio_nearby(
    smooth: np.ndarray, here: np.ndarray, there: np.ndarray, spacing: Sequence[float], radius: float
) -> np.ndarray:
    """As :func:`log_ratio`, but samples count by how near they are: Gaussian weights of ``radius`` mm. So one side of
    an unevenly lit picture is not judged by the other.

    Histograms on a grid of cells of four voxels, blurred in space; between the cells linear.
    """
    total = np.zeros(smooth.shape[1:], np.float32)
    for unlimited in _positions(smooth, _NEAR_BINS):
        position = np.clip(unlimited, 0, _NEAR_BINS - 1e-3)
        mine, others = (_densities_nearby(position, sample, spacing, radius) for sample in (here, there))
        ratio = np.log((mine + _NEAR_FLOOR / _NEAR_BINS) / (others + _NEAR_FLOOR / _NEAR_BINS))
        total += _between_cells(ratio, position)
    return np.asarray(np.clip(total, -2 * CAP, 2 * CAP))


def _cells(shape: Sequence[int]) -> list[int]:
    """Voxels of a cell along each axis."""
    return [_NEAR_CELL if n > _NEAR_CELL else 1 for n in shape]


def _densities_nearby(position: np.ndarray, sample: np.ndarray, spacing: Sequence[float], radius: float) -> np.ndarray:
    """(bins, cells along z, y, x): the density of a sample's intensities as seen from each cell."""
    from scipy import ndimage

    cells = _cells(position.shape)
    counts = np.zeros([_NEAR_BINS, *(-(-n // cell) for n, cell in zip(position.shape, cells, strict=True))], np.float32)
    places = np.argwhere(sample) // cells
    np.add.at(counts, (position[sample].astype(int), *places.T), 1)
    everywhere = counts.sum(axis=(1, 2, 3), keepdims=True) + 1e-9
    sigma = [1.0, *(radius / (mm * cell) for mm, cell in zip(spacing, cells, strict=True))]
    sigma = [blur if n > 1 else 0 for blur, n in zip(sigma, counts.shape, strict=True)]
    near = ndimage.gaussian_filter(counts, sigma, mode="constant", truncate=3)
    weight = near.sum(axis=0, keepdims=True)
    # Where no sample is near, all of them count alike.
    little = 1e-3 * weight.max() + 1e-12
    overall = ndimage.gaussian_filter1d(everywhere / everywhere.sum(), 1.0, axis=0)
    return np.asarray((near + little * overall) / (weight + little))


def _between_cells(ratio: np.ndarray, position: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    axes = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in position.shape), indexing="ij")
    places = [(axis + 0.5) / cell - 0.5 for axis, cell in zip(axes, _cells(position.shape), strict=True)]
    return np.asarray(ndimage.map_coordinates(ratio, [position - 0.5, *places], order=1, mode="nearest"), np.float32)
