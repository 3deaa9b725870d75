"""The number of threads of a training: the one that is quickest while it is measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from layout_cases import nnunet

from UNetSegmentLib.training.layouts import open_layout
from UNetSegmentLib.training.planning import Preferences, Request, plan, plan_training
from UNetSegmentLib.training.planning.threads import quickest_of, quickest_threads


def idle(cores: int) -> Callable[[int], float]:
    """Work that shares perfectly, on cores of which nobody else takes one."""
    return lambda threads: 1.0 / min(threads, cores)


def busy(free: int) -> Callable[[int], float]:
    """Work whose threads wait for each other, on cores of which ``free`` are left: one thread more costs tenfold."""
    return lambda threads: (1.0 if threads <= free else 10.0) / threads


@pytest.mark.parametrize("most", [2, 3, 8, 64])
def test_an_idle_machine_is_used_whole(most: int) -> None:
    assert quickest_of(most, idle(most)) == most


@pytest.mark.parametrize(
    ("most", "free", "best"), [(2, 1, 1), (8, 4, 4), (8, 3, 2), (6, 2, 1), (6, 3, 3), (64, 16, 16), (12, 6, 6)]
)
def test_a_busy_machine_gets_fewer_threads(most: int, free: int, best: int) -> None:
    assert quickest_of(most, busy(free)) == best


def test_a_little_quicker_is_not_enough() -> None:
    """Memory that all threads wait for: half of them are as quick, and the measurement is noisy."""
    assert quickest_of(8, lambda threads: 1.0 + threads / 1000) == 8


def test_one_slow_round_changes_nothing() -> None:
    calls = iter(range(1000))
    assert quickest_of(2, lambda threads: 50.0 if next(calls) == 2 else 1.0 / threads) == 2


def test_a_slow_machine_is_measured_once_after_warming_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = [0.0], []

    def seconds(threads: int) -> float:
        asked.append(threads)
        now[0] += 2.0
        return 2.0

    monkeypatch.setattr("UNetSegmentLib.training.planning.threads.time.perf_counter", lambda: now[0])
    assert quickest_of(2, seconds) == 2
    assert asked == [2, 1, 2, 1]


def test_one_thread_and_other_devices_are_left_alone() -> None:
    """Without a measurement: torch has one thread in these tests."""
    assert torch.get_num_threads() == 1
    assert quickest_threads(torch.device("cpu")) == 0 and quickest_threads(torch.device("cuda")) == 0


def test_measured_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("UNetSegmentLib.training.planning.threads._ROUNDS", 1)
    torch.set_num_threads(2)
    assert quickest_threads(torch.device("cpu")) in (0, 1)
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("asked", "steps", "threads"), [(0, None, 1), (2, None, 2), (0, 5, 0)], ids=["measured", "asked for", "steps given"]
)
def test_the_plan_holds_and_tells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: int, steps: int | None, threads: int
) -> None:
    nnunet(tmp_path / "data")
    monkeypatch.setattr(plan, "quickest_threads", lambda device: 1)
    monkeypatch.setattr(plan, "measure_speed", lambda device, dimension: plan.Speed(8 << 30, 3e10))
    request = Request(str(tmp_path / "run"), minutes=0.01, device="cpu", threads=asked)
    made = plan_training(open_layout(tmp_path / "data"), request, Preferences(steps=steps, patch=(8, 16, 16)))
    assert made.config.threads == threads
    assert any("CPU threads are used" in note for note in made.notes) == (threads == 1)
