"""MONAI's DynUNet (nnU-Net's network as MONAI has it) in terms of our U-Net family."""

from __future__ import annotations

from typing import Any

from ....networks.config import Kernel, NetworkConfig
from ....networks.monai.configs import Activation, Norm
from .configuration import Component
from .layers import read_activation, read_norm
from .refusal import refused
from .values import flag, per_axis, whole, wholes

RESIDUAL_BLOCK = "residual-strided"


def read_dynunet(component: Component, dimension: int) -> NetworkConfig:
    """The description of a DynUNet.

    Raises:
        ModelError: an argument that our family does not have.
    """
    component.ignore("dropout", "deep_supervision", "deep_supr_num")
    kernels = _stages(component.need("kernel_size"), dimension, "kernel_size")
    strides = _stages(component.need("strides"), dimension, "strides")
    ups = _stages(component.need("upsample_kernel_size"), dimension, "upsample_kernel_size")
    if len(strides) < 3 or len(kernels) != len(strides) or ups != strides[1:]:
        raise refused("the kernels, strides and upsample kernels of its 'DynUNet' do not belong together")
    _check_padding(kernels, strides)
    widest = 320 if dimension == 3 else 512
    default = [min(2 ** (5 + stage), widest) for stage in range(len(strides))]
    features = wholes(component.get("filters") or default, "filters")[: len(strides)]
    residual = flag(component.get("res_block", False), "res_block")
    norm = read_norm(component.get("norm_name", ["INSTANCE", {"affine": True}]))
    activation = read_activation(component.get("act_name", ["leakyrelu", {"negative_slope": 0.01}]))
    if activation.kind not in ("leaky_relu", "relu", "gelu", "silu"):
        raise refused(f"its 'DynUNet' has the activation '{activation.kind}'")
    count = 1 if residual else 2
    return NetworkConfig(
        dimension=dimension,
        in_channels=whole(component.need("in_channels"), "in_channels"),
        out_channels=whole(component.need("out_channels"), "out_channels"),
        features=features,
        kernels=kernels,
        strides=strides,
        encoder_convs=(count,) * len(strides),
        decoder_convs=(2,) * (len(strides) - 1),
        block=RESIDUAL_BLOCK if residual else "plain",
        # Convolutions have no bias; where transposed ones do, the others get one of zero.
        bias=flag(component.get("trans_bias", False), "trans_bias"),
        decoder_block="plain" if residual else None,
        **_decoder_kernels(kernels),
        **_layers(norm, activation),
    )


def source(config: NetworkConfig, name: str) -> str:
    """MONAI's name of a tensor of our network."""
    last = config.stages - 1
    parts = name.split(".")
    if parts[0] == "heads":
        return f"output_block.conv.conv.{parts[2]}"
    level = int(parts[2])
    if parts[0] == "encoder":
        place = "input_block" if level == 0 else "bottleneck" if level == last else f"downsamples.{level - 1}"
        return f"{place}.{_block(parts[3:])}"
    place = f"upsamples.{last - 1 - level}"
    if parts[3] == "up":
        return f"{place}.transp_conv.{'.'.join(parts[4:])}"
    return f"{place}.conv_block.{_block(parts[4:])}"


def filled(name: str) -> float | None:
    """Biases of convolutions whose counterpart has none."""
    return 0.0 if name.endswith("conv.bias") and ".up." not in name else None


def _block(parts: list[str]) -> str:
    """Inside a block: ours are one convolution each (plain) or two in one (residual), MONAI's always two."""
    number, *rest = parts
    if rest[0] in ("first", "second", "shortcut"):
        digit = {"first": 1, "second": 2, "shortcut": 3}[rest[0]]
        rest = rest[1:]
    else:
        digit = int(number) + 1
    kind = f"conv{digit}.conv" if rest[0] == "conv" else f"norm{digit}"
    return ".".join([kind, *rest[1:]])


def _stages(value: Any, dimension: int, what: str) -> tuple[Kernel, ...]:
    if not isinstance(value, list | tuple):
        raise refused(f"the '{what}' of its 'DynUNet' is no list")
    return tuple(per_axis(item, dimension, what) for item in value)


def _check_padding(kernels: tuple[Kernel, ...], strides: tuple[Kernel, ...]) -> None:
    """DynUNet pads by (kernel - stride + 1) / 2 rounded down, we by half the kernel; they differ for odd choices."""
    for kernel, stride in zip(kernels, strides, strict=True):
        if any(k % 2 == 0 or (k - s + 1) // 2 != k // 2 for k, s in zip(kernel, stride, strict=True)):
            raise refused(f"its 'DynUNet' has a stage of kernel {kernel} and stride {stride}")


def _decoder_kernels(kernels: tuple[Kernel, ...]) -> dict[str, Any]:
    """DynUNet's decoder uses the kernel of the level below."""
    return {} if kernels[1:] == kernels[:-1] else {"decoder_kernels": kernels[1:]}


def _layers(norm: Norm, activation: Activation) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "norm": norm.kind,
        "norm_affine": norm.affine,
        "norm_groups": norm.groups,
        "norm_eps": norm.eps,
        "activation": activation.kind,
    }
    if activation.kind == "leaky_relu":
        arguments["negative_slope"] = activation.slope
    return arguments
