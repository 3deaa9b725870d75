from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worker_helpers import GEOMETRY

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.geometry import Box
from UNetSegmentLib.labels import CodedTerm, Label, Terminology
from UNetSegmentLib.worker.errors import ProtocolError, VersionError, WorkerError, error_from_code
from UNetSegmentLib.worker.protocol import encoding as protocol
from UNetSegmentLib.worker.protocol.compression import Compress, Compressed, CompressionOrder, CompressionOutcome
from UNetSegmentLib.worker.protocol.encoding import (
    ArrayFile,
    BoxLabels,
    BoxMask,
    Cancel,
    ClientHello,
    Device,
    Drawn,
    Failure,
    Hello,
    Import,
    Imported,
    ImportedModel,
    LibraryInstall,
    Load,
    Loaded,
    Log,
    Problem,
    Progress,
    Ready,
    Refined,
    RefineEdit,
    RefineOpen,
    RefineStep,
    Result,
    Segment,
    Shutdown,
    Train,
    Trained,
    Unload,
    Unloaded,
    VolumeFile,
    decode_event,
    decode_request,
    encode,
)
from UNetSegmentLib.worker.protocol.training_runs import Outcome

ARRAY = ArrayFile("/tmp/ä b.raw", (1, 2, 3, 4), "<f4")
IMAGE = VolumeFile(ARRAY, GEOMETRY, "Kopf 头", "MR")
BOX = Box((0, 1, 2), (3, 4, 5))
LASSO = Drawn("lasso", ((0.0, 1.0, 2.0),) * 3, False, 7)
TERM = CodedTerm("SCT", "1", "Thing")
LABELS = (Label(1, "a"), Label(2, "b", (1, 2, 3), Terminology(TERM, TERM, None, TERM)))

REQUESTS = [
    ClientHello(pid=5, host="here"),
    Load(1, "m", "cpu", "fast", {"overlap": 0.5}),
    Segment(2, (IMAGE, IMAGE), "m", "/tmp/x", Box((0, 1, 2), (3, 4, 5)), "cuda:0", "exact", {"patch": [1, 2]}, True),
    Segment(3, (IMAGE,), "m", "/tmp/x"),
    RefineOpen(8, IMAGE, 2, "/tmp/x", ARRAY, GEOMETRY, ARRAY, (3, 4), ARRAY, 40.0),
    RefineOpen(8, IMAGE, 1, "/tmp/x"),
    RefineEdit(
        9, 8, Drawn("lasso", ((0.0, 1.0, 2.0),) * 3, False, 7), known=BoxLabels(BOX, packed="eA=="), result="/tmp/r"
    ),
    RefineEdit(9, 8, painted=BoxLabels(BOX, "<u2", file=ARRAY), where=BoxMask(BOX, "eA==")),
    RefineStep(10, 8, "undo", None, "/tmp/r"),
    RefineStep(10, 8, "remove", 3),
    Import(5, "/models/ä", "/packages", True, "name", "3d_fullres", "/c.json"),
    Import(5, "/models/m.zip"),
    LibraryInstall(6, "spleen", True, ("/a.zip", "/b.zip"), "/packages", "/cache"),
    LibraryInstall(6, "spleen", False),
    Train(7, "/trainings/ä", True, "/packages"),
    Train(7, "/t"),
    Compress(11, CompressionOrder("/m", "/c", "ä-quick", "Ä, quick", "int8", 0.01, "/tmp/u"), "/packages"),
    Compress(11, CompressionOrder("/m", "/c", "n", "t")),
    Cancel(2),
    Unload(4),
    Unload(4, "m"),
    Shutdown(),
]
EVENTS = [
    Hello(pid=7, host="here", python="3.12", executable="/p", torch="2.4"),
    Ready("2.4", (Device("cpu", "CPU", 1, 2), Device("cuda:0", "GPU")), None, 1.5),
    Ready(problem=Problem("missing-package", "a", "b", "c")),
    Progress(1, "segment", 1, 2, 0.5, "tile"),
    Progress(1, "segment", 1, 2),
    Log("INFO", "line\nbreak", 1),
    Loaded(1, "m", "1.0", "/m", True, 0.5),
    Result(
        1, ARRAY, GEOMETRY, (Label(1, "a"), Label(2, "b", (1, 2, 3), Terminology(TERM, TERM, None, TERM))), "m", "1"
    ),
    Result(1, ARRAY, GEOMETRY, (), "m", "1", {"total": 1.0}, ("w",), {"a": [1]}, True, IMAGE, IMAGE),
    Refined(9, BoxLabels(BOX, packed="eA=="), BoxMask(BOX, "eA=="), (BoxLabels(BOX),), 7, 80.0, ("note",), 3, 1, 0.5),
    Imported(5, (ImportedModel("m", "1.0", "Title", "/packages/m"),), 1.5),
    Trained(7, Outcome(True, 9, 9, "m", "1", "T", "/m", ("a", "b"), (0.5, None), "/r.html", 1.5)),
    Compressed(11, CompressionOutcome("m", "1", "T", "/m", "int8", 4, 1, 3, 0.9, 0.8, 0.99, 0.1, 2.9, ("note",), 1.5)),
    Compressed(11, CompressionOutcome("m", "1", "T", "/m", "int8", 4, 1)),
    Unloaded(1, ("m",)),
    Failure(Problem("code", "cause", "cure", "detail"), 3),
    Failure(Problem("code", "cause")),
]


