"""Small tiles run several at a time: how many, in which groups, and that none changes another's result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from phantoms import card, network_config

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.inference.backends import installed
from UNetSegmentLib.inference.backends.openvino_backend import OpenVinoBackend, forget_compiled
from UNetSegmentLib.inference.engine import _batches
from UNetSegmentLib.inference.memory import ladder
from UNetSegmentLib.models import load_model
from UNetSegmentLib.networks import build

CPU = torch.device("cpu")


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def backend(two_threads: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenVinoBackend:
    """Two tiles at the same time."""
    if installed.version_of("openvino") is None:
        pytest.skip("not installed: openvino")
    monkeypatch.setattr(Path, "home", classmethod(lambda cls: tmp_path))
    forget_compiled()
    torch.manual_seed(0)
    return OpenVinoBackend([build(network_config(3)).eval().requires_grad_(False)], 3, batch=4)


def test_a_tile_gets_the_same_bits_alone_and_among_others(backend: OpenVinoBackend) -> None:
    tiles = torch.randn(5, 1, 16, 12, 20)
    together = backend.predict(tiles)
    kept = together.clone()
    assert torch.equal(together, torch.cat([backend.predict(tile[None]) for tile in tiles]))
    assert torch.equal(together, kept)
    with torch.inference_mode():
        reference = backend._modules[0](tiles)
    torch.testing.assert_close(together, reference, rtol=1e-4, atol=1e-4)


def test_a_wrong_tile_is_refused_and_the_next_one_runs(backend: OpenVinoBackend) -> None:
    tiles = torch.randn(3, 1, 16, 12, 20)
    before = backend.predict(tiles)
    (network,) = backend._networks[(1, 1, 16, 12, 20)]
    with pytest.raises(ModelError, match="compiled for"):
        network(torch.zeros(2, 1, 16, 12, 16))
    assert torch.equal(backend.predict(tiles), before)


def test_one_that_fails_is_reported_after_the_others_are_done(backend: OpenVinoBackend) -> None:
    tiles = torch.randn(4, 1, 16, 12, 20)
    before = backend.predict(tiles)
    (network,) = backend._networks[(1, 1, 16, 12, 20)]

    class Broken:
        def __init__(self, request: object) -> None:
            self._request, self.waits = request, 0

        def __getattr__(self, name: str) -> object:
            return getattr(self._request, name)

        def wait(self) -> None:
            self.waits += 1
            self._request.wait()
            if self.waits > 1:
                raise RuntimeError("it broke")

    network._requests[1], whole = Broken(network._requests[1]), network._requests[1]
    with pytest.raises(RuntimeError, match="it broke"):
        backend.predict(tiles)
    network._requests[1] = whole
    assert torch.equal(backend.predict(tiles), before)


@given(count=st.integers(0, 60), size=st.integers(1, 9))
def test_batches_keep_the_order_and_leave_no_tile_alone(count: int, size: int) -> None:
    tiles = [(n, 0, 0) for n in range(count)]
    batches = list(_batches(iter(tiles), size))
    assert [tile for batch in batches for tile in batch] == tiles
    assert all(1 <= len(batch) <= size for batch in batches)
    assert len(batches) == -(-count // size)
    assert size <= 2 or count == 1 or all(len(batch) > 1 for batch in batches)


def test_small_tiles_come_several_at_a_time_and_large_ones_alone(two_threads: None) -> None:
    model = load_model("hippocampus-t1").card
    plans = [next(ladder(model, CPU, (200, 200, 200), patch, 0, half=False)) for patch in ((40, 56, 40), (96, 96, 96))]
    assert [plan.batch for plan in plans] == [4, 1]
    flat = card(dimension=2, patch=(1, 64, 64))
    assert next(ladder(flat, CPU, (3, 200, 200), (1, 64, 64), 0, half=False)).batch == 4
