"""The client of corrections beside sessions in this process, with a worker that dies whenever a test wants it to."""

from __future__ import annotations

import contextlib
import gc
import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refining_helpers import GEOMETRY, Call, Undisturbed, case, random_calls, random_edit, same
from refining_setting import CORNER, MIDDLE, Setting

from UNetSegmentLib.errors import Cancelled, InputError
from UNetSegmentLib.geometry import Box
from UNetSegmentLib.refinement import Point, Strokes
from UNetSegmentLib.volume import Volume
from UNetSegmentLib.worker.errors import WorkerError
from UNetSegmentLib.worker.protocol.refine_messages import RefineEdit, RefineOpen
from UNetSegmentLib.worker.refining import RefineState, values
from UNetSegmentLib.worker.refining.client import MOST_DEATHS
from UNetSegmentLib.worker.refining.engine import Refiner


def held_of(folder: Path) -> int:
    """Files of a folder that this process holds open, with a name or without; 0 where it cannot be asked."""
    gc.collect()
    links, found = Path("/proc/self/fd"), []
    for link in links.iterdir() if links.is_dir() else ():
        with contextlib.suppress(OSError):  # closed meanwhile
            found.append(str(link.readlink()))
    return sum(path.startswith(f"{folder.resolve()}/") for path in found)


@given(st.integers(0, 10**6), st.integers(1, 14), st.lists(st.integers(0, 60), max_size=MOST_DEATHS - 1), st.data())
@settings(max_examples=60, deadline=None)
def test_whenever_workers_die_the_masks_are_those_of_an_undisturbed_session(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int, deaths: list[int], data: st.DataObject
) -> None:
    setting = Setting(tmp_path_factory.mktemp("f"), seed, deaths=[number / 2 for number in deaths])
    more = (
        {"locked": (2,)} if seed % 3 == 0 else {"editable": np.indices(GEOMETRY.shape)[2] < 13} if seed % 3 == 1 else {}
    )
    undisturbed = Undisturbed(setting.volume, setting.segmentation, **more)
    numbers: list[int | None] = []
    setting.open(**more)
    followed, expected = {}, {}
    for call in random_calls(seed, count):
        number = setting.call(call, numbers)
        numbers.append(number)
        follows = undisturbed.call(call)
        if number is None:
            assert not follows
        else:
            followed[number], expected[number] = follows, undisturbed.labels
        # A fast user, or a slow one.
        setting.transport.run(data.draw(st.sampled_from([0, 1, 10**9])))
    setting.transport.run()
    watcher = setting.watcher
    for number in followed:
        assert (number in watcher.changes) == followed[number]
        np.testing.assert_array_equal(watcher.snapshots[number], expected[number])
    assert watcher.order == [watcher.opened[0], *followed]
    history, session = setting.client.history, undisturbed.session
    for ours, theirs in ((history.done, session.history), (history.undone, session.undone)):
        for made, edit in zip(ours, theirs, strict=True):
            assert same(made.edit, edit)
    assert setting.client.state is RefineState.READY
    assert all(a is not b for a, b in itertools.pairwise(watcher.states))
    setting.client.shutdown()


