"""What runs on the machines of a cluster."""

from __future__ import annotations

import platform
import queue
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...version import __version__
from ...worker.errors import WorkerError
from ..job import CohortJob
from ..record import Record
from ..running.failures import in_words
from ..running.messages import case_from
from ..running.overdue import Watch, given_up

_LOOK = 1.0


class CaseActor:
    """The network, loaded once; several cases at a time, of which one is computed.

    Args:
        order: what :class:`~.engine.RayEngine` says: ``job``, ``digest``, ``output``, ``gpus``, ``program`` (its
            version) and ``seen`` (a path that its machine sees).
    """

    def __init__(self, order: dict[str, Any]) -> None:
        job = CohortJob(**order["job"])
        if job.device == "auto" and not order.get("gpus"):
            job = replace(job, device="cpu")  # a GPU of this machine is somebody else's
        self._job, self._order = job, order
        self._digest, self._output = order["digest"], Path(order["output"])
        self._lock = threading.Lock()
        self._network: Any = None

    def prepare(self) -> dict[str, Any]:
        """Loads the network; an error where this machine, or the model, cannot be used. Given no case before."""
        try:
            check_machine(self._order, platform.node())
            with self._lock:
                self._network = self._network or self._loaded()
        except Exception as error:
            known = in_words(error)
            return {"error": [known.code, known.cause, known.cure, known.detail]}
        return {"ready": platform.node()}

    def run(self, line: dict[str, Any]) -> dict[str, Any]:
        """The record of a case as plain values; ``stuck`` beside it where the case stands still and this process is of
        no more use."""
        from ..running.alone import run_alone

        case = case_from(line)
        watch, ended = Watch(float(self._order.get("patience", 0.0))), queue.SimpleQueue[Record]()

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
        from ..running.network import SegmenterNetwork

        return SegmenterNetwork(load_model(self._job.model), self._job)


def check_machine(order: Mapping[str, Any], host: str) -> None:
    """Refuses a machine that would do something else than the one that asks.

    Raises:
        WorkerError: another version of the program.
        InputError: it sees other files.
    """
    if order["program"] != __version__:
        raise WorkerError(
            f"'{host}' has UNetSegment {__version__}, the machine that drives the run {order['program']}.",
            f"Install {order['program']} on all machines, from one copy of its source: pip install .",
            code=WorkerError.VERSION_SKEW,
        )
    if not Path(order["seen"]).exists():
        raise InputError(
            f"'{host}' does not see '{order['output']}'.",
            "All machines must see images and results under the same paths: mount the network drive there too.",
        )