@pytest.mark.parametrize("message", REQUESTS, ids=lambda m: m.kind)
def test_requests_survive_the_wire(message: Any) -> None:
    line = encode(message)
    assert line.endswith(b"\n") and line.count(b"\n") == 1 and line.isascii()
    assert decode_request(line) == message


@pytest.mark.parametrize("message", EVENTS, ids=lambda m: m.kind)
def test_events_survive_the_wire(message: Any) -> None:
    assert decode_event(encode(message)) == message


def test_every_message_is_covered() -> None:
    assert {m.kind for m in REQUESTS} == set(protocol.REQUESTS)
    assert {m.kind for m in EVENTS} == set(protocol.EVENTS)


def test_numpy_scalars_travel_as_numbers() -> None:
    message = decode_event(encode(Result(1, ARRAY, GEOMETRY, (), "m", "1", settings={"n": np.int64(3)})))
    assert message.settings == {"n": 3}


def test_unknown_keys_are_ignored() -> None:
    body = json.loads(encode(Load(1, "m")))
    body["from_the_future"] = {"x": 1}
    assert decode_request(json.dumps(body).encode()) == Load(1, "m")


@pytest.mark.parametrize(
    ("line", "words", "number"),
    [
        (b"\xff\xfe", "not JSON", None),
        (b"not json", "not JSON", None),
        (b"[" * 100_000, "not JSON", None),
        (b"[1]", "not a JSON object", None),
        (b'{"type":"progress","id":1,"stage":"s","done":NaN,"total":1}', "not JSON", None),
        (b'{"id":3}', "knows no message", 3),
        (b'{"type":"dance","id":3}', "knows no message 'dance'", 3),
        (b'{"type":["x"],"id":true}', "knows no message", None),
        (b'{"type":"load","id":3}', "'load' lacks 'model'", 3),
        (b'{"type":"load","id":"3","model":"m"}', "'load.id' should be int", None),
        (b'{"type":"load","id":3,"model":7}', "'load.model' should be str", 3),
        (b'{"type":"load","id":3,"model":"m","settings":[]}', "'load.settings' should be an object", 3),
        (b'{"type":"segment","id":3,"inputs":{},"model":"m","folder":"/"}', "should be a list", 3),
        (b'{"type":"cancel","id":1.5}', "'cancel.id' should be int", None),
        (b'{"type":"progress","id":1}', "knows no message 'progress'", 1),
        (b'{"type":"cancel","id":true}', "'cancel.id' should be int", None),
    ],
)
def test_malformed_lines_say_what_is_wrong(line: bytes, words: str, number: int | None) -> None:
    with pytest.raises(ProtocolError) as error:
        decode_request(line)
    assert words in error.value.cause and error.value.cure
    assert error.value.request_id == number


