"""What a recipe gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..models.model import Model
from .measuring import Measured


@dataclass(frozen=True)
class Compressed:
    """A model that was made smaller.

    Args:
        package: the folder of the new package.
        kind: what was done: ``int8``, ``pruned``, ``distilled``, ``quantization-aware``.
        before, after: how good the source and the result are on the same cases; None where no labels were given.
        bytes_before, bytes_after: what the networks take on the disk: the weights of the source, and those that run.
        seconds_before, seconds_after: of one tile through one network, side by side; 0 where it was not measured.
        notes: what was chosen on the way, and what the user should know.
    """

    package: Path
    kind: str
    before: Measured | None
    after: Measured | None
    bytes_before: int
    bytes_after: int
    notes: tuple[str, ...] = ()
    seconds_before: float = 0.0
    seconds_after: float = 0.0

    @property
    def loss(self) -> float | None:
        """Mean Dice that was lost; None where no labels were given."""
        if self.before is None or self.after is None:
            return None
        return self.before.mean - self.after.mean

    @property
    def speed(self) -> float | None:
        """How many times quicker a tile is; None where it was not measured."""
        return self.seconds_before / self.seconds_after if self.seconds_after else None


def weight_bytes(model: Model) -> int:
    """What the weights of a model take on the disk; of one in memory or in a zip file, what they would."""
    folder = model.folder
    if folder is not None and folder.is_dir():
        return sum((folder / name).stat().st_size for name in model.card.weights)
    states = (model.network(fold).state_dict() for fold in range(model.folds))
    return sum(value.numel() * value.element_size() for state in states for value in state.values())
