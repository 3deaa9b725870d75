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

from ...errors import DependencyError, InputError, UNetSegmentError
from ...progress import CancelToken
from ...worker.errors import WorkerError, error_from_code
from ..case import CohortCase
from ..job import CohortJob
from ..record import Record
from .failures import failed
from .messages import case_from, case_line

log = logging.getLogger(__name__)

_AHEAD = 2  # cases that an actor holds: one in the network, one that is read or written
_LOOK = 1.0


@dataclass(frozen=True)
class RayResources:
    """What each actor asks of the cluster.

    Args:
        address: ``auto`` for the cluster of this machine, ``local`` for one that is started here, or ``ray://host:port``.
        actors: how many; 0 for as many as the cluster has room for now.
        cpus: threads of each.
        gpus: share of a GPU; 0 runs on CPUs.
        memory: bytes that each needs; 0 leaves it to Ray.
    """

    address: str = "auto"
    actors: int = 0
    cpus: float = 1.0
    gpus: float = 0.0
    memory: int = 0


class RayEngine:
    """Runs cases on a cluster.

    Args:
        job, digest, output: see :class:`~.pipeline.Pipeline`; ``output`` is a folder that all machines see.
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
        self._order = {"job": job.to_json(), "digest": digest, "output": str(output.absolute()), "patience": patience}
        self._digest = digest
        self._resources = resources
        self._cancel = cancel or CancelToken()
        self._kind = actor or CaseActor

    def run(self, cases: Iterable[CohortCase]) -> Iterator[Record]:
        """The record of each case, as it ends.

        Raises:
            Cancelled: the token was set.
            InputError: there is no such cluster, or none of its machines has what an actor needs.
        """
        self._connect()
        waiting, alone = deque(cases), deque[CohortCase]()
        actors = [self._actor() for _ in range(max(min(self._count(), len(waiting)), 1))]
        tasks: dict[Any, _Task] = {}
        try:
            while waiting or alone or tasks:
                if self._cancel.cancelled:
                    yield from self._last_records(tasks)
                    self._cancel.raise_if_cancelled()
                self._hand_out(actors, waiting, alone, tasks)
                done, _ = self._ray.wait(list(tasks), num_returns=1, timeout=_LOOK)
                for reference in done:
                    task = tasks.pop(reference)
                    answer = self._answer(reference)
                    if answer is not None and "stuck" in answer:
                        self._ray.kill(task.actor)
                    if answer is None or "stuck" in answer:
                        self._replace(actors, task.actor)
                    record = self._record(answer, task, alone)
                    if record is not None:
                        yield record
        finally:
            for actor in actors:
                self._ray.kill(actor)

    def _last_records(self, tasks: dict[Any, _Task]) -> Iterator[Record]:
        """Of cases that have ended without having been asked for yet."""
        if not tasks:
            return
        done, _ = self._ray.wait(list(tasks), num_returns=len(tasks), timeout=0)
        for reference in done:
            answer = self._answer(reference)
            if answer is not None and "record" in answer:
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

    def _count(self) -> int:
        if self._resources.actors:
            return self._resources.actors
        free, asked = self._ray.cluster_resources(), self._resources
        rooms = [free.get("CPU", 1) // asked.cpus] if asked.cpus else []
        rooms += [free.get("GPU", 0) // asked.gpus] if asked.gpus else []
        rooms += [free.get("memory", 0) // asked.memory] if asked.memory else []
        count = int(min(rooms, default=1))
        if count < 1:
            raise InputError(
                f"No machine of the cluster has what is asked for ({asked.cpus:g} CPUs, {asked.gpus:g} GPUs).",
                "Ask for less, or add machines.",
            )
        return count

    def _actor(self) -> Any:
        asked = self._resources
        options: dict[str, Any] = {"num_cpus": asked.cpus, "num_gpus": asked.gpus, "max_restarts": 0}
        if asked.memory:
            options["memory"] = asked.memory
        actor: Any = self._ray.remote(self._kind).options(max_task_retries=0, max_concurrency=_AHEAD, **options)
        return actor.remote(self._order)

    def _hand_out(
        self, actors: list[Any], waiting: deque[CohortCase], alone: deque[CohortCase], tasks: dict[Any, _Task]
    ) -> None:
        """Fills every actor; one that is idle takes a suspect, and then nothing beside it."""
        for actor in actors:
            held = [task for task in tasks.values() if task.actor is actor]
            if any(task.alone for task in held):
                continue
            if alone and not held:
                case = alone.popleft()
                tasks[actor.run.remote(case_line(case))] = _Task(case, actor, alone=True)
            while not alone and waiting and len(held) < _AHEAD:
                task = _Task(waiting.popleft(), actor)
                tasks[actor.run.remote(case_line(task.case))] = task
                held.append(task)

    def _answer(self, reference: Any) -> dict[str, Any] | None:
        """What an actor answered; None where it has died."""
        errors = self._ray.exceptions
        try:
            answer: dict[str, Any] = self._ray.get(reference)
            return answer
        except (errors.RayActorError, errors.OutOfMemoryError, errors.NodeDiedError, errors.WorkerCrashedError) as lost:
            log.debug("an actor has died: %s", lost)
            return None

    def _replace(self, actors: list[Any], dead: Any) -> None:
        """A new actor in place of a dead one, whose other case may have told of its death already."""
        for number, actor in enumerate(actors):
            if actor is dead:
                actors[number] = self._actor()

    def _record(self, answer: dict[str, Any] | None, task: _Task, alone: deque[CohortCase]) -> Record | None:
        """The record of a task; None where its case is run again.

        Raises:
            UNetSegmentError: the model itself cannot be used.
        """
        if answer is None:
            if task.alone:
                return failed(task.case, _ended(), self._digest)
            log.warning("an actor has died; %s is run again by itself", task.case.name)
            alone.append(task.case)
            return None
        if "error" in answer:
            raise error_from_code(*answer["error"])
        return Record.from_json(answer["record"])


@dataclass(frozen=True, eq=False)
class _Task:
    """A case that an actor has; ``alone`` where nothing else may run beside it."""

    case: CohortCase
    actor: Any
    alone: bool = False


class CaseActor:
    """What runs on the cluster: the network, loaded once; several cases at a time, of which one is computed."""

    def __init__(self, order: dict[str, Any]) -> None:
        import threading

        self._job = CohortJob(**order["job"])
        self._digest, self._output = order["digest"], Path(order["output"])
        self._patience = float(order.get("patience", 0.0))
        self._lock = threading.Lock()
        self._network: Any = None

    def run(self, line: dict[str, Any]) -> dict[str, Any]:
        """The record of a case as plain values; an error where the model itself cannot be used."""
        try:
            with self._lock:
                if self._network is None:
                    self._network = self._loaded()
        except UNetSegmentError as error:
            return {"error": [error.code, error.cause, error.cure, error.detail]}
        return self._watched(case_from(line))

    def _watched(self, case: CohortCase) -> dict[str, Any]:
        """The record of a case; ``stuck`` beside it where the case stands still and this process is of no more use."""
        import queue
        import threading

        from .alone import run_alone
        from .overdue import Watch, given_up

        watch, ended = Watch(self._patience), queue.SimpleQueue[Record]()

        def work() -> None:
            record = run_alone(
                case,
                self._network,
                self._job,
                self._digest,
                self._output,
                self._lock,
                lambda step: watch.notice({"step": [case.name, step.name]}),
                lambda event: watch.notice({"alive": True}),
            )
            ended.put(record)

        threading.Thread(target=work, daemon=True).start()
        while True:
            try:
                return {"record": ended.get(timeout=_LOOK).to_json()}
            except queue.Empty:
                late = watch.overdue()
            if late is not None:
                return {"record": given_up(case, late, self._digest).to_json(), "stuck": True}

    def _loaded(self) -> Any:
        from ...models import load_model
        from .network import SegmenterNetwork

        return SegmenterNetwork(load_model(self._job.model), self._job)


def _ended() -> WorkerError:
    return WorkerError(
        "It ended the process that ran it, on a machine of the cluster.",
        "If memory ran out: ask for more (--ray-memory), give a region (roi), or use the preset 'fast'. Otherwise the "
        "file is probably damaged: export it again.",
        code=WorkerError.CRASHED,
    )
