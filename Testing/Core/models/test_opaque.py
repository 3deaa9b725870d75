"""Packages whose network is a program: run only when this computer's user trusted this very file."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1] / "importing"))

from programs import Levels, write_onnx, write_script

from UNetSegmentLib.errors import DependencyError, ModelError
from UNetSegmentLib.inference.backends.choice import make_backend
from UNetSegmentLib.inference.backends.comparison import difference
from UNetSegmentLib.inference.backends.installed import version_of
from UNetSegmentLib.inference.backends.request import BackendRequest
from UNetSegmentLib.models import ModelCard, load_model, onnx_session, save_model, zip_model
from UNetSegmentLib.models import trust as trust_module
from UNetSegmentLib.models.importing import import_model
from UNetSegmentLib.models.opaque import open_program
from UNetSegmentLib.models.package_trust import trust_package
from UNetSegmentLib.models.trust import revoke, trust_file, trusted_programs
from UNetSegmentLib.networks.config import OpaqueNetwork

PATCH = (8, 16, 16)
NETWORK = OpaqueNetwork(3, 1, 3, (1, 1, 1))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of trusted programs of these tests is not the user's."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setattr(Path, "home", classmethod(lambda cls: folder))
    return folder


@pytest.fixture
def package(card: ModelCard, tmp_path: Path) -> Path:
    """A package with a TorchScript file that is not trusted yet."""
    script = write_script(tmp_path / "source.ts")
    return save_model(replace(card, network=NETWORK), [script], tmp_path / "package")


@pytest.mark.parametrize("zipped", [False, True])
def test_only_a_trusted_program_is_loaded(package: Path, tmp_path: Path, zipped: bool) -> None:
    path = zip_model(package, tmp_path / "package.zip") if zipped else package
    with pytest.raises(ModelError, match="not trusted on this computer"):
        load_model(path).network()
    trust_package(package)
    x = torch.rand(1, 1, *PATCH)
    assert torch.equal(load_model(path).network()(x), Levels()(x))
    (entry,) = trusted_programs()
    assert entry.model == "toy-t1"
    assert trust_file().stat().st_mode & 0o077 == 0
    assert revoke(entry.digest)
    assert not revoke(entry.digest)
    with pytest.raises(ModelError, match="not trusted"):
        load_model(path).network()


def test_a_program_that_was_changed_is_refused(package: Path) -> None:
    """Even where the card was changed with it, or nobody compares the digests."""
    trust_package(package)
    write_script(package / "weights.ts", Levels(3).double().float())
    content = (package / "weights.ts").read_bytes() + b"\0"
    (package / "weights.ts").write_bytes(content)
    with pytest.raises(ModelError, match="altered"):
        load_model(package)
    with pytest.raises(ModelError, match="changed since"):
        load_model(package, verify=False).network()
    old = load_model(package, verify=False).card.digests["weights.ts"]
    text = (package / "model.json").read_text(encoding="utf-8")
    (package / "model.json").write_text(text.replace(old, hashlib.sha256(content).hexdigest()), encoding="utf-8")
    with pytest.raises(ModelError, match="changed since"):
        load_model(package).network()


def test_importing_a_package_asks_for_trust_too(package: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="program"):
        import_model(package, tmp_path / "models")
    (folder,) = import_model(package, tmp_path / "models", trust=True)
    load_model(folder).network()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"programs": 3}', '{"programs": {"x": {}}}', "\0"])
def test_a_damaged_list_trusts_nothing(package: Path, text: str) -> None:
    trust_package(package)
    trust_file().write_text(text)
    with pytest.raises(ModelError, match="not trusted"):
        load_model(package).network()
    trust_package(package)
    load_model(package).network()


def test_only_digests_come_onto_the_list() -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        trust_module.trust_program("*", "anything")


class Two(nn.Module):
    """Deep supervision: full resolution first."""

    def forward(self, x: Tensor) -> list[Tensor]:
        return [torch.cat([x, x, x], dim=1), x]


class Words(nn.Module):
    def forward(self, x: Tensor) -> str:
        return "no tensor"


class Half(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, x, x], dim=1)[..., ::2]


def opened(tmp_path: Path, module: nn.Module) -> nn.Module:
    return open_program(write_script(tmp_path / "m.ts", module).read_bytes(), NETWORK, "m")


def test_what_a_program_gives_is_checked(tmp_path: Path) -> None:
    x = torch.rand(1, 1, *PATCH)
    assert opened(tmp_path, Two())(x).shape == (1, 3, *PATCH)
    with pytest.raises(ModelError, match="gives a str"):
        opened(tmp_path, Words())(x)
    with pytest.raises(ModelError, match="1 x 1 x 8 x 16 x 16 into 1 x 3 x 8 x 16 x 8"):
        opened(tmp_path, Half())(x)
    with pytest.raises(ModelError, match="takes 1 channels"):
        opened(tmp_path, Levels())(torch.rand(1, 2, *PATCH))
    with pytest.raises(ModelError, match="not a TorchScript program"):
        open_program(b"rubbish", NETWORK, "m")


def test_running_out_of_memory_is_left_to_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = opened(tmp_path, Levels())

    class Full(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("DefaultCPUAllocator: not enough memory")

    network.script = Full()
    with pytest.raises(RuntimeError, match="not enough memory"):
        network(torch.rand(1, 1, *PATCH))


BACKENDS = [
    pytest.param(name, marks=pytest.mark.skipif(version_of(package) is None, reason=f"{package} is not installed"))
    for name, package in (("torch", "torch"), ("openvino", "openvino"), ("onnx", "onnxruntime"), ("auto", "torch"))
]


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("kind", ["torchscript", "onnx"])
def test_every_backend_runs_both_kinds(tmp_path: Path, name: str, kind: str) -> None:
    if kind == "torchscript":
        content = write_script(tmp_path / "m.ts").read_bytes()
    else:
        pytest.importorskip("onnx", reason="onnx is not installed")
        if version_of("onnxruntime") is None and version_of("openvino") is None:
            pytest.skip("no runtime for ONNX is installed")
        content = write_onnx(tmp_path / "m.onnx", (1, 1, *PATCH)).read_bytes()
    network = open_program(content, replace(NETWORK, architecture=kind), "m")
    backend = make_backend(BackendRequest([network], 3, torch.device("cpu"), (2,), name=name, patch=PATCH))
    tile = torch.rand(1, 1, *PATCH) * 2
    assert difference(Levels()(tile), backend.predict(tile)) < 1e-5


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("batch", [1, "n"])
def test_onnx_runs_in_either_runtime(
    tmp_path: Path, runtime: str, batch: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip(runtime, reason=f"{runtime} is not installed")
    monkeypatch.setattr(onnx_session, "find_spec", lambda name: name == runtime or None)
    content = write_onnx(tmp_path / "m.onnx", (batch, 1, *PATCH)).read_bytes()
    network = open_program(content, replace(NETWORK, architecture="onnx"), "m")
    tiles = torch.rand(3, 1, *PATCH)
    assert difference(Levels()(tiles), network(tiles)) < 1e-5
    with pytest.raises(ModelError, match="cannot be opened"):
        open_program(b"rubbish", replace(NETWORK, architecture="onnx"), "m")(tiles)


def test_onnx_without_a_runtime_names_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    content = write_onnx(tmp_path / "m.onnx", (1, 1, *PATCH)).read_bytes()
    network = open_program(content, replace(NETWORK, architecture="onnx"), "m")
    monkeypatch.setattr(onnx_session, "find_spec", lambda name: None)
    with pytest.raises(DependencyError, match="pip install openvino"):
        network(torch.zeros(1, 1, *PATCH))
