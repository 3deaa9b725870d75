from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cohort_files import level_voxels, write_image

from UNetSegmentLib.cohort.case import CohortCase, Found, Source
from UNetSegmentLib.cohort.job import CohortJob
from UNetSegmentLib.cohort.journal import Journal, journals, read_records
from UNetSegmentLib.cohort.record import Record, SegmentSize, Status
from UNetSegmentLib.cohort.run import Part, run_cohort
from UNetSegmentLib.cohort.running.network import SegmenterNetwork
from UNetSegmentLib.cohort.running.pipeline import Pipeline
from UNetSegmentLib.cohort.stamps import stamp_of
from UNetSegmentLib.errors import Cancelled, InputError, OutputError, ResourceError
from UNetSegmentLib.io import read_segmentation, write_volume
from UNetSegmentLib.models import load_model, read_card
from UNetSegmentLib.progress import CancelToken
from UNetSegmentLib.volume import Volume

JOB = "job"


def cases_of(folder: Path, count: int) -> Found:
    return Found(tuple(CohortCase(f"c{n}", (Source(write_image(folder / f"c{n}.nii.gz", n)),)) for n in range(count)))


class Pipe:
    """An engine in this process that remembers what it ran."""

    def __init__(self, model: Path, output: Path, job: CohortJob | None = None, cancel: CancelToken | None = None):
        job = job or CohortJob(str(model), preview=False)
        self.ran: list[str] = []
        self._pipeline = Pipeline(SegmenterNetwork(load_model(model), job), job, JOB, output, cancel, self.ran.append)

    def run(self, cases: Iterable[CohortCase]) -> Iterator[Record]:
        yield from self._pipeline.run(cases)


def test_every_case_ends_in_its_folder(tmp_path: Path, level_package: Path) -> None:
    found, output = cases_of(tmp_path / "in", 3), tmp_path / "out"
    outcome = run_cohort(found, Pipe(level_package, output), JOB, output)
    assert [(record.case, record.status) for record in outcome.records] == [(f"c{n}", Status.DONE) for n in range(3)]
    for number, record in enumerate(outcome.records):
        labels = read_segmentation(output / record.folder / "segmentation.seg.nrrd")
        assert labels.voxels.max() == 2
        assert [s.voxels for s in record.segments] == [int((labels.voxels == v).sum()) for v in (1, 2)], number
        assert json.loads((output / record.folder / "case.json").read_text())["case"] == record.case
    assert not list((output / ".unetsegment" / "staging").iterdir())


def test_a_second_run_does_what_is_left_and_what_has_changed(tmp_path: Path, level_package: Path) -> None:
    found, output = cases_of(tmp_path / "in", 3), tmp_path / "out"
    run_cohort(replace(found, cases=found.cases[:2]), Pipe(level_package, output), JOB, output)
    write_image(found.cases[0].images[0].path, 2)
    os.utime(found.cases[1].images[0].path)  # touched, but the same
    engine = Pipe(level_package, output)
    outcome = run_cohort(found, engine, JOB, output)
    assert engine.ran == ["c0", "c2"]
    assert (outcome.run, outcome.kept) == (2, 1)
    assert len(outcome.records) == 3


def test_a_result_that_was_corrected_is_marked_by_the_next_run_and_not_in_the_journal(
    tmp_path: Path, level_package: Path
) -> None:
    found, output = cases_of(tmp_path / "in", 3), tmp_path / "out"
    run_cohort(found, Pipe(level_package, output), JOB, output)
    files = [output / name / "segmentation.seg.nrrd" for name in ("c0", "c1", "c2")]
    later = files[0].with_name("case.json").stat().st_mtime + 60
    files[0].write_bytes(files[1].read_bytes() + b" ")
    for path in files[:2]:  # the second is as it was, as a copy of it is
        os.utime(path, (later, later))
    for _ in range(2):
        outcome = run_cohort(found, Pipe(level_package, output), JOB, output)
        assert (outcome.run, outcome.kept) == (0, 3)
        marks = [[text for text in record.warnings if "changed after the run" in text] for record in outcome.records]
        assert [len(texts) for texts in marks] == [1, 0, 0]
    assert not any("changed after" in text for r in read_records(output).values() for text in r.warnings)


