"""The configuration of a training: as it was written, or planned from a folder of images and label maps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from ...progress import CancelToken
from ..terminal.console import progress_bar, say, working
from .plan import PLAN, PlanOptions, describe, plan_folder

if TYPE_CHECKING:
    from ...training import TrainingConfig
    from ...training.planning import Plan


def configuration(
    command: str,
    source: Path,
    given: PlanOptions,
    resume: bool,
    talk: bool,
    cancel: CancelToken,
    unplanned: bool = False,
) -> tuple[TrainingConfig, Plan | None]:
    """What is to be run, and the plan where it was made now.

    Args:
        command: the one that asks.
        source: folder of a data set, or a written configuration.
        resume: go on with the plan in the run's folder.
        talk: tell about the plan.
        unplanned: something was asked for that a written configuration does not take either.

    Raises:
        InputError: a written configuration with options of planning, or no run to go on with.
        UNetSegmentError: see :func:`~.plan.plan_folder`.
    """
    from ...io.outputs import check_folder
    from ...training import load_config

    if source.suffix.lower() == ".json":
        if given.any or unplanned:
            raise InputError(
                f"{source.name} is a finished configuration; options of planning do not change it.",
                "Edit the file, or give the data set's folder instead.",
            )
        settings = load_config(source)
        check_folder(Path(settings.output))
        return settings, None
    folder = given.folder(source)
    if resume:
        if not (folder / PLAN).is_file():
            raise InputError(f"'{folder}' holds no run to go on with.", "Leave --resume out, or give its --output.")
        return load_config(folder / PLAN), None
    with progress_bar(talk) as bar, working("Loading torch", talk and bar is None):
        plan = plan_folder(source, given, bar, cancel, command)
    if talk:
        for line in describe(plan):
            say(line, error=True)
    return plan.config, plan
