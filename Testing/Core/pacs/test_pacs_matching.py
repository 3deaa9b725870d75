"""A server passes over a key that it does not know: what does not fit is left out all the same, and it is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from pacs_series import save_levels
from pydicom.uid import generate_uid
from scripted_server import ScriptedServer

from UNetSegmentLib.cohort.dicomweb.finding import find_on_server
from UNetSegmentLib.cohort.finding.wanted import Wanted
from UNetSegmentLib.io.dicomweb import Query, find_series
from UNetSegmentLib.io.dicomweb.matching import Matching

STUDY = generate_uid()
TAGS = {
    "SeriesDescription": "0008103E",
    "PatientName": "00100010",
    "StudyDate": "00080020",
    "StudyTime": "00080030",
    "SeriesNumber": "00200011",
    "ModalitiesInStudy": "00080061",
    "StudyInstanceUID": "0020000D",
    "AcquisitionDateTime": "0008002A",
}


@pytest.mark.parametrize(
    ("key", "asked", "values", "fits"),
    [
        ("SeriesDescription", "FLAIR", ["FLAIR"], True),
        ("SeriesDescription", "FLAIR", ["T1"], False),
        ("SeriesDescription", "FLAIR", ["flair"], False),
        ("SeriesDescription", "FLAIR", [], False),
        ("SeriesDescription", "*", ["T1"], True),
        ("SeriesDescription", "*", [], True),
        ("SeriesDescription", "", ["T1"], True),
        ("SeriesDescription", "T?*[1]", ["T2 ax [1]"], True),
        ("SeriesDescription", "T?*[1]", ["T2 ax 1"], False),
        ("SeriesDescription", "Sch\u00e4del", ["Scha\u0308del"], True),
        ("PatientName", "roe^*", [{"Alphabetic": "Roe^Jane"}], True),
        ("PatientName", "ROE^JANE", [{"Alphabetic": "Roe^Jane^^^"}], True),
        ("PatientName", "Roe", [{"Alphabetic": "Doe", "Ideographic": "Roe"}], True),
        ("PatientName", "Roe*", [{"Alphabetic": "Doe^Roe"}], False),
        ("StudyDate", "20260115", ["20260115"], True),
        ("StudyDate", "20260101-20260131", ["20260131"], True),
        ("StudyDate", "20260101-20260131", ["20260201"], False),
        ("StudyDate", "20260101-", ["20251231"], False),
        ("StudyDate", "-20260131", ["20251231"], True),
        ("StudyDate", "-20260131", [], False),
        ("StudyTime", "1200-1259", ["125930.25"], True),
        ("StudyTime", "12", ["130000"], False),
        ("SeriesNumber", "4", [4], True),
        ("SeriesNumber", "4", [14], False),
        ("ModalitiesInStudy", "CT", ["SEG", "CT"], True),
        ("ModalitiesInStudy", "CT", ["MR"], False),
        ("StudyInstanceUID", "1.2,1.3", ["1.3"], True),
        ("StudyInstanceUID", "1.2\\1.3", ["1.30"], False),
        ("AcquisitionDateTime", "2026", ["2027"], True),
        ("StudyDescription", "x", None, True),
    ],
)
def test_answers_are_compared(key: str, asked: str, values: list[object] | None, fits: bool) -> None:
    item = {} if values is None else {TAGS[key]: {"vr": "??", "Value": values}}
    matching = Matching("pacs.example.org")
    assert matching.fits(item, {key: asked}) is fits
    told = values is not None and key != "AcquisitionDateTime"
    assert len(matching.notes) == (not fits or not told)
    assert not matching.notes or ("could not be checked" in matching.notes[0]) is not told


@pytest.fixture
def series(scripted: ScriptedServer, tmp_path: Path) -> list[str]:
    """A server that knows UIDs and modalities alone, and tells what series and studies are called."""
    uids = [
        save_levels(tmp_path / f"in{n}", n, STUDY, SeriesDescription=name) for n, name in enumerate(("T1", "FLAIR"))
    ]
    uids.append(save_levels(tmp_path / "in2", 2, PatientName="Doe^John", StudyDate="20270101"))
    for number in range(3):
        scripted.take(tmp_path / f"in{number}")
    scripted.told |= {"SeriesDescription", "PatientName", "StudyDate"}
    return uids


@pytest.mark.parametrize(
    ("studies", "words", "which"),
    [
        ([STUDY], ["SeriesDescription=FLAIR"], [1]),
        ([], ["PatientName=roe^jane"], [0, 1]),
        ([], ["StudyDate=20261201-20270201", "SeriesDescription=*"], [2]),
        ([], ["StudyDate=20300101"], []),
    ],
)
def test_what_was_not_asked_for_is_not_taken(
    studies: list[str], words: list[str], which: list[int], scripted: ScriptedServer, series: list[str]
) -> None:
    notes: list[str] = []
    found, troubles = find_series(scripted.server(), Query.of(studies, [], words), note=notes.append)
    assert ([one.uid for one in found], troubles) == ([series[number] for number in which], [])
    assert len(notes) == 1
    assert "passed over" in notes[0]
    assert not any(word.partition("=")[2] in notes[0] for word in words)


def test_a_series_by_its_uid_must_fit_too(scripted: ScriptedServer, series: list[str]) -> None:
    query = Query.of([], series[:2], ["SeriesDescription=FLAIR"])
    assert [one.uid for one in find_series(scripted.server(), query)[0]] == series[1:2]


@pytest.mark.parametrize("word", ["SeriesDescription=FLAIR", "PatientName=Roe*"])
def test_what_cannot_be_checked_is_said(word: str, scripted: ScriptedServer, series: list[str], tmp_path: Path) -> None:
    scripted.told -= {"SeriesDescription", "PatientName"}
    query = Query.of([STUDY], [], [word])
    found = find_on_server(scripted.server(), query, Wanted(1, ("CT",), True), tmp_path)
    assert len(found.cases) == 2
    assert any(word.partition("=")[0] in note and "could not be checked" in note for note in found.notes)


def test_a_server_that_heeds_all_gives_no_notes(scripted: ScriptedServer, series: list[str], tmp_path: Path) -> None:
    notes: list[str] = []
    query = Query.of([STUDY], [], ["Modality=CT", "SeriesDescription=*"])
    assert len(find_series(scripted.server(), query, note=notes.append)[0]) == 2
    assert notes == []
    assert any("includefield=SeriesDescription" in one.line for one in scripted.asked)
