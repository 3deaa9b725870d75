"""A DICOMweb server of a few lines that does what it is told: refuses, stalls, cuts its answers short, answers late."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pydicom

from UNetSegmentLib.io.dicomweb import Server

BOUNDARY = "parted-here"
MULTIPART = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'


@dataclass
class Answer:
    """What is answered. ``length``: what the header claims, None for no header; ``hold``: nothing ever comes."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/dicom+json"
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = -1
    hold: bool = False


@dataclass
class Rule:
    """The answer to requests whose method and path fit, ``times`` times."""

    pattern: str
    answer: Answer | Callable[[str], Answer]
    times: int = 1 << 30


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    line: str
    headers: dict[str, str]
    body: bytes = b""


class _Quiet(ThreadingHTTPServer):
    """Clients that are killed, or refuse a certificate, are no news."""

    def handle_error(self, *ignored: object) -> None:
        pass


class ScriptedServer:
    """Holds instances and answers about them as it should, but for :attr:`rules`. A context manager."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.instances: list[pydicom.Dataset] = []
        self.stored: list[pydicom.Dataset] = []
        self.rules: list[Rule] = []
        self.asked: list[Asked] = []
        self.most = 1 << 30  # answers of a page
        self.pages = True
        # Attributes that searches are answered with.
        self.told = {"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "Modality"}
        self.released = threading.Event()
        self._http = _Quiet(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        if context is not None:
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._scheme = "https" if context else "http"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(self, *ignored: object) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._http.server_port}/dicom-web"

    def server(self, **options: object) -> Server:
        return Server(self.url, **{"waits": (0.0, 0.0), "timeout": 20.0, **options})  # type: ignore[arg-type]

    def take(self, folder: Path) -> None:
        self.instances += [pydicom.dcmread(path) for path in sorted(folder.iterdir())]

    def rule(self, pattern: str, answer: Answer | Callable[[str], Answer], times: int = 1 << 30) -> None:
        self.rules.append(Rule(pattern, answer, times))

    def count(self, pattern: str) -> int:
        """Requests that fit."""
        return sum(bool(re.search(pattern, one.line)) for one in self.asked)

    def last(self, line: str) -> Asked:
        """The latest request of this line; others may have come since."""
        return next(one for one in reversed(self.asked) if one.line == line)

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        for rule in self.rules:
            if rule.times and re.search(rule.pattern, asked.line):
                rule.times -= 1
                return rule.answer if isinstance(rule.answer, Answer) else rule.answer(asked.line)
        method, _, address = asked.line.partition(" ")
        return self.answer_store(asked) if method == "POST" else self._find(address)

    def multipart(self, instances: list[pydicom.Dataset]) -> bytes:
        parts = [
            b"--%s\r\nContent-Type: application/dicom\r\n\r\n%s\r\n" % (BOUNDARY.encode(), bytes_of(one))
            for one in instances
        ]
        return b"".join(parts) + b"--%s--" % BOUNDARY.encode()

    def _find(self, address: str) -> Answer:
        parts = urlsplit(address)
        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
        words = parts.path.removeprefix("/dicom-web/").split("/")
        named = dict(zip(words[0::2], words[1::2], strict=False))
        known = self.instances + self.stored
        known = [one for one in known if named.get("studies", one.StudyInstanceUID) == one.StudyInstanceUID]
        known = [one for one in known if named.get("series", one.SeriesInstanceUID) == one.SeriesInstanceUID]
        known = [one for one in known if named.get("instances", one.SOPInstanceUID) == one.SOPInstanceUID]
        if words[-1] == "metadata":
            return Answer(body=json.dumps([_headers(one) for one in known]).encode())
        if words[-2:-1] == ["series"]:
            return Answer(body=self.multipart(known), kind=MULTIPART)
        level = {"studies": "StudyInstanceUID", "series": "SeriesInstanceUID", "instances": "SOPInstanceUID"}[words[-1]]
        for key in ("SeriesInstanceUID", "StudyInstanceUID", "SOPInstanceUID", "Modality"):
            known = [one for one in known if key not in asked or str(one.get(key)) == asked[key]]
        items = []
        for one in {one.get(level): one for one in known}.values():
            count = sum(other.SeriesInstanceUID == one.SeriesInstanceUID for other in known)
            item = _headers(one, self.told)
            if level == "SeriesInstanceUID":
                item["00201209"] = {"vr": "IS", "Value": [count]}
            items.append(item)
        offset = int(asked.get("offset", 0)) if self.pages else 0
        return Answer(body=json.dumps(items[offset : offset + min(int(asked.get("limit", 1000)), self.most)]).encode())

    def answer_store(self, asked: Asked) -> Answer:
        boundary = re.search(r'boundary="([^"]+)"', asked.headers["Content-Type"])
        assert boundary
        part = asked.body.split(f"--{boundary[1]}".encode())[1]
        data = pydicom.dcmread(BytesIO(part.partition(b"\r\n\r\n")[2][:-2]))
        self.stored.append(data)
        return Answer(body=json.dumps(said_of(data.SOPInstanceUID)).encode())


def said_of(uid: str, reason: int | None = None) -> dict[str, object]:
    """A STOW-RS answer about one instance, which is stored where there is no reason against it."""
    item: dict[str, object] = {"00081155": {"vr": "UI", "Value": [uid]}}
    if reason is None:
        return {"00081199": {"vr": "SQ", "Value": [item]}}
    return {"00081198": {"vr": "SQ", "Value": [{**item, "00081197": {"vr": "US", "Value": [reason]}}]}}


def bytes_of(data: pydicom.Dataset) -> bytes:
    with BytesIO() as file:
        pydicom.dcmwrite(file, data)
        return file.getvalue()


def _headers(data: pydicom.Dataset, keywords: set[str] | None = None) -> dict[str, object]:
    chosen = pydicom.Dataset()
    for element in data:
        if element.keyword != "PixelData" and (keywords is None or element.keyword in keywords):
            chosen.add(element)
    return chosen.to_json_dict()


def _handler(owner: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            if self.headers.get("Transfer-Encoding") == "chunked":
                blocks = []
                while size := int(self.rfile.readline(), 16):
                    blocks.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                self._answer(b"".join(blocks))
            else:
                self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _answer(self, body: bytes) -> None:
            answer = owner.answer(Asked(f"{self.command} {self.path}", dict(self.headers), body))
            if answer.hold:
                owner.released.wait(60)
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            for key, value in answer.headers.items():
                self.send_header(key, value)
            if answer.length is not None:
                self.send_header("Content-Length", str(len(answer.body) if answer.length < 0 else answer.length))
            else:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = self.close_connection or answer.length is None or answer.length > len(answer.body)

        def log_message(self, *ignored: object) -> None:
            pass

    return Handler
