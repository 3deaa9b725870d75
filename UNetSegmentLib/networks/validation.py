"""Checks that the numbers of a network's description fit together, before torch fails in words nobody understands."""

from __future__ import annotations

from ..errors import ModelError
from .config import NetworkConfig, OpaqueNetwork

# Far above any real network. Beyond them a description is damaged, and merely building it would never end.
_MOST_STAGES, _MOST_CONVOLUTIONS, _MOST_CHANNELS, _LARGEST_KERNEL = 32, 256, 100_000, 127

_MOST_TOGETHER = 2000
_LARGEST = {"norm_groups": 100_000, "squeeze_ratio": 100_000, "transformer_layers": 256, "transformer_heads": 1024}


def check_unet(config: NetworkConfig) -> None:
    """Raises ModelError that names the first field that is wrong."""
    if config.dimension not in (2, 3):
        raise _wrong("dimension", config.dimension, "2 or 3")
    if min(config.in_channels, config.out_channels) < 1:
        raise _wrong("in_channels or out_channels", min(config.in_channels, config.out_channels), "at least 1")
    stages = config.stages
    if not 2 <= stages <= _MOST_STAGES:
        raise _wrong("features", config.features, f"two to {_MOST_STAGES} stages")
    for name, count in (("kernels", stages), ("strides", stages), ("encoder_convs", stages)):
        if len(getattr(config, name)) != count:
            raise _wrong(name, getattr(config, name), f"{count} entries, one per stage")
    if len(config.decoder_convs) != stages - 1:
        raise _wrong("decoder_convs", config.decoder_convs, f"{stages - 1} entries, one fewer than stages")
    for name in ("features", "encoder_convs", "decoder_convs"):
        if min(getattr(config, name)) < 1:
            raise _wrong(name, getattr(config, name), "numbers of at least 1")
    _check_decoder_features(config)
    _check_extremes(config)
    _check_axes(config)
    if not 0 <= config.dropout < 1:
        raise _wrong("dropout", config.dropout, "a probability below 1")
    if config.stem_channels is not None and config.stem_channels < 1:
        raise _wrong("stem_channels", config.stem_channels, "at least 1, or null")
    for name, most in _LARGEST.items():
        if not 1 <= getattr(config, name) <= most:
            raise _wrong(name, getattr(config, name), f"1 to {most}")
    if config.norm_eps <= 0:
        raise _wrong("norm_eps", config.norm_eps, "a small positive number")
    widths = (*config.features, *(config.decoder_features or ()))
    if config.norm == "group" and any(width % config.norm_groups for width in (*widths, config.stem_channels or 0)):
        raise _wrong("norm_groups", config.norm_groups, f"a divisor of every one of {widths}")


def _check_decoder_features(config: NetworkConfig) -> None:
    widths = config.decoder_features
    if widths is None:
        return
    if len(widths) != config.stages - 1 or min(widths) < 1:
        raise _wrong("decoder_features", widths, f"{config.stages - 1} numbers of at least 1, one fewer than stages")
    if config.decoder == "nested":
        raise _wrong("decoder_features", widths, "null with the decoder 'nested', whose nodes are as wide as their row")
    if config.skip == "add" and widths != config.features[:-1]:
        raise _wrong("decoder_features", widths, f"{config.features[:-1]} with the skip connection 'add'")


def _check_extremes(config: NetworkConfig) -> None:
    channels = (*config.features, config.in_channels, config.out_channels, config.stem_channels or 0)
    channels += config.decoder_features or ()
    if max(channels) > _MOST_CHANNELS:
        raise _wrong("features or channels", max(channels), f"at most {_MOST_CHANNELS}")
    convolutions = max(*config.encoder_convs, *config.decoder_convs)
    if convolutions > _MOST_CONVOLUTIONS:
        raise _wrong("encoder_convs or decoder_convs", convolutions, f"at most {_MOST_CONVOLUTIONS}")
    together = sum(config.encoder_convs) + sum(config.decoder_convs)
    if together > _MOST_TOGETHER:
        raise _wrong("encoder_convs and decoder_convs", f"{together} together", f"at most {_MOST_TOGETHER}")


def check_opaque(config: OpaqueNetwork) -> None:
    """Raises ModelError that names the first field that is wrong."""
    if config.dimension not in (2, 3):
        raise _wrong("dimension", config.dimension, "2 or 3")
    if min(config.in_channels, config.out_channels) < 1:
        raise _wrong("in_channels or out_channels", min(config.in_channels, config.out_channels), "at least 1")
    if len(config.divisor) != config.dimension or min(config.divisor) < 1:
        raise _wrong("divisor", config.divisor, f"{config.dimension} positive numbers")


def _check_axes(config: NetworkConfig) -> None:
    further = config.decoder_kernels or ()
    if further and len(further) != config.stages - 1:
        raise _wrong("decoder_kernels", further, f"{config.stages - 1} entries, one fewer than stages")
    for kernel in (*config.kernels, *further):
        if len(kernel) != config.dimension or any(not 1 <= k <= _LARGEST_KERNEL or k % 2 == 0 for k in kernel):
            raise _wrong("kernels", kernel, f"{config.dimension} odd numbers up to {_LARGEST_KERNEL} per stage")
    for stride in config.strides:
        if len(stride) != config.dimension or not 1 <= min(stride) <= max(stride) <= _LARGEST_KERNEL:
            raise _wrong("strides", stride, f"{config.dimension} numbers from 1 to {_LARGEST_KERNEL} per stage")
    if max(config.strides[0]) > 1:
        raise _wrong("strides", config.strides[0], "ones in the first stage, so that the logits have the patch's size")


def _wrong(name: str, value: object, wanted: str) -> ModelError:
    return ModelError(f"The network's '{name}' is {value}; {wanted} expected.", "Correct the model's description.")
