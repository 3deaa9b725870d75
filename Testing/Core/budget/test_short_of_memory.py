"""Too little memory, at whatever stage of a run it shows, is a sentence: never an abort, never a defect."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MB = 1 << 20
NO_THREAD = "cannot allocate memory for thread-local data: ABORT"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space")
def test_a_run_short_of_memory_ends_in_a_sentence_or_in_a_result(tmp_path: Path) -> None:
    limits = [n * MB for n in (0, 6, 20, 45, 55, 70, 85, 1000)]
    command = [sys.executable, str(Path(__file__).with_name("short_of_memory.py")), str(tmp_path), *map(str, limits)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "inference"), "OMP_NUM_THREADS": "1"}
    for _ in range(4):
        done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
        # The C library ends a process by itself where a thread finds no memory for its own variables: no code of
        # Python's is asked. It depends on what lies where, so that another try may come through.
        if NO_THREAD not in done.stderr:
            break
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    endings = [line.split(" ", 1)[1] for line in lines]
    assert len(endings) == len(limits), done.stdout
    for line in endings:
        assert line == "done" or (line.startswith("no-resources: ") and "memory" in line.lower() and "free" in line), (
            line
        )
    assert endings[-1] == "done" and endings[0] != "done"
