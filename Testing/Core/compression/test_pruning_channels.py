"""Channels that are removed: the smaller network answers as the whole one with these channels silenced."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from UNetSegmentLib.compression.pruning.choice import WidthChoice, most_important
from UNetSegmentLib.compression.pruning.dependencies import BLOCKS, SKIPS, channel_spaces
from UNetSegmentLib.compression.pruning.importance import magnitude_scores, taylor_scores
from UNetSegmentLib.compression.pruning.spaces import ChannelSpaces, Widths, narrowed
from UNetSegmentLib.compression.pruning.work import Work
from UNetSegmentLib.errors import InputError, ModelError
from UNetSegmentLib.models.weights import check_fit
from UNetSegmentLib.networks import NetworkConfig, OpaqueNetwork, build, cost
from UNetSegmentLib.networks.monai.configs import BasicUNetConfig
from UNetSegmentLib.networks.parts.light import light_features

PATCH = (8, 16, 16)


def unet(dimension: int = 3, **changes: object) -> NetworkConfig:
    """Three stages, the middle one strided along two axes only."""
    config = NetworkConfig(
        dimension=dimension,
        in_channels=2,
        out_channels=3,
        features=(6, 8, 10),
        kernels=((3,) * dimension, (1, 3, 3)[-dimension:], (3,) * dimension),
        strides=((1,) * dimension, (1, 2, 2)[-dimension:], (2,) * dimension),
        encoder_convs=(1, 2, 2),
        decoder_convs=(2, 1),
    )
    return replace(config, **changes)  # type: ignore[arg-type]


def random_network(config: NetworkConfig, seed: int = 0) -> nn.Module:
    """With every number drawn, norms and their statistics too."""
    torch.manual_seed(seed)
    network = build(config).eval().requires_grad_(False)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.uniform_(0.5, 1.5) if name.endswith("running_var") else value.normal_(0, 0.5)
    return network


def random_kept(spaces: ChannelSpaces, widths: Widths, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scores = {name: torch.rand(one.channels, generator=generator) for name, one in spaces.spaces.items()}
    return most_important(spaces, scores, widths)


def silenced(network: nn.Module, spaces: ChannelSpaces, kept: dict[str, Tensor], image: Tensor) -> Tensor:
    """The whole network's answer, where every layer that writes a removed channel writes zeros into it."""
    modules = dict(network.named_modules())
    hooks = []
    for tensor, axes in spaces.tensors.items():
        if axes.writes is not None:
            gone = torch.ones(spaces.spaces[axes.writes[1]].channels, dtype=torch.bool)
            gone[kept[axes.writes[1]]] = False

            def silence(_module: nn.Module, _inputs: object, output: Tensor, gone: Tensor = gone) -> Tensor:
                return output.index_fill(1, gone.nonzero()[:, 0], 0)

            hooks.append(modules[tensor.rpartition(".")[0]].register_forward_hook(silence))
    try:
        with torch.no_grad():
            return network(image)
    finally:
        for hook in hooks:
            hook.remove()


def check_exact(config: NetworkConfig, widths: Widths, seed: int = 0) -> NetworkConfig:
    """Everything that must hold for any network of the family and any widths; returns the smaller description."""
    spaces = channel_spaces(config)
    network = random_network(config, seed)
    kept = random_kept(spaces, widths, seed)
    smaller, state = narrowed(spaces, config, network.state_dict(), kept, widths)
    check_fit(smaller, state, "The pruned weights")
    pruned = build(smaller).eval()
    pruned.load_state_dict(state)
    image = torch.randn(1, config.in_channels, *PATCH[-config.dimension :])
    wanted = silenced(network, spaces, kept, image)
    with torch.no_grad():
        found = pruned(image)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3 * float(wanted.abs().max()))
    assert Work(config, spaces, PATCH).flops(widths) == cost(smaller, PATCH).flops
    return smaller


