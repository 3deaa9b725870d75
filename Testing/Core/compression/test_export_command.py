"""``unetsegment export``: what it prints, and what each bad input is answered with. Nothing is half written."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import exported_models as small
import pytest
import torch
from typer.testing import CliRunner, Result

from UNetSegmentLib.cli.app import app
from UNetSegmentLib.compression.exporting import ExportSettings, export, settings_for
from UNetSegmentLib.errors import Cancelled, DependencyError, InputError, ModelError, OutputError, ResourceError
from UNetSegmentLib.models import Model, save_model
from UNetSegmentLib.models.card import Companion
from UNetSegmentLib.networks.config import OpaqueNetwork
from UNetSegmentLib.progress import CancelToken

for _package in ("onnx", "onnxscript", "onnxruntime", "openvino"):
    pytest.importorskip(_package, reason=f"{_package} is not installed")

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "inference"))


@pytest.fixture
def package(tmp_path: Path) -> Path:
    model = small.model(folds=2)
    states = [model.network(n).state_dict() for n in range(2)]
    return save_model(model.card, states, tmp_path / "small")


@pytest.fixture
def run() -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(app, ["export", *map(str, arguments)])


def left(folder: Path) -> list[str]:
    """What lies in a folder but the model."""
    return sorted(path.name for path in folder.iterdir() if path.name != "small")


# -- what it does -----------------------------------------------------------------------------------------------------


def test_the_command_tells_what_it_wrote_and_how_to_go_on(
    tmp_path: Path, package: Path, run: Callable[..., Result]
) -> None:
    target = tmp_path / "small.ts"
    done = run(package, "--torchscript", target, "--patch", "16,24,32", "--fold", "1")
    assert done.exit_code == 0, done.output
    assert "unetsegment import" in done.stdout
    assert "--trust" in done.stdout
    assert "100.0000%" in done.stdout
    assert "Fold 1 of 2" in done.stdout
    # Said in x, y, z; axes of the file are z, y, x.
    assert torch.jit.load(target)(torch.zeros(1, 1, 32, 24, 16)).shape == (1, 3, 32, 24, 16)


def test_json_for_programs(tmp_path: Path, package: Path, run: Callable[..., Result]) -> None:
    done = run(package, "--torchscript", tmp_path / "a.ts", "--openvino", tmp_path / "a", "--fold", "all", "--json")
    assert done.exit_code == 0, done.output
    first, second = json.loads(done.stdout)
    assert (first["kind"], second["kind"]) == ("openvino", "torchscript")
    assert second["agreement"]["labels"] == 1
    assert second["files"] == {"a.ts": (tmp_path / "a.ts").stat().st_size}


def test_int8_is_calibrated_with_the_cases_given(tmp_path: Path, level_package: Path, level_cases: Path) -> None:
    import onnx

    from UNetSegmentLib.compression.cases import find_cases
    from UNetSegmentLib.models import load_model

    model = load_model(level_package)
    cases = find_cases(level_cases, model.card)
    settings = replace(settings_for("onnx", int8=True), calibration_tiles=4)
    done = export(model, tmp_path / "levels.onnx", "onnx", settings, cases)
    file = onnx.load(done.path)
    assert "QuantizeLinear" in {node.op_type for node in file.graph.node}
    assert "contract" in {entry.key for entry in file.metadata_props}
    assert done.agreement is not None
    assert done.agreement.dice > 0.9
    assert any("Calibrated with 4 tiles" in note for note in done.notes)


def test_a_tensorrt_engine_with_the_file_that_describes_it(
    tmp_path: Path, package: Path, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against the stand-in of TensorRT's interface; the engine of another version is refused afterwards."""
    import tensorrt_stand_in

    from UNetSegmentLib.compression.exporting import load_engine, tensorrt_files

    trt = tensorrt_stand_in.tensorrt()
    monkeypatch.setitem(sys.modules, "tensorrt", trt)
    monkeypatch.setattr(tensorrt_files, "check_gpu", lambda: None)
    target = tmp_path / "small.engine"
    done = run(package, "--tensorrt", target)
    assert done.exit_code == 0, done.output
    assert left(tmp_path) == ["small.engine", "small.engine.json"]
    facts = json.loads((tmp_path / "small.engine.json").read_text())
    assert (facts["precision"], facts["tensorrt"], facts["model"]) == ("fp16", "10.3.0", "small 2")
    image = torch.randn(1, 1, 16, 16, 16)
    with torch.inference_mode():
        expected = small.model(folds=2).network(0)(image)
    assert (load_engine(target)(image) - expected).abs().max() < 0.05 * expected.abs().max()
    trt.__version__ = "10.7.0"
    with pytest.raises(ModelError, match=r"TensorRT 10.3.0, here 10.7.0"):
        load_engine(target)


