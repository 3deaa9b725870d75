"""Corrections in a real process: what it imports, what it costs, and that its death loses nothing."""

from __future__ import annotations

import gc
import os
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from killing import Killer
from refining_helpers import GEOMETRY, Watcher, case
from worker_helpers import ENVIRONMENT, RawWorker, until

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.refinement import Point, Session, Strokes
from UNetSegmentLib.worker import processes
from UNetSegmentLib.worker.errors import WorkerError
from UNetSegmentLib.worker.exchange.mapped import write_array
from UNetSegmentLib.worker.protocol.arrays import ArrayFile, VolumeFile
from UNetSegmentLib.worker.protocol.encoding import ClientHello, encode
from UNetSegmentLib.worker.protocol.refine_messages import RefineEdit, RefineOpen
from UNetSegmentLib.worker.refining import RefineClient, RefineSession
from UNetSegmentLib.worker.refining.engine import Refiner
from UNetSegmentLib.worker.refining.values import drawn_of
from UNetSegmentLib.worker.transport.launch import refine_command
from UNetSegmentLib.worker.transport.pipes import SubprocessTransport

linux = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")


def prompt(number: int, include: bool | None = None) -> Point:
    """One of many points all over the image, in turn including and excluding."""
    index = np.random.default_rng(number).uniform(0, np.array(GEOMETRY.size) - 1)
    return Point(tuple(GEOMETRY.to_physical(index)), number % 2 == 0 if include is None else include)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[RefineSession]:
    volume, segmentation = case(3)
    with RefineSession(volume, segmentation, folder=tmp_path, environment=ENVIRONMENT) as session:
        yield session
    assert not list(tmp_path.iterdir())


def test_it_imports_no_torch(tmp_path: Path) -> None:
    """From its start through the first prompts."""
    volume, segmentation = case(0)
    lines: list[str] = []
    command = [sys.executable, "-X", "importtime", *refine_command()[1:]]
    with RefineSession(
        volume,
        segmentation,
        log=lambda level, line: lines.append(line),
        folder=tmp_path,
        command=command,
        environment=ENVIRONMENT,
    ) as session:
        session.add(prompt(0))
        session.add(prompt(1))
        session.undo()
    imported = {line.rsplit("|", 1)[1].strip() for line in lines if line.startswith("import time:")}
    assert {"numpy", "scipy.ndimage", "UNetSegmentLib.refinement.session"} <= imported
    assert not {"torch", "vtk", "UNetSegmentLib.inference", "UNetSegmentLib.models"} & imported


def test_it_is_as_a_session_in_this_process(session: RefineSession) -> None:
    volume, segmentation = case(3)
    other = Session(volume, segmentation)
    for number in range(6):
        ours, theirs = session.add(prompt(number)), other.add(prompt(number))
        assert ours.box == theirs.box and ours.voxels == theirs.voxels and ours.notes == theirs.notes
        np.testing.assert_array_equal(ours.labels, theirs.labels)
    assert session.history == other.history
    for ours, theirs in ((session.undo(), other.undo()), (session.remove(1), other.remove(1))):
        assert ours.box == theirs.box
        np.testing.assert_array_equal(ours.labels, theirs.labels)
    with pytest.raises(InputError, match="outside"):
        session.add(Point((1e5, 0.0, 0.0)))
    with pytest.raises(InputError):
        session.remove(99)
    for edit in (Point(prompt(0).position, segment=300), Strokes(Box((0, 0, 0), (1, 1, 1)), np.full((1, 1, 1), 9))):
        session.add(edit)
        other.add(edit)
        ours, theirs = session.segmentation, other.segmentation
        assert ours.labels == theirs.labels and ours.voxels.dtype == theirs.voxels.dtype
        assert ours.geometry == theirs.geometry
        np.testing.assert_array_equal(ours.voxels, theirs.voxels)
    session.reset()
    np.testing.assert_array_equal(session.segmentation.voxels, segmentation.voxels)
    assert len(session.undone) == 6 and session.label == 1
    session.redo()
    other.reset()
    other.redo()
    assert session.segmentation.labels == other.segmentation.labels


def test_killed_between_two_prompts_and_nothing_is_lost(session: RefineSession) -> None:
    volume, segmentation = case(3)
    other = Session(volume, segmentation)
    pids = set()
    for number in range(2):
        session.add(prompt(number))
        other.add(prompt(number))
        assert session.client.hello is not None
        pids.add(session.client.hello.pid)
        processes.kill(session.client.hello.pid)
    session.undo()
    other.undo()
    np.testing.assert_array_equal(session.segmentation.voxels, other.segmentation.voxels)
    assert len(pids) == 2


def test_killed_at_random_moments(tmp_path: Path) -> None:
    """A taste of ``test_refining_killed.py``."""
    killer = Killer(tmp_path)
    try:
        for seed in range(1000, 1003):
            row = killer.session(seed)
            assert row.replaced and row.equal, row
    finally:
        killer.close()


