"""Cohorts whose images come from a server and whose results go there, with a server that may fail at any time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pacs_series import levels, save_levels
from pydicom.uid import generate_uid
from scripted_server import Answer, ScriptedServer
from typer.testing import CliRunner

from UNetSegmentLib.cli.app import app
from UNetSegmentLib.cohort.case import CohortCase, Found
from UNetSegmentLib.cohort.cluster.actor import CaseActor
from UNetSegmentLib.cohort.dicomweb.finding import find_on_server
from UNetSegmentLib.cohort.dicomweb.images import FetchingEngine, images_folder
from UNetSegmentLib.cohort.dicomweb.sending import Sender, SendingEngine, send_earlier
from UNetSegmentLib.cohort.finding.wanted import Wanted
from UNetSegmentLib.cohort.job import CohortJob
from UNetSegmentLib.cohort.journal import read_records
from UNetSegmentLib.cohort.record import Record, Status
from UNetSegmentLib.cohort.report.page import write_page
from UNetSegmentLib.cohort.report.table import write_table
from UNetSegmentLib.cohort.run import Outcome, Part, run_cohort
from UNetSegmentLib.cohort.running.messages import case_from, case_line
from UNetSegmentLib.cohort.running.network import SegmenterNetwork
from UNetSegmentLib.cohort.running.pipeline import Pipeline
from UNetSegmentLib.io.dicomweb import Query
from UNetSegmentLib.models import load_model
from UNetSegmentLib.progress import CancelToken
from UNetSegmentLib.version import __version__

JOB = "job"
STUDY = generate_uid()
FETCH = r"GET .*/series/{}$"
BUSY = Answer(503, headers={"Retry-After": "0"})


class Run:
    """Runs over all that a server has, in this process."""

    def __init__(self, scripted: ScriptedServer, package: Path, output: Path) -> None:
        self.scripted, self.package, self.output = scripted, package, output
        self.ran: list[str] = []
        self.seen: list[list[str]] = []

    def found(self, keep: bool = False) -> tuple[Found, Path]:
        images = images_folder(self.output, Part(), keep)
        query = Query.of([STUDY], [], [])
        return find_on_server(self.scripted.server(), query, Wanted(1, ("CT",), True), images), images

    def __call__(
        self, store: bool = False, keep: bool = False, retry: bool = False, cancel: CancelToken | None = None
    ) -> Outcome:
        found, images = self.found(keep)
        job = CohortJob(str(self.package), preview=False, ending=".dcm")
        pipeline = Pipeline(SegmenterNetwork(load_model(self.package), job), job, JOB, self.output, cancel, self._began)
        engine = FetchingEngine(_Through(pipeline), images, keep)
        if store:
            sender = Sender(self.scripted.server(), self.output, cancel)
            send_earlier(found, JOB, self.output, sender)
            engine = SendingEngine(engine, sender)  # type: ignore[assignment]
        return run_cohort(found, engine, JOB, self.output, retry_failed=retry)

    def _began(self, name: str) -> None:
        self.ran.append(name)
        self.seen.append([path.name for path in self.output.glob(".unetsegment/fetched-*/*/*")])


class _Through:
    """Cases as they come out of the messages between processes."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def run(self, cases: Iterable[CohortCase]) -> Iterator[Record]:
        return self._pipeline.run(case_from(json.loads(json.dumps(case_line(case)))) for case in cases)


@pytest.fixture
def series(scripted: ScriptedServer, tmp_path: Path) -> list[str]:
    """Three series of a study on the server."""
    uids = [save_levels(tmp_path / f"in{n}", n, STUDY) for n in range(3)]
    for number in range(3):
        scripted.take(tmp_path / f"in{number}")
    return uids


@pytest.fixture
def run(scripted: ScriptedServer, level_package: Path, tmp_path: Path, series: list[str]) -> Run:
    return Run(scripted, level_package, tmp_path / "out")


def test_images_are_there_while_they_are_needed(run: Run, scripted: ScriptedServer) -> None:
    outcome = run(store=True)
    assert [record.status for record in outcome.records] == [Status.DONE] * 3
    assert all(name in seen for name, seen in zip(run.ran, run.seen, strict=True))
    assert not list(run.output.glob(".unetsegment/fetched-*"))
    assert len(scripted.stored) == len({str(one.SOPInstanceUID) for one in scripted.stored}) == 6
    assert {uid for record in outcome.records for uid in record.stored} == {
        str(one.SOPInstanceUID) for one in scripted.stored
    }
    again = Run(scripted, run.package, run.output)
    assert (again(store=True).kept, again.ran, len(scripted.stored)) == (3, [], 6)


def test_a_series_that_has_grown_is_run_again(
    run: Run, scripted: ScriptedServer, tmp_path: Path, series: list[str]
) -> None:
    run()
    save_levels(tmp_path / "more", 0, STUDY, voxels=levels()[:1], SeriesInstanceUID=series[0])
    later = next(one for one in scripted.instances if one.SeriesInstanceUID == series[0])
    scripted.take(tmp_path / "more")
    scripted.instances[-1].FrameOfReferenceUID = later.FrameOfReferenceUID
    scripted.instances[-1].ImagePositionPatient = [0, 0, -2]
    again = Run(scripted, run.package, run.output)
    assert (again().run, len(again.ran)) == (1, 1)


