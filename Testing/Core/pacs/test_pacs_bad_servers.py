"""Servers that refuse, fail, stall, lie, cut answers short: an error with cause and cure, and never half a series."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pacs_series import levels, save_levels
from pydicom.uid import generate_uid
from scripted_server import BOUNDARY, MULTIPART, Answer, Asked, ScriptedServer, bytes_of, said_of

from UNetSegmentLib.cohort.case import CohortCase, Remote, Source
from UNetSegmentLib.cohort.job import CohortJob
from UNetSegmentLib.cohort.running.pipeline import Pipeline
from UNetSegmentLib.cohort.running.steps import Step
from UNetSegmentLib.errors import Cancelled, DependencyError, ModelError, OutputError, ServerError
from UNetSegmentLib.io.dicomweb import Query, Server, fetch_series, find_series, store_files
from UNetSegmentLib.progress import CancelToken

COUNT = len(levels())
FETCH = r"GET .*/series/[\d.]+$"
STUDY = generate_uid()
ANY = Query.of([STUDY], [], [])


@pytest.fixture
def uid(scripted: ScriptedServer, tmp_path: Path) -> str:
    """A series that the server has."""
    series = save_levels(tmp_path / "in", study=STUDY)
    scripted.take(tmp_path / "in")
    return series


def fetch(scripted: ScriptedServer, uid: str, tmp_path: Path, **options: object) -> list[str]:
    folder = tmp_path / "private" / "series"
    folder.parent.mkdir(exist_ok=True)
    try:
        fetch_series(scripted.server(**options), STUDY, uid, COUNT, folder)
    except ServerError:
        assert not list(folder.parent.iterdir())
        raise
    return sorted(path.name for path in folder.iterdir())


def test_a_good_server_is_no_trouble(scripted: ScriptedServer, uid: str, tmp_path: Path) -> None:
    found, troubles = find_series(scripted.server(), ANY)
    assert [(one.uid, one.modality, one.instances) for one in found] == [(uid, "CT", COUNT)]
    assert not troubles
    names = fetch(scripted, uid, tmp_path)
    sent = {f"{one.SOPInstanceUID}.dcm": bytes_of(one) for one in scripted.instances}
    assert names == sorted(sent)
    assert {path.name: path.read_bytes() for path in (tmp_path / "private" / "series").iterdir()} == sent
    assert (tmp_path / "private" / "series").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("status", "cause", "cure", "attempts"),
    [
        (400, "refuses the request", "query", 1),
        (401, "wants to know who asks", "--token-file", 1),
        (403, "does not allow", "administrator", 1),
        (404, "does not offer this", "/studies", 1),
        (407, "proxy wants", "HTTPS_PROXY", 1),
        (413, "this size", "limit", 1),
        (302, "elsewhere", "address", 1),
        (429, "fewer requests", "again", 3),
        (500, "trouble of its own", "again", 3),
        (503, "trouble of its own", "again", 3),
    ],
)
def test_refusals(
    status: int, cause: str, cure: str, attempts: int, scripted: ScriptedServer, uid: str, tmp_path: Path
) -> None:
    """What passes is tried again; what does not is said at once."""
    headers = {"Location": "http://192.0.2.1/elsewhere"} if status == 302 else {"Retry-After": "0"}
    scripted.rule("GET", Answer(status, b"no", "text/plain", headers))
    for work in (lambda: find_series(scripted.server(), ANY), lambda: fetch(scripted, uid, tmp_path)):
        scripted.asked.clear()
        with pytest.raises(ServerError, match=cause) as raised:
            work()
        assert cure in raised.value.cure
        assert str(status) in raised.value.cause
        assert len(scripted.asked) == attempts


@pytest.mark.parametrize(
    "answer",
    [
        Answer(503, headers={"Retry-After": "0"}),
        Answer(body=b"--" + BOUNDARY.encode(), kind=MULTIPART, length=1000),
        Answer(body=b"--" + BOUNDARY.encode(), kind=MULTIPART, length=None),
    ],
)
def test_what_passes_is_overcome(answer: Answer, scripted: ScriptedServer, uid: str, tmp_path: Path) -> None:
    scripted.rule(FETCH, answer, times=2)
    assert len(fetch(scripted, uid, tmp_path)) == COUNT
    assert scripted.count(FETCH) == 3


@pytest.mark.parametrize("with_length", [True, False])
def test_an_answer_that_is_cut_short_is_no_series(
    with_length: bool, scripted: ScriptedServer, uid: str, tmp_path: Path
) -> None:
    whole = scripted.multipart(scripted.instances)
    cut = whole[: len(whole) - 700]
    scripted.rule(FETCH, Answer(body=cut, kind=MULTIPART, length=len(whole) if with_length else None))
    with pytest.raises(ServerError, match=r"cut its answer short|broke off"):
        fetch(scripted, uid, tmp_path)


def _without_one(scripted: ScriptedServer) -> bytes:
    return scripted.multipart(scripted.instances[1:])


def _one_twice(scripted: ScriptedServer) -> bytes:
    return scripted.multipart([*scripted.instances[1:], scripted.instances[1]])


def _of_another_series(scripted: ScriptedServer) -> bytes:
    scripted.instances[2].SeriesInstanceUID = generate_uid()
    return scripted.multipart(scripted.instances)


def _no_dicom(scripted: ScriptedServer) -> bytes:
    return b"--%s\r\n\r\nhello\r\n--%s--" % (BOUNDARY.encode(), BOUNDARY.encode())


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (_without_one, f"sent {COUNT - 1} of {COUNT} instances"),
        (_one_twice, f"sent {COUNT - 1} of {COUNT} instances"),
        (_of_another_series, "another series"),
        (_no_dicom, "not DICOM"),
    ],
)
def test_what_is_whole_and_wrong_is_refused(
    body: Callable[[ScriptedServer], bytes], cause: str, scripted: ScriptedServer, uid: str, tmp_path: Path
) -> None:
    scripted.rule(FETCH, Answer(body=body(scripted), kind=MULTIPART))
    with pytest.raises(ServerError, match=cause):
        fetch(scripted, uid, tmp_path)


@pytest.mark.parametrize(
    ("kind", "body"),
    [("text/html; charset=utf-8", b"<html>log in</html>"), ("application/json", b"{"), ("application/json", b"[1, 2]")],
)
def test_what_is_no_dicomweb_is_said_to_be_none(kind: str, body: bytes, scripted: ScriptedServer) -> None:
    scripted.rule("GET", Answer(200, body, kind))
    with pytest.raises(ServerError, match="no DICOMweb") as raised:
        find_series(scripted.server(), ANY)
    assert "/studies" in raised.value.cure
    assert len(scripted.asked) == 1


def test_json_in_place_of_images(scripted: ScriptedServer, uid: str, tmp_path: Path) -> None:
    scripted.rule(FETCH, Answer(200, b"[]"))
    with pytest.raises(ServerError, match="no DICOMweb"):
        fetch(scripted, uid, tmp_path)


def test_a_server_that_stalls_is_given_up(scripted: ScriptedServer, uid: str, tmp_path: Path) -> None:
    scripted.rule("GET", Answer(hold=True))
    with pytest.raises(ServerError, match="did not answer in"):
        fetch(scripted, uid, tmp_path, timeout=0.2, waits=())


def test_waiting_for_a_server_can_be_cancelled(scripted: ScriptedServer) -> None:
    cancel = CancelToken()

    def stop(line: str) -> Answer:
        cancel.cancel()
        return Answer(503)

    scripted.rule("GET", stop)
    with pytest.raises(Cancelled):
        find_series(scripted.server(waits=(3600.0,)), ANY, cancel)


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address at which nobody listens, and which nobody else can get meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/dicom-web"


def test_a_server_that_is_not_there(nowhere: str) -> None:
    with pytest.raises(ServerError, match="Nothing answers") as raised:
        find_series(Server(nowhere, waits=()), ANY)
    assert raised.value.cure


def test_nobody_waits_for_a_server_without_a_word(nowhere: str, caplog: pytest.LogCaptureFixture) -> None:
    cancel = CancelToken()
    caplog.handler.addFilter(lambda record: cancel.cancel() or True)  # it has been said: no need to wait
    with caplog.at_level("INFO"), pytest.raises(Cancelled):
        find_series(Server(nowhere, waits=(3600.0,)), ANY, cancel)
    said = [record for record in caplog.records if "Trying again in 3600 s." in record.getMessage()]
    assert [record.levelname for record in said] == ["WARNING"] and "Nothing answers" in said[0].getMessage()
    caplog.clear()
    with caplog.at_level("INFO"), pytest.raises(ServerError):
        find_series(Server(nowhere, waits=(0.0,)), ANY)
    assert [record.levelname for record in caplog.records if "Trying again" in record.getMessage()] == ["INFO"]


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*ignored: object, **more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(ServerError, match=r"name pacs\.example\.org is not known"):
        find_series(Server("https://pacs.example.org/dicom-web", waits=()), ANY)


def test_an_address_that_cannot_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(ServerError, match="cannot be one") as raised:
        find_series(Server("https://pacs..example.org/dicom-web"), ANY)
    assert "--dicomweb" in raised.value.cure


def test_a_package_that_is_missing_is_named(scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dicomweb_client", "dicomweb_client.api"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DependencyError) as raised:
        find_series(scripted.server(), ANY)
    assert "pip install dicomweb-client" in raised.value.cure


@pytest.mark.parametrize("pages", [True, False])
def test_all_pages_are_read(pages: bool, scripted: ScriptedServer, tmp_path: Path) -> None:
    """Of a server that sends few at a time, and of one that knows no pages."""
    for number in range(5):
        save_levels(tmp_path / str(number), number, STUDY, voxels=levels()[:1])
        scripted.take(tmp_path / str(number))
    scripted.pages, scripted.most = pages, 2 if pages else 1000
    found, _ = find_series(scripted.server(), ANY)
    assert len({one.uid for one in found}) == len(found) == 5


def test_one_bad_study_ends_nothing(scripted: ScriptedServer, uid: str) -> None:
    bad, absent = generate_uid(), generate_uid()
    scripted.rule(rf"studies/{bad}/", Answer(500, headers={"Retry-After": "0"}))
    found, troubles = find_series(scripted.server(), Query.of([bad, STUDY, absent], [], []))
    assert [one.uid for one in found] == [uid]
    assert {trouble.study: trouble.error.cause for trouble in troubles} == {
        bad: "127.0.0.1 has trouble of its own (status 500).",
        absent: "127.0.0.1 has no such study.",
    }


def test_a_series_that_takes_long_is_no_case_that_stands_still(
    scripted: ScriptedServer, uid: str, tmp_path: Path
) -> None:
    """Each instance that comes is told, so that a case is given up after silence and not after a length of time."""
    folder = tmp_path / "private" / "series"
    folder.parent.mkdir()
    remote = Remote(scripted.server(), STUDY, uid, COUNT)
    told: list[Step] = []

    def network(read: object, *_: object) -> Any:
        raise ModelError("It is only read.")

    pipeline = Pipeline(network, CohortJob("m"), "job", tmp_path / "out", steps=lambda name, step: told.append(step))
    (record,) = pipeline.run([CohortCase("a", (Source(folder, uid, remote),))])
    assert record.cause == "It is only read." and told.count(Step.READING) == 1 + COUNT


def test_a_folder_that_cannot_be_written(scripted: ScriptedServer, uid: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        fetch_series(scripted.server(), STUDY, uid, COUNT, tmp_path / "file" / "series")


def test_a_server_that_passes_filters_over_makes_no_larger_cohort(
    scripted: ScriptedServer, uid: str, tmp_path: Path
) -> None:
    save_levels(tmp_path / "other", 1)
    scripted.take(tmp_path / "other")
    everything = scripted.answer(Asked("GET /dicom-web/series", {})).body
    studies = scripted.answer(Asked("GET /dicom-web/studies", {})).body
    assert len(json.loads(everything)) == len(json.loads(studies)) == 2
    scripted.rule("GET .*/series", Answer(body=everything))
    scripted.rule("GET .*/studies", Answer(body=studies))
    for query in (Query.of([], [uid], []), ANY, Query.of([STUDY], [], ["StudyDate=20260115"])):
        assert [one.uid for one in find_series(scripted.server(), query)[0]] == [uid]


def test_what_a_hostile_server_says_stays_text(scripted: ScriptedServer, uid: str) -> None:
    """UIDs become parts of addresses, other words of messages: neither may do more than that."""
    rows = [
        {"0020000D": STUDY, "0020000E": "../../../instances", "00080060": "CT"},
        {"0020000D": "1.2/../3", "0020000E": "1.2.3", "00080060": "CT"},
        {
            "0020000D": STUDY,
            "0020000E": "1.2.4",
            "00080060": "\x1b[31mCT",
            "0008103E": "\x1b]0;title\x07\n",
            "00200011": "\x07",
        },
        {"0020000D": [STUDY], "0020000E": {"a": 1}},
        {"0020000D": "..", "0020000E": "1.2.3", "00080060": "CT"},
        {"0020000D": STUDY, "0020000E": "..", "00080060": "CT"},
    ]
    body = json.dumps([{tag: {"vr": "LO", "Value": [value]} for tag, value in row.items()} for row in rows]).encode()
    scripted.rule("GET .*/series", Answer(body=body))
    found, _ = find_series(scripted.server(), ANY)
    assert [one.uid for one in found] == ["1.2.4"]
    assert all(word.isprintable() for word in (found[0].modality, found[0].number))


# Storing.


def test_a_file_is_stored_whole_and_once(scripted: ScriptedServer, tmp_path: Path) -> None:
    save_levels(tmp_path / "in")
    files = sorted((tmp_path / "in").iterdir())[:2]
    uids = store_files(scripted.server(), files)
    assert [str(one.SOPInstanceUID) for one in scripted.stored] == uids
    assert store_files(scripted.server(), files) == uids
    assert scripted.count("POST") == 2


def test_an_answer_that_got_lost_stores_nothing_twice(scripted: ScriptedServer, tmp_path: Path) -> None:
    save_levels(tmp_path / "in")
    file = min((tmp_path / "in").iterdir())

    def stored_and_silent(line: str) -> Answer:
        scripted.answer_store(scripted.last(line))
        return Answer(504, headers={"Retry-After": "0"})

    scripted.rule("POST", stored_and_silent, times=1)
    store_files(scripted.server(), [file])
    assert (len(scripted.stored), scripted.count("POST")) == (1, 1)


@pytest.mark.parametrize(
    ("answer", "cause", "attempts"),
    [
        (Answer(413), "this size", 1),
        (Answer(403), "does not allow", 1),
        (Answer(503, headers={"Retry-After": "0"}), "trouble of its own", 3),
        (Answer(200, b""), "does not say that it stored", 1),
        (Answer(200, b"[]"), "no DICOMweb", 1),
        (Answer(200, b'{"00081199": {"vr": "SQ", "Value": [{}]}}'), "no DICOMweb", 1),
        (Answer(200, b'{"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "LO", "Value": ["x"]}}]}}'), "DICOM", 1),
    ],
)
def test_storing_is_refused(
    answer: Answer, cause: str, attempts: int, scripted: ScriptedServer, tmp_path: Path
) -> None:
    save_levels(tmp_path / "in")
    scripted.rule("POST", answer)
    with pytest.raises(ServerError, match=cause) as raised:
        store_files(scripted.server(), sorted((tmp_path / "in").iterdir())[:1])
    assert raised.value.cure
    assert scripted.count("POST") == attempts


@pytest.mark.parametrize("said", [[{"00080018": "1.2"}], [{"00080018": {"Value": None}}], {"00080018": 1}, [1], 7])
def test_a_server_that_cannot_tell_what_it_has_is_sent_it(
    said: object, scripted: ScriptedServer, tmp_path: Path
) -> None:
    save_levels(tmp_path / "in")
    scripted.rule("GET", Answer(body=json.dumps(said).encode()))
    files = sorted((tmp_path / "in").iterdir())[:1]
    assert [str(one.SOPInstanceUID) for one in scripted.stored] == [] and store_files(scripted.server(), files)
    assert len(scripted.stored) == 1


@pytest.mark.parametrize(
    ("reason", "cause"), [(0x0122, "objects of this kind"), (0xA700, "no room"), (0xC123, "cannot understand")]
)
@pytest.mark.parametrize("status", [200, 202, 409])
def test_the_reason_of_a_refusal_is_said(
    status: int, reason: int, cause: str, scripted: ScriptedServer, tmp_path: Path
) -> None:
    save_levels(tmp_path / "in")
    scripted.rule("POST", Answer(status, json.dumps(said_of("1.2", reason)).encode()))
    with pytest.raises(ServerError, match=cause):
        store_files(scripted.server(), sorted((tmp_path / "in").iterdir())[:1])
