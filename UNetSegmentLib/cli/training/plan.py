"""Planning from the command line: the folder's plan, written down before anything is trained."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError, OutputError, UsageError
from ...geometry import in_xyz
from ...progress import CancelToken, ProgressCallback
from ...text import shown
from ..options.numbers import check_number
from ..terminal.console import duration

if TYPE_CHECKING:
    from ...training.layouts import Dataset
    from ...training.planning import Plan, Preferences, Request

_LISTED = 20
PLAN, FINGERPRINT, CHECKPOINT = "plan.json", "fingerprint.json", "checkpoint.pt"
_MINUTES = 60.0
# What a run writes besides its plan.
_FILES = (
    CHECKPOINT,
    FINGERPRINT,
    "log.csv",
    "training.json",
    "curve.png",
    "report.html",
    "model",
    "cross-validation.json",
)
# From what reading and packaging a toy takes to half a year.
MINUTES = (0.001, 250_000.0)


@dataclass(frozen=True)
class PlanOptions:
    """The options of planning as they were given; None where they were not."""

    output: Path | None = None
    minutes: float | None = None
    network: str | None = None
    recipe: str | None = None
    layout: str | None = None
    start_from: str | None = None
    fold: str | None = None
    device: str | None = None
    threads: int | None = None
    seed: int | None = None
    pretrained: str | None = None
    folds: int | None = None
    compile: bool | None = None

    @property
    def any(self) -> bool:
        """Whether any was given."""
        return any(value is not None for value in astuple(self))

    def folder(self, source: Path) -> Path:
        """The run's folder."""
        if self.output is not None:
            return self.output
        name = source.parent.name if source.is_file() else source.resolve().name
        return Path("runs") / name


def plan_folder(
    source: Path,
    given: PlanOptions,
    progress: ProgressCallback | None,
    cancel: CancelToken,
    command: str = "train",
) -> Plan:
    """Plans, and writes ``plan.json`` and ``fingerprint.json`` into the run's folder.

    Args:
        command: the one that plans: for ``cross-validate`` the plan is for a training of each fold.

    Raises:
        InputError: the folder holds a plan already, or the data cannot be used.
        OutputError: the folder cannot be written, or lies inside of the data set.
    """
    folder = given.folder(source)
    if (folder / PLAN).exists():
        raise InputError(
            f"'{folder}' holds a plan already.",
            f"Train it with 'unetsegment {command} {folder / PLAN}', go on by --resume, or choose another --output.",
        )
    _check_numbers(given)
    check_run_folder(folder, source, given.start_from)
    # Before torch, whose import takes seconds.
    data, wishes = _open(source, given)
    _check_folds(data, given, command == "cross-validate")
    _check_single_process()
    with _writable(folder):
        from ...training import save_config
        from ...training.planning import plan_training
        from ...training.planning.fingerprint import save_fingerprint

        request = _request(source, given, folder, command == "cross-validate")
        plan = plan_training(data, request, wishes, progress, cancel)
        save_fingerprint(plan.fingerprint, folder / FINGERPRINT)
        save_config(plan.config, folder / PLAN)
    return plan


@contextlib.contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """The run's folder, which is tried before any image is read; one that nothing came into is removed."""
    from ...io import check_writable

    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The run's folder {folder} cannot be written.", "Choose another.", str(error)) from error
    try:
        check_writable(folder / PLAN)
        yield
    finally:
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _check_numbers(given: PlanOptions) -> None:
    if given.minutes is not None:
        check_number("minutes", given.minutes, *MINUTES, "minutes")
    _fold(given.fold)


def check_run_folder(folder: Path, source: Path, start_from: str | None = None) -> None:
    """Refuses a run's folder before the data is read.

    Args:
        source: the data set.
        start_from: the model that the training begins with.

    Raises:
        InputError: files of something else lie there that the run would replace.
        OutputError: it cannot be written, or lies inside of the data set.
    """
    from ...io.outputs import Input, OutputFolder, check_outputs
    from ...io.own_outputs import Job

    inputs = [Input(source, "DATA"), *([Input(Path(start_from), "--from")] if start_from else [])]
    check_outputs([OutputFolder(folder, "--output")], inputs, Job("train", (source,)))
    for name in _FILES:
        if (folder / name).exists():
            raise InputError(
                f"'{folder}' holds '{name}' already, which the training would replace.",
                "Choose another --output, or move what lies there away.",
            )