def test_one_series_that_cannot_be_fetched_is_a_row(run: Run, scripted: ScriptedServer, series: list[str]) -> None:
    scripted.rule(FETCH.format(series[1]), Answer(500, headers={"Retry-After": "0"}), times=3)
    outcome = run(store=True)
    assert [outcome.count(status) for status in (Status.DONE, Status.FAILED)] == [2, 1]
    failure = next(record for record in outcome.records if record.status is Status.FAILED)
    assert (failure.code, "status 500" in failure.cause, bool(failure.cure)) == ("server-failed", True, True)
    assert failure.inputs == (f"{scripted.url}/studies/{STUDY}/series/{series[1]}",)
    assert not list(run.output.glob(".unetsegment/fetched-*"))
    assert len(scripted.stored) == 4
    assert run(store=True).run == 0
    assert [record.status for record in run(store=True, retry=True).records] == [Status.DONE] * 3
    assert len(scripted.stored) == 6


def test_what_could_not_be_stored_is_said_and_sent_later(run: Run, scripted: ScriptedServer) -> None:
    scripted.rule("POST", BUSY, times=3)
    outcome = run(store=True)
    first, *others = outcome.records
    assert first.status is Status.DONE
    assert "later run with --store" in first.not_stored
    page = write_page(outcome.records, run.output, "title", "about").read_text(encoding="utf-8")
    written = write_table(outcome.records, run.output)[0].read_text(encoding="utf-8")
    assert all("later run with --store" in text for text in (page, written))
    assert not first.stored
    assert [len(record.stored) for record in others] == [2, 2]
    later = Run(scripted, run.package, run.output)
    records = later(store=True).records
    assert later.ran == []
    assert [(len(record.stored), record.not_stored) for record in records] == [(2, "")] * 3
    assert len(scripted.stored) == len({str(one.SOPInstanceUID) for one in scripted.stored}) == 6


def test_a_command_whose_results_were_not_all_stored_does_not_end_well(run: Run, scripted: ScriptedServer) -> None:
    scripted.rule("POST", Answer(403), times=1)
    command = words(scripted, run.package, run.output, "--study", STUDY, "--store")
    first, again = (CliRunner().invoke(app, command) for _ in range(2))
    assert (first.exit_code, "1 not stored" in first.output) == (9, True), first.output
    assert (again.exit_code, "3 stored" in again.output) == (0, True), again.output


def test_a_server_that_tells_nothing_of_single_instances(run: Run, scripted: ScriptedServer) -> None:
    scripted.rule("/metadata", Answer(501))
    assert len(run.found()[0].cases) == 3


def test_an_actor_of_a_cluster_fetches_by_itself(run: Run) -> None:
    found, images = run.found()
    images.mkdir(parents=True)
    job = CohortJob(str(run.package), preview=False)
    order = {"job": job.to_json(), "digest": JOB, "output": str(run.output)}
    actor = CaseActor({**order, "program": __version__, "seen": str(images)})
    assert "ready" in actor.prepare()
    answer = actor.run(case_line(found.cases[0]))
    assert answer["record"]["status"] == "done"


def test_a_server_that_is_gone_is_not_waited_for_case_after_case(run: Run, scripted: ScriptedServer) -> None:
    """Three attempts for the first case, one for each further one; and patience again once it is back."""
    run()
    scripted.rule("instances.SOPInstanceUID|instances\\?.*SOPInstanceUID", BUSY)
    later = Run(scripted, run.package, run.output)
    scripted.asked.clear()
    assert all(record.not_stored for record in later(store=True).records)
    assert scripted.count(r"instances\?.*SOPInstanceUID") == 3 + 1 + 1
    scripted.rules.clear()
    assert [len(record.stored) for record in later(store=True).records] == [2, 2, 2]


def test_a_run_without_a_server_to_store_is_sent_by_a_later_one(run: Run, scripted: ScriptedServer) -> None:
    run()
    assert not scripted.stored
    later = Run(scripted, run.package, run.output)
    assert (later(store=True).kept, later.ran, len(scripted.stored)) == (3, [], 6)


def test_a_case_whose_line_was_lost_is_neither_computed_nor_stored_again(run: Run, scripted: ScriptedServer) -> None:
    """Killed after the results were stored and before the journal had them."""
    run(store=True)
    journal = run.output / ".unetsegment" / "journal-1-of-1.jsonl"
    journal.write_bytes(b"\n".join(journal.read_bytes().split(b"\n")[:1]))
    later = Run(scripted, run.package, run.output)
    outcome = later(store=True)
    assert (later.ran, len(scripted.stored)) == ([], 6)
    assert [len(record.stored) for record in outcome.records] == [2, 2, 2]
    assert {name: record.stored for name, record in read_records(run.output).items()} == {
        record.case: record.stored for record in outcome.records
    }


