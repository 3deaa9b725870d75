"""One training, from the configuration to the model package."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ...errors import DependencyError, InputError, OutputError, ResourceError
from ...geometry import in_xyz
from ...inference.devices import choose_device
from ...io.atomic import check_writable
from ...progress import CancelToken, ProgressCallback
from ..cases.case import Case
from ..cases.dataset import load_cases, open_dataset
from ..cases.labelling import Labelling, labelling_of
from ..cases.mapped_cases import MappedCases
from ..config.config import TrainingConfig
from ..layouts.naming import numbered_like
from ..processes.distributed import World, join_world
from ..teaching.unlabelled import load_unlabelled
from .clock import After, Clock, report_passes
from .curve import write_curve
from .export import export_model
from .lock import locked
from .run import CHECKPOINT, LOG, Run
from .state import load_checkpoint, start_state
from .threads import torch_threads

log = logging.getLogger(__name__)

MODEL = "model"


@dataclass(frozen=True)
class TrainingResult:
    """What a training left behind: the package's folder, the CSV log, the curve, and the Dice per label of the
    validation that saw the package's network, the last or the best one (None without held-out cases). ``first`` is
    False in further processes, which write nothing. ``steps`` were taken; ``until`` is the end of the time that was
    promised, on :func:`time.monotonic`'s clock (None where none was)."""

    model: Path
    log: Path
    curve: Path | None
    dice: tuple[float, ...] | None
    seconds: float
    first: bool = True
    steps: int = 0
    until: float | None = None


def train(
    config: TrainingConfig,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    prepare: Callable[[nn.Module], None] | None = None,
) -> TrainingResult:
    """Trains, or goes on with, the run in ``config.output``; no longer than ``config.minutes`` where these are set.

    A folder that holds a checkpoint of the same configuration is resumed. ``progress`` gets
    :class:`~.events.TrainingEvent` every few steps. Cancelling ends it after the step that is being done, with a
    checkpoint, so that no step is lost.

    Args:
        prepare: changes how the network that is trained computes, not the names and shapes of its weights.

    Raises:
        InputError: data or configuration that cannot be used; another training runs in the folder; a run is resumed
            without cases that it began with.
        ResourceError: the device is not there.
        OutputError: the run's folder cannot be written.
        Cancelled: the token was set.
    """
    check_validation(config)
    world, device = join_world(choose_device(config.device))
    with torch_threads(config.threads), world.together(), _held(config, world):
        return _train(config, world, device, progress, cancel, prepare)


def _held(config: TrainingConfig, world: World) -> contextlib.AbstractContextManager[None]:
    """The folder, held by the first process."""
    folder = _output_folder(config)
    return locked(folder) if world.first else contextlib.nullcontext()


def _train(
    config: TrainingConfig,
    world: World,
    device: torch.device,
    progress: ProgressCallback | None,
    cancel: CancelToken | None,
    prepare: Callable[[nn.Module], None] | None = None,
) -> TrainingResult:
    clock = Clock(60.0 * config.minutes)
    output = Path(config.output)
    data = numbered_like(open_dataset(config.dataset, config.layout, config.folds), config.card.labels)
    names, held_out = data.split_to_train(config.fold)
    if not names:
        raise InputError("No case is left to train on.", "Choose another fold.")
    labelling = labelling_of(config)
    store = MappedCases(output / f"prepared-{world.rank}")
    try:
        cases = load_cases(data, names, config.card, progress, cancel, labelling, store)
        cases += _unlabelled(config, labelling, progress, cancel, store)
        looked_at = held_out[: config.validation_cases or None] if world.first else []
        clock.after = After(len(looked_at), report_passes(config, len(held_out), data.pixels))
        validation = load_cases(data, looked_at, config.card, progress, cancel, labelling, store)
        run = Run(config, cases, validation, world, device, progress, cancel, clock, prepare)
        dice = run.to_the_end()
    except torch.OutOfMemoryError as error:
        raise ResourceError(
            f"{device} has too little memory for a batch of {config.batch} patches of "
            f"{in_xyz(config.card.inference.patch)} voxels (x, y, z).",
            "Lower 'batch', or the patch in the configuration's card.",
            str(error),
        ) from error
    finally:
        store.remove()
    model, curve = package_run(run.state.result(), config) if world.first else (output / MODEL, None)
    world.leave()
    dice = dice if world.first else None
    return TrainingResult(model, output / LOG, curve, dice, clock.elapsed, world.first, run.state.step, clock.until)


def _unlabelled(
    config: TrainingConfig,
    labelling: Labelling,
    progress: ProgressCallback | None,
    cancel: CancelToken | None,
    store: MappedCases,
) -> list[Case]:
    """The cases that the teacher alone judges."""
    folder = config.teacher.unlabelled if config.teacher else None
    return [] if folder is None else load_unlabelled(folder, config.card, labelling, progress, cancel, store)


def package_run(network: nn.Module, config: TrainingConfig) -> tuple[Path, Path | None]:
    """Writes the package and the curve of a run into its folder; returns where they are."""
    output = Path(config.output)
    return export_model(config.card, network, output / MODEL), _curve(output, config.card.name)


def package_checkpoint(config: TrainingConfig) -> Path:
    """A package from the last checkpoint of a run that has not come to its end.

    Raises:
        InputError: there is no checkpoint of this configuration.
    """
    device = torch.device("cpu")
    state = start_state(config, torch.Generator(), device, False, resumed=True)
    load_checkpoint(state, config, Path(config.output) / CHECKPOINT)
    return package_run(state.result(), config)[0]


def check_validation(config: TrainingConfig) -> None:
    """Some rules live on validations, which need held-out cases."""
    asked = {"schedule 'plateau'": config.schedule.kind == "plateau", "early_stop": config.early_stop > 0}
    asked["keep 'best'"] = config.keep == "best"
    names = [name for name, wanted in asked.items() if wanted]
    if config.fold is None and names:
        raise InputError(
            f"{names[0]} follows the held-out Dice, but no fold is held out.",
            "Set 'fold', or choose a schedule, a length and weights that need no validation.",
        )


def _output_folder(config: TrainingConfig) -> Path:
    folder = Path(config.output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The run's folder {folder} cannot be written.", "Choose another.", str(error)) from error
    check_writable(folder / CHECKPOINT)
    return folder


def _curve(output: Path, title: str) -> Path | None:
    path = output / "curve.png"
    try:
        write_curve(output / LOG, path, title)
    except DependencyError as error:
        log.warning("%s", error)
        return None
    return path
