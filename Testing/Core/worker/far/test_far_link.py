"""Two ends of a connection in one process: order, what passes ahead, what is not sent again."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worker_helpers import PATIENCE, until

from UNetSegmentLib.errors import ModelError, OutputError, UNetSegmentError
from UNetSegmentLib.worker.far.cache import HostFiles
from UNetSegmentLib.worker.far.far_end import FarEnd
from UNetSegmentLib.worker.far.references import encoded
from UNetSegmentLib.worker.far.relay import _wanted
from UNetSegmentLib.worker.far.store import ModelStore
from UNetSegmentLib.worker.far.stream.frames import FrameError, Kind, control, frame, read_frame
from UNetSegmentLib.worker.far.stream.link import Link
from UNetSegmentLib.worker.far.stream.pace import LEAST, Packing, Window
from UNetSegmentLib.worker.far.stream.receiving import Receiver
from UNetSegmentLib.worker.far.stream.sending import Outgoing, Parcel
from UNetSegmentLib.worker.protocol.encoding import decode_event
from UNetSegmentLib.worker.protocol.messages import Failure
from UNetSegmentLib.worker.serving.stdio import Channel


class End:
    """One end: what arrived, in order."""

    def __init__(self, folder: Path) -> None:
        self.files = HostFiles(folder)
        self.lines: list[bytes] = []
        self.words: list[dict[str, Any]] = []
        self.broken: list[Exception] = []
        self.link = Link(self.lines.append, self.words.append, lambda: None)
        self.link.receiver = Receiver(
            self.files.place, lambda path, error: OutputError("full", str(error)), self.link.tell,
            has=self.files.has, arrived=self.files.arrived,
        )  # fmt: skip

    def read(self, source: io.FileIO) -> None:
        try:
            self.link.run(source)
        except FrameError as error:
            self.broken.append(error)


@contextlib.contextmanager
def pair(folder: Path) -> Iterator[tuple[End, End]]:
    ends = End(folder), End(folder)
    pipes = [os.pipe() for _ in ends]
    sinks = [os.fdopen(pipe[1], "wb", buffering=0) for pipe in pipes]
    readers = []
    for number, end in enumerate(ends):
        end.link.open(sinks[number])
        source = io.FileIO(pipes[1 - number][0], "rb")
        readers.append(threading.Thread(target=end.read, args=(source,), daemon=True))
        readers[-1].start()
    yield ends
    for end in ends:
        end.link.close()
        end.files.remove()
    for sink in sinks:
        sink.close()
    for reader in readers:
        reader.join(PATIENCE)


def outgoing(array: np.ndarray, token: str) -> Outgoing:
    return Outgoing(token, lambda: io.BytesIO(array.tobytes()), array.nbytes, array.itemsize)


def sent(end: End, array: np.ndarray, token: str, number: int) -> None:
    end.link.send(Parcel(token.encode(), number, (outgoing(array, token),)))


def array_at(end: End, token: str, like: np.ndarray) -> np.ndarray:
    path = end.files.path_of(token)
    assert path is not None
    return np.fromfile(path, like.dtype).reshape(like.shape)


@settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(data=st.data())
def test_arrays_are_there_before_their_line_and_lines_come_in_order(tmp_path: Path, data: st.DataObject) -> None:
    drawn = data.draw(
        st.lists(
            st.tuples(st.sampled_from(["|u1", "<i2", "<f4", "<f8"]), st.integers(0, 300_000), st.booleans()), max_size=4
        )
    )
    rng = np.random.default_rng(0)
    arrays = [np.zeros(n, d) if zero else rng.integers(0, 5, n).astype(d) for d, n, zero in drawn]
    with pair(tmp_path) as (here, there):
        for number, array in enumerate(arrays):
            sent(here, array, f"array/{number}", number)
            here.link.send(Parcel(b"after", 100 + number))
        until(lambda: len(there.lines) == 2 * len(arrays), "all lines")
        assert there.lines == [line for n in range(len(arrays)) for line in (b"array/%d" % n, b"after")]
        for number, array in enumerate(arrays):
            assert np.array_equal(array_at(there, f"array/{number}", array), array)


def test_an_array_that_is_there_still_is_not_sent_again(tmp_path: Path) -> None:
    array = np.random.default_rng(1).integers(0, 2000, 2_000_000).astype(np.int16)
    other = array[::-1].copy()
    with pair(tmp_path) as (here, there):
        sender = here.link.sender
        for number, voxels in enumerate((array, other, array)):
            before = sender.bytes_of_arrays
            sent(here, voxels, f"array/{number}", number)
            until(lambda number=number: len(there.lines) > number, "the line")
            assert (sender.bytes_of_arrays > before) == (number < 2)
            assert np.array_equal(array_at(there, f"array/{number}", voxels), voxels)
            there.files.release(number)


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("UNetSegmentLib.worker.far.cache.MOST_FILES", 2)
    files = HostFiles(tmp_path)
    for number in range(5):
        path = files.place(f"t{number}", number, 4)
        path.write_bytes(b"1234")
        files.arrived(f"t{number}", number, f"digest{number}", 1 << 20)
        files.release(number)
    assert [number for number in range(5) if files.has(f"digest{number}", "again", 9)] == [3, 4]
    assert files.path_of("again") is not None
    files.remove()


class Held:
    """A sink that takes everything and acknowledges nothing."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: memoryview) -> int:
        self.data += data
        return len(data)

    def frames(self) -> list[Any]:
        source, found = io.BytesIO(bytes(self.data)), []
        while (got := read_frame(source)) is not None:
            found.append(got)
        return found