def test_what_a_killed_run_left_goes(run: Run) -> None:
    left = run.output / ".unetsegment" / "fetched-1-of-1" / "0badf00d" / "case"
    left.mkdir(parents=True)
    (left / "a.dcm").write_bytes(b"voxels of a patient")
    run()
    assert not left.exists()


def test_images_go_when_a_run_is_given_up(run: Run, scripted: ScriptedServer) -> None:
    found, images = run.found()

    class Broken:
        def run(self, cases: Iterable[CohortCase]) -> Iterator[Record]:
            (images / "case").mkdir()
            raise MemoryError
            yield

    with pytest.raises(MemoryError):
        run_cohort(found, FetchingEngine(Broken(), images), JOB, run.output)
    assert not images.parent.exists()


def test_images_are_kept_where_that_is_asked_for(run: Run, scripted: ScriptedServer) -> None:
    run(keep=True)
    kept = sorted((run.output / "images").iterdir())
    assert [len(list(folder.iterdir())) for folder in kept] == [len(levels())] * 3
    assert {folder.name for folder in kept} == {case.name for case in run.found()[0].cases}


def test_a_cancelled_run_waits_for_no_server(run: Run, scripted: ScriptedServer) -> None:
    run()
    cancel = CancelToken()
    cancel.cancel()
    sender = Sender(scripted.server(), run.output, cancel)
    record = next(iter(read_records(run.output).values()))
    assert "cancelled" in sender.sent(record).not_stored
    assert sender.wants(replace(record, stored=("1.2",), stored_at=scripted.url))
    assert not sender.wants(replace(record, stored=("1.2", "1.3"), stored_at=scripted.url))
    assert sender.wants(replace(record, stored=("1.2", "1.3"), stored_at="https://elsewhere.example.org"))


def words(scripted: ScriptedServer, package: Path, output: Path, *more: str) -> list[str]:
    return ["batch", "--dicomweb", scripted.url, "-m", str(package), "-o", str(output), "--no-preview", *more]


def test_a_run_that_is_killed_stores_nothing_twice(run: Run, scripted: ScriptedServer) -> None:
    """kill -9 while a report of one case is being stored and the images of another are on their way."""
    reached = [threading.Event(), threading.Event()]

    def hold(number: int) -> Answer:
        reached[number].set()
        return Answer(hold=True)

    scripted.rule("POST", lambda line: scripted.answer_store(scripted.last(line)), times=1)
    scripted.rule("POST", lambda line: hold(0), times=1)
    last = run.found()[0].cases[-1].images[0].series
    scripted.rule(FETCH.format(last), lambda line: hold(1), times=1)
    command = words(scripted, run.package, run.output, "--study", STUDY, "--store")
    process = subprocess.Popen(
        [sys.executable, "-m", "UNetSegmentLib.cli", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        assert all(event.wait(120) for event in reached)
    finally:
        os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        process.wait()
    assert len(scripted.stored) == 1
    scripted.released.set()
    assert list(run.output.glob(".unetsegment/fetched-*/*"))
    result = CliRunner().invoke(app, [*command, "--json"])
    assert result.exit_code == 0, result.output
    cases = json.loads(result.output)["cases"]
    assert [(case["status"], len(case["stored"])) for case in cases] == [("done", 2)] * 3
    stored = [str(one.SOPInstanceUID) for one in scripted.stored]
    assert sorted(stored) == sorted(uid for case in cases for uid in case["stored"])
    assert len(stored) == 6
    assert not list(run.output.glob(".unetsegment/fetched-*"))


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (["--study", STUDY], 9, "trouble of its own"),
        ([], 3, "Nothing is asked for"),
        (["--query", "Nonsense=1"], 3, "is no query"),
        (["--query", "Modality=CT", "--query", "Modality=MR"], 3, "asks for Modality twice"),
        (["--study", STUDY, "--dicom", "binary"], 2, "--dicom binary is about DICOM"),
        (["--study", "abc"], 3, "is not a UID"),
        (["--study", STUDY, "--store", "--format", ".nii.gz"], 2, "DICOM, not '.nii.gz'"),
        (["--study", STUDY, "somewhere"], 2, "Files and series of a server"),
        (["somewhere"], 2, "nothing to do"),
        (["--study", STUDY, "--user", "alice", "--token-file", "t"], 3, "A token and a user"),
    ],
)
def test_what_cannot_begin_is_said_at_once(
    more: list[str], code: int, says: str, scripted: ScriptedServer, level_package: Path, tmp_path: Path
) -> None:
    scripted.rule("GET", Answer(500, headers={"Retry-After": "0"}))
    result = CliRunner().invoke(app, words(scripted, level_package, tmp_path / "out", *more), env={"COLUMNS": "300"})
    assert (result.exit_code, says in result.output) == (code, True), result.output
    assert not (tmp_path / "out").exists()


def test_options_of_a_server_need_one(level_package: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["batch", "in", "-m", str(level_package), "-o", str(tmp_path / "out"), "--store"], env={"COLUMNS": "300"}
    )
    assert (result.exit_code, "--dicomweb URL" in result.output) == (2, True)
