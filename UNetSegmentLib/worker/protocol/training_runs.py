"""Trainings that the worker carries out: what was ordered, how far it came, and what came of it, each in a folder.

::

    NAME/order.json       what was asked for (:class:`TrainingOrder`)
    NAME/data/            cases that were copied for this training alone
    NAME/plan.json, log.csv, checkpoint.pt, report.html      see :mod:`UNetSegmentLib.training`
    NAME/reached.txt      the step at which it was stopped last
    NAME/outcome.json     the model that was made of it (:class:`Outcome`), complete or so far

The folder is all that a training needs to go on, in another process or on another day. Imports no torch.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ...errors import InputError, OutputError
from ..errors import ProtocolError
from .wire import from_json, to_json

ORDER, OUTCOME, DATA = "order.json", "outcome.json", "data"
PLAN, LOG, CHECKPOINT, REPORT = "plan.json", "log.csv", "checkpoint.pt", "report.html"
REACHED = "reached.txt"

T = TypeVar("T")


@dataclass(frozen=True)
class TrainingOrder:
    """What to train.

    Args:
        name: of the model: letters, digits and hyphens.
        title: of the model, for people.
        source: the data set, in any of the known layouts.
        minutes: that the training may take.
        recipe: name of a task recipe, empty for none.
        network: name of a network, empty for the recipe's (or the plain U-Net).
        start_from: path of the package to train further, empty to begin at random.
        folds: one of so many equal parts of the cases is held out; 0 trains on every case.
        device: ``auto``, or a name out of ``Ready.devices``.
        threads: CPU threads, 0 for torch's choice.
        copied: the source was made for this training, lies in its folder, and goes when the model is complete.
    """

    name: str
    title: str
    source: str
    minutes: float = 60.0
    recipe: str = ""
    network: str = ""
    start_from: str = ""
    folds: int = 5
    device: str = "auto"
    threads: int = 0
    copied: bool = False


@dataclass(frozen=True)
class Outcome:
    """A model that was made of a training.

    Args:
        whole: of the complete training; False is a model of what had been learned when it was stopped.
        step, steps: finished and planned optimiser steps.
        name, version, title, folder: of the installed package.
        labels: names, in the order of ``dice``.
        dice: mean over held-out cases; None where no case holds the label. Empty without held-out cases.
        report: path of the HTML page, None without one.
    """

    whole: bool
    step: int
    steps: int
    name: str
    version: str
    title: str
    folder: str
    labels: tuple[str, ...] = ()
    dice: tuple[float | None, ...] = ()
    report: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class TrainingRun:
    """A training's folder as it stands. ``step`` is the last one that is known of, ``steps`` 0 before planning."""

    folder: Path
    order: TrainingOrder
    step: int
    steps: int
    has_checkpoint: bool
    outcome: Outcome | None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.outcome is not None and self.outcome.whole


def training_folder() -> Path:
    """Where trainings of this user are kept: beside the models. It need not exist."""
    # Slicer imports this module when it starts, and the registry brings the networks' descriptions along.
    from ...models import locations

    return locations.user_model_folder().parent / "trainings"


def make_run(order: TrainingOrder, parent: Path | None = None) -> Path:
    """Makes the folder of a new training and returns it. What is left of a finished one of its name is removed.

    Raises:
        InputError: there is an unfinished training of this name.
        OutputError: the folder cannot be made.
    """
    folder = (parent or training_folder()) / order.name
    if (folder / ORDER).exists():
        if read_run(folder).finished:
            discard_run(folder)
            return make_run(order, parent)
        raise InputError(
            f"There is a training called '{order.name}' already.", "Continue or discard it, or choose another name."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be made ({error.strerror}).", "Check the disk and its permissions."
        ) from error
    _write(order, folder / ORDER)
    return folder


def read_order(folder: Path) -> TrainingOrder:
    """What was ordered.

    Raises:
        InputError: the folder holds no training.
    """
    return _read(TrainingOrder, folder / ORDER)


def write_outcome(outcome: Outcome, folder: Path) -> None:
    """Notes what came of it."""
    _write(outcome, folder / OUTCOME)


def note_step(folder: Path, step: int) -> None:
    """Notes how far a training came before it was stopped."""
    if step:
        _put(f"{step}\n", folder / REACHED)


def read_run(folder: Path) -> TrainingRun:
    """How a training stands.

    Raises:
        InputError: the folder holds no training, or a damaged one.
    """
    outcome = _read(Outcome, folder / OUTCOME) if (folder / OUTCOME).is_file() else None
    return TrainingRun(
        folder, read_order(folder), _last_step(folder), _steps(folder), (folder / CHECKPOINT).is_file(), outcome
    )


def list_runs(parent: Path | None = None) -> list[TrainingRun]:
    """The trainings of this user, the one that was worked on last first; damaged ones are left out."""
    runs = []
    try:
        folders = sorted((parent or training_folder()).iterdir(), key=_touched, reverse=True)
    except OSError:
        return []
    for folder in folders:
        try:
            runs.append(read_run(folder))
        except InputError:
            continue
    return runs


def discard_run(folder: Path) -> None:
    """Removes a training with its checkpoint and its copied cases. An installed model stays.

    Raises:
        OutputError: it cannot be removed.
    """
    try:
        # First of all what makes it a training, so that half of one is never offered.
        (folder / ORDER).unlink(missing_ok=True)
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(
            f"The training in {folder} could not be removed ({error.strerror}).", "Remove the folder by hand."
        ) from error


def clear_run(folder: Path, copied: bool) -> None:
    """After the model is complete: drops what only a training needs. Plan, log and report stay."""
    for name in (CHECKPOINT, REACHED):
        (folder / name).unlink(missing_ok=True)
    for name in ("model", *([DATA] if copied else [])):
        shutil.rmtree(folder / name, ignore_errors=True)


def _write(value: Any, path: Path) -> None:
    _put(json.dumps(to_json(value), indent=2) + "\n", path)


def _put(text: str, path: Path) -> None:
    # Not at the top: Slicer imports this module when it starts.
    from ...io.atomic import atomic_path

    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _read(kind: type[T], path: Path) -> T:
    from ...io.json_files import read_json

    try:
        return from_json(kind, read_json(path), path.name)
    except (InputError, ValueError, ProtocolError) as error:
        raise InputError(
            f"'{path.parent}' holds no training that can be read.", "Discard it and start anew.", str(error)
        ) from error


def _steps(folder: Path) -> int:
    from ...io.json_files import read_json

    try:
        return int(read_json(folder / PLAN)["steps"])
    except (InputError, ValueError, LookupError, TypeError):
        return 0


def _last_step(folder: Path) -> int:
    return max(_last_number(folder / LOG), _last_number(folder / REACHED))


def _last_number(path: Path) -> int:
    """That at the beginning of a file's last line."""
    try:
        return int(path.read_text(encoding="utf-8").splitlines()[-1].split(",")[0])
    except (OSError, ValueError, IndexError):
        return 0


def _touched(folder: Path) -> float:
    times = [0.0]
    for name in (ORDER, LOG, OUTCOME):
        with contextlib.suppress(OSError):
            times.append((folder / name).stat().st_mtime)
    return max(times)
