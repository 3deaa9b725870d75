"""Downloads against a local server that behaves as networks do."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import multiprocessing
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import pytest
from download_body import BODY, no_download_left
from web import LONG, Web, archive, cut, hang, send, slowly

from UNetSegmentLib.errors import Cancelled, DownloadError, ModelError
from UNetSegmentLib.models.library import fetching, meter
from UNetSegmentLib.models.library.cache import cache_contents, empty_cache
from UNetSegmentLib.models.library.downloading import download
from UNetSegmentLib.models.library.entries import Entry, RemoteFile
from UNetSegmentLib.models.library.settings import DownloadSettings
from UNetSegmentLib.progress import CancelToken, ProgressEvent

MakeEntry = Callable[..., Entry]


def test_a_file_arrives_whole_with_progress_and_is_not_fetched_twice(web: Web, get: Callable[..., Path]) -> None:
    address = web.put("/model.zip", body=BODY)
    events: list[ProgressEvent] = []
    path = get(address, progress=events.append)
    assert path.read_bytes() == BODY
    assert path.name.startswith("model-") and path.suffix == ".zip"
    assert events[0].done == 0 and events[-1].done == events[-1].total == len(BODY)
    assert all(a.done <= b.done for a, b in itertools.pairwise(events))
    assert {event.stage for event in events} == {"download"}
    assert get(address) == path and len(web.requests) == 1


def test_seconds_left_are_told_and_right(web: Web, get: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that the bytes drive: however slow this machine is, 100,000 of them take a second."""
    now, write = [0.0], fetching._write

    def timed(opened: BinaryIO, data: bytes) -> None:
        now[0] += len(data) / 100_000
        write(opened, data)

    monkeypatch.setattr(fetching, "_write", timed)
    monkeypatch.setattr(meter, "time", SimpleNamespace(monotonic=lambda: now[0]))
    events: list[ProgressEvent] = []
    get(web.put("/model.zip", body=BODY), progress=events.append)
    told = [event for event in events if event.seconds_left is not None and 0.3 < event.fraction < 0.7]
    assert told
    for event in told:
        assert event.seconds_left == pytest.approx((event.total - event.done) / 100_000)


def test_files_of_several_parts_count_together(
    web: Web, tmp_path: Path, settings: DownloadSettings, make_entry: MakeEntry
) -> None:
    files = [RemoteFile(web.put(f"/{n}/weights.zip", body=archive(padding=n * 3200)), None) for n in (1, 2)]
    files = [replace(file, bytes=len(web.resources[f"/{n}/weights.zip"].body)) for n, file in enumerate(files, 1)]
    events: list[ProgressEvent] = []
    paths = download(make_entry(*files), events.append, folder=tmp_path, settings=settings)
    assert len({path.name for path in paths}) == 2, "files of one name must not overwrite each other"
    total = sum(file.bytes or 0 for file in files)
    assert events[-1].done == total and {event.total for event in events} == {total}
    assert "2 of 2" in events[-1].message


def test_a_percent_encoded_name_stays_in_the_folder(web: Web, get: Callable[..., Path], tmp_path: Path) -> None:
    web.put("/..%2F..%2Fevil.zip", body=BODY)
    path = get(f"http://127.0.0.1:{web.port}/..%2F..%2Fevil.zip")
    assert path.parent == tmp_path / "cache"


def test_a_broken_connection_goes_on_where_it_ended(web: Web, get: Callable[..., Path]) -> None:
    address = web.put("/model.zip", body=BODY, etag='"one"', plan=[cut(50_000), cut(60_000), send])
    assert get(address).read_bytes() == BODY
    ranges = [headers.get("range") for _, headers in web.requests]
    assert ranges[0] is None and ranges[1] == "bytes=50000-" and ranges[2] == "bytes=110000-"
    assert web.requests[1][1]["if-range"] == '"one"'


def test_a_second_run_resumes_the_first(web: Web, get: Callable[..., Path], settings: DownloadSettings) -> None:
    address = web.put("/model.zip", body=BODY, etag='"one"', plan=[cut(70_000)])
    with pytest.raises(DownloadError, match="kept"):
        get(address, settings=replace(settings, pauses=()))
    assert get(address).read_bytes() == BODY
    assert web.requests[-1][1]["range"] == "bytes=70000-"


