"""One HTTP answer as a stream that can be left at any moment.

Sockets can only be waited for as long as their time-out says. So a thread of its own connects and reads, and the side
that writes to the disk looks at a queue, and at the cancel token, several times a second.
"""

from __future__ import annotations

import contextlib
import http.client
import queue
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from ...progress import CancelToken
from .settings import DownloadSettings, user_agent

POLL = 0.1
_WAITING_CHUNKS = 8


class RedirectRefusedError(urllib.error.URLError):
    """The server sent us to an address that we do not follow."""


@dataclass(frozen=True)
class Head:
    """Status and headers of an answer."""

    status: int
    headers: Mapping[str, str]

    def get(self, name: str) -> str:
        """A header by its name in any case, empty when absent."""
        return self.headers.get(name.lower(), "")

    def number(self, name: str) -> int | None:
        """A header that is a whole number."""
        text = self.get(name).strip()
        return int(text) if text.isdecimal() else None


class Stream:
    """The answer to one GET; use as a context manager.

    Exceptions of :mod:`urllib` and the sockets come out of :meth:`head` and :meth:`read` as they are.
    """

    def __init__(
        self, address: str, headers: Mapping[str, str], settings: DownloadSettings, cancel: CancelToken | None
    ) -> None:
        self._items: queue.Queue[tuple[str, Any]] = queue.Queue(_WAITING_CHUNKS)
        self._stopped = threading.Event()
        self._cancel = cancel
        self._response: Any = None
        request = urllib.request.Request(address, headers={"User-Agent": user_agent(), **headers})
        self._thread = threading.Thread(target=self._run, args=(request, settings), name="download", daemon=True)

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        _hang_up(self._response)

    def head(self) -> Head:
        """Waits for status and headers."""
        head: Head = self._next()
        return head

    def read(self) -> bytes:
        """The next bytes, none at the end of the answer."""
        data: bytes = self._next()
        return data

    def _next(self) -> Any:
        while True:
            if self._cancel is not None:
                self._cancel.raise_if_cancelled()
            with contextlib.suppress(queue.Empty):
                kind, value = self._items.get(timeout=POLL)
                if kind == "error":
                    raise value
                return value

    def _run(self, request: urllib.request.Request, settings: DownloadSettings) -> None:
        try:
            with _opener(settings).open(request, timeout=settings.timeout) as response:
                self._response = response
                headers = {name.lower(): value for name, value in response.headers.items()}
                self._put("head", Head(response.status, headers))
                while not self._stopped.is_set():
                    data = response.read1(settings.chunk)
                    self._put("data", data)
                    if not data:
                        return
        except Exception as error:
            self._put("error", error)

    def _put(self, kind: str, value: Any) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Full):
                self._items.put((kind, value), timeout=POLL)
                return


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to web addresses only, and never from an encrypted connection to an open one."""

    def http_error_302(self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """Checks where the answer points, before the base class looks at it."""
        _check_redirect(req.full_url, urljoin(req.full_url, headers.get("Location") or ""))
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _check_redirect(old: str, new: str) -> None:
    before, after = urlsplit(old), urlsplit(new)
    if after.scheme not in ("http", "https"):
        raise RedirectRefusedError(f"the server redirects to a '{after.scheme}' address")
    if before.scheme == "https" and after.scheme == "http":
        raise RedirectRefusedError(f"the server redirects from https to an open connection ({after.hostname})")


def _opener(settings: DownloadSettings) -> urllib.request.OpenerDirector:
    """An opener for http and https alone: a catalogue or a redirect can never make it read a local file."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(settings.proxies_in_use()),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _hang_up(response: Any) -> None:
    """Wakes a thread that waits for bytes. The socket is private to http.client, so all of this may fail."""
    with contextlib.suppress(AttributeError, OSError, ValueError, http.client.HTTPException):
        response.fp.raw._sock.shutdown(socket.SHUT_RDWR)
