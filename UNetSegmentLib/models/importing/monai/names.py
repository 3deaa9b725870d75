"""Where each tensor of our networks stands in a state dict of MONAI's."""

from __future__ import annotations

from ....networks.monai.configs import AttentionUNetConfig, ResidualUNetConfig, SegResNetConfig

# Inside a convolution unit: MONAI keeps norm and activation in a block of their own.
_UNIT = {"conv": "conv", "norm": "adn.N", "activation": "adn.A"}


def residual_unet(config: ResidualUNetConfig, name: str) -> str:
    """MONAI nests each level in the one above it: a sequence of (down, skip around the levels below, up)."""
    part, _, rest = name.partition(".")
    if part == "bottom":
        return f"model.{'1.submodule.' * len(config.strides)}{_residual(rest, config.units > 0)}"
    level, _, rest = rest.partition(".")
    prefix = f"model.{'1.submodule.' * int(level)}"
    if part == "down":
        return f"{prefix}0.{_residual(rest, config.units > 0)}"
    inner, _, rest = rest.partition(".")
    if config.units == 0:
        return f"{prefix}2.{_unit(rest)}"
    return f"{prefix}2.0.{_unit(rest)}" if inner == "up" else f"{prefix}2.1.{_residual(rest, True)}"


def basic_unet(name: str) -> str:
    """Levels are numbered; the decoder's carry the number of the level below them."""
    part, _, rest = name.partition(".")
    if part == "head":
        return f"final_conv.{rest}"
    level, _, rest = rest.partition(".")
    if part == "down":
        number, _, rest = rest.partition(".")
        place = "conv_0" if level == "0" else f"down_{level}.convs"
        return f"{place}.conv_{number}.{_unit(rest)}"
    place = f"upcat_{int(level) + 1}"
    inner, _, rest = rest.partition(".")
    if inner == "up":
        # One of the two is there: a transposed convolution, or a 1x1 convolution before interpolation.
        return f"{place}.upsample.*.{rest}"
    number, _, rest = rest.partition(".")
    return f"{place}.convs.conv_{number}.{_unit(rest)}"


def segresnet(config: SegResNetConfig, name: str) -> str:
    """The decoder's levels are counted from the lowest resolution."""
    part, _, rest = name.partition(".")
    fixed = {"stem": "convInit.conv", "norm": "conv_final.0", "activation": "conv_final.1", "head": "conv_final.2.conv"}
    if part in fixed:
        return f"{fixed[part]}.{rest}"
    level, _, rest = rest.partition(".")
    inner, _, rest = rest.partition(".")
    if part == "down":
        if inner == "conv":
            return f"down_layers.{level}.0.conv.{rest}"
        number, _, rest = rest.partition(".")
        return f"down_layers.{level}.{int(number) + 1}.{_preactivation(rest)}"
    place = str(len(config.decoder_blocks) - 1 - int(level))
    if inner == "conv":
        return f"up_samples.{place}.0.conv.{rest}"
    if inner == "up":
        return f"up_samples.{place}.1.deconv.{rest}"
    number, _, rest = rest.partition(".")
    return f"up_layers.{place}.{number}.{_preactivation(rest)}"


def attention_unet(config: AttentionUNetConfig, name: str) -> str:
    """Each level holds the encoder block of the next one and all that is below it."""
    part, _, rest = name.partition(".")
    if part == "head":
        return f"model.2.conv.{rest}"
    level_text, _, rest = rest.partition(".")
    level, last = int(level_text), len(config.strides)
    if part == "down":
        number, _, rest = rest.partition(".")
        if level == 0:
            return f"model.0.conv.{number}.{_unit(rest)}"
        within = "" if level == last else "0."
        return f"{_attention_level(level - 1)}submodule.{within}conv.{number}.{_unit(rest)}"
    inner, _, rest = rest.partition(".")
    place = _attention_level(level)
    if inner == "up":
        return f"{place}upconv.up.{_unit(rest)}"
    if inner == "merge":
        return f"{place}merge.{_unit(rest)}"
    projection, _, rest = rest.partition(".")
    layer, _, rest = rest.partition(".")
    where = {"gate": "W_g", "skip": "W_x", "weight": "psi"}[projection]
    return f"{place}attention.{where}.{'0.conv' if layer == 'conv' else '1'}.{rest}"


def _attention_level(level: int) -> str:
    return "model.1." + "submodule.1." * level


def _residual(rest: str, units: bool) -> str:
    """Inside a residual unit, or a plain convolution where there are none."""
    if not units:
        return _unit(rest)
    inner, _, rest = rest.partition(".")
    if inner == "shortcut":
        return f"residual.{rest}"
    number, _, rest = rest.partition(".")
    return f"conv.unit{number}.{_unit(rest)}"


def _unit(rest: str) -> str:
    layer, _, rest = rest.partition(".")
    return f"{_UNIT[layer]}.{rest}"


def _preactivation(rest: str) -> str:
    layer, _, rest = rest.partition(".")
    if layer.startswith("conv"):
        return f"{layer}.conv.{rest}"
    return f"act.{rest}" if layer == "activation" else f"{layer}.{rest}"
