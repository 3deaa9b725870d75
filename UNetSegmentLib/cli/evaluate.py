"""``unetsegment evaluate``: predictions against references, or a model against a data set's held-out fold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from ..progress import CancelToken, ProgressCallback, Stage
from .console import SCORES_HIDDEN, output, progress_bar, say, table, write_text
from .session import DebugOption, DeviceOption, JsonOption, PresetOption, print_json, session

# Beyond this many cases the terminal shows the summary only.
_MANY = 60

if TYPE_CHECKING:
    from ..reporting import LabelScores, Table

    Scores = dict[str, list[LabelScores]]


def evaluate(
    prediction: Annotated[Path | None, typer.Argument(help="Segmentation, or a folder of them.")] = None,
    reference: Annotated[Path | None, typer.Argument(help="Its reference, or a folder with the same names.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Segment and score a data set's cases.")] = None,
    data: Annotated[Path | None, typer.Option(help="Data set, in any layout that 'train' reads.")] = None,
    layout: Annotated[str, typer.Option(help="How that folder is arranged.")] = "auto",
    fold: Annotated[int | None, typer.Option(help="The held-out fold, from 0.")] = None,
    cases: Annotated[int | None, typer.Option(help="Score the first N cases only.")] = None,
    network: Annotated[int | None, typer.Option(help="Which of the model's networks to run, from 0.")] = None,
    tolerance: Annotated[float, typer.Option(help="Distance in mm within which surfaces agree (NSD).")] = 1.0,
    csv: Annotated[Path | None, typer.Option(help="Write all scores per case here.")] = None,
    device: DeviceOption = "auto",
    preset: PresetOption = "balanced",
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Score segmentations against references: Dice, HD95, NSD and volume error per label, per case and in summary.

    Example: unetsegment evaluate predictions/ labels/

    Example: unetsegment evaluate --model hippocampus-t1 --data msd_hippocampus --fold 0
    """
    with session(debug, json) as cancel:
        if csv is not None:
            from ..io import check_writable

            check_writable(csv)
        with progress_bar(not json) as progress:
            if model is not None:
                if prediction is not None or data is None or fold is None:
                    raise InputError(
                        "--model is scored on a data set's held-out fold.",
                        "Add --data FOLDER and --fold NUMBER, and give no predictions.",
                    )
                scores = _score_model(
                    _Run(model, network, data, fold, cases, device, preset, layout), tolerance, progress, cancel
                )
            else:
                scores = _score_files(prediction, reference, cases, tolerance, progress, cancel)
        _report(scores, csv, json)


@dataclass(frozen=True)
class _Run:
    """Which model on which cases."""

    model: str
    network: int | None
    data: Path
    fold: int
    limit: int | None
    device: str
    preset: str
    layout: str


def _score_model(run: _Run, tolerance: float, progress: ProgressCallback | None, cancel: CancelToken) -> Scores:
    """Segments the fold's cases through the whole engine and scores them: how a card's accuracy is measured."""
    from ..inference import preset
    from ..models import Model, load_model
    from ..training.dataset import open_dataset
    from ..training.evaluation import evaluate_fold
    from ..training.planning.configuration import FOLDS

    model = load_model(run.model)
    if run.network is not None:
        model = Model.in_memory(model.card, [model.network(run.network)])
    data = open_dataset(run.data, run.layout, FOLDS)
    names = data.split(run.fold)[1][: run.limit]
    settings = preset(run.preset)
    evaluation = evaluate_fold(
        model, data, run.fold, names, tolerance, run.device, settings, progress=progress, cancel=cancel
    )
    return evaluation.scores


def _score_files(
    prediction: Path | None,
    reference: Path | None,
    limit: int | None,
    tolerance: float,
    progress: ProgressCallback | None,
    cancel: CancelToken,
) -> Scores:
    if prediction is None or reference is None:
        raise InputError("There is nothing to compare.", "Give predictions and references, or --model and --data.")
    from ..io import place_on_grid, read_segmentation
    from ..reporting import compare

    pairs = list(_pairs(prediction, reference))[:limit]
    stage = Stage("evaluate", len(pairs), progress, cancel)
    scores: Scores = {}
    for name, ours, theirs in pairs:
        expected = read_segmentation(theirs)
        found = place_on_grid(read_segmentation(ours), expected.geometry, f"'{ours.name}'")
        scores[name] = compare(found, expected, tolerance)
        stage.step(message=name)
    return scores


def _pairs(prediction: Path, reference: Path) -> Iterator[tuple[str, Path, Path]]:
    """Case name, prediction and reference, by file names up to the first dot."""
    if prediction.is_file() and reference.is_file():
        yield _case(prediction), prediction, reference
        return
    for path in (prediction, reference):
        if not path.exists():
            raise InputError(f"'{path}' does not exist.", "Check the path and its spelling.")
        if not path.is_dir():
            raise InputError(f"'{path}' is a file, the other is a folder.", "Give two files or two folders.")
    ours, theirs = _files(prediction), _files(reference)
    lacking = sorted(set(ours) - set(theirs))
    if not ours:
        raise InputError(f"'{prediction}' holds no segmentations.", "Give the folder that holds them.")
    if lacking:
        raise InputError(
            f"{len(lacking)} of {len(ours)} predictions have no reference of their name, the first is '{lacking[0]}'.",
            "Give both the same name, or take the others out of the folder.",
        )
    if len(theirs) > len(ours):
        say(f"Note: {len(theirs) - len(ours)} references have no prediction and are left out.", error=True)
    for name in sorted(ours):
        yield name, ours[name], theirs[name]


def _files(folder: Path) -> dict[str, Path]:
    # Label tables lie beside the label maps.
    found = (path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix.lower() != ".json")
    return {_case(path): path for path in found if not path.name.startswith(".")}


def _case(path: Path) -> str:
    return path.name.split(".")[0]


def _report(scores: Scores, csv: Path | None, as_json: bool) -> None:
    from ..reporting import summarize, to_json, to_table

    summary = summarize(list(scores.values()))
    if csv is not None:
        write_text(_csv(scores), csv)
    if as_json:
        print_json({"cases": {name: to_json(rows) for name, rows in scores.items()}, "summary": to_json(summary)})
        return
    console = output()
    if len(scores) <= _MANY:
        console.print(table(_all_cases(scores), hide=SCORES_HIDDEN))
    if len(scores) > 1:
        console.print(table(to_table(summary), f"Mean over {len(scores)} cases", SCORES_HIDDEN))
        missed = sum(line.missed for line in summary)
        if missed:
            say(f"Note: in {missed} pairs only one side has the label; their infinite HD95 is not in the mean.")
    if csv is not None:
        say(f"All scores per case: {csv}")


def _all_cases(scores: Scores) -> Table:
    """One table of all cases; a case's name stands in the first of its rows."""
    from ..reporting import Table as Report
    from ..reporting import to_table

    rows: list[tuple[str, ...]] = []
    first = Report((), (), ())
    for name, labels in scores.items():
        of_case = to_table(labels)
        first = first if first.heading else of_case
        rows += [("" if n else name, *row) for n, row in enumerate(of_case.rows)]
    return Report(("Case", *first.heading), tuple(rows), (False, *first.numeric))


def _csv(scores: Scores) -> str:
    """Every case and label as one line, the case's name in front."""
    from ..reporting import to_csv

    lines: list[str] = []
    for name, rows in scores.items():
        heading, *values = to_csv(rows).splitlines() or [""]
        lines = lines or [f"case,{heading}"]
        lines += [f"{_quoted(name)},{value}" for value in values]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n') else text
