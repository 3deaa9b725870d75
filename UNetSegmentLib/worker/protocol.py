"""The messages between client and worker: one JSON object a line, UTF-8, ``type`` naming the message.

Both sides open with their ``hello``. A side that reads a hello of another :data:`PROTOCOL_VERSION` refuses it
(:class:`VersionError` says which side to update); within one version unknown keys are ignored, so that a later release
may add some. Requests carry an ``id`` chosen by the client; everything that the worker says about a request carries it
back. Each ``load``, ``segment`` and ``unload`` is answered by exactly one of its answer and ``error``; a cancelled
one by an ``error`` of code ``cancelled``. Voxels never pass through here: they lie in raw files (:class:`ArrayFile`).

Client to worker: ``hello``, ``load``, ``segment``, ``cancel``, ``unload``, ``shutdown``.
Worker to client: ``hello`` (at once), ``ready`` (torch imported, or why not), ``progress``, ``log``, ``loaded``,
``result``, ``unloaded``, ``error``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..errors import UNetSegmentError
from ..geometry import Box, Geometry
from ..labels import Label
from ..version import __version__
from .errors import ProtocolError, VersionError, WorkerError
from .wire import from_json, to_json

PROTOCOL_VERSION = 1


@dataclass(frozen=True)
class ArrayFile:
    """Voxels in a file: nothing but the raw numbers in C order.

    Args:
        path: absolute path.
        shape: of the array.
        dtype: numpy's ``dtype.str``, byte order included, e.g. ``"<f4"``.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class VolumeFile:
    """An image: array (channels, z, y, x), its grid, and what to call it."""

    array: ArrayFile
    geometry: Geometry
    name: str = "image"


@dataclass(frozen=True)
class Device:
    """Something that a network can run on: ``name`` as torch calls it (``cpu``, ``cuda:0``, ``mps``), ``title`` for
    people, and its memory in bytes (total, and free at the time of asking) where known."""

    name: str
    title: str
    memory: int | None = None
    free_memory: int | None = None


@dataclass(frozen=True)
class Problem:
    """An error as data: a stable code, what happened, what to do about it, and detail for a bug report."""

    code: str
    cause: str
    cure: str = ""
    detail: str = ""

    @classmethod
    def of(cls, error: UNetSegmentError) -> Problem:
        return cls(error.code, error.cause, error.cure, error.detail)


# -- client to worker --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClientHello:
    """First line of the client. The worker leaves when the process ``pid`` of its own ``host`` is gone (it also leaves
    at end of input)."""

    kind: ClassVar[str] = "hello"
    protocol: int = PROTOCOL_VERSION
    library: str = __version__
    pid: int = 0
    host: str = ""


@dataclass(frozen=True)
class Load:
    """Load and warm a model before it is needed. Answer: ``loaded``."""

    kind: ClassVar[str] = "load"
    id: int
    model: str
    device: str = "auto"
    preset: str = "balanced"
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Segment:
    """Run a model. Answer: ``result``.

    Args:
        inputs: one image per input channel of the model (or one image with all channels).
        model: a bundled model's name, or a path to a package.
        folder: where the worker writes the result's arrays.
        region: part to segment, in the array order of the first input's grid; None is all of it.
        settings: changes to the preset's engine settings, by name.
    """

    kind: ClassVar[str] = "segment"
    id: int
    inputs: tuple[VolumeFile, ...]
    model: str
    folder: str
    region: Box | None = None
    device: str = "auto"
    preset: str = "balanced"
    settings: dict[str, Any] = field(default_factory=dict)
    probabilities: bool = False
    uncertainty: bool = False


@dataclass(frozen=True)
class Cancel:
    """Stop the request ``id``, running or waiting. One that is already answered is let be."""

    kind: ClassVar[str] = "cancel"
    id: int


