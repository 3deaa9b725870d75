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
_PIECE = 1 << 22  # voxels at once


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
    mask = _body(tensor) if any(_uses(rule, "zscore-mask") for rule in rules) else None
    result = torch.empty(tensor.shape, dtype=torch.float32, device=tensor.device)
    for channel, rule, out in zip(tensor, rules, result, strict=True):
        out.copy_(_channel(channel.float(), rule, mask))
    return result


def tells_zeros(rule: Normalization) -> bool:
    """Whether a rule treats voxels of exactly zero apart."""
    return rule.kind in ("zscore-nonzero", "zscore-mask") or (rule.then is not None and tells_zeros(rule.then))


def needs_whole_image(rule: Normalization) -> bool:
    """Whether a rule takes statistics from the image, so that a part of it would come out otherwise."""
    fixed = rule.kind in ("ct", "none", "standard")
    fixed = fixed or (rule.kind == "range" and rule.lower is not None and rule.upper is not None)
    return not fixed or (rule.then is not None and needs_whole_image(rule.then))


def _uses(rule: Normalization, kind: str) -> bool:
    return rule.kind == kind or (rule.then is not None and _uses(rule.then, kind))


def _channel(x: Tensor, rule: Normalization, mask: Tensor | None) -> Tensor:
    """One channel by one rule and those that follow it. ``x`` may be the caller's own and is never written to."""
    result = _by_kind(x, rule, mask)
    return result if rule.then is None else _channel(result, rule.then, mask)


def _by_kind(x: Tensor, rule: Normalization, mask: Tensor | None) -> Tensor:
    if rule.kind == "none":
        return x
    if rule.kind == "zscore":
        return _zscore(x)
    if rule.kind == "zscore-nonzero":
        return _zscore_nonzero(x)
    if rule.kind == "zscore-mask":
        assert mask is not None
        return _zscore_mask(x, mask)
    if rule.kind == "percentile":
        lower, upper = _numbers(rule, "lower", "upper")
        low, high = percentiles(x, (lower, upper))
        return _zscore(x.clamp(low, high))
    if rule.kind == "percentile-range":
        lower, upper = _numbers(rule, "lower", "upper")
        low, high = percentiles(x, (lower, upper))
        return _to_range(x, low, high, rule)
    if rule.kind == "range":
        low = float(x.min()) if rule.lower is None else rule.lower
        high = float(x.max()) if rule.upper is None else rule.upper
        return _to_range(x, low, high, rule)
    if rule.kind == "standard":
        mean, std = _numbers(rule, "mean", "std")
        return (x - mean).div_(max(std, _SMALLEST_DEVIATION))
    if rule.kind == "ct":
        lower, upper, mean, std = _numbers(rule, "lower", "upper", "mean", "std")
        return x.clamp(lower, upper).sub_(mean).div_(max(std, _SMALLEST_DEVIATION))
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


def _zscore_mask(x: Tensor, mask: Tensor) -> Tensor:
    import torch

    if not bool(mask.any()):
        return x
    mean, std = _moments(x[mask])
    return torch.where(mask, (x - mean).div_(max(std, _floor(mean))), x)


def _body(tensor: Tensor) -> Tensor:
    """The voxels that are non-zero in any channel, holes filled: nnU-Net's mask. A hole is background that cannot reach
    the border of the array through faces; in a single slice every voxel lies at the border, so there is none.
    """
    import SimpleITK as sitk
    import torch

    used = (tensor != 0).any(dim=0).to(torch.uint8)
    filled = sitk.BinaryFillhole(sitk.GetImageFromArray(used.cpu().numpy()), False, 1)
    return torch.from_numpy(sitk.GetArrayFromImage(filled)).to(tensor.device) > 0


def _to_range(x: Tensor, low: float, high: float, rule: Normalization) -> Tensor:
    """``low`` and ``high`` become the two numbers of the rule's target."""
    first, second = rule.target
    span = high - low
    scaled = (x - low).div_(span).mul_(second - first).add_(first) if span > 0 else (x - low).add_(first)
    return scaled.clamp_(first, second) if rule.clip else scaled


def _moments(x: Tensor) -> tuple[float, float]:
    """Mean and standard deviation, summed in float64 (intensities above a million lose a float32 sum's digits).

    Piece by piece, so that a large volume is not copied to twice its size.
    """
    import torch

    pieces = x.flatten().split(_PIECE)
    mean = float(sum(piece.sum(dtype=torch.float64) for piece in pieces)) / x.numel()
    # Differences from the mean are small numbers, which float32 holds well enough to be squared.
    squares = sum((piece - mean).square_().sum(dtype=torch.float64) for piece in pieces)
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
