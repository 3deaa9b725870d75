"""Cases and records as lines of JSON between processes. Paths travel as bytes: names need not be UTF-8."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...io.dicomweb.server import Server
from ..case import CohortCase, Remote, Source
from ..record import Record


def case_line(case: CohortCase) -> dict[str, Any]:
    """A case as plain values."""
    return {
        "name": case.name,
        "images": [
            [_hex(source.path), source.series, _remote(source.remote), _names(source.files)] for source in case.images
        ],
        "roi": case.roi,
        "reference": _hex(case.reference) if case.reference is not None else None,
        "origin": case.origin,
    }


def case_from(value: Mapping[str, Any]) -> CohortCase:
    """The case of :func:`case_line`."""
    images = tuple(
        Source(_path(path), series, _remote_from(remote), _names_from(files))
        for path, series, remote, files in value["images"]
    )
    reference = _path(value["reference"]) if value["reference"] is not None else None
    return CohortCase(value["name"], images, value["roi"], reference, value["origin"])


def record_line(record: Record) -> dict[str, Any]:
    """A record as plain values."""
    return {"record": record.to_json()}


def _remote(remote: Remote | None) -> list[Any] | None:
    """Where a series is fetched from; passwords are no part of it."""
    return None if remote is None else [remote.server.to_json(), remote.study, remote.series, remote.instances]


def _remote_from(value: list[Any] | None) -> Remote | None:
    return None if value is None else Remote(Server.from_json(value[0]), *value[1:])


def _hex(path: Path) -> str:
    return os.fsencode(path.absolute()).hex()


def _names(files: tuple[str, ...]) -> str:
    return os.fsencode("\0".join(files)).hex()


def _names_from(text: str) -> tuple[str, ...]:
    return tuple(os.fsdecode(bytes.fromhex(text)).split("\0")) if text else ()


def _path(text: str) -> Path:
    return Path(os.fsdecode(bytes.fromhex(text)))
