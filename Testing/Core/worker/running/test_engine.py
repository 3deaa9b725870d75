"""The engine's keeping of models, with stand-ins for the library."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from worker_helpers import GEOMETRY, volume

from UNetSegmentLib.errors import Cancelled, ModelError, OutputError, ResourceError
from UNetSegmentLib.labels import Label
from UNetSegmentLib.progress import CancelToken
from UNetSegmentLib.volume import Segmentation, Volume
from UNetSegmentLib.worker.exchange.mapped import read_array, write_array
from UNetSegmentLib.worker.protocol.encoding import Load, Segment, Unload, VolumeFile
from UNetSegmentLib.worker.running.engine import LOW_MEMORY, CoreEngine
from UNetSegmentLib.worker.running.warm import CAPACITY


class World:
    """Packages on the disk, and what the engine does with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loaded: list[str] = []
        self.made: list[tuple[str, str]] = []
        self.free = 100 * LOW_MEMORY
        self.failures: list[BaseException] = []
        self.maps: Volume | None = None
        self.engine = CoreEngine(self._load, self._make, lambda: self.free)

    def package(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(exist_ok=True)
        (path / "model.json").write_text(f"{name} 1")
        return path

    def _load(self, name: str) -> Any:
        self.loaded.append(name)
        if not (self.folder / name).is_dir():
            raise ModelError(f"no {name}")
        card = SimpleNamespace(name=name, version="1.0")
        return SimpleNamespace(card=card, folder=self.folder / name, network=lambda fold: None)

    def _make(self, model: Any, request: Any) -> Any:
        self.made.append((model.card.name, request.device))
        return SimpleNamespace(segment=self._segment)

    def _segment(self, image: Any, **options: Any) -> Any:
        if self.failures:
            raise self.failures.pop(0)
        voxels = (image.voxels[0] > 0).astype(np.uint8)
        return SimpleNamespace(
            segmentation=Segmentation(voxels, image.geometry, (Label(1, "blob"),)),
            probabilities=self.maps,
            uncertainty=None,
            timings={"segment": 1.0},
            warnings=["a warning"],
            settings={"tiles": np.int64(3)},
        )

    def segment(self, model: str, number: int = 1, **changes: Any) -> Any:
        path = self.folder / f"in-{number}-{len(self.made)}-{len(self.loaded)}.raw"
        path.unlink(missing_ok=True)
        image = VolumeFile(write_array(volume().voxels, path), GEOMETRY)
        request = Segment(number, (image,), model, str(self.folder), **changes)
        result = self.engine.segment(request, lambda event: None, CancelToken())
        read = read_array(result.voxels)
        Path(result.voxels.path).unlink()
        assert np.array_equal(read, volume().voxels[0] > 0)
        return result


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    for name in "abcdef":
        world.package(name)
    return world


def test_a_result_tells_the_run(world: World) -> None:
    result = world.segment("a")
    assert (result.model, result.version, result.warnings) == ("a", "1.0", ("a warning",))
    assert result.labels == (Label(1, "blob"),) and result.geometry == GEOMETRY
    assert set(result.timings) == {"segment", "write", "total"}


def test_the_second_request_finds_the_model_warm(world: World) -> None:
    assert [world.segment("a").warm, world.segment("a").warm] == [False, True]
    assert world.loaded == ["a"] and world.made == [("a", "auto")]


def test_other_settings_keep_the_model_but_not_the_segmenter(world: World) -> None:
    world.segment("a")
    assert world.segment("a", device="cpu").warm
    world.segment("a", device="cpu")
    assert world.loaded == ["a"] and world.made == [("a", "auto"), ("a", "cpu")]


def test_a_package_that_changed_is_loaded_again(world: World) -> None:
    world.segment("a")
    (world.folder / "a" / "model.json").write_text("a 2")
    assert not world.segment("a").warm
    assert world.loaded == ["a", "a"]


def test_the_least_recently_used_model_goes(world: World) -> None:
    for name in "abc"[:CAPACITY]:
        world.segment(name)
    world.segment("a")
    world.segment("d")
    world.segment("a")
    assert world.loaded == ["a", "b", "c", "d"]
    world.segment("b")
    assert world.loaded[-1] == "b"


def test_load_warms_and_unload_drops(world: World) -> None:
    loaded = world.engine.load(Load(1, "a"), CancelToken())
    assert (loaded.model, loaded.warm, Path(loaded.folder).name) == ("a", False, "a")
    assert world.segment("a").warm
    assert world.engine.unload(Unload(2, "x")).models == ()
    assert world.engine.unload(Unload(2, "a")).models == ("a",)
    assert not world.segment("a").warm
    world.segment("b")
    assert world.engine.unload(Unload(3)).models == ("a", "b")


def test_scarce_memory_drops_what_is_warm_before_loading(world: World, library_log: list[str]) -> None:
    world.segment("a")
    world.free = LOW_MEMORY - 1
    world.segment("b")
    assert "Memory is short" in "\n".join(library_log)
    assert world.engine.unload(Unload(1)).models == ("b",)


@pytest.mark.parametrize("error", [ResourceError("The GPU is full."), MemoryError()])
def test_out_of_memory_drops_everything_and_tries_once_more(
    world: World, error: BaseException, library_log: list[str]
) -> None:
    world.segment("a"), world.segment("b")
    world.failures = [error]
    assert not world.segment("b").warm
    assert "dropped (a, b); trying again" in "\n".join(library_log)
    world.failures = [ResourceError("full"), MemoryError()]
    with pytest.raises(ResourceError, match="Memory ran out"):
        world.segment("b")
    assert world.segment("b").model == "b"


def test_out_of_memory_after_a_cancel_is_not_tried_again(world: World) -> None:
    world.failures = [ResourceError("full")]
    token = CancelToken()

    def work() -> None:
        token.cancel()
        raise world.failures.pop()

    with pytest.raises(Cancelled):
        world.engine._with_relief(work, token)


def test_the_warm_up_runs(world: World, library_log: list[str]) -> None:
    world.engine.warm_up()
    assert not library_log


def test_a_model_that_is_not_there(world: World) -> None:
    with pytest.raises(ModelError):
        world.segment("nowhere")
    with pytest.raises(ModelError):
        world.engine.load(Load(1, "nowhere"), CancelToken())


def test_a_result_that_cannot_be_written_leaves_nothing(world: World, tmp_path: Path) -> None:
    world.maps = Volume(np.zeros((1, 2, 3, 4), np.float32), GEOMETRY)
    (tmp_path / "result-1-probabilities.raw").mkdir()
    before = set(tmp_path.iterdir())
    with pytest.raises(OutputError):
        world.segment("a")
    assert [p.name for p in set(tmp_path.iterdir()) - before if "in-" not in p.name] == []


@pytest.mark.parametrize(
    ("blocked", "words"),
    [
        ("torch", "torch is not installed."),
        ("safetensors.torch", "safetensors is not installed."),
        ("UNetSegmentLib.inference", "does not work"),
    ],
)
def test_a_broken_installation_is_told_not_raised(
    blocked: str, words: str, monkeypatch: pytest.MonkeyPatch, block: Callable[[str], None]
) -> None:
    block(blocked)
    problem = CoreEngine().probe().problem
    assert problem is not None and problem.code == "missing-package"
    assert words in problem.cause and problem.cure and "Traceback" in problem.detail


def test_everything_that_is_missing_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torch", "safetensors"):
        monkeypatch.setitem(sys.modules, name, None)
    problem = CoreEngine().probe().problem
    assert problem is not None
    assert "torch" in problem.cause and "safetensors" in problem.cause
    assert "pip install" in problem.cure and "torch" in problem.cure and "safetensors" in problem.cure


@pytest.fixture
def block(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def make(name: str) -> None:
        # None in sys.modules makes its import fail as that of a missing module.
        monkeypatch.setitem(sys.modules, name, None)
        parent, _, child = name.rpartition(".")
        if parent:
            monkeypatch.delattr(sys.modules[parent], child, raising=False)

    return make
