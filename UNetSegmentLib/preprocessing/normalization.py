"""Intensities to the network's range, one rule per channel (:class:`~UNetSegmentLib.models.card.Normalization`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, ModelError

if TYPE_CHECKING:
    from torch import Tensor

    from ..models.card import Normalization

_SMALLEST_DEVIATION = 1e-8
_PIECE = 1 << 22  # voxels that are converted to float64 at once


def normalize(tensor: Tensor, rules: Sequence[Normalization]) -> Tensor:
    """Brings each channel to the network's range. A channel without variance becomes 0, never NaN.

    Args:
        tensor: (channels, z, y, x), any real type, any device; left as it is.
        rules: one per channel.

    Returns:
        A new float32 tensor of the same shape on the same device.

    Raises:
        InputError: the number of channels differs from the number of rules.
        ModelError: an unknown kind, or one that lacks its numbers.
    """
    import torch

    if tensor.shape[0] != len(rules):
        raise InputError(
            f"The image has {tensor.shape[0]} channels, the model normalises {len(rules)}.",
            "Give one image per input channel of the model.",
        )
    return torch.stack([_channel(c.float(), rule) for c, rule in zip(tensor, rules, strict=True)])


def _channel(x: Tensor, rule: Normalization) -> Tensor:
    if rule.kind == "none":
        return x.clone()
    if rule.kind == "zscore":
        return _zscore(x)
    if rule.kind == "zscore-nonzero":
        return _zscore_nonzero(x)
    if rule.kind == "percentile":
        lower, upper = _numbers(rule, "lower", "upper")
        low, high = percentiles(x, (lower, upper))
        return _zscore(x.clamp(low, high))
    if rule.kind == "ct":
        lower, upper, mean, std = _numbers(rule, "lower", "upper", "mean", "std")
        return (x.clamp(lower, upper) - mean) / max(std, _SMALLEST_DEVIATION)
    raise ModelError(f"Unknown normalisation '{rule.kind}'.", "The model may need a newer version of UNetSegment.")


def percentiles(x: Tensor, shares: Sequence[float]) -> list[float]:
    """Percentiles (0 to 100) of all values, linear between neighbours as numpy's default.

    ``torch.quantile`` refuses more than 16 million values; selecting a few places has no limit, and on a CPU numpy's
    partial sort finds them ten times quicker than sorting everything.
    """
    flat = x.flatten()
    last = flat.numel() - 1
    places = [min(max(share, 0.0), 100.0) / 100.0 * last for share in shares]
    needed = sorted({n for place in places for n in (int(place), min(int(place) + 1, last))})
    if flat.device.type == "cpu":
        ordered = np.partition(flat.numpy(), needed)
        at = {n: float(ordered[n]) for n in needed}
    else:
        values = flat.sort().values
        at = {n: float(values[n]) for n in needed}
    result = []
    for place in places:
        low = int(place)
        first, second = at[low], at[min(low + 1, last)]
        result.append(first + (second - first) * (place - low))
    return result


def _zscore(x: Tensor) -> Tensor:
    mean, std = _moments(x)
    return (x - mean).div_(max(std, _floor(mean)))


def _zscore_nonzero(x: Tensor) -> Tensor:
    import torch

    mask = x != 0
    if not bool(mask.any()):
        return torch.zeros_like(x)
    mean, std = _moments(x[mask])
    return (x - mean).div_(max(std, _floor(mean))).mul_(mask)


def _moments(x: Tensor) -> tuple[float, float]:
    """Mean and standard deviation, summed in float64 (intensities above a million lose a float32 sum's digits).

    Piece by piece, so that a large volume is not copied to twice its size.
    """
    import torch

    pieces = x.flatten().split(_PIECE)
    mean = float(sum(piece.sum(dtype=torch.float64) for piece in pieces)) / x.numel()
    squares = sum((piece.double() - mean).square().sum() for piece in pieces)
    return mean, (float(squares) / x.numel()) ** 0.5


def _floor(mean: float) -> float:
    """A deviation below rounding error of the mean is no variance at all."""
    return max(_SMALLEST_DEVIATION, abs(mean) * 1e-7)


def _numbers(rule: Normalization, *names: str) -> list[float]:
    values = [getattr(rule, name) for name in names]
    if any(v is None for v in values):
        raise ModelError(
            f"The normalisation '{rule.kind}' of the model's card lacks one of {', '.join(names)}.",
            "Correct the card; the numbers come from the training data.",
        )
    return [float(v) for v in values]