def test_what_is_urgent_passes_voxels_that_nobody_takes(tmp_path: Path) -> None:
    array = np.random.default_rng(2).integers(0, 255, 8_000_000, np.uint8)
    link, sink = Link(lambda line: None, lambda words: None, lambda: None), Held()
    refusals: list[UNetSegmentError] = []
    link.send(Parcel(b"late", 1, (outgoing(array, "a"),), refused=refusals.append))
    link.send(Parcel(b"later", 2))
    link.open(sink)  # type: ignore[arg-type]
    window = link.sender.window
    until(lambda: not window.is_open and len(sink.data) > window.sent, "a full window")
    full = len(sink.data)
    link.urgent(frame(Kind.LINE, b"cancel"))
    until(lambda: len(sink.data) > full, "the urgent line")
    assert sink.frames()[-1].body == b"cancel" and full < 2 << 20
    # What is dropped ends at once, and is dropped once; the next one goes on.
    assert link.drop(1) and not link.drop(1) and not link.drop(7)
    until(lambda: sink.frames()[-1].body == b"later", "the next line")
    assert not link.drop(2)
    assert all(got.body != b"late" for got in sink.frames()) and not refusals
    link.close()


def test_a_disk_that_takes_nothing_is_told_and_the_connection_goes_on(tmp_path: Path) -> None:
    array = np.arange(3_000_000, dtype=np.int32)
    refusals: list[UNetSegmentError] = []
    with pair(tmp_path) as (here, there):
        place: Callable[..., Path] = there.files.place
        there.link.receiver._place = lambda *_: tmp_path / "no folder" / "file"  # type: ignore[union-attr]
        here.link.send(Parcel(b"big", 1, (outgoing(array, "a"),), refused=refusals.append))
        until(lambda: refusals, "the refusal")
        there.link.receiver._place = place  # type: ignore[union-attr]
        sent(here, array, "b", 2)
        until(lambda: there.lines, "the next line")
    assert [error.code for error in refusals] == ["cannot-write"] and there.lines == [b"b"]


@pytest.mark.parametrize("error", [zipfile.BadZipFile("damaged"), ModelError("damaged"), PermissionError("damaged")])
def test_a_file_that_cannot_be_read_costs_its_request_alone(error: Exception, tmp_path: Path) -> None:
    refusals: list[UNetSegmentError] = []

    def opened() -> io.BytesIO:
        raise error

    with pair(tmp_path) as (here, there):
        here.link.send(Parcel(b"lost", 1, (Outgoing("a", opened, 9),), refused=refusals.append))
        sent(here, np.arange(9, dtype=np.int32), "b", 2)
        until(lambda: there.lines, "the next line")
        assert there.lines == [b"b"]
    assert "damaged" in str(refusals[0]) + refusals[0].detail


