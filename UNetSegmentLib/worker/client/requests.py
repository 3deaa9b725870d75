"""What a client asks for and what it gets, with voxels as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ...errors import InputError
from ...geometry import Box
from ...volume import Segmentation, Volume
from ..exchange.mapped import take_array
from ..protocol.messages import Import, LibraryInstall, Result, Segment, VolumeFile


@dataclass(frozen=True, eq=False)
class SegmentRequest:
    """Run a model on an image.

    Args:
        inputs: one :class:`~UNetSegmentLib.volume.Volume` per input channel of the model, in the card's order, each
            with its own grid (or a single volume that holds all channels). Voxels (channels, z, y, x).
        model: a bundled model's name, or a path to a package.
        region: part to segment, half-open, (z, y, x) voxels of the first input's grid; None is all of it.
        device: ``auto``, or a name out of ``Ready.devices``.
        preset: ``exact``, ``balanced`` or ``fast``.
        settings: changes to the preset's engine settings, by name.
        probabilities, uncertainty: whether these volumes are wanted too.
    """

    inputs: Sequence[Volume]
    model: str
    region: Box | None = None
    device: str = "auto"
    preset: str = "balanced"
    settings: dict[str, Any] = field(default_factory=dict)
    probabilities: bool = False
    uncertainty: bool = False

    def __post_init__(self) -> None:
        if not self.inputs:
            raise InputError("No image was given.", "Choose an image for each input channel of the model.")


@dataclass(frozen=True)
class ImportRequest:
    """Turn a foreign model into packages of ours. The answer is an
    :class:`~UNetSegmentLib.worker.protocol.messages.Imported`.

    Args:
        path: a file or a folder.
        folder: that the packages are written to; None is the user's model folder.
        trust: the user has said that the program inside the model may run.
        name, configuration, contract: see ``models.importing.import_model``.
    """

    path: str
    folder: str | None = None
    trust: bool = False
    name: str | None = None
    configuration: str | None = None
    contract: str | None = None


@dataclass(frozen=True)
class InstallRequest:
    """Download and import an entry of the model library. The answer is as for :class:`ImportRequest`.

    Args:
        entry: its name.
        licence_accepted: the user has read the licence and accepts it.
        files: of the entry, where they are on the disk already.
        folder: that the packages are written to; None is the user's model folder.
        cache: that downloads are kept in; None is the user's cache folder.
    """

    entry: str
    licence_accepted: bool
    files: tuple[str, ...] = ()
    folder: str | None = None
    cache: str | None = None


@dataclass(frozen=True, eq=False)
class SegmentResult:
    """A finished segmentation.

    Args:
        segmentation: label map (z, y, x) on the first input's grid, with its labels (names, colours, terminology).
        model, version: of the model that ran.
        timings: seconds by stage; ``total`` is the whole request in the worker.
        warm: whether the model was still loaded from before.
        warnings: what a user should know about this run.
        settings: what the engine really used, for provenance.
        probabilities: (classes, z, y, x), ``uncertainty`` (1, z, y, x), where asked for.
    """

    segmentation: Segmentation
    model: str
    version: str
    timings: dict[str, float]
    warm: bool
    warnings: tuple[str, ...]
    settings: dict[str, Any]
    probabilities: Volume | None = None
    uncertainty: Volume | None = None


def result_names(request: SegmentRequest) -> list[str]:
    """The arrays of its result, by the names of :class:`~..protocol.messages.Segment`'s ``results``."""
    maps = {"probabilities": request.probabilities, "uncertainty": request.uncertainty}
    return ["labels", *(name for name, wanted in maps.items() if wanted)]


def segment_message(
    number: int, request: SegmentRequest, files: Sequence[VolumeFile], folder: str, results: dict[str, str]
) -> Segment:
    """The request as a message; ``files`` hold its voxels, ``results`` will hold the result's."""
    return Segment(
        id=number,
        inputs=tuple(files),
        model=str(request.model),
        folder=folder,
        region=request.region,
        device=request.device,
        preset=request.preset,
        settings=dict(request.settings),
        probabilities=request.probabilities,
        uncertainty=request.uncertainty,
        results=results,
    )


def import_message(number: int, request: ImportRequest) -> Import:
    """The request as a message."""
    return Import(number, **asdict(request))


def install_message(number: int, request: InstallRequest) -> LibraryInstall:
    """The request as a message."""
    return LibraryInstall(number, **asdict(request))


def result_of(message: Result) -> SegmentResult:
    """A result with its arrays; their files are removed. The label map is in memory, larger volumes stay mapped.

    Raises:
        InputError: a file that is missing or too short.
        GeometryError: an array that does not fit its grid.
    """
    voxels = take_array(message.voxels, copy=True)
    return SegmentResult(
        segmentation=Segmentation(voxels, message.geometry, message.labels),
        model=message.model,
        version=message.version,
        timings=message.timings,
        warm=message.warm,
        warnings=message.warnings,
        settings=message.settings,
        probabilities=_volume_of(message.probabilities),
        uncertainty=_volume_of(message.uncertainty),
    )


def _volume_of(file: VolumeFile | None) -> Volume | None:
    return None if file is None else Volume(take_array(file.array, copy=False), file.geometry, file.name)