def lowered(spaces: ChannelSpaces, **by: int) -> Widths:
    """The full widths less some."""
    return spaces.complete({name: width - by.get(name.replace(".", "_"), 0) for name, width in spaces.full.items()})


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("skip", SKIPS)
@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_and_skip_is_cut_exactly(dimension, skip, block):
    config = unet(dimension, block=block, skip=skip, squeeze_ratio=2)
    widths = lowered(channel_spaces(config), features_0=2, features_1=3, features_2=3, decoder_0=4, decoder_1=2)
    smaller = check_exact(config, widths)
    assert smaller.features[1:] == (5, 7)
    if skip == "add":
        assert smaller.decoder_features is None
    else:
        assert (smaller.features[0], smaller.decoder_features) == (4, (2, 6))


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("upsampling", ["transposed", "interpolate"])
def test_every_norm_and_upsampling_is_cut_exactly(norm, affine, upsampling):
    config = unet(2, norm=norm, norm_affine=affine, upsampling=upsampling, bias=affine, stem_channels=4)
    spaces = channel_spaces(config)
    assert "stem" in spaces.free
    check_exact(config, lowered(spaces, stem=1, features_0=2, features_2=3, decoder_0=3, decoder_1=1))


def test_heads_of_deep_supervision_read_the_decoder_too():
    config = unet(3, deep_supervision=True)
    smaller = check_exact(config, lowered(channel_spaces(config), decoder_1=3, features_1=1))
    assert smaller.decoder_features == (6, 5)


@pytest.mark.parametrize("encoder", ["transformer", "mobilenet-v3-small", "efficientnet-b0"])
def test_of_other_encoders_the_decoder_is_cut(encoder):
    config = unet(2, encoder=encoder, transformer_heads=2, transformer_layers=1)
    if encoder != "transformer":
        features = light_features(encoder, 6)
        more = len(features) - 1
        config = replace(
            config,
            features=features,
            kernels=((3, 3),) * (more + 1),
            strides=((1, 1), *((2, 2),) * more),
            encoder_convs=(1,) * (more + 1),
            decoder_convs=(1,) * more,
            norm="batch",
        )
    spaces = channel_spaces(config)
    fixed = {f"features.{n}" for n in range(1 if encoder != "transformer" else 2, config.stages)}
    assert not fixed & set(spaces.free)
    check_exact(config, lowered(spaces, features_0=1, decoder_0=2, decoder_1=3))


def test_a_shortcut_without_a_projection_ties_its_stages():
    """nnU-Net's deepest stages are equally wide: their residual blocks add to the very channels that they read."""
    config = unet(3, block="residual", features=(6, 8, 8))
    spaces = channel_spaces(config)
    assert spaces.same == {"features.2": "features.1"}
    assert "features.2" not in spaces.free
    assert check_exact(config, lowered(spaces, features_1=3)).features == (6, 5, 5)


def test_a_projection_is_never_made_superfluous():
    """Were a block to keep its number of channels, the network of that description would have no projection."""
    config = unet(3, block="residual")
    spaces = channel_spaces(config)
    assert not spaces.buildable({**spaces.full, "features.1": 6})
    assert spaces.buildable({**spaces.full, "features.1": 7})
    scores = {name: torch.ones(one.channels, dtype=torch.float64) for name, one in spaces.spaces.items()}
    work = Work(config, spaces, PATCH)
    for share in (0.1, 0.3, 0.5, 0.7):
        widths = WidthChoice(spaces, work, [scores], 2).widths(int(work.full * (1 - share)))
        assert widths["features.0"] != widths["features.1"] != widths["features.2"]


