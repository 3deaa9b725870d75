"""Seeded damage to everything that an import reads: a sentence each time, soon, and nothing is executed."""

from __future__ import annotations

import copy
import json
import os
import pickle
import random
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nnunet_files import Results
from programs import write_contract

sys.path.insert(0, str(Path(__file__).parent / "monai"))

from bundle_files import write_bundle

from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.models import load_model, zip_model
from UNetSegmentLib.models.importing import import_model

SECONDS = 20.0
ROUNDS = 12

NASTY: tuple[Any, ...] = (
    None, True, -1, 0, 1, 3, 2**31, 2**62, 10**400, 1e-300, 1e308, float("nan"), float("inf"), "", "a" * 5000, "\ud800",
    "\x1b[2J", "../../etc", "__class__", "@network", "$import os; os.system('x')", [], [[]], {}, [1] * 50, [2**62] * 3,
    {"_target_": "os.system"}, {"a": {"b": {"c": {}}}}, ["\udcff", None, {}],
)  # fmt: skip


class Canary:
    """Unpickled by anything but a safe reader, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@dataclass(frozen=True)
class Target:
    """What is damaged: ``make`` writes a sound source, ``file`` is the part of it to be spoilt, ``use`` reads it."""

    make: Callable[[Path], Path]
    file: str
    use: Callable[[Path, Path], object]


def _package(folder: Path) -> Path:
    (package,) = import_model(Results(folds=(0,)).write(folder), folder / "packages")
    return package


def _zipped(folder: Path) -> Path:
    return zip_model(_package(folder), folder / "package.zip").parent


def _yaml_bundle(folder: Path) -> Path:
    yaml = pytest.importorskip("yaml")
    bundle = write_bundle(folder / "bundle", weights=True)
    text = (bundle / "configs" / "inference.json").read_text()
    (bundle / "configs" / "inference.json").unlink()
    (bundle / "configs" / "inference.yaml").write_text(yaml.safe_dump(json.loads(text)))
    return bundle


def _onnx(folder: Path) -> Path:
    pytest.importorskip("onnx")
    from programs import onnx_model

    (folder / "program").mkdir()
    (folder / "program" / "net.onnx").write_bytes(onnx_model().SerializeToString())
    write_contract(folder / "program" / "contract.json")
    return folder / "program"


def _load(source: Path, target: Path) -> object:
    return load_model(source, verify=False).network()


def _import(source: Path, target: Path) -> object:
    return import_model(source, target)


TARGETS = {
    "card": Target(_package, "model.json", _load),
    "safetensors": Target(_package, "weights.safetensors", _load),
    "zip": Target(_zipped, "package.zip", lambda source, target: _load(source / "package.zip", target)),
    "plans": Target(lambda folder: Results().write(folder), "plans.json", _import),
    "data set": Target(lambda folder: Results().write(folder), "dataset.json", _import),
    "checkpoint": Target(lambda folder: Results().write(folder), "fold_0/checkpoint_final.pth", _import),
    "bundle": Target(lambda folder: write_bundle(folder / "bundle", weights=True), "configs/inference.json", _import),
    "metadata": Target(lambda folder: write_bundle(folder / "bundle", weights=True), "configs/metadata.json", _import),
    "yaml": Target(_yaml_bundle, "configs/inference.yaml", _import),
    "contract": Target(_onnx, "contract.json", lambda source, target: import_model(source, target, trust=True)),
    "onnx": Target(_onnx, "net.onnx", _import),  # not trusted: looked into, never run
}


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in _places(item, (*path, key)))]


def _spoilt_values(data: Any, dice: random.Random) -> Any:
    """One to three values of a JSON file replaced, doubled or taken away."""
    data = copy.deepcopy(data)
    for _ in range(dice.randint(1, 3)):
        place = dice.choice(_places(data)[1:] or [()])
        if not place:
            return copy.deepcopy(dice.choice(NASTY))
        holder = data
        for key in place[:-1]:
            holder = holder[key]
        if dice.random() < 0.15:
            del holder[place[-1]]
        elif isinstance(holder, dict) and dice.random() < 0.15:
            holder[dice.choice(("\ud800", "a" * 3000, "extra", "_target_"))] = copy.deepcopy(dice.choice(NASTY))
        else:
            holder[place[-1]] = copy.deepcopy(dice.choice(NASTY))
    return data


def _spoilt_bytes(content: bytes, dice: random.Random) -> bytes:
    """Bytes flipped, cut, doubled or filled, most of them near the ends, where headers and directories are."""
    data = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        near = dice.choice((64, 512, len(data)))
        at = dice.randrange(min(near, len(data)) or 1)
        at = len(data) - 1 - at if dice.random() < 0.5 else at
        kind = dice.randrange(5)
        if kind == 0:
            data[at : at + 1] = bytes([dice.randrange(256)])
        elif kind == 1:
            data[at : at + 8] = dice.choice((b"\xff" * 8, bytes(8), (2**62).to_bytes(8, "little")))
        elif kind == 2:
            del data[at : at + dice.randint(1, 4000)]
        elif kind == 3:
            data[at:at] = data[at : at + dice.randint(1, 200)]
        else:
            data[at:at] = bytes([dice.randrange(256)]) * dice.randint(1, 50)
    return bytes(data)


def _spoil(file: Path, number: int, dice: random.Random, canary: Path) -> None:
    content = file.read_bytes()
    if number % 6 == 5:
        whole = (pickle.dumps(Canary(canary)), b"[" * 50_000, b"{" * 50_000, b"", b"\x80\x04" * 500)
        file.write_bytes(dice.choice(whole))
    elif file.suffix == ".json" and number % 2:
        file.write_text(json.dumps(_spoilt_values(json.loads(content), dice)))
    else:
        file.write_bytes(_spoilt_bytes(content, dice))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TARGETS)
def test_damage_ends_in_a_sentence(name: str, tmp_path: Path) -> None:
    target, canary = TARGETS[name], tmp_path / "executed"
    (tmp_path / "sound").mkdir()
    sound = target.make(tmp_path / "sound")
    target.use(sound, tmp_path / "first") if name != "onnx" else None
    outcomes = {"sound": 0, "refused": 0}
    for number in range(ROUNDS):
        dice = random.Random(f"{name} {number}")
        work = tmp_path / f"{number}"
        shutil.copytree(sound, work / sound.name)
        _spoil(work / sound.name / target.file, number, dice, canary)
        started = time.monotonic()
        try:
            target.use(work / sound.name, work / "models")
            outcomes["sound"] += 1
        except UNetSegmentError as error:
            outcomes["refused"] += 1
            str(error).encode("utf-8")
            assert "defect" not in str(error)
        except BaseException as error:
            pytest.fail(f"{name}, round {number}: {type(error).__name__}: {error}")
        assert time.monotonic() - started < SECONDS, f"{name}, round {number} took too long"
        assert not canary.exists(), f"{name}, round {number} was executed"
        if number % 6 == 5:
            assert not list((work / "models").glob("*")), "nothing of a whole refused source is kept"
        shutil.rmtree(work)
    assert outcomes["refused"] >= ROUNDS // 4, f"the damage is too gentle to test anything: {outcomes}"
