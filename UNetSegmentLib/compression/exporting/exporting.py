"""From a model to a file of another format: written, read back, compared with its source, only then put in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ...errors import DependencyError, InputError
from ...models.importing.contract import card_of, read_contract
from ...models.importing.onnx import PROPERTY
from ...models.importing.onnx_file import inspect
from ...models.model import Model
from ...models.onnx_session import OnnxSession
from ...models.opaque import open_program
from ...models.package import load_model
from ...progress import CancelToken, ProgressCallback, Stage
from ..checking import check_licence
from . import onnx_file, openvino_files, tensorrt_files, torchscript_file
from .checking import TILES, Run, check, check_sizes, compare, synthetic_tiles
from .placing import check_place, put
from .settings import KINDS, Agreement, Exported, ExportSettings
from .source import Source, open_source

if TYPE_CHECKING:
    from ...networks.config import OpaqueNetwork
    from ..cases import CompressionCase


_LOOKED_AT = 8  # cases that tell whether they are of the modality that the model was trained with


@dataclass(frozen=True, eq=False)
class _Written:
    """An export that lies in memory: its files by name, how to run it, and what the user should know."""

    files: dict[str, bytes]
    run: Run
    notes: tuple[str, ...] = ()


def export(
    source: str | Path | Model,
    output: Path,
    kind: str,
    settings: ExportSettings | None = None,
    cases: Sequence[CompressionCase] = (),
    force: bool = False,
    command: str = "",
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Exported:
    """Exports one network of a model, with its contract inside or beside.

    Args:
        source: a model, its name or its package.
        output: a file; for OpenVINO a folder, which is made.
        kind: ``onnx``, ``openvino``, ``torchscript`` or ``tensorrt``.
        cases: images that the exported network is compared on (and calibrated with for ``int8``); without any,
            synthetic ones.
        force: replace what lies at ``output``, if it is an export of the same kind.
        command: what exports the same again, for the file beside a TensorRT engine.

    Raises:
        ModelError: the model cannot be exported (several networks, a program, a licence that forbids derivatives, an
            operator that the format does not know), or the file's answers are others than the source's.
        InputError: settings that do not fit together, an ending of another format, images that cannot be read.
        DependencyError: a package is missing; the message names the pip command.
        ResourceError: TensorRT without a GPU.
        OutputError: the output exists already, or cannot be written. Nothing was changed.
        Cancelled: the token was set.
    """
    settings = settings or ExportSettings()
    _check_request(kind, settings, cases)
    check_place(output, kind, force)
    model = source if isinstance(source, Model) else load_model(source)
    check_licence(model.card, "an exported network")
    stage = Stage("export", 3, progress, cancel, kind)
    opened = open_source(model, kind, settings)
    written = _writer(kind)(opened, settings, model, cases, output, command)
    stage.step()
    agreed = _checked(opened, written, settings, model, cases, progress, cancel)
    stage.step()
    put(output, kind, written.files)
    stage.step()
    sizes = {name: len(content) for name, content in written.files.items()}
    return Exported(kind, output, sizes, agreed, (*opened.notes, *written.notes), _next_steps(kind, output, opened))


def _check_request(kind: str, settings: ExportSettings, cases: Sequence[CompressionCase]) -> None:
    if kind not in KINDS:
        raise InputError(f"Unknown format '{kind}'.", f"Use one of {', '.join(KINDS)}.")
    if settings.precision != "fp32" and kind not in ("onnx", "tensorrt"):
        raise InputError(
            f"The format '{kind}' is written in fp32 only.",
            "Leave the precision out; OpenVINO and torch choose it where they run. For INT8 in OpenVINO: "
            "unetsegment compress --int8.",
        )
    if settings.precision == "int8" and not cases:
        raise InputError(
            "INT8 needs real images, from which the range of every layer is learnt.", "Give them with --cases FOLDER."
        )
    if kind in ("onnx", "tensorrt"):
        onnx_file.check_exporter()
    if kind == "openvino":
        openvino_files.check_converter()
    if kind == "tensorrt":
        tensorrt_files.check_machine()
    if kind == "onnx":
        _check_runtime()


def _check_runtime() -> None:
    from importlib.util import find_spec

    if find_spec("onnxruntime") is None and find_spec("openvino") is None:
        raise DependencyError(
            "An exported ONNX file is run once before it is declared good; no runtime for it is installed.",
            "Install with: pip install onnxruntime",
        )


def _writer(kind: str) -> Callable[[Source, ExportSettings, Model, Sequence[CompressionCase], Path, str], _Written]:
    return {"onnx": _onnx, "openvino": _openvino, "torchscript": _torchscript, "tensorrt": _tensorrt}[kind]


def _onnx_bytes(
    source: Source, settings: ExportSettings, model: Model, cases: Sequence[CompressionCase]
) -> tuple[bytes, tuple[str, ...]]:
    """The ONNX file in the precision that was asked for."""
    content = onnx_file.to_onnx(source, settings.dynamic, half=settings.precision == "fp16")
    if settings.precision != "int8":
        return content, ()
    from ..calibration import calibration_tiles
    from ..cases import modality_warnings, read_image
    from ..quantization.qdq import quantized_onnx

    tiles = list(calibration_tiles(model, cases, settings.calibration_tiles, source.tile))
    told = f"Calibrated with {len(tiles)} tiles of {len(cases)} cases; only convolutions are in 8 bits."
    looked_at = (read_image(case, model.card) for case in cases[:_LOOKED_AT])
    return quantized_onnx(content, tiles), (told, *modality_warnings(looked_at, model.card))


def _onnx(
    source: Source, settings: ExportSettings, model: Model, cases: Sequence[CompressionCase], output: Path, command: str
) -> _Written:
    content, notes = _onnx_bytes(source, settings, model, cases)
    file = inspect(content, output.name)
    # What an import will do, here so that it cannot fail there.
    card_of(read_contract(file.properties[PROPERTY], PROPERTY), "onnx", PROPERTY, not settings.dynamic)
    session = OnnxSession(content, torch.get_num_threads())
    return _Written({output.name: content}, lambda tiles: torch.from_numpy(session(tiles.numpy())), notes)


def _openvino(
    source: Source, settings: ExportSettings, model: Model, cases: Sequence[CompressionCase], output: Path, command: str
) -> _Written:
    files, notes = openvino_files.to_files(source, settings.dynamic)
    return _Written(files, openvino_files.OpenVinoNetwork(files), notes)


def _torchscript(
    source: Source, settings: ExportSettings, model: Model, cases: Sequence[CompressionCase], output: Path, command: str
) -> _Written:
    content = torchscript_file.to_torchscript(source)
    card = card_of(source.contract, "torchscript", output.name)
    config: OpaqueNetwork = card.network  # type: ignore[assignment]
    return _Written({output.name: content}, open_program(content, config, card.name))


def _tensorrt(
    source: Source, settings: ExportSettings, model: Model, cases: Sequence[CompressionCase], output: Path, command: str
) -> _Written:
    network, notes = _onnx_bytes(source, settings, model, cases)
    engine, facts = tensorrt_files.to_engine(source, network, settings, output, command)
    files = {tensorrt_files.sidecar(output).name: facts, output.name: engine}
    ready = tensorrt_files.run(engine)
    told = "The engine runs on this GPU, with this driver and this TensorRT only."
    return _Written(files, lambda tiles: ready(tiles).cpu(), (*notes, told))


def _checked(
    source: Source,
    written: _Written,
    settings: ExportSettings,
    model: Model,
    cases: Sequence[CompressionCase],
    progress: ProgressCallback | None,
    cancel: CancelToken | None,
) -> Agreement:
    """How well the export agrees with its source; refused where it does not."""
    stage = Stage("compare", TILES if cases else 2, progress, cancel)
    tiles, on = (
        (_real_tiles(source, model, cases), _cases_in_words(cases))
        if cases
        else (
            synthetic_tiles(source),
            "synthetic images",
        )
    )
    agreed = compare(source, written.run, tiles, on, stage)
    check(agreed, settings.precision)
    check_sizes(source, written.run, settings)
    return agreed


def _real_tiles(source: Source, model: Model, cases: Sequence[CompressionCase]) -> Iterator[torch.Tensor]:
    from ..calibration import calibration_tiles

    # Other tiles than those that INT8 was calibrated with, where there are so many.
    for tile in calibration_tiles(model, cases, TILES, source.tile, seed=1):
        yield torch.from_numpy(tile)


def _cases_in_words(cases: Sequence[CompressionCase]) -> str:
    names = ", ".join(case.name for case in cases[:3])
    return f"up to {TILES} tiles of {names}" + (f" and {len(cases) - 3} more" if len(cases) > 3 else "")


def _next_steps(kind: str, output: Path, source: Source) -> tuple[str, ...]:
    if kind in ("onnx", "torchscript"):
        segment = f"unetsegment segment IMAGE OUTPUT.seg.nrrd --model {source.contract.name}"
        return (f"unetsegment import {output} --trust", segment)
    return ()
