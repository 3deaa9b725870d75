from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from web import Proxy, Web

from UNetSegmentLib.models.library.downloading import download
from UNetSegmentLib.models.library.entries import Entry, Part, RemoteFile
from UNetSegmentLib.models.library.settings import DownloadSettings


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.close()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    server = Proxy()
    yield server
    server.close()


@pytest.fixture
def settings() -> DownloadSettings:
    """No proxies of this machine, short pauses."""
    return DownloadSettings(proxies={}, timeout=60.0, pauses=(0.01, 0.01, 0.01), spare_bytes=0, chunk=4096)


@pytest.fixture
def make_entry() -> Callable[..., Entry]:
    """An entry with one part for each file."""

    def make(*files: RemoteFile | str, **values: Any) -> Entry:
        remotes = [file if isinstance(file, RemoteFile) else RemoteFile(file) for file in files]
        labels = tuple((n + 1, f"label {n + 1}") for n in range(len(remotes)))
        parts = tuple(
            Part(f"part{n + 1}", remote, ((1, labels[n][1]),) if len(remotes) > 1 else ())
            for n, remote in enumerate(remotes)
        )
        fields: dict[str, Any] = {
            "name": "test-model",
            "title": "A model",
            "description": "For tests.",
            "kind": "nnunet",
            "anatomy": "Liver",
            "regions": ("abdomen",),
            "modalities": ("CT",),
            "labels": labels,
            "parts": parts,
            "licence": "CC-BY-4.0",
            "licence_address": "https://creativecommons.org/licenses/by/4.0/",
            "commercial": True,
            "citation": "Nobody, 2026",
            "homepage": "https://example.org/",
            "read_from": "the test",
        }
        return Entry(**{**fields, **values})

    return make


@pytest.fixture
def get(tmp_path: Path, settings: DownloadSettings, make_entry: Callable[..., Entry]) -> Callable[..., Path]:
    """Downloads one file into a cache of this test; keywords go to ``download``, ``file_...`` to the file."""

    def run(address: str, **options: object) -> Path:
        of_file = {name[5:]: options.pop(name) for name in list(options) if name.startswith("file_")}
        options = {"folder": tmp_path / "cache", "settings": settings, **options}
        (path,) = download(make_entry(RemoteFile(address, **of_file)), **options)  # type: ignore[arg-type]
        return path

    return run
