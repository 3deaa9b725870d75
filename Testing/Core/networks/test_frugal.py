"""Convolution in pieces: the same numbers from less memory."""

import pytest
import torch
from torch import nn

import UNetSegmentLib.networks.parts.frugal as frugal
from UNetSegmentLib.networks.parts.frugal import FrugalConv3d, norm_in_place


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


@pytest.fixture
def library_calls(monkeypatch):
    """Counts convolutions that were given straight to the library."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip("torch was built without oneDNN")
    calls, real = [], torch.mkldnn_convolution

    def counting(*arguments):
        calls.append(arguments[0].shape)
        return real(*arguments)

    monkeypatch.setattr(torch, "mkldnn_convolution", counting)
    return calls


@pytest.mark.parametrize("kernel", [(3, 3, 3), (1, 3, 3), (5, 3, 1)])
@pytest.mark.parametrize("stride", [(1, 1, 1), (2, 2, 2), (1, 2, 1)])
@pytest.mark.parametrize(("dilation", "bias"), [(1, True), (2, False)])
def test_a_small_map_alone_takes_the_way_of_two(kernel, stride, dilation, bias, library_calls):
    layer = FrugalConv3d(4, 6, kernel, stride, tuple(k // 2 for k in kernel), dilation, bias=bias)
    x = torch.randn(2, 4, 7, 9, 12)
    with torch.inference_mode():
        alone = layer(x[:1])
        assert len(library_calls) == 1
        torch.testing.assert_close(alone, layer(x)[:1], rtol=0, atol=0)
        assert len(library_calls) == 1  # torch finds the way by itself
        precise = nn.functional.conv3d(
            x[:1].double(),
            layer.weight.double(),
            layer.bias.double() if bias else None,
            layer.stride,
            layer.padding,
            layer.dilation,
        )
        torch.testing.assert_close(alone.double(), precise, rtol=1e-4, atol=1e-5)


def test_tracers_training_and_other_types_see_the_usual_convolution(library_calls):
    layer, x = FrugalConv3d(2, 3, 3, 1, 1), torch.randn(1, 2, 6, 7, 8)
    layer(x).sum().backward()
    assert layer.weight.grad is not None
    with torch.no_grad():
        layer(x)
    with torch.inference_mode():
        torch.jit.trace(layer, x, check_trace=False)
        layer(x.expand(3, -1, -1, -1, -1))
        with torch.autocast("cpu", torch.bfloat16):
            layer(x)
        FrugalConv3d(2, 3, 1)(x)
        layer.double()(x.double())
        layer.to("meta")(x.double().to("meta"))
    assert library_calls == []
