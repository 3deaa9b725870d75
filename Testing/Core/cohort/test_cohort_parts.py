"""Parts of one run: divided, begun twice, left in the middle, with other settings, joined."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from UNetSegmentLib.cohort.audit import auditor
from UNetSegmentLib.cohort.case import CohortCase, Found, LeftOut, Source
from UNetSegmentLib.cohort.job import CohortJob
from UNetSegmentLib.cohort.joining import joined
from UNetSegmentLib.cohort.journal import FOLDER, Journal, journal_path
from UNetSegmentLib.cohort.leftovers import clear
from UNetSegmentLib.cohort.parts import new_state, read_states, state_of
from UNetSegmentLib.cohort.record import Record, Status
from UNetSegmentLib.cohort.run import Outcome, Part, run_cohort
from UNetSegmentLib.cohort.stamps import stamp_of
from UNetSegmentLib.errors import Cancelled, InputError
from UNetSegmentLib.models import read_card

GONE = 2**22 + 1  # above what Linux numbers processes with


class Stand:
    """An engine that ends cases at once, and is cancelled after some."""

    def __init__(self, output: Path, digest: str = "job", at_most: int = 1000) -> None:
        self.output, self.digest, self.at_most = output, digest, at_most
        self.ran: list[str] = []

    def run(self, cases: Iterable[CohortCase]) -> Iterator[Record]:
        for case in cases:
            if len(self.ran) == self.at_most:
                raise Cancelled
            self.ran.append(case.name)
            (self.output / case.name).mkdir(exist_ok=True)
            yield Record(case.name, Status.DONE, stamp=stamp_of(case), job=self.digest, folder=case.name, finished="1")


def found_in(folder: Path, count: int) -> Found:
    folder.mkdir(exist_ok=True)
    cases = []
    for number in range(count):
        path = folder / f"c{number}.nii"
        path.touch()
        cases.append(CohortCase(f"c{number}", (Source(path),)))
    return Found(tuple(cases), (LeftOut("notes.txt", folder / "notes.txt", "It is no image.", "Use NIfTI."),))


@pytest.fixture
def found(tmp_path: Path) -> Found:
    return found_in(tmp_path / "in", 10)


def run_part(
    found: Found, output: Path, number: int, count: int, digest: str = "job", about: str = "", at_most: int = 1000
) -> tuple[Outcome, list[str]]:
    engine = Stand(output, digest, at_most)
    return run_cohort(found, engine, digest, output, Part(number, count), about=about), engine.ran


def test_joined_parts_are_the_rows_of_an_undivided_run(tmp_path: Path, found: Found) -> None:
    whole, _ = run_part(found, tmp_path / "whole", 1, 1)
    for number in (3, 1, 2):
        run_part(found, tmp_path / "parts", number, 3)
    result = joined(tmp_path / "parts")
    assert not result.faults
    assert sorted(r.case for r in result.records) == sorted(r.case for r in whole.records)
    assert result.records[-1].status is Status.LEFT_OUT


def test_parts_that_have_not_begun_or_ended_are_told(tmp_path: Path, found: Found) -> None:
    run_part(found, tmp_path, 1, 4)
    run_part(found, tmp_path, 2, 4, at_most=1)
    result = joined(tmp_path)
    assert result.faults[0] == "Parts 3, 4 of 4 have not begun."
    assert result.faults[1].startswith("Part 2 of 4 has not ended: 1 of its 3 cases")
    assert len(result.records) == 3 + 1 + 1
    again, ran = run_part(found, tmp_path, 2, 4)
    assert "An earlier run did not end (part 2 of 4" in again.notes[0]
    assert len(ran) == 2


def test_parts_with_other_settings_are_told_at_once_and_when_joined(tmp_path: Path, found: Found) -> None:
    run_part(found, tmp_path, 1, 2, "job-a", "liver 1.0, preset fast")
    second, _ = run_part(found, tmp_path, 2, 2, "job-b", "liver 1.0, preset exact")
    words = "Part 1 of 2 was run with other settings (liver 1.0, preset fast; job-a) than part 2 of 2"
    assert words in second.notes[0]
    assert "other settings (liver 1.0, preset exact; job-b) than part 1 of 2" in joined(tmp_path).faults[0]


def test_parts_that_saw_other_inputs_are_told(tmp_path: Path, found: Found) -> None:
    run_part(found, tmp_path / "out", 1, 2)
    run_part(found_in(tmp_path / "in", 12), tmp_path / "out", 2, 2)
    assert joined(tmp_path / "out").faults == ("Part 2 of 2 was given other inputs than part 1 of 2.",)


def test_rows_of_an_earlier_run_with_other_settings_are_left_out(tmp_path: Path, found: Found) -> None:
    run_part(found, tmp_path / "out", 1, 1, "old")
    run_part(found, tmp_path / "out", 1, 2, "new")
    run_part(found, tmp_path / "out", 2, 2, "new", at_most=0)
    result = joined(tmp_path / "out")
    assert [r.case for r in result.records if r.status is Status.DONE] == ["c0", "c2", "c4", "c6", "c8"]
    assert result.faults[0].startswith("Part 2 of 2 has not ended: 0 of its 5 cases")
    assert result.faults[1:] == ("5 cases of an earlier run with other settings are no rows.",)


def test_what_another_division_has_done_stands(tmp_path: Path, found: Found) -> None:
    run_part(found, tmp_path, 1, 1, at_most=6)
    ran = [name for number in (1, 2, 3) for name in run_part(found, tmp_path, number, 3)[1]]
    assert sorted(ran) == ["c6", "c7", "c8", "c9"]
    assert not joined(tmp_path).faults


def test_a_part_reads_no_journal_but_its_own(tmp_path: Path, found: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand parts that each read what all have written would read a million journals."""
    from UNetSegmentLib.cohort import journal

    for number in (1, 2, 3):
        run_part(found, tmp_path, number, 3)
    read: list[str] = []
    records = journal._records
    monkeypatch.setattr(journal, "_records", lambda path, *known: read.append(path.name) or records(path, *known))
    assert run_part(found, tmp_path, 2, 3)[1] == []
    assert read == ["journal-2-of-3.jsonl"]