# -- what it refuses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "No format"),
        (["--onnx", "a.onnx", "--fold", "first"], 2, "is no fold"),
        (["--onnx", "a.onnx", "--fold", "7"], 4, "no fold 7"),
        (["--onnx", "a.onnx", "--patch", "16,16"], 2, "x,y,z"),
        (["--onnx", "a.onnx", "--patch", "15,16,16"], 3, "multiples of 2 x 2 x 2"),
        (["--onnx", "a.pb"], 3, ".onnx"),
        (["--torchscript", "a.zip"], 3, ".ts"),
        (["--onnx", "a.onnx", "--int8"], 3, "--cases"),
        (["--onnx", "a.onnx", "--int8", "--fp16"], 3, "exclude each other"),
        (["--torchscript", "a.ts", "--fp16"], 3, "fp32 only"),
        (["--onnx", "a.onnx", "--cases", "nowhere"], 3, "no folder"),
        (["--torchscript", "a.ts", "--check", "nowhere.nii.gz"], 3, "nowhere.nii.gz"),
        (["--onnx", "no/such/a.onnx"], 5, "does not exist"),
        (["--openvino", "no/such/a"], 5, "does not exist"),
        (["--openvino", "small"], 5, "no part of an OpenVINO model"),
    ],
)
def test_options_that_make_no_sense(
    tmp_path: Path,
    package: Path,
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(package, *arguments)
    assert done.exit_code == code, done.output
    assert words in done.output
    assert left(tmp_path) == []


def test_an_existing_file_is_replaced_with_force_only(
    tmp_path: Path, package: Path, run: Callable[..., Result]
) -> None:
    for option, name in (("--torchscript", "a.ts"), ("--openvino", "a")):
        assert run(package, option, tmp_path / name).exit_code == 0
        again = run(package, option, tmp_path / name)
        assert (again.exit_code, "--force" in again.output) == (5, True)
        assert run(package, option, tmp_path / name, "--force").exit_code == 0
    (tmp_path / "a" / "thesis.txt").write_text("mine")
    assert run(package, "--openvino", tmp_path / "a", "--force").exit_code == 5
    assert (tmp_path / "a" / "thesis.txt").read_text() == "mine"


def test_a_licence_that_forbids_derivatives(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="forbids derivatives, and an exported network is one"):
        export(small.model(licence="CC-BY-NC-ND-4.0"), tmp_path / "a.ts", "torchscript")
    assert left(tmp_path) == []


def test_several_networks_that_work_together(tmp_path: Path) -> None:
    inner = small.model()
    for role, words in (("part", "several networks"), ("previous", "a cascade")):
        channels = 1 if role == "part" else 3
        outer = small.card(small.config(channels=channels), companions=(Companion("other", role),))
        outer = replace(outer, inputs=outer.inputs[:1])
        outer = replace(
            outer, preparation=replace(outer.preparation, normalization=outer.preparation.normalization[:1])
        )
        model = Model(outer, companions=[inner])
        with pytest.raises(ModelError, match=words) as caught:
            export(model, tmp_path / "a.ts", "torchscript")
        assert "(other)" in caught.value.cure


def test_a_network_that_is_a_program_already(tmp_path: Path) -> None:
    card = small.card(OpaqueNetwork(3, 1, 3, (1, 1, 1), False, "onnx"), weights=("weights.onnx",))
    with pytest.raises(ModelError, match="an ONNX file already"):
        export(Model(card), tmp_path / "a.onnx", "onnx")


def test_an_operator_that_onnx_does_not_have(tmp_path: Path) -> None:
    class Spectrum(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.special.bessel_j0(x).repeat(1, 3, 1, 1, 1)

    model = Model.in_memory(small.card(small.config()), [Spectrum()])
    with pytest.raises(ModelError, match="cannot be written as ONNX") as caught:
        export(model, tmp_path / "a.onnx", "onnx")
    assert "bessel" in caught.value.detail
    assert left(tmp_path) == []


@pytest.mark.parametrize("kind", ["onnx", "openvino", "tensorrt"])
def test_missing_packages_are_named_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    import importlib.util

    from UNetSegmentLib.compression import checking

    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None)
    monkeypatch.setattr(checking, "version_of", lambda package: None)
    with pytest.raises(DependencyError, match=f"pip install .*{'openvino' if kind == 'openvino' else 'onnx'}"):
        export(small.model(), tmp_path / f"a{'' if kind == 'openvino' else '.onnx'}", kind)


def test_tensorrt_without_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorrt_stand_in

    monkeypatch.setitem(sys.modules, "tensorrt", tensorrt_stand_in.tensorrt())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ResourceError, match="finds none here"):
        export(small.model(), tmp_path / "a.engine", "tensorrt")