def test_what_is_kept_may_end_while_more_arrives(tmp_path: Path) -> None:
    files = HostFiles(tmp_path)
    failures: list[Exception] = []

    def rounds(first: int) -> None:
        try:
            for number in range(first, first + 400):
                for name in range(4):
                    token = f"{number}/{name}"
                    if not files.has(f"digest-{name}-{number % 3}", token, number):
                        files.place(token, number, 0)
                        files.arrived(token, number, f"digest-{name}-{number % 3}", 1 << 20)
                    assert files.path_of(token) is not None
                files.release(number)
        except Exception as error:
            failures.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=rounds, args=(first,)) for first in (0, 10_000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
        files.remove()
    assert not failures


def test_an_array_that_was_changed_on_its_way_breaks_the_connection(tmp_path: Path) -> None:
    array = np.arange(1000, dtype=np.int32)
    link, sink = Link(lambda line: None, lambda words: None, lambda: None), Held()
    link.send(Parcel(b"line", 1, (outgoing(array, "a"),)))
    link.open(sink)  # type: ignore[arg-type]
    until(lambda: bytes(sink.data).endswith(b"line"), "the line")
    link.close()
    # Frames whose checksums are right, of another array.
    frames = [frame(got.kind, got.body) for got in sink.frames()]
    other = Held()
    second = Link(lambda line: None, lambda words: None, lambda: None)
    second.send(Parcel(b"line", 1, (outgoing(array + 1, "a"),)))
    second.open(other)  # type: ignore[arg-type]
    until(lambda: bytes(other.data).endswith(b"line"), "the line")
    second.close()
    frames[1] = frame(Kind.DATA, other.frames()[1].body)
    end = End(tmp_path)
    with pytest.raises(FrameError, match="not the one that was sent"):
        end.link.run(io.BytesIO(b"".join(frames)))
    assert not end.lines
    end.files.remove()


@pytest.mark.parametrize(("rate", "trip"), [(2e5, 0.01), (1e6, 0.2), (1e7, 0.1), (3e8, 0.001)])
def test_a_cancel_waits_for_less_than_a_second_and_the_line_is_used(rate: float, trip: float) -> None:
    """A line of a rate (bytes/s) and a round trip (s) in made-up time; RFC 6298's queueing model: one queue."""
    window, now, free, under_way = Window(), 0.0, 0.0, []
    waits, arrived, piece = [], 0, 1 << 18
    while now < 30:
        while window.is_open:
            window.add(piece, now)
            free = max(free, now) + piece / rate
            under_way.append((free + trip, window.sent))
        arrives, total = under_way.pop(0)
        now = max(now, arrives)
        window.ack(total, now)
        arrived = total
        waits.append(max(free - now, 0) + trip)
    settled = waits[len(waits) // 2 :]
    assert max(settled) < max(1.0, 2.2 * LEAST / rate)
    assert arrived / now > 0.6 * min(rate, 16 * (1 << 20) / trip)


def test_packing_is_chosen_by_what_arrives() -> None:
    for seconds, expected in ({True: 1.0, False: 4.0}, True), ({True: 4.0, False: 1.0}, False):
        packing, now = Packing(), 0.0
        packing.begin(now)
        used = []
        for position in range(1, 65):
            packed = packing.packed
            packing.sent(1 << 21, position)
            now += seconds[packed]
            packing.acked(position, now)
            used.append(packed)
        assert used[8:].count(expected) > 50
        assert used[8:].count(not expected) >= 2


@pytest.mark.parametrize(
    "token", ["result/1/labels", "result/../labels", "result/..\\x/labels", "result/1/../x", "x", ""]
)
def test_a_host_writes_nowhere_but_where_the_client_waits(token: str, tmp_path: Path) -> None:
    files = {"": str(tmp_path), "probabilities": str(tmp_path / "held")}
    assert _wanted("result/1/probabilities", files) == str(tmp_path / "held")
    if token == "result/1/labels":
        assert Path(_wanted(token, files)).parent == tmp_path
    else:
        with pytest.raises(UNetSegmentError):
            _wanted(token, files)
    with pytest.raises(UNetSegmentError):
        _wanted(token, {})


def test_an_answer_whose_voxels_are_gone_is_an_error_of_its_request_alone(tmp_path: Path) -> None:
    """As where somebody has emptied the host's folder for temporary files."""
    (far, near), (back, out) = os.pipe(), os.pipe()
    channel = Channel(os.fdopen(far, "rb"), os.fdopen(out, "wb", buffering=0))
    end = FarEnd(channel, refine=True, store=ModelStore(tmp_path))
    source = io.FileIO(back, "rb")
    try:
        end._link.open(channel.output)
        for number, path in ((3, tmp_path / "gone"), (4, None)):
            voxels = {"file": {"path": str(path), "shape": [1], "dtype": "|u1"}} if path else {}
            end._from_worker(encoded({"type": "refined", "id": number, **voxels}))
        got = [read_frame(source), read_frame(source)]
        failure = decode_event(next(each.body for each in got if b"error" in each.body))
        assert isinstance(failure, Failure) and failure.id == 3 and "gone" in failure.problem.cause
        assert any(b"refined" in each.body for each in got)
    finally:
        end._link.close()
        end._worker.kill()
        end._worker.wait()
        end._files.remove()
        for file in (channel.input, channel.output, source):
            file.close()
        os.close(near)


@pytest.mark.parametrize(
    "words", [{"is": "end"}, {"is": "array"}, {"is": "array", "bytes": -1}, {"is": "drop", "token": 1}]
)
def test_words_that_make_no_sense_end_the_connection(words: dict[str, Any], tmp_path: Path) -> None:
    end = End(tmp_path)
    with pytest.raises(FrameError):
        end.link.run(io.BytesIO(control(words["is"], **{k: v for k, v in words.items() if k != "is"})))
    for kind in (Kind.ACK, Kind.DATA, Kind.CONTROL):
        for body in (b"???", b"[" * 100_000):
            with pytest.raises(FrameError):
                end.link.run(io.BytesIO(frame(kind, body)))
    end.files.remove()
