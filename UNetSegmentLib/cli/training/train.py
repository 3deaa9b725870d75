"""``unetsegment train``: from a folder of images and label maps, or a written configuration, to a model package."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import DependencyError, InputError
from ...progress import CancelToken, ProgressCallback
from ...text import shown
from ..terminal.console import duration, progress_bar, say, working
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
from .plan import CHECKPOINT, PLAN, PlanOptions
from .stopping import STOPPING, going_on, is_first_process
from .table import training_table

if TYPE_CHECKING:
    from ...training import TrainingConfig, TrainingResult
    from ...training.report import Report


def train(
    source: SourceArgument,
    output: OutputOption = None,
    minutes: Annotated[
        float | None, typer.Option(help="Time that the training may take here; 60 when left out.")
    ] = None,
    network: NetworkOption = None,
    recipe: RecipeOption = None,
    layout: LayoutOption = None,
    start_from: FromOption = None,
    pretrained: PretrainedOption = None,
    fold: Annotated[str | None, typer.Option(help="Fold that is held out, from 0, or 'none'; 0 when left out.")] = None,
    device: DeviceOption = None,
    threads: ThreadsOption = None,
    seed: SeedOption = None,
    compile: CompileOption = None,
    plan_only: PlanOnlyOption = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write for TensorBoard as well.")] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Train a model on your own images.

    Ctrl-C stops after the step with a checkpoint; --resume goes on to the same result.

    The folder may be a Medical Segmentation Decathlon or nnU-Net data set, images/ and labels/ with the same names, or
    that of a known challenge. What is planned from it is written to plan.json, which can be edited and trained.

    Example: unetsegment train my-data --minutes 30

    Example: unetsegment train drive --recipe retinal-vessels --network attention

    Example: unetsegment train runs/my-data/plan.json
    """
    given = PlanOptions(
        output, minutes, network, recipe, layout, start_from, fold, device, threads, seed, pretrained, compile=compile
    )
    with session(debug, json, STOPPING) as cancel:
        if tensorboard:
            from ...training.report import summary_writer

            summary_writer()
        settings = _settings(source, given, resume, plan_only, not json, cancel)
        if plan_only:
            plan = Path(settings.output) / PLAN
            if json:
                print_json({"plan": str(plan)})
            else:
                say(f"Plan: {plan}")
            return
        with working("Loading torch", not json):
            from ...training import train as run
        talk = not json and is_first_process()
        with going_on("train", Path(settings.output), source), _live(settings, talk, tensorboard) as progress:
            result = run(settings, progress, cancel)
        if not result.first:
            return
        with progress_bar(not json) as bar:
            report = _report(settings, result, bar, cancel)
        _tell(settings, result, report, json)


def _settings(
    source: Path, given: PlanOptions, resume: bool, plan_only: bool, talk: bool, cancel: CancelToken
) -> TrainingConfig:
    """The configuration to run: as written, or planned from a folder."""
    settings, plan = configuration("train", source, given, resume, talk, cancel, unplanned=plan_only)
    if plan is None and source.suffix.lower() == ".json":
        _check_resume(settings, resume)
        if talk and source.name == PLAN and Path(settings.output).resolve() != source.resolve().parent:
            say(f"Note: the plan's output is {settings.output}, which is not the folder that it lies in.", error=True)
    return settings


def _check_resume(settings: TrainingConfig, resume: bool) -> None:
    """A run is neither started over an old one nor resumed from nothing by accident."""
    started = (Path(settings.output) / CHECKPOINT).exists()
    if started and not resume:
        raise InputError(
            f"'{settings.output}' holds a run already.", "Add --resume to go on with it, or change 'output'."
        )
    if resume and not started:
        raise InputError(f"'{settings.output}' holds no checkpoint to go on from.", "Leave --resume out.")


def _report(
    settings: TrainingConfig, result: TrainingResult, progress: ProgressCallback | None, cancel: CancelToken
) -> Report | None:
    """The report; a warning where its pictures cannot be drawn, since the model is there already."""
    from ...training.report import finish_run

    try:
        return finish_run(settings, result, progress, cancel)
    except DependencyError as error:
        say(f"No report: {error}", error=True)
        return None


def _tell(settings: TrainingConfig, result: TrainingResult, report: Report | None, json: bool) -> None:
    page = report.page if report is not None else None
    pairs = _dice(settings, result, report)
    if json:
        print_json(
            {
                "model": str(result.model),
                "log": str(result.log),
                "curve": str(result.curve) if result.curve else None,
                "report": str(page) if page else None,
                "dice": [dice for _, dice in pairs] if pairs else None,
                "seconds": result.seconds,
                "steps": result.steps,
            }
        )
        return
    say(f"Trained in {duration(result.seconds)}.")
    if 0 < result.steps < settings.steps and settings.minutes:
        say(
            f"Note: {result.steps} of {settings.steps} steps, since {settings.minutes:g} minutes were up "
            "('minutes' in plan.json; 0 trains all of them).",
            error=True,
        )
    if report is not None and report.evaluation is not None:
        for note in report.evaluation.notes:
            say(f"Note: {note}", error=True)
    if pairs:
        say("Dice on held-out cases: " + ", ".join(f"{shown(name)} {_number(dice)}" for name, dice in pairs))
    if report is not None and report.pixels is not None:
        from ...training.scoring.pixels import pixel_words

        say(f"Pixels: {pixel_words(report.pixels)}")
    for what, path in (("Model", result.model), ("Log", result.log), ("Curve", result.curve), ("Report", page)):
        if path is not None:
            say(f"  {what}: {path}")


def _dice(settings: TrainingConfig, result: TrainingResult, report: Report | None) -> list[tuple[str, float | None]]:
    """Labels and their Dice on held-out cases: as in the report and on the card, or of the last validation where there
    is no report."""
    if report is not None and report.evaluation is not None:
        return [(line.label.name, line.dice) for line in report.evaluation.summary]
    names = [label.name for label in settings.card.labels]
    return list(zip(names, result.dice or (), strict=False))


def _number(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.4f}"


@contextlib.contextmanager
def _live(settings: TrainingConfig, wanted: bool, tensorboard: bool) -> Iterator[ProgressCallback | None]:
    """The table and, where asked for, TensorBoard's files."""
    with training_table([label.name for label in settings.card.labels], wanted) as shown:
        if not tensorboard:
            yield shown
            return
        from ...training.report import tensorboard_log

        with tensorboard_log(settings, shown) as progress:
            yield progress
