"""Batch norms folded into convolutions: the answer stays, to float32's rounding."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.networks import NetworkConfig, build
from UNetSegmentLib.networks.folding import folded, folded_description, folded_tensors
from UNetSegmentLib.networks.monai.configs import AttentionUNetConfig, BasicUNetConfig, Norm, ResidualUNetConfig
from UNetSegmentLib.networks.parts.light import light_features

UNET = NetworkConfig(
    dimension=3,
    in_channels=2,
    out_channels=3,
    features=(4, 8, 8),
    kernels=((3, 3, 3),) * 3,
    strides=((1, 1, 1), (2, 2, 2), (1, 2, 2)),
    encoder_convs=(1, 2, 1),
    decoder_convs=(1, 1),
    norm="batch",
)


def lived(config) -> nn.Module:
    """A network whose norms hold numbers as after a training."""
    torch.manual_seed(3)
    network = build(config).eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.5)
            module.running_var.uniform_(0.3, 3.0)
            if module.affine:
                module.weight.uniform_(-1.5, 1.5)
                module.bias.normal_()
    return network


def norms(network: nn.Module) -> int:
    return sum(isinstance(m, nn.BatchNorm2d | nn.BatchNorm3d) for m in network.modules())


def light(encoder: str) -> NetworkConfig:
    features = light_features(encoder, 8)
    stages = len(features)
    return dataclasses.replace(
        UNET,
        dimension=2,
        features=features,
        kernels=((3, 3),) * stages,
        strides=((1, 1), *((2, 2),) * (stages - 1)),
        encoder_convs=(1,) * stages,
        decoder_convs=(1,) * (stages - 1),
        encoder=encoder,
    )


FAMILY = {
    "plain": UNET,
    "no bias": dataclasses.replace(UNET, bias=False),
    "no affine": dataclasses.replace(UNET, norm_affine=False),
    "dropout": dataclasses.replace(UNET, dropout=0.3),
    "residual": dataclasses.replace(UNET, block="residual"),
    "strided residual": dataclasses.replace(UNET, block="residual-strided"),
    "squeeze": dataclasses.replace(UNET, block="plain-squeeze"),
    "attention": dataclasses.replace(UNET, skip="attention"),
    "nested": dataclasses.replace(UNET, decoder="nested"),
    "mobilenet": light("mobilenet-v3-small"),
    "monai residual": ResidualUNetConfig(
        dimension=3, in_channels=2, out_channels=3, features=(4, 8, 8), strides=((2, 2, 2), (2, 2, 2)),
        kernel=(3, 3, 3), up_kernel=(3, 3, 3), units=2, norm=Norm("batch"),
    ),
    "monai attention": AttentionUNetConfig(
        dimension=3, in_channels=2, out_channels=3, features=(4, 8, 8), strides=((2, 2, 2), (2, 2, 2)),
        kernel=(3, 3, 3), up_kernel=(3, 3, 3),
    ),
    "monai basic": BasicUNetConfig(
        dimension=2, in_channels=2, out_channels=3, features=(4, 4, 8, 8, 8, 4), norm=Norm("batch"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAMILY)
def test_the_answer_stays(name):
    config = FAMILY[name]
    network = lived(config).double()
    size = (32, 32) if config.dimension == 2 else (16, 16, 16)
    image = torch.randn(2, 2, *size, dtype=torch.float64)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    small = folded(network)
    assert norms(small) == 0
    expected = network(image)
    assert float((expected - small(image)).abs().max()) < 1e-11 * float(expected.abs().max())
    # The network itself is as it was, so that it can be trained on.
    assert norms(network) > 0
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_in_float32_it_differs_by_rounding():
    network = lived(UNET)
    image = torch.randn(1, 2, 16, 16, 16)
    expected = network(image)
    assert float((folded(network)(image) - expected).abs().max()) < 2e-5 * float(expected.std())


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_groups_keep_their_own_scale(kind, groups):
    torch.manual_seed(0)
    conv, norm = kind(4, 8, 3, stride=2, padding=1, groups=groups).double(), nn.BatchNorm2d(8).double().eval()
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2.0)
    nn.init.normal_(norm.weight)
    image = torch.randn(2, 4, 9, 9, dtype=torch.float64)
    expected = norm(conv(image)).detach()
    weight, bias = folded_tensors(conv, norm)
    conv.weight, conv.bias = nn.Parameter(weight), nn.Parameter(bias)
    torch.testing.assert_close(conv(image).detach(), expected, rtol=1e-12, atol=1e-12)


def test_one_channel_by_hand():
    """y = (3 x + 1 - 4) / sqrt(0.25) * 2 + 5 = 12 x - 7."""
    conv, norm = nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=0.0).eval()
    for tensor, value in (
        (conv.weight, 3.0), (conv.bias, 1.0), (norm.running_mean, 4.0), (norm.running_var, 0.25),
        (norm.weight, 2.0), (norm.bias, 5.0),
    ):  # fmt: skip
        nn.init.constant_(tensor, value)
    weight, bias = folded_tensors(conv, norm)
    np.testing.assert_allclose([weight.item(), bias.item()], [12.0, -7.0])


def test_a_network_without_batch_norm_is_returned_itself():
    network = build(dataclasses.replace(UNET, norm="instance"))
    assert folded(network) is network


@pytest.mark.parametrize("name", ["plain", "no bias", "residual", "nested", "attention", "squeeze"])
def test_a_folded_network_is_an_ordinary_one(name):
    config = FAMILY[name]
    network = lived(config).double()
    plain, state = folded_description(config, network.state_dict())
    assert plain.norm == "none"
    other = build(plain).eval().requires_grad_(False).double()
    other.load_state_dict(state)
    image = torch.randn(1, 2, 16, 16, 16, dtype=torch.float64)
    expected = network(image)
    assert float((other(image) - expected).abs().max()) < 1e-11 * float(expected.abs().max())


def test_what_has_no_room_for_a_bias_is_refused():
    config = light("mobilenet-v3-small")
    with pytest.raises(ModelError, match="no bias"):
        folded_description(config, lived(config).state_dict())
    with pytest.raises(ModelError, match="'instance'"):
        folded_description(dataclasses.replace(UNET, norm="instance"), {})
