"""Real processes: the server with an engine that is told what to do."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from worker_helpers import ENVIRONMENT, FAKE, PATIENCE, RawWorker, ended, request, until, volume

from UNetSegmentLib.errors import Cancelled, OutputError
from UNetSegmentLib.progress import CancelToken
from UNetSegmentLib.worker import processes
from UNetSegmentLib.worker.client.client import WorkerState
from UNetSegmentLib.worker.client.session import WorkerSession, run_blocking
from UNetSegmentLib.worker.errors import WorkerError
from UNetSegmentLib.worker.protocol.encoding import (
    PROTOCOL_VERSION,
    Cancel,
    ClientHello,
    Load,
    Segment,
    Shutdown,
    encode,
)
from UNetSegmentLib.worker.serving.server import EXIT_DEVICE_LOST
from UNetSegmentLib.worker.transport.launch import default_environment

Start = Callable[..., tuple[Any, Any]]
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def test_handshake_and_a_result(start: Start) -> None:
    client, listener = start()
    number = client.segment(request("echo"))
    result = listener.answer(number)
    assert np.array_equal(result.segmentation.voxels, volume().voxels[0] > 0)
    assert result.segmentation.geometry == volume().geometry
    assert client.hello.protocol == PROTOCOL_VERSION and client.hello.library and processes.alive(client.hello.pid)
    assert listener.wait("ready").devices[0].name == "cpu"
    stages = [event.done for _, event in listener.all("progress")]
    assert stages[0] == 0 and stages[-1] == 3


def test_requests_run_in_order_and_a_waiting_one_can_be_cancelled(start: Start, tmp_path: Path) -> None:
    client, listener = start()
    gate = tmp_path / "gate"
    first = client.segment(request("gated", settings={"gate": str(gate)}))
    second, third = client.segment(request("echo")), client.segment(request("echo"))
    listener.wait("progress", first)
    client.cancel(second)
    # Answered while the first still runs.
    assert isinstance(listener.answer(second), Cancelled)
    assert client.pending == (first, third)
    gate.touch()
    listener.answer(first), listener.answer(third)
    results = [number for number, _ in listener.all("result")]
    assert results == [first, third]


def test_cancel_in_the_middle_and_the_next_run_works(start: Start, tmp_path: Path) -> None:
    client, listener = start()
    number = client.segment(request("gated", settings={"gate": str(tmp_path / "never")}))
    listener.wait("progress", number)
    pid = client.hello.pid
    client.cancel(number)
    assert isinstance(listener.answer(number), Cancelled)
    assert not isinstance(listener.answer(client.segment(request("echo"))), Exception)
    assert client.hello.pid == pid, "a cancel needs no new process"


@posix
def test_killed_from_outside_then_a_new_one_works(start: Start, tmp_path: Path) -> None:
    client, listener = start()
    number = client.segment(request("gated", settings={"gate": str(tmp_path / "never")}))
    waiting = client.segment(request("echo"))
    listener.wait("progress", number)
    pid = client.hello.pid
    os.kill(pid, signal.SIGKILL)
    for lost in (number, waiting):
        error = listener.answer(lost)
        assert error.code == WorkerError.CRASHED and "SIGKILL" in error.cause
    listener.wait("exit")
    assert client.state is WorkerState.CRASHED
    assert not isinstance(listener.answer(client.segment(request("echo"))), Exception)
    assert client.hello.pid != pid


@posix
def test_a_native_fault_is_told_with_its_stack(start: Start) -> None:
    client, listener = start()
    error = listener.answer(client.segment(request("abort")))
    assert error.code == WorkerError.CRASHED and "SIGABRT" in error.cause
    assert "in _abort" in error.detail, "the Python stack of the fault belongs into the report"


def test_a_worker_that_dies_before_it_is_ready(start: Start) -> None:
    client, listener = start([*FAKE, "--die-early"])
    error = listener.answer(client.segment(request("echo")))
    assert error.code == WorkerError.CRASHED and "before it was ready (exit code 3)" in error.cause


def test_what_libraries_print_does_not_hurt(start: Start) -> None:
    client, listener = start()
    number = client.segment(request("noisy"))
    assert not isinstance(listener.answer(number), Exception)
    for text in ("python print", "descriptor one", "a child"):
        until(lambda text=text: ("STDERR", text) in listener.all("log"), f"'{text}' on stderr")


def test_what_libraries_read_is_not_the_protocol(start: Start) -> None:
    client, listener = start()
    assert not isinstance(listener.answer(client.segment(request("thirsty"))), Exception)


@pytest.mark.parametrize(
    ("model", "code", "words"),
    [
        ("bug", WorkerError.INTERNAL, "ValueError: a bug"),
        ("unsendable", WorkerError.BAD_MESSAGE, "nan"),
        ("full", OutputError.code, "The disk is full."),
    ],
)
def test_errors_are_structured_and_the_worker_goes_on(start: Start, model: str, code: str, words: str) -> None:
    client, listener = start()
    error = listener.answer(client.segment(request(model)))
    assert error.code == code and words in error.cause and error.cure
    if code == WorkerError.INTERNAL:
        assert "Traceback" in error.detail
    assert not isinstance(listener.answer(client.segment(request("echo"))), Exception)


def test_a_result_folder_that_vanished_is_an_error_or_no_matter(start: Start, tmp_path: Path) -> None:
    client, listener = start()
    number = client.segment(request("gated", settings={"gate": str(tmp_path / "gate")}))
    listener.wait("progress", number)
    (folder,) = tmp_path.glob("unetsegment-*")
    folder.rename(tmp_path / "elsewhere")
    (tmp_path / "gate").touch()
    answer = listener.answer(number)
    if sys.platform.startswith("linux"):
        # The files have no name that could be lost.
        assert np.array_equal(answer.segmentation.voxels, volume().voxels[0] > 0)
    else:
        assert answer.code in ("bad-input", "cannot-write")
    (tmp_path / "elsewhere").rename(folder)


def test_a_lost_device_ends_the_process_and_the_next_request_starts_another(start: Start) -> None:
    client, listener = start()
    error = listener.answer(client.segment(request("lost")))
    assert error.code == WorkerError.INTERNAL
    assert listener.wait("exit") is False
    assert listener.all("exit")[0][0].code == EXIT_DEVICE_LOST
    assert not isinstance(listener.answer(client.segment(request("echo"))), Exception)


def test_a_deaf_worker_is_killed(start: Start) -> None:
    client, listener = start()
    number = client.segment(request("deaf"))
    listener.wait("progress", number)
    pid = client.hello.pid
    client.cancel(number)
    client.kill()
    assert isinstance(listener.answer(number), Cancelled) and client.state is WorkerState.STOPPED
    assert ended(pid)


def test_shutdown_ends_even_a_deaf_worker_by_itself(raw: RawWorker, tmp_path: Path) -> None:
    raw.send(encode(ClientHello()))
    raw.send(encode(Segment(1, (), "deaf", str(tmp_path))))
    raw.receive("progress")
    raw.send(encode(Shutdown()))
    assert raw.end() == 0


def test_malformed_lines_are_answered_and_harmless(raw: RawWorker) -> None:
    raw.send(encode(ClientHello()))
    for line, number in (
        (b"\xff\x00\n", None),
        (b"{}\n", None),
        (b'{"type":"segment","id":4}\n', 4),
        (b'{"type":"refine","id":5}\n', 5),
        (b"\n" + b"x" * 1_000_000 + b"\n", None),
        (b"\x00" * 1000 + b"\n", None),
        (b"[" * 1_000_000 + b"\n", None),
        (b'{"type":"load","id":' + b"9" * 5000 + b"}\n", None),
        (b'{"type":"load","id":7,"model":"m","settings":' + b'{"a":' * 900 + b"1" + b"}" * 901 + b"\n", None),
        (encode(Load(8, "m")).decode().encode("utf-16"), None),
    ):
        if b'{"a":' in line:
            raw.send(line)
            assert raw.receive("loaded").id == 7
            continue
        raw.send(line)
        failure = raw.receive("error")
        assert failure.problem.code == WorkerError.BAD_MESSAGE and failure.problem.cure and failure.id == number
    raw.send(encode(Cancel(77)) + encode(Load(6, "m")))
    assert raw.receive("loaded").id == 6
    raw.send(encode(Shutdown()))
    assert raw.end() == 0


def test_no_request_before_hello(raw: RawWorker) -> None:
    raw.send(encode(Load(1, "m")))
    assert "hello" in raw.receive("error").problem.cause


def test_a_number_in_use_is_refused(raw: RawWorker, tmp_path: Path) -> None:
    raw.send(encode(ClientHello()))
    raw.send(encode(Segment(1, (), "deaf", str(tmp_path))) * 2)
    assert "already is a request 1" in raw.receive("error").problem.cause


def test_a_client_of_another_version_is_refused(raw: RawWorker) -> None:
    body = {"type": "hello", "protocol": PROTOCOL_VERSION + 1, "library": "9.9"}
    raw.send(json.dumps(body).encode() + b"\n")
    problem = raw.receive("error").problem
    assert problem.code == WorkerError.VERSION_SKEW and "Update the worker" in problem.cure
    assert raw.end() == 0


def test_the_end_of_input_ends_a_busy_worker(raw: RawWorker, tmp_path: Path) -> None:
    raw.send(encode(ClientHello()) + encode(Segment(1, (), "deaf", str(tmp_path))))
    raw.receive("progress")
    assert raw.process.stdin is not None
    raw.process.stdin.close()
    assert raw.end() == 0


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
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]


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
import numpy
before = set(sys.modules)
started = time.process_time()
import UNetSegmentLib.worker.client.client, UNetSegmentLib.worker.transport.pipes, UNetSegmentLib.worker.client.session
print(time.process_time() - started)
for name in ("torch", "SimpleITK", "scipy", "safetensors", "asyncio", "multiprocessing", "UNetSegmentLib.networks"):
    assert name not in sys.modules, name
print(len(set(sys.modules) - before))
"""
    environment = {**os.environ, **default_environment()}
    seconds = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, check=True, capture_output=True, encoding="utf-8"
        )
        first, count = done.stdout.split()
        seconds.append(float(first))
    assert int(count) < 105  # our own packages and what they need of the standard library
    assert min(seconds) < 0.3, seconds  # processor time: about 0.05 s


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
