"""Orthanc with its DICOMweb plugin, started for tests: own settings, own folder, a free port, a password."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import requests

from UNetSegmentLib.io.dicomweb import Server

PROGRAM = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin")
PLUGINS = [
    path
    for folder in ("/usr/share/orthanc/plugins", "/usr/lib/orthanc/plugins", "/usr/local/share/orthanc/plugins")
    for path in Path(folder).glob("libOrthancDicomWeb.*")
]
USER = "alice"
_START = 60.0


def missing_orthanc() -> str:
    """Why there is none; empty where there is one."""
    return "" if PROGRAM and PLUGINS else "Orthanc with its DICOMweb plugin is not installed"


class Orthanc:
    """A running archive; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.password = folder, secrets.token_hex(8)
        self.port = 0
        self._session = requests.Session()
        self._session.trust_env = False
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Orthanc:
        for _ in range(5):  # another process may take the port in between
            if self._started():
                return self
        raise RuntimeError(f"Orthanc does not start:\n{(self.folder / 'log').read_text(errors='replace')[-2000:]}")

    def __exit__(self, *ignored: object) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def server(self) -> Server:
        """The server as a user would name it."""
        return Server(f"{self.address}/dicom-web", user=USER, password_file=str(self.password_file()), waits=(0.1,))

    def password_file(self) -> Path:
        path = self.folder / "password"
        path.touch(mode=0o600)
        path.write_text(f"{self.password}\n")
        return path

    def rest(self, method: str, path: str, data: bytes | None = None) -> Any:
        """A request of Orthanc's own interface, not DICOMweb."""
        answer = self._session.request(
            method, f"{self.address}{path}", data=data, auth=(USER, self.password), timeout=60
        )
        answer.raise_for_status()
        return answer

    def upload(self, folder: Path) -> None:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            self.rest("POST", "/instances", path.read_bytes())

    def files(self, modality: str) -> list[bytes]:
        """All instances of a modality, byte for byte as they are stored."""
        query = json.dumps({"Level": "Series", "Query": {"Modality": modality}}).encode()
        series = self.rest("POST", "/tools/find", query).json()
        instances = [one for name in series for one in self.rest("GET", f"/series/{name}").json()["Instances"]]
        return [self.rest("GET", f"/instances/{one}/file").content for one in instances]

    def empty(self) -> None:
        for name in self.rest("GET", "/patients").json():
            self.rest("DELETE", f"/patients/{name}")

    def _started(self) -> bool:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = {
            "Name": "test",
            "StorageDirectory": str(self.folder / "store"),
            "IndexDirectory": str(self.folder / "store"),
            "HttpPort": self.port,
            "DicomServerEnabled": False,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": True,
            "RegisteredUsers": {USER: self.password},
            "Plugins": [str(PLUGINS[0])],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        file = self.folder / "orthanc.json"
        file.write_text(json.dumps(settings))
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen([str(PROGRAM), str(file)], stdout=log, stderr=log)
        end = time.monotonic() + _START
        while time.monotonic() < end and self._process.poll() is None:
            try:
                self.rest("GET", "/dicom-web/studies?limit=1")
                return True
            except requests.RequestException:
                time.sleep(0.05)
        self._process.kill()
        self._process.wait()
        return False
