"""The variants of the family: sizes kept, gradients everywhere, and what makes each one what it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.networks import NetworkConfig, build, cost
from UNetSegmentLib.networks.gates import attention_maps
from UNetSegmentLib.networks.parts.attention import AttentionGate
from UNetSegmentLib.networks.parts.light import (
    LIGHT_ENCODERS,
    InvertedResidual,
    LightEncoder,
    light_features,
    pretrained_encoder,
)
from UNetSegmentLib.networks.parts.nested import pruned


def unet(dimension: int, **changes: object) -> NetworkConfig:
    stages = 3
    config = NetworkConfig(
        dimension=dimension,
        in_channels=2,
        out_channels=3,
        features=(8, 12, 16),
        kernels=((3,) * dimension,) * stages,
        strides=((1,) * dimension, *((2,) * dimension,) * (stages - 1)),
        encoder_convs=(2,) * stages,
        decoder_convs=(2,) * (stages - 1),
    )
    return replace(config, **changes)  # type: ignore[arg-type]


def light(dimension: int, encoder: str) -> NetworkConfig:
    features = light_features(encoder, 8)
    stages = len(features)
    return NetworkConfig(
        dimension=dimension,
        in_channels=2,
        out_channels=3,
        features=features,
        kernels=((3,) * dimension,) * stages,
        strides=((1,) * dimension, *((2,) * dimension,) * (stages - 1)),
        encoder_convs=(1,) * stages,
        decoder_convs=(1,) * (stages - 1),
        norm="batch",
        encoder=encoder,
    )


VARIANTS = {
    "residual": {"block": "residual"},
    "attention": {"skip": "attention"},
    "squeeze skips": {"skip": "squeeze"},
    "squeeze blocks": {"block": "plain-squeeze"},
    "squeeze residual": {"block": "residual-squeeze"},
    "nested": {"decoder": "nested"},
    "nested, deep supervision": {"decoder": "nested", "deep_supervision": True},
    "transformer": {"encoder": "transformer", "upsampling": "interpolate", "transformer_heads": 4},
}


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("name", VARIANTS)
def test_odd_sizes_come_back_and_every_weight_learns(name: str, dimension: int) -> None:
    torch.manual_seed(0)
    network = build(unet(dimension, **VARIANTS[name]))
    image = torch.randn(2, 2, *(13, 18, 11)[:dimension])
    output = network(image)
    answers = output if isinstance(output, list) else [output]
    assert all(answer.shape == (2, 3, *image.shape[2:]) for answer in answers)
    torch.stack([(answer**2).mean() for answer in answers]).sum().backward()
    # A bias before an instance norm is subtracted again: it may have a gradient of zero, but it must have one.
    assert [n for n, p in network.named_parameters() if p.grad is None] == []
    weights = [p for n, p in network.named_parameters() if p.ndim > 1]
    assert all(bool(p.grad.abs().max() > 0) for p in weights)  # type: ignore[union-attr]


@pytest.mark.parametrize("encoder", LIGHT_ENCODERS)
@pytest.mark.parametrize("dimension", [2, 3])
def test_light_encoders_keep_odd_sizes(encoder: str, dimension: int) -> None:
    network = build(light(dimension, encoder)).eval()
    image = torch.randn(1, 2, *(35, 50, 33)[:dimension])
    with torch.no_grad():
        assert network(image).shape == (1, 3, *image.shape[2:])


# Parameters of the published classifiers without their heads, counted from the papers' tables: the convolutions,
# norms and gates of every row. (torchvision 0.20's mobilenet_v3_large.features less its last 1x1 convolution has
# 2 971 952 - 155 520 parameters; efficientnet_b0.features less its last one 4 007 548 - 412 160.)
PUBLISHED = {"mobilenet-v3-large": 2_971_952 - 155_520, "efficientnet-b0": 4_007_548 - 412_160}


@pytest.mark.parametrize("encoder", PUBLISHED)
def test_light_encoders_have_the_published_size(encoder: str) -> None:
    network = build(replace(light(2, encoder), in_channels=3))
    levels: nn.Module = network.encoder.levels  # type: ignore[assignment]
    assert sum(p.numel() for p in levels.parameters()) == PUBLISHED[encoder]


def test_a_light_encoder_with_other_features_is_refused() -> None:
    config = light(2, "mobilenet-v3-small")
    with pytest.raises(ModelError, match="light_features"):
        build(replace(config, features=(8, 16, 24, 40, 64, 96)[: config.stages]))


def timm_names(encoder: LightEncoder) -> list[str]:
    """The names that timm gives an encoder's tensors, in the order of the network."""
    names: list[str] = []
    tensors = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")

    def norm_names(prefix: str) -> list[str]:
        return [f"{prefix}.{tensor}" for tensor in tensors]

    names += ["conv_stem.weight", *norm_names("bn1")]
    blocks = [block for level in encoder.levels for block in level if isinstance(block, InvertedResidual)]
    for number, block in enumerate(blocks):
        gate = [f"se.{layer}.{tensor}" for layer in ("conv_reduce", "conv_expand") for tensor in ("weight", "bias")]
        gate = gate if any(hasattr(layer, "expand") and hasattr(layer, "gate") for layer in block.layers) else []
        convolutions = sum(isinstance(m, nn.Conv2d) for m in block.layers)
        inner = ["conv_dw.weight", *norm_names("bn1"), *gate, "conv_pw.weight", *norm_names("bn2")]
        if convolutions == 3:
            inner = ["conv_pw.weight", *norm_names("bn1"), "conv_dw.weight", *norm_names("bn2"), *gate]
            inner += ["conv_pwl.weight", *norm_names("bn3")]
        names += [f"blocks.{number}.0.{name}" for name in inner]
    return names


