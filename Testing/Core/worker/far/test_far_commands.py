"""The command line with a far worker: the same files as without, and what it says of a host."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from loopback_sshd import LoopbackHost
from typer.testing import CliRunner, Result

from UNetSegmentLib.cli.app import app
from UNetSegmentLib.cli.options.where import with_worker_value
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import read_segmentation, write_volume
from UNetSegmentLib.volume import Volume

GRID = Geometry((30, 24, 20), (1.0, 1.5, 2.0), (-15.0, 18.0, -20.0), (1, 0, 0, 0, -1, 0, 0, 0, 1))


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes on what commands have written stay with the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def image(folder: Path) -> Path:
    voxels = np.zeros((1, *GRID.shape), np.float32)
    voxels[0, 2:12, 3:13, 4:16] = 1
    voxels[0, 14:18, 3:13, 4:16] = 2
    write_volume(Volume(voxels, GRID), folder / "image.nii.gz")
    return folder / "image.nii.gz"


def test_segment_and_refine_write_the_same_files(loopback: LoopbackHost, level_package: Path, tmp_path: Path) -> None:
    source, url = image(tmp_path), loopback.host().url
    far = ("--worker", url, "--ssh", loopback.ssh_text)
    here, there = tmp_path / "here.seg.nrrd", tmp_path / "there.seg.nrrd"
    for target, more in ((here, ()), (there, (*far, "--send-model"))):
        result = run("segment", source, target, "-m", level_package, "--device", "cpu", "--backend", "torch", *more)
        assert result.exit_code == 0, result.output
    assert here.read_bytes() == there.read_bytes()
    prompt = ("--segment", "1", "--exclude", "5,-3,-8")
    for target, more in ((tmp_path / "here2.seg.nrrd", ()), (tmp_path / "there2.seg.nrrd", far)):
        result = run("refine", source, here, target, *prompt, *more)
        assert result.exit_code == 0, result.output
    first, second = (read_segmentation(tmp_path / f"{name}2.seg.nrrd") for name in ("here", "there"))
    assert np.array_equal(first.voxels, second.voxels)
    assert not np.array_equal(first.voxels, read_segmentation(here).voxels)


def test_doctor_tells_what_a_host_has(loopback: LoopbackHost) -> None:
    result = run("doctor", "--worker", loopback.host().url, "--ssh", loopback.ssh_text)
    assert result.exit_code == 0, result.output
    for word in ("Reachable", "Python", "torch", "cpu", "Round trip", "MB/s", "All is well"):
        assert word in result.stdout
    refused = run("doctor", "--worker", "ssh://refused", "--ssh", loopback.ssh_text, "--json")
    told = json.loads(refused.stdout)
    assert refused.exit_code == 8 and told["problem"]["code"] == "far-unreachable" and not told["healthy"]


def test_a_host_that_is_not_there_is_an_error_and_writes_nothing(
    loopback: LoopbackHost, level_package: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.nii.gz"
    where = ("--worker", "ssh://closed", "--ssh", loopback.ssh_text)
    result = run("segment", image(tmp_path), target, "-m", level_package, *where)
    assert result.exit_code == 8 and "refuses connections" in result.stderr and not target.exists()


def test_options_that_make_no_sense(level_package: Path, tmp_path: Path) -> None:
    words = ("segment", image(tmp_path), tmp_path / "out.nii.gz", "-m", level_package)
    for code, *more in (
        (2, "--ssh", "ssh"),
        (2, "--send-model", "--worker"),
        (3, "--worker=gpu"),
        (3, "--worker", "ssh://-x"),
    ):
        result = run(*words, *more)
        assert result.exit_code == code, result.output


def test_worker_may_stand_alone() -> None:
    assert with_worker_value(["--worker"]) == ["--worker=here"]
    assert with_worker_value(["a", "--worker", "ssh://gpu", "b"]) == ["a", "--worker", "ssh://gpu", "b"]
    assert with_worker_value(["--worker", "--json"]) == ["--worker=here", "--json"]
    assert with_worker_value(["--worker", "image.nii.gz"]) == ["--worker=here", "image.nii.gz"]
    assert with_worker_value(["--worker=ssh://gpu"]) == ["--worker=ssh://gpu"]
