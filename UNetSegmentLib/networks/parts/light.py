"""Light encoders under the U-Net's decoder: MobileNetV3 (arXiv:1905.02244) and EfficientNet (arXiv:1905.11946).

Both are rows of inverted residual blocks (arXiv:1801.04381): widen by a 1x1 convolution, convolve each channel by
itself, weigh the channels, narrow again. They start by halving the image, so a plain block on the full resolution
stands beside them: without it the decoder's last step would have nothing to join. In 2D the tensors come in the order
of timm's models of the same name, so that their pretrained weights can be taken over (:func:`pretrained_encoder`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from ...errors import ModelError
from ..config import NetworkConfig
from ..registry import ENCODERS
from .blocks import stack
from .layers import average_to_one, convolution, depthwise_convolution, norm


@dataclass(frozen=True)
class Row:
    """Blocks of one shape: kernel, widened channels (of the first and of the others), channels out, and so on."""

    kernel: int
    widened: tuple[int, int]
    channels: int
    stride: int
    repeats: int
    squeezed: int  # channels inside squeeze and excitation are (input or widened) channels over four; 0 for none
    activation: str


@dataclass(frozen=True)
class Plan:
    """A whole encoder: channels after the first convolution, its activation, the rows."""

    first: int
    activation: str
    rows: tuple[Row, ...]
    gate: str  # of squeeze and excitation

    @property
    def levels(self) -> tuple[int, ...]:
        """Channels of the deepest block at 1/2, 1/4, ... of the resolution."""
        levels: list[int] = [self.first]
        for row in self.rows:
            if row.stride > 1:
                levels.append(row.channels)
            levels[-1] = row.channels
        return tuple(levels)


def _mobilenet(first: int, *rows: tuple[int, int, int, bool, str, int]) -> Plan:
    built = tuple(
        Row(kernel, (wide, wide), out, stride, 1, _eighths(wide / 4) if squeeze else 0, activation)
        for kernel, wide, out, squeeze, activation, stride in rows
    )
    return Plan(first, "hard_swish", built, "hard_sigmoid")


def _eighths(channels: float) -> int:
    """Rounded to a multiple of eight, never by more than a tenth downwards."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _efficientnet(width: float, depth: float) -> Plan:
    rows = []
    before = first = _eighths(32 * width)
    for kernel, ratio, channels, stride, repeats in (
        (3, 1, 16, 1, 1),
        (3, 6, 24, 2, 2),
        (5, 6, 40, 2, 2),
        (3, 6, 80, 2, 3),
        (5, 6, 112, 1, 3),
        (5, 6, 192, 2, 4),
        (3, 6, 320, 1, 1),
    ):
        out = _eighths(channels * width)
        rows.append(Row(kernel, (before * ratio, out * ratio), out, stride, math.ceil(repeats * depth), -1, "silu"))
        before = out
    return Plan(first, "silu", tuple(rows), "sigmoid")


_PLANS = {
    "mobilenet-v3-large": _mobilenet(
        16,
        (3, 16, 16, False, "relu", 1),
        (3, 64, 24, False, "relu", 2),
        (3, 72, 24, False, "relu", 1),
        (5, 72, 40, True, "relu", 2),
        (5, 120, 40, True, "relu", 1),
        (5, 120, 40, True, "relu", 1),
        (3, 240, 80, False, "hard_swish", 2),
        (3, 200, 80, False, "hard_swish", 1),
        (3, 184, 80, False, "hard_swish", 1),
        (3, 184, 80, False, "hard_swish", 1),
        (3, 480, 112, True, "hard_swish", 1),
        (3, 672, 112, True, "hard_swish", 1),
        (5, 672, 160, True, "hard_swish", 2),
        (5, 960, 160, True, "hard_swish", 1),
        (5, 960, 160, True, "hard_swish", 1),
    ),
    "mobilenet-v3-small": _mobilenet(
        16,
        (3, 16, 16, True, "relu", 2),
        (3, 72, 24, False, "relu", 2),
        (3, 88, 24, False, "relu", 1),
        (5, 96, 40, True, "hard_swish", 2),
        (5, 240, 40, True, "hard_swish", 1),
        (5, 240, 40, True, "hard_swish", 1),
        (5, 120, 48, True, "hard_swish", 1),
        (5, 144, 48, True, "hard_swish", 1),
        (5, 288, 96, True, "hard_swish", 2),
        (5, 576, 96, True, "hard_swish", 1),
        (5, 576, 96, True, "hard_swish", 1),
    ),
    "efficientnet-b0": _efficientnet(1.0, 1.0),
    "efficientnet-b1": _efficientnet(1.0, 1.1),
    "efficientnet-b2": _efficientnet(1.1, 1.2),
    "efficientnet-b3": _efficientnet(1.2, 1.4),
}
LIGHT_ENCODERS = tuple(_PLANS)

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": partial(nn.ReLU, inplace=True),
    "hard_swish": partial(nn.Hardswish, inplace=True),
    "silu": partial(nn.SiLU, inplace=True),
    "sigmoid": nn.Sigmoid,
    "hard_sigmoid": nn.Hardsigmoid,
}