def light_encoder(name: str, channels: int) -> LightEncoder:
    return build(replace(light(2, name), in_channels=channels)).encoder  # type: ignore[return-value]


@pytest.mark.parametrize("name", LIGHT_ENCODERS)
def test_pretrained_weights_move_in_whatever_order_the_file_has(name: str) -> None:
    donor = light_encoder(name, 3)
    for buffer in donor.levels.buffers():
        buffer.add_(torch.rand(buffer.shape).to(buffer.dtype))
    own = donor.levels.state_dict()
    theirs = dict(zip(timm_names(donor), own.values(), strict=True))
    # Safetensors sorts by name; some files leave the counters out; all of them end in a classifier.
    theirs = {key: theirs[key] for key in sorted(theirs) if not key.endswith("tracked")}
    theirs["classifier.weight"] = torch.zeros(10, 1280)
    mine = light_encoder(name, 3)
    mine.levels.load_state_dict(pretrained_encoder(mine, theirs))
    assert all(torch.equal(value, own[key]) for key, value in mine.levels.state_dict().items() if "tracked" not in key)
    with pytest.raises(ModelError, match="hold 1 tensors"):
        pretrained_encoder(mine, {"conv_stem.weight": theirs["conv_stem.weight"]})


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_pretrained_colours_are_adapted_as_timm_does(channels: int) -> None:
    """One channel: what a grey picture gives in three; two: red and green times 3/2; six: all twice, times 1/2."""
    donor, mine = light_encoder("efficientnet-b0", 3), light_encoder("efficientnet-b0", channels)
    theirs = dict(zip(timm_names(donor), donor.levels.state_dict().values(), strict=True))
    mine.levels.load_state_dict(pretrained_encoder(mine, theirs))
    image = torch.randn(1, channels, 32, 32)
    colours = image.new_zeros(1, 3, 32, 32)
    if channels == 1:
        colours += image
    else:
        for channel in range(channels):
            colours[:, channel % 3] += image[:, channel] * 3 / channels
    with torch.no_grad():
        assert torch.allclose(mine.levels[0][0](image), donor.levels[0][0](colours), atol=1e-4)


def test_attention_lies_between_zero_and_one_and_rules_the_skip() -> None:
    network = build(unet(3, skip="attention")).eval()
    image = torch.randn(1, 2, 12, 16, 16)
    maps = attention_maps(network, image)
    assert [m.shape for m in maps] == [(1, 1, 12, 16, 16), (1, 1, 6, 8, 8)]
    assert all(float(m.min()) >= 0 and float(m.max()) <= 1 for m in maps)
    gate = next(m for m in network.modules() if isinstance(m, AttentionGate))
    nn.init.constant_(gate.psi[0].bias, -1e4)  # type: ignore[arg-type]
    closed = attention_maps(network, image)
    assert min(float(m.max()) for m in closed) == 0
    assert attention_maps(build(unet(3)).eval(), image) == []


def test_a_nested_network_can_be_cut_at_every_depth() -> None:
    torch.manual_seed(0)
    config = unet(2, decoder="nested", deep_supervision=True)
    network = build(config)
    image = torch.randn(1, 2, 16, 20)
    with torch.no_grad():
        answers = network.train()(image)
    assert len(answers) == 2
    for depth in (1, 2):
        smaller, state = pruned(config, network.state_dict(), depth)
        cut = build(smaller).eval()
        cut.load_state_dict(state)
        with torch.no_grad():
            assert torch.allclose(cut(image), answers[2 - depth], atol=1e-5)
    assert cost(pruned(config, network.state_dict(), 1)[0], (16, 20)).flops < cost(config, (16, 20)).flops
    with pytest.raises(ModelError, match="depth from 1 to 2"):
        pruned(config, network.state_dict(), 3)
    with pytest.raises(ModelError, match="cannot be cut"):
        pruned(unet(2), {}, 1)


def test_the_transformer_sees_the_whole_image() -> None:
    """One changed corner voxel moves the opposite corner, which plain convolutions this shallow cannot do."""
    torch.manual_seed(0)
    reach = {}
    for encoder in ("unet", "transformer"):
        config = unet(2, encoder=encoder, transformer_heads=4, norm="none")
        network = build(config).eval()
        image = torch.randn(1, 2, 96, 96)
        changed = image.clone()
        changed[..., 0, 0] += 5
        with torch.no_grad():
            reach[encoder] = float((network(image) - network(changed))[..., -1, -1].abs().max())
    assert reach["unet"] == 0
    assert reach["transformer"] > 0


def test_costs_of_every_variant_are_counted() -> None:
    plain = cost(unet(3), (16, 16, 16))
    assert cost(unet(3, skip="attention"), (16, 16, 16)).flops > plain.flops
    assert cost(unet(3, decoder="nested"), (16, 16, 16)).flops > plain.flops
    assert cost(unet(3, encoder="transformer", transformer_heads=4), (16, 16, 16)).parameters > plain.parameters
