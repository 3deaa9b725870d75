"""``unetsegment train``: from a configuration file to a model package, with a live table."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from ..progress import ProgressCallback, ProgressEvent
from .console import duration, progress_bar, say, working
from .session import DebugOption, JsonOption, print_json, session

if TYPE_CHECKING:
    from ..training import TrainingConfig, TrainingEvent

_ROWS = 12


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.json", help="The training's configuration.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Train a model. Ctrl-C keeps the last checkpoint; --resume goes on from it to the same result."""
    with session(debug, json) as cancel:
        from ..training import load_config

        settings = load_config(config)
        _check_resume(settings, resume)
        with working("Loading torch", not json):
            from ..training import train as run
        with _live(settings, not json) as progress:
            result = run(settings, progress, cancel)
        if json:
            print_json(
                {
                    "model": str(result.model),
                    "log": str(result.log),
                    "curve": str(result.curve) if result.curve else None,
                    "dice": result.dice,
                    "seconds": result.seconds,
                }
            )
            return
        say(f"Trained in {duration(result.seconds)}.")
        if result.dice is not None:
            names = [label.name for label in settings.card.labels]
            pairs = zip(names, result.dice, strict=False)
            say("Dice on held-out cases: " + ", ".join(f"{name} {dice:.4f}" for name, dice in pairs))
        for what, path in (("Model", result.model), ("Log", result.log), ("Curve", result.curve)):
            if path is not None:
                say(f"  {what}: {path}")


def _check_resume(settings: TrainingConfig, resume: bool) -> None:
    """A run is neither started over an old one nor resumed from nothing by accident."""
    started = (Path(settings.output) / "checkpoint.pt").exists()
    if started and not resume:
        raise InputError(
            f"'{settings.output}' holds a run already.", "Add --resume to go on with it, or change 'output'."
        )
    if resume and not started:
        raise InputError(f"'{settings.output}' holds no checkpoint to go on from.", "Leave --resume out.")


@contextlib.contextmanager
def _live(settings: TrainingConfig, wanted: bool) -> Iterator[ProgressCallback | None]:
    """A table of the last steps with a bar under it on a terminal; plain lines in a log file; nothing for JSON."""
    if not wanted:
        yield None
        return
    with progress_bar() as bar:
        rows = 0

        def update(event: ProgressEvent) -> None:
            nonlocal rows
            if bar is not None:
                bar(event)
            line = _line(event, [label.name for label in settings.card.labels])
            if line is not None:
                if rows % _ROWS == 0:
                    say(f"{'step':>8}  {'loss':>8}  {'rate':>9}  {'s/step':>7}  {'left':>7}  Dice", error=True)
                rows += 1
                say(line, error=True)

        yield update


def _line(event: ProgressEvent, names: list[str]) -> str | None:
    """One row of the table for a training event; None for other events."""
    from ..training import TrainingEvent

    if not isinstance(event, TrainingEvent):
        return None
    typed: TrainingEvent = event
    dice = ", ".join(f"{name} {value:.3f}" for name, value in zip(names, typed.dice or (), strict=False))
    return (
        f"{typed.done:>8}  {typed.loss:>8.4f}  {typed.learning_rate:>9.2e}  {typed.seconds_per_step:>7.2f}  "
        f"{duration(typed.seconds_left):>7}  {dice}"
    )
