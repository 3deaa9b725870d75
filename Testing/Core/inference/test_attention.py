"""Attention maps through the engine, against gates whose coefficients are known by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from phantoms import card, level_model, network_config
from torch import nn

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.inference import EngineSettings, attention_of
from UNetSegmentLib.labels import Label
from UNetSegmentLib.models import Model
from UNetSegmentLib.models.card import Companion, InputChannel, Normalization, StructureSize, TrainingFingerprint
from UNetSegmentLib.networks import NetworkConfig, build
from UNetSegmentLib.networks.gates import attention_maps, gates, has_gates
from UNetSegmentLib.networks.monai.configs import AttentionUNetConfig
from UNetSegmentLib.volume import Volume

# Axes turned and flipped, voxels of three different lengths.
OBLIQUE = Geometry((20, 26, 18), (0.8, 1.0, 2.0), (5.0, -7.0, 11.0), (0, -1, 0, 1, 0, 0, 0, 0, -1))
PHOTOGRAPH = Geometry((40, 36, 1))


def gated_config(dimension: int = 3, channels: int = 1, stages: int = 2) -> NetworkConfig:
    plain = network_config(2, dimension, channels)
    axes = (3,) * dimension
    return replace(
        plain,
        skip="attention",
        norm="none",
        activation="relu",
        features=(4, 8, 8)[:stages],
        kernels=(axes,) * stages,
        strides=((1,) * dimension, *((2,) * dimension,) * (stages - 1)),
        encoder_convs=(1,) * stages,
        decoder_convs=(1,) * (stages - 1),
    )


def model_of(config, network: nn.Module, patch=(8, 12, 10), **changes) -> Model:
    channels = config.in_channels
    return Model.in_memory(card(2, patch, config.dimension, channels, network=config, **changes), [network])


def intensity_gates(dimension: int = 3, channels: int = 1) -> nn.Module:
    """One gate whose coefficient is sigmoid(3 x - 1), x the first channel's intensity where that is positive."""
    network = build(gated_config(dimension, channels))
    state = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    centre = (1,) * dimension
    state["encoder.stages.0.0.conv.weight"][(0, 0, *centre)] = 1
    state["decoder.stages.0.skip.project_skip.weight"][0, 0] = 1
    state["decoder.stages.0.skip.psi.0.weight"][0, 0] = 3
    state["decoder.stages.0.skip.psi.0.bias"][0] = -1
    network.load_state_dict(state)
    return network


def expected(intensity: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(1 - 3 * np.maximum(intensity, 0)))


def noise(geometry: Geometry, channels: int = 1, seed: int = 0) -> Volume:
    voxels = np.random.default_rng(seed).normal(size=(channels, *geometry.shape)).astype(np.float32)
    return Volume(voxels, geometry, "noise")


@pytest.mark.parametrize("orientation", [None, "LPS", "SAR"])
def test_hand_set_gates_give_their_map_on_the_images_own_grid(orientation: str | None) -> None:
    image = noise(OBLIQUE)
    preparation = {"orientation": orientation}
    attention = attention_of(model_of(gated_config(), intensity_gates(), preparation=preparation), image, device="cpu")
    assert attention.maps.geometry == image.geometry
    assert attention.maps.voxels.dtype == np.float32
    assert attention.steps == ((1, 1, 1),)
    assert np.abs(attention.maps.voxels - expected(image.voxels)).max() < 1e-5


def test_a_colour_photograph_smaller_or_larger_than_a_tile() -> None:
    image = noise(PHOTOGRAPH, channels=3)
    for patch in ((1, 16, 16), (1, 64, 64)):
        model = model_of(gated_config(2, 3), intensity_gates(2, 3), patch)
        attention = attention_of(model, image, device="cpu")
        assert attention.maps.voxels.shape == (1, *PHOTOGRAPH.shape)
        assert np.abs(attention.maps.voxels - expected(image.voxels[:1])).max() < 1e-5


