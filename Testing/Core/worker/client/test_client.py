"""The client alone, on one thread, with the test in the worker's place."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from worker_helpers import GEOMETRY, MemoryTransport, Recorder, request, volume

from UNetSegmentLib.errors import Cancelled, InputError, ModelError, OutputError
from UNetSegmentLib.geometry import Box
from UNetSegmentLib.labels import Label
from UNetSegmentLib.volume import Volume
from UNetSegmentLib.worker.client.client import SegmentRequest, WorkerClient, WorkerState
from UNetSegmentLib.worker.errors import ProtocolError, WorkerError
from UNetSegmentLib.worker.exchange.mapped import read_array, write_array
from UNetSegmentLib.worker.protocol.encoding import (
    Cancel,
    ClientHello,
    Device,
    Failure,
    Hello,
    Load,
    Loaded,
    Log,
    Problem,
    Progress,
    Ready,
    Result,
    Segment,
    Shutdown,
    Unload,
    Unloaded,
    VolumeFile,
)
from UNetSegmentLib.worker.transport.interface import ExitStatus


class Play:
    """A client, its transport and its listener."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.transport = MemoryTransport()
        self.listener = Recorder()
        self.client = WorkerClient(self.transport, self.listener, folder, ["worker"], {})

    def ready(self) -> None:
        self.client.start()
        self.transport.say(Hello(pid=0), Ready("2.4", (Device("cpu", "CPU"),)))

    def files(self) -> list[Path]:
        return list(self.folder.glob("*/*.raw"))

    def states(self) -> list[WorkerState]:
        return [state for (state,) in self.listener.all("state")]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


def test_hello_first_then_ready(play: Play) -> None:
    assert play.client.state is WorkerState.STOPPED
    play.client.start()
    assert play.client.state is WorkerState.STARTING and play.client.hello is None
    assert play.transport.sent == [ClientHello(pid=os.getpid(), host=platform.node())]
    play.transport.say(Hello(pid=1234, host="another machine", torch="2.4"))
    assert play.client.hello is not None and play.client.ready is None
    play.transport.say(Ready("2.4"))
    assert play.client.state is WorkerState.READY
    assert play.listener.all("ready") == [(Ready("2.4"),)]
    play.client.start()
    assert play.transport.starts == 1


def test_a_request_carries_its_voxels_in_files(play: Play) -> None:
    play.ready()
    inputs = [volume(1), volume(2)]
    box = Box((0, 0, 0), (1, 2, 3))
    number = play.client.segment(SegmentRequest(inputs, "m", box, "cpu", "fast", {"overlap": 0.5}, True, True))
    sent = play.transport.sent[-1]
    assert isinstance(sent, Segment) and sent.id == number
    for file, given in zip(sent.inputs, inputs, strict=True):
        assert np.array_equal(read_array(file.array), given.voxels)
        assert (file.geometry, file.name) == (given.geometry, given.name)
    assert (sent.model, sent.region, sent.device, sent.preset) == ("m", box, "cpu", "fast")
    assert (sent.settings, sent.probabilities, sent.uncertainty) == ({"overlap": 0.5}, True, True)
    assert play.client.state is WorkerState.BUSY and play.client.pending == (number,)


def test_a_result_comes_with_arrays_and_leaves_no_file(play: Play) -> None:
    play.ready()
    number = play.client.segment(request("m"))
    folder = Path(play.transport.sent[-1].folder)
    labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    maps = np.random.default_rng(0).random((3, 2, 3, 4)).astype(np.float32)
    extra = VolumeFile(write_array(maps, folder / "p.raw"), GEOMETRY, "p")
    table = (Label(1, "a", (1, 2, 3)),)
    file = write_array(labels, folder / "l.raw")
    play.transport.say(Result(number, file, GEOMETRY, table, "m", "1.0", {"total": 2.0}, ("w",), {"s": 1}, True, extra))
    result = play.listener.answer(number)
    assert not play.files() and play.client.state is WorkerState.READY
    play.client.shutdown()
    assert np.array_equal(result.segmentation.voxels, labels) and np.array_equal(result.probabilities.voxels, maps)
    assert result.segmentation.geometry == GEOMETRY and result.segmentation.labels == table
    assert (result.model, result.version, result.warm, result.warnings) == ("m", "1.0", True, ("w",))
    assert (result.timings, result.settings, result.uncertainty) == ({"total": 2.0}, {"s": 1}, None)


def test_a_result_that_cannot_be_read_is_an_error(play: Play) -> None:
    play.ready()
    number = play.client.segment(request("m"))
    file = write_array(np.zeros(5, np.uint8), Path(play.transport.sent[-1].folder) / "l.raw")
    play.transport.say(Result(number, file, GEOMETRY, (), "m", "1"))
    assert play.listener.answer(number).code == "bad-geometry"


