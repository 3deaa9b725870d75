"""Lists of cases that are changed between runs, and what is a row of the joined table then."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from UNetSegmentLib.cli.app import app
from UNetSegmentLib.cohort.case import CohortCase, Found, LeftOut, Source
from UNetSegmentLib.cohort.joining import Joined, joined
from UNetSegmentLib.cohort.journal import FOLDER, Journal
from UNetSegmentLib.cohort.parts import state_of
from UNetSegmentLib.cohort.present import names_of
from UNetSegmentLib.cohort.record import Record, Status
from UNetSegmentLib.cohort.run import Part, run_cohort
from UNetSegmentLib.cohort.stamps import stamp_of
from UNetSegmentLib.errors import Cancelled


class Stand:
    """An engine that ends cases at once, and is cancelled after some."""

    def __init__(self, output: Path, digest: str, at_most: int) -> None:
        self.output, self.digest, self.left = output, digest, at_most

    def run(self, cases: Iterable[CohortCase]) -> Iterator[Record]:
        for case in cases:
            if not self.left:
                raise Cancelled
            self.left -= 1
            (self.output / case.name).mkdir(exist_ok=True)
            yield Record(case.name, Status.DONE, stamp=stamp_of(case), job=self.digest, folder=case.name, finished="1")


class Cohort:
    """A folder of results and lists of names that are run into it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.output = folder, folder / "out"

    def run(
        self, names: Iterable[str], parts: Iterable[int], count: int, digest: str = "job", at_most: int = 1000
    ) -> None:
        for number in parts:
            engine = Stand(self.output, digest, at_most)
            run_cohort(self._found(names), engine, digest, self.output, Part(number, count))

    def rows(self) -> list[str]:
        return [record.case for record in joined(self.output).records if record.status is Status.DONE]

    def forget_names(self, number: int, count: int) -> None:
        """As an older version leaves it."""
        (self.output / FOLDER / f"names-{number}-of-{count}.jsonl").unlink()

    def _found(self, names: Iterable[str]) -> Found:
        cases = []
        for name in names:
            path = self.folder / f"{name.encode('ascii', 'backslashreplace').decode().replace(chr(92), '_')}.nii"
            if not path.exists():  # one that is touched is run again
                path.touch()
            cases.append(CohortCase(name, (Source(path),)))
        return Found(tuple(cases), (LeftOut(f"beside-{len(cases)}", self.folder, "It is no image.", "Use NIfTI."),))


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    return Cohort(tmp_path)


def left_out(result: Joined) -> list[str]:
    return [record.case for record in result.records if record.status is Status.LEFT_OUT]


def test_cases_that_were_taken_out_of_the_list_are_no_rows_and_told(cohort: Cohort) -> None:
    cohort.run("abcdef", (1, 2), 2)
    cohort.run("acef", (1, 2), 2)
    result = joined(cohort.output)
    assert cohort.rows() == list("acef")
    assert result.notes == ("2 cases of earlier runs are not in the lists of the parts any more and no rows.",)
    assert not result.faults, "nothing is wrong with that"


def test_an_image_that_has_got_another_name_counts_once(cohort: Cohort) -> None:
    cohort.run(["a", "b"], (1,), 1)
    cohort.run(["a", "site-b"], (1,), 1)
    assert cohort.rows() == ["a", "site-b"]
    assert (
        "1 case of an earlier run is not in the lists of the parts any more and no row." in joined(cohort.output).notes
    )


def test_a_case_that_comes_back_is_a_row_again(cohort: Cohort) -> None:
    for names in ("abc", "ab", "abc"):
        cohort.run(names, (1, 2), 2)
    assert cohort.rows() == list("abc")
    assert not joined(cohort.output).notes


def test_names_of_any_kind_are_told_apart(cohort: Cohort) -> None:
    names = ["頭部", "a\udc80", 'with "quotes"', "a b"]
    cohort.run(names, (1, 2), 2)
    assert sorted(cohort.rows()) == sorted(names)
    assert not joined(cohort.output).notes