def test_what_was_undone_can_be_made_again_in_another_worker(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    undisturbed = Undisturbed(setting.volume, setting.segmentation)
    setting.open()
    points = [Point(MIDDLE, include=False), Point(CORNER), Point(MIDDLE)]
    calls = [Call("edit", point) for point in points] + [Call("undo"), Call("undo"), Call("redo"), Call("redo")]
    for call in calls:
        setting.call(call, [])
        undisturbed.call(call)
        setting.transport.run()
        np.testing.assert_array_equal(setting.watcher.labels, undisturbed.labels)
        setting.transport.terminate()
        setting.transport.run()
    assert setting.transport.starts == 8


def test_edits_made_anew_after_a_removal_are_taken_up_as_they_are_now(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    undisturbed = Undisturbed(setting.volume, setting.segmentation)
    # What the later strokes change depends on whether the first ones are there.
    box = Box((0, 0, 0), (4, 4, 4))
    first, second = (Strokes(box, np.full((4, 4, 4), value, np.uint8)) for value in (4, 5))
    point = Point(tuple(GEOMETRY.to_physical(np.array([1.0, 1.0, 1.0]))), segment=4)
    setting.open()
    numbers: list[int | None] = []
    calls = [Call("edit", first), Call("edit", point), Call("edit", second), Call("remove", target=0), Call("undo")]
    for call in [*calls, Call("undo"), Call("redo")]:
        numbers.append(setting.call(call, numbers))
        undisturbed.call(call)
        setting.transport.run()
        np.testing.assert_array_equal(setting.watcher.labels, undisturbed.labels)
        setting.transport.terminate()
        setting.transport.run()


def test_what_a_dead_worker_had_worked_out_is_not_worked_out_again(tmp_path: Path) -> None:
    added: list[Any] = []

    class Counting(Refiner):
        def refine(self, request: Any) -> Any:
            if isinstance(request, RefineEdit) and request.known is None:
                added.append(request)
            return super().refine(request)

    setting = Setting(tmp_path, deaths=[5], make=Counting)
    setting.open()
    numbers = [setting.client.add(Point(MIDDLE, include=n % 2 == 1)) for n in range(12)]
    setting.transport.run()
    assert setting.transport.starts == 2
    assert len(setting.watcher.changes) == 12
    # The fifth was being worked out.
    assert len(added) == 12
    # Those that a removal has made anew neither.
    setting.client.remove(numbers[3])
    setting.transport.run()
    setting.transport.terminate()
    setting.transport.run()
    assert setting.transport.starts == 3 and len(setting.watcher.history.done) == 11
    assert len(added) == 12


def test_an_edit_that_ends_every_worker_is_refused_and_the_rest_kept(tmp_path: Path) -> None:
    deadly = Point(CORNER)
    setting = Setting(tmp_path, kills=lambda r: isinstance(r, RefineEdit) and r.drawn and r.drawn.points == (CORNER,))
    setting.open()
    before = setting.client.add(Point(MIDDLE))
    number = setting.client.add(deadly)
    after = setting.client.add(Point(MIDDLE, include=False))
    setting.transport.run()
    assert setting.transport.starts == 4
    error = setting.watcher.errors[number]
    assert error.code == WorkerError.CRASHED and "3 times" in error.cause and error.cure
    assert [made.number for made in setting.watcher.history.done] == [before, after]
    assert setting.watcher.order[1:] == [before, number, after]
    assert RefineState.REPLACING in setting.watcher.states and setting.watcher.states[-1] is RefineState.READY
    undisturbed = Undisturbed(setting.volume, setting.segmentation)
    undisturbed.call(Call("edit", Point(MIDDLE)))
    undisturbed.call(Call("edit", Point(MIDDLE, include=False)))
    np.testing.assert_array_equal(setting.watcher.labels, undisturbed.labels)


def test_an_image_that_ends_every_worker_is_refused(tmp_path: Path) -> None:
    setting = Setting(tmp_path, kills=lambda r: isinstance(r, RefineOpen))
    number = setting.open()
    edit = setting.client.add(Point(MIDDLE))
    setting.transport.run()
    assert setting.transport.starts == 3
    assert setting.watcher.order == [number, edit]
    assert {error.code for error in setting.watcher.errors.values()} == {WorkerError.CRASHED}
    assert not setting.client.is_open
    with pytest.raises(InputError, match="No image is open"):
        setting.client.undo()


def test_a_worker_that_dies_again_and_again_while_idle_is_not_replaced_for_ever(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.open()
    setting.client.add(Point(MIDDLE))
    setting.transport.run()
    for _ in range(3):
        assert setting.transport.running
        setting.transport.terminate()
        setting.transport.run()
    assert not setting.transport.running
    assert setting.client.state is RefineState.CRASHED
    number = setting.client.undo()
    setting.transport.run()
    np.testing.assert_array_equal(setting.watcher.labels, setting.segmentation.voxels)
    assert number in setting.watcher.changes


def test_closing_with_work_waiting(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.open()
    setting.transport.run()
    waiting = [setting.client.add(Point(MIDDLE)) for _ in range(3)]
    assert setting.client.pending == tuple(waiting)
    setting.client.close()
    assert [setting.watcher.errors[number].code for number in waiting] == [Cancelled.code] * 3
    setting.transport.run()
    assert setting.watcher.order[1:] == waiting
    assert setting.client.state is RefineState.READY
    number = setting.open()
    edit = setting.client.add(Point(MIDDLE))
    setting.transport.run()
    assert setting.watcher.opened[-1] == number and edit in setting.watcher.changes
    assert setting.transport.starts == 1
    setting.client.shutdown()
    assert not list(tmp_path.iterdir())


def test_another_image_while_work_is_waiting(tmp_path: Path) -> None:
    setting = Setting(tmp_path, deaths=[1.5])
    first = setting.open()
    lost = setting.client.add(Point(MIDDLE))
    setting.transport.run(1)
    volume, segmentation = case(5)
    second = setting.client.open(volume, segmentation)
    edit = setting.client.add(Point(MIDDLE, include=False))
    setting.transport.run()
    assert setting.watcher.opened == [first, second]
    assert setting.watcher.errors[lost].code == Cancelled.code
    assert edit in setting.watcher.changes
    undisturbed = Undisturbed(volume, segmentation)
    undisturbed.call(Call("edit", Point(MIDDLE, include=False)))
    change = setting.watcher.changes[edit]
    np.testing.assert_array_equal(change.labels, undisturbed.labels[change.box.slices])


def test_the_same_image_is_written_once(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.open()
    setting.transport.run()
    setting.client.open(setting.volume, setting.segmentation, 2)
    setting.transport.run()
    other = Volume(setting.volume.voxels, setting.volume.geometry, "other")
    setting.client.open(other, setting.segmentation, 2)
    setting.transport.run()
    first, second, third = [r.image.array.path for r in setting.transport.sent if isinstance(r, RefineOpen)]
    assert first == second != third
    assert held_of(tmp_path) or sys.platform != "linux"
    setting.client.add(Point(MIDDLE))
    setting.transport.run()
    assert setting.watcher.changes
    setting.client.shutdown()
    setting.transport.refiner = Refiner()
    assert held_of(tmp_path) == 0


def test_large_labels_go_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "INLINE", 10)
    setting = Setting(tmp_path, deaths=[4])
    undisturbed = Undisturbed(setting.volume, setting.segmentation)
    setting.open()
    calls = [Call("edit", random_edit(np.random.default_rng(seed))) for seed in range(8)] + [
        Call("undo"),
        Call("reset"),
    ]
    numbers: list[int | None] = []
    for call in calls:
        numbers.append(setting.call(call, numbers))
        undisturbed.call(call)
        setting.transport.run()
        np.testing.assert_array_equal(setting.watcher.labels, undisturbed.labels)
    edits = [r for r in setting.transport.sent if isinstance(r, RefineEdit)]
    assert any(edit.known and edit.known.file for edit in edits)
    assert any(edit.painted and edit.painted.file for edit in edits)
    setting.client.shutdown()
    assert not list(tmp_path.iterdir())


def test_strokes_that_change_nothing_stay_so(tmp_path: Path) -> None:
    """Also when what they lay on is taken back, and the worker is another one."""
    setting = Setting(tmp_path)
    undisturbed = Undisturbed(setting.volume, setting.segmentation)
    box = Box((5, 5, 5), (6, 7, 8))
    strokes = Strokes(box, np.full(box.shape, 7, np.uint8))
    calls = [Call("edit", strokes), Call("edit", strokes), Call("remove", target=0), Call("undo"), Call("redo")]
    setting.open()
    numbers: list[int | None] = []
    for call in calls:
        numbers.append(setting.call(call, numbers))
        assert undisturbed.call(call)
        setting.transport.run()
        np.testing.assert_array_equal(setting.watcher.labels, undisturbed.labels)
        setting.transport.terminate()
        setting.transport.run()
    assert not setting.watcher.errors
    assert [made.number for made in setting.watcher.history.done] == [numbers[1]]


def test_strokes_are_the_client_s_own(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.open()
    labels = np.full((2, 2, 2), 5, np.uint8)
    setting.client.add(Strokes(Box((0, 0, 0), (2, 2, 2)), labels))
    labels[:] = 0
    setting.transport.run()
    assert (setting.watcher.labels[:2, :2, :2] == 5).all()
    setting.client.add(Strokes(Box((0, 0, 0), (1, 1, 1)), np.full((1, 1, 1), 300, np.int64)))
    setting.transport.run()
    assert setting.watcher.labels[0, 0, 0] == 300
    for bad in (-1, 70000, 0.5):
        with pytest.raises(InputError, match="0 to 65535"):
            setting.client.add(Strokes(Box((0, 0, 0), (1, 1, 1)), np.full((1, 1, 1), bad)))
    with pytest.raises(InputError, match="fit their box"):
        setting.client.add(Strokes(Box((0, 0, 0), (1, 1, 1)), np.zeros((1, 1, 2), np.uint8)))
    number = setting.client.add(Strokes(Box((-1, 0, 0), (1, 1, 1)), np.zeros((2, 1, 1), np.uint8)))
    beyond = setting.client.add(Strokes(Box((6, 0, 0), (8, 1, 1)), np.zeros((2, 1, 1), np.uint8)))
    setting.transport.run()
    assert {setting.watcher.errors[n].code for n in (number, beyond)} == {InputError.code}
