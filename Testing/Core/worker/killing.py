"""Sessions of corrections whose worker is killed at a random moment, beside undisturbed ones in this process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from refining_helpers import Undisturbed, Watcher, case, random_calls, same
from worker_helpers import ENVIRONMENT, PATIENCE

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.worker import processes
from UNetSegmentLib.worker.refining import RefineClient, RefineState
from UNetSegmentLib.worker.transport.pipes import SubprocessTransport


@dataclass(frozen=True)
class Killed:
    """What became of a session.

    Args:
        calls: edits, undos, redos, resets and removals that were asked for.
        answered: how many had their answer when the worker was killed.
        doing: what it did then.
        milliseconds: from the opening to the kill.
        replaced: whether another process has taken up the session.
        equal: whether the mask was that of the undisturbed session after each call, and the history in the end.
    """

    seed: int
    calls: int
    answered: int
    doing: str
    milliseconds: float
    replaced: bool
    equal: bool


class Killer:
    """One client, many sessions; each begins in the worker that the one before has left.

    Args:
        folder: for the files of voxels.
    """

    def __init__(self, folder: Path) -> None:
        self._transport = SubprocessTransport(threaded=False)
        self._watcher = Watcher(np.zeros((1, 1, 1), np.uint8))
        self._client = RefineClient(self._transport, self._watcher, None, ENVIRONMENT, folder)

    def close(self) -> None:
        self._client.shutdown()

    def session(self, seed: int) -> Killed:
        """Random calls at a random pace, and a kill at a random moment."""
        rng = np.random.default_rng(seed)
        volume, segmentation = case(seed)
        calls = random_calls(seed, int(rng.integers(4, 14)))
        undisturbed = Undisturbed(volume, segmentation)
        watcher = self._watcher
        watcher.labels = segmentation.voxels.astype(np.uint16)
        before = len(watcher.order)
        self._client.start()
        began = time.monotonic()
        opening = self._client.open(volume, segmentation)
        # -1 is while the image is being opened.
        mark = int(rng.integers(-1, len(calls) + 1))
        delay = float(rng.uniform(0, 0.5 if mark < 0 and self._client.hello is None else 0.006))
        killed: tuple[int, str, float, int] | None = None
        numbers: list[int | None] = []
        equal, due = True, 0.0
        expected: dict[int, np.ndarray] = {}
        while killed is None or len(numbers) < len(calls) or self._client.pending:
            assert time.monotonic() < began + PATIENCE, watcher.log
            if len(numbers) < len(calls) and time.monotonic() >= due:
                number = self._call(calls[len(numbers)], numbers)
                numbers.append(number)
                follows = undisturbed.call(calls[len(numbers) - 1])
                equal &= number is not None or not follows
                if number is not None:
                    expected[number] = undisturbed.labels
                due = time.monotonic() + rng.choice([0.0, 0.004])
            answered = len(watcher.order) - before
            if killed is None and (answered > mark or answered > len(expected)):
                time.sleep(delay)
                killed = (max(answered - 1, 0), self._doing(opening), time.monotonic() - began, self._kill())
            self._transport.pump(0.0005)
        watcher_heard = [number for number in watcher.order[before:] if number != opening]
        equal &= watcher_heard == list(expected)
        equal &= all(np.array_equal(watcher.snapshots[number], labels) for number, labels in expected.items())
        done, history = self._client.history.done, undisturbed.session.history
        equal &= len(done) == len(history) and all(same(a.edit, b) for a, b in zip(done, history, strict=True))
        answered, doing, seconds, pid = killed
        another = self._another(pid)
        return Killed(seed, len(calls), answered, doing, seconds * 1000, another, bool(equal))

    def _call(self, call, numbers):  # type: ignore[no-untyped-def]
        try:
            if call.step == "edit":
                return self._client.add(call.edit)
            if call.step == "remove":
                known = numbers[call.target] if call.target < len(numbers) else None
                return self._client.remove(known or 0)
            return getattr(self._client, call.step)()
        except InputError:
            return None

    def _doing(self, opening: int) -> str:
        pending = self._client.pending
        if self._client.hello is None:
            return "starting"
        if opening in pending:
            return "opening"
        return "working" if pending else "waiting"

    def _kill(self) -> int:
        hello = self._client.hello
        process = self._transport._process
        assert process is not None
        pid = hello.pid if hello is not None else process.pid
        processes.kill(pid)
        return pid

    def _another(self, pid: int) -> bool:
        """Waits for the worker that takes the place of the killed one."""
        deadline = time.monotonic() + PATIENCE
        while (
            self._client.state is not RefineState.READY or self._client.hello is None or self._client.hello.pid == pid
        ):
            if time.monotonic() > deadline:
                return False
            self._transport.pump(0.01)
        return True