def test_rows_of_removed_cases_with_other_settings_are_told_once(cohort: Cohort) -> None:
    cohort.run("abcd", (1,), 1, "old")
    cohort.run("ab", (1, 2), 2, "new")
    result = joined(cohort.output)
    assert (cohort.rows(), result.faults) == (["a", "b"], ())
    assert result.notes[0].startswith("2 cases of earlier runs")


def test_of_a_part_of_an_older_version_all_rows_stay(cohort: Cohort) -> None:
    cohort.run("abcdef", (1, 2), 2)  # b, d, f are those of part 2
    cohort.run("abcd", (1, 2), 2)
    cohort.forget_names(2, 2)
    assert cohort.rows() == list("abcdf")
    cohort.forget_names(1, 2)
    assert cohort.rows() == list("abcdef")


def test_names_that_an_older_version_did_not_keep_up_count_for_none(cohort: Cohort) -> None:
    cohort.run("ab", (1,), 1)
    state = state_of(cohort.output, 1, 1)
    assert state is not None and names_of(cohort.output, state) == {"a", "b"}
    replace(state, listing="of another list").write(cohort.output)
    with Journal(cohort.output) as journal:
        journal.add(Record("c", Status.DONE, job="job"))
    assert cohort.rows() == list("abc")


@pytest.mark.parametrize("damage", ["", '{"listing": 1', "LISTING\n3\n", 'LISTING\n"a'])
def test_a_damaged_list_counts_for_none(cohort: Cohort, damage: str) -> None:
    cohort.run("ab", (1,), 1)
    path = cohort.output / FOLDER / "names-1-of-1.jsonl"
    path.write_text(damage.replace("LISTING", path.read_text().splitlines()[0]))
    assert cohort.rows() == list("ab")


def test_what_another_division_of_the_same_list_has_done_stays_until_all_parts_have_begun(cohort: Cohort) -> None:
    cohort.run("abcdef", (1,), 1)
    cohort.run("abcdef", (1,), 3)
    assert cohort.rows() == list("abcdef")
    cohort.run("abcde", (1,), 3)
    assert cohort.rows() == list("ad")
    assert "Parts 2, 3 of 3 have not begun." in joined(cohort.output).faults


def test_a_part_that_has_not_ended_counts_the_cases_of_its_list_alone(cohort: Cohort) -> None:
    cohort.run("abcdef", (1,), 1)
    cohort.run("abxy", (1,), 1, at_most=1)
    assert "has not ended: 3 of its 4 cases stand" in joined(cohort.output).faults[0]


def test_what_was_left_out_beside_another_list_is_no_row(cohort: Cohort) -> None:
    cohort.run("abcd", (1,), 1)
    assert left_out(joined(cohort.output)) == ["beside-4"]
    cohort.run("ab", (2,), 2)
    assert left_out(joined(cohort.output)) == []
    cohort.run("ab", (1,), 2)
    assert left_out(joined(cohort.output)) == ["beside-2"]


def test_what_an_older_version_has_left_out_stays(cohort: Cohort) -> None:
    cohort.run("ab", (1,), 1)
    path = cohort.output / FOLDER / "left-out.jsonl"
    path.write_text("\n" + "\n".join(path.read_text().splitlines()[1:]) + "\n")
    assert left_out(joined(cohort.output)) == ["beside-2"]


def test_joining_tells_and_ends_well(cohort: Cohort) -> None:
    cohort.run("abc", (1, 2), 2)
    cohort.run("ab", (1, 2), 2)
    ended = CliRunner().invoke(app, ["batch", "-o", str(cohort.output), "--join", "--json"])
    assert ended.exit_code == 0, ended.output
    answer = json.loads(ended.stdout)
    assert answer["counts"]["done"] == 2
    assert answer["notes"][0].startswith("1 case of an earlier run")
    assert "1 case of an earlier run" in (cohort.output / "report.html").read_text(encoding="utf-8")
    assert len((cohort.output / "cases.csv").read_text(encoding="utf-8").splitlines()) == 1 + 2 + 1
