"""``unetsegment cross-validate``: a training for every fold of a data set, one table, one ensemble.

A command of its own rather than ``train --fold all``: its folder holds a folder for each fold, its result is a table,
and it has options (``--folds``, ``--final``) that mean nothing to a single training.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import OutputError
from ...progress import CancelToken
from ..terminal.console import duration, output, say, words_table, working
from ..terminal.session import DebugOption, JsonOption, print_json, session
from .configuration import configuration
from .options import (
    CompileOption,
    DeviceOption,
    FromOption,
    LayoutOption,
    NetworkOption,
    OutputOption,
    PlanOnlyOption,
    PretrainedOption,
    RecipeOption,
    SeedOption,
    SourceArgument,
    ThreadsOption,
)
from .plan import PLAN, PlanOptions
from .stopping import STOPPING, going_on
from .table import training_table

if TYPE_CHECKING:
    from ...training import CrossValidationResult, TrainingConfig


def cross_validate(
    source: SourceArgument,
    output: OutputOption = None,
    folds: Annotated[
        int | None, typer.Option(help="How many, where the data set brings none of its own; 5 when left out.")
    ] = None,
    final: Annotated[bool, typer.Option("--final", help="Also train one model on all cases.")] = False,
    fold: Annotated[list[int] | None, typer.Option(min=0, help="Only this fold now, from 0; may be repeated.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Time that each training may take here; 60 when left out.")
    ] = None,
    network: NetworkOption = None,
    recipe: RecipeOption = None,
    layout: LayoutOption = None,
    start_from: FromOption = None,
    pretrained: PretrainedOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    seed: SeedOption = None,
    compile: CompileOption = None,
    plan_only: PlanOnlyOption = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the plan in the output folder.")] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Train a model for every fold and score each on the cases that it has not seen.

    Scores are Dice, HD95 and NSD per label, and where the field reports them F1, AUC, sensitivity and specificity of
    the pixels.

    Writes the table (cross-validation.json, .md, .html) and model/, the networks of all folds as one ensemble. Given
    its plan.json again, it goes on where it was cut off and trains no finished fold twice.

    Example: unetsegment cross-validate drive --recipe retinal-vessels --final -o runs/vessels

    Example: unetsegment cross-validate runs/vessels/plan.json
    """
    given = PlanOptions(
        output, minutes, network, recipe, layout, start_from, None, device, threads, seed, pretrained, folds, compile
    )
    with session(debug, json, STOPPING) as cancel:
        settings = _settings(source, given, resume, not json, cancel)
        if plan_only:
            _write_fold_plans(settings)
            if json:
                print_json({"plan": str(Path(settings.output) / PLAN)})
            return
        with working("Loading torch", not json):
            from ...training import cross_validate as run
        labels = [label.name for label in settings.card.labels]
        place = Path(settings.output)
        with going_on("cross-validate", place, source), training_table(labels, not json) as progress:
            result = run(settings, fold or None, progress, cancel, final)
        _tell(result, json)


def _settings(source: Path, given: PlanOptions, resume: bool, talk: bool, cancel: CancelToken) -> TrainingConfig:
    """The configuration of every fold: as written, or planned from a folder."""
    settings, plan = configuration("cross-validate", source, given, resume, talk, cancel)
    if talk and plan is not None and plan.pace is not None:
        say(f"That for each fold: {duration(plan.pace.step * settings.steps)} each", error=True)
    return settings


def _write_fold_plans(settings: TrainingConfig) -> None:
    """A plan in each fold's folder, so that other machines or torchrun can train it."""
    from ...training import open_layout, save_config
    from ...training.cross_validation import fold_config

    data = open_layout(settings.dataset, settings.layout).with_folds(settings.folds)
    say(f"Plan: {Path(settings.output) / PLAN}", error=True)
    for number in range(len(data.folds)):
        own = fold_config(settings, number)
        try:
            Path(own.output).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{own.output} cannot be written.", "Choose another.", str(error)) from error
        save_config(own, Path(own.output) / PLAN)
        say(f"Fold {number}: {Path(own.output) / PLAN}", error=True)


def _tell(result: CrossValidationResult, json: bool) -> None:
    from ...training.report.cross_table import label_rows, pixel_rows
    from ...training.scoring.pixels import pixel_words

    summary = result.summary
    if json:
        print_json(
            {
                "model": str(result.model),
                "final": str(result.final) if result.final else None,
                "table": str(result.table),
                "cases": summary.cases,
                "labels": [dataclasses.asdict(line) for line in summary.labels],
                "pixels": dataclasses.asdict(summary.pixels) if summary.pixels else None,
            }
        )
        return
    console = output()
    say(f"{summary.cases} cases, {summary.split}:")
    console.print(words_table(*label_rows(summary)))
    if summary.pixels is not None:
        console.print(words_table(*pixel_rows(summary.pixels)))
        say(f"Pixels: {pixel_words(summary.pixels.together)}.")
    page = result.table.with_suffix(".html")
    for what, path in (("Ensemble", result.model), ("Final model", result.final), ("Table", page)):
        if path is not None:
            say(f"  {what}: {path}")