def test_an_impossible_grid_is_a_malformed_message() -> None:
    body = json.loads(encode(Segment(3, (IMAGE,), "m", "/tmp")))
    body["inputs"][0]["geometry"]["spacing"] = [1, 0, 1]
    with pytest.raises(ProtocolError, match="spacing") as error:
        decode_request(json.dumps(body).encode())
    assert error.value.request_id == 3


KEYS = st.sampled_from(["type", "id", "model", "inputs", "protocol", "region", "settings"])
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
)


@settings(max_examples=60, deadline=None)
@given(BODIES, st.sampled_from([*protocol.REQUESTS, None]))
def test_no_json_crashes_the_reader(body: Any, kind: str | None) -> None:
    if isinstance(body, dict) and kind:
        body = {**body, "type": kind}
    with contextlib.suppress(ProtocolError):
        decode_request(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("decode", "other", "side", "older"),
    [
        (decode_request, 2, "worker", "worker"),
        (decode_request, 0, "worker", "client"),
        (decode_event, 2, "client", "client"),
        (decode_event, 0, "client", "worker"),
        (decode_event, None, "client", "worker"),
    ],
)
def test_version_skew_names_the_side_to_update(decode: Any, other: Any, side: str, older: str) -> None:
    # A hello of another version may look entirely different but for these two keys.
    line = json.dumps({"type": "hello", "protocol": other, "library": "9.9", "pid": "somewhere"}).encode()
    with pytest.raises(VersionError) as error:
        decode(line)
    assert error.value.code == "version-skew"
    assert "9.9" in error.value.cause and protocol.__version__ in error.value.cause and side in error.value.cause
    assert f"Update the {older}" in error.value.cure


def test_no_number_is_too_large_to_be_refused() -> None:
    for number in (b"9" * 400, b"9" * 5000):
        line = b'{"type":"progress","id":1,"stage":"s","done":1,"total":2,"seconds_left":' + number + b"}"
        with pytest.raises(ProtocolError):
            decode_event(line)


@pytest.mark.parametrize("name", ["\udcff.nii", "\ud800", "\x1b[31mred\x1b]8;;x", "line\nbreak", "\x00"])
def test_names_that_are_no_text_travel_as_ascii_and_come_back(name: str) -> None:
    """A path that is not UTF-8 must come back as it was, or the worker would not find the file."""
    line = encode(Segment(3, (VolumeFile(ARRAY, GEOMETRY, name),), f"/models/{name}", "/tmp"))
    assert line.isascii() and line.count(b"\n") == 1 and b"\x1b" not in line and b"\x00" not in line
    assert json.loads(line.decode("utf-8"))["inputs"][0]["name"] == name
    assert decode_request(line).model == f"/models/{name}"


def test_utf16_is_named() -> None:
    with pytest.raises(ProtocolError, match="UTF-16"):
        decode_request(encode(Load(1, "m")).decode().encode("utf-16"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.zeros(2), object()])
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    with pytest.raises(ProtocolError, match="cannot carry"):
        encode(Load(1, "m", settings={"x": value}))


def test_errors_keep_their_class_across_the_boundary() -> None:
    error = error_from_code("bad-model", "cause", "cure", "detail")
    assert type(error) is ModelError and (error.cause, error.cure, error.detail) == ("cause", "cure", "detail")
    other = error_from_code("from-the-future", "cause")
    assert type(other) is WorkerError and other.code == "from-the-future"


def test_a_number_too_large_for_a_float_is_refused() -> None:
    line = b'{"type":"progress","id":1,"stage":"s","done":1,"total":2,"seconds_left":1e999}'
    with pytest.raises(ProtocolError, match="seconds_left"):
        decode_event(line)
