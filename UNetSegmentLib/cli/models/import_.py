"""``unetsegment import``: a model of another program, as a package of our own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import InputError
from ...geometry import in_xyz
from ..terminal.console import output, progress_bar, say, words_table, working
from ..terminal.session import DebugOption, JsonOption, print_json, session

if TYPE_CHECKING:
    from ...models import ModelCard


def import_model(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="nnU-Net v2 results, a MONAI bundle, or a package (folder or .zip); a .ts or .onnx file.",
        ),
    ],
    name: Annotated[str | None, typer.Option(help="What to call the model; its own name by default.")] = None,
    to: Annotated[
        Path | None, typer.Option(help="Folder for the model; by default where your own models lie.", metavar="FOLDER")
    ] = None,
    configuration: Annotated[
        str | None, typer.Option(help="nnU-Net: only this configuration, e.g. 3d_fullres; all by default.")
    ] = None,
    folds: Annotated[str | None, typer.Option(help="nnU-Net: only these folds, e.g. 0,1; all by default.")] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="nnU-Net: checkpoint file; checkpoint_final.pth, else checkpoint_best.pth.")
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="TorchScript and ONNX are programs: you trust where this one comes from.")
    ] = False,
    contract: Annotated[
        Path | None, typer.Option(help="TorchScript and ONNX: JSON that describes input and output.", metavar="FILE")
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(help="The model's licence as its author states it, where its files do not, e.g. CC-BY-4.0."),
    ] = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Import a model of nnU-Net, MONAI, TorchScript or ONNX. It is translated once and then like any other model."""
    with session(debug, json) as cancel:
        _check(source, contract, to)
        with working("Loading torch", not json):
            from ...models import read_card
            from ...models.importing import import_model as run
        with progress_bar(not json) as progress:
            written = run(
                source,
                to,
                name,
                trust=trust,
                contract=contract,
                configuration=configuration,
                folds=_folds(folds),
                checkpoint=checkpoint,
                licence=licence or "",
                progress=progress,
                cancel=cancel,
            )
        if licence is None and not json and sys.stdin.isatty():
            _ask_for_licence(written)
        _tell(written, [read_card(folder) for folder in written], json, to is None)


def _ask_for_licence(folders: Sequence[Path]) -> None:
    """Few foreign formats hold a licence, and without one nobody knows what they may do."""
    from ...models import read_card
    from ...models.licence import state_licence

    silent = [folder for folder in folders if not read_card(folder).licence.strip()]
    if not silent:
        return
    say("The model's files state no licence; its author does, where you got it.")
    answer = typer.prompt("Licence (such as CC-BY-4.0; Enter leaves it open)", default="", show_default=False).strip()
    for folder in silent if answer else ():
        state_licence(folder, answer)


def _check(source: Path, contract: Path | None, to: Path | None) -> None:
    """Refuses a folder that could not be written, or that is read, before the model is read."""
    from ...io.outputs import Input, OutputFolder, check_outputs
    from ...io.own_outputs import Job
    from ...models.locations import user_model_folder

    given = {"SOURCE": source, "--contract": contract}
    inputs = [Input(path, role) for role, path in given.items() if path is not None]
    folder = to if to is not None else user_model_folder()
    check_outputs([OutputFolder(folder, "--to")], inputs, Job("import", (source,)))


def _folds(text: str | None) -> list[int | str] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() or part == "all" for part in parts):
        raise InputError(f"'{text}' names no folds.", "Give numbers with commas between them, such as 0,1,2, or 'all'.")
    return [int(part) if part.isdigit() else part for part in parts]


def _tell(folders: Sequence[Path], cards: Sequence[ModelCard], json: bool, installed: bool) -> None:
    from ...models import card_to_json

    pairs = list(zip(folders, cards, strict=True))
    if json:
        print_json([{"folder": str(folder), "card": card_to_json(card)} for folder, card in pairs])
        return
    for folder, card in pairs:
        _show(card, folder, installed)


def _show(card: ModelCard, folder: Path, installed: bool) -> None:
    output().print(words_table(("", ""), _facts(card, folder), f"Imported: {card.title}"))
    model = card.name if installed else str(folder)
    further = " ".join(f"--channel {channel.name}.nii.gz" for channel in card.inputs[1:])
    say(f"Segment with it:\n  unetsegment segment INPUT OUTPUT.seg.nrrd --model {model} {further}".rstrip())


def _facts(card: ModelCard, folder: Path) -> list[tuple[str, str]]:
    names = [label.name for label in card.labels]
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    spacing = card.preparation.spacing
    patch = in_xyz(card.inference.patch)
    network = f"{card.network.dimension}D {card.network.architecture}, tiles of {patch} voxels"
    facts = [
        ("Name", card.name),
        ("Source", card.source),
        ("Input", "; ".join(f"{channel.name} ({channel.modality})" for channel in card.inputs)),
        ("Labels", f"{len(names)}: {shown}"),
        ("Network", network + (f", {len(card.weights)} folds" if len(card.weights) > 1 else "")),
        (
            "Voxels (x, y, z)",
            f"{in_xyz(spacing)} mm" if spacing else "",
        ),
        ("Further networks", ", ".join(f"{c.folder} ({c.role})" for c in card.companions)),
        ("Licence", card.licence or "not stated: ask the model's author before you use it"),
        ("Folder", str(folder)),
    ]
    return [fact for fact in facts if fact[1]]
