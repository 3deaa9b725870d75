"""A training's progress for TensorBoard, which need not be installed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import DependencyError
from ...progress import ProgressCallback, ProgressEvent
from ..loop.events import TrainingEvent

if TYPE_CHECKING:
    from ..config.config import TrainingConfig


@contextlib.contextmanager
def tensorboard_log(config: TrainingConfig, then: ProgressCallback | None = None) -> Iterator[ProgressCallback]:
    """A progress callback that writes loss, learning rate and Dice into ``tensorboard/`` of the run's folder.

    Args:
        then: called with every event as well.

    Raises:
        DependencyError: TensorBoard is not installed.
    """
    writer = summary_writer()(str(Path(config.output) / "tensorboard"))
    names = [label.name for label in config.card.labels]

    def update(event: ProgressEvent) -> None:
        if isinstance(event, TrainingEvent):
            writer.add_scalar("loss", event.loss, event.done)
            writer.add_scalar("learning rate", event.learning_rate, event.done)
            for name, dice in zip(names, event.dice or (), strict=False):
                writer.add_scalar(f"dice/{name}", dice, event.done)
        if then is not None:
            then(event)

    try:
        yield update
    finally:
        writer.close()


def summary_writer() -> Any:
    """TensorBoard's writer, a class that is called with a folder.

    Raises:
        DependencyError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise DependencyError(
            "Writing for TensorBoard needs the package tensorboard, which is not installed.",
            "Run: pip install tensorboard",
            str(error),
        ) from error
    return SummaryWriter
