"""Files in the lines that travel between the machines: no path of one machine means anything on the other.

A line is looked at as plain JSON, so that it carries whatever a message says. Its arrays (``path``, ``shape``,
``dtype``, see :class:`~UNetSegmentLib.worker.protocol.arrays.ArrayFile`), the files for results and the folder are
what changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from ...io.json_files import no_constant

_ARRAY = ("path", "shape", "dtype")
_NAMELESS = "far-image-"
_NUMBERED = re.compile(rb"far-image-[0-9]+-")


def parsed(line: bytes) -> dict[str, Any] | None:
    """A line as an object; None for what is none."""
    try:
        body = json.loads(line, parse_constant=no_constant)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def encoded(body: dict[str, Any]) -> bytes:
    """The object as a line, line end included."""
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def rename_arrays(value: Any, rename: Callable[[dict[str, Any]], str]) -> Any:
    """A copy in which every array has the path that ``rename`` gives it, and nothing beside what an array has."""
    if isinstance(value, dict):
        # Whoever reads messages passes over keys that he does not know: with more of them it is an array all the same.
        if all(key in value for key in _ARRAY) and isinstance(value["path"], str):
            return {**{key: value[key] for key in _ARRAY}, "path": rename(value)}
        return {key: rename_arrays(entry, rename) for key, entry in value.items()}
    if isinstance(value, list) and any(isinstance(entry, (dict, list)) for entry in value):
        return [rename_arrays(entry, rename) for entry in value]
    return value


class Names:
    """Names of images, which may be a patient's and are nothing to the host: others travel in their place, and what
    comes back about them has the names again."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def hidden(self, body: dict[str, Any]) -> dict[str, Any]:
        """A request without the names of its images."""
        changed = dict(body)
        if isinstance(body.get("inputs"), list):
            changed["inputs"] = [self._nameless(volume) for volume in body["inputs"]]
        if "image" in body:
            changed["image"] = self._nameless(body["image"])
        return changed

    def shown(self, line: bytes) -> bytes:
        """A line (JSON in ASCII) in which every image has its own name."""
        if _NAMELESS.encode("ascii") not in line:
            return line
        return _NUMBERED.sub(lambda found: self._own(found[0]), line)

    def _nameless(self, volume: Any) -> Any:
        if not isinstance(volume, dict) or not isinstance(volume.get("name"), str):
            return volume
        known = {name: other for other, name in self._names.items()}
        other = known.get(volume["name"], f"{_NAMELESS}{len(self._names)}-")
        self._names[other] = volume["name"]
        return {**volume, "name": other}

    def _own(self, other: bytes) -> bytes:
        name = self._names.get(other.decode("ascii"))
        return other if name is None else json.dumps(name)[1:-1].encode("ascii")


def result_files(body: dict[str, Any]) -> dict[str, str]:
    """The empty files that a request holds ready for its answer, by name."""
    several, one = body.get("results"), body.get("result")
    named = {str(name): path for name, path in several.items()} if isinstance(several, dict) else {}
    if isinstance(one, str) and one:
        named["result"] = one
    return {name: path for name, path in named.items() if isinstance(path, str)}


def with_results(body: dict[str, Any], files: dict[str, str]) -> dict[str, Any]:
    """The request with other files for its answer."""
    changed = dict(body)
    if isinstance(body.get("results"), dict):
        changed["results"] = {name: files[name] for name in body["results"] if name in files}
    if body.get("result"):
        changed["result"] = files.get("result", "")
    return changed
