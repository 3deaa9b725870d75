"""Sources that are hostile, damaged, or something else than people think: a sentence for each, within seconds."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from nnunet_files import DATASET, Results, cascade
from programs import write_contract, write_script

from UNetSegmentLib.errors import ModelError, OutputError, UNetSegmentError
from UNetSegmentLib.models import load_model, read_card
from UNetSegmentLib.models.importing import import_model, recognise
from UNetSegmentLib.models.importing.checkpoint import load_checkpoint

Make = Callable[[Path], Path]


def refused(source: Path, words: str) -> ModelError:
    with pytest.raises(ModelError, match=words) as caught:
        recognise(source)
    return caught.value


# -- what people give in place of a model ------------------------------------------------------------------------------


def test_one_fold_is_answered_with_the_folder_around_it(tmp_path: Path) -> None:
    folder = Results().write(tmp_path)
    for source in (folder / "fold_0", folder / "fold_0" / "checkpoint_final.pth"):
        assert str(folder) in refused(source, "one (fold|checkpoint) of nnU-Net's results").cure


@pytest.mark.parametrize("name", ["plans.json", "dataset.json"])
def test_results_without_one_of_their_files(name: str, tmp_path: Path) -> None:
    folder = Results().write(tmp_path)
    (folder / name).unlink()
    for source in (folder, folder.parent):
        refused(source, f"nnU-Net's folds but lacks {name}")


def test_results_of_the_first_nnunet(tmp_path: Path) -> None:
    for name in ("plans.pkl", "fold_0/model_final_checkpoint.model", "fold_0/model_final_checkpoint.model.pkl"):
        (tmp_path / "v1" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "v1" / name).write_bytes(b"\x80\x02.")
    assert "version 2" in refused(tmp_path / "v1", "nnU-Net version 1").cure


@pytest.mark.parametrize("name", ["model.pt", "weights.pth", "last.ckpt"])
def test_a_checkpoint_by_itself(name: str, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    torch.save({"state_dict": {"a": torch.zeros(1)}}, tmp_path / "one" / name)
    for source in (tmp_path / "one", tmp_path / "one" / name):
        refused(source, f"'{name}' is a checkpoint by itself")


def test_what_openvino_was_given_is_not_read_back(tmp_path: Path) -> None:
    for name in ("network.xml", "network.bin", "contract.json"):
        (tmp_path / name).write_text("{}")
    for source in (tmp_path, tmp_path / "network.xml"):
        with pytest.raises(ModelError, match=r"'network\.xml' is a model of OpenVINO") as caught:
            recognise(source)
        assert "--onnx" in caught.value.cure


def test_auto3dseg_weights_alone_and_keras(tmp_path: Path) -> None:
    for folder, name, words in (
        ("segresnet_0", "configs/hyper_parameters.yaml", "Auto3DSeg"),
        ("bare", "weights.safetensors", "weights only"),
        ("keras", "net.h5", "Keras or TensorFlow"),
    ):
        (tmp_path / folder / name).parent.mkdir(parents=True)
        (tmp_path / folder / name).write_text("a: 1")
        refused(tmp_path / folder, words)


# -- archives ----------------------------------------------------------------------------------------------------------


def zipped(folder: Path, target: Path, separator: str) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = path.relative_to(folder.parent).as_posix().replace("/", separator)
                archive.writestr(zipfile.ZipInfo(name), path.read_bytes())
    return target


def test_backslashes_of_windows_are_separators(tmp_path: Path) -> None:
    folder = Results().write(tmp_path)
    archive = zipped(folder, tmp_path / "windows.zip", "\\")
    (package,) = import_model(archive, tmp_path / "models")
    assert load_model(zipped(package, tmp_path / "package.zip", "\\")).network() is not None


@pytest.mark.parametrize("name", ["..\\..\\outside.txt", "\\outside.txt", "C:\\outside.txt", "a\\..\\..\\x"])
def test_backslashes_lead_nowhere_else(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"x")
    refused(tmp_path / "bad.zip", "points outside")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_and_devices(tmp_path: Path) -> None:
    for name in ("model.zip", "model.onnx", "model.pt"):
        os.mkfifo(tmp_path / name)
        refused(tmp_path / name, "no ordinary file")
    refused(Path("/dev/zero"), "no ordinary file")
    folder = Results().write(tmp_path)
    (folder / "dataset.json").unlink()
    os.mkfifo(folder / "dataset.json")
    with pytest.raises(UNetSegmentError):
        import_model(folder, tmp_path / "models")


# -- plans and data sets -----------------------------------------------------------------------------------------------


RESULTS: dict[str, tuple[Callable[[Results], object], str]] = {
    "a stage before itself": (lambda r: r.own.update(previous_stage="3d_fullres"), "in a circle"),
    "a patch of 2^62": (lambda r: r.own.update(patch_size=[24, 2**62, 24]), "patch_size"),
    "a spacing of a nanometre": (lambda r: r.own.update(spacing=[1e-6, 1, 1]), "preparation.spacing"),
    "a number of 400 digits": (lambda r: r.own.update(spacing=[10**400, 1, 1]), "64 bits"),
    "half a character": (lambda r: r.dataset.update(labels={"background": 0, "a\ud800": 1, "b": 2}), "half of a char"),
    "deep brackets": (lambda r: r.dataset.update(deep=json.loads("[" * 900 + "]" * 900)), "levels deep"),
    "features of 2^62": (
        lambda r: r.own["architecture"]["arch_kwargs"].update(features_per_stage=[24, 2**62, 8]),
        "at most 100000",
    ),
    "100,000 labels": (
        lambda r: r.dataset.update(labels={"background": 0, **{f"l{n}": n for n in range(1, 100_001)}}),
        "at most",
    ),
}


@pytest.mark.parametrize("case", RESULTS)
def test_plans_and_data_sets_that_ask_for_too_much(case: str, tmp_path: Path) -> None:
    change, words = RESULTS[case]
    results = Results()
    change(results)
    source = results.write(tmp_path)
    started = time.monotonic()
    with pytest.raises(ModelError, match=words):
        import_model(source, tmp_path / "models")
    assert time.monotonic() - started < 20
    assert not list((tmp_path / "models").glob("*"))


def test_two_stages_before_each_other(tmp_path: Path) -> None:
    first, second = cascade()
    for stage in (first, second):
        stage.plans["configurations"]["3d_lowres"]["previous_stage"] = "3d_cascade_fullres"
        stage.write(tmp_path)
    with pytest.raises(ModelError, match="in a circle"):
        import_model(tmp_path / DATASET, tmp_path / "models")


# -- checkpoints -------------------------------------------------------------------------------------------------------


def _meta() -> torch.Tensor:
    return torch.empty(4, 4, device="meta")


TENSORS: dict[str, tuple[Callable[[], torch.Tensor], str]] = {
    "sparse": (lambda: torch.eye(4).to_sparse(), "is sparse"),
    "compressed": (lambda: torch.eye(4).to_sparse_csr(), "is sparse"),
    "on no device": (_meta, "holds no numbers"),
    "larger than what it holds": (lambda: torch.zeros(1).expand(2**20, 2**20), "declares 1099511627776 numbers"),
    "quantised": (lambda: torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8), "quantised|damaged|more than"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", TENSORS)
def test_tensors_that_are_none_of_the_plain_ones(case: str, tmp_path: Path) -> None:
    make, words = TENSORS[case]
    torch.save({"network_weights": {"a": torch.ones(2), "b": make()}}, tmp_path / "checkpoint.pth")
    with pytest.raises(ModelError, match=words):
        load_checkpoint(tmp_path / "checkpoint.pth")


# -- the disk ----------------------------------------------------------------------------------------------------------


def test_a_full_disk_during_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = cascade()
    first.write(tmp_path)
    second.write(tmp_path)
    real = Path.mkdir

    def full(path: Path, *args: Any, **kwargs: Any) -> None:
        if path.suffix == ".tmp":
            raise OSError(28, "No space left on device", str(path))
        real(path, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(OutputError, match="disk is full"):
        import_model(tmp_path / DATASET, tmp_path / "models", configuration="3d_cascade_fullres")
    assert not list((tmp_path / "models").iterdir())


def test_no_room_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = zipped(Results().write(tmp_path), tmp_path / "model.zip", "/")

    def full(*args: Any, **kwargs: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    with pytest.raises(OutputError, match="No temporary folder"):
        import_model(archive, tmp_path / "models")


# -- words of the user -------------------------------------------------------------------------------------------------


def test_a_contract_beside_the_file_is_found(tmp_path: Path) -> None:
    write_contract(tmp_path / "contract.json")
    (package,) = import_model(write_script(tmp_path / "net.ts"), tmp_path / "models", trust=True)
    assert read_card(package).name == "levels"


def test_a_licence_of_the_users_fills_the_gap_and_no_more(tmp_path: Path) -> None:
    (package,) = import_model(Results().write(tmp_path), tmp_path / "models", licence="CC-BY-4.0")
    assert read_card(package).licence == "CC-BY-4.0"
    write_contract(tmp_path / "contract.json", licence="MIT")
    (package,) = import_model(write_script(tmp_path / "net.ts"), tmp_path / "models", trust=True, licence="CC0-1.0")
    assert read_card(package).licence == "MIT"


def test_an_empty_archive(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    (tmp_path / "empty.zip").write_bytes(buffer.getvalue())
    refused(tmp_path / "empty.zip", "No model that UNetSegment can read")
