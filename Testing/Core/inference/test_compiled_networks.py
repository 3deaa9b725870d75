"""Networks compiled by OpenVINO, kept between starts: found again, made anew where they do not fit."""

from __future__ import annotations

import gc
import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from backend_networks import has, network
from torch import nn

from UNetSegmentLib.inference.backends import compiled_cache
from UNetSegmentLib.inference.backends import openvino_backend as openvino_module
from UNetSegmentLib.inference.backends.compiled_cache import CompiledCache, compiled_contents, empty_compiled
from UNetSegmentLib.inference.backends.openvino_backend import OpenVinoBackend, digest_of, forget_compiled

pytestmark = pytest.mark.usefixtures("home")


def compiled_once(modules: Sequence[nn.Module]) -> tuple[torch.Tensor, torch.Tensor]:
    """A tile and OpenVINO's answer; what it compiled is on the disk and no longer in the process."""
    tile = torch.randn(1, 1, 16, 16, 16)
    logits = OpenVinoBackend(modules, 3, key="weights").predict(tile)
    forget_compiled()
    return tile, logits


@has("openvino")
def test_a_second_start_needs_no_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = [network()]
    tile, logits = compiled_once(modules)

    def refuse(*arguments: object) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr(openvino_module, "to_openvino", refuse)
    backend = OpenVinoBackend(modules, 3, key="weights")
    assert backend.stored(tile.shape)
    assert torch.equal(backend.predict(tile), logits)
    # Other weights, another patch and another precision are other networks.
    for other, shape in (
        (OpenVinoBackend(modules, 3, key="others"), (1, 1, 16, 16, 16)),
        (OpenVinoBackend(modules, 3, key="weights"), (1, 1, 16, 16, 24)),
        (OpenVinoBackend(modules, 3, key="weights", autocast=torch.bfloat16), (1, 1, 16, 16, 16)),
    ):
        with pytest.raises(AssertionError, match="converted again"):
            other.predict(torch.zeros(shape))


@has("openvino")
def test_what_another_processor_or_version_compiled_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = [network()]
    tile, logits = compiled_once(modules)
    assert OpenVinoBackend(modules, 3, key="weights").stored(tile.shape)
    for name, other in (("processor", lambda: "another one"), ("version_of", lambda package: "99.0")):
        with monkeypatch.context() as change:
            change.setattr(openvino_module, name, other)
            backend = OpenVinoBackend(modules, 3, key="weights")
            assert not backend.stored(tile.shape)
            assert torch.equal(backend.predict(tile), logits)
            forget_compiled()


@has("openvino")
def test_the_programs_logging_is_left_alone() -> None:
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    OpenVinoBackend([network()], 3).predict(torch.zeros(1, 1, 16, 16, 16))
    assert (root.level, list(root.handlers)) == before


@has("openvino")
@pytest.mark.parametrize("damage", ["flipped", "short", "empty", "digest of rubbish"])
def test_a_damaged_file_is_made_anew(damage: str, caplog: pytest.LogCaptureFixture) -> None:
    modules = [network()]
    tile, logits = compiled_once(modules)
    (file,) = compiled_contents()
    content = bytearray(file.path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    elif damage == "short":
        del content[1000:]
    elif damage == "empty":
        content.clear()
    else:
        content = bytearray(hashlib.sha256(b"rubbish").digest() + b"rubbish")
    file.path.write_bytes(content)
    caplog.set_level(logging.INFO)
    assert torch.equal(OpenVinoBackend(modules, 3, key="weights").predict(tile), logits)
    assert "made anew" in caplog.text
    forget_compiled()
    assert torch.equal(OpenVinoBackend(modules, 3, key="weights").predict(tile), logits)


@has("openvino")
def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    backend = OpenVinoBackend([network()], 3, key="weights", cache=CompiledCache(tmp_path / "file"))
    assert backend.predict(torch.zeros(1, 1, 16, 16, 16)).shape == (1, 3, 16, 16, 16)


def test_the_cache_stays_below_its_limit_and_can_be_emptied(home: Path) -> None:
    cache = CompiledCache(limit=3000)
    for n in range(5):
        cache.put(f"key {n}", bytes(900))
        path = cache._path(f"key {n}")
        state = path.stat()
        compiled_cache.os.utime(path, (state.st_atime, 1000.0 + n))
    cache.get("key 2")  # used just now
    cache.put("key 5", bytes(900))
    assert [n for n in range(6) if cache.has(f"key {n}")] == [2, 4, 5]
    cache.put("too much", bytes(4000))
    assert not cache.has("too much")
    assert len(compiled_contents()) == 3
    assert cache.folder.stat().st_mode & 0o077 == 0
    assert empty_compiled() == 3 * (900 + 32)
    assert compiled_contents() == []


@has("openvino")
def test_a_model_that_is_let_go_takes_its_compiled_form_along() -> None:
    modules = [network()]
    backend = OpenVinoBackend(modules, 3, key="weights")
    backend.predict(torch.zeros(1, 1, 16, 16, 16))
    assert len(openvino_module._compiled) == 1
    del backend, modules
    gc.collect()
    assert len(openvino_module._compiled) == 0


def test_the_digest_tells_weights_apart() -> None:
    assert digest_of([network(seed=0)]) == digest_of([network(seed=0)]) != digest_of([network(seed=1)])