def test_the_same_part_twice_at_once_is_refused_and_told_who_has_it(tmp_path: Path, found: Found) -> None:
    new_state(2, 3, "job", "", found.cases, 3).write(_made(tmp_path))
    with Journal(tmp_path, 2, 3):
        with pytest.raises(InputError, match=rf"part 2 of 3, begun .* by process {os.getpid()}"):
            run_with_no_patience(found, tmp_path, Part(2, 3))
        assert run_part(found, tmp_path, 1, 3)[1], "another part is none of its business"


def test_without_locks_a_part_that_seems_alive_is_refused(
    tmp_path: Path, found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File systems of clusters may be mounted without locks."""
    if sys.platform == "win32":
        pytest.skip("Windows has locks everywhere")
    refuse_locks(monkeypatch)
    elsewhere = replace(new_state(1, 2, "job", "", found.cases, 5), host="node7")
    elsewhere.write(_made(tmp_path))
    journal_path(tmp_path, 1, 2).touch()
    with pytest.raises(InputError, match="node7"):
        run_part(found, tmp_path, 1, 2)
    for path in (tmp_path / FOLDER).iterdir():
        os.utime(path, (1e9, 1e9))
    assert len(run_part(found, tmp_path, 1, 2)[1]) == 5, "nothing has come from there for years"
    here = replace(elsewhere, part=2, host=new_state(1, 2, "", "", (), 0).host, process=GONE)
    here.write(tmp_path)
    assert len(run_part(found, tmp_path, 2, 2)[1]) == 5, "a process of this machine that has gone"


def test_without_locks_nothing_of_others_is_cleared_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has locks everywhere")
    staging = _made(tmp_path) / FOLDER / "staging" / ".0123abcd.tmp"
    staging.mkdir(parents=True)
    (staging / ".in-use").touch()
    for part in (1, 2):
        journal_path(tmp_path, part, 2).touch()
    refuse_locks(monkeypatch)
    clear(tmp_path, journal_path(tmp_path, 1, 2))
    assert staging.exists()


def test_parts_keep_audit_lines_of_their_own(tmp_path: Path, level_package: Path) -> None:
    card, job = read_card(level_package), CohortJob("m")
    for number in (1, 2):
        auditor(tmp_path, card, job, number, 2)(Record(f"c{number}", Status.DONE))
    auditor(tmp_path, card, job)(Record("c", Status.DONE))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "audit-1-of-2.jsonl",
        "audit-2-of-2.jsonl",
        "audit.jsonl",
    ]


def test_a_state_that_is_damaged_counts_as_none(tmp_path: Path, found: Found) -> None:
    run_part(found, tmp_path, 1, 2)
    path = tmp_path / FOLDER / "part-1-of-2.json"
    value = json.loads(path.read_text())
    path.write_text(json.dumps({**value, "newer": 1}))
    assert state_of(tmp_path, 1, 2) == read_states(tmp_path)[0]
    path.write_text('{"part": 1')
    assert read_states(tmp_path) == []
    assert run_part(found, tmp_path, 1, 2)[1] == []


def refuse_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def refused(*arguments: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refused)


def run_with_no_patience(found: Found, output: Path, part: Part) -> Outcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("UNetSegmentLib.cohort.journal.Journal.__init__.__defaults__", (1, 1, 0.0, "", lambda: False))
        return run_cohort(found, Stand(output), "job", output, part)


def _made(output: Path) -> Path:
    (output / FOLDER).mkdir(parents=True, exist_ok=True)
    return output
