"""What corrections send: edits and labels there and back, and what is refused."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from refining_helpers import GEOMETRY, SHAPE, case
from worker_helpers import RawWorker

from UNetSegmentLib.errors import GeometryError, InputError, OutputError
from UNetSegmentLib.geometry import IDENTITY_DIRECTION, Box
from UNetSegmentLib.refinement import BoxPrompt, Lasso, Point, Prompt, Scribble, Session, Strokes
from UNetSegmentLib.worker.errors import ProtocolError, WorkerError
from UNetSegmentLib.worker.exchange.folders import HeldFile
from UNetSegmentLib.worker.exchange.mapped import write_array
from UNetSegmentLib.worker.protocol.arrays import ArrayFile, BoxLabels, BoxMask, VolumeFile
from UNetSegmentLib.worker.protocol.encoding import ClientHello, Load, decode_request, encode
from UNetSegmentLib.worker.protocol.refine_messages import Drawn, RefineEdit, RefineOpen, RefineStep
from UNetSegmentLib.worker.refining.engine import Refiner, RefiningEngine
from UNetSegmentLib.worker.refining.values import (
    INLINE,
    change_of,
    drawn_of,
    edit_of,
    packed,
    packed_mask,
    unpacked,
    unpacked_mask,
)
from UNetSegmentLib.worker.running.engine import CoreEngine
from UNetSegmentLib.worker.transport.launch import refine_command

numbers = st.floats(-1e7, 1e7)
positions = st.tuples(numbers, numbers, numbers)
spoken = {"include": st.booleans(), "segment": st.none() | st.integers(1, 65535)}
sides = st.floats(0.1, 1e5)
TURNED = tuple(np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, -1.0]]).ravel().tolist())
prompts: st.SearchStrategy[Prompt] = st.one_of(
    st.builds(Point, positions, **spoken),
    st.builds(Scribble, st.lists(positions, min_size=1, max_size=5).map(tuple), **spoken, radius=st.floats(0, 100)),
    st.builds(Lasso, st.lists(positions, min_size=3, max_size=6).map(tuple), **spoken),
    st.builds(
        BoxPrompt,
        positions,
        st.tuples(st.just(0.0) | sides, sides, sides),
        **spoken,
        axes=st.sampled_from([IDENTITY_DIRECTION, TURNED]),
    ),
)


@given(prompts)
def test_prompts_survive_the_wire(prompt: Prompt) -> None:
    message = decode_request(encode(RefineEdit(1, 2, drawn_of(prompt))))
    assert edit_of(message) == prompt


def test_a_stroke_of_ten_thousand_points_travels_in_a_line() -> None:
    points = np.cumsum(np.random.default_rng(0).normal(size=(10_000, 3)), axis=0)
    prompt = Scribble(tuple(map(tuple, points.tolist())))
    line = encode(RefineEdit(1, 2, drawn_of(prompt)))
    assert len(line) < 1_000_000
    assert edit_of(decode_request(line)) == prompt


def raw(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


ONE = Box((0, 0, 0), (1, 1, 2))


shapes, starts = (st.tuples(*[st.integers(0, most)] * 3) for most in (5, 9))
labels_of_boxes = st.tuples(
    starts, arrays.arrays(st.sampled_from([np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(">u2")]), shapes)
)


@given(labels_of_boxes, st.booleans())
def test_labels_survive_the_wire(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[tuple[int, int, int], np.ndarray], by_file: bool
) -> None:
    start, labels = drawn
    stop = tuple(int(n) for n in np.add(start, labels.shape))
    box = Box(start, stop)  # type: ignore[arg-type]
    message = packed(box, labels)
    if by_file:
        file = HeldFile(tmp_path_factory.mktemp("f") / "labels.raw")
        message = BoxLabels(box, file=write_array(labels, file.path, held=True))
    sent = decode_request(encode(RefineEdit(1, 2, painted=message)))
    edit = edit_of(sent)
    assert isinstance(edit, Strokes) and edit.box == box
    assert edit.labels.dtype == labels.dtype
    np.testing.assert_array_equal(edit.labels, labels)
    if by_file:
        file.release()


@given(arrays.arrays(bool, shapes))
def test_masks_survive_the_wire(mask: np.ndarray) -> None:
    box = Box((1, 2, 3), tuple(int(n) for n in np.add((1, 2, 3), mask.shape)))  # type: ignore[arg-type]
    strokes = RefineEdit(1, 2, painted=packed(box, mask.astype(np.uint8)), where=packed_mask(box, mask))
    edit = edit_of(decode_request(encode(strokes)))
    assert isinstance(edit, Strokes)
    np.testing.assert_array_equal(edit.painted, mask)


@pytest.mark.parametrize("text", ["", "?", raw(b""), raw(b"12"), raw(bytes(10**7))])
def test_masks_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        unpacked_mask(BoxMask(ONE, text))
    with pytest.raises(InputError):
        unpacked_mask(BoxMask(Box((0, 0, 0), (10**5, 10**5, 10**5)), text))


def test_only_large_labels_take_the_file(tmp_path: Path) -> None:
    for count, by_file in ((INLINE, False), (INLINE + 1, True)):
        file = HeldFile(tmp_path / f"{count}.raw")
        labels = np.arange(count).astype(np.uint8).reshape(1, 1, count)
        message = packed(Box((0, 0, 0), (1, 1, count)), labels, str(file.path))
        assert (message.file is not None) is by_file
        np.testing.assert_array_equal(unpacked(message), labels)
        file.release()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "bad",
    [
        BoxLabels(ONE, packed=raw(b"1")),
        BoxLabels(ONE, packed=raw(b"123")),
        BoxLabels(ONE, packed=raw(bytes(10**7))),
        BoxLabels(ONE, packed=""),
        BoxLabels(ONE, packed="?"),
        BoxLabels(ONE, packed=base64.b64encode(b"12").decode()),
        BoxLabels(ONE, "<f4", packed=raw(bytes(8))),
        BoxLabels(ONE, "O", packed=raw(bytes(16))),
        BoxLabels(ONE, "nonsense", packed=raw(bytes(16))),
        BoxLabels(Box((0, 0, 0), (10**5, 10**5, 10**5)), packed=raw(b"")),
        BoxLabels(Box((-1, 0, 0), (0, 1, 2)), packed=raw(bytes(2))),
        BoxLabels(Box((5, 0, 0), (0, 1, 2)), packed=raw(bytes(2))),
        BoxLabels(ONE, file=ArrayFile("/nowhere", (1, 1, 2), "|u1")),
        BoxLabels(ONE, file=ArrayFile("/nowhere", (1, 1, 3), "|u1")),
        BoxLabels(ONE, file=ArrayFile("/nowhere", (1, 1, 2), "<i8")),
    ],
)
def test_labels_that_cannot_be_are_refused(bad: BoxLabels) -> None:
    with pytest.raises(InputError):
        unpacked(bad)


@pytest.mark.parametrize(
    ("kind", "changes", "complaint"),
    [
        ("refine-edit", {"drawn": None}, "either drawn or painted"),
        ("refine-edit", {"painted": {"box": {"start": [0, 0, 0], "stop": [1, 1, 1]}}}, "either drawn or painted"),
        ("refine-edit", {"drawn": {"shape": "circle", "points": []}}, "no kind of prompt"),
        ("refine-edit", {"drawn": {"shape": "point", "points": []}}, "one point"),
        ("refine-edit", {"drawn": {"shape": "point", "points": [[1, 2]]}}, "a list of 3"),
        ("refine-edit", {"drawn": {"shape": "point", "points": [[1, 2, "3"]]}}, "float"),
        ("refine-edit", {"drawn": {"shape": "box", "points": [[1, 2, 3]]}}, "has a size"),
        ("refine-edit", {"drawn": {"shape": "lasso", "points": [[1, 2, 3]], "include": 1}}, "bool"),
        ("refine-edit", {"session": None}, "int"),
        ("refine-step", {"step": "jump"}, "no step"),
        ("refine-step", {"step": "remove"}, "names the edit"),
        ("refine-step", {"number": 1}, "names the edit"),
        ("refine-open", {"label": "1"}, "int"),
        ("refine-open", {"image": None}, "object"),
    ],
)
def test_messages_that_are_none_are_refused(kind: str, changes: dict[str, Any], complaint: str) -> None:
    image = VolumeFile(ArrayFile("/i", (1, *SHAPE), "<f4"), GEOMETRY)
    whole = {
        "refine-edit": RefineEdit(4, 1, Drawn("point", ((1.0, 2.0, 3.0),))),
        "refine-step": RefineStep(4, 1, "undo"),
        "refine-open": RefineOpen(4, image, 1, "/f"),
    }[kind]
    body = {**json.loads(encode(whole)), **changes}
    with pytest.raises(ProtocolError, match=complaint) as caught:
        decode_request(json.dumps(body).encode())
    assert caught.value.request_id == 4


class Opened:
    """A session of a refiner over files."""

    def __init__(self, folder: Path) -> None:
        self.volume, self.segmentation = case(0)
        image = write_array(self.volume.voxels, folder / "image.raw")
        labels = write_array(self.segmentation.voxels, folder / "labels.raw")
        self.message = RefineOpen(1, VolumeFile(image, GEOMETRY, "blob"), 1, str(folder), labels)
        self.refiner = Refiner()
        self.refiner.refine(self.message)


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    return Opened(tmp_path)


def middle() -> Drawn:
    return drawn_of(Point(tuple(GEOMETRY.to_physical(np.array([8.0, 7.0, 3.0]))), include=False))


def test_a_session_step_by_step(opened: Opened) -> None:
    session = Session(opened.volume, opened.segmentation, 1)
    expected = session.add(edit_of(RefineEdit(2, 1, middle())))  # type: ignore[arg-type]
    answer = opened.refiner.refine(RefineEdit(2, 1, middle()))
    assert answer.id == 2 and answer.history == 1 and answer.undone == 0 and answer.seconds > 0
    assert answer.voxels == expected.voxels > 0 and answer.reach == expected.reach and answer.notes == expected.notes
    np.testing.assert_array_equal(change_of(answer).labels, expected.labels)
    answer = opened.refiner.refine(RefineStep(3, 1, "undo"))
    assert (answer.history, answer.undone) == (0, 1)
    box = change_of(answer).box
    np.testing.assert_array_equal(change_of(answer).labels, opened.segmentation.voxels[box.slices])
    for number, step in enumerate(("redo", "reset", "redo"), 4):
        answer = opened.refiner.refine(RefineStep(number, 1, step))
    answer = opened.refiner.refine(RefineStep(9, 1, "remove", 0))
    assert (answer.history, answer.undone) == (0, 0)
    with pytest.raises(InputError, match="no edit 0"):
        opened.refiner.refine(RefineStep(9, 1, "remove", 0))
    opened.refiner.refine(RefineStep(10, 1, "close"))
    for request in (RefineEdit(11, 1, middle()), RefineStep(12, 1, "undo")):
        with pytest.raises(InputError, match="No correction is open"):
            opened.refiner.refine(request)


def test_a_known_edit_is_taken_over_as_it_is(opened: Opened) -> None:
    box = Box((2, 6, 7), (4, 8, 9))
    known = BoxLabels(box, packed=raw(bytes(8)))
    answer = opened.refiner.refine(RefineEdit(2, 1, middle(), known=known))
    assert answer.labels.box == box and not unpacked(answer.labels).any()
    undone = change_of(opened.refiner.refine(RefineStep(3, 1, "undo")))
    np.testing.assert_array_equal(undone.labels, opened.segmentation.voxels[box.slices])
    beyond = replace(known, box=Box((6, 0, 0), (8, 2, 2)))
    with pytest.raises(InputError, match="do not fit"):
        opened.refiner.refine(RefineEdit(4, 1, middle(), known=beyond))


def test_another_session_s_edits_are_refused(opened: Opened) -> None:
    opened.refiner.refine(replace(opened.message, id=7))
    with pytest.raises(InputError, match="No correction is open"):
        opened.refiner.refine(RefineEdit(8, 1, middle()))
    # The end of the one before is not the end of this one.
    opened.refiner.refine(RefineStep(9, 1, "close"))
    assert opened.refiner.refine(RefineEdit(10, 7, middle())).history == 1


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"label": 0}, InputError),
        ({"reach": -1.0}, InputError),
        ({"segmentation": ArrayFile("/nowhere", SHAPE, "|u1")}, InputError),
        ({"segmentation": "float"}, InputError),
        ({"segmentation": "small"}, GeometryError),
        ({"editable": "small"}, GeometryError),
        ({"probabilities": "small"}, GeometryError),
        ({"image": "small"}, GeometryError),
    ],
)
def test_what_cannot_be_opened(opened: Opened, tmp_path: Path, changes: dict[str, Any], kind: type) -> None:
    files = {
        "float": write_array(np.zeros(SHAPE, np.float32), tmp_path / "float.raw"),
        "small": write_array(np.zeros((2, 3, 4), np.uint8), tmp_path / "small.raw"),
    }
    changes = {name: files.get(value, value) if isinstance(value, str) else value for name, value in changes.items()}
    if "image" in changes:
        changes["image"] = VolumeFile(replace(changes["image"], shape=(1, 2, 3, 4)), GEOMETRY)
    with pytest.raises(kind):
        opened.refiner.refine(replace(opened.message, id=2, **changes))
    with pytest.raises(InputError, match="No correction is open"):
        opened.refiner.refine(RefineEdit(3, 1, middle()))


def test_labels_that_cannot_be_handed_over(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("UNetSegmentLib.worker.refining.values.INLINE", 1)
    with pytest.raises(OutputError):
        opened.refiner.refine(RefineEdit(2, 1, middle(), result="/nowhere/at/all.raw"))


def test_each_worker_refuses_the_other_s_requests() -> None:
    with pytest.raises(WorkerError, match="one of their own"):
        CoreEngine().refine(RefineStep(1, 1, "undo"))
    with pytest.raises(WorkerError, match="runs no models"):
        RefiningEngine().load(Load(1, "m"), None)  # type: ignore[arg-type]


def test_the_process_answers_bad_lines_and_goes_on(tmp_path: Path) -> None:
    worker = RawWorker(refine_command())
    try:
        ready = worker.receive("ready")
        assert ready.problem is None and ready.torch is None
        worker.send(encode(ClientHello()))
        worker.send(b'{"type":"refine-step","id":3,"session":1,"step":"jump"}\n')
        assert worker.receive("error").problem.code == WorkerError.BAD_MESSAGE
        worker.send(encode(Load(4, "m")))
        error = worker.receive("error")
        assert error.id == 4 and "runs no models" in error.problem.cause
        worker.send(encode(RefineEdit(5, 1, middle())))
        assert worker.receive("error").problem.code == InputError.code
        worker.send(encode(Opened(tmp_path).message))
        assert worker.receive("refined").id == 1
        worker.send(encode(RefineEdit(6, 1, middle())))
        assert worker.receive("refined").history == 1
    finally:
        worker.close()
