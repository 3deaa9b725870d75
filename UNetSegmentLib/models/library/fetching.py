"""Fetches one file into the cache: resumes, tries again, and ends with a verified file or none."""

from __future__ import annotations

import contextlib
import time
import urllib.error
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from ...errors import Cancelled, ModelError, UNetSegmentError
from ...io.locks import file_lock
from .cache import LOCKS, cached_path, check_space
from .entries import RemoteFile
from .failures import (
    NETWORK_ERRORS,
    InterruptedDownloadError,
    download_error,
    is_transient,
    retry_after,
    web_page_error,
)
from .meter import Meter
from .partial import Partial, Source, range_start, source_of
from .settings import DownloadSettings
from .stream import POLL, Head, Stream
from .trust import trusted
from .verification import check_archive, check_size, looks_like_page, looks_like_zip, verify

_START = 512


class _StaleError(Exception):
    """What came before does not fit what the server has now: begin anew."""


class _WriteError(Exception):
    """The disk, not the network, failed: a plain OSError would read as a network's."""


def fetch(file: RemoteFile, folder: Path, settings: DownloadSettings, meter: Meter, accept_changed: bool) -> Path:
    """The verified file in the cache ``folder``, downloaded where it is not there yet.

    Two processes that want the same file wait for each other; the second finds it complete.

    Raises:
        DownloadError: it cannot be fetched.
        ModelError: what came is not what was asked for.
        OutputError: the disk is full or the folder not writable.
        Cancelled: the token was set; what came so far is kept for the next time.
    """
    from ...io.atomic import output_error  # here, because io loads SimpleITK, which listing models does not need

    target = cached_path(file, folder)
    try:
        with file_lock(
            folder / LOCKS / f"{target.name}.lock", meter.cancel, lambda: meter.say("another download of it")
        ):
            if not _complete(file, target, folder, meter, accept_changed):
                _fetch(file, target, folder, settings, meter, accept_changed)
    except _WriteError as error:
        cause = error.__cause__
        assert isinstance(cause, OSError)
        raise output_error(target, cause) from cause
    except OSError as error:
        raise output_error(target, error) from error
    return target


def _complete(file: RemoteFile, target: Path, folder: Path, meter: Meter, accept_changed: bool) -> bool:
    """Whether the cache has the file, intact. One that was damaged since is removed."""
    if not target.is_file():
        return False
    try:
        verify(file, target, folder, accept_changed, meter.cancel)
    except ModelError:
        target.unlink()
        return False
    meter.size(target.stat().st_size)
    meter.at(target.stat().st_size)
    return True


def _fetch(
    file: RemoteFile, target: Path, folder: Path, settings: DownloadSettings, meter: Meter, accept_changed: bool
) -> None:
    partial = Partial(target)
    attempts_left = list(settings.pauses)
    while True:
        before = partial.size
        try:
            _attempt(file, partial, folder, settings, meter)
            break
        except _StaleError:
            partial.discard()
            continue
        except ModelError:
            # What came is something else: not to be gone on with.
            partial.discard()
            raise
        except (UNetSegmentError, _WriteError):
            raise
        except NETWORK_ERRORS as error:
            if partial.size > before:
                attempts_left = list(settings.pauses)
            if not is_transient(error) or not attempts_left:
                proxied = urlsplit(file.address).scheme in settings.proxies_in_use()
                raise download_error(file.address, error, proxied) from error
            pause = max(attempts_left.pop(0), min(retry_after(error), settings.longest_pause))
            meter.say("the connection broke off, trying again")
            _wait(pause, meter)
    try:
        check_archive(file, partial.path)
        verify(file, partial.path, folder, accept_changed, meter.cancel)
    except Cancelled:
        raise
    except ModelError:
        partial.discard()
        raise
    partial.finish(target)


def _attempt(file: RemoteFile, partial: Partial, folder: Path, settings: DownloadSettings, meter: Meter) -> None:
    """One connection, from the byte that is missing to the end of the file."""
    source = _resumable(file, partial, folder)
    start = partial.size if source is not None else 0
    if source is not None and source.total is not None and start == source.total:
        meter.size(start)
        meter.at(start)
        return
    headers = {"Accept-Encoding": "identity"}
    if source is not None and start:
        headers["Range"] = f"bytes={start}-"
        if source.validator:
            headers["If-Range"] = source.validator
    with Stream(file.address, headers, settings, meter.cancel) as stream:
        try:
            head = stream.head()
        except urllib.error.HTTPError as error:
            if error.code == 416 and start:
                raise _StaleError from error
            raise
        start, total = _placed(file, partial, head, source, start)
        if total is not None:
            check_size(file, total)
            check_space(folder, total - start + settings.spare_bytes, file.name)
        meter.size(total)
        meter.at(start)
        _receive(file, partial, stream, head, start, total, meter)


def _resumable(file: RemoteFile, partial: Partial, folder: Path) -> Source | None:
    """What the bytes so far belong to, if it is certain enough to go on: the server can compare a validator, or a
    digest will tell in the end."""
    source = partial.source(file.address) if partial.size else None
    if source is None:
        return None
    certain = source.validator or file.has_digest or trusted(folder, file.address) is not None
    too_long = source.total is not None and partial.size > source.total
    return source if certain and not too_long else None


def _placed(
    file: RemoteFile, partial: Partial, head: Head, source: Source | None, start: int
) -> tuple[int, int | None]:
    """Where the answer's first byte belongs, and the size of the whole file if known."""
    if head.status == 206 and start:
        first, total = range_start(head)
        changed = source is not None and None not in (total, source.total) and total != source.total
        if first != start or changed:
            raise _StaleError
        return start, total
    if head.status != 200:
        raise InterruptedDownloadError(f"unexpected status {head.status}")
    # The whole file: the server knows no ranges, or the file has changed since.
    total = head.number("content-length")
    try:
        partial.begin(source_of(file.address, head, total))
    except OSError as error:
        raise _WriteError from error
    return 0, total


def _receive(
    file: RemoteFile, partial: Partial, stream: Stream, head: Head, start: int, total: int | None, meter: Meter
) -> None:
    opened = _open(partial)
    position = start
    with contextlib.closing(opened):
        beginning = b""
        while data := stream.read():
            if position < _START:
                beginning += data[: _START - position]
                if start == 0:
                    _check_beginning(file, beginning, head)
            _write(opened, data)
            position += len(data)
            meter.add(len(data))
            if total is not None and position > total:
                raise _StaleError
    if total is not None and position < total:
        raise InterruptedDownloadError(f"{position} of {total} bytes")


def _check_beginning(file: RemoteFile, beginning: bytes, head: Head) -> None:
    """Refuses a log-in page or anything else that is no archive, before all of it came."""
    if len(beginning) < 4 or looks_like_zip(beginning):
        return
    if looks_like_page(beginning, head.get("content-type")):
        raise web_page_error(file.address)
    raise ModelError(
        f"What came from {urlsplit(file.address).hostname} as {file.name} is no zip archive.",
        "Start again; if it stays so, update UNetSegment, or look on the model's homepage where it is now.",
    )


def _open(partial: Partial) -> BinaryIO:
    try:
        return partial.path.open("ab")
    except OSError as error:
        raise _WriteError from error


def _write(opened: BinaryIO, data: bytes) -> None:
    try:
        opened.write(data)
    except OSError as error:
        raise _WriteError from error


def _wait(seconds: float, meter: Meter) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if meter.cancel is not None:
            meter.cancel.raise_if_cancelled()
        time.sleep(min(left, POLL))