def light_features(name: str, first: int = 16) -> tuple[int, ...]:
    """The ``features`` that a description with the light encoder ``name`` must have.

    Args:
        first: channels at the full resolution, which are free.

    Raises:
        ModelError: no such encoder.
    """
    if name not in _PLANS:
        raise ModelError(f"There is no light encoder '{name}'.", f"Known are: {', '.join(LIGHT_ENCODERS)}.")
    return (first, *_PLANS[name].levels)


class _Gate(nn.Module):
    """Squeeze and excitation with 1x1 convolutions, as both papers have it."""

    def __init__(self, dimension: int, channels: int, inner: int, activation: str, gate: str) -> None:
        super().__init__()
        ones = (1,) * dimension
        self.average = average_to_one(dimension)
        self.reduce = convolution(dimension, channels, inner, ones, ones, True)
        self.activation = _ACTIVATIONS["silu" if activation == "silu" else "relu"]()
        self.expand = convolution(dimension, inner, channels, ones, ones, True)
        self.gate = _ACTIVATIONS[gate]()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(self.expand(self.activation(self.reduce(self.average(x)))))


class InvertedResidual(nn.Module):
    """Widen (unless it would change nothing), convolve channel by channel, weigh, narrow; beside a shortcut."""

    def __init__(self, config: NetworkConfig, plan: Plan, row: Row, before: int, wide: int, stride: int) -> None:
        super().__init__()
        dimension = config.dimension
        ones = (1,) * dimension
        layers: list[nn.Module] = []
        if wide != before:
            layers += [convolution(dimension, before, wide, ones, ones, False), norm(config, wide)]
            layers += [_ACTIVATIONS[row.activation]()]
        layers += [depthwise_convolution(dimension, wide, (row.kernel,) * dimension, (stride,) * dimension)]
        layers += [norm(config, wide), _ACTIVATIONS[row.activation]()]
        if row.squeezed:
            # EfficientNet counts from the block's input, MobileNet from the widened channels.
            inner = before // 4 if row.squeezed < 0 else row.squeezed
            layers += [_Gate(dimension, wide, inner, row.activation, plan.gate)]
        layers += [convolution(dimension, wide, row.channels, ones, ones, False), norm(config, row.channels)]
        self.layers = nn.Sequential(*layers)
        self.shortcut = stride == 1 and before == row.channels

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.shortcut else self.layers(x)


class LightEncoder(nn.Module):
    """Returns the maps of all resolutions, the full one (a plain block of its own) first."""

    def __init__(self, config: NetworkConfig, name: str) -> None:
        super().__init__()
        plan = _PLANS[name]
        expected = light_features(name, config.features[0])
        twos = (2,) * config.dimension
        halving = (twos,) * (len(expected) - 1)
        if config.features != expected or config.strides[1:] != halving:
            raise ModelError(
                f"The encoder '{name}' has the features {expected} and halves the image {len(halving)} times; the "
                f"description says {config.features} and {config.strides}.",
                "Take the features from light_features(), and strides of 1 for the first stage and 2 for the others.",
            )
        self.channels = expected
        self.strides = config.strides
        ones = (1,) * config.dimension
        count, kernel = config.encoder_convs[0], config.kernels[0]
        self.full = stack(config, count, config.in_channels, config.features[0], kernel, ones, "plain")
        three = (3,) * config.dimension
        first = [convolution(config.dimension, config.in_channels, plan.first, three, twos, False)]
        first += [norm(config, plan.first), _ACTIVATIONS[plan.activation]()]
        levels: list[list[nn.Module]] = [first]
        before = plan.first
        for row in plan.rows:
            for repeat in range(row.repeats):
                stride = row.stride if repeat == 0 else 1
                if stride > 1:
                    levels.append([])
                levels[-1].append(InvertedResidual(config, plan, row, before, row.widened[repeat > 0], stride))
                before = row.channels
        self.levels = nn.ModuleList(nn.Sequential(*level) for level in levels)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = [self.full(x)]
        for level in self.levels:
            x = level(x)
            maps.append(x)
        return maps


