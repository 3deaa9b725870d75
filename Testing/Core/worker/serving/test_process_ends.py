"""Real processes that are killed, left alone or cannot start; sessions around them."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from changing_folders import sizes_below
from serving_marks import Start, posix
from worker_helpers import ENVIRONMENT, FAKE, PATIENCE, RawWorker, ended, request, until, volume

from UNetSegmentLib.errors import Cancelled, OutputError
from UNetSegmentLib.progress import CancelToken
from UNetSegmentLib.worker import processes
from UNetSegmentLib.worker.client.session import WorkerSession, run_blocking
from UNetSegmentLib.worker.errors import WorkerError
from UNetSegmentLib.worker.protocol.encoding import (
    ClientHello,
    Load,
    encode,
)
from UNetSegmentLib.worker.transport.launch import default_environment


def test_the_clients_death_is_noticed_though_the_pipe_stays_open(raw: RawWorker, tmp_path: Path) -> None:
    client = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    raw.send(encode(ClientHello(pid=client.pid, host=platform.node())) + encode(Load(1, "m")))
    raw.receive("loaded")  # so that the hello has been read
    client.kill()
    client.communicate()
    assert raw.end() == 0


@posix
def test_a_client_that_is_killed_takes_its_worker_along(tmp_path: Path) -> None:
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from worker_helpers import FAKE, Recorder, request
from UNetSegmentLib.worker.client.client import WorkerClient
from UNetSegmentLib.worker.transport.pipes import SubprocessTransport
listener = Recorder()
client = WorkerClient(SubprocessTransport(), listener, sys.argv[2], FAKE)
listener.wait("progress", client.segment(request("deaf")))
print(client.hello.pid, flush=True)
sys.stdin.read()
"""
    client = subprocess.Popen(
        [sys.executable, "-c", script, str(Path(__file__).parents[1]), str(tmp_path)],
        env={**os.environ, **default_environment()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert client.stdout is not None
    pid = int(client.stdout.readline())
    assert not ended(pid)
    client.kill()
    client.communicate()
    until(lambda: ended(pid), "the worker's end")
    # The worker has taken what the client had in files along.
    assert not list(tmp_path.glob("unetsegment-*"))


def files_with_voxels(folder: Path) -> list[Path]:
    return [path for path, size in sizes_below(folder).items() if size]


@posix
@pytest.mark.parametrize("victims", ["client", "worker", "both"])
def test_killed_at_any_moment_nothing_of_the_scan_is_left(tmp_path: Path, victims: str) -> None:
    """Not in the temporary folder while the run lasts (on Linux), nor after it."""
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from worker_helpers import FAKE, Recorder, request
from UNetSegmentLib.worker.client.client import WorkerClient
from UNetSegmentLib.worker.transport.pipes import SubprocessTransport
transport = SubprocessTransport()
client = WorkerClient(transport, Recorder(), sys.argv[2], FAKE)
client.start()
print(transport._process.pid, flush=True)
while True:
    client._listener.answer(client.segment(request("echo")))
"""
    moments = np.random.default_rng(len(victims)).uniform(0, 0.6, 4)
    for moment in moments:
        client = subprocess.Popen(
            [sys.executable, "-c", script, str(Path(__file__).parents[1]), str(tmp_path)],
            env={**os.environ, **ENVIRONMENT},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert client.stdout is not None
        worker = int(client.stdout.readline())
        time.sleep(moment)
        if sys.platform.startswith("linux"):
            assert not files_with_voxels(tmp_path)
        if victims != "client":
            processes.kill(worker)
        if victims == "worker":
            # A listener that is told of the crash fails and ends the client in an orderly way or not at all.
            time.sleep(0.05)
        client.kill()
        client.communicate()
        until(lambda: ended(worker), "the worker's end")  # noqa: B023
        assert not files_with_voxels(tmp_path)
    # An empty folder may be left where nobody was there to remove it; it goes with the next client.
    with WorkerSession(folder=tmp_path, command=FAKE) as session:
        session.segment(request("echo"))
    assert not list(tmp_path.iterdir())


@posix
def test_killing_a_launcher_kills_its_child(start: Start, tmp_path: Path) -> None:
    """PythonSlicer is such a launcher: the process that the client starts is not the one that runs."""
    launcher = tmp_path / "launcher.py"
    launcher.write_text("import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))")
    client, listener = start([sys.executable, str(launcher), *FAKE])
    number = client.segment(request("deaf"))
    listener.wait("progress", number)
    pid = client.hello.pid
    client.kill()
    assert ended(pid) or until(lambda: ended(pid), "the child's end")
    listener.answer(number)


def test_hello_comes_before_anything_slow() -> None:
    """The server must have said hello without torch or SimpleITK."""
    script = """
import sys
from UNetSegmentLib.worker.running import engine
from UNetSegmentLib.worker.serving import server
for name in ("torch", "SimpleITK", "scipy"):
    assert name not in sys.modules, name
"""
    subprocess.run([sys.executable, "-c", script], env={**os.environ, **default_environment()}, check=True)


def test_the_client_costs_little_to_import() -> None:
    script = """
import sys, time
started = time.process_time()
import numpy
before, between = set(sys.modules), time.process_time()
import UNetSegmentLib.worker.client.client, UNetSegmentLib.worker.transport.pipes, UNetSegmentLib.worker.client.session
print((time.process_time() - between) / (between - started))
for name in ("torch", "SimpleITK", "scipy", "safetensors", "asyncio", "multiprocessing", "UNetSegmentLib.networks"):
    assert name not in sys.modules, name
print(len(set(sys.modules) - before))
"""
    environment = {**os.environ, **default_environment()}
    shares = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, check=True, capture_output=True, encoding="utf-8"
        )
        first, count = done.stdout.split()
        shares.append(float(first))
    assert int(count) < 105  # our own packages and what they need of the standard library
    assert min(shares) < 4, shares  # processor time in that of numpy's import: about 1.5


def test_a_blocking_run(tmp_path: Path) -> None:
    events, lines = [], []
    result = run_blocking(
        request("noisy"), events.append, log=lambda *line: lines.append(line), folder=tmp_path, command=FAKE
    )
    assert np.array_equal(result.segmentation.voxels, volume().voxels[0] > 0)
    result = run_blocking(request("echo"), events.append, folder=tmp_path, command=FAKE)
    assert events[-1].done == 3 and result.model == "echo"
    assert not list(tmp_path.iterdir())


def test_a_session_cancels_raises_and_goes_on(tmp_path: Path) -> None:
    with WorkerSession(folder=tmp_path, command=FAKE) as worker:
        assert worker.start().devices
        token = CancelToken()
        gated = request("gated", settings={"gate": str(tmp_path / "never")})
        with pytest.raises(Cancelled):
            worker.segment(gated, lambda event: token.cancel() if event.done else None, token)
        with pytest.raises(OutputError, match="disk is full"):
            worker.segment(request("full"))
        assert worker.load("m").model == "m" and worker.unload().models == ("echo",)
        assert worker.segment(request("echo")).model == "echo"
        pid = worker.client.hello.pid
    assert ended(pid)


def test_ctrl_c_in_a_session_cancels_and_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(event: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), WorkerSession(folder=tmp_path, command=FAKE) as worker:
        worker.segment(request("gated", settings={"gate": str(tmp_path / "never")}), interrupt)
    assert ended(worker.client.hello.pid) and not list(tmp_path.iterdir())


def test_a_session_tells_that_the_worker_cannot_start(tmp_path: Path) -> None:
    for command, words in (
        ([*FAKE, "--die-early"], "before it was ready"),
        ([str(tmp_path / "no-python")], "could not be started"),
    ):
        with WorkerSession(folder=tmp_path, command=command) as worker, pytest.raises(WorkerError, match=words):
            worker.start()


def test_a_reader_that_does_not_read_holds_nothing_up(raw: RawWorker) -> None:
    """More events than a pipe holds, unread: the worker still takes requests and answers all in the end."""
    raw.send(encode(ClientHello()))
    count = 3000
    for number in range(count):
        raw.send(encode(Load(number, "m" * 200)))
    deadline = time.monotonic() + PATIENCE
    for number in range(count):
        assert raw.receive("loaded").id == number and time.monotonic() < deadline
