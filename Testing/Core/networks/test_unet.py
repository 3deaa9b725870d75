"""The network family: sizes, modes, parts, initialisation."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.networks import SKIPS, NetworkConfig, build
from UNetSegmentLib.networks.parts.light import light_features


def small(dimension: int = 3, **changes) -> NetworkConfig:
    """Three stages with odd features, so that mixed-up channels show."""
    config = NetworkConfig(
        dimension=dimension,
        in_channels=2,
        out_channels=3,
        features=(4, 6, 10),
        kernels=((3,) * dimension,) * 3,
        strides=((1,) * dimension, (2,) * dimension, (2,) * dimension),
        encoder_convs=(1, 2, 1),
        decoder_convs=(1, 2),
        norm_groups=2,
    )
    return dataclasses.replace(config, **changes)


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("upsampling", ["transposed", "interpolate"])
@pytest.mark.parametrize("skip", ["concatenate", "add"])
@pytest.mark.parametrize("block", ["plain", "residual"])
def test_any_size_gives_logits_of_the_same_size(dimension, upsampling, skip, block):
    network = build(small(dimension, upsampling=upsampling, skip=skip, block=block)).eval()
    for patch in ((8, 12, 16), (9, 7, 13), (5, 10, 11)):
        image = torch.randn(2, 2, *patch[-dimension:])
        with torch.no_grad():
            assert network(image).shape == (2, 3, *patch[-dimension:])


@pytest.mark.parametrize(
    ("norm", "activation"),
    [("instance", "leaky_relu"), ("batch", "relu"), ("group", "gelu"), ("none", "silu")],
)
def test_every_norm_and_activation_learns(norm, activation):
    torch.manual_seed(0)
    network = build(small(2, norm=norm, activation=activation)).train()
    image = torch.randn(2, 2, 16, 16)
    target = (image[:, 0] > 0).long()
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-2)
    losses = []
    for _ in range(12):
        loss = nn.functional.cross_entropy(network(image), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_anisotropic_kernels_and_strides():
    config = small(kernels=((1, 3, 3), (3, 3, 3), (3, 3, 3)), strides=((1, 1, 1), (1, 2, 2), (2, 2, 2)))
    network = build(config).eval()
    shapes = [tuple(m.shape[2:]) for m in network.encoder(torch.randn(1, 2, 6, 16, 16))]
    assert shapes == [(6, 16, 16), (6, 8, 8), (3, 4, 4)]


def test_deep_supervision_only_while_training():
    network = build(small(deep_supervision=True))
    image = torch.randn(1, 2, 8, 8, 12)
    outputs = network.train()(image)
    assert [tuple(o.shape[2:]) for o in outputs] == [(8, 8, 12), (4, 4, 6)]
    assert isinstance(network.eval()(image), torch.Tensor)


def test_dropout_acts_only_while_training():
    torch.manual_seed(0)
    network = build(small(2, dropout=0.5))
    image = torch.randn(1, 2, 16, 16)
    assert not torch.equal(network.train()(image), network(image))
    assert torch.equal(network.eval()(image), network(image))


def test_initialisation_keeps_the_signal_alive_without_norms():
    """He's point: activations stay of the same order through the depth (torch's own default loses a factor of 3^9)."""
    torch.manual_seed(0)
    network = build(small(2, norm="none", features=(32, 32, 32), encoder_convs=(3, 3, 3))).eval()
    with torch.no_grad():
        deepest = network.encoder(torch.randn(1, 2, 96, 96))[-1]
    assert 0.1 < float(deepest.square().mean()) < 10
    assert all(float(m.bias.detach().abs().max()) == 0 for m in network.modules() if isinstance(m, nn.Conv2d))


def test_a_skip_connection_plugs_in_by_name():
    """A gate registered here, in no file of the package, is used inside a network."""
    calls = []

    class Gate(nn.Module):
        def __init__(self, config, skip_channels, up_channels, gate_channels):
            super().__init__()
            self.out_channels = skip_channels
            self.weigh = nn.Conv2d(up_channels, 1, 1)

        def forward(self, skip, up, gate):
            calls.append(skip.shape[1])
            return skip * torch.sigmoid(self.weigh(up[..., : skip.shape[2], : skip.shape[3]]))

    SKIPS.register("toy-gate-of-the-tests")(Gate)
    network = build(small(2, skip="toy-gate-of-the-tests")).eval()
    assert network(torch.randn(1, 2, 13, 15)).shape == (1, 3, 13, 15)
    assert calls == [6, 4]
    with pytest.raises(ValueError, match="registered already"):
        SKIPS.register("toy-gate-of-the-tests")(Gate)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"skip": "telepathy"}, "telepathy"),
        ({"block": "brick"}, "brick"),
        ({"norm": "enormous"}, "enormous"),
        ({"activation": "tired"}, "tired"),
        ({"upsampling": "levitate"}, "levitate"),
        ({"encoder": "nobody"}, "nobody"),
        ({"features": (4,)}, "features"),
        ({"features": (4, 6, 0)}, "features"),
        ({"kernels": ((3, 3, 3), (2, 3, 3), (3, 3, 3))}, "kernels"),
        ({"kernels": ((3, 3, 3),) * 2}, "kernels"),
        ({"strides": ((2, 2, 2), (2, 2, 2), (2, 2, 2))}, "strides"),
        ({"decoder_convs": (1, 1, 1)}, "decoder_convs"),
        ({"dropout": 1.5}, "dropout"),
        ({"norm": "group", "norm_groups": 4}, "norm_groups"),
        ({"dimension": 4}, "dimension"),
        ({"features": (4, 10**12, 4)}, "features"),
        ({"features": (4,) * 1000}, "features"),
        ({"encoder_convs": (1, 10**12, 1)}, "encoder_convs"),
        ({"kernels": ((3, 3, 3), (10**9 + 1, 3, 3), (3, 3, 3))}, "kernels"),
        ({"strides": ((1, 1, 1), (10**9, 2, 2), (2, 2, 2))}, "strides"),
        ({"stem_channels": 0}, "stem_channels"),
        ({"norm_eps": 0.0}, "norm_eps"),
    ],
)
def test_a_wrong_description_is_named(changes, words):
    with pytest.raises(ModelError, match=words):
        build(small(**changes))


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("upsampling", ["transposed", "interpolate"])
@pytest.mark.parametrize("skip", ["concatenate", "attention", "squeeze"])
@pytest.mark.parametrize("block", ["plain", "residual", "plain-squeeze", "residual-squeeze", "residual-strided"])
def test_the_decoder_may_have_widths_of_its_own(dimension, upsampling, skip, block):
    config = small(
        dimension, upsampling=upsampling, skip=skip, block=block, decoder_features=(3, 5), deep_supervision=True
    )
    network = build(config)
    image = torch.randn(2, 2, *(8, 12, 16)[-dimension:])
    assert [tuple(answer.shape[:2]) for answer in network.train()(image)] == [(2, 3), (2, 3)]
    first, second = network.decoder.stages
    assert [int(head.weight.shape[1]) for head in network.heads] == [3, 5]
    assert first.up.conv.weight.shape[1 if upsampling == "transposed" else 0] == 3
    assert first.up.conv.weight.shape[0 if upsampling == "transposed" else 1] == 5
    assert second.up.conv.weight.shape[0 if upsampling == "transposed" else 1] == 10


def test_a_decoder_as_wide_as_the_encoder_is_the_same_network():
    plain, told = build(small()).state_dict(), build(small(decoder_features=(4, 6))).state_dict()
    assert {name: value.shape for name, value in plain.items()} == {name: value.shape for name, value in told.items()}


@pytest.mark.parametrize("encoder", ["transformer", "mobilenet-v3-small"])
def test_other_encoders_take_a_narrow_decoder(encoder):
    if encoder == "transformer":
        config = small(2, encoder=encoder, features=(4, 6, 8), decoder_features=(3, 5), transformer_heads=2)
    else:
        features = light_features(encoder, 4)
        stages = len(features)
        config = small(
            2,
            encoder=encoder,
            features=features,
            kernels=((3, 3),) * stages,
            strides=((1, 1), *((2, 2),) * (stages - 1)),
            encoder_convs=(1,) * stages,
            decoder_convs=(1,) * (stages - 1),
            decoder_features=(3,) * (stages - 1),
            norm="batch",
        )
    assert build(config).eval()(torch.randn(1, 2, 32, 32)).shape == (1, 3, 32, 32)


@pytest.mark.parametrize(
    "changes",
    [
        {"decoder_features": (4,)},
        {"decoder_features": (4, 0)},
        {"decoder_features": (4, 1_000_000)},
        {"decoder_features": (4, 6), "decoder": "nested"},
        {"decoder_features": (4, 5), "skip": "add"},
        {"decoder_features": (3, 6), "norm": "group"},
    ],
)
def test_widths_of_the_decoder_that_cannot_be_are_refused(changes):
    with pytest.raises(ModelError, match=r"decoder_features|features or channels|norm_groups"):
        build(small(**changes))
