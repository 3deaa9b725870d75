"""The options of ``compress`` that distil."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import UsageError
from ...progress import CancelToken, ProgressCallback
from ..options.numbers import check_number

if TYPE_CHECKING:
    from ...compression.chain import Step

_SIZE = "Train a student with this share of the operations, such as 0.25, on the model's answers. Needs labels, --fold."
_UNLABELLED = "Images without label maps that the student learns from too; the model alone judges them."
_STEPS = "Training steps of the student; as many as fit into --minutes by default."
_TEACHER = "A further model whose answers are averaged with the first one's; may be given several times."
_TRAINING = "training.json of the model's training, to train like (else that beside the package, or one planned)."

SizeOption = Annotated[float | None, typer.Option("--distill", metavar="SIZE", help=_SIZE)]
UnlabelledOption = Annotated[Path | None, typer.Option("--unlabelled", metavar="FOLDER", help=_UNLABELLED)]
StepsOption = Annotated[int | None, typer.Option("--steps", min=1, help=_STEPS)]
MinutesOption = Annotated[
    float | None, typer.Option("--minutes", help="Minutes that the student may train, 60 by default.")
]
TeacherOption = Annotated[list[str] | None, typer.Option("--teacher", metavar="MODEL", help=_TEACHER)]
DistillTrainingOption = Annotated[Path | None, typer.Option("--distill-training", metavar="FILE", help=_TRAINING)]


@dataclass(frozen=True)
class Distilling:
    """The options as they were given; see :class:`~UNetSegmentLib.compression.distillation.DistillationRecipe`."""

    size: float | None
    unlabelled: Path | None
    steps: int | None
    minutes: float | None
    teachers: tuple[str, ...]
    training: Path | None

    def check(self) -> None:
        """Raises InputError for what cannot be."""
        if self.size is not None:
            check_number("distill", self.size, 0.001, 1)
        if self.minutes is not None:
            check_number("minutes", self.minutes, 0.01, 1_000_000, "minutes")
        alone = {
            "--unlabelled": self.unlabelled,
            "--steps": self.steps,
            "--minutes": self.minutes,
            "--teacher": self.teachers or None,
            "--distill-training": self.training,
        }
        given = [name for name, value in alone.items() if value is not None]
        if self.size is None and given:
            raise UsageError(f"{given[0]} is of a student's training.", "Add --distill 0.25, or leave it out.")


def distilling_step(
    asked: Distilling,
    cases: Path,
    output: Path,
    fold: int | None,
    max_loss: float | None,
    unreached: bool,
    again: bool,
    progress: ProgressCallback | None,
    cancel: CancelToken,
) -> Step | None:
    """The step of the chain; None where nothing is distilled. The training lies beside ``output``, so that one that
    was cut off goes on."""
    if asked.size is None:
        return None
    from ...compression.chain import Step
    from ...compression.distillation import DistillationRecipe, distill

    recipe = DistillationRecipe(
        size=asked.size,
        fold=fold,
        steps=asked.steps,
        minutes=60.0 if asked.minutes is None else asked.minutes,
        unlabelled=None if asked.unlabelled is None else str(asked.unlabelled),
        max_loss=max_loss,
        unreached=unreached,
        again=again,
        training=None if asked.training is None else str(asked.training),
    )
    work = output.with_name(f"{output.name}-training")
    return Step(
        "Distillation",
        lambda source, place: distill([source, *asked.teachers], place, cases, recipe, progress, cancel, work),
    )
