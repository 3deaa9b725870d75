"""A second case costs the network alone: what the first one found out, compiled and took is still there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.inference import EngineSettings, Segmenter, runner
from UNetSegmentLib.inference.backends import allocation, compiled_cache, installed, trial, verdicts
from UNetSegmentLib.inference.backends import openvino_backend as openvino_module
from UNetSegmentLib.models import Model, load_model
from UNetSegmentLib.networks import costs
from UNetSegmentLib.volume import Volume


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each of the things happened that need to be done only once."""
    monkeypatch.setattr(Path, "home", classmethod(lambda cls: tmp_path))
    openvino_module.forget_compiled()
    counter: Counter[str] = Counter()

    def count(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def counting(*arguments: Any, **named: Any) -> Any:
            counter[name] += 1
            return real(*arguments, **named)

        monkeypatch.setattr(owner, name, counting)

    count(runner, "make_backend")
    count(runner, "split_head")
    count(allocation, "_enter")
    count(allocation, "_leave")
    count(openvino_module, "to_openvino")
    count(compiled_cache.CompiledCache, "get")
    count(openvino_module.CompiledNetwork, "__init__")
    count(openvino_module.CompiledNetwork, "release")
    count(verdicts.VerdictBook, "_read")
    count(Model, "_build")
    return counter


def case(*shape: int) -> Volume:
    rng = np.random.default_rng(0)
    return Volume(rng.normal(100, 20, (1, *shape)).astype(np.float32), Geometry(shape[::-1]), "noise")


@pytest.mark.parametrize("backend", ["torch", "openvino", "auto"])
def test_a_case_of_another_size_repeats_nothing(
    backend: str, calls: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if backend == "openvino" and installed.version_of("openvino") is None:
        pytest.skip("not installed: openvino")
    # No time passes, so that no trial is ever due.
    monkeypatch.setattr(trial, "time", SimpleNamespace(perf_counter=lambda: 0.0))
    segmenter = Segmenter(load_model("hippocampus-t1"), "cpu", settings=EngineSettings(backend=backend))
    segmenter.segment(case(40, 70, 40))
    assert calls["make_backend"] == calls["_build"] == 1  # the counters work
    assert calls["to_openvino"] == (backend == "openvino")
    worked_out = costs._cost.cache_info().misses
    calls.clear()
    for shape in ((40, 90, 40), (44, 64, 40)):
        segmenter.segment(case(*shape))
    assert calls == {}
    assert costs._cost.cache_info().misses == worked_out


def test_what_was_kept_goes_with_the_networks(calls: Counter[str]) -> None:
    model = load_model("hippocampus-t1")
    segmenter = Segmenter(model, "cpu", settings=EngineSettings(backend="torch"))
    segmenter.segment(case(40, 70, 40))
    # Others use the model too, and may release it behind the segmenter's back.
    model.release()
    segmenter.segment(case(40, 70, 40))
    assert calls["make_backend"] == calls["_build"] == 2
    if calls["_enter"]:  # not where memory is short, or the C library another one
        assert calls["_enter"] - calls["_leave"] == 1


def test_large_maps_are_not_held_between_cases(calls: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_KEPT_BYTES", 1 << 20)
    segmenter = Segmenter(load_model("hippocampus-t1"), "cpu", settings=EngineSettings(backend="torch"))
    for _ in range(2):
        segmenter.segment(case(40, 70, 40))
    assert calls["make_backend"] == 2
    assert calls["_enter"] == calls["_leave"]


def test_a_second_request_of_a_worker_repeats_nothing(calls: Counter[str], tmp_path: Path) -> None:
    from UNetSegmentLib.progress import CancelToken
    from UNetSegmentLib.worker.exchange.mapped import write_array
    from UNetSegmentLib.worker.protocol.encoding import Segment, VolumeFile
    from UNetSegmentLib.worker.running.engine import CoreEngine

    engine = CoreEngine()

    def request(number: int, *shape: int) -> None:
        volume = case(*shape)
        file = VolumeFile(write_array(volume.voxels, tmp_path / f"in-{number}.raw"), volume.geometry)
        wanted = Segment(number, (file,), "hippocampus-t1", str(tmp_path), device="cpu", settings={"backend": "torch"})
        engine.segment(wanted, lambda event: None, CancelToken())

    request(1, 40, 70, 40)
    assert calls["make_backend"] == calls["_build"] == 1
    calls.clear()
    request(2, 40, 90, 40)
    assert calls == {}
