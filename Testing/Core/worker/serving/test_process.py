"""Real processes: the server with an engine that is told what to do."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from serving_marks import Start, posix
from worker_helpers import FAKE, RawWorker, ended, request, until, volume

from UNetSegmentLib.errors import Cancelled, OutputError
from UNetSegmentLib.worker import processes
from UNetSegmentLib.worker.client.client import WorkerState
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
