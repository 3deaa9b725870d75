"""The messages between client and worker: one JSON object a line, UTF-8, ``type`` naming the message.

Both sides open with their ``hello``. A side that reads a hello of another :data:`PROTOCOL_VERSION` refuses it
(:class:`VersionError` says which side to update); within one version unknown keys are ignored, so that a later release
may add some. Requests carry an ``id`` chosen by the client; everything that the worker says about a request carries it
back. Each of :data:`~.messages.Work` is answered by exactly one of its answer and ``error``; a cancelled
one by an ``error`` of code ``cancelled``. Voxels never pass through here: they lie in raw files (:class:`ArrayFile`).

Client to worker: ``hello``, ``load``, ``segment``, ``refine-open``, ``refine-edit``, ``refine-step``, ``import``,
``library-install``, ``train``, ``compress``, ``cancel``, ``unload``, ``shutdown``.
Worker to client: ``hello`` (at once), ``ready`` (torch imported, or why not), ``progress``, ``log``, ``loaded``,
``result``, ``refined``, ``imported``, ``trained``, ``compressed``, ``unloaded``, ``error``.

Of requests a worker takes what its engine is made for: one for models everything but ``refine-...``, one for
corrections (:mod:`..refining`), which never waits for a network, nothing else.
"""

from __future__ import annotations

import json
from typing import Any

from ...io.json_files import no_constant
from ...version import __version__
from ..errors import ProtocolError, VersionError, WorkerError
from .arrays import BoxLabels, BoxMask
from .compression import Compress, Compressed
from .messages import (
    PROTOCOL_VERSION,
    ArrayFile,
    Cancel,
    ClientHello,
    Device,
    Event,
    Failure,
    Hello,
    Import,
    Imported,
    ImportedModel,
    LibraryInstall,
    Load,
    Loaded,
    Log,
    Problem,
    Progress,
    Ready,
    Request,
    Result,
    Segment,
    Shutdown,
    Train,
    Trained,
    Unload,
    Unloaded,
    VolumeFile,
    Work,
)
from .refine_messages import Drawn, Refined, RefineEdit, RefineOpen, RefineStep
from .wire import from_json, to_json

REQUESTS: dict[str, type] = {
    m.kind: m
    for m in (
        ClientHello,
        Load,
        Segment,
        RefineOpen,
        RefineEdit,
        RefineStep,
        Import,
        LibraryInstall,
        Train,
        Compress,
        Cancel,
        Unload,
        Shutdown,
    )
}
LINES = "Send one JSON object in a line, in UTF-8, with a line feed at its end."
EVENTS: dict[str, type] = {
    m.kind: m
    for m in (Hello, Ready, Progress, Log, Loaded, Result, Refined, Imported, Trained, Compressed, Unloaded, Failure)
}


def encode(message: Request | Event) -> bytes:
    """One line, line end included. ASCII only, so that no console encoding on the way can hurt it."""
    body = {"type": message.kind, **to_json(message)}
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def decode_request(line: bytes) -> Request:
    """What the worker reads. Raises ProtocolError (with the request's id where it could be read)."""
    message: Request = _decode(line, REQUESTS, "worker")
    return message


def decode_event(line: bytes) -> Event:
    """What the client reads. Raises ProtocolError."""
    message: Event = _decode(line, EVENTS, "client")
    return message


def _decode(line: bytes, kinds: dict[str, type], side: str) -> Any:
    try:
        body = json.loads(line.decode("utf-8"), parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        wide = " (it looks like UTF-16)" if line[:80].count(0) > len(line[:80]) // 3 else ""
        detail = f"{error}: {line[:200]!r}"
        raise ProtocolError(f"A line is not JSON in UTF-8{wide}.", LINES, detail) from error
    if not isinstance(body, dict):
        raise ProtocolError("A line is not a JSON object.", detail=repr(line[:200]))
    request = body.get("id")
    request_id = request if isinstance(request, int) and not isinstance(request, bool) else None
    name = body.get("type")
    kind = kinds.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ProtocolError(f"The {side} knows no message '{str(name)[:40]}'.", request_id=request_id)
    if name == "hello":
        check_version(body.get("protocol"), str(body.get("library", "unknown")), side)
    try:
        return from_json(kind, body, str(name))
    except ProtocolError as error:
        raise ProtocolError(error.cause, error.cure, error.detail, request_id) from error


def check_version(protocol: Any, library: str, side: str) -> None:
    """Refuses a hello of another protocol version. ``side`` is who reads: ``worker`` or ``client``.

    Raises:
        VersionError: with a cure that names the side to update.
    """
    if protocol == PROTOCOL_VERSION and not isinstance(protocol, bool):
        return
    other = "client" if side == "worker" else "worker"
    older = side if isinstance(protocol, int) and protocol > PROTOCOL_VERSION else other
    raise VersionError(
        f"The {other} (UNetSegmentLib {library}) speaks version {protocol} of the worker protocol, the {side} "
        f"(UNetSegmentLib {__version__}) version {PROTOCOL_VERSION}.",
        f"Update the {older}, which is the older side, so that both run the same UNetSegment release"
        " (in Slicer: update the extension and restart).",
    )


__all__ = [
    "PROTOCOL_VERSION",
    "ArrayFile",
    "BoxLabels",
    "BoxMask",
    "Cancel",
    "ClientHello",
    "Device",
    "Drawn",
    "Event",
    "Failure",
    "Hello",
    "Import",
    "Imported",
    "ImportedModel",
    "LibraryInstall",
    "Load",
    "Loaded",
    "Log",
    "Problem",
    "Progress",
    "ProtocolError",
    "Ready",
    "RefineEdit",
    "RefineOpen",
    "RefineStep",
    "Refined",
    "Request",
    "Result",
    "Segment",
    "Shutdown",
    "Train",
    "Trained",
    "Unload",
    "Unloaded",
    "VersionError",
    "VolumeFile",
    "Work",
    "WorkerError",
    "decode_event",
    "decode_request",
    "encode",
]
