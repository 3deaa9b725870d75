"""``unetsegment export``: a model's network as a file for other programs."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import InputError, UsageError
from ..terminal.console import output, progress_bar, say, words_table, working
from ..terminal.session import DebugOption, JsonOption, print_json, session

if TYPE_CHECKING:
    from ...compression.cases import CompressionCase
    from ...compression.exporting import Exported
    from ...models import ModelCard


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of a model, or its package.")],
    onnx: Annotated[Path | None, typer.Option(metavar="FILE.onnx", help="ONNX, with plain operators only.")] = None,
    openvino: Annotated[Path | None, typer.Option(metavar="FOLDER", help="OpenVINO: network.xml and .bin.")] = None,
    torchscript: Annotated[Path | None, typer.Option(metavar="FILE.ts", help="TorchScript.")] = None,
    tensorrt: Annotated[
        Path | None,
        typer.Option(metavar="FILE.engine", help="TensorRT engine for the GPU of this computer, half precision."),
    ] = None,
    fold: Annotated[
        str, typer.Option(help="Which of the model's networks; 'all' averages them in one file.", metavar="K")
    ] = "0",
    patch: Annotated[
        str | None, typer.Option(help="Voxels of a tile, x,y,z (2D: x,y); the model's own by default.")
    ] = None,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Take tiles of other sizes too; the batch is always free.")
    ] = False,
    half: Annotated[
        bool | None,
        typer.Option("--fp16/--fp32", help="ONNX, TensorRT: half or single precision; TensorRT has half by default."),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="ONNX and TensorRT: 8 bits, calibrated with the images of --cases.")
    ] = False,
    cases: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Images to calibrate with and to compare the answers on.")
    ] = None,
    check: Annotated[
        list[Path] | None,
        typer.Option(metavar="IMAGE", help="Image to compare the answers on; repeat it for further channels, images."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export.")] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write a model's network as ONNX, OpenVINO, TorchScript or a TensorRT engine.

    Each file is read back and compared with the model before it is put in place; where the answers differ, nothing is
    written. ONNX and TorchScript files say by themselves what they take and give, so that `unetsegment import` needs
    no options for them.

    Example: unetsegment export hippocampus-t1 --onnx hippocampus.onnx
    """
    targets = {"onnx": onnx, "openvino": openvino, "torchscript": torchscript, "tensorrt": tensorrt}
    with session(debug, json) as cancel:
        wanted = {kind: path for kind, path in targets.items() if path is not None}
        if not wanted:
            raise UsageError("No format is named.", "Give --onnx, --openvino, --torchscript or --tensorrt.")
        with working("Loading torch and the model", not json):
            from ...compression.exporting import export as run
            from ...compression.exporting import settings_for
            from ...models import load_model

            loaded = load_model(model)
        given = _cases(cases, check or (), loaded.card)
        done = []
        with progress_bar(not json) as progress:
            for kind, path in wanted.items():
                settings = settings_for(kind, _fold(fold), _patch(patch, loaded.card), dynamic, half, int8)
                done.append(run(loaded, path, kind, settings, given, force, _again(), progress, cancel))
        _tell(done, json)


def _fold(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdigit():
        raise UsageError(f"'{text}' is no fold.", "Give its number, such as 0, or 'all'.")
    return int(text)


def _patch(text: str | None, card: ModelCard) -> tuple[int, int, int] | None:
    """(z, y, x) from x,y,z (2D: x,y) of the image as the model sees it."""
    if text is None:
        return None
    count = card.network.dimension
    parts = text.split(",")
    if len(parts) != count or not all(part.strip().isdigit() for part in parts):
        form = "x,y,z" if count == 3 else "x,y"
        raise UsageError(f"'{text}' is no patch for a {count}D network.", f"Give whole numbers of voxels: {form}.")
    sizes = [int(part) for part in parts][::-1]
    z, y, x = [1, *sizes] if count == 2 else sizes
    return z, y, x


def _cases(folder: Path | None, images: Sequence[Path], card: ModelCard) -> tuple[CompressionCase, ...]:
    """Those of a folder, or of the images given: as many files for each case as the model has channels."""
    if folder is None and not images:
        return ()
    from ...compression.cases import CompressionCase, find_cases
    from ...models.colour import reads_colours

    found = find_cases(folder, card, least=1) if folder is not None else ()
    each = 1 if reads_colours(card) else len(card.inputs)
    if len(images) % each:
        raise InputError(
            f"'{card.name}' takes {each} channels; {len(images)} images were given with --check.",
            "Give all channels of each image, in order.",
        )
    groups = [tuple(images[n : n + each]) for n in range(0, len(images), each)]
    return (*found, *(CompressionCase(group[0].name, group) for group in groups))


def _again() -> str:
    """This very command, which builds an engine again on another device."""
    words = sys.argv[1:]
    return shlex.join(["unetsegment", *words, *([] if "--force" in words else ["--force"])])


def _tell(done: Sequence[Exported], json: bool) -> None:
    if json:
        print_json([{**asdict(each), "path": str(each.path)} for each in done])
        return
    for each in done:
        output().print(words_table(("", ""), _facts(each), f"Exported: {each.path}"))
        for note in each.notes:
            say(note)
        if each.next_steps:
            say("Use it here:\n  " + "\n  ".join(each.next_steps))


def _facts(each: Exported) -> list[tuple[str, str]]:
    files = [
        (name, f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size} bytes") for name, size in each.files.items()
    ]
    agreed = each.agreement
    if agreed is None:
        return files
    same = f"{agreed.labels:.4%} of the voxels have the same label, Dice {agreed.dice:.4f}"
    return [*files, ("Compared on", agreed.on), ("With the model", same)]
