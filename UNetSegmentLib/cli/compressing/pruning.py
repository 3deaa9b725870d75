"""The options of ``compress`` that prune."""

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

_SHARE = "Remove channels until this share of the operations is gone, such as 0.5. Needs labels and --fold."
_EXIT = "Cut a U-Net++ after so many columns; 0 takes the shallowest exit that is good enough."
_TRAINING = "training.json of the model's training, to prune with (else that beside the package, or one planned)."
_WORK = "Keep what is made on the way: pruning that was cut off goes on from there."

ShareOption = Annotated[float | None, typer.Option("--prune", metavar="SHARE", help=_SHARE)]
ExitOption = Annotated[int | None, typer.Option("--prune-exit", metavar="COLUMN", min=0, help=_EXIT)]
PruneStepsOption = Annotated[
    int, typer.Option("--prune-steps", min=1, max=50, help="Remove the channels in so many steps.")
]
TuningOption = Annotated[
    int,
    typer.Option(
        "--prune-fine-tune", min=0, help="Training steps after each removal of channels, twice as many at last."
    ),
]
MultipleOption = Annotated[
    int, typer.Option("--prune-multiple", min=1, max=256, help="Widths become multiples of so many channels.")
]
TrainingOption = Annotated[Path | None, typer.Option("--prune-training", metavar="FILE", help=_TRAINING)]
WorkOption = Annotated[Path | None, typer.Option("--prune-work", metavar="FOLDER", help=_WORK)]


@dataclass(frozen=True)
class Pruning:
    """The options as they were given; see :class:`~UNetSegmentLib.compression.pruning.PruningRecipe`."""

    share: float | None
    exit: int | None
    steps: int
    tuning: int
    multiple: int
    training: Path | None
    work: Path | None

    def check(self) -> None:
        """Raises InputError for what cannot be."""
        if self.share is not None:
            check_number("prune", self.share, 0.01, 0.99)
            if self.exit is not None:
                raise UsageError(
                    "--prune and --prune-exit are for different networks.",
                    "Give --prune-exit for a U-Net++ and --prune for any other U-Net.",
                )


def pruning_step(
    asked: Pruning,
    cases: Path,
    fold: int | None,
    measured: int,
    max_loss: float | None,
    unreached: bool,
    again: bool,
    progress: ProgressCallback | None,
    cancel: CancelToken,
) -> Step | None:
    """The step of the chain; None where nothing is pruned."""
    from ...compression.chain import Step
    from ...compression.pruning import ExitRecipe, PruningRecipe, cut_at_exit, prune

    loss = {} if max_loss is None else {"max_loss": max_loss}
    if asked.exit is not None:
        exits = ExitRecipe(asked.exit or None, fold, unreached=unreached, most_measured=measured, again=again, **loss)
        return Step("Exit", lambda source, output: cut_at_exit(source, output, cases, exits, progress, cancel))
    if asked.share is None:
        return None
    recipe = PruningRecipe(
        share=asked.share,
        fold=fold,
        steps=asked.steps,
        fine_tuning_steps=asked.tuning,
        multiple=asked.multiple,
        training=None if asked.training is None else str(asked.training),
        unreached=unreached,
        most_measured=measured,
        again=again,
        **loss,  # type: ignore[arg-type]
    )
    return Step("Pruning", lambda source, output: prune(source, output, cases, recipe, progress, cancel, asked.work))
