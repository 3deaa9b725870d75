"""Runs that are divided differently and would write to one folder at the same time."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from UNetSegmentLib.cohort import holding
from UNetSegmentLib.cohort.case import Found
from UNetSegmentLib.cohort.dicomweb.sending import Sender, send_earlier
from UNetSegmentLib.cohort.journal import FOLDER, Journal, journal_path
from UNetSegmentLib.cohort.parts import new_state
from UNetSegmentLib.cohort.run import Part, run_cohort
from UNetSegmentLib.cohort.running import child
from UNetSegmentLib.errors import InputError
from UNetSegmentLib.io.dicomweb.server import Server


class Idle:
    """An engine whose cases take no time and make nothing."""

    def run(self, cases: object) -> object:
        return iter(())


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "_PATIENCE", 0.1)
    monkeypatch.setattr(child, "_PATIENCE", 0.1)


def run_part(output: Path, number: int, count: int) -> None:
    run_cohort(Found(), Idle(), "job", output, Part(number, count))  # type: ignore[arg-type]


def send_part(output: Path, number: int, count: int) -> None:
    send_earlier(Found(), "job", output, Sender(Server("https://nowhere"), output), Part(number, count))


@pytest.mark.skipif(sys.platform == "win32", reason="journals are locked elsewhere on Windows")
@pytest.mark.parametrize("begin", [run_part, send_part])
@pytest.mark.parametrize(("there", "new"), [((1, 1), (1, 2)), ((2, 2), (1, 1)), ((7, 16), (1, 8))])
def test_a_run_that_is_divided_otherwise_is_refused_and_told_who_is_there(
    tmp_path: Path, begin: Callable[..., None], there: tuple[int, int], new: tuple[int, int]
) -> None:
    with Journal(tmp_path, *there):
        new_state(*there, "job", "", (), 0).write(tmp_path)
        words = rf"divided otherwise.* \(part {there[0]} of {there[1]}, begun .* by process {os.getpid()}\)"
        with pytest.raises(InputError, match=words) as refused:
            begin(tmp_path, *new)
        assert "divide this run as that one is" in refused.value.cure
    begin(tmp_path, *new)


def test_parts_of_one_division_run_side_by_side(tmp_path: Path) -> None:
    run_part(tmp_path, 1, 1)  # an earlier division that has ended
    with Journal(tmp_path, 2, 3):
        run_part(tmp_path, 1, 3)
        send_part(tmp_path, 3, 3)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has locks everywhere")
@pytest.mark.parametrize("begin", [run_part, send_part])
@pytest.mark.parametrize(("there", "words"), [((1, 1), "divided otherwise.*node7"), ((1, 2), "Another run.*node7")])
def test_without_locks_the_parts_own_file_tells(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    begin: Callable[..., None],
    there: tuple[int, int],
    words: str,
) -> None:
    import fcntl

    def refused(*ignored: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    (tmp_path / FOLDER).mkdir()
    replace(new_state(*there, "job", "", (), 0), host="node7").write(tmp_path)
    journal_path(tmp_path, *there).touch()
    with pytest.raises(InputError, match=words):
        begin(tmp_path, 1, 2)
    for path in (tmp_path / FOLDER).iterdir():
        os.utime(path, (1e9, 1e9))
    begin(tmp_path, 1, 2)


@pytest.mark.skipif(sys.platform == "win32", reason="the lock is of POSIX here")
def test_the_child_of_a_killed_run_that_was_divided_otherwise_is_waited_for(tmp_path: Path) -> None:
    """The lock of a journal falls with the driver; its child may still write a case."""
    refused = pytest.raises(InputError, match="does not end")
    with child._only_one(tmp_path, "1-of-1"), refused, child._only_one(tmp_path, "1-of-2"):
        pass
    with child._only_one(tmp_path, "1-of-2"), child._only_one(tmp_path, "2-of-2"):
        pass