@dataclass(frozen=True)
class Unload:
    """Drop a warm model, or all (``model`` None). Answer: ``unloaded``."""

    kind: ClassVar[str] = "unload"
    id: int
    model: str | None = None


@dataclass(frozen=True)
class Shutdown:
    """Cancel everything and exit."""

    kind: ClassVar[str] = "shutdown"


# -- worker to client --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hello:
    """First line of the worker, sent before anything slow is imported.

    Args:
        pid: of the process that really runs (behind a launcher it is not the one that the client started), on
            ``host``.
        torch: version of the installed torch as its metadata tells, None when there is none. Whether it works is told
            by ``ready``.
    """

    kind: ClassVar[str] = "hello"
    protocol: int = PROTOCOL_VERSION
    library: str = __version__
    pid: int = 0
    host: str = ""
    python: str = ""
    executable: str = ""
    torch: str | None = None


@dataclass(frozen=True)
class Ready:
    """torch was imported, or ``problem`` tells why not (requests are then refused with the same problem)."""

    kind: ClassVar[str] = "ready"
    torch: str | None = None
    devices: tuple[Device, ...] = ()
    problem: Problem | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Progress:
    """See :class:`UNetSegmentLib.progress.ProgressEvent`."""

    kind: ClassVar[str] = "progress"
    id: int
    stage: str
    done: int
    total: int
    seconds_left: float | None = None
    message: str = ""


@dataclass(frozen=True)
class Log:
    """A line for the log; ``level`` is Python logging's name. ``id`` is the request at work, if any."""

    kind: ClassVar[str] = "log"
    level: str
    message: str
    id: int | None = None


@dataclass(frozen=True)
class Loaded:
    """The model is warm. ``warm`` says whether it already was."""

    kind: ClassVar[str] = "loaded"
    id: int
    model: str
    version: str
    folder: str
    warm: bool
    seconds: float


@dataclass(frozen=True)
class Result:
    """A finished segmentation; the arrays lie in files of the request's folder, which the client now owns.

    Args:
        voxels: label map (z, y, x).
        geometry: its grid.
        labels: what the values mean, in the form of the model card.
        timings: seconds by stage; ``total`` is the whole request in the worker.
        warm: whether the model was already loaded.
        probabilities: (classes, z, y, x), where asked for.
        uncertainty: (1, z, y, x), where asked for.
    """

    kind: ClassVar[str] = "result"
    id: int
    voxels: ArrayFile
    geometry: Geometry
    labels: tuple[Label, ...]
    model: str
    version: str
    timings: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    warm: bool = False
    probabilities: VolumeFile | None = None
    uncertainty: VolumeFile | None = None


@dataclass(frozen=True)
class Unloaded:
    """The models named here were dropped."""

    kind: ClassVar[str] = "unloaded"
    id: int
    models: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """The request ``id`` (or, when None, a line that could not be read) ended in an error."""

    kind: ClassVar[str] = "error"
    problem: Problem
    id: int | None = None


Request = ClientHello | Load | Segment | Cancel | Unload | Shutdown
Event = Hello | Ready | Progress | Log | Loaded | Result | Unloaded | Failure

REQUESTS: dict[str, type] = {m.kind: m for m in (ClientHello, Load, Segment, Cancel, Unload, Shutdown)}
EVENTS: dict[str, type] = {m.kind: m for m in (Hello, Ready, Progress, Log, Loaded, Result, Unloaded, Failure)}


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
        body = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("A line is not JSON.", detail=f"{error}: {line[:200]!r}") from error
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


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


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
    "PROTOCOL_VERSION", "ArrayFile", "Cancel", "ClientHello", "Device", "Event", "Failure", "Hello", "Load", "Loaded",
    "Log", "Problem", "Progress", "ProtocolError", "Ready", "Request", "Result", "Segment", "Shutdown", "Unload",
    "Unloaded", "VersionError", "VolumeFile", "WorkerError", "decode_event", "decode_request", "encode",
]  # fmt: skip
