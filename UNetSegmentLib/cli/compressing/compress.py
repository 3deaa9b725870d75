"""``unetsegment compress``: a model made smaller and faster, with its loss measured on cases."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import UsageError
from ...progress import CancelToken, ProgressCallback
from ..options.numbers import check_number
from ..terminal.console import progress_bar
from ..terminal.session import DebugOption, JsonOption, print_json, session
from .distilling import (
    Distilling,
    DistillTrainingOption,
    MinutesOption,
    SizeOption,
    StepsOption,
    TeacherOption,
    UnlabelledOption,
    distilling_step,
)
from .pruning import (
    ExitOption,
    MultipleOption,
    PruneStepsOption,
    Pruning,
    ShareOption,
    TrainingOption,
    TuningOption,
    WorkOption,
    pruning_step,
)
from .result import as_document, show

if TYPE_CHECKING:
    from ...compression.chain import Step

CASES = "Images like those that the model is for, in any layout that 'train' reads, or images alone."


def compress(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of an installed model, or a package's path.")],
    cases: Annotated[Path, typer.Option(metavar="FOLDER", help=CASES)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="The new package.")],
    distill: SizeOption = None,
    unlabelled: UnlabelledOption = None,
    steps: StepsOption = None,
    minutes: MinutesOption = None,
    teacher: TeacherOption = None,
    distill_training: DistillTrainingOption = None,
    prune: ShareOption = None,
    prune_exit: ExitOption = None,
    prune_steps: PruneStepsOption = 3,
    prune_fine_tune: TuningOption = 250,
    prune_multiple: MultipleOption = 8,
    prune_training: TrainingOption = None,
    prune_work: WorkOption = None,
    int8: Annotated[bool, typer.Option("--int8", help="Add an INT8 form for CPUs (OpenVINO).")] = False,
    max_loss: Annotated[
        float | None,
        typer.Option(
            help="Mean Dice that INT8 may lose (0.003): layers stay in float until no more is. A student that "
            "loses more is not written (without this option any is), nor is a pruned model (0.005)."
        ),
    ] = None,
    calibration: Annotated[int, typer.Option(help="Tiles that INT8 is calibrated with.")] = 64,
    fold: Annotated[
        int | None, typer.Option(min=0, help="Measure on the cases that this fold holds out, use the others.")
    ] = None,
    measured: Annotated[int, typer.Option(min=0, help="Measure on so many cases at most; 0 takes all.")] = 0,
    finetune: Annotated[
        int, typer.Option(min=0, help="Steps of fine-tuning with rounding, where calibration alone loses too much.")
    ] = 0,
    unreached: Annotated[
        bool, typer.Option("--unreached", help="Write the package even where --max-loss cannot be kept.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an older package, and an INT8 form that the model has.")
    ] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make a model smaller and faster.

    Writes a new package; its card says what was done, on which cases, and what it lost.

    Example: unetsegment compress hippocampus-t1 --int8 --cases my-data -o hippocampus-int8

    With --int8 the full weights stay in the package: the preset 'fast' takes the INT8 form, the others the weights.
    Half of the cases calibrate, the others are measured; --fold tells which. Without labels the INT8 form is compared
    with what the full network finds.

    Example: unetsegment compress hippocampus-fold0 --distill 0.25 --cases msd_hippocampus --fold 0 -o student

    With --distill a smaller network learns from the model's answers beside the labels, never on the cases that --fold
    holds out. Ctrl-C leaves a checkpoint in OUTPUT-training, from which the same command goes on.

    Example: unetsegment compress hippocampus-fold0 --prune 0.5 --cases msd_hippocampus --fold 0 -o hippocampus-half

    With --prune the model is trained further after each removal of channels, never on the cases that --fold holds out:
    give the fold that the model itself was trained without, so that the loss is measured on cases that neither has
    seen. Where several ways are chosen, a student is distilled first, then pruned, then made INT8.
    """
    with session(debug, json) as cancel:
        check_number("calibration", calibration, 1, 4096, "tiles")
        if max_loss is not None:
            check_number("max-loss", max_loss, 0, 0.999, "Dice")
        distilling = Distilling(distill, unlabelled, steps, minutes, tuple(teacher or ()), distill_training)
        distilling.check()
        pruning = Pruning(prune, prune_exit, prune_steps, prune_fine_tune, prune_multiple, prune_training, prune_work)
        pruning.check()
        asked = _Asked(
            cases, output, distilling, pruning, int8, max_loss, calibration, fold, measured, finetune, unreached, force
        )
        with progress_bar(not json) as progress:
            chain = _steps(asked, progress, cancel)
            if not chain:
                raise UsageError(
                    "Nothing to do: no way of compressing was chosen.", "Add --distill 0.25, --prune 0.5 or --int8."
                )
            from ...compression.chain import compress as run

            result = run(model, output, chain, force)
        if json:
            print_json(as_document(result))
        else:
            show(result)


@dataclass(frozen=True)
class _Asked:
    """The options as they were given."""

    cases: Path
    output: Path
    distilling: Distilling
    pruning: Pruning
    int8: bool
    max_loss: float | None
    calibration: int
    fold: int | None
    measured: int
    finetune: int
    unreached: bool
    force: bool


def _steps(asked: _Asked, progress: ProgressCallback | None, cancel: CancelToken) -> list[Step]:
    """The chosen recipes in their order: distil, prune, quantise."""
    distilled = distilling_step(
        asked.distilling,
        asked.cases,
        asked.output,
        asked.fold,
        asked.max_loss,
        asked.unreached,
        asked.force,
        progress,
        cancel,
    )
    pruned = pruning_step(
        asked.pruning,
        asked.cases,
        asked.fold,
        asked.measured,
        asked.max_loss,
        asked.unreached,
        asked.force,
        progress,
        cancel,
    )
    steps = [step for step in (distilled, pruned) if step is not None]
    if asked.int8:
        steps.append(_int8(asked, progress, cancel))
    return steps


def _int8(asked: _Asked, progress: ProgressCallback | None, cancel: CancelToken) -> Step:
    from ...compression.chain import Step
    from ...compression.quantization import QuantizationRecipe, quantize

    limits = {} if asked.max_loss is None else {"max_loss": asked.max_loss, "max_change": asked.max_loss}
    recipe = QuantizationRecipe(
        tiles=asked.calibration,
        fold=asked.fold,
        most_measured=asked.measured,
        finetune_steps=asked.finetune,
        unreached=asked.unreached,
        again=asked.force,
        **limits,
    )
    return Step("INT8", lambda source, output: quantize(source, output, asked.cases, recipe, progress, cancel))
