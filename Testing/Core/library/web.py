"""A web server in this process whose behaviour a test writes down, and a small forward proxy."""

from __future__ import annotations

import hashlib
import io
import threading
import time
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Handler", "Resource"], None]


@dataclass
class Resource:
    """What lies at one path. ``plan`` is gone through, one item a request; when it is used up, ``send`` answers."""

    body: bytes = b""
    etag: str = ""
    content_type: str = "application/zip"
    ranges: bool = True
    plan: list[Answer] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: Web

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.web.requests.append((path, {k.lower(): v for k, v in self.headers.items()}))
        resource = self.web.resources.get(path)
        if resource is None:
            status(404)(self, Resource())
            return
        answer = resource.plan.pop(0) if resource.plan else send
        answer(self, resource)

    def answer(self, code: int, headers: Mapping[str, Any], body: bytes = b"") -> None:
        self.send_response(code)
        for name, value in {"Content-Length": len(body), **headers}.items():
            if value is not None:
                self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Web:
    """The server; ``requests`` are the paths and headers that came."""

    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        handler = type("BoundHandler", (Handler,), {"web": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def put(self, path: str, **values: Any) -> str:
        """Puts a resource there; returns its address."""
        self.resources[path] = Resource(**values)
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Proxy(Web):
    """Forwards every request of the ``GET http://...`` form; ``requests`` are the full addresses."""

    def __init__(self) -> None:
        super().__init__()

        class Forward(Handler):
            web = self

            def do_GET(self) -> None:
                self.web.requests.append((self.path, dict(self.headers.items())))
                opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
                with opener.open(self.path, timeout=LONG) as response:
                    self.answer(response.status, {"Content-Type": "application/zip"}, response.read())

        self._server.RequestHandlerClass = Forward


# -- answers -----------------------------------------------------------------------------------------------------------


def send(handler: Handler, resource: Resource) -> None:
    """The whole file, or the range that was asked for when the validator still fits."""
    start = _start(handler, resource)
    headers = {"Content-Type": resource.content_type, "ETag": resource.etag or None}
    if start is None:
        handler.answer(200, headers, resource.body)
        return
    total = len(resource.body)
    headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
    handler.answer(206, headers, resource.body[start:])


def cut(count: int) -> Answer:
    """Announces everything, sends ``count`` bytes of it and hangs up."""

    def answer(handler: Handler, resource: Resource) -> None:
        start = _start(handler, resource)
        rest, total = resource.body[start or 0 :], len(resource.body)
        code = 200 if start is None else 206
        span = None if start is None else f"bytes {start}-{total - 1}/{total}"
        headers = {"ETag": resource.etag or None, "Content-Range": span, "Content-Length": len(rest)}
        handler.answer(code, headers, b"")
        handler.wfile.write(rest[:count])
        handler.close_connection = True

    return answer


def status(code: int, **headers: str) -> Answer:
    return lambda handler, resource: handler.answer(code, headers, b"no")


def redirect(to: str, code: int = 302) -> Answer:
    return lambda handler, resource: handler.answer(code, {"Location": to})


LONG = 120.0
"""Seconds of silence that nobody may wait for: whoever does is not told apart from a slow machine by less."""


def hang(seconds: float = LONG, after: int = 0) -> Answer:
    """Sends ``after`` bytes (none: not even a status) and then nothing for a long time."""

    def answer(handler: Handler, resource: Resource) -> None:
        if after:
            handler.answer(200, {"Content-Length": len(resource.body), "ETag": resource.etag or None}, b"")
            handler.wfile.write(resource.body[:after])
            handler.wfile.flush()
        time.sleep(seconds)
        handler.close_connection = True

    return answer


def slowly(chunk: int, pause: float) -> Answer:
    def answer(handler: Handler, resource: Resource) -> None:
        handler.answer(200, {"Content-Length": len(resource.body), "ETag": resource.etag or None}, b"")
        for n in range(0, len(resource.body), chunk):
            handler.wfile.write(resource.body[n : n + chunk])
            time.sleep(pause)

    return answer


def _start(handler: Handler, resource: Resource) -> int | None:
    wanted, condition = handler.headers.get("Range"), handler.headers.get("If-Range")
    if not wanted or not resource.ranges or (condition is not None and condition != resource.etag):
        return None
    return int(wanted.removeprefix("bytes=").rstrip("-"))


# -- contents ----------------------------------------------------------------------------------------------------------


def archive(members: Mapping[str, bytes] | None = None, padding: int = 0) -> bytes:
    """A zip with these members, and one of ``padding`` bytes that do not compress."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in (members or {"a.txt": b"a"}).items():
            file.writestr(name, content)
        if padding:
            noise = b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(padding // 32))
            file.writestr("noise.bin", noise)
    return buffer.getvalue()