def test_a_map_of_a_coarser_preparation_comes_back_to_the_image() -> None:
    """An intensity that grows linearly is the same at any spacing, but for the outermost voxels."""
    ramp = np.broadcast_to(np.linspace(0.2, 1.2, 40, dtype=np.float32), (1, 24, 24, 40)).copy()
    image = Volume(ramp, Geometry((40, 24, 24)))
    model = model_of(gated_config(), intensity_gates(), (12, 12, 12), preparation={"spacing": (2.0, 2.0, 2.0)})
    maps = attention_of(model, image, device="cpu").maps
    assert maps.geometry == image.geometry
    assert np.abs(maps.voxels - expected(ramp))[..., 2:-2].max() < 2e-3


def test_outside_of_the_region_nothing_was_looked_at() -> None:
    image = noise(OBLIQUE)
    region = Box((3, 4, 2), (15, 20, 18))
    maps = attention_of(model_of(gated_config(), intensity_gates()), image, region, device="cpu").maps.voxels
    inside = np.zeros(OBLIQUE.shape, bool)
    inside[region.slices] = True
    assert (maps[0][~inside] == 0).all()
    assert np.abs(maps - expected(image.voxels))[0][inside].max() < 1e-5


def test_tiles_give_what_the_whole_image_gives() -> None:
    torch.manual_seed(1)
    config = gated_config(stages=3)
    network = build(config).eval()
    image = noise(Geometry((48, 48, 48)))
    with torch.no_grad():
        whole = attention_maps(network, torch.from_numpy(image.voxels)[None])
    assert [tuple(m.shape[2:]) for m in whole] == [(48,) * 3, (24,) * 3]
    one = attention_of(model_of(config, network, (48, 48, 48)), image, device="cpu")
    tiled = attention_of(
        model_of(config, network, (32, 32, 32)), image, device="cpu", settings=EngineSettings(overlap=0.5)
    )
    assert one.steps == tiled.steps == ((1, 1, 1), (2, 2, 2))
    assert np.abs(one.maps.voxels[0] - whole[0][0, 0].numpy()).max() < 1e-5
    assert np.ptp(one.maps.voxels) > 0.2
    # What a tile cannot see beyond its border hardly counts there.
    difference = np.abs(one.maps.voxels - tiled.maps.voxels)
    assert difference.max() < 0.05
    assert difference.mean() < 2e-3
    inner = (slice(None), *(slice(2, 12),) * 3)  # that only the first tile's middle and its outer border touch
    assert difference[inner].max() < 1e-5


def test_every_value_is_a_share_and_every_level_a_volume() -> None:
    torch.manual_seed(0)
    config = gated_config(stages=3)
    network = build(config)
    for gate in gates(network):
        nn.init.normal_(gate.scorer.weight, std=50)  # saturated on both sides
    attention = attention_of(model_of(config, network, (16, 16, 16)), noise(OBLIQUE), device="cpu")
    assert attention.maps.voxels.min() >= 0
    assert attention.maps.voxels.max() <= 1
    assert [level.voxels.shape for level in attention.levels] == [(1, *OBLIQUE.shape)] * 2
    assert [level.name for level in attention.levels] == ["noise attention, gate 1", "noise attention, gate 2"]
    assert (attention.levels[1].voxels[0] == attention.maps.voxels[1]).all()


def test_the_gates_of_an_imported_monai_network() -> None:
    """A gate whose convolutions are zero gives the sigmoid of its last shift everywhere."""
    config = AttentionUNetConfig(3, 1, 2, (4, 8, 8), ((2, 2, 2), (2, 2, 2)), (3, 3, 3), (3, 3, 3))
    network = build(config)
    assert has_gates(config)
    wanted = (0.3, 0.8)
    for gate, coefficient in zip(gates(network), wanted, strict=True):
        nn.init.zeros_(gate.scorer.conv.weight)
        nn.init.zeros_(gate.scorer.conv.bias)
        nn.init.constant_(gate.scorer.norm.bias, float(np.log(coefficient / (1 - coefficient))))
    attention = attention_of(model_of(config, network, (8, 12, 12)), noise(OBLIQUE), device="cpu")
    assert attention.maps.geometry == OBLIQUE
    assert attention.steps == ((1, 1, 1), (2, 2, 2))
    for channel, coefficient in zip(attention.maps.voxels, wanted, strict=True):
        assert np.abs(channel - coefficient).max() < 1e-4


