"""MONAI's intensity transforms as rules of a model card, one per channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...card import Normalization
from .configuration import Component
from .refusal import refused
from .values import flag, number

_TINY = 1e-12


def _range(step: Component, channels: int, apart: bool) -> list[Normalization]:
    step.ignore("dtype")
    lower, upper = number(step.need("a_min"), "a_min"), number(step.need("a_max"), "a_max")
    low, high = step.get("b_min"), step.get("b_max")
    clip = flag(step.get("clip", False), "clip") and low is not None and high is not None
    if upper - lower < _TINY:
        raise refused("its 'ScaleIntensityRanged' has an empty range")
    rule = Normalization("range", lower, upper, target=_target(low, high), clip=clip)
    return [rule] * channels


def _minimum_maximum(step: Component, channels: int, apart: bool) -> list[Normalization]:
    step.ignore("dtype")
    if step.get("factor") is not None:
        raise refused("its 'ScaleIntensityd' scales by a factor")
    _check_joint(step, channels, apart)
    return [Normalization("range", target=_target(step.get("minv", 0.0), step.get("maxv", 1.0)))] * channels


def _percentiles(step: Component, channels: int, apart: bool) -> list[Normalization]:
    step.ignore("dtype")
    lower, upper = number(step.need("lower"), "lower"), number(step.need("upper"), "upper")
    if not 0 <= lower < upper <= 100:
        raise refused("its 'ScaleIntensityRangePercentilesd' has no percentiles from 0 to 100")
    low, high = step.get("b_min"), step.get("b_max")
    clip = flag(step.get("clip", False), "clip") and low is not None and high is not None
    target = _target(low, high)
    if flag(step.get("relative", False), "relative"):
        extent = target[1] - target[0]
        target = (target[0] + extent * lower / 100, target[0] + extent * upper / 100)
    _check_joint(step, channels, apart)
    return [Normalization("percentile-range", lower, upper, target=target, clip=clip)] * channels


def _normalize(step: Component, channels: int, apart: bool) -> list[Normalization]:
    step.ignore("dtype")
    nonzero = flag(step.get("nonzero", False), "nonzero")
    mean, std = step.get("subtrahend"), step.get("divisor")
    if mean is None and std is None:
        _check_joint(step, channels, apart)
        return [Normalization("zscore-nonzero" if nonzero else "zscore")] * channels
    if mean is None or std is None or nonzero:
        raise refused("its 'NormalizeIntensityd' mixes given and measured numbers")
    step.ignore("channel_wise")
    means, stds = _per_channel(mean, channels, "subtrahend"), _per_channel(std, channels, "divisor")
    # A divisor of zero counts as one there.
    return [Normalization("standard", mean=m, std=s or 1.0) for m, s in zip(means, stds, strict=True)]


def _check_joint(step: Component, channels: int, apart: bool) -> None:
    """Statistics over all channels together have no counterpart here; with one channel they are the same."""
    if channels > 1 and not apart and not flag(step.get("channel_wise", False), "channel_wise"):
        raise refused(f"its '{step.target}' measures all input channels together")
    step.ignore("channel_wise")


def _per_channel(value: Any, channels: int, what: str) -> list[float]:
    if not isinstance(value, list | tuple):
        return [number(value, what)] * channels
    if len(value) != channels:
        raise refused(f"'{what}' has {len(value)} entries for {channels} channels")
    return [number(item, what) for item in value]


def _target(low: Any, high: Any) -> tuple[float, float]:
    if low is None or high is None:
        return 0.0, 1.0
    return number(low, "the target range"), number(high, "the target range")


INTENSITY: dict[str, Callable[[Component, int, bool], list[Normalization]]] = {
    "NormalizeIntensityd": _normalize,
    "ScaleIntensityd": _minimum_maximum,
    "ScaleIntensityRanged": _range,
    "ScaleIntensityRangePercentilesd": _percentiles,
}
"""``rule(step, channels, apart)``: ``apart`` while the channels are images of their own, each under its own key."""
