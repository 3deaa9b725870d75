"""The client of corrections where something goes wrong: the session stays as it was."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refining_helpers import GEOMETRY, Call, Undisturbed, Watcher
from refining_setting import CORNER, MIDDLE, Setting

from UNetSegmentLib.errors import Cancelled, GeometryError, InputError, OutputError
from UNetSegmentLib.geometry import Box
from UNetSegmentLib.refinement import Point, Scribble
from UNetSegmentLib.volume import Segmentation, Volume
from UNetSegmentLib.worker.errors import WorkerError
from UNetSegmentLib.worker.exchange.folders import ExchangeFolder
from UNetSegmentLib.worker.protocol.encoding import Failure, Problem
from UNetSegmentLib.worker.protocol.refine_messages import RefineOpen, RefineStep
from UNetSegmentLib.worker.refining import RefineState, courier
from UNetSegmentLib.worker.refining.engine import Refiner


def test_what_cannot_be_opened_leaves_the_session_before(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.open()
    setting.transport.run()
    other = Segmentation(np.zeros((2, 3, 4), np.uint8), GEOMETRY.cropped(Box((0, 0, 0), (2, 3, 4))))
    with pytest.raises(GeometryError, match="share a grid"):
        setting.client.open(setting.volume, other)
    with pytest.raises(InputError, match="reach"):
        setting.open(reach=float("nan"))
    with pytest.raises(InputError, match="no label"):
        setting.client.open(setting.volume, setting.segmentation, 1.5)  # type: ignore[arg-type]
    edit = setting.client.add(Point(MIDDLE, include=False))
    setting.transport.run()
    assert edit in setting.watcher.changes
    with pytest.raises(GeometryError, match="probabilities"):
        grid = replace(GEOMETRY, origin=(0.0, 0.0, 0.0))
        setting.open(probabilities=Volume(np.zeros((1, *GEOMETRY.shape), np.float32), grid))
    with pytest.raises(GeometryError, match="editable"):
        setting.open(editable=np.ones((2, 2, 2), bool))


def test_what_only_the_worker_finds(tmp_path: Path) -> None:
    class Choosy(Refiner):
        def refine(self, request: Any) -> Any:
            if isinstance(request, RefineOpen):
                raise InputError("Not this one.")
            return super().refine(request)

    setting = Setting(tmp_path, make=Choosy)
    number = setting.open()
    edit = setting.client.add(Point(MIDDLE))
    setting.transport.run()
    assert setting.watcher.errors[number].code == setting.watcher.errors[edit].code == InputError.code
    assert not setting.client.is_open and setting.client.state is RefineState.READY


def test_a_defect_in_the_worker_costs_one_edit(tmp_path: Path) -> None:
    class Faulty(Refiner):
        def refine(self, request: Any) -> Any:
            if isinstance(request, RefineStep) and request.step == "undo":
                session = self._session
                assert session is not None
                session.undo()
                raise ZeroDivisionError("a bug")
            return super().refine(request)

    setting = Setting(tmp_path, make=Faulty)
    setting.open()
    setting.client.add(Point(MIDDLE, include=False))
    failed = setting.client.undo()
    # Which changes nothing where the undo was done after all.
    setting.client.add(Point(MIDDLE))
    setting.transport.run()
    assert setting.watcher.errors[failed].code == "internal"
    assert len(setting.watcher.history.done) == 2
    undisturbed = Undisturbed(setting.volume, setting.segmentation)
    undisturbed.call(Call("edit", Point(MIDDLE, include=False)))
    undisturbed.call(Call("edit", Point(MIDDLE)))
    np.testing.assert_array_equal(setting.watcher.labels, undisturbed.labels)


def test_a_worker_that_cannot_be_started(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.transport.refuse = True
    with pytest.raises(WorkerError, match="could not be started"):
        setting.open()
    assert not setting.watcher.errors and not setting.client.pending
    setting.transport.refuse = False
    setting.open()
    setting.transport.run()
    setting.transport.refuse = True
    setting.transport.terminate()
    assert setting.client.state is RefineState.CRASHED
    with pytest.raises(WorkerError, match="could not be started"):
        setting.client.add(Point(MIDDLE))
    setting.transport.refuse = False
    number = setting.client.add(Point(MIDDLE, include=False))
    setting.transport.run()
    assert number in setting.watcher.changes


def test_killed_on_purpose_the_session_stays(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.open()
    setting.client.add(Point(MIDDLE, include=False))
    setting.transport.run()
    waiting = setting.client.add(Point(CORNER))
    setting.client.kill()
    assert setting.watcher.errors[waiting].code == Cancelled.code
    assert setting.client.state is RefineState.STOPPED and setting.client.is_open
    number = setting.client.undo()
    setting.transport.run()
    assert number in setting.watcher.changes
    np.testing.assert_array_equal(setting.watcher.labels, setting.segmentation.voxels)


def test_a_listener_may_call_the_client_and_may_fail(tmp_path: Path, library_log: list[str]) -> None:
    setting = Setting(tmp_path)
    calls: list[int] = []

    def on_change(number: int, change: Any, history: Any) -> None:
        if len(calls) < 3:
            calls.append(setting.client.add(Point(MIDDLE, include=bool(len(calls) % 2))))
        Watcher.on_change(setting.watcher, number, change, history)
        raise ValueError("a listener's bug")

    setting.watcher.on_change = on_change  # type: ignore[method-assign]
    setting.open()
    setting.client.add(Point(MIDDLE))
    setting.transport.run()
    assert len(setting.watcher.changes) == 4 and list(setting.watcher.changes)[1:] == calls
    assert sum("a listener's bug" in line for line in library_log) == 4


def test_an_edit_too_large_for_a_line_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "LONGEST", 2000)
    setting = Setting(tmp_path)
    setting.open()
    setting.transport.run()
    with pytest.raises(InputError, match="too large"):
        setting.client.add(Scribble((MIDDLE,) * 200))
    first = setting.client.add(Point(MIDDLE, include=False))
    second = setting.client.add(Scribble((MIDDLE,) * 200))
    setting.transport.run()
    assert first in setting.watcher.changes and setting.watcher.errors[second].code == InputError.code


def test_a_line_that_was_not_understood_is_asked_again(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.open()
    setting.transport.run()
    number = setting.client.add(Point(MIDDLE, include=False))
    setting.transport.inbox.clear()
    setting.transport.say(Failure(Problem(WorkerError.BAD_MESSAGE, "A line has not ended.")))
    setting.transport.run()
    assert setting.transport.starts == 2 and number in setting.watcher.changes


def test_a_full_disk_costs_one_edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting(tmp_path)
    setting.open()
    setting.client.add(Point(MIDDLE, include=False))
    setting.transport.run()

    def full(folder: Any, name: str) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(ExchangeFolder, "file", full)
        with pytest.raises(OutputError, match="No space left"):
            setting.client.add(Point(CORNER))
        with pytest.raises(OutputError, match="No space left"):
            setting.open()
    setting.client.undo()
    setting.transport.run()
    np.testing.assert_array_equal(setting.watcher.labels, setting.segmentation.voxels)
    assert not setting.watcher.errors and not setting.watcher.history.done