def test_answers_that_differ_are_never_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from UNetSegmentLib.compression.exporting import torchscript_file

    (tmp_path / "a.ts").write_bytes(b"the one before")
    real = torchscript_file.to_torchscript
    other = small.model(folds=2).network(1)
    monkeypatch.setattr(torchscript_file, "to_torchscript", lambda source: real(replace(source, network=other)))
    with pytest.raises(ModelError, match="does not give the answers"):
        export(small.model(), tmp_path / "a.ts", "torchscript", force=True)
    assert (tmp_path / "a.ts").read_bytes() == b"the one before"


def test_a_patch_that_was_wired_in_is_noticed(tmp_path: Path) -> None:
    class Shifted(torch.nn.Module):
        """Adds a ramp of the size that it was recorded with."""

        def __init__(self, network: torch.nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            ramp = torch.linspace(-9, 9, int(x.shape[-1]))
            return self.network(x) + ramp[: x.shape[-1]]

    model = small.model()
    broken = Model.in_memory(model.card, [Shifted(model.network(0))])
    with pytest.raises(ModelError):
        export(broken, tmp_path / "a.ts", "torchscript", ExportSettings(dynamic=True))
    export(broken, tmp_path / "a.ts", "torchscript")


@pytest.mark.parametrize("kind", ["torchscript", "openvino"])
def test_a_full_disk_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    def full(self: Path, *arguments: Any, **options: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    from UNetSegmentLib.compression.exporting import placing

    real = placing.put

    def put(*arguments: Any) -> None:
        monkeypatch.setattr(Path, "write_bytes", full)
        real(*arguments)

    monkeypatch.setattr("UNetSegmentLib.compression.exporting.exporting.put", put)
    target = tmp_path / ("a" if kind == "openvino" else "a.ts")
    with pytest.raises(OutputError, match="disk is full"):
        export(small.model(), target, kind)
    assert left(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32" or getattr(os, "geteuid", lambda: 1)() == 0, reason="may write anywhere")
def test_no_right_to_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        for kind, name in (("torchscript", "a.ts"), ("openvino", "a")):
            with pytest.raises(OutputError, match="does not allow writing"):
                export(small.model(), tmp_path / name, kind)
    finally:
        tmp_path.chmod(0o700)


def test_cancelled_before_anything_is_written(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        export(small.model(), tmp_path / "a.ts", "torchscript", cancel=token)
    assert left(tmp_path) == []


def test_settings_that_make_no_sense() -> None:
    assert settings_for("tensorrt").precision == "fp16"
    assert settings_for("onnx").precision == "fp32"
    assert settings_for("tensorrt", half=False).precision == "fp32"
    assert settings_for("tensorrt", int8=True).precision == "int8"
    for wrong in ({"precision": "fp8"}, {"patch": (16, 0, 16)}, {"batch": 0}):
        with pytest.raises(InputError):
            ExportSettings(**wrong)  # type: ignore[arg-type]