def describe(plan: Plan) -> list[str]:
    """The plan in a few lines."""
    config, found = plan.config, plan.fingerprint
    card, network = config.card, config.card.network
    spacing = card.preparation.spacing
    where = "own pixels" if spacing is None else f"{in_xyz(spacing)} mm"
    patch = in_xyz(card.inference.patch)
    labels = ", ".join(shown(label.name, 60) for label in card.labels[:_LISTED])
    if len(card.labels) > _LISTED:
        labels += f" and {len(card.labels) - _LISTED} more"
    lines = [
        f"{len(found.cases)} cases to train on, {len(card.inputs)} channel(s), labels: {labels}",
        f"{network.dimension}D, features {getattr(network, 'features', '-')}, patch {patch} at {where} (x, y, z), "
        f"batch {config.batch}, {config.steps} steps",
        *plan.notes,
    ]
    if plan.pace is not None:
        lines.append(
            f"A step takes {plan.pace.step:.2f} s here: about {duration(plan.pace.step * config.steps)} in all"
        )
    lines.append(f"Plan: {Path(config.output) / PLAN}")
    return lines


def _open(source: Path, given: PlanOptions) -> tuple[Dataset, Preferences]:
    from ...training.layouts import open_layout
    from ...training.planning import Preferences

    if given.recipe is None:
        return open_layout(source, given.layout or "auto"), Preferences(network=given.network or "unet")
    from ...training.recipes import find_recipe, open_recipe

    recipe = find_recipe(given.recipe)
    data = open_layout(source, given.layout) if given.layout else open_recipe(recipe, source)
    wishes = recipe.wishes if given.network is None else replace(recipe.wishes, network=given.network)
    return data, wishes


def _check_folds(data: Dataset, given: PlanOptions, every_fold: bool) -> None:
    if every_fold and len(data.cases) < 2:
        raise InputError(
            f"The data set {data.name} has one case and cannot be split.",
            "Add cases, or train on what there is with 'unetsegment train'.",
        )
    if given.folds is None:
        return
    if given.folds < 2:
        raise UsageError(f"{given.folds} folds hold nothing out.", "Give 2 or more.")
    if data.folds and len(data.folds) != given.folds:
        raise InputError(
            f"The data set {data.name} comes with {len(data.folds)} folds of its own, not {given.folds}.",
            "Leave --folds out; or name folds of your own in a CSV file of cases, column 'fold'.",
        )


def _request(source: Path, given: PlanOptions, folder: Path, every_fold: bool) -> Request:
    from ...training.planning import Request
    from ...training.planning.configuration import FOLDS

    if given.start_from is not None and (given.network is not None or given.pretrained is not None):
        raise UsageError(
            "A training that begins with a model (--from) keeps its network and its weights.",
            "Leave --network and --pretrained out, or leave --from out.",
        )
    minutes = _MINUTES if given.minutes is None else given.minutes
    return Request(
        output=str(folder.resolve()),
        minutes=minutes,
        fold=_fold(given.fold),
        start_from=_absolute(given.start_from),
        device=given.device or "auto",
        threads=given.threads or 0,
        seed=given.seed or 0,
        source=str(source.resolve()),
        folds=given.folds or FOLDS,
        every_fold=every_fold,
        pretrained=_absolute(given.pretrained),
        compile=bool(given.compile),
    )


def _absolute(text: str | None) -> str | None:
    """A path that is there, so that the plan means the same wherever one stands; names stay names."""
    try:
        return str(Path(text).resolve()) if text is not None and Path(text).exists() else text
    except (OSError, ValueError):
        return text


def _fold(text: str | None) -> int | None:
    if text is None:
        return 0
    if text.lower() in ("none", "all"):
        return None
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"'{text}' is no fold.", "Give a number from 0, or 'none' to train on every case.")
    return int(text)


def _check_single_process() -> None:
    """Processes that plan by themselves would each measure another pace and train another plan."""
    import torch

    if torch.distributed.is_available() and torch.distributed.is_torchelastic_launched():
        raise InputError(
            "Several processes cannot plan together.",
            "Plan first (--plan-only), then start torchrun with the plan.json.",
        )
