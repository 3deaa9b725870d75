"""What the tests of corrections share: random sessions, undisturbed ones to compare with, and a worker without a
process that dies when told to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from worker_helpers import MemoryTransport

from UNetSegmentLib.errors import InputError, UNetSegmentError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.refinement import BoxPrompt, Change, Edit, Lasso, Point, Scribble, Session, Strokes
from UNetSegmentLib.volume import Segmentation, Volume
from UNetSegmentLib.worker.protocol.encoding import Failure, Hello, Problem, Ready, decode_request, encode
from UNetSegmentLib.worker.protocol.refine_messages import Refine
from UNetSegmentLib.worker.refining import RefineHistory, RefineListener, RefineState
from UNetSegmentLib.worker.refining.engine import Refiner
from UNetSegmentLib.worker.transport.interface import ExitStatus

SHAPE = (7, 14, 16)
# Turned about z and flipped, thick slices.
GEOMETRY = Geometry((16, 14, 7), (0.8, 1.0, 3.0), (5.0, -7.0, 11.0), (0.6, -0.8, 0.0, 0.8, 0.6, 0.0, 0.0, 0.0, -1.0))


@dataclass(frozen=True)
class Call:
    """A call of a session: ``edit`` with an edit, ``undo``, ``redo``, ``reset``, or ``remove`` of the edit that the
    call number ``target`` (0 the first) made."""

    step: str
    edit: Edit | None = None
    target: int | None = None


def case(seed: int) -> tuple[Volume, Segmentation]:
    """An image of noise and a blob, and labels that are spoilt."""
    rng = np.random.default_rng(seed)
    z, y, x = np.indices(SHAPE)
    blob = ((z - 3) * 3.0) ** 2 + (y - 7) ** 2 + ((x - 8) * 0.8) ** 2 < 30
    image = blob * 2.0 + rng.normal(size=SHAPE)
    labels = (blob & (x > 6)).astype(np.uint8)
    labels[:, :2, :3] = 2
    return Volume(image[None].astype(np.float32), GEOMETRY, "blob"), Segmentation(labels, GEOMETRY)


def random_calls(seed: int, count: int) -> list[Call]:
    """Calls of all kinds, mostly edits, some of which cannot be followed."""
    rng = np.random.default_rng(seed)
    steps = rng.choice(["edit", "undo", "redo", "reset", "remove"], count, p=[0.62, 0.14, 0.1, 0.04, 0.1])
    calls = []
    for number, step in enumerate(steps):
        target = int(rng.integers(max(number, 1))) if step == "remove" else None
        calls.append(Call(str(step), random_edit(rng) if step == "edit" else None, target))
    return calls


def random_edit(rng: np.random.Generator) -> Edit:
    """An edit within the image of :func:`case`, or partly beyond it."""
    include, segment = bool(rng.random() < 0.6), [None, 1, 2, 300][int(rng.choice(4, p=[0.7, 0.1, 0.1, 0.1]))]

    def places(count: int) -> list[tuple[float, float, float]]:
        index = rng.uniform(-0.6, np.array(GEOMETRY.size) - 0.4, (count, 3))
        return [tuple(p) for p in GEOMETRY.to_physical(index)]

    kind = rng.integers(5)
    if kind == 0:
        return Point(places(1)[0], include, segment)
    if kind == 1:
        return Scribble(tuple(places(3)), include, segment, float(rng.choice([0.0, 1.5])))
    if kind == 2:
        flat = rng.uniform(1, 12, (4, 2))
        index = np.column_stack([flat, np.full(4, rng.integers(7))])
        return Lasso(tuple(tuple(p) for p in GEOMETRY.to_physical(index)), include, segment)
    if kind == 3:
        return BoxPrompt(places(1)[0], tuple(rng.uniform(1, 9, 3)), include, segment, GEOMETRY.direction)
    start = rng.integers(0, np.array(SHAPE) - 1)
    stop = np.minimum(start + rng.integers(1, 6, 3), SHAPE)
    box = Box(tuple(int(n) for n in start), tuple(int(n) for n in stop))
    painted = rng.random(box.shape) < 0.5 if rng.random() < 0.3 else None
    return Strokes(box, rng.integers(0, 3, box.shape).astype(np.uint8), painted)


def same(first: Edit, second: Edit) -> bool:
    """Whether two edits of a history mean the same: strokes, that they painted the same numbers in the same voxels."""
    if not isinstance(first, Strokes) or not isinstance(second, Strokes):
        return first == second
    painted = []
    for strokes in (first, second):
        assert strokes.painted is not None
        where = np.argwhere(strokes.painted) + strokes.box.start
        painted.append(np.column_stack([where, strokes.labels[strokes.painted]]))
    return np.array_equal(*painted)


class Undisturbed:
    """The same calls on a session of the library, in this process."""

    def __init__(self, volume: Volume, segmentation: Segmentation | None, label: int = 1, **more: Any) -> None:
        self.session = Session(volume, segmentation, label, **more)
        # Numbers of the calls that made the edits of the session.
        self._calls = 0
        self._done: list[int] = []
        self._undone: list[int] = []

    def call(self, call: Call) -> bool:
        """Makes a call; whether it was followed."""
        number, self._calls = self._calls, self._calls + 1
        try:
            if call.step == "edit":
                assert call.edit is not None
                self.session.add(call.edit)
                self._done, self._undone = [*self._done, number], []
            elif call.step == "remove":
                if call.target not in self._done:
                    return False
                self.session.remove(self._done.index(call.target))
                self._done.remove(call.target)
                self._undone = []
            else:
                getattr(self.session, call.step)()
                self._move(call.step)
        except InputError:
            return False
        return True

    def _move(self, step: str) -> None:
        if step == "redo":
            self._done += self._undone[-1:]
            self._undone = self._undone[:-1]
        for _ in range({"undo": 1, "reset": len(self._done)}.get(step, 0)):
            self._undone += self._done[-1:]
            self._done = self._done[:-1]

    @property
    def labels(self) -> np.ndarray:
        return self.session.segmentation.voxels


class Watcher(RefineListener):
    """Applies the changes that a client tells to labels, and remembers what it heard; ``order`` holds every number, as
    often as it was told."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels.astype(np.uint16)
        self.opened: list[int] = []
        self.changes: dict[int, Change] = {}
        self.errors: dict[int, UNetSegmentError] = {}
        self.order: list[int] = []
        self.states: list[RefineState] = []
        self.log: list[tuple[str, str]] = []
        self.history = RefineHistory()
        self.snapshots: dict[int, np.ndarray] = {}

    def on_opened(self, number: int) -> None:
        self.opened.append(number)
        self.order.append(number)

    def on_change(self, number: int, change: Change, history: RefineHistory) -> None:
        self.labels[change.box.slices] = change.labels
        self.changes[number], self.history = change, history
        self.order.append(number)
        self.snapshots[number] = self.labels.copy()

    def on_failed(self, number: int, error: UNetSegmentError) -> None:
        self.errors[number] = error
        self.order.append(number)
        self.snapshots[number] = self.labels.copy()

    def on_state(self, state: RefineState) -> None:
        self.states.append(state)

    def on_log(self, level: str, message: str) -> None:
        self.log.append((level, message))


