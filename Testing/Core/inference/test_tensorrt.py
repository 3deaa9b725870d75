"""TensorRT engines against a stand-in of its interface: how they are built, run, kept, and where they are refused."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import tensorrt_stand_in as stand_in
import torch
from torch import nn

from UNetSegmentLib.errors import DependencyError, InputError, ModelError, ResourceError
from UNetSegmentLib.inference.backends import engine_facts
from UNetSegmentLib.inference.backends.choice import make_backend
from UNetSegmentLib.inference.backends.compiled_cache import CompiledCache
from UNetSegmentLib.inference.backends.engine_facts import EngineFacts, check_facts, facts_text, read_facts, sidecar
from UNetSegmentLib.inference.backends.half import HalfInside
from UNetSegmentLib.inference.backends.onnx_backend import exported
from UNetSegmentLib.inference.backends.request import BackendRequest
from UNetSegmentLib.inference.backends.tensorrt_backend import TensorRtBackend
from UNetSegmentLib.inference.backends.tensorrt_engine import (
    BuildOptions,
    TensorRtNetwork,
    build_engine,
    check_gpu,
    load_tensorrt,
    shapes_for,
)

for _package in ("onnx", "onnxruntime"):
    pytest.importorskip(_package, reason=f"{_package} is not installed")

CPU = torch.device("cpu")
SHAPE = (2, 1, 8, 8, 8)
OPTIONS = BuildOptions(SHAPE, SHAPE, SHAPE)


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = stand_in.tensorrt()
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    return module


def network() -> nn.Module:
    torch.manual_seed(1)
    layers = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.InstanceNorm3d(4, affine=True), nn.Conv3d(4, 3, 1))
    return layers.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def file() -> bytes:
    return exported(network(), SHAPE)


# -- building ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "precision", "flags", "creation"),
    [
        ("10.3.0", "fp16", {"FP16", "TF32"}, 0),
        ("10.3.0", "int8", {"FP16", "INT8", "TF32"}, 0),
        ("10.3.0", "fp32", set(), 0),
        ("11.4.0.106", "fp16", {"TF32"}, 0),
        ("11.4.0.106", "int8", {"TF32"}, 0),
        ("11.4.0.106", "fp32", set(), 0),
    ],
)
def test_flags_for_10_and_none_for_11(
    monkeypatch: pytest.MonkeyPatch, file: bytes, version: str, precision: str, flags: set[str], creation: int
) -> None:
    module = stand_in.tensorrt(version)
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    build_engine(file, dataclasses.replace(OPTIONS, precision=precision, workspace=123))
    ((built, config),) = module.built
    assert {flag.name for flag in config.flags} == flags
    assert (built.flags, config.workspace) == (creation, 123)


def test_11_is_asked_for_strong_types_where_it_still_has_the_flag(monkeypatch: pytest.MonkeyPatch, file: bytes) -> None:
    module = stand_in.tensorrt("11.0.0")
    module.NetworkDefinitionCreationFlag = stand_in.tensorrt("10.0").NetworkDefinitionCreationFlag  # type: ignore
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    build_engine(file, OPTIONS)
    assert module.built[0][0].flags == 1 << int(module.NetworkDefinitionCreationFlag.STRONGLY_TYPED)


def test_shapes_of_a_free_patch_go_from_two_strides_to_the_patch() -> None:
    options = shapes_for(2, (64, 96, 8), 4, (16, 16, 8))
    assert (options.least, options.usual, options.largest) == (
        (1, 2, 32, 32, 8),
        (4, 2, 64, 96, 8),
        (4, 2, 64, 96, 8),
    )
    assert shapes_for(1, (64, 64), 1, None).least == (1, 1, 64, 64)


@pytest.mark.parametrize(("trouble", "words"), [("parses", "reason 0; reason 1"), ("builds", "could not build")])
def test_what_tensorrt_refuses_is_an_error(
    monkeypatch: pytest.MonkeyPatch, file: bytes, trouble: str, words: str
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", stand_in.tensorrt(**{trouble: False}))
    with pytest.raises(ModelError) as caught:
        build_engine(file, OPTIONS)
    assert words in f"{caught.value} {caught.value.detail}"


def test_without_tensorrt_or_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(DependencyError, match="pip install tensorrt"):
        load_tensorrt()
    monkeypatch.setitem(sys.modules, "tensorrt", stand_in.tensorrt("8.6.1"))
    with pytest.raises(DependencyError, match="too old"):
        load_tensorrt()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ResourceError, match="--onnx"):
        check_gpu()


# -- running ----------------------------------------------------------------------------------------------------------


def test_an_engine_gives_torchs_answers(trt: ModuleType, file: bytes) -> None:
    run = TensorRtNetwork(build_engine(file, OPTIONS), CPU)
    image = torch.randn(SHAPE)
    torch.testing.assert_close(run(image), network()(image), rtol=1e-4, atol=1e-4)
    # More than it takes at once; a view that is not contiguous.
    many = torch.randn(4, 1, 8, 8, 8).transpose(2, 4)
    torch.testing.assert_close(run(many), network()(many), rtol=1e-4, atol=1e-4)
    with pytest.raises(ModelError, match="2 x 1 x 8 x 8 x 16"):
        run(torch.zeros(2, 1, 8, 8, 16))


def test_bytes_that_are_no_engine(trt: ModuleType) -> None:
    with pytest.raises(ModelError, match="cannot load"):
        TensorRtNetwork(b"\1\2\3", CPU)


def test_half_inside_keeps_norms_single() -> None:
    half = HalfInside(network())
    assert half.network[0].weight.dtype == torch.float16
    assert half.network[1].module.weight.dtype == torch.float32
    # A map whose sum of squares no half-precision number holds.
    image = 300 * torch.randn(1, 1, 8, 8, 8)
    expected = network()(image)
    assert (half(image) - expected).abs().max() < 0.01 * expected.abs().max()
    assert network()[0].weight.dtype == torch.float32


# -- the backend ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("autocast", [None, torch.float16])
def test_the_backend_gives_torchs_answers_and_keeps_its_engines(
    trt: ModuleType, tmp_path: Path, autocast: torch.dtype | None
) -> None:
    first, image = network(), torch.randn(3, 1, 8, 8, 8)
    tolerance = 1e-4 if autocast is None else 2e-2
    expected = (first(image) + first(image.flip(4)).flip(4)) / 2
    for built in (1, 1):
        cache = CompiledCache(tmp_path)
        backend = TensorRtBackend([first], 3, CPU, (2,), 2, autocast, "key", cache)
        torch.testing.assert_close(backend.predict(image), expected, rtol=tolerance, atol=tolerance)
        assert len(trt.built) == built  # the second time from the cache
        assert backend.passes == 2
    trt.__version__ = "10.9"
    TensorRtBackend([first], 3, CPU, (2,), 2, autocast, "key", CompiledCache(tmp_path)).predict(image)
    assert len(trt.built) == 2


def test_the_backend_is_refused_without_its_package_and_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from UNetSegmentLib.inference.backends import choice, installed

    request = BackendRequest([network()], 3, CPU, name="tensorrt")
    monkeypatch.setattr(installed, "version_of", lambda package: None)
    with pytest.raises(DependencyError, match="pip install tensorrt"):
        make_backend(request)
    monkeypatch.setattr(choice, "check_backend", lambda name: None)
    with pytest.raises(InputError, match="NVIDIA GPU only, not on cpu"):
        make_backend(request)


def test_the_backend_has_no_bf16(trt: ModuleType) -> None:
    with pytest.raises(InputError, match="fp32 or fp16"):
        TensorRtBackend([network()], 3, CPU, autocast=torch.bfloat16)


# -- engines of other devices -----------------------------------------------------------------------------------------


CONTENT = b"engine"


def facts(**changes: str) -> EngineFacts:
    plain = EngineFacts(
        tensorrt="10.3.0",
        device="Orin (8.7)",
        driver=engine_facts.driver_here(),
        platform=engine_facts.platform_here(),
        model="small 2",
        precision="fp16",
        shapes=(SHAPE, SHAPE, SHAPE),
        engine=hashlib.sha256(CONTENT).hexdigest(),
        network="0" * 64,
        command="unetsegment export small --tensorrt small.engine --force",
    )
    return dataclasses.replace(plain, **changes)


def test_facts_come_back_from_their_file(tmp_path: Path) -> None:
    engine = tmp_path / "small.engine"
    sidecar(engine).write_text(facts_text(facts()))
    assert sidecar(engine).name == "small.engine.json"
    assert read_facts(engine) == facts()
    check_facts(facts(), "small.engine", CONTENT, "10.3.0", "Orin (8.7)")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tensorrt": "10.7.0"}, "TensorRT 10.7.0, here 10.3.0"),
        ({"device": "Xavier (7.2)"}, "GPU Xavier (7.2), here Orin (8.7)"),
        ({"driver": "99.9"}, "CUDA driver 99.9, here"),
        ({"platform": "Windows ARM"}, "system Windows ARM, here"),
        ({"engine": "1" * 64}, "not the one"),
    ],
)
def test_an_engine_of_something_else_is_refused_with_the_command_that_builds_it(
    changes: dict[str, str], words: str
) -> None:
    with pytest.raises(ModelError) as caught:
        check_facts(facts(**changes), "small.engine", CONTENT, "10.3.0", "Orin (8.7)")
    assert words in caught.value.cause
    assert "unetsegment export small --tensorrt small.engine --force" in caught.value.cure


@pytest.mark.parametrize("text", [None, "{", "[]", json.dumps({"tensorrt": "10"}), "null"])
def test_an_engine_that_nothing_describes_is_refused(tmp_path: Path, text: str | None) -> None:
    engine = tmp_path / "small.engine"
    if text is not None:
        sidecar(engine).write_text(text)
    with pytest.raises(ModelError) as caught:
        read_facts(engine)
    assert "unetsegment export" in caught.value.cure
