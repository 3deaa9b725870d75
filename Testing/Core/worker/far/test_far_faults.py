"""Hosts that refuse, lack something or die, over a real sshd: every one is told with a code and a cure."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loopback_sshd import LoopbackHost
from worker_helpers import ENVIRONMENT, Recorder, children, ended, until

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.refinement import Point
from UNetSegmentLib.volume import Volume
from UNetSegmentLib.worker.client.client import SegmentRequest, WorkerClient, WorkerState
from UNetSegmentLib.worker.errors import WorkerError
from UNetSegmentLib.worker.far.address import FarHost
from UNetSegmentLib.worker.far.check import check_host
from UNetSegmentLib.worker.far.launch import far_check_command, far_command
from UNetSegmentLib.worker.refining import RefineSession
from UNetSegmentLib.worker.transport.pipes import SubprocessTransport

BIG = Geometry((256, 256, 128), (1.0, 1.0, 1.0))


def noise() -> Volume:
    """16 MB that cannot be packed."""
    return Volume(np.random.default_rng(0).integers(0, 65536, (1, *BIG.shape), np.uint16).view(np.int16), BIG)


@pytest.mark.parametrize(
    ("alias", "words"),
    [
        ("refused", "no key of this computer fits"),
        ("unknown", "not known to this computer yet"),
        ("changed", "another one than before"),
        ("closed", "refuses connections"),
    ],
)
def test_a_host_that_is_not_reached(loopback: LoopbackHost, alias: str, words: str) -> None:
    report = check_host(FarHost(alias), loopback.ssh)
    assert report.problem is not None and not report.reachable
    assert report.problem.code == "far-unreachable" and words in report.problem.cause and report.problem.cure


def test_no_ssh_program() -> None:
    report = check_host(FarHost("gpu"), ("no-such-ssh",))
    assert report.problem is not None and report.problem.code == "far-unreachable" and "ssh" in report.problem.cure


def package_of(folder: Path, version: str, far: bool) -> Path:
    """A library of another version: this one but for its number, or one without a room for far workers."""
    real = Path(__file__).resolve().parents[4] / "UNetSegmentLib"
    package = folder / "UNetSegmentLib"
    package.mkdir(parents=True)
    (package / "version.py").write_text(f"__version__ = '{version}'\n")
    (package / "__init__.py").write_text(f"__path__.append({str(real)!r})\n" if far else "")
    if not far:
        (package / "worker").mkdir()
        (package / "worker" / "__init__.py").write_text("")
    return folder


def test_what_the_host_lacks(loopback: LoopbackHost, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    old = loopback.python("python3.8", 'echo "UNETSEGMENT-FAR python 3.8" >&2; exit 1')
    cases = {
        "/no/such/python": "far-no-python",
        str(old): "far-no-python",
        str(loopback.python("bare", "set -- -S \"$@\"", library=empty)): "far-no-library",
        str(loopback.python("older", library=package_of(tmp_path / "older", "0.0.1", far=False))): "far-version",
        str(loopback.python("newer", library=package_of(tmp_path / "newer", "9.9.9", far=True))): "far-version",
    }  # fmt: skip
    for python, code in cases.items():
        report = check_host(loopback.host(python), loopback.ssh)
        assert report.problem is not None and report.reachable, python
        assert report.problem.code == code, (python, report.problem, report.problem.detail)
        assert report.problem.cure
    assert "9.9.9" in str(report.problem) and "pip install" in report.problem.cure


def test_a_host_without_torch_and_a_login_that_prints(loopback: LoopbackHost, tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ModuleNotFoundError('No torch', name='torch')\n")
    before = f'echo "Welcome to the cluster"; printf "no line end"; PYTHONPATH="{tmp_path}"; export PYTHONPATH'
    python = loopback.python("no torch", before)
    python.write_text(python.read_text().replace(" PYTHONPATH='", f" PYTHONPATH='{tmp_path}':'"))
    command = far_check_command(loopback.host(python), loopback.ssh)
    told = subprocess.run(command, env={**os.environ, **ENVIRONMENT}, capture_output=True, check=True).stdout
    import json

    report = json.loads(told)
    assert report["reachable"] and report["problem"]["code"] == "missing-package"
    assert "torch" in report["problem"]["cause"] and "pip install" in report["problem"]["cure"]


def test_a_full_disk_there_costs_the_request_alone(loopback: LoopbackHost) -> None:
    # Files of 4 MB at most (blocks of 512 bytes).
    python = loopback.python("little room", "ulimit -f 8192")
    command = far_command(loopback.host(python), refine=True, ssh=loopback.ssh)
    with pytest.raises(WorkerError) as caught:
        RefineSession(noise(), command=command)
    assert caught.value.code == "far-disk-full" and "TMPDIR" in caught.value.cure
    small = Volume(noise().voxels[:, :8], Geometry((256, 256, 8), (1.0, 1.0, 1.0)))
    with RefineSession(small, command=command) as session:
        assert session.add(Point((10.0, 10.0, 3.0))).voxels > 0
    until(lambda: not loopback.left_behind(), "the end of its folder")


@pytest.fixture
def start(loopback: LoopbackHost, tmp_path: Path) -> Any:
    """A client of a far worker that runs models, and what it tells; nothing of it is left afterwards."""
    clients = []

    def make() -> tuple[WorkerClient, Recorder]:
        listener = Recorder()
        command = far_command(loopback.host(), ssh=loopback.ssh)
        client = WorkerClient(SubprocessTransport(), listener, tmp_path, command, ENVIRONMENT)
        clients.append(client)
        client.start()
        until(lambda: client.hello, "the far worker's hello")
        return client, listener

    yield make
    for client in clients:
        client.shutdown()
    until(lambda: ended(loopback.far_pid), "the end of the far end")
    until(lambda: not loopback.left_behind(), "the end of its folder")


needs_proc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found through /proc")


@needs_proc
def test_a_cancel_during_an_upload_does_not_wait_for_it(loopback: LoopbackHost, start: Any) -> None:
    client, listener = start()
    os.kill(loopback.far_pid, signal.SIGSTOP)
    try:
        # More than may be on the way to a far end that takes nothing, and a model that only the host may know.
        number = client.segment(SegmentRequest([noise()], "only-there", device="cpu"))
        listener.wait("progress", number)
        client.cancel(number)
        error = listener.answer(number)
        assert error.code == "cancelled"
    finally:
        os.kill(loopback.far_pid, signal.SIGCONT)
    # The next request goes through.
    unloaded = client.unload()
    assert listener.answer(unloaded).models == ()
    assert client.state is WorkerState.READY


@needs_proc
@pytest.mark.parametrize("victim", ["worker", "far end", "ssh"])
def test_whoever_dies_the_rest_ends_and_the_client_is_told(loopback: LoopbackHost, start: Any, victim: str) -> None:
    client, listener = start()
    far, relay = loopback.far_pid, client.hello.pid
    (worker,) = until(lambda: children(far), "the worker there")
    (ssh,) = children(relay)
    number = client.segment(SegmentRequest([noise()], "hippocampus-t1", device="cpu"))
    os.kill({"worker": worker, "far end": far, "ssh": ssh}[victim], signal.SIGKILL)
    error = listener.answer(number)
    expected = {
        "worker": ("worker-crashed", "signal 9"),
        "far end": ("far-broken", "broke"),
        "ssh": ("far-broken", "broke"),
    }
    code, words = expected[victim]
    assert error.code == code and words in error.cause and error.cure
    listener.wait("exit")
    assert client.state is WorkerState.CRASHED
    for process in (worker, far, relay, ssh):
        until(lambda process=process: ended(process), f"the end of process {process}")


@needs_proc
def test_nothing_is_left_of_a_client_that_is_killed(loopback: LoopbackHost, start: Any) -> None:
    client, _ = start()
    far, relay = loopback.far_pid, client.hello.pid
    (worker,) = until(lambda: children(far), "the worker there")
    os.kill(relay, signal.SIGKILL)
    for process in (worker, far):
        until(lambda process=process: ended(process), f"the end of process {process}")
