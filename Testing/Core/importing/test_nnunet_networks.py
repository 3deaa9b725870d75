"""The networks of nnU-Net's plans, built by us with its weights, against the originals."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
import torch
from torch import nn

from UNetSegmentLib.models.importing.fields import Fields
from UNetSegmentLib.models.importing.nnunet.architecture import network_config
from UNetSegmentLib.models.importing.nnunet.plans import Plans
from UNetSegmentLib.models.importing.nnunet.weights import map_weights
from UNetSegmentLib.networks import build

originals = pytest.importorskip(
    "dynamic_network_architectures.architectures.unet",
    reason="the original networks come with nnU-Net: pip install --no-deps dynamic-network-architectures",
)

ACTIVATIONS = (
    ("LeakyReLU", {"inplace": True}),
    ("LeakyReLU", {"negative_slope": 0.2}),
    ("ReLU", {"inplace": True}),
    ("GELU", {}),
    ("SiLU", None),
)
NORM_ARGUMENTS = ({"eps": 1e-5, "affine": True}, {"eps": 1e-2, "affine": True}, {"affine": False}, {}, None)
PREFIXES = ("", "module.", "_orig_mod.", "module._orig_mod.")


def description(draw: random.Random, kind: str, dimension: int) -> dict[str, Any]:
    """The JSON arguments of a random network."""
    stages = draw.choice((2, 3, 4))
    norm = draw.choice(("InstanceNorm", "BatchNorm", None))
    activation, options = draw.choice(ACTIVATIONS)
    dropout = draw.choice((None, {"p": 0.3}))

    def axes(choice: tuple[int, ...]) -> list[int]:
        return [draw.choice(choice) for _ in range(dimension)]

    arguments: dict[str, Any] = {
        "n_stages": stages,
        "features_per_stage": [draw.choice((4, 6, 8)) for _ in range(stages)],
        "conv_op": f"torch.nn.modules.conv.Conv{dimension}d",
        "kernel_sizes": draw.choice((3, [axes((1, 3, 3, 5)) for _ in range(stages)])),
        "strides": [[1] * dimension, *(axes((1, 2, 2, 3)) for _ in range(stages - 1))],
        "n_conv_per_stage_decoder": [draw.choice((1, 2)) for _ in range(stages - 1)],
        "conv_bias": draw.choice((True, False)),
        "norm_op": f"torch.nn.{norm}{dimension}d" if norm else None,
        "norm_op_kwargs": draw.choice(NORM_ARGUMENTS) if norm else None,
        "dropout_op": f"torch.nn.Dropout{dimension}d" if dropout else None,
        "dropout_op_kwargs": dropout,
        "nonlin": f"torch.nn.{activation}",
        "nonlin_kwargs": options,
    }
    counts = "n_conv_per_stage" if kind == "PlainConvUNet" else "n_blocks_per_stage"
    arguments[counts] = [draw.choice((1, 2, 3)) for _ in range(stages)]
    if kind != "PlainConvUNet":
        arguments["stem_channels"] = draw.choice((None, 5))
    return arguments


def original(kind: str, arguments: dict[str, Any], inputs: int, outputs: int, supervised: bool) -> nn.Module:
    """The original network with random weights and running statistics."""
    classes = {
        key: getattr(nn, name.rpartition(".")[2]) if name else None
        for key, name in arguments.items()
        if key in ("conv_op", "norm_op", "dropout_op", "nonlin")
    }
    network = getattr(originals, kind)(inputs, num_classes=outputs, deep_supervision=supervised, **arguments | classes)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    network.decoder.deep_supervision = False
    return network.eval()


@pytest.mark.parametrize("kind", ["PlainConvUNet", "ResidualEncoderUNet", "ResidualUNet"])
@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_logits_equal_those_of_the_original(kind: str, dimension: int, seed: int) -> None:
    draw = random.Random(f"{kind}{dimension}{seed}")
    torch.manual_seed(seed)
    arguments = description(draw, kind, dimension)
    steps = [math.prod(stage[axis] for stage in arguments["strides"]) for axis in range(dimension)]
    patch = [step * draw.choice((2, 3)) for step in steps]
    inputs, outputs = draw.choice((1, 2)), draw.choice((2, 4))
    theirs = original(kind, arguments, inputs, outputs, supervised=draw.choice((True, False)))

    architecture = {
        "network_class_name": f"dynamic_network_architectures.architectures.unet.{kind}",
        "arch_kwargs": arguments,
    }
    entry = Fields({"patch_size": patch, "architecture": architecture}, "plans.json")
    config = network_config(Plans("test", Fields({}, "plans.json"), entry), inputs, outputs)
    state = {PREFIXES[seed] + name: tensor for name, tensor in theirs.state_dict().items()}
    ours = build(config).eval()
    ours.load_state_dict(map_weights(config, state, "checkpoint"))

    image = torch.randn(2, inputs, *patch)
    with torch.no_grad():
        expected, found = theirs(image), ours(image)
    assert expected.abs().max() > 1e-3
    assert (found - expected).abs().max() <= 1e-5 * max(1.0, float(expected.abs().max()))