@dataclass
class LoopTransport(MemoryTransport):
    """A worker for corrections on the test's own thread. Requests wait until :meth:`run`.

    Args:
        deaths: how many requests of corrections are taken, over all processes, before each death; it comes before the
            request that follows is worked out where the number is whole, after that (its answer lost) where it ends
            in .5.
        kills: whether a request ends the process whenever it is taken.
        make: of the refiner.
    """

    deaths: Iterable[float] = ()
    kills: Callable[[Refine], bool] = lambda request: False
    make: Callable[[], Refiner] = Refiner
    taken: int = 0
    inbox: deque[bytes] = field(default_factory=deque)

    def __post_init__(self) -> None:
        super().__init__()
        self._deaths = sorted(self.deaths)

    def start(self, *arguments: Any) -> None:
        super().start(*arguments)
        assert self.starts < 50, "workers are started for ever"
        self.inbox.clear()
        self.refiner = self.make()
        self.fresh = True

    def write(self, data: bytes) -> None:
        if self.running:
            super().write(data)
            self.inbox.extend(data.splitlines())

    def run(self, most: int = 10**9) -> None:
        """Works requests out until none waits, or ``most`` of them."""
        while self.running and most:
            if self.fresh:
                self.fresh = False
                self.say(Hello(pid=0, host="elsewhere"), Ready())
            if not self.inbox:
                return
            request = decode_request(self.inbox.popleft())
            if isinstance(request, Refine):
                most -= 1
                self._take(request)
            elif request.kind == "shutdown":
                self.exit(ExitStatus(0))

    def wait(self, seconds: float) -> bool:
        self.run()
        return not self.running

    def _take(self, request: Refine) -> None:
        self.taken += 1
        dies = self._deaths[:1] and self._deaths[0] < self.taken
        if (dies and self._deaths.pop(0) % 1 == 0) or self.kills(request):
            self.exit(ExitStatus(None, True, "signal 9 (SIGKILL)"))
            return
        try:
            answer: Any = self.refiner.refine(request)
        except UNetSegmentError as error:
            answer = Failure(Problem.of(error), request.id)
        except Exception as error:
            answer = Failure(Problem("internal", str(error)), request.id)
        if dies:
            self.exit(ExitStatus(None, True, "signal 9 (SIGKILL)"))
        else:
            self.say(answer)
        assert encode(answer)