def test_in_threads(tmp_path: Path) -> None:
    """The transport delivers on its own thread, while this one asks."""
    volume, segmentation = case(1)
    watcher = Watcher(segmentation.voxels)
    client = RefineClient(SubprocessTransport(), watcher, None, ENVIRONMENT, tmp_path)
    other = Session(volume, segmentation)
    client.open(volume, segmentation)
    for number in range(30):
        client.add(prompt(number))
        other.add(prompt(number))
        if number in (10, 20) and client.hello is not None:
            processes.kill(client.hello.pid)
    until(lambda: not client.pending, "the answers")
    client.shutdown()
    assert not watcher.errors
    np.testing.assert_array_equal(watcher.labels, other.segmentation.voxels)
    assert not list(tmp_path.iterdir())


def test_a_command_that_is_none(tmp_path: Path) -> None:
    volume, segmentation = case(0)
    with pytest.raises(WorkerError) as caught:
        RefineSession(volume, segmentation, command=["/nowhere/python"], folder=tmp_path)
    assert caught.value.code == WorkerError.START_FAILED
    with pytest.raises(WorkerError, match="before it was ready") as caught:
        RefineSession(volume, segmentation, command=[*refine_command(), "nonsense"], folder=tmp_path)
    assert "nonsense" in caught.value.detail
    assert not list(tmp_path.iterdir())


# -- what it costs ---------------------------------------------------------------------------------------------------


class Opened:
    """A refiner in this process."""

    def __init__(self, folder: Path) -> None:
        volume, segmentation = case(2)
        image = write_array(volume.voxels, folder / "image.raw")
        labels = write_array(segmentation.voxels, folder / "labels.raw")
        self.refiner = Refiner()
        self.refiner.refine(RefineOpen(1, VolumeFile(image, GEOMETRY), 1, str(folder), labels))

    def prompts(self, first: int, count: int) -> float:
        """Makes prompts; seconds of the processor."""
        began = time.process_time()
        for number in range(first, first + count):
            self.refiner.refine(RefineEdit(number + 2, 1, drawn_of(prompt(number))))
        return time.process_time() - began


def test_two_hundred_prompts_grow_neither_memory_nor_time(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    opened.prompts(0, 10)
    early = min(opened.prompts(10 + n, 10) for n in (0, 10))
    opened.prompts(30, 150)
    late = min(opened.prompts(180 + n, 10) for n in (0, 10))
    # Each earlier prompt in the same box is looked at, which takes microseconds.
    assert late < 3 * early + 0.05
    tracemalloc.start()
    opened.prompts(200, 5)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    opened.prompts(205, 20)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    # A prompt and the way back from it, packed.
    assert grown < 20 * 6000


@linux
def test_the_client_and_the_process_stay_as_small_as_they_are(session: RefineSession) -> None:
    def resident(pid: int) -> int:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024

    assert session.client.hello is not None
    pids = (os.getpid(), session.client.hello.pid)
    for number in range(40):
        session.add(prompt(number))
    before = [resident(pid) for pid in pids]
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(40, 240):
        session.add(prompt(number))
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors + 2
    for pid, then in zip(pids, before, strict=True):
        assert resident(pid) < then + 8


@linux
def test_of_a_large_volume_only_a_box_is_read(tmp_path: Path) -> None:
    """512 x 512 x 400: files with holes, so that they take no disk."""
    geometry = Geometry((512, 512, 400), (0.8, 0.8, 1.5), (0.0, 0.0, 0.0))
    image = ArrayFile(str(tmp_path / "image.raw"), (1, *geometry.shape), "<i2")
    labels = ArrayFile(str(tmp_path / "labels.raw"), geometry.shape, "|u1")
    for file in (image, labels):
        with Path(file.path).open("wb") as stream:
            stream.truncate(int(np.prod(file.shape)) * np.dtype(file.dtype).itemsize)
    worker = RawWorker(refine_command())
    try:
        pid = worker.receive("hello").pid
        worker.send(encode(ClientHello()))
        worker.send(encode(RefineOpen(1, VolumeFile(image, geometry), 1, str(tmp_path), labels, reach=40.0)))
        worker.receive("refined")
        assert read_of(pid, image.path) == 0
        center = tuple(geometry.to_physical(np.array([256.0, 256.0, 200.0])))
        worker.send(encode(RefineEdit(2, 1, drawn_of(Point(center)))))
        answer = worker.receive("refined")
        assert answer.voxels > 0
        # Of 210 MB the rows around the prompt, all of which look alike: at most 108 of 512 in 54 of 400 planes.
        assert read_of(pid, image.path) < 15_000
    finally:
        worker.close()


def read_of(pid: int, path: str) -> int:
    """kB of a mapped file that a process has touched."""
    inside, total = False, 0
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        fields = line.split()
        if not fields[0].endswith(":"):
            inside = fields[-1] == path
        elif inside and fields[0] == "Rss:":
            total += int(fields[1])
    return total
