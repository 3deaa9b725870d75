"""What is known to be on a server stays known, whatever becomes of a later attempt to send the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from UNetSegmentLib.cohort.case import CohortCase, Found, Source
from UNetSegmentLib.cohort.dicomweb import sending
from UNetSegmentLib.cohort.dicomweb.sending import Sender, send_earlier
from UNetSegmentLib.cohort.journal import Journal, read_records
from UNetSegmentLib.cohort.record import CASE, Record, Status
from UNetSegmentLib.errors import Cancelled, ServerError
from UNetSegmentLib.io.dicomweb import Server
from UNetSegmentLib.progress import CancelToken

HERE, THERE = "https://here.example.org", "https://there.example.org"
SEG, REPORT = "1.2.3", "1.2.4"


def case_of(name: str, output: Path, **known: Any) -> Record:
    folder = output / name
    folder.mkdir(parents=True)
    for file in ("segmentation.dcm", "report.dcm", CASE):
        (folder / file).touch()
    return replace(Record(name, Status.DONE, job="J", folder=name), **known)


def instead(monkeypatch: pytest.MonkeyPatch, store: Callable[[Callable[[str], None]], None]) -> None:
    """``store`` in place of sending; it is given what is told of each stored UID."""
    monkeypatch.setattr(sending, "store_files", lambda server, files, cancel, stored: store(stored))


def gone(stored: Callable[[str], None]) -> None:
    raise ServerError("It is not there.", "Later.")


def given_up(stored: Callable[[str], None]) -> None:
    raise Cancelled


@pytest.mark.parametrize("fault", [gone, given_up])
@pytest.mark.parametrize("at", [HERE, THERE])
def test_an_attempt_that_fails_forgets_nothing(
    at: str, fault: Callable[[Callable[[str], None]], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead(monkeypatch, fault)
    sent = Sender(Server(HERE), tmp_path).sent(case_of("c", tmp_path, stored=(SEG,), stored_at=at))
    assert (sent.stored, sent.stored_at, bool(sent.not_stored)) == ((SEG,), at, True)


def test_what_is_sent_later_is_added_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(monkeypatch, lambda stored: [stored(uid) for uid in (SEG, REPORT)] and None)
    record = case_of("c", tmp_path, stored=(SEG,), stored_at=HERE, not_stored="It was not there.")
    sent = Sender(Server(HERE), tmp_path).sent(record)
    assert (sent.stored, sent.stored_at, sent.not_stored) == ((SEG, REPORT), HERE, "")


def test_another_server_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def one(stored: Callable[[str], None]) -> None:
        stored(REPORT)
        gone(stored)

    instead(monkeypatch, one)
    sent = Sender(Server(HERE), tmp_path).sent(case_of("c", tmp_path, stored=(SEG,), stored_at=THERE))
    assert (sent.stored, sent.stored_at) == ((REPORT,), HERE)


def test_a_cancelled_run_leaves_the_remaining_records_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel = CancelToken()

    def first(stored: Callable[[str], None]) -> None:
        cancel.cancel()
        raise Cancelled

    instead(monkeypatch, first)
    known = [case_of(name, tmp_path, stored=(SEG,), stored_at=HERE) for name in ("a", "b", "c")]
    with Journal(tmp_path) as journal:
        for record in known:
            journal.add(record)
    cases = tuple(CohortCase(name, (Source(tmp_path / name),)) for name in ("a", "b", "c"))
    monkeypatch.setattr(sending, "still_to_do", lambda cases, records, digest, output: ((), records))
    assert send_earlier(Found(cases), "J", tmp_path, Sender(Server(HERE), tmp_path, cancel)) == 1
    after = read_records(tmp_path)
    assert [record.stored for record in after.values()] == [(SEG,)] * 3
    assert [bool(record.not_stored) for record in after.values()] == [True, False, False]