def test_a_file_that_changed_between_the_parts_is_fetched_anew(web: Web, get: Callable[..., Path]) -> None:
    address = web.put("/model.zip", body=BODY, etag='"one"', plan=[cut(70_000)])
    changed = archive(padding=150_000)

    def swap(handler: object, resource: object) -> None:
        resource.body, resource.etag = changed, '"two"'  # type: ignore[attr-defined]
        send(handler, resource)  # type: ignore[arg-type]

    web.resources["/model.zip"].plan.append(swap)
    assert get(address).read_bytes() == changed


def test_a_range_of_another_total_is_not_appended(web: Web, get: Callable[..., Path]) -> None:
    """A server that ignores If-Range must not get two files mixed."""
    other = archive(padding=150_000)

    def careless(handler: object, resource: object) -> None:
        resource.body = other  # type: ignore[attr-defined]
        headers = {"Content-Range": f"bytes 70000-{len(other) - 1}/{len(other)}"}
        handler.answer(206, headers, other[70_000:])  # type: ignore[attr-defined]

    address = web.put("/model.zip", body=BODY, etag='"one"', plan=[cut(70_000), careless])
    assert get(address).read_bytes() == other


def test_a_server_without_ranges_sends_all_again(web: Web, get: Callable[..., Path]) -> None:
    address = web.put("/model.zip", body=BODY, etag='"one"', ranges=False, plan=[cut(70_000)])
    assert get(address).read_bytes() == BODY


def test_without_validator_and_digest_nothing_is_appended(web: Web, get: Callable[..., Path]) -> None:
    address = web.put("/model.zip", body=BODY, plan=[cut(70_000)])
    assert get(address).read_bytes() == BODY
    assert "range" not in web.requests[1][1]


def test_a_weak_etag_is_no_validator(web: Web, get: Callable[..., Path]) -> None:
    address = web.put("/model.zip", body=BODY, etag='W/"one"', plan=[cut(70_000)])
    assert get(address).read_bytes() == BODY
    assert "range" not in web.requests[1][1]


def test_a_part_as_long_as_the_file_needs_no_request(
    web: Web, get: Callable[..., Path], settings: DownloadSettings, tmp_path: Path
) -> None:
    address = web.put("/model.zip", body=BODY, etag='"one"', plan=[cut(len(BODY) - 10)])
    with pytest.raises(DownloadError):
        get(address, settings=replace(settings, pauses=()))
    (part,) = (tmp_path / "cache").glob("*.part")
    part.write_bytes(BODY)
    assert get(address).read_bytes() == BODY and len(web.requests) == 1


def test_wrong_digests_are_refused_and_nothing_is_kept(web: Web, get: Callable[..., Path], tmp_path: Path) -> None:
    address = web.put("/model.zip", body=BODY)
    for name in ("sha256", "sha1", "md5"):
        wrong = hashlib.new(name, b"something else").hexdigest()
        with pytest.raises(ModelError, match=name.upper()):
            get(address, **{f"file_{name}": wrong})
        assert not cache_contents(tmp_path / "cache")
        right = hashlib.new(name, BODY).hexdigest()
        assert get(address, **{f"file_{name}": right}).read_bytes() == BODY
        empty_cache(tmp_path / "cache")


def test_a_corrupted_file_is_refused(web: Web, get: Callable[..., Path], tmp_path: Path) -> None:
    broken = bytearray(BODY)
    broken[1000] ^= 1
    address = web.put("/model.zip", body=bytes(broken))
    with pytest.raises(ModelError, match="SHA256"):
        get(address, file_sha256=hashlib.sha256(BODY).hexdigest())
    assert no_download_left(tmp_path / "cache")


def test_a_wrong_length_is_noticed_before_the_bytes_come(web: Web, get: Callable[..., Path], tmp_path: Path) -> None:
    address = web.put("/model.zip", body=BODY, plan=[hang(after=1)])
    started = time.monotonic()
    with pytest.raises(ModelError, match=f"{len(BODY)} bytes where the catalogue says 12345"):
        get(address, file_bytes=12345)
    assert time.monotonic() - started < LONG / 4 and no_download_left(tmp_path / "cache")


def test_a_cut_file_without_announced_length_is_refused_and_not_trusted(
    web: Web, get: Callable[..., Path], tmp_path: Path
) -> None:
    def chunked(handler: object, resource: object) -> None:
        handler.answer(200, {"Content-Length": None, "Connection": "close"}, BODY[:90_000])  # type: ignore[attr-defined]
        handler.close_connection = True  # type: ignore[attr-defined]

    address = web.put("/model.zip", body=BODY, plan=[chunked])
    with pytest.raises(ModelError, match="cut short"):
        get(address)
    assert get(address).read_bytes() == BODY