@st.composite
def configs(draw: st.DrawFn) -> NetworkConfig:
    """Networks with any parts, depths and strides."""
    dimension, stages = draw(st.sampled_from((2, 3))), draw(st.integers(2, 4))
    stride = st.tuples(*(st.sampled_from((1, 2)),) * dimension)
    kernel = st.tuples(*(st.sampled_from((1, 3)),) * dimension)
    counts = st.integers(1, 2)
    skip = draw(st.sampled_from(SKIPS))
    features = tuple(draw(st.integers(3, 8)) for _ in range(stages))
    decoder = tuple(draw(st.integers(3, 8)) for _ in range(stages - 1)) if draw(st.booleans()) else None
    return NetworkConfig(
        dimension=dimension,
        in_channels=draw(st.integers(1, 2)),
        out_channels=draw(st.integers(1, 3)),
        features=features,
        kernels=tuple(draw(kernel) for _ in range(stages)),
        strides=((1,) * dimension, *(draw(stride) for _ in range(stages - 1))),
        encoder_convs=tuple(draw(counts) for _ in range(stages)),
        decoder_convs=tuple(draw(counts) for _ in range(stages - 1)),
        block=draw(st.sampled_from(BLOCKS)),
        decoder_block=draw(st.sampled_from((None, *BLOCKS))),
        skip=skip,
        norm=draw(st.sampled_from(("instance", "batch", "none"))),
        activation=draw(st.sampled_from(("leaky_relu", "relu", "gelu", "silu"))),
        upsampling=draw(st.sampled_from(("transposed", "interpolate"))),
        bias=draw(st.booleans()),
        deep_supervision=draw(st.booleans()),
        decoder_features=None if skip == "add" else decoder,
        stem_channels=draw(st.sampled_from((None, 3, 5))),
        squeeze_ratio=2,
    )


