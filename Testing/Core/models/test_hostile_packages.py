"""Packages that are damaged, hostile, half-written or not allowed to be read: each ends in a sentence, at once."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch

from UNetSegmentLib.errors import ModelError, OutputError
from UNetSegmentLib.models import ModelCard, card_to_json, load_model, read_card, remove_model, save_model
from UNetSegmentLib.models.serialization import card_from_text, config_from_dict
from UNetSegmentLib.models.staging import remove_abandoned, staging_folder
from UNetSegmentLib.networks import build

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module", autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def package(card: ModelCard, tmp_path: Path) -> Path:
    return save_model(card, [build(card.network).state_dict()], tmp_path / "toy")


def label(n: int) -> dict[str, Any]:
    return {"value": n, "name": f"label {n}", "color": [1, 2, 3]}


CARDS: dict[str, tuple[Change, str]] = {
    "a spacing of a nanometre": (lambda c: c["preparation"].update(spacing=[1e-6, 1, 1]), "preparation.spacing"),
    "a patch of a million": (lambda c: c["inference"].update(patch=[10**6, 16, 16]), "inference.patch"),
    "a patch of 2^62": (lambda c: c["inference"].update(patch=[24, 2**62, 24]), "inference.patch"),
    "a patch of 10^9 voxels": (lambda c: c["inference"].update(patch=[1024] * 3), "inference.patch"),
    "features of 2^62": (lambda c: c["network"].update(features=[24, 2**62]), "features"),
    "groups of nothing": (lambda c: c["network"].update(norm="group", norm_groups=0), "norm_groups"),
    "a squeeze by nothing": (lambda c: c["network"].update(skip="squeeze", squeeze_ratio=0), "squeeze_ratio"),
    "10^9 layers": (
        lambda c: c["network"].update(encoder="transformer", transformer_layers=10**9),
        "transformer_layers",
    ),
    "100,000 labels": (lambda c: c.update(labels=[label(n) for n in range(1, 100_001)]), "4096 labels at most"),
    "a number of 400 digits": (lambda c: c["preparation"]["normalization"][0].update(mean=10**400), "64 bits"),
    "a number of 10^308": (lambda c: c["preparation"]["normalization"][0].update(mean=1e308), "mean"),
    "a volume of 10^308": (lambda c: c["postprocessing"][0].update(size_mm3=1.7e308), "size_mm3"),
    "half a character": (lambda c: c["labels"][0].update(name="liver \ud800"), "half of a character"),
    "deep brackets": (lambda c: c.update(inputs=json.loads("[" * 900 + "]" * 900)), "levels deep"),
    "a name without end": (lambda c: c.update(name="n" * 300), "128 at most"),
}


@pytest.mark.parametrize("case", CARDS)
def test_cards_that_ask_for_too_much(case: str, card: ModelCard) -> None:
    data = card_to_json(replace(card, digests=dict.fromkeys(card.weights, "0" * 64)))
    change, words = CARDS[case]
    change(data)
    started = time.monotonic()
    with pytest.raises(ModelError, match=words) as caught:
        card_from_text(json.dumps(data))
    assert time.monotonic() - started < 20
    str(caught.value).encode("utf-8")
    assert len(str(caught.value)) < 600


def test_half_a_character_never_gets_into_a_package(card: ModelCard, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="half of a character"):
        save_model(replace(card, title="\udcff"), [build(card.network).state_dict()], tmp_path / "toy")
    assert not list(tmp_path.iterdir())


# -- weights -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0x0280, 0x0380, 0x0480, 0x0580])
def test_weights_whose_header_is_as_long_as_a_pickle_begins(length: int, card: ModelCard, tmp_path: Path) -> None:
    """The first two bytes of safetensors are the length of its header; 80 02 to 80 05 are also how a pickle begins."""
    card = replace(card, network=replace(card.network, in_channels=1))
    package = save_model(card, [build(card.network).state_dict()], tmp_path / "toy")
    weights = package / "weights.safetensors"
    content = weights.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    target = (start // 0x10000 + 1) * 0x10000 + length
    header = content[8:start].rstrip() + b" " * (target - len(content[8:start].rstrip()))
    weights.write_bytes(len(header).to_bytes(8, "little") + header + content[start:])
    assert weights.read_bytes()[:2] == length.to_bytes(2, "little")
    assert load_model(package, verify=False).network() is not None


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_are_still_refused(protocol: int, package: Path) -> None:
    import pickle

    (package / "weights.safetensors").write_bytes(pickle.dumps({"a": [1] * 100}, protocol))
    with pytest.raises(ModelError, match="pickle"):
        load_model(package, verify=False)


# -- permissions -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_packages_may_be_read_by_others(package: Path, monkeypatch: pytest.MonkeyPatch, card: ModelCard) -> None:
    assert stat.S_IMODE(package.stat().st_mode) == 0o755
    assert {stat.S_IMODE(item.stat().st_mode) for item in package.iterdir()} == {0o644}
    # A version of safetensors that writes for the owner alone.
    real = safetensors.torch.save_file

    def private(tensors: Any, path: str) -> None:
        Path(path).unlink()
        real(tensors, path)
        Path(path).chmod(0o600)

    monkeypatch.setattr(safetensors.torch, "save_file", private)
    save_model(card, [build(card.network).state_dict()], package)
    assert stat.S_IMODE((package / "weights.safetensors").stat().st_mode) == 0o644


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize("closed", ["", "model.json", "weights.safetensors"])
def test_what_may_not_be_read_has_a_cure(closed: str, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doomed = package / closed
    if os.getuid() != 0:
        doomed.chmod(0o000)
    else:  # permissions do not stop the administrator, so the system's answer is played

        def refuse(real: Any) -> Any:
            def answer(path: Any, *args: Any, **kwargs: Any) -> Any:
                if Path(path) == doomed:
                    raise PermissionError(13, "Permission denied", str(path))
                return real(path, *args, **kwargs)

            return answer

        monkeypatch.setattr(Path, "open", refuse(Path.open))
        monkeypatch.setattr(os, "scandir", refuse(os.scandir))
    try:
        with pytest.raises(ModelError, match="You may not read") as caught:
            load_model(package)
    finally:
        doomed.chmod(0o755)
    assert "chmod" in caught.value.cure


# -- no ordinary files -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_pipe_in_a_package(name: str, package: Path) -> None:
    (package / name).unlink()
    os.mkfifo(package / name)
    with pytest.raises(ModelError):
        load_model(package)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_or_device_as_a_package(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.zip")
    for path in (tmp_path / "model.zip", Path("/dev/zero")):
        with pytest.raises(ModelError, match="no ordinary file"):
            read_card(path)


def test_a_package_inside_itself(card: ModelCard, package: Path, tmp_path: Path) -> None:
    from UNetSegmentLib.models.card import Companion

    card = replace(card, companions=(Companion("inner", "part"),), digests={"weights.safetensors": "0" * 64})
    data = card_to_json(replace(card, digests={**card.digests, "inner/model.json": "0" * 64}))
    (package / "model.json").write_text(json.dumps(data))
    try:
        (package / "inner").symlink_to(package, target_is_directory=True)
    except OSError:
        pytest.skip("links may not be made here")
    with pytest.raises(ModelError, match="models inside models"):
        load_model(package, verify=False)


# -- what killed and failing runs leave --------------------------------------------------------------------------------


def test_folders_of_dead_runs_are_cleared_and_those_of_living_ones_are_not(tmp_path: Path) -> None:
    with staging_folder(tmp_path) as living:
        dead, young, older = (tmp_path / name for name in (".0a1b2c3d.tmp", ".1a1b2c3d.tmp", ".2a1b2c3d.tmp"))
        for folder, lock, age in (
            (dead, True, 3600),
            (young, True, 0),
            (older, False, 2 * 86400),
            (living, None, 3600),
        ):
            folder.mkdir(exist_ok=True)
            if lock:
                (folder / ".in-use").touch()
            os.utime(folder, (time.time() - age,) * 2)
        (tmp_path / "mine").mkdir()
        assert sorted(remove_abandoned(tmp_path)) == [dead, older]
        assert living.is_dir() and young.is_dir() and (tmp_path / "mine").is_dir()
    assert not living.exists()


def test_a_full_disk_while_weights_are_written(
    card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(tensors: Any, path: str) -> None:
        raise safetensors.SafetensorError("Error while serializing: I/O error: No space left (os error 28)")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(OutputError, match="disk is full"):
        save_model(card, [build(card.network).state_dict()], tmp_path / "toy")
    assert not list(tmp_path.iterdir())


def test_only_the_users_own_models_are_removed(package: Path) -> None:
    assert remove_model("toy-t1", package.parent) == package
    assert not list(package.parent.iterdir())
    with pytest.raises(ModelError, match="comes with UNetSegment"):
        remove_model("hippocampus-t1", package.parent)


KERNELS = {"kernel": [3, 3, 3], "up_kernel": [3, 3, 3]}


@pytest.mark.parametrize(
    ("architecture", "changes"),
    [
        ("segresnet", {"encoder_blocks": [10**9, 1], "decoder_blocks": [1], "features": 8}),
        ("segresnet", {"encoder_blocks": [1, 1], "decoder_blocks": [1], "features": 2**62}),
        ("residual-unet", {"features": [2**62, 4], "strides": [[2, 2, 2]], **KERNELS}),
        ("residual-unet", {"features": [4] * 100, "strides": [[2, 2, 2]] * 99, **KERNELS}),
        ("attention-unet", {"features": [4, 8], "strides": [[10**12, 2, 2]], **KERNELS}),
    ],
)
def test_networks_of_monai_that_could_never_be_built(architecture: str, changes: dict[str, Any]) -> None:
    config = {"architecture": architecture, "dimension": 3, "in_channels": 1, "out_channels": 2, **changes}
    with pytest.raises(ModelError, match="numbers up to"):
        config_from_dict(config)
