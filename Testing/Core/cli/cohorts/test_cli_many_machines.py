"""The page on many machines: its SLURM scripts run here, with a shell and stand-ins for what SLURM brings."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from UNetSegmentLib.io import write_volume
from UNetSegmentLib.volume import Volume

PAGE = Path(__file__).resolve().parents[4] / "Resources" / "Docs" / "many-machines.md"
BASH = shutil.which("bash")
NOTED = """#!{python}
import json, pathlib, sys
with open({log!r}, "a") as file:
    file.write(json.dumps([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]) + "\\n")
print(17)
"""


def blocks() -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def script() -> str:
    return next(block for block in blocks() if block.startswith("#!/bin/bash"))


@pytest.fixture
def shell(tmp_path: Path) -> Callable[..., list[list[str]]]:
    """Runs a script where ``unetsegment`` and ``sbatch`` only note what they were called with; the calls."""
    if BASH is None or sys.platform == "win32":
        pytest.skip("needs bash")
    log, programs = tmp_path / "calls", tmp_path / "bin"
    programs.mkdir()
    for name in ("unetsegment", "sbatch"):
        (programs / name).write_text(NOTED.format(python=sys.executable, log=str(log)))
        (programs / name).chmod(0o755)

    def run_script(text: str, **variables: str) -> list[list[str]]:
        log.unlink(missing_ok=True)
        env = {"PATH": f"{programs}:/usr/bin:/bin", **variables}
        subprocess.run([BASH, "-euo", "pipefail", "-c", text], env=env, cwd=tmp_path, check=True)
        return [json.loads(line) for line in log.read_text().splitlines()]

    return run_script


def test_the_array_runs_its_parts_and_the_job_behind_it_joins_them(
    shell: Callable[..., list[list[str]]],
    run: Callable[..., Result],
    tmp_path: Path,
    level_package: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        (tmp_path / "scans").mkdir(exist_ok=True)
        voxels = np.zeros((10, 12, 14), np.float32)
        voxels[2:8, 2:9, number:8] = 1
        write_volume(Volume.from_array(voxels), tmp_path / "scans" / f"s{number}.nii.gz")
    listing = next(line for line in PAGE.read_text(encoding="utf-8").splitlines() if "--list" in line)
    assert command(run, shlex.split(listing), level_package).exit_code == 0

    variables = {"SLURM_CPUS_PER_TASK": "1", "SLURM_ARRAY_TASK_COUNT": "2"}
    (first,) = shell(script(), **variables, SLURM_ARRAY_TASK_ID="1")
    (second,) = shell(script(), **variables, SLURM_ARRAY_TASK_ID="2")
    assert command(run, first, level_package).exit_code == 0
    sent, behind = shell(next(block for block in blocks() if "--dependency" in block))
    assert sent[-1] == "cohort.sbatch" and "--dependency=afterany:17" in behind
    join = shlex.split(behind[-1])
    early = command(run, join, level_package)
    assert early.exit_code == 1 and "Part 2 of 2 has not begun." in early.output
    assert command(run, second, level_package).exit_code == 0
    assert command(run, join, level_package).exit_code == 0
    with (tmp_path / "results" / "cases.csv").open(newline="", encoding="utf-8") as file:
        assert [(row["case"], row["status"]) for row in csv.DictReader(file)] == [(f"s{n}", "done") for n in range(3)]


def test_the_directives_are_slurms() -> None:
    directives = [line for line in script().splitlines() if line.startswith("#SBATCH")]
    known = {"job-name", "array", "cpus-per-task", "mem", "time", "requeue"}
    assert {line.split()[1].removeprefix("--").partition("=")[0] for line in directives} == known
    assert script().index(directives[-1]) < script().index("unetsegment"), "SLURM reads none behind a command"


def command(run: Callable[..., Result], words: list[str], model: Path) -> Result:
    """A command of the page with a model that is there."""
    words = [str(model) if word == "hippocampus-t1" else word for word in words]
    return run(*words[1:], *([] if "--join" in words else ["--no-preview"]))