for _encoder in LIGHT_ENCODERS:
    ENCODERS.register(_encoder)(partial(LightEncoder, name=_encoder))


# The order in which the layers of timm's blocks run: those that widen first (they have a conv_pwl), and the others.
_WIDENING = ("conv_pw", "bn1", "conv_dw", "bn2", "se.conv_reduce", "se.conv_expand", "conv_pwl", "bn3")
_PLAIN = ("conv_dw", "bn1", "se.conv_reduce", "se.conv_expand", "conv_pw", "bn2")
_TENSORS = ("weight", "bias", "running_mean", "running_var")
_COUNTER = "num_batches_tracked"


def pretrained_encoder(encoder: LightEncoder, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of one of timm's image classifiers as a state dict for the ``levels`` of a 2D light encoder.

    The first convolution is adapted to the number of input channels as timm does it: for a single channel its colours
    are summed, otherwise they are repeated in turn and scaled by three over the number of channels.

    Args:
        encoder: with batch norm.
        weights: the state dict of timm's model of the same kind (``mobilenetv3_large_100``, ``efficientnet_b0``, ...),
            in any order.

    Raises:
        ModelError: the weights are of another network.
    """
    own = encoder.levels.state_dict()
    wanted = [name for name in own if not name.endswith(_COUNTER)]
    given = _in_order(weights)
    if len(given) < len(wanted):
        raise ModelError(
            f"The pretrained weights hold {len(given)} tensors of an encoder; {len(wanted)} are needed.",
            "Take timm's weights of the same network.",
        )
    result = {name: value for name, value in own.items() if name.endswith(_COUNTER)}
    for number, (name, source) in enumerate(zip(wanted, given, strict=False)):
        expected = tuple(own[name].shape)
        value = weights[source] if number else _adapted(weights[source], expected)
        if value.shape != expected:
            raise ModelError(
                f"The pretrained weights do not fit: '{source}' is {tuple(value.shape)}; {expected} is expected there.",
                "Take timm's weights of the same network, for a 2D encoder with batch norm.",
            )
        result[name] = value
    return result


def _in_order(names: Iterable[str]) -> list[str]:
    """Timm's tensors of an encoder as the network runs through them; files sort them as they like."""
    names = list(names)
    widening = {_block(name) for name in names if ".conv_pwl." in name}
    places = {name: _place(name, _block(name) in widening) for name in names}
    known = [(place, name) for name, place in places.items() if place is not None]
    return [name for _, name in sorted(known)]


def _block(name: str) -> tuple[int, int] | None:
    """Stage and number of the block that a tensor belongs to."""
    parts = name.split(".")
    if parts[0] != "blocks" or len(parts) < 4 or not (parts[1].isdigit() and parts[2].isdigit()):
        return None
    return int(parts[1]), int(parts[2])


def _place(name: str, widens: bool) -> tuple[int, int, int, int] | None:
    """A sort key; None for what no encoder needs."""
    layer, _, tensor = name.rpartition(".")
    if tensor not in _TENSORS:
        return None
    which, block = _TENSORS.index(tensor), _block(name)
    if block is None:
        return (-1, 0, ("conv_stem", "bn1").index(layer), which) if layer in ("conv_stem", "bn1") else None
    layers = _WIDENING if widens else _PLAIN
    inner = layer.split(".", 3)[3]
    return (*block, layers.index(inner), which) if inner in layers else None


def _adapted(kernel: Tensor, expected: Sequence[int]) -> Tensor:
    """A first convolution (out, colours, ...) for another number of channels."""
    colours, channels = kernel.shape[1], expected[1]
    if channels == colours:
        return kernel
    if channels == 1:
        return kernel.sum(dim=1, keepdim=True)
    chosen = [n % colours for n in range(channels)]
    return kernel[:, chosen] * (colours / channels)