def test_progress_log_and_errors_reach_the_listener(play: Play) -> None:
    play.ready()
    number = play.client.segment(request("m"))
    play.transport.say(Progress(number, "segment", 1, 4, 3.0, "tile"), Log("WARNING", "careful", number))
    play.transport.say(Failure(Problem("bad-model", "cause", "cure", "detail"), number))
    ((_, event),) = play.listener.all("progress")
    assert (event.stage, event.fraction, event.seconds_left) == ("segment", 0.25, 3.0)
    assert play.listener.all("log") == [("WARNING", "careful")]
    error = play.listener.answer(number)
    assert isinstance(error, ModelError) and error.cure == "cure" and not play.files()


def test_load_and_unload(play: Play) -> None:
    play.ready()
    first, second = play.client.load("m", "cpu"), play.client.unload()
    assert play.transport.sent[-2:] == [Load(first, "m", "cpu"), Unload(second)]
    play.transport.say(Loaded(first, "m", "1", "/m", False, 1.0), Unloaded(second, ("m",)))
    assert play.listener.answer(first).version == "1" and play.listener.answer(second).models == ("m",)


def test_cancel_is_sent_only_for_what_waits(play: Play) -> None:
    play.ready()
    number = play.client.segment(request("m"))
    play.client.cancel(number)
    play.transport.say(Failure(Problem.of(Cancelled()), number))
    play.client.cancel(number)
    play.client.cancel(99)
    assert [m for m in play.transport.sent if isinstance(m, Cancel)] == [Cancel(number)]
    assert isinstance(play.listener.answer(number), Cancelled)


def test_requests_before_ready_are_sent_at_once(play: Play) -> None:
    number = play.client.segment(request("m"))
    assert [m.kind for m in play.transport.sent] == ["hello", "segment"]
    assert play.client.state is WorkerState.STARTING
    play.transport.say(Hello(), Ready())
    assert play.client.state is WorkerState.BUSY and play.client.pending == (number,)


def test_a_crash_answers_every_request_and_the_next_one_starts_anew(play: Play) -> None:
    play.ready()
    numbers = [play.client.segment(request("m")), play.client.load("m")]
    play.transport.error_output(b"Fatal Python error: Segm")
    play.transport.error_output(b"entation fault\n  File network.py\nlast words")
    play.transport.exit(ExitStatus(None, True, "signal 11 (SIGSEGV)"))
    for number in numbers:
        error = play.listener.answer(number)
        assert error.code == WorkerError.CRASHED and "signal 11 (SIGSEGV)" in error.cause and error.cure
        assert error.detail == "Fatal Python error: Segmentation fault\n  File network.py\nlast words"
    assert play.listener.all("exit") == [(ExitStatus(None, True, "signal 11 (SIGSEGV)"), False)]
    assert play.client.state is WorkerState.CRASHED and not play.client.pending and not play.files()
    number = play.client.segment(request("m"))
    assert play.transport.starts == 2 and number not in numbers
    play.transport.say(Hello(), Ready())
    assert play.client.state is WorkerState.BUSY
    assert play.states() == [
        WorkerState.STARTING, WorkerState.READY, WorkerState.BUSY, WorkerState.CRASHED, WorkerState.STARTING,
        WorkerState.BUSY,
    ]  # fmt: skip


def test_a_crash_while_idle_is_told_too(play: Play) -> None:
    play.ready()
    play.transport.exit(ExitStatus(1))
    ((number, error),) = play.listener.all("error")
    assert number is None and "while idle (exit code 1)" in error.cause


def test_the_listener_may_ask_again_from_within_a_callback(play: Play) -> None:
    again: list[int] = []

    def on_error(number: int | None, error: Any) -> None:
        if not again:
            again.append(play.client.segment(request("m")))

    play.listener.on_error = on_error  # type: ignore[method-assign]
    play.ready()
    play.client.segment(request("m"))
    play.transport.exit(ExitStatus(None, True))
    assert play.transport.starts == 2 and play.client.pending == tuple(again)


def test_a_listener_that_fails_does_not_stop_the_client(play: Play, library_log: list[str]) -> None:
    def on_progress(number: int, event: Any) -> None:
        raise RuntimeError("a bug in the panel")

    play.listener.on_progress = on_progress  # type: ignore[method-assign]
    play.ready()
    number = play.client.load("m")
    play.transport.say(Progress(number, "load", 0, 1), Loaded(number, "m", "1", "", False, 0.0))
    assert play.listener.answer(number).model == "m"
    assert "a bug in the panel" in "\n".join(library_log)


