"""Fifty sessions of corrections whose workers are killed at random moments."""

from __future__ import annotations

from pathlib import Path

from killing import Killer


def test_fifty_killed_workers_lose_no_stroke(tmp_path: Path) -> None:
    killer = Killer(tmp_path)
    try:
        rows = [killer.session(seed) for seed in range(50)]
    finally:
        killer.close()
    assert [row for row in rows if not (row.replaced and row.equal)] == []
    # They were caught at their work, and between.
    assert {"working", "waiting"} <= {row.doing for row in rows}
    assert not list(tmp_path.iterdir())
