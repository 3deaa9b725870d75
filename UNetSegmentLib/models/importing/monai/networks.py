"""MONAI's networks in terms of ours: the description, and where each tensor comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ....networks.config import AnyNetwork
from ....networks.monai.configs import (
    AttentionUNetConfig,
    BasicUNetConfig,
    ResidualUNetConfig,
    SegResNetConfig,
)
from . import dynunet, names
from .configuration import Component, is_own_code
from .layers import read_activation, read_norm, read_order
from .refusal import refused
from .values import flag, per_axis, whole, wholes

_NATIVE_NETWORKS = "Networks that are understood: UNet, BasicUNet, DynUNet, SegResNet, AttentionUnet."
_FILES = "If the bundle has a models/model.ts that you trust, import that file (--trust)."


@dataclass(frozen=True)
class Mapped:
    """A network that we can build.

    Attributes:
        config: its description.
        source: our tensor's name to MONAI's.
        filled: tensors of ours that MONAI's network does not have, and the number that they are full of.
        heads: our tensors whose first axis are the output channels, where these can be put into another order.
        duplicates: prefixes of tensors that a checkpoint holds twice, or that only training needs.
    """

    config: AnyNetwork
    source: Callable[[str], str]
    filled: Callable[[str], float | None] = field(default=lambda name: None)
    heads: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()


def read_network(component: Any) -> Mapped:
    """Our network for a component.

    Raises:
        ModelError: a network or an argument that is not supported, by name.
    """
    if not isinstance(component, Component):
        raise refused("its inference configuration has no network (network_def)")
    if is_own_code(component):
        raise refused(
            f"its network is a program of its own ('{component.full_target}')", f"{_NATIVE_NETWORKS} {_FILES}"
        )
    reader = _READERS.get(component.target.lower())
    if reader is None:
        raise refused(f"the network '{component.target}' is not supported", f"{_NATIVE_NETWORKS} {_FILES}")
    mapped = reader(component)
    component.finish()
    return mapped


def _dimension(component: Component, default: int | None = None) -> int:
    old = component.get("dimensions")  # its name before MONAI 0.6
    value = component.get("spatial_dims", default if old is None else old)
    dimension = whole(value, "spatial_dims")
    if dimension not in (2, 3):
        raise refused(f"its network has {dimension} axes")
    return dimension


def _residual_unet(component: Component) -> Mapped:
    component.ignore("dropout")
    dimension = _dimension(component)
    features = wholes(component.need("channels"), "channels")
    given = component.need("strides")
    if not isinstance(given, list | tuple) or not len(features) - 1 <= len(given) or len(features) < 2:
        raise refused("its 'UNet' has too few strides or channels")
    # MONAI passes over strides that nothing is left for.
    strides = tuple(per_axis(stride, dimension, "strides") for stride in given[: len(features) - 1])
    norm = read_norm(component.get("norm", "INSTANCE"))
    activation = read_activation(component.get("act", "PRELU"))
    config = ResidualUNetConfig(
        dimension,
        whole(component.need("in_channels"), "in_channels"),
        whole(component.need("out_channels"), "out_channels"),
        features,
        strides,
        per_axis(component.get("kernel_size", 3), dimension, "kernel_size"),
        per_axis(component.get("up_kernel_size", 3), dimension, "up_kernel_size"),
        whole(component.get("num_res_units", 0), "num_res_units", 0),
        activation,
        norm,
        flag(component.get("bias", True), "bias"),
        read_order(component.get("adn_ordering", "NDA"), norm, activation),
    )
    return Mapped(config, lambda name: names.residual_unet(config, name))


def _basic_unet(component: Component) -> Mapped:
    component.ignore("dropout", "dimensions")
    features = wholes(component.get("features", [32, 32, 64, 128, 256, 32]), "features")
    config = BasicUNetConfig(
        _dimension(component, 3),
        whole(component.get("in_channels", 1), "in_channels"),
        whole(component.get("out_channels", 2), "out_channels"),
        features,
        read_activation(component.get("act", ["LeakyReLU", {"negative_slope": 0.1, "inplace": True}])),
        read_norm(component.get("norm", ["instance", {"affine": True}])),
        flag(component.get("bias", True), "bias"),
        _upsampling(component.get("upsample", "deconv")),
    )
    return Mapped(config, names.basic_unet, heads=("head.weight", "head.bias"))


def _segresnet(component: Component) -> Mapped:
    component.ignore("dropout_prob")
    norm = component.get("norm", ["GROUP", {"num_groups": 8}])
    groups = component.get("num_groups", 8)
    old = component.get("norm_name", "")
    if old:
        if str(old).lower() != "group":
            raise refused(f"its 'SegResNet' has the norm_name '{old}'")
        norm = ["group", {"num_groups": groups}]
    if not flag(component.get("use_conv_final", True), "use_conv_final"):
        raise refused("its 'SegResNet' has no final convolution")
    encoder = wholes(component.get("blocks_down", [1, 2, 2, 4]), "blocks_down")
    # Ours run from the full resolution, MONAI's from the lowest.
    decoder = tuple(reversed(wholes(component.get("blocks_up", [1, 1, 1]), "blocks_up")))
    config = SegResNetConfig(
        _dimension(component, 3),
        whole(component.get("in_channels", 1), "in_channels"),
        whole(component.get("out_channels", 2), "out_channels"),
        whole(component.get("init_filters", 8), "init_filters"),
        encoder,
        decoder,
        read_activation(component.get("act", "RELU")),
        read_norm(norm),
        _upsampling(component.get("upsample_mode", "nontrainable")),
    )
    heads = ("head.weight", "head.bias")
    return Mapped(config, lambda name: names.segresnet(config, name), heads=heads, duplicates=("act_mod.",))


def _attention_unet(component: Component) -> Mapped:
    component.ignore("dropout")
    dimension = _dimension(component)
    features = wholes(component.need("channels"), "channels")
    given = component.need("strides")
    if not isinstance(given, list | tuple) or len(given) < len(features) - 1:
        raise refused("its 'AttentionUnet' has too few strides")
    config = AttentionUNetConfig(
        dimension,
        whole(component.need("in_channels"), "in_channels"),
        whole(component.need("out_channels"), "out_channels"),
        features,
        tuple(per_axis(stride, dimension, "strides") for stride in given[: len(features) - 1]),
        per_axis(component.get("kernel_size", 3), dimension, "kernel_size"),
        per_axis(component.get("up_kernel_size", 3), dimension, "up_kernel_size"),
    )
    return Mapped(config, lambda name: names.attention_unet(config, name), heads=("head.weight", "head.bias"))


def _dynunet(component: Component) -> Mapped:
    config = dynunet.read_dynunet(component, _dimension(component))
    return Mapped(
        config,
        lambda name: dynunet.source(config, name),
        filled=dynunet.filled,
        heads=("heads.0.weight", "heads.0.bias"),
        # The same layers again in the order of their calls, and the heads of deep supervision.
        duplicates=("skip_layers.", "deep_supervision_heads."),
    )


def _upsampling(mode: Any) -> str:
    kinds = {"deconv": "transposed", "nontrainable": "interpolate"}
    if str(mode).lower() not in kinds:
        raise refused(f"its network upsamples by '{mode}'")
    return kinds[str(mode).lower()]


_READERS: dict[str, Callable[[Component], Mapped]] = {
    "unet": _residual_unet,
    "basicunet": _basic_unet,
    "segresnet": _segresnet,
    "attentionunet": _attention_unet,
    "dynunet": _dynunet,
}
