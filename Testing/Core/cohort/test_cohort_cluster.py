"""What is asked of a cluster, and what a machine of it refuses: without a cluster."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cohort_files import write_image

from UNetSegmentLib.cohort.case import CohortCase, Found, Source
from UNetSegmentLib.cohort.cluster.actor import CaseActor, check_machine
from UNetSegmentLib.cohort.cluster.engine import RayEngine
from UNetSegmentLib.cohort.cluster.resources import RayResources, planned_memory
from UNetSegmentLib.cohort.job import CohortJob
from UNetSegmentLib.cohort.journal import read_records
from UNetSegmentLib.cohort.record import Record, Status
from UNetSegmentLib.cohort.run import Outcome, run_cohort
from UNetSegmentLib.cohort.running.messages import case_from, case_line
from UNetSegmentLib.cohort.stamps import stamp_of
from UNetSegmentLib.errors import InputError
from UNetSegmentLib.models import read_card
from UNetSegmentLib.version import __version__
from UNetSegmentLib.worker.errors import WorkerError

GB = 1 << 30


def order_of(output: Path, **more: Any) -> dict[str, Any]:
    job = CohortJob("m").to_json()
    return {"job": job, "digest": "d", "output": str(output), "seen": str(output), "program": __version__, **more}


@pytest.mark.parametrize(
    ("asked", "machines", "count"),
    [
        (RayResources(cpus=2), [{"CPU": 3.0}, {"CPU": 3.0}], 2),  # not 6 / 2: an actor lies on one machine
        (RayResources(cpus=1, gpus=0.5), [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 8.0}], 4),
        (RayResources(cpus=1, memory=4 * GB), [{"CPU": 8.0, "memory": 9.0 * GB}], 2),
        (RayResources(cpus=0), [{"CPU": 8.0}], 1),
    ],
)
def test_room_is_counted_machine_by_machine(asked: RayResources, machines: list[dict[str, float]], count: int) -> None:
    assert asked.room(machines) == count


def test_planned_memory_is_asked_for_as_far_as_there_is_such_a_machine() -> None:
    asked = RayResources(planned=6 * GB)
    assert asked.settled([{"memory": 4.0 * GB}, {"memory": 64.0 * GB}]).memory == 6 * GB
    assert asked.settled([{"memory": 4.0 * GB}]).options()["memory"] == 4 * GB
    assert replace(asked, memory=GB).settled([{"memory": 64.0 * GB}]).memory == GB, "what the user asks for stands"


def test_the_plan_grows_with_the_model(level_package: Path) -> None:
    card = read_card(level_package)
    patch = tuple(8 * n for n in card.inference.patch)
    larger = replace(card, inference=replace(card.inference, patch=patch))
    small, large = planned_memory(card), planned_memory(larger)
    voxels = 4**3 * patch[0] * patch[1] * patch[2]
    assert GB < small < large
    assert large > GB + 4 * 3 * voxels, "three cases of four tiles along each axis, as float32"


def test_a_machine_with_another_version_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"'node7' has UNetSegment .* drives the run 0\.0\.1"):
        check_machine(order_of(tmp_path, program="0.0.1"), "node7")


def test_a_machine_that_sees_other_files_is_named(tmp_path: Path) -> None:
    check_machine(order_of(tmp_path), "node7")
    with pytest.raises(InputError, match="'node7' does not see"):
        check_machine(order_of(tmp_path, seen=str(tmp_path / "elsewhere")), "node7")


def test_an_actor_answers_what_keeps_it_from_work(tmp_path: Path) -> None:
    code, cause, *_ = CaseActor(order_of(tmp_path)).prepare()["error"]
    assert code == "bad-model" and "'m'" in cause


def test_without_a_share_of_a_gpu_an_actor_takes_none(tmp_path: Path) -> None:
    assert CaseActor(order_of(tmp_path))._job.device == "cpu"
    assert CaseActor(order_of(tmp_path, gpus=0.5))._job.device == "auto"


def test_an_actor_gives_a_case_up_that_stands_still(tmp_path: Path) -> None:
    actor, never = CaseActor(order_of(tmp_path, patience=0.2)), threading.Event()
    actor._network = lambda read, progress, cancel: never.wait()
    answer = actor.run(case_line(CohortCase("c", (Source(write_image(tmp_path / "c.nii.gz")),))))
    never.set()
    assert answer["stuck"] and answer["record"]["code"] == "no-progress"
    assert "while it was being computed" in answer["record"]["cause"]


@dataclass(eq=False)
class SimpleReference:
    """What an actor was asked; nothing for its preparation."""

    line: tuple[Any, ...]


class LostRay:
    """Answers for two cases as a cluster does, and has gone then; the rest of Ray's own interface as it is used."""

    def __init__(self, ray: Any) -> None:
        self.exceptions, self._answers = ray.exceptions, 0

    def is_initialized(self) -> bool:
        return True

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": 1.0}}]

    def remote(self, kind: Any) -> Any:
        method = SimpleNamespace(remote=lambda *line: SimpleReference(line))
        actor = SimpleNamespace(prepare=method, run=method)
        return SimpleNamespace(options=lambda **asked: SimpleNamespace(remote=lambda order: actor))

    def wait(self, references: list[Any], num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        return references[:num_returns] if timeout else [], references[num_returns:]

    def get(self, reference: SimpleReference) -> dict[str, Any]:
        if not reference.line:
            return {"ready": "node7"}
        self._answers += 1
        if self._answers > 2:
            raise self.exceptions.RaySystemError("the head does not answer")
        case = case_from(reference.line[0])
        return {"record": Record(case.name, Status.FAILED, stamp=stamp_of(case), job="d", finished="1").to_json()}

    def kill(self, actor: Any) -> None:
        pass


def test_a_run_whose_cluster_has_gone_says_so_and_goes_on_where_it_was(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    cases = tuple(CohortCase(f"c{n}", (Source(write_image(tmp_path / f"c{n}.nii.gz", n)),)) for n in range(5))

    def run_once() -> Outcome:
        engine = RayEngine(CohortJob("m"), "d", tmp_path / "out", RayResources())
        engine._ray = LostRay(ray)
        return run_cohort(Found(cases), engine, "d", tmp_path / "out")

    with pytest.raises(WorkerError, match="cluster has gone"):
        run_once()
    assert len(read_records(tmp_path / "out")) == 2
    with pytest.raises(WorkerError, match="cluster has gone"):
        run_once()
    last = run_once()
    assert (last.run, last.kept) == (1, 4)
