"""Packages on the disk: written whole or not at all, and refused when anything about them is wrong."""

from __future__ import annotations

import json
import pickle
import shutil
import stat
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from UNetSegmentLib.errors import ModelError, OutputError
from UNetSegmentLib.models import Model, ModelCard, load_model, read_card, save_model, zip_model
from UNetSegmentLib.models import files as files_module
from UNetSegmentLib.networks import build


@pytest.fixture
def state(card: ModelCard) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return build(card.network).state_dict()


@pytest.fixture
def folder(card: ModelCard, state: dict[str, torch.Tensor], tmp_path: Path) -> Path:
    return save_model(card, [state], tmp_path / "toy")


def listing(folder: Path) -> dict[str, bytes]:
    return {item.name: item.read_bytes() for item in folder.iterdir()}


def test_a_saved_model_loads_with_the_same_weights(card: ModelCard, state: dict, folder: Path) -> None:
    model = load_model(folder)
    assert replace(model.card, digests={}) == card
    assert model.folder == folder
    network = model.network()
    assert not network.training
    assert network is model.network(0)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, state[name])
    assert sorted(listing(folder)) == ["model.json", "weights.safetensors"]
    assert [item.name for item in folder.parent.iterdir()] == ["toy"]  # no temporary left behind


def test_a_card_of_a_giant_network_is_refused_before_it_is_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """8192 features on two levels are 60 GB; the weights beside the card say that it cannot be."""
    path = folder / "model.json"
    words = json.loads(path.read_text(encoding="utf-8"))
    words["network"]["features"] = [8192] * len(words["network"]["features"])
    path.write_text(json.dumps(words))
    model = load_model(folder)
    monkeypatch.setattr("UNetSegmentLib.networks.build", refuse_outside_meta(build))
    with pytest.raises(ModelError, match="8192"):
        model.network()


def refuse_outside_meta(make: Callable[..., torch.nn.Module]) -> Callable[..., torch.nn.Module]:
    def guarded(config: object) -> torch.nn.Module:
        assert torch.empty(0).device.type == "meta", "made for real"
        return make(config)

    return guarded


def test_folds_load_apart_and_a_missing_one_is_an_error(card: ModelCard, state: dict, tmp_path: Path) -> None:
    second = {name: tensor + 1 for name, tensor in state.items()}
    model = load_model(save_model(card, [state, second], tmp_path / "toy"))
    assert model.folds == 2
    name = next(iter(state))
    assert torch.equal(model.network(1).state_dict()[name], second[name])
    first = model.network(0)
    model.release()
    assert model.network(0) is not first
    with pytest.raises(ModelError, match="fold 2"):
        model.network(2)


def test_a_zip_works_like_the_folder(state: dict, folder: Path, tmp_path: Path) -> None:
    path = zip_model(folder, tmp_path / "toy.zip")
    shutil.rmtree(folder)
    model = load_model(path)
    name = next(iter(state))
    assert torch.equal(model.network().state_dict()[name], state[name])
    assert sorted(item.name for item in tmp_path.iterdir()) == ["toy.zip"]  # nothing was extracted


def test_a_zip_with_its_files_at_the_top_works(folder: Path, tmp_path: Path) -> None:
    path = shutil.make_archive(str(tmp_path / "flat"), "zip", folder)
    assert load_model(path).network() is not None


def test_shared_tensors_and_half_precision_are_saved(card: ModelCard, state: dict, tmp_path: Path) -> None:
    names = [name for name, tensor in state.items() if tensor.ndim == 1][:2]
    shared = dict(state)
    shared[names[1]] = shared[names[0]]
    half = {name: tensor.half() for name, tensor in shared.items()}
    network = load_model(save_model(card, [half], tmp_path / "toy")).network()
    assert all(p.dtype == torch.float32 for p in network.parameters())


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        load_model(folder)


def test_altered_weights_are_refused_unless_asked_otherwise(folder: Path) -> None:
    weights = folder / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelError, match="altered"):
        load_model(folder)
    assert load_model(folder, verify=False).network() is not None


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_weights_cut_short_are_refused_with_and_without_digests(folder: Path, kept: int) -> None:
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(ModelError, match="altered or cut short"):
        load_model(folder)
    with pytest.raises(ModelError, match="cut short or damaged"):
        load_model(folder, verify=False).network()