@given(configs(), st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_network_is_cut_exactly(config, data):
    spaces = channel_spaces(config)
    widths = spaces.complete({name: data.draw(st.integers(1, most), name) for name, most in spaces.full.items()})
    fixed = {name: spaces.full[name] for name in widths if spaces.same.get(name, name) not in spaces.free}
    widths |= fixed
    if spaces.buildable(widths):
        check_exact(config, widths, seed=len(str(config)))


@given(configs(), st.floats(0.05, 0.9), st.sampled_from((1, 2, 4)))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_choice_keeps_its_promise_and_wastes_nothing(config, share, multiple):
    spaces = channel_spaces(config)
    work = Work(config, spaces, PATCH)
    choice = WidthChoice(spaces, work, [magnitude_scores(spaces, random_network(config).state_dict())], multiple)
    wanted = int(work.full * (1 - share))
    try:
        widths = choice.widths(wanted)
    except InputError as error:
        assert "as far as can be" in error.cause
        return
    assert work.flops(widths) <= wanted
    for name in spaces.free:
        assert widths[name] == spaces.full[name] or (widths[name] % multiple == 0 and widths[name] >= multiple)
        more = spaces.complete({**widths, name: min(widths[name] // multiple * multiple + multiple, spaces.full[name])})
        assert more == widths or not spaces.buildable(more) or work.flops(more) > wanted


def test_the_decoder_at_full_resolution_goes_first_where_all_channels_matter_alike():
    config = unet(3, features=(16, 32, 64), encoder_convs=(1, 2, 2), decoder_convs=(2, 2))
    spaces = channel_spaces(config)
    work = Work(config, spaces, PATCH)
    scores = {name: torch.full((one.channels,), 1 / one.channels).double() for name, one in spaces.spaces.items()}
    widths = WidthChoice(spaces, work, [scores], 8).widths(int(work.full * 0.95))
    assert [name for name in spaces.free if widths[name] < spaces.full[name]] == ["decoder.0"]


def test_what_does_not_matter_goes_first():
    config = unet(3)
    spaces = channel_spaces(config)
    work = Work(config, spaces, PATCH)
    scores = {name: torch.ones(one.channels, dtype=torch.float64) for name, one in spaces.spaces.items()}
    for name, one in spaces.spaces.items():
        if one.width == "features.2":
            scores[name][[1, 4, 7, 8]] = 0
    choice = WidthChoice(spaces, work, [scores, scores], 2)
    widths = choice.widths(work.full - 1)
    assert widths == {**spaces.full, "features.2": 8} and choice.loss(widths) == 0
    least = choice.widths(work.flops({**spaces.full, "features.2": 6}))
    assert least == {**spaces.full, "features.2": 6}
    kept = most_important(spaces, scores, least)
    assert all(kept[name].tolist() == [0, 2, 3, 5, 6, 9] for name in kept if spaces.spaces[name].width == "features.2")


def test_taylor_scores_are_the_derivative_by_a_gate_on_the_channel():
    """Molchanov et al.: what a gate of 1 behind the channel tells, taken here from a gate that is really there."""
    config = unet(3, skip="attention")
    spaces, network = channel_spaces(config), random_network(config).requires_grad_(True)
    image, target = torch.randn(2, 2, *PATCH), torch.randint(0, 3, (2, *PATCH))

    def loss() -> Tensor:
        return nn.functional.cross_entropy(network(image), target)

    names, weights = zip(*network.named_parameters(), strict=True)
    gradients = dict(zip(names, torch.autograd.grad(loss(), weights), strict=True))
    scores = taylor_scores(spaces, network.state_dict(), gradients)
    modules, seen = dict(network.named_modules()), 0
    for name, space in spaces.spaces.items():
        if name not in modules or space.width is None:
            continue
        gate = torch.ones(space.channels, requires_grad=True)
        hook = modules[name].register_forward_hook(lambda *a, g=gate: a[2] * g.reshape(1, -1, 1, 1, 1))
        (wanted,) = torch.autograd.grad(loss(), gate)
        hook.remove()
        torch.testing.assert_close(scores[name].float(), wanted.square(), rtol=2e-3, atol=1e-6)
        seen += 1
    assert seen == 12


def test_magnitudes_see_the_norm_and_what_is_read():
    config = unet(2, features=(4, 6, 8))
    spaces, state = channel_spaces(config), random_network(config).state_dict()
    name = "encoder.stages.1.0"
    before = magnitude_scores(spaces, state)[name]
    state[f"{name}.conv.weight"][2] *= 100
    torch.testing.assert_close(magnitude_scores(spaces, state)[name], before)
    state[f"{name}.norm.weight"][2] = state[f"{name}.norm.bias"][2] = 0
    state["encoder.stages.1.1.conv.weight"][:, 4] = 0
    after = magnitude_scores(spaces, state)[name]
    assert after[[2, 4]].tolist() == [0, 0] and after[[0, 1, 3, 5]].min() > 0


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (unet(3, norm="group", norm_groups=2), "several channels together"),
        (unet(3, decoder="nested"), "shallower exit"),
        (unet(3, block="frogs"), "frogs"),
        (unet(3, skip="frogs"), "frogs"),
        (unet(3, encoder="frogs"), "frogs"),
        (OpaqueNetwork(3, 1, 2, (8, 8, 8)), "torchscript"),
        (BasicUNetConfig(3, 1, 2, (8, 8, 8, 8, 8, 8)), "basic-unet"),
    ],
)
def test_what_has_no_rule_is_refused_in_words(config, said):
    with pytest.raises(ModelError, match=r"cannot be|can be removed") as caught:
        channel_spaces(config)
    assert said in f"{caught.value.cause} {caught.value.cure}" and caught.value.cure


def test_a_share_that_cannot_be_reached_says_what_can():
    config = unet(3)
    spaces = channel_spaces(config)
    work = Work(config, spaces, PATCH)
    scores = {name: torch.ones(one.channels, dtype=torch.float64) for name, one in spaces.spaces.items()}
    with pytest.raises(InputError, match=r"still does \d+% of the operations; 1% were wanted"):
        WidthChoice(spaces, work, [scores], 4).widths(work.full // 100)
