"""What a part that ends clears away, while others write their tables."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from UNetSegmentLib.cli.cohorts.finishing import write
from UNetSegmentLib.cohort import leftovers
from UNetSegmentLib.cohort.journal import FOLDER, journal_path
from UNetSegmentLib.cohort.leftovers import clear, writing_tables
from UNetSegmentLib.cohort.record import Record, Status
from UNetSegmentLib.cohort.report import table
from UNetSegmentLib.io.atomic import atomic_path

NAMES = (".0123abcd.tmp.csv", ".0123abcd.tmp.parquet", ".0123abcd.tmp.html")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (tmp_path / FOLDER).mkdir()
    journal_path(tmp_path, 1, 1).touch()
    return tmp_path


def clear_own(output: Path) -> None:
    clear(output, journal_path(output, 1, 1))


@pytest.mark.skipif(sys.platform == "win32", reason="journals are locked elsewhere on Windows")
def test_a_table_that_is_just_being_joined_is_no_leftover(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table.row_of

    def cleared_meanwhile(record: Record) -> dict[str, Any]:
        clear_own(output)
        return rows(record)

    monkeypatch.setattr(table, "row_of", cleared_meanwhile)
    written = write((Record("a", Status.DONE),), output, "title", "about", False, (), ())
    assert all(path.is_file() for path in written)
    assert not [path.name for path in output.iterdir() if ".tmp" in path.name]


def test_what_killed_runs_left_of_tables_goes_at_once_where_nobody_writes_one(output: Path) -> None:
    for name in NAMES:
        (output / name).touch()
    (output / "notes.tmp.csv").touch()
    clear_own(output)
    assert sorted(path.name for path in output.iterdir()) == [FOLDER, "notes.tmp.csv"]


def test_states_that_others_may_be_writing_go_when_they_are_old(output: Path) -> None:
    young, old = output / FOLDER / ".0123abcd.tmp.json", output / FOLDER / ".4567abcd.tmp.json"
    for path in (young, old):
        path.touch()
    os.utime(old, (time.time() - 4000,) * 2)
    clear_own(output)
    assert young.exists() and not old.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has locks everywhere")
def test_without_locks_age_tells(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def refused(*ignored: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    with writing_tables(output), atomic_path(output / "cases.csv") as temporary:
        temporary.touch()
        (output / ".4567abcd.tmp.html").touch()
        os.utime(output / ".4567abcd.tmp.html", (1e9, 1e9))
        clear_own(output)
        assert temporary.exists()
    assert not (output / ".4567abcd.tmp.html").exists()
    assert (output / "cases.csv").is_file()


def test_one_who_writes_tables_for_too_long_is_not_waited_for(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_TABLES_PATIENCE", 0.1)
    with writing_tables(output), writing_tables(output):
        pass


def test_a_folder_of_no_run_gets_no_lock(tmp_path: Path) -> None:
    with writing_tables(tmp_path):
        pass
    assert not list(tmp_path.iterdir())
