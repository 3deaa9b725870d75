"""The messages between client and worker as values; :mod:`.encoding` says how they travel and who sends which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ...errors import UNetSegmentError
from ...geometry import Box, Geometry
from ...labels import Label
from ...version import __version__
from .arrays import ArrayFile, VolumeFile
from .compression import Compress, Compressed
from .refine_messages import Refine, Refined
from .training_runs import Outcome

PROTOCOL_VERSION = 1


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
    at end of input). ``folder``: of the client's files, where it has made one already; a worker whose client is killed
    removes it."""

    kind: ClassVar[str] = "hello"
    protocol: int = PROTOCOL_VERSION
    library: str = __version__
    pid: int = 0
    host: str = ""
    folder: str = ""


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
        folder: of the client's files; the worker writes those of the result's arrays there that ``results`` leaves out.
        region: part to segment, in the array order of the first input's grid; None is all of it.
        settings: changes to the preset's engine settings, by name.
        results: empty files for the result's arrays (``labels``, ``probabilities``, ``uncertainty``) that the client
            holds.
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
    results: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Import:
    """Turn a model of another kind into packages of ours. Answer: ``imported``.

    Args:
        path: a file or a folder: nnU-Net results, MONAI bundle, TorchScript, ONNX, or a package of ours.
        folder: that the packages are written to; None is the user's model folder.
        trust: the user has said that the program inside the model may run.
        name, configuration, contract: see ``models.importing.import_model``.
    """

    kind: ClassVar[str] = "import"
    id: int
    path: str
    folder: str | None = None
    trust: bool = False
    name: str | None = None
    configuration: str | None = None
    contract: str | None = None


@dataclass(frozen=True)
class LibraryInstall:
    """Download an entry of the model library and import it. Answer: ``imported``.

    Args:
        entry: its name in the catalogue.
        licence_accepted: the user has read the licence and accepts it.
        files: the entry's files where they are on the disk already; nothing is downloaded then.
        folder: that the packages are written to; None is the user's model folder.
        cache: that downloads are kept in; None is the user's cache folder.
    """

    kind: ClassVar[str] = "library-install"
    id: int
    entry: str
    licence_accepted: bool
    files: tuple[str, ...] = ()
    folder: str | None = None
    cache: str | None = None


@dataclass(frozen=True)
class Train:
    """Train a model, or go on with it. Answer: ``trained``. A cancelled training keeps its checkpoint.

    Args:
        folder: of the training, see :mod:`.training_runs`.
        keep: do not train; make a model of what has been learned so far.
        models: folder that the model is installed in; None is the user's model folder.
    """

    kind: ClassVar[str] = "train"
    id: int
    folder: str
    keep: bool = False
    models: str | None = None


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
    """A finished segmentation; the arrays lie in the request's ``results``, or in files of its folder, which the client
    now owns.

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
class ImportedModel:
    """A package that an import has written."""

    name: str
    version: str
    title: str
    folder: str


@dataclass(frozen=True)
class Imported:
    """The packages that a request has brought, in ``models``."""

    kind: ClassVar[str] = "imported"
    id: int
    models: tuple[ImportedModel, ...]
    seconds: float = 0.0


@dataclass(frozen=True)
class Trained:
    """The model of a training is installed."""

    kind: ClassVar[str] = "trained"
    id: int
    outcome: Outcome


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


Work = Load | Segment | Refine | Import | LibraryInstall | Train | Compress | Unload
"""Requests for the inference thread, each answered once."""

Request = ClientHello | Work | Cancel | Shutdown
Event = (
    Hello | Ready | Progress | Log | Loaded | Result | Refined | Imported | Trained | Compressed | Unloaded | Failure
)
