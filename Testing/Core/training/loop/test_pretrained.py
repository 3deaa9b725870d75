"""ImageNet weights in the light encoders: the features are timm's own; what cannot be done is said."""

from __future__ import annotations

import dataclasses
import importlib.util
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch
from timm_reference import CHANNELS, NETWORKS

from UNetSegmentLib.errors import DependencyError, InputError, ModelError
from UNetSegmentLib.networks import build
from UNetSegmentLib.training.loop.pretrained import check_pretrained, load_pretrained
from UNetSegmentLib.training.loop.state import start_state
from UNetSegmentLib.training.planning.topology import topology_of
from UNetSegmentLib.training.planning.variants import make_network

SHORT = {"efficientnet-b0": "efficientnet", "mobilenet-v3-large": "mobilenet"}


def network_of(name: str, channels: int, dimension: int = 2):
    patch = (64,) * dimension
    return make_network(SHORT.get(name, name), topology_of(patch, (1.0,) * dimension), channels, 2, 8, pretrained=True)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("timm") is None:
        pytest.skip("timm is not installed: pip install --no-deps timm")
    folder = tmp_path_factory.mktemp("timm")
    script = Path(__file__).with_name("timm_reference.py")
    subprocess.run([sys.executable, str(script), str(folder)], check=True)
    return folder


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_features_are_those_that_timm_computes(reference: Path, name: str, channels: int) -> None:
    config = network_of(name, channels)
    expected = torch.load(reference / f"{name}-{channels}.pt", weights_only=True)
    for ending in ("pth", "safetensors"):
        network = build(config).eval()
        load_pretrained(network, config, str(reference / f"{name}.{ending}"))
        with torch.no_grad():
            maps = network.encoder(expected["image"])[1:]  # type: ignore[operator]
        assert len(maps) == len(expected["maps"])
        for ours, theirs in zip(maps, expected["maps"], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_training_begins_with_them(reference: Path, make_config) -> None:
    card = make_config().card
    network = dataclasses.replace(network_of("mobilenet", 1), out_channels=3)
    preparation = dataclasses.replace(card.preparation, spacing=(None, 1.0, 1.0))
    inference = dataclasses.replace(card.inference, patch=(1, 64, 64))
    card = dataclasses.replace(card, network=network, preparation=preparation, inference=inference)
    file = reference / "mobilenet-v3-large.safetensors"
    config = make_config(card=card, pretrained=str(file))
    begun = start_state(config, torch.Generator(), torch.device("cpu"), False).network.state_dict()
    weights = torch.load(reference / "mobilenet-v3-large.pth", weights_only=True)
    assert torch.equal(begun["encoder.levels.0.0.weight"], weights["conv_stem.weight"].sum(dim=1, keepdim=True))
    # A run that goes on has its weights from the checkpoint: the file may be gone.
    lost = dataclasses.replace(config, pretrained=str(file) + ".gone")
    with pytest.raises(InputError, match="no file of weights"):
        start_state(lost, torch.Generator(), torch.device("cpu"), False)
    start_state(lost, torch.Generator(), torch.device("cpu"), False, resumed=True)


def test_what_has_no_pretrained_weights(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    torch.save({}, file)
    with pytest.raises(InputError, match="planned in 3D"):
        check_pretrained(str(file), network_of("efficientnet", 1, 3))
    with pytest.raises(InputError, match="'mobilenet' and 'efficientnet' only"):
        check_pretrained(str(file), network_of("unet", 1))
    with pytest.raises(InputError, match="no file of weights"):
        check_pretrained(str(tmp_path / "nothing.pth"), network_of("efficientnet", 1))


@pytest.mark.parametrize(("content", "words"), [({}, "hold 0 tensors"), ({"a": 1}, "no weights"), (None, "readable")])
@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_a_file_that_is_none(tmp_path: Path, content: object, words: str, ending: str) -> None:
    if ending == "safetensors" and content is not None:
        return
    config, file = network_of("efficientnet", 1), tmp_path / f"weights.{ending}"
    file.write_bytes(b"no weights") if content is None else torch.save(content, file)
    with pytest.raises(ModelError, match=words):
        load_pretrained(build(config), config, str(file))


def test_timm_is_asked_for_in_words_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(DependencyError, match="pip install timm"):
        check_pretrained("timm", network_of("efficientnet", 1))


def test_timm_gives_what_it_has_on_this_machine_and_nothing_is_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    donor = build(network_of("efficientnet", 3))
    config = network_of("efficientnet", 3)
    asked: list[tuple[str, str]] = []

    def cached(repository: str, file: str) -> str | None:
        asked.append((repository, file))
        return str(tmp_path / file) if (tmp_path / file).exists() else None

    described = types.SimpleNamespace(get_pretrained_cfg=lambda name: types.SimpleNamespace(hf_hub_id=f"timm/{name}"))
    monkeypatch.setitem(sys.modules, "timm", types.SimpleNamespace(models=described))
    monkeypatch.setitem(sys.modules, "huggingface_hub", types.SimpleNamespace(try_to_load_from_cache=cached))
    with pytest.raises(InputError, match="not on this machine") as caught:
        load_pretrained(donor, config, "timm")
    assert "timm.create_model('efficientnet_b0', pretrained=True)" in caught.value.cure
    assert asked[0] == ("timm/efficientnet_b0", "model.safetensors")
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="hold 0 tensors"):
        load_pretrained(donor, config, "timm")