def test_a_log_in_page_in_place_of_the_file_is_recognised(web: Web, get: Callable[..., Path], tmp_path: Path) -> None:
    page = b"<!DOCTYPE html><html><body>Please log in to the guest network</body></html>" * 50
    address = web.put("/model.zip", body=page, content_type="text/html; charset=utf-8")
    with pytest.raises(ModelError, match="web page") as caught:
        get(address)
    assert "log in" in caught.value.cure and "--file" in caught.value.cure
    assert no_download_left(tmp_path / "cache")
    web.put("/model.zip", body=b"\n  <HTML><head>" + b" " * 600, content_type="application/zip")
    with pytest.raises(ModelError, match="web page"):
        get(address)
    web.put("/model.zip", body=b"Rar!" + b"x" * 600)
    with pytest.raises(ModelError, match="no zip archive"):
        get(address)
    web.put("/model.zip", body=BODY)
    assert get(address).read_bytes() == BODY, "the bad answers must leave nothing behind"


def test_a_file_without_digest_must_stay_what_it_was_at_first(
    web: Web, get: Callable[..., Path], tmp_path: Path
) -> None:
    address = web.put("/model.zip", body=BODY)
    get(address)
    assert empty_cache(tmp_path / "cache") == len(BODY)
    web.put("/model.zip", body=archive(padding=150_000))
    with pytest.raises(ModelError, match="not the file that was downloaded on 20"):
        get(address)
    assert no_download_left(tmp_path / "cache")
    changed = get(address, accept_changed=True)
    assert changed.read_bytes() == web.resources["/model.zip"].body
    empty_cache(tmp_path / "cache")
    get(address)
    web.put("/model.zip", body=BODY)
    empty_cache(tmp_path / "cache")
    with pytest.raises(ModelError, match="not the file"):
        get(address)


def test_a_cached_file_that_was_damaged_is_fetched_again(web: Web, get: Callable[..., Path]) -> None:
    address = web.put("/model.zip", body=BODY)
    path = get(address)
    path.write_bytes(BODY[:-50])
    assert get(address).read_bytes() == BODY and len(web.requests) == 2


def test_a_broken_record_is_said_not_ignored(web: Web, get: Callable[..., Path], tmp_path: Path) -> None:
    address = web.put("/model.zip", body=BODY)
    get(address)
    (tmp_path / "cache" / "trusted.json").write_text("{nonsense")
    with pytest.raises(ModelError, match=r"trusted\.json"):
        get(address)


def _download_in_process(address: str, folder: str, entry: Entry, settings: DownloadSettings) -> None:
    download(entry, folder=Path(folder), settings=settings)


def test_two_processes_do_not_spoil_each_others_file(
    web: Web, tmp_path: Path, settings: DownloadSettings, make_entry: MakeEntry
) -> None:
    address = web.put("/model.zip", body=BODY, etag='"one"', plan=[slowly(20_000, 0.1)])
    entry = make_entry(RemoteFile(address))
    context = multiprocessing.get_context("spawn")
    arguments = (address, str(tmp_path), entry, replace(settings, timeout=10))
    processes = [context.Process(target=_download_in_process, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(LONG)
    assert [process.exitcode for process in processes] == [0, 0]
    (path,) = [file.path for file in cache_contents(tmp_path)]
    assert path.read_bytes() == BODY and len(web.requests) == 1


def test_waiting_for_another_download_can_be_cancelled(
    web: Web, get: Callable[..., Path], tmp_path: Path, settings: DownloadSettings
) -> None:
    address = web.put("/model.zip", body=BODY, plan=[hang(after=1000)])
    ours, theirs = CancelToken(), CancelToken()
    first = threading.Thread(target=_quietly, args=(get, address, theirs))
    first.start()
    while not web.requests:  # it has the lock before it asks
        time.sleep(0.01)
    threading.Timer(0.3, ours.cancel).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        get(address, cancel=ours)
    assert time.monotonic() - started < LONG / 4
    theirs.cancel()
    first.join()


def _quietly(get: Callable[..., Path], address: str, cancel: CancelToken) -> None:
    with contextlib.suppress(Cancelled, DownloadError):
        get(address, cancel=cancel)
