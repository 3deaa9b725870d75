"""How many cores there are for this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from UNetSegmentLib.inference import cores


@pytest.fixture
def sixteen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)), raising=False)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def second(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "cpu.max").write_text(text) and None


def first(quota: int, period: int) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "cpu").mkdir()
        (folder / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
        (folder / "cpu" / "cpu.cfs_period_us").write_text(f"{period}\n")

    return write


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda folder: None, 16),
        (second("max 100000\n"), 16),
        (second("250000 100000\n"), 3),
        (second("20000 100000\n"), 1),
        (second("rubbish\n"), 16),
        (second(""), 16),
        (first(-1, 100000), 16),
        (first(400000, 100000), 4),
        (first(3200000, 100000), 16),
    ],
)
def test_the_limits_of_a_control_group_count(
    sixteen: None, tmp_path: Path, write: Callable[[Path], None], expected: int
) -> None:
    write(tmp_path)
    assert cores.usable_cores(tmp_path) == expected


def test_the_affinity_mask_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5}, raising=False)
    assert cores.usable_cores(tmp_path) == 2


def test_threads_in_excess_are_taken_back_and_few_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "usable_cores", lambda: 2)
    torch.set_num_threads(5)
    assert cores.use_the_cores() == torch.get_num_threads() == 2
    torch.set_num_threads(1)
    assert cores.use_the_cores() == torch.get_num_threads() == 1