@pytest.mark.parametrize("writer", [torch.save, lambda state, path: path.write_bytes(pickle.dumps(dict(state)))])
def test_a_pickle_in_place_of_safetensors_is_never_opened(folder: Path, state: dict, writer: Callable) -> None:
    writer(state, folder / "weights.safetensors")
    for verify in (True, False):
        with pytest.raises(ModelError, match="pickle"):
            load_model(folder, verify=verify).network()


def test_a_checkpoint_instead_of_a_package_is_refused(state: dict, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "checkpoint_final.pth")
    for path in (tmp_path, tmp_path / "checkpoint_final.pth"):
        with pytest.raises(ModelError, match=r"checkpoint_final\.pth.*pickle"):
            load_model(path)


def test_weights_of_another_network_name_the_first_difference(card: ModelCard, state: dict, folder: Path) -> None:
    name = next(iter(state))
    other = {**state, name: state[name][:1]}
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        save_model(card, [other], folder)
    data = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    data["network"]["features"] = [5, 8]
    (folder / "model.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ModelError, match=name.replace(".", r"\.")) as caught:
        load_model(folder).network()
    assert "5x" in str(caught.value)
    assert "4x" in str(caught.value)


def test_missing_and_extra_tensors_are_named(card: ModelCard, state: dict, tmp_path: Path) -> None:
    name = next(iter(state))
    with pytest.raises(ModelError, match=r"'extra\.weight'.*no place"):
        save_model(card, [{**state, "extra.weight": torch.zeros(2)}], tmp_path / "toy")
    with pytest.raises(ModelError, match="is missing"):
        save_model(card, [{k: v for k, v in state.items() if k != name}], tmp_path / "toy")
    assert not list(tmp_path.iterdir())


def test_saving_again_replaces_the_older_package(card: ModelCard, state: dict, folder: Path) -> None:
    save_model(replace(card, version="2"), [state, state], folder)
    assert sorted(listing(folder)) == ["model.json", "weights-fold0.safetensors", "weights-fold1.safetensors"]
    save_model(replace(card, version="3"), [state], folder)
    assert read_card(folder).version == "3"


def test_what_else_lies_in_the_folder_is_never_lost(card: ModelCard, state: dict, folder: Path, tmp_path: Path) -> None:
    (folder / "notes.txt").write_text("precious")
    save_model(replace(card, version="2"), [state], folder)
    assert read_card(folder).version == "2"
    assert (folder / "notes.txt").read_text() == "precious"
    (folder / "more").mkdir()
    with pytest.raises(OutputError, match="more"):
        save_model(replace(card, version="3"), [state], folder)
    assert read_card(folder).version == "2"
    with pytest.raises(OutputError, match="does not exist"):
        save_model(card, [state], tmp_path / "missing" / "toy")


def test_a_failure_while_writing_leaves_the_older_package(
    card: ModelCard, state: dict, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = listing(folder)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("UNetSegmentLib.models.package.write_weights", full)
    with pytest.raises(OutputError, match="disk is full"):
        save_model(replace(card, version="2"), [state], folder)
    assert listing(folder) == before
    assert [item.name for item in folder.parent.iterdir()] == ["toy"]


def _link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("weights.safetensors")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    "member", ["../weights.safetensors", "/etc/passwd", "a/../../b", "C:evil", "a\\..\\b", _link()], ids=str
)
def test_a_zip_that_points_elsewhere_is_refused(tmp_path: Path, member: str | zipfile.ZipInfo) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.json", "{}")
        archive.writestr(member, "x")
    with pytest.raises(ModelError, match="not safe"):
        load_model(path)


def test_a_zip_bomb_is_refused_before_it_is_read(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zip_model(folder, tmp_path / "toy.zip")
    monkeypatch.setattr(files_module, "MAX_TOTAL_BYTES", 100)
    with pytest.raises(ModelError, match="unpacks to"):
        load_model(path)
    monkeypatch.setattr(files_module, "MAX_MEMBERS", 1)
    with pytest.raises(ModelError, match="members"):
        load_model(path)


def test_a_damaged_zip_is_refused(folder: Path, tmp_path: Path) -> None:
    path = zip_model(folder, tmp_path / "toy.zip")
    data = bytearray(path.read_bytes())
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match="zip"):
        load_model(path)
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ModelError):
        load_model(path)


def test_a_model_in_memory_runs_the_networks_it_was_given(card: ModelCard) -> None:
    network = torch.nn.Identity()
    model = Model.in_memory(card, [network])
    assert model.folds == 1
    assert model.folder is None
    model.release()
    assert model.network() is network
