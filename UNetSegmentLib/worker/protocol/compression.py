"""Making a smaller, quicker version of a model: what is ordered, what came of it, and the messages that carry both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

INT8 = "int8"


@dataclass(frozen=True)
class CompressionOrder:
    """What to make.

    Args:
        model: path of the package that it is made of.
        cases: folder of cases that it is made with and measured on, see :mod:`UNetSegmentLib.compression.cases`.
        name, title: of the model that has the quick version in the end. Another name than the source's makes a copy.
        recipe: ``int8`` adds an 8-bit form to the package.
        allowed_loss: mean Dice that may be lost on the cases, 0 to 1.
        copied: the client's private folder that the cases were copied to for this order; empty where they are others.
    """

    model: str
    cases: str
    name: str
    title: str
    recipe: str = INT8
    allowed_loss: float = 0.003
    copied: str = ""


@dataclass(frozen=True)
class CompressionOutcome:
    """A quick version that was made.

    Args:
        name, version, title, folder: of the package that has it.
        recipe: how it was made.
        bytes_before, bytes_after: what the networks take on the disk, full and small.
        cases: how many it was measured on.
        dice_before, dice_after: means over labels and cases, 0 to 1; None without label maps.
        agreement: share of the voxels that get the label which the full model gives, 0 to 1; None where not measured.
        worst_loss: the largest drop of a single case's mean Dice; None without label maps.
        speed: how many times quicker it is on this computer; None where not measured.
        notes: what was chosen on the way, and what the user should know.
        seconds: that making it took.
    """

    name: str
    version: str
    title: str
    folder: str
    recipe: str
    bytes_before: int
    bytes_after: int
    cases: int = 0
    dice_before: float | None = None
    dice_after: float | None = None
    agreement: float | None = None
    worst_loss: float | None = None
    speed: float | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Compress:
    """Make a quick version of a model. Answer: ``compressed``. One that is cancelled leaves nothing.

    Args:
        models: folder that the package is put in; None is the user's model folder.
    """

    kind: ClassVar[str] = "compress"
    id: int
    order: CompressionOrder
    models: str | None = None


@dataclass(frozen=True)
class Compressed:
    """The quick version is installed."""

    kind: ClassVar[str] = "compressed"
    id: int
    outcome: CompressionOutcome
