"""Cohorts on file systems that keep no locks, as those that clusters share may be mounted."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest
from cohort_files import write_image

from UNetSegmentLib.cohort.case import CohortCase, Found, Source
from UNetSegmentLib.cohort.job import CohortJob
from UNetSegmentLib.cohort.record import Status
from UNetSegmentLib.cohort.run import run_cohort
from UNetSegmentLib.cohort.running.driver import Driver
from UNetSegmentLib.io.locks import file_lock
from UNetSegmentLib.worker.exchange.folders import ExchangeFolder

if sys.platform == "win32":
    pytest.skip("Windows has locks everywhere", allow_module_level=True)

CHILD = """
import errno, fcntl
def refused(*ignored):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = refused
from UNetSegmentLib.cohort.running import child
child.main()
"""


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def refused(*ignored: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)


@pytest.mark.usefixtures("no_locks")
def test_a_whole_run_ends_with_results(tmp_path: Path, level_package: Path) -> None:
    """Driver and child meet the missing locks, not the journal alone."""
    image = write_image(tmp_path / "in" / "a.nii.gz")
    found = Found((CohortCase("a", (Source(image),)),))
    job = CohortJob(str(level_package), preview=False)
    output = tmp_path / "out"
    engine = Driver(job, "job", output, command=(sys.executable, "-c", CHILD))
    for kept in (0, 1):
        outcome = run_cohort(found, engine, "job", output)
        assert ([record.status for record in outcome.records], outcome.kept) == ([Status.DONE], kept)


@pytest.mark.usefixtures("no_locks")
def test_a_lock_file_stops_nobody(tmp_path: Path) -> None:
    """A cache of models in a home without locks can be downloaded to."""
    with file_lock(tmp_path / "lock"), file_lock(tmp_path / "lock"):
        pass


@pytest.mark.usefixtures("no_locks")
def test_a_folder_for_a_worker_is_made_and_stays_while_its_client_lives(tmp_path: Path) -> None:
    first = ExchangeFolder(tmp_path)
    second = ExchangeFolder(tmp_path)
    assert first.path.is_dir()
    second.remove()
    first.remove()
    assert not list(tmp_path.iterdir())
