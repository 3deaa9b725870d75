"""Changes of intensity: what another scanner, protocol or patient would change. Images are about zero mean, unit
variance.

Each function takes a batch (batch, channels, z, y, x), draws one parameter per sample, and returns a batch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from .cutout import cutout
from .random_numbers import chance, normal_like, uniform

if TYPE_CHECKING:
    from ..config.values import AugmentationConfig, Range


def change_intensity(x: Tensor, config: AugmentationConfig, flat: bool, generator: torch.Generator) -> Tensor:
    """All intensity transforms in the order of a scan: coil, resolution, noise, then display range, and at last what is
    hidden. ``flat`` and ``config.in_plane`` blur and coarsen within slices only.
    """
    flat, shape = flat or config.in_plane, x.shape
    if config.per_channel:
        x = x.reshape(-1, 1, *shape[2:])
    x = bias_field(x, config.bias_field, config.bias_field_range, generator)
    x = blur(x, config.blur, config.blur_range, flat, generator)
    x = low_resolution(x, config.low_resolution, config.low_resolution_range, flat, generator)
    x = noise(x, config.noise, config.noise_range, generator)
    x = gamma(x, config.gamma, config.gamma_range, generator, config.gamma_inverted)
    x = contrast(x, config.contrast, config.contrast_range, generator)
    x = brightness(x, config.brightness, config.brightness_range, generator).reshape(shape)
    # Skipped when it is off, so that the random numbers of configurations without it stay what they were.
    return cutout(x, config.cutout, config.cutout_range, config.cutout_boxes, flat, generator) if config.cutout else x


def brightness(x: Tensor, probability: float, reach: Range, generator: torch.Generator) -> Tensor:
    """Adds a constant."""
    return x + _per_sample(x, probability, reach, 0.0, generator)


def contrast(x: Tensor, probability: float, reach: Range, generator: torch.Generator) -> Tensor:
    """Stretches about the mean."""
    factor = _per_sample(x, probability, reach, 1.0, generator)
    mean = x.mean(dim=(2, 3, 4), keepdim=True)
    return (x - mean) * factor + mean


def gamma(
    x: Tensor, probability: float, reach: Range, generator: torch.Generator, inverted_share: float = 0.5
) -> Tensor:
    """A power law over the image's own range, on the inverted image in some samples; keeps mean and deviation."""
    exponents = [_draw(probability, reach, generator) for _ in range(x.shape[0])]
    inverted = [chance(generator, inverted_share) for _ in range(x.shape[0])]
    result = x.clone()
    for sample, (exponent, invert) in enumerate(zip(exponents, inverted, strict=True)):
        if exponent is not None:
            result[sample] = _power(x[sample], exponent, invert)
    return result


def noise(x: Tensor, probability: float, reach: Range, generator: torch.Generator) -> Tensor:
    """Gaussian noise of a random deviation."""
    deviation = _per_sample(x, probability, reach, 0.0, generator)
    if not bool((deviation > 0).any()):
        return x
    return x + normal_like(generator, x) * deviation


def blur(x: Tensor, probability: float, reach: Range, flat: bool, generator: torch.Generator) -> Tensor:
    """A Gaussian of a random width in voxels; within slices only when ``flat``."""
    result = x.clone()
    for sample in range(x.shape[0]):
        sigma = _draw(probability, reach, generator)
        if sigma is not None:
            result[sample] = _gaussian(x[sample], sigma, flat)
    return result


def low_resolution(x: Tensor, probability: float, reach: Range, flat: bool, generator: torch.Generator) -> Tensor:
    """Fewer voxels and back: what a thicker slice or a coarser matrix would have shown."""
    result = x.clone()
    for sample in range(x.shape[0]):
        factor = _draw(probability, reach, generator)
        if factor is None:
            continue
        size = [max(round(n / factor), 1) for n in x.shape[2:]]
        if flat:
            size[0] = x.shape[2]
        small = functional.interpolate(x[sample][None], size=size, mode="nearest-exact")
        result[sample] = functional.interpolate(small, size=x.shape[2:], mode="trilinear", align_corners=False)[0]
    return result


def bias_field(x: Tensor, probability: float, reach: Range, generator: torch.Generator) -> Tensor:
    """A slow multiplicative change across the image, as receive coils cause; measured from the darkest voxel."""
    result = x.clone()
    for sample in range(x.shape[0]):
        strength = _draw(probability, reach, generator)
        if strength is None:
            continue
        field = normal_like(generator, x.new_empty(1, 1, 3, 3, 3)) * strength
        field = functional.interpolate(field, size=x.shape[2:], mode="trilinear", align_corners=True)[0].exp()
        low = x[sample].amin()
        result[sample] = (x[sample] - low) * field + low
    return result


def _power(x: Tensor, exponent: float, invert: bool) -> Tensor:
    mean, deviation = x.mean(), x.std()
    y = -x if invert else x
    low = y.amin()
    span = (y.amax() - low).clamp_min(1e-6)
    y = ((y - low) / span) ** exponent * span + low
    y = (y - y.mean()) / y.std().clamp_min(1e-6) * deviation
    return (-y if invert else y) + mean


def _gaussian(x: Tensor, sigma: float, flat: bool) -> Tensor:
    reach = max(math.ceil(3 * sigma), 1)
    places = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    kernel = torch.exp(-(places**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    y = x[:, None]
    for axis in (1, 2) if flat else (0, 1, 2):
        shape, pad = [1, 1, 1, 1, 1], [0] * 6
        shape[2 + axis] = kernel.numel()
        pad[4 - 2 * axis] = pad[5 - 2 * axis] = reach
        y = functional.conv3d(functional.pad(y, pad, mode="replicate"), kernel.reshape(shape))
    return y[:, 0]


def _draw(probability: float, reach: Range, generator: torch.Generator) -> float | None:
    wanted = chance(generator, probability)
    value = uniform(generator, *reach)
    return value if wanted else None


def _per_sample(x: Tensor, probability: float, reach: Range, neutral: float, generator: torch.Generator) -> Tensor:
    drawn = [_draw(probability, reach, generator) for _ in range(x.shape[0])]
    values = torch.tensor([neutral if v is None else v for v in drawn], dtype=x.dtype, device=x.device)
    return values.reshape(-1, 1, 1, 1, 1)
