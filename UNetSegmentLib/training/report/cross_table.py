"""The table of a cross-validation as JSON for programs, Markdown for documents, and an HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...io.atomic import atomic_path
from ...models import typed_json
from ...text import shown as one_line
from ..config.config import TrainingConfig
from ..scoring.pixels import pixel_words
from ..scoring.spread import PIXEL_SCORES, PixelSpread, Spread, Summary
from . import page

NAME = "cross-validation"
Rows = tuple[Sequence[str], Sequence[Sequence[str]]]
_SHORT = {"f1": "F1", "auc": "AUC", "sensitivity": "sensitivity", "specificity": "specificity"}


def write_table(config: TrainingConfig, summary: Summary, folders: dict[int, Path]) -> Path:
    """Writes the three files into the run's folder.

    Args:
        folders: of the folds, by number; their curves stand on the page.

    Returns:
        The JSON file.

    Raises:
        OutputError: a file cannot be written.
    """
    output = Path(config.output)
    target = output / f"{NAME}.json"
    for path, text in (
        (target, typed_json.readable(_plain(config, summary)) + "\n"),
        (target.with_suffix(".md"), markdown(config, summary)),
    ):
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    _write_page(config, summary, folders, target.with_suffix(".html"))
    return target


def label_rows(summary: Summary) -> Rows:
    """Heading and rows: a label, and mean and spread of its scores."""
    tolerance = summary.folds[0].tolerance_mm
    heading = ("Label", "Cases", "Dice", "HD95 (mm)", f"NSD at {tolerance:g} mm", "Missed")
    rows = [
        (line.name, str(line.cases), shown(line.dice), shown(line.hd95_mm, 2), shown(line.nsd), str(line.missed))
        for line in summary.labels
    ]
    return heading, rows


def pixel_rows(pixels: PixelSpread) -> Rows:
    """Heading and rows: a score, its mean and spread over cases, and that of all judged pixels together."""
    heading = ("Score of pixels", "Over cases", "All pixels together")
    rows = [
        (_SHORT[name], shown(pixels.cases.get(name)), _number(getattr(pixels.together, name))) for name in PIXEL_SCORES
    ]
    return heading, rows


def case_rows(summary: Summary) -> Rows:
    """Heading and rows: every case with its fold and its scores."""
    names = [line.name for line in summary.labels]
    heading = ["Case", "Fold", *(f"Dice {name}" for name in names)]
    if summary.pixels is not None:
        heading += [_SHORT[name] for name in PIXEL_SCORES]
    rows = []
    for fold in summary.folds:
        for case, lines in fold.cases.items():
            dice = {line.name: line.dice for line in lines}
            row = [case, str(fold.fold), *(_number(dice.get(name)) for name in names)]
            if summary.pixels is not None:
                row += [_number(getattr(fold.pixels[case], name)) for name in PIXEL_SCORES]
            rows.append(tuple(row))
    return tuple(heading), rows


def markdown(config: TrainingConfig, summary: Summary) -> str:
    """The tables as Markdown."""
    parts = [f"# Cross-validation of {config.card.title}", "", _about(config, summary), ""]
    parts += _markdown_table(*label_rows(summary))
    if summary.pixels is not None:
        parts += ["", f"Pixels: {pixel_words(summary.pixels.together)}.", ""]
        parts += _markdown_table(*pixel_rows(summary.pixels))
    return "\n".join([*parts, "", "## Every case", "", *_markdown_table(*case_rows(summary)), ""])


def shown(value: Spread | None, digits: int = 4) -> str:
    """Mean and spread."""
    return "-" if value is None else f"{value.mean:.{digits}f} ± {value.sd:.{digits}f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _about(config: TrainingConfig, summary: Summary) -> str:
    network = config.card.network
    features = getattr(network, "features", "")
    return (
        f"{summary.cases} cases of {config.dataset} ({config.layout}), {summary.split}. "
        f"Network: {network.architecture}, {network.dimension}D, features {features}; {config.steps} steps with "
        f"batches of {config.batch}; loss {config.loss.kind}; seed {config.seed}. "
        "Mean ± standard deviation over cases; HD95 over cases where both sides have the label."
    )


def _plain(config: TrainingConfig, summary: Summary) -> dict[str, object]:
    about = {"dataset": config.dataset, "layout": config.layout, "split": summary.split, "cases": summary.cases}
    return {
        **about,
        "network": typed_json.to_json(config.card.network),
        "steps": config.steps,
        "batch": config.batch,
        "seed": config.seed,
        "labels": typed_json.to_json(summary.labels),
        "pixels": typed_json.to_json(summary.pixels),
        "folds": typed_json.to_json(summary.folds),
    }


def _markdown_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    line = "|" + "|".join([" --- ", *[" ---: "] * (len(heading) - 1)]) + "|"
    return [_markdown_row(heading), line, *map(_markdown_row, rows)]


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(one_line(cell, None).replace('|', chr(92) + '|') for cell in cells)} |"


def _write_page(config: TrainingConfig, summary: Summary, folders: dict[int, Path], path: Path) -> None:
    pieces = [page.paragraph(_about(config, summary)), page.table(*label_rows(summary))]
    if summary.pixels is not None:
        pieces += [
            page.paragraph(f"Pixels: {pixel_words(summary.pixels.together)}."),
            page.table(*pixel_rows(summary.pixels)),
        ]
    sections: list[tuple[str, Sequence[str]]] = [("Held-out cases", pieces)]
    curves = [(fold, folder / "curve.png") for fold, folder in folders.items()]
    drawn = [page.picture(curve, f"Fold {fold}") for fold, curve in curves if curve.is_file()]
    if drawn:
        sections.append(("Curves of the folds", drawn))
    sections.append(("Every case", [page.table(*case_rows(summary))]))
    page.write_page(path, f"Cross-validation of {config.card.title}", sections)