def test_lines_cut_anywhere_and_foreign_lines_in_between(play: Play) -> None:
    from UNetSegmentLib.worker.protocol.encoding import encode

    play.client.start()
    stream = b"launcher: starting\r\n\n" + encode(Hello()) + b"{broken\n" + encode(Ready("2.4"))
    for byte in stream:
        play.transport.output(bytes([byte]))
    assert play.client.state is WorkerState.READY
    assert len(play.listener.all("log")) == 2 and not play.listener.all("error")


def test_a_worker_of_another_version_is_refused_and_ended(play: Play) -> None:
    number = play.client.segment(request("m"))
    play.transport.output(b'{"type":"hello","protocol":99,"library":"7.0"}\n')
    error = play.listener.answer(number)
    assert error.code == WorkerError.VERSION_SKEW and "Update the client" in error.cure and "7.0" in error.cause
    assert play.transport.terminated and play.client.state is WorkerState.CRASHED


def test_a_worker_that_refuses_our_version_is_the_reason_of_its_end(play: Play) -> None:
    number = play.client.segment(request("m"))
    play.transport.say(Failure(Problem(WorkerError.VERSION_SKEW, "cause", "Update the client.")))
    play.transport.exit(ExitStatus(0))
    error = play.listener.answer(number)
    assert (error.code, error.cure) == (WorkerError.VERSION_SKEW, "Update the client.")


@pytest.mark.parametrize("late", [False, True])
def test_a_program_that_cannot_be_started(play: Play, late: bool) -> None:
    if late:
        number = play.client.segment(request("m"))
        play.transport.exit(ExitStatus(None, True, "No such file or directory"))
        error = play.listener.answer(number)
    else:
        play.transport.refuse = True
        with pytest.raises(WorkerError) as caught:
            play.client.segment(request("m"))
        error = caught.value
    assert error.code == WorkerError.START_FAILED and "No such file" in error.cause and error.detail == "worker"
    assert play.client.state is WorkerState.CRASHED and not play.files()


def test_shutdown_asks_waits_and_cleans_up(play: Play) -> None:
    play.ready()
    number = play.client.segment(request("m"))

    def wait(seconds: float) -> bool:
        # QProcess delivers from within its wait.
        play.transport.say(Failure(Problem.of(Cancelled()), number))
        play.transport.exit(ExitStatus(0))
        return True

    play.transport.wait = wait  # type: ignore[method-assign]
    play.client.shutdown()
    assert play.transport.sent[-1] == Shutdown() and not play.transport.terminated
    assert isinstance(play.listener.answer(number), Cancelled)
    assert play.client.state is WorkerState.STOPPED and not list(play.folder.iterdir())
    assert play.listener.all("exit") == [(ExitStatus(0), True)]
    play.client.shutdown()


def test_shutdown_kills_what_does_not_leave(play: Play) -> None:
    play.ready()
    number = play.client.segment(request("m"))
    play.client.shutdown(0.0)
    assert play.transport.terminated and isinstance(play.listener.answer(number), Cancelled)
    assert play.client.state is WorkerState.STOPPED and not list(play.folder.iterdir())


def test_voxels_that_cannot_be_handed_over_leave_nothing(play: Play) -> None:
    good = volume()
    bad = Volume(good.voxels.astype(complex), GEOMETRY)
    with pytest.raises(InputError, match="complex128"):
        play.client.segment(SegmentRequest([good, bad], "m"))
    assert not play.files() and not play.client.pending and not play.transport.running


def test_a_request_that_no_message_can_carry_leaves_nothing(play: Play) -> None:
    with pytest.raises(ProtocolError):
        play.client.segment(request("m", settings={"x": float("nan")}))
    assert not play.files() and not play.client.pending


def test_a_folder_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    client = WorkerClient(MemoryTransport(), Recorder(), tmp_path / "missing")
    with pytest.raises(OutputError):
        client.segment(request("m"))


def test_no_image_is_refused() -> None:
    with pytest.raises(InputError):
        SegmentRequest([], "m")


def test_a_listener_with_an_event_loop_of_its_own_sees_everything_in_order(play: Play) -> None:
    """As in Slicer, where a callback may show a dialog or process events while the worker goes on talking."""
    seen: list[str] = []

    def on_log(level: str, message: str, number: int | None) -> None:
        seen.append(message)
        if message == "1":
            play.transport.say(Log("INFO", "3"))
            play.transport.exit(ExitStatus(0))

    play.listener.on_log = on_log  # type: ignore[method-assign]
    play.listener.on_exit = lambda *arguments: seen.append("exit")  # type: ignore[method-assign]
    play.ready()
    play.transport.say(Log("INFO", "1"), Log("INFO", "2"))
    assert seen == ["1", "2", "3", "exit"]
