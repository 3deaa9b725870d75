"""The analytic cost against torch's own counters and against published numbers."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from UNetSegmentLib.networks import NetworkConfig, build, cost

NNUNET_PLAIN = NetworkConfig(
    dimension=3,
    in_channels=1,
    out_channels=2,
    features=(32, 64, 128, 256, 320, 320),
    kernels=((3, 3, 3),) * 6,
    strides=((1, 1, 1), *((2, 2, 2),) * 5),
    encoder_convs=(2,) * 6,
    decoder_convs=(2,) * 5,
)

SMALL = NetworkConfig(
    dimension=3,
    in_channels=2,
    out_channels=3,
    features=(4, 8, 16),
    kernels=((3, 3, 3),) * 3,
    strides=((1, 1, 1), (2, 2, 2), (2, 2, 2)),
    encoder_convs=(1, 2, 2),
    decoder_convs=(1, 2),
)

FLAT = dataclasses.replace(
    SMALL, dimension=2, kernels=((3, 3),) * 3, strides=((1, 1), (2, 2), (2, 2)), block="residual", norm="batch"
)

FAMILY = {
    "plain": (SMALL, (17, 18, 21)),
    "residual 2d": (FLAT, (33, 40)),
    "interpolate, add": (dataclasses.replace(SMALL, upsampling="interpolate", skip="add"), (16, 12, 15)),
    "group, silu": (dataclasses.replace(SMALL, norm="group", norm_groups=2, activation="silu"), (16, 16, 16)),
}


def test_the_published_cost_of_nnunet():
    """0.954 TFLOP and about 31 million parameters for a 128^3 patch: two operations per multiply-accumulate."""
    result = cost(NNUNET_PLAIN, (128, 128, 128))
    assert result.flops == pytest.approx(0.954e12, rel=2e-3)
    assert result.parameters == pytest.approx(31e6, rel=0.01)


def test_the_published_cost_of_the_residual_encoder():
    """nnU-Net's ResEncM: 684 kFLOP per voxel and 102 million parameters, with stem and plain decoder."""
    residual = dataclasses.replace(
        NNUNET_PLAIN,
        encoder_convs=(1, 3, 4, 6, 6, 6),
        decoder_convs=(1,) * 5,
        block="residual",
        decoder_block="plain",
        stem_channels=32,
    )
    result = cost(residual, (128, 128, 128))
    assert result.flops / 128**3 == pytest.approx(684e3, rel=2e-3)
    assert result.parameters == pytest.approx(102e6, rel=0.01)


@pytest.mark.parametrize("name", FAMILY)
def test_parameters_and_flops_equal_torchs_counters(name):
    config, patch = FAMILY[name]
    network = build(config).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, config.in_channels, *patch))
    result = cost(config, patch)
    assert result.flops == counter.get_total_flops()
    assert result.parameters == sum(p.numel() for p in network.parameters())


def test_activations_against_hooks_on_a_real_pass():
    """Hooks see the result of every layer. They see none of the joins of the skips, which are added by hand."""
    config = dataclasses.replace(SMALL, norm="batch", activation="gelu")
    network = build(config).eval()
    measured = 0

    def book(module, inputs, output):
        nonlocal measured
        measured += output.numel() * output.element_size()

    for module in network.modules():
        if isinstance(module, nn.Conv3d | nn.ConvTranspose3d | nn.BatchNorm3d | nn.GELU):
            module.register_forward_hook(book)
    with torch.no_grad():
        network(torch.zeros(1, 2, 16, 16, 16))
    joins = 4 * (2 * 4 * 16**3 + 2 * 8 * 8**3)
    assert cost(config, (16, 16, 16)).activation_bytes == pytest.approx(measured + joins, rel=0.01)


def test_peak_lies_between_the_largest_join_and_the_whole():
    result = cost(SMALL, (32, 32, 32))
    voxels = 32**3
    # While the last decoder block convolves, its input (both halves of the join) and its result must live.
    assert result.peak_bytes >= 4 * voxels * (8 + 4)
    assert result.peak_bytes < result.activation_bytes


def test_cost_grows_with_the_patch_and_ignores_the_depth_of_a_flat_one():
    small, large = cost(SMALL, (16, 16, 16)), cost(SMALL, (32, 16, 16))
    assert large.flops == 2 * small.flops
    assert large.parameters == small.parameters
    assert cost(FLAT, (1, 32, 32)) == cost(FLAT, (32, 32))
