"""``unetsegment models``: what models there are, and the card of one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import InputError
from ...geometry import in_xyz
from ..terminal.console import output, say, words_table
from ..terminal.session import DebugOption, JsonOption, print_json, session
from .form_words import HEADING, derived_words, fingerprint_words, form_rows, in_short, sizes_of

if TYPE_CHECKING:
    from ...models import Accuracy, ModelCard

app = typer.Typer(help="List the models at hand, or show the card of one.", invoke_without_command=True)


@app.callback()
def models(context: typer.Context) -> None:
    """List the models at hand, or show the card of one."""
    if context.invoked_subcommand is None:
        list_models()


@app.command("list")
def list_models(json: JsonOption = False, debug: DebugOption = False) -> None:
    """List the models at hand: those that come with UNetSegment, and your own."""
    with session(debug, json):
        from ...models import card_to_json, model_folders
        from ...models import list_models as cards_at_hand

        cards = cards_at_hand()
        if json:
            print_json([card_to_json(card) for card in cards])
            return
        if not cards:
            folders = ", ".join(str(folder) for folder in model_folders())
            say(f"There are no models yet. They are looked for in {folders}.")
            return
        heading = ["Name", "Version", "Anatomy", "Modality", "Labels", "Licence"]
        rows = [[c.name, c.version, c.anatomy, c.modality, _names(c), c.licence] for c in cards]
        if any(c.forms for c in cards):
            heading.append("Smaller forms")
            rows = [[*row, in_short(c.forms)] for row, c in zip(rows, cards, strict=True)]
        output().print(words_table(heading, rows))


@app.command("card")
def card(
    model: Annotated[str, typer.Argument(help="Name of a model, or its folder or .zip.")],
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show all about a model: what it needs, what it finds, how accurate it is, under which licence."""
    with session(debug, json):
        from ...models import card_to_json, read_card

        path = _path(model)
        shown = read_card(path)
        if json:
            print_json(card_to_json(shown))
            return
        _show(shown, sizes_of(path))


@app.command("remove")
def remove(
    model: Annotated[str, typer.Argument(help="Name of one of your own models.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Delete one of your own models from the disk; those that come with UNetSegment stay."""
    with session(debug, json):
        from ...models import find_model
        from ...models.removal import remove_model

        folder = find_model(model)
        if not yes and not (not json and sys.stdin.isatty() and typer.confirm(f"Delete '{model}' ({folder})?")):
            raise InputError(f"'{model}' ({folder}) was not removed.", "Confirm it, or give --yes.")
        removed = remove_model(model)
        if json:
            print_json({"name": model, "removed": str(removed)})
            return
        say(f"Removed {removed}.")


def _path(model: str) -> Path:
    from ...models import find_model

    path = Path(model)
    return path if path.exists() else find_model(model)


def _names(shown: ModelCard) -> str:
    return ", ".join(label.name for label in shown.labels)


def _show(shown: ModelCard, sizes: dict[str, int]) -> None:
    from rich.text import Text

    console = output()
    console.print(Text(f"{shown.title} ({shown.name} {shown.version})", style="bold"))
    say(shown.description)
    if shown.intended_use:
        console.print(Text(shown.intended_use, style="bold yellow"))
    inputs = [
        f"{channel.name} ({channel.modality}{', ' + channel.description if channel.description else ''})"
        for channel in shown.inputs
    ]
    patch = in_xyz(shown.inference.patch)
    field = shown.field_of_view_mm
    facts = [
        ("Anatomy", shown.anatomy),
        ("Input", "; ".join(inputs)),
        ("Field of view", " x ".join(f"{n:g}" for n in field) + " mm" if field else "whole image"),
        ("Network", f"{shown.network.dimension}D {shown.network.architecture}, tiles of {patch} voxels (x, y, z)"),
        ("Training data", shown.training_data),
        ("Sizes", fingerprint_words(shown.fingerprint, {label.value: label.name for label in shown.labels})),
        ("Made smaller", derived_words(shown.derived)),
        ("Licence", shown.licence),
        ("Citation", shown.citation),
        ("Accuracy by", shown.accuracy_command),
    ]
    console.print(words_table(("", ""), [fact for fact in facts if fact[1]]))
    rows = [
        (str(label.value), label.name, label.terminology.type.meaning if label.terminology else "-")
        for label in shown.labels
    ]
    console.print(words_table(("Value", "Label", "Standard term"), rows, "Labels"))
    if shown.accuracy:
        heading = ("Label", "Measured on", "Cases", "Dice", "HD95 (mm)", "NSD")
        console.print(words_table(heading, _accuracy(shown.accuracy), "Accuracy"))
    if shown.forms:
        console.print(words_table(HEADING, form_rows(shown, sizes), "Smaller forms of the networks"))
    judged = _over_pixels(shown.accuracy)
    if judged:
        names = ("Label", "Measured on", "Pixels", "Threshold", "F1", "AUC", "Sensitivity", "Specificity")
        console.print(words_table(names, judged, "Accuracy over pixels"))


def _over_pixels(lines: Sequence[Accuracy]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for line in lines:
        if line.pixels is not None:
            p = line.pixels
            shares = (f"{share:.4f}" for share in (p.f1, p.auc, p.sensitivity, p.specificity))
            rows.append((line.label, line.split, p.judged, f"{p.threshold:g}", *shares))
    return rows


def _accuracy(lines: Sequence[Accuracy]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for line in lines:
        hd95 = "-" if line.hd95_mm is None else f"{line.hd95_mm:.2f}"
        tolerance = f" at {line.nsd_tolerance_mm:g} mm" if line.nsd_tolerance_mm is not None else ""
        nsd = "-" if line.nsd is None else f"{line.nsd:.4f}{tolerance}"
        rows.append((line.label, line.split, str(line.cases), f"{line.dice:.4f}", hd95, nsd))
    return rows
