"""Cases on the actors of a Ray cluster: each keeps its network warm, and reads one case while another is computed.

Paths travel, voxels never do: every machine must see the inputs and the output folder under the same paths. An actor
that dies (out of memory, a lost node) is replaced. The cases that it had are run once more, one at a time; one that
ends an actor while it is alone becomes a failed row. No case is ever dropped.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import DependencyError, InputError
from ...progress import CancelToken
from ...version import __version__
from ...worker.errors import WorkerError, error_from_code
from ..case import CohortCase
from ..job import CohortJob
from ..journal import FOLDER
from ..record import Record
from ..running.failures import failed
from ..running.messages import case_line
from .actor import CaseActor
from .resources import RayResources

log = logging.getLogger(__name__)

_AHEAD = 2  # cases that an actor holds: one in the network, one that is read or written
_LOOK = 1.0
_LOOKS = 30
_STARTS = 3  # actors that may die before they are ready, one after the other


class RayEngine:
    """Runs cases on a cluster.

    Args:
        job, digest, output: see :class:`~..running.pipeline.Pipeline`; ``output`` is a folder that all machines see.
        resources: of each actor.
        cancel: ends the run.
        actor: what runs on the cluster, in place of :class:`CaseActor`.
        patience: seconds without any progress after which a case is given up; 0 for never.

    Raises:
        DependencyError: Ray is not installed.
    """

    def __init__(
        self,
        job: CohortJob,
        digest: str,
        output: Path,
        resources: RayResources,
        cancel: CancelToken | None = None,
        actor: type | None = None,
        patience: float = 0.0,
    ) -> None:
        try:
            import ray
        except ImportError as error:
            raise DependencyError(
                "Running on a cluster needs the package ray, which is not installed.",
                "Install it on all machines with: pip install ray",
            ) from error
        self._ray = ray
        self._order = {
            "job": job.to_json(),
            "digest": digest,
            "output": str(output.absolute()),
            "gpus": resources.gpus,
            "patience": patience,
            "program": __version__,
            "seen": str((output / FOLDER).absolute()),
        }
        self._folder = output / FOLDER
        self._holders: list[_Holder] = []
        self._stillborn = self._looks = 0
        self._digest = digest
        self._resources = resources
        self._cancel = cancel or CancelToken()
        self._kind = actor or CaseActor

    def run(self, cases: Iterable[CohortCase]) -> Iterator[Record]:
        """The record of each case, as it ends.

        Raises:
            Cancelled: the token was set.
            InputError: there is no such cluster, none of its machines has what an actor needs, or they see other files.
            WorkerError: actors cannot be started, or the cluster has gone.
            UNetSegmentError: the model itself cannot be used.
        """
        waiting, alone = deque(cases), deque[CohortCase]()
        if not waiting:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._connect()
        machines = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        self._resources = self._resources.settled(machines)
        count = self._resources.actors or self._resources.room(machines)
        tasks: dict[Any, _Task] = {}
        for _ in range(max(min(count, len(waiting)), 1)):
            self._start(tasks)
        try:
            while waiting or alone or any(task.case for task in tasks.values()):
                if self._cancel.cancelled:
                    yield from self._last_records(tasks)
                    self._cancel.raise_if_cancelled()
                self._hand_out(waiting, alone, tasks)
                for reference in self._done(tasks):
                    task = tasks.pop(reference)
                    task.holder.held -= 1
                    record = self._ended(task, self._answer(reference), alone, tasks)
                    if record is not None:
                        yield record
        finally:
            for holder in self._holders:
                self._ray.kill(holder.actor)
            self._holders.clear()

    def _done(self, tasks: dict[Any, _Task]) -> list[Any]:
        """What has ended: waits a little for the first, and takes all others that have ended meanwhile."""
        references = list(tasks)
        done, rest = self._ray.wait(references, num_returns=1, timeout=_LOOK)
        if not (done or any(holder.ready for holder in self._holders)):
            self._looks += 1
            if self._looks == _LOOKS:
                log.warning("the cluster has had no room for an actor, or none is ready, for half a minute")
        if done and rest:
            done += self._ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        return list(done)

    def _last_records(self, tasks: dict[Any, _Task]) -> Iterator[Record]:
        """Of cases that have ended without having been asked for yet."""
        if not tasks:
            return
        done, _ = self._ray.wait(list(tasks), num_returns=len(tasks), timeout=0)
        for reference in done:
            answer = self._answer(reference)
            if not isinstance(answer, str) and "record" in answer:
                yield Record.from_json(answer["record"])

    def _connect(self) -> None:
        ray = self._ray
        if ray.is_initialized():
            return
        address = None if self._resources.address == "local" else self._resources.address
        try:
            ray.init(address=address, logging_level=logging.WARNING, log_to_driver=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(
                f"There is no Ray cluster at '{self._resources.address}'.",
                "Start one with: ray start --head. Or use --ray local.",
                str(error),
            ) from error

    def _start(self, tasks: dict[Any, _Task]) -> None:
        """A new actor. It is given no case before it has answered: one that the cluster has no room for never does."""
        options = {"max_restarts": 0, "max_task_retries": 0, "max_concurrency": _AHEAD, **self._resources.options()}
        actor: Any = self._ray.remote(self._kind).options(**options).remote(self._order)
        holder = _Holder(actor, held=1)
        self._holders.append(holder)
        tasks[actor.prepare.remote()] = _Task(holder)

    def _hand_out(self, waiting: deque[CohortCase], alone: deque[CohortCase], tasks: dict[Any, _Task]) -> None:
        """Fills every actor that is ready; one that is idle takes a suspect, and then nothing beside it."""
        if not (waiting or alone):
            return
        for holder in self._holders:
            if not holder.ready or holder.alone:
                continue
            if alone and not holder.held:
                self._give(holder, alone.popleft(), tasks, alone=True)
            while not (alone or holder.alone) and waiting and holder.held < _AHEAD:
                self._give(holder, waiting.popleft(), tasks)

    def _give(self, holder: _Holder, case: CohortCase, tasks: dict[Any, _Task], alone: bool = False) -> None:
        tasks[holder.actor.run.remote(case_line(case))] = _Task(holder, case, alone)
        holder.held += 1
        holder.alone = alone

    def _answer(self, reference: Any) -> dict[str, Any] | str:
        """What an actor answered; in words, how it has died."""
        errors = self._ray.exceptions
        try:
            answer: dict[str, Any] = self._ray.get(reference)
            return answer
        except (errors.RayActorError, errors.OutOfMemoryError, errors.NodeDiedError, errors.WorkerCrashedError) as lost:
            log.debug("an actor has died: %s", lost)
            return str(lost)
        except errors.RaySystemError as error:
            raise WorkerError(
                "The cluster has gone.",
                "Start it again, and the same command: it goes on where it was.",
                str(error),
                code=WorkerError.CRASHED,
            ) from error

    def _ended(
        self, task: _Task, answer: dict[str, Any] | str, alone: deque[CohortCase], tasks: dict[Any, _Task]
    ) -> Record | None:
        """The record of a task; None where there is none, or its case is run again.

        Raises:
            UNetSegmentError: the model, or a machine, cannot be used.
        """
        holder, case = task.holder, task.case
        if isinstance(answer, str):
            return self._lost(task, answer, alone, tasks)
        if "error" in answer:
            raise error_from_code(*answer["error"])
        if case is None:
            holder.ready, self._stillborn = True, 0
            log.info("an actor is ready on %s", answer["ready"])
            return None
        holder.alone = False
        if "stuck" in answer:
            self._ray.kill(holder.actor)
            self._holders.remove(holder)
            self._start(tasks)
        return Record.from_json(answer["record"])

    def _lost(self, task: _Task, how: str, alone: deque[CohortCase], tasks: dict[Any, _Task]) -> Record | None:
        """After the death of an actor, which each of its tasks tells: a new one, once; its case is run again by itself.

        Raises:
            WorkerError: one after the other died before it was ready.
        """
        if task.holder in self._holders:
            self._holders.remove(task.holder)
            self._stillborn += not task.holder.ready
            if self._stillborn >= _STARTS:
                raise WorkerError(
                    "The actors end before they are ready, on the machines of the cluster.",
                    "Install UNetSegment with torch on all of them, and ask for more memory (--ray-memory) if it runs "
                    "out.",
                    how,
                    code=WorkerError.START_FAILED,
                )
            self._start(tasks)
        if task.case is None:
            return None
        if task.alone:
            return failed(task.case, _culprit(), self._digest)
        log.warning("an actor has died; %s is run again by itself", task.case.name)
        alone.append(task.case)
        return None


@dataclass(eq=False)
class _Holder:
    """An actor: ``ready`` once it has answered; ``held`` tasks; ``alone`` while it runs a suspect."""

    actor: Any
    held: int = 0
    ready: bool = False
    alone: bool = False


@dataclass(frozen=True, eq=False)
class _Task:
    """A case that an actor has, or without one its preparation; ``alone`` where nothing else may run beside it."""

    holder: _Holder
    case: CohortCase | None = None
    alone: bool = False


def _culprit() -> WorkerError:
    return WorkerError(
        "It ended the process that ran it, on a machine of the cluster.",
        "If memory ran out: ask for more (--ray-memory), give a region (roi), or use the preset 'fast'. Otherwise the "
        "file is probably damaged: export it again.",
        code=WorkerError.CRASHED,
    )