def test_the_monai_network_multiplies_by_what_is_shown() -> None:
    torch.manual_seed(0)
    config = AttentionUNetConfig(2, 1, 2, (4, 8), ((2, 2),), (3, 3), (3, 3))
    network = build(config).eval()
    passed: list[tuple[torch.Tensor, torch.Tensor]] = []
    (gate,) = gates(network)
    hook = gate.register_forward_hook(lambda _, inputs, output: passed.append((inputs[1], output)))
    image = torch.randn(1, 1, 16, 16)
    with torch.no_grad():
        network(image)
    hook.remove()
    (shown,) = attention_maps(network, image)
    skip, gated = passed[0]
    assert torch.allclose(gated, skip * shown, atol=1e-5)


def test_looking_leaves_the_network_as_it_was() -> None:
    network = intensity_gates()
    model = model_of(gated_config(), network)
    attention_of(model, noise(OBLIQUE), device="cpu")
    assert model.network() is network
    assert not any(module._forward_hooks for module in network.modules())


def test_gates_of_a_further_part_are_found() -> None:
    plain = network_config(2)
    part = model_of(gated_config(), intensity_gates())
    whole = Model.in_memory(card(2, network=plain, companions=(Companion("second", "part"),)), [build(plain)], [part])
    image = noise(OBLIQUE)
    assert np.abs(attention_of(whole, image, device="cpu").maps.voxels - expected(image.voxels)).max() < 1e-5


def test_gates_of_a_second_stage_see_the_labels_of_the_first() -> None:
    first = level_model(2)
    config = gated_config(channels=2)
    network = intensity_gates(channels=2)
    with torch.no_grad():
        # The one label of the first stage takes the place of the intensity.
        network.encoder.stages[0][0].conv.weight.copy_(network.encoder.stages[0][0].conv.weight.flip(1))
    normalization = {"normalization": (Normalization("none"),)}
    second = replace(
        card(2, network=config, preparation=normalization, companions=(Companion("first", "previous"),)),
        inputs=(InputChannel("image", "any"),),
    )
    labels = np.random.default_rng(2).integers(0, 2, (1, *OBLIQUE.shape)).astype(np.float32)
    maps = attention_of(Model.in_memory(second, [network], [first]), Volume(labels, OBLIQUE), device="cpu").maps
    assert np.abs(maps.voxels - expected(labels)).max() < 1e-5


@pytest.mark.parametrize("changes", [{}, {"skip": "squeeze"}, {"skip": "attention", "decoder": "nested"}])
def test_a_model_without_gates_is_refused_with_a_way_to_get_some(changes: dict[str, str]) -> None:
    config = replace(network_config(2), **changes)
    assert not has_gates(config)
    with pytest.raises(ModelError, match="'phantom' has no attention gates") as caught:
        attention_of(model_of(config, build(config)), noise(OBLIQUE), device="cpu")
    assert "--network attention" in caught.value.cure
    assert "hippocampus-t1" not in caught.value.cure


def test_a_card_that_knows_sizes_of_its_labels_shows_its_gates() -> None:
    """The maps are no labels, so what the card says of those is left behind."""
    model = model_of(gated_config(), intensity_gates())
    known = TrainingFingerprint(3, (), (StructureSize(7, 1.0, 20.0),))
    contract = replace(model.card.inference, output_values=(0, 7))
    model.card = replace(model.card, labels=(Label(7, "seven"),), inference=contract, fingerprint=known)
    image = noise(OBLIQUE)
    maps = attention_of(model, image, device="cpu").maps.voxels
    assert np.abs(maps - expected(image.voxels)).max() < 1e-5
