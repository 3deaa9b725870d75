"""A real Ray of two local actors, one of which is killed in the middle."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cohort_files import write_image
from killed_cohort import descendants

from UNetSegmentLib.cohort.case import CohortCase, Found, Source
from UNetSegmentLib.cohort.cluster.engine import RayEngine
from UNetSegmentLib.cohort.cluster.resources import RayResources
from UNetSegmentLib.cohort.job import CohortJob
from UNetSegmentLib.cohort.record import Record, Status
from UNetSegmentLib.cohort.run import run_cohort
from UNetSegmentLib.errors import InputError, ModelError
from UNetSegmentLib.worker.errors import WorkerError

if sys.platform != "linux":
    pytest.skip("Ray's clusters are for Linux", allow_module_level=True)
ray = pytest.importorskip("ray")

JOB = "job"
TWO = RayResources("local", actors=2, cpus=0.5)


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()


def cases_of(folder: Path, count: int) -> Found:
    return Found(tuple(CohortCase(f"c{n}", (Source(write_image(folder / f"c{n}.nii.gz", n)),)) for n in range(count)))


def test_a_cohort_survives_the_death_of_an_actor(tmp_path: Path, level_package: Path) -> None:
    found, output = cases_of(tmp_path / "in", 8), tmp_path / "out"
    found.cases[5].images[0].path.write_bytes(b"")
    engine = RayEngine(CohortJob(str(level_package), preview=False), JOB, output, TWO)
    killed: list[int] = []

    def ended(record: Record) -> None:
        if not killed:
            killed.append(one_actor())
            os.kill(killed[0], signal.SIGKILL)

    outcome = run_cohort(found, engine, JOB, output, ended=ended)
    assert killed
    states = {record.case: record.status for record in outcome.records}
    assert states == {f"c{n}": Status.FAILED if n == 5 else Status.DONE for n in range(8)}
    assert outcome.records[5].code == "bad-input"
    again = run_cohort(found, RayEngine(CohortJob("x"), JOB, output, TWO), JOB, output)
    assert (again.run, again.kept) == (0, 8)


class ReadyActor:
    """Needs no model."""

    def __init__(self, order: dict[str, Any]) -> None:
        pass

    def prepare(self) -> dict[str, Any]:
        return {"ready": "here"}


class DeadlyActor(ReadyActor):
    """Ends itself with one of the cases."""

    def run(self, line: dict[str, Any]) -> dict[str, Any]:
        if line["name"] == "c1":
            os._exit(3)
        return {"record": {"case": line["name"], "status": "done"}}


def test_a_case_that_ends_its_actor_twice_is_a_row(tmp_path: Path) -> None:
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    found = cases_of(tmp_path / "in", 5)
    engine = RayEngine(CohortJob("m"), JOB, tmp_path / "out", TWO, actor=DeadlyActor)
    records = {record.case: record for record in engine.run(found.cases)}
    assert set(records) == {f"c{n}" for n in range(5)}
    assert [name for name, record in records.items() if record.status is Status.FAILED] == ["c1"]
    assert "ended the process" in records["c1"].cause


class StuckActor(ReadyActor):
    """Gives one of the cases up, as :class:`CaseActor` does with one that stands still."""

    def run(self, line: dict[str, Any]) -> dict[str, Any]:
        if line["name"] == "c1":
            return {"record": {"case": "c1", "status": "failed", "code": "no-progress"}, "stuck": True}
        return {"record": {"case": line["name"], "status": "done"}}


def test_an_actor_with_a_case_that_stands_still_is_replaced(tmp_path: Path) -> None:
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    found = cases_of(tmp_path / "in", 5)
    one = RayResources("local", actors=1, cpus=0.5)
    engine = RayEngine(CohortJob("m"), JOB, tmp_path / "out", one, actor=StuckActor)
    records = {record.case: record for record in engine.run(found.cases)}
    assert set(records) == {f"c{n}" for n in range(5)}
    assert [name for name, record in records.items() if record.status is Status.FAILED] == ["c1"]


def test_more_than_any_machine_has_is_refused(tmp_path: Path) -> None:
    engine = RayEngine(CohortJob("m"), JOB, tmp_path / "out", RayResources("local", cpus=1000.0))
    with pytest.raises(InputError, match="No machine of the cluster"):
        list(engine.run(cases_of(tmp_path / "in", 1).cases))


def test_actors_that_the_cluster_has_no_room_for_hold_no_case_up(tmp_path: Path) -> None:
    """The cluster has one CPU: the second of these never begins."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    engine = RayEngine(CohortJob("m"), JOB, tmp_path / "out", RayResources("local", actors=2), actor=GentleActor)
    assert len(list(engine.run(cases_of(tmp_path / "in", 6).cases))) == 6


class GentleActor:
    """Ends every case at once."""

    def __init__(self, order: dict[str, Any]) -> None:
        pass

    def prepare(self) -> dict[str, Any]:
        return {"ready": "here"}

    def run(self, line: dict[str, Any]) -> dict[str, Any]:
        return {"record": {"case": line["name"], "status": "done"}}


class RefusingActor(GentleActor):
    """Cannot use the model."""

    def prepare(self) -> dict[str, Any]:
        return {"error": [ModelError.code, "There is no model 'm'.", "Name another.", ""]}


def test_a_model_that_is_not_there_ends_the_run_with_its_own_words(tmp_path: Path) -> None:
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    engine = RayEngine(CohortJob("m"), JOB, tmp_path / "out", TWO, actor=RefusingActor)
    with pytest.raises(ModelError, match="no model 'm'"):
        list(engine.run(cases_of(tmp_path / "in", 1).cases))


class StillbornActor(GentleActor):
    """Ends before it is ready."""

    def prepare(self) -> dict[str, Any]:
        os._exit(3)


def test_actors_that_die_before_they_are_ready_blame_no_case(tmp_path: Path) -> None:
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    engine = RayEngine(CohortJob("m"), JOB, tmp_path / "out", TWO, actor=StillbornActor)
    with pytest.raises(WorkerError, match="before they are ready"):
        list(engine.run(cases_of(tmp_path / "in", 3).cases))


def one_actor() -> int:
    """The process of one of this cluster's actors, which ends with this process's other children."""
    return next(pid for pid, line in descendants(os.getpid()) if b"CaseActor" in line)
