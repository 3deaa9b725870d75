"""Fake quantisation: the grid, the gradients, and a network that learns to live with it."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn

from UNetSegmentLib.compression.quantization.finetuning import check_finetuning
from UNetSegmentLib.compression.quantization.recipe import QuantizationRecipe
from UNetSegmentLib.compression.quantization.rounding import (
    RoundingConvolution,
    round_convolutions,
    rounded_by_channel,
    rounded_in_range,
)
from UNetSegmentLib.errors import InputError
from UNetSegmentLib.networks import build
from UNetSegmentLib.networks.config import NetworkConfig


@given(
    arrays.arrays(np.float32, 50, elements=st.floats(-20, 20, width=32)),
    st.floats(-8, 0),
    st.floats(0.01, 8),
    st.integers(3, 8),
)
def test_values_lie_on_the_grid_and_zero_stays_zero(values: np.ndarray, low: float, high: float, bits: int) -> None:
    """As torch's own fake quantisation has it, for the same scale and zero point."""
    x = torch.from_numpy(values)
    steps = 2**bits - 1
    scale = torch.tensor((high - low) / steps, dtype=torch.float32)
    zero = torch.round(-torch.tensor(low, dtype=torch.float32) / scale)
    found = rounded_in_range(x, torch.tensor(low), torch.tensor(high), bits)
    expected = torch.fake_quantize_per_tensor_affine(x, float(scale), int(zero), 0, steps)
    # Ties may fall on either side.
    assert (found - expected).abs().max() <= scale * 1.001
    assert ((found - expected).abs() > scale * 0.01).float().mean() <= 0.1
    assert (found[x == 0] == 0).all()


def test_gradients_pass_inside_the_range_and_end_outside() -> None:
    x = torch.tensor([-3.0, -0.9, 0.3, 1.9, 5.0], requires_grad=True)
    rounded_in_range(x, torch.tensor(-1.0), torch.tensor(2.0)).sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor([0.0, 1.0, 1.0, 1.0, 0.0]))


def test_weights_are_rounded_by_channel_and_get_all_gradients() -> None:
    weight = (
        torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0))
        * torch.tensor([1, 10, 0.1, 0.0])[:, None, None, None]
    )
    weight.requires_grad_(True)
    rounded = rounded_by_channel(weight, 0)
    step = weight.detach().abs().amax(dim=(1, 2, 3), keepdim=True) / 127
    assert ((rounded - weight).abs() <= step / 2 + 1e-7).all()
    assert all(len(channel.unique()) <= 255 for channel in rounded)
    rounded.sum().backward()
    torch.testing.assert_close(weight.grad, torch.ones_like(weight))


@pytest.mark.parametrize(
    "convolution",
    [
        nn.Conv3d(3, 4, 3, stride=2, padding=1, groups=1),
        nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False),
        nn.ConvTranspose3d(3, 5, 2, 2),
        nn.ConvTranspose2d(3, 5, 3, 2, padding=1, output_padding=1),
    ],
)
def test_with_many_bits_nothing_changes(convolution: nn.Module) -> None:
    dimension = convolution.weight.ndim - 2
    x = torch.randn(2, convolution.in_channels, *(6,) * dimension, generator=torch.Generator().manual_seed(0))
    rounding = RoundingConvolution(convolution, bits=16).train()
    torch.testing.assert_close(rounding(x), convolution(x), atol=2e-3, rtol=2e-3)
    assert list(rounding.state_dict()) == list(convolution.state_dict())
    assert rounding.weight is convolution.weight


def test_a_network_keeps_its_tensors_and_learns_to_live_with_a_coarse_grid() -> None:
    """With 2 bits the answer of a network is lost; fine-tuning brings it nearer to what it was."""
    axes = ((3, 3), (3, 3))
    torch.manual_seed(0)
    network = build(
        NetworkConfig(
            dimension=2,
            in_channels=1,
            out_channels=2,
            features=(4, 8),
            kernels=axes,
            strides=((1, 1), (2, 2)),
            encoder_convs=(1, 1),
            decoder_convs=(1,),
        )
    )
    teacher = copy.deepcopy(network).eval()
    names = list(network.state_dict())
    parameters = {id(parameter) for parameter in network.parameters()}
    assert round_convolutions(network, bits=2) == 5
    assert list(network.state_dict()) == names
    assert {id(parameter) for parameter in network.parameters()} == parameters
    x = torch.randn(4, 1, 16, 16)
    network.train()
    with torch.inference_mode():
        expected = teacher(x)
        network(x)  # takes the ranges
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    losses = []
    for _ in range(100):
        loss = (network(x) - expected).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > float(expected.var()) and min(losses[-5:]) < 0.5 * losses[0]
    teacher.load_state_dict(network.state_dict())


@pytest.mark.parametrize(
    ("recipe", "labelled", "folds", "words"),
    [
        (QuantizationRecipe(finetune_steps=5, fold=0), False, 1, "label maps"),
        (QuantizationRecipe(finetune_steps=5), True, 1, "--fold"),
        (QuantizationRecipe(finetune_steps=5, fold=0), True, 3, "3 networks"),
    ],
)
def test_what_cannot_be_fine_tuned(recipe: QuantizationRecipe, labelled: bool, folds: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_finetuning(recipe, labelled, folds)
    check_finetuning(QuantizationRecipe(), labelled, folds)