def test_a_case_stands_whether_its_path_was_relative_or_not(
    tmp_path: Path, level_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that runs a case knows whole paths alone; the next run compares what the user typed."""
    output = tmp_path / "out"
    cases_of(tmp_path / "in", 1)
    (tmp_path / "in" / "bad.nii.gz").write_bytes(b"no image")
    monkeypatch.chdir(tmp_path)
    typed = tuple(CohortCase(name, (Source(Path("in", f"{name}.nii.gz")),)) for name in ("c0", "bad"))
    whole = tuple(replace(case, images=(Source(case.images[0].path.absolute()),)) for case in typed)
    run_cohort(Found(whole), Pipe(level_package, output), JOB, output)
    assert stamp_of(typed[0]) == stamp_of(whole[0])
    engine = Pipe(level_package, output)
    outcome = run_cohort(Found(typed), engine, JOB, output)
    assert (engine.ran, outcome.kept) == ([], 2)


def test_another_job_runs_everything_again(tmp_path: Path, level_package: Path) -> None:
    found, output = cases_of(tmp_path / "in", 2), tmp_path / "out"
    run_cohort(found, Pipe(level_package, output), JOB, output)
    outcome = run_cohort(found, Pipe(level_package, output), "another", output)
    assert outcome.run == 2


def test_a_result_that_somebody_corrected_is_kept(tmp_path: Path, level_package: Path) -> None:
    found, output = cases_of(tmp_path / "in", 1), tmp_path / "out"
    run_cohort(found, Pipe(level_package, output), JOB, output)
    corrected = output / "c0" / "segmentation.seg.nrrd"
    corrected.write_bytes(b"by hand")
    outcome = run_cohort(found, Pipe(level_package, output), "another", output)
    assert (output / "c0-kept-1" / "segmentation.seg.nrrd").read_bytes() == b"by hand"
    assert "kept as 'c0-kept-1'" in outcome.records[0].warnings[-1]
    assert read_segmentation(corrected).voxels.max() == 2


def test_one_bad_case_never_ends_a_run(tmp_path: Path, level_package: Path) -> None:
    found, output = cases_of(tmp_path / "in", 3), tmp_path / "out"
    found.cases[1].images[0].path.write_bytes(b"\x1f\x8b broken")
    outcome = run_cohort(found, Pipe(level_package, output), JOB, output)
    assert [record.status for record in outcome.records] == [Status.DONE, Status.FAILED, Status.DONE]
    failure = outcome.records[1]
    assert (failure.code, bool(failure.cause), bool(failure.cure)) == ("bad-input", True, True)
    assert not (output / "c1").exists()
    again = Pipe(level_package, output)
    assert run_cohort(found, again, JOB, output).run == 0
    assert run_cohort(found, Pipe(level_package, output), JOB, output, retry_failed=True).run == 1
    write_image(found.cases[1].images[0].path, 1)
    assert run_cohort(found, Pipe(level_package, output), JOB, output).records[1].status is Status.DONE


@pytest.mark.parametrize("what", ["long", "file", "link"])
def test_a_case_whose_folder_cannot_be_is_a_row(what: str, tmp_path: Path, level_package: Path) -> None:
    found, output = cases_of(tmp_path / "in", 3), tmp_path / "out"
    name = "患" * 90 if what == "long" else "bad"
    found = replace(found, cases=(found.cases[0], replace(found.cases[1], name=name), found.cases[2]))
    output.mkdir()
    if what == "file":
        (output / "bad").write_text("of somebody")
    if what == "link":
        (output / "bad").symlink_to(tmp_path / "nowhere")
    outcome = run_cohort(found, Pipe(level_package, output), JOB, output)
    assert [record.status for record in outcome.records] == [Status.DONE, Status.FAILED, Status.DONE]
    assert outcome.records[1].code == "cannot-write-case" and "--retry-failed" in outcome.records[1].cure
    assert what != "file" or (output / "bad").read_text() == "of somebody"
    assert run_cohort(found, Pipe(level_package, output), JOB, output).run == 0


def test_an_earlier_result_beside_a_failure_is_told(tmp_path: Path, level_package: Path) -> None:
    found, output = cases_of(tmp_path / "in", 1), tmp_path / "out"
    run_cohort(found, Pipe(level_package, output), JOB, output)
    found.cases[0].images[0].path.write_bytes(b"broken since")
    record = run_cohort(found, Pipe(level_package, output), JOB, output).records[0]
    assert record.status is Status.FAILED and "earlier run" in record.warnings[-1]


def test_a_failure_nobody_foresaw_is_a_row_too(tmp_path: Path, level_package: Path) -> None:
    found, output = cases_of(tmp_path / "in", 2), tmp_path / "out"
    network = SegmenterNetwork(load_model(level_package), CohortJob(str(level_package)))

    def fragile(read, progress, cancel):
        if read.case.name == "c0":
            raise ZeroDivisionError("never thought of")
        return network(read, progress, cancel)

    job = CohortJob(str(level_package), preview=False)
    records = list(Pipeline(fragile, job, JOB, output).run(found.cases))
    assert [(r.case, r.code) for r in records] == [("c0", "unexpected"), ("c1", "")]
    assert "never thought of" in records[0].detail


def test_cancelling_keeps_what_has_ended(tmp_path: Path, level_package: Path) -> None:
    found, output, cancel = cases_of(tmp_path / "in", 4), tmp_path / "out", CancelToken()
    seen: list[str] = []

    def ended(record: Record) -> None:
        seen.append(record.case)
        cancel.cancel()

    outcome = run_cohort(found, Pipe(level_package, output, cancel=cancel), JOB, output, ended=ended)
    assert outcome.cancelled and seen[0] == "c0" and len(seen) < 4
    assert {path.name for path in output.glob("c*")} == set(seen)
    rest = run_cohort(found, Pipe(level_package, output), JOB, output)
    assert rest.kept + rest.run == 4 and len(rest.records) == 4


def test_two_runs_into_one_folder_do_not_mix(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(InputError, match="Another run"), Journal(tmp_path, patience=0.1):
        pass


def test_a_torn_line_costs_its_case_alone(tmp_path: Path) -> None:
    record = Record("a", Status.DONE, segments=(SegmentSize(1, "x", 3, 0.1),), warnings=("w",), finished="1")
    with Journal(tmp_path) as journal:
        journal.add(record)
        journal.add(replace(record, case="b"))
    path = journals(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:-10])
    assert read_records(tmp_path) == {"a": record}
    with Journal(tmp_path) as journal:
        journal.add(replace(record, case="c"))
    assert set(read_records(tmp_path)) == {"a", "c"}


def test_records_of_a_million_cases_keep_no_paths_of_their_own(tmp_path: Path) -> None:
    case = CohortCase("a", (Source(tmp_path / "a.nii.gz"),))
    moved = Record("b", Status.DONE, ("elsewhere/b.nii.gz",), folder="b")
    with Journal(tmp_path) as journal:
        journal.add(Record("a", Status.DONE, (str(case.images[0]),), folder="a"))
        journal.add(moved)
    records = read_records(tmp_path, cases=[case, CohortCase("b", (Source(tmp_path / "b.nii.gz"),))])
    assert records["a"].inputs[0] is str(case.images[0])
    assert records["a"].case is records["a"].folder
    assert records["b"] == moved


def test_parts_share_the_cases_and_are_joined(tmp_path: Path, level_package: Path) -> None:
    found, output = cases_of(tmp_path / "in", 5), tmp_path / "out"
    for number in (1, 2):
        run_cohort(found, Pipe(level_package, output), JOB, output, Part(number, 2))
    assert sorted(read_records(output)) == [f"c{n}" for n in range(5)]
    assert len(journals(output)) == 2


def test_a_disk_that_is_full_ends_the_run(tmp_path: Path, level_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from UNetSegmentLib.cohort.running import pipeline

    found, output = cases_of(tmp_path / "in", 2), tmp_path / "out"

    def full(*arguments: object) -> Record:
        raise OutputError("The disk is full.", "Free some space.")

    monkeypatch.setattr(pipeline, "write_case", full)
    with pytest.raises(OutputError, match="full") as told:
        run_cohort(found, Pipe(level_package, output), JOB, output)
    assert "0 of 2 cases have ended" in told.value.cure
    monkeypatch.undo()
    again = run_cohort(found, Pipe(level_package, output), JOB, output)
    assert [record.status for record in again.records] == [Status.DONE] * 2, "it stood for a failure"


def test_a_disk_that_is_full_as_a_folder_is_put_there_ends_the_run(
    tmp_path: Path, level_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from UNetSegmentLib.cohort.running import writing

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(writing, "_swap", full)
    found, output = cases_of(tmp_path / "in", 2), tmp_path / "out"
    with pytest.raises(OutputError, match="disk is full"):
        run_cohort(found, Pipe(level_package, output), JOB, output)


def test_a_reference_gives_dice(tmp_path: Path, level_package: Path) -> None:
    found, output = cases_of(tmp_path / "in", 1), tmp_path / "out"
    reference = write_image(tmp_path / "ref" / "c0.nii.gz", 0)
    case = replace(found.cases[0], reference=reference)
    record = run_cohort(Found((case,)), Pipe(level_package, output), JOB, output).records[0]
    assert [s.dice for s in record.segments] == [1.0, 1.0]


def test_a_reference_counts_within_the_region_alone(tmp_path: Path, level_package: Path) -> None:
    found, output = cases_of(tmp_path / "in", 1), tmp_path / "out"
    case = replace(found.cases[0], reference=write_image(tmp_path / "ref.nii.gz", 0), roi="voxels:0,6,0,12,0,10")
    record = run_cohort(Found((case,)), Pipe(level_package, output), JOB, output).records[0]
    assert [s.dice for s in record.segments] == [1.0, 1.0]
    assert "Dice is that within the region (roi) alone." in record.warnings


def _far(path: Path) -> None:
    write_volume(Volume.from_array(level_voxels(0), spacing=(1, 1, 1), origin=(500, 500, 500)), path)


def _grey(path: Path) -> None:
    write_volume(Volume.from_array(level_voxels(0) + 0.5), path)


BAD_REFERENCES = {
    "another grid": (_far, "reference"),
    "no label map": (_grey, "is not a label map"),
    "no image": (lambda path: path.write_bytes(b"words"), "ref.nii.gz"),
    "gone": (lambda path: None, "'ref.nii.gz' cannot be read"),
    "a pipe": (lambda path: os.mkfifo(path), "'ref.nii.gz' cannot be read"),
}


@pytest.mark.parametrize(("make", "cause"), BAD_REFERENCES.values(), ids=BAD_REFERENCES)
def test_a_bad_reference_costs_the_dice_and_not_the_segmentation(
    tmp_path: Path, level_package: Path, make: Callable[[Path], object], cause: str
) -> None:
    if cause.endswith("cannot be read") and not hasattr(os, "mkfifo"):
        pytest.skip("this system has no pipes")
    make(tmp_path / "ref.nii.gz")
    output = tmp_path / "out"
    case = replace(cases_of(tmp_path / "in", 1).cases[0], reference=tmp_path / "ref.nii.gz")
    record = run_cohort(Found((case,)), Pipe(level_package, output), JOB, output).records[0]
    assert record.status is Status.DONE and (output / "c0" / "segmentation.seg.nrrd").is_file()
    assert [segment.dice for segment in record.segments] == [None, None]
    (warning,) = [text for text in record.warnings if text.startswith("There is no Dice")]
    assert cause in warning
    (tmp_path / "ref.nii.gz").unlink(missing_ok=True)
    write_image(tmp_path / "ref.nii.gz", 0)
    record = run_cohort(Found((case,)), Pipe(level_package, output), JOB, output).records[0]
    assert [segment.dice for segment in record.segments] == [1.0, 1.0], "it is run again with the mended one"


@pytest.mark.parametrize("error", [MemoryError(), ResourceError("Memory is short.", "Close something.")])
def test_memory_that_a_reference_needs_and_lacks_is_a_failure(
    tmp_path: Path, level_package: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def read(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("UNetSegmentLib.cohort.running.reading.guarded.read_segmentation", read)
    case = replace(cases_of(tmp_path / "in", 1).cases[0], reference=write_image(tmp_path / "ref.nii.gz", 0))
    record = run_cohort(Found((case,)), Pipe(level_package, tmp_path / "out"), JOB, tmp_path / "out").records[0]
    assert (record.status, record.code) == (Status.FAILED, ResourceError.code)


def test_the_digest_of_a_job_counts_what_decides_a_result(level_package: Path) -> None:
    card = read_card(level_package)
    job = CohortJob("m")
    assert job.digest(card) == replace(job, device="cpu", model="elsewhere/m").digest(card)
    assert job.digest(card) != replace(job, preset="fast").digest(card)
    assert job.digest(card) != job.digest(replace(card, digests={"weights.safetensors": "0" * 64}))


def test_a_record_survives_its_line() -> None:
    record = Record(
        "a", Status.FAILED, ("x",), "s", "c", "j", code="k", cause="w", cure="y", detail="z", uids=("1.2",), quality=0.5
    )
    assert Record.from_json(json.loads(json.dumps({**record.to_json(), "newer": 1}))) == record


def test_the_network_is_never_run_from_two_threads(tmp_path: Path, level_package: Path) -> None:
    found, output, threads = cases_of(tmp_path / "in", 3), tmp_path / "out", set()
    job = CohortJob(str(level_package), preview=False)
    network = SegmenterNetwork(load_model(level_package), job)

    def noted(read, progress, cancel):
        threads.add(threading.get_ident())
        return network(read, progress, cancel)

    list(Pipeline(noted, job, JOB, output).run(found.cases))
    assert threads == {threading.get_ident()}


def test_a_cancelled_pipeline_raises(tmp_path: Path, level_package: Path) -> None:
    found, cancel = cases_of(tmp_path / "in", 1), CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        list(Pipe(level_package, tmp_path / "out", cancel=cancel).run(found.cases))


def test_every_step_of_a_case_is_told(tmp_path: Path, level_package: Path) -> None:
    found, told = cases_of(tmp_path / "in", 1), []
    job = CohortJob(str(level_package), preview=False)
    network = SegmenterNetwork(load_model(level_package), job)
    line = Pipeline(network, job, JOB, tmp_path / "out", steps=lambda name, step: told.append((name, step.value)))
    list(line.run(found.cases))
    words = ["read", "kept waiting", "computed", "kept waiting", "written"]
    assert told == [("c0", word) for word in words]


def test_a_case_has_its_small_picture(tmp_path: Path, level_package: Path) -> None:
    found, output = cases_of(tmp_path / "in", 1), tmp_path / "out"
    record = run_cohort(found, Pipe(level_package, output, CohortJob(str(level_package))), JOB, output).records[0]
    assert (output / record.folder / "preview.png").read_bytes().startswith(b"\x89PNG")
    assert record.warnings == ()


def test_a_found_segment_is_never_of_no_size(tmp_path: Path, level_package: Path) -> None:
    """A cell of a microscope's image has far less than a ten thousandth of a millilitre."""
    output, path = tmp_path / "out", tmp_path / "cell.nrrd"
    write_volume(Volume.from_array(level_voxels(0), spacing=(0.01, 0.01, 0.01)), path)
    found = Found((CohortCase("cell", (Source(path),)),))
    record = run_cohort(found, Pipe(level_package, output), JOB, output).records[0]
    assert [s.size for s in record.segments] == [pytest.approx(s.voxels * 1e-9, rel=1e-4) for s in record.segments]
    assert all(s.voxels for s in record.segments)
