"""Convolution in pieces: the same numbers from less memory."""

import pytest
import torch
from torch import nn

import UNetSegmentLib.networks.frugal as frugal
from UNetSegmentLib.networks.frugal import FrugalConv3d, norm_in_place


@pytest.mark.parametrize("kernel", [(3, 3, 3), (1, 3, 3), (5, 3, 1), (1, 1, 1)])
@pytest.mark.parametrize("depth", [16, 17, 31])
def test_pieces_give_what_the_whole_gives(kernel, depth, monkeypatch):
    monkeypatch.setattr(frugal, "_LARGE", 1)
    padding = tuple(k // 2 for k in kernel)
    layer = FrugalConv3d(3, 5, kernel, (1, 2, 1), padding)
    x = torch.randn(2, 3, depth, 9, 8)
    with torch.inference_mode():
        assert layer._pays(x)
        torch.testing.assert_close(layer(x), nn.Conv3d.forward(layer, x), rtol=1e-5, atol=1e-5)
    assert not layer._pays(x)  # training needs the whole


def test_strides_along_z_and_small_maps_stay_whole():
    x = torch.zeros(1, 2, 32, 4, 4)
    with torch.inference_mode():
        assert not FrugalConv3d(2, 2, 3, 2, 1)._pays(x.expand(1 << 14, -1, -1, -1, -1))
        assert not FrugalConv3d(2, 2, 3, 1, 1)._pays(x)


@pytest.mark.parametrize("affine", [True, False])
def test_channels_are_normalised_each_by_itself(affine, monkeypatch):
    monkeypatch.setattr(frugal, "_LARGE", 1)
    norm = nn.InstanceNorm3d(11, affine=affine)
    if affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    x = 3 + torch.randn(2, 11, 4, 5, 6)
    with torch.inference_mode():
        expected = norm(x.clone())
        torch.testing.assert_close(norm_in_place(norm, x.clone()), expected, rtol=1e-5, atol=1e-5)
    kept = x.clone()
    norm_in_place(norm, x)  # with gradients nothing may be overwritten
    assert torch.equal(x, kept)
