"""What an importer is asked, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ...progress import CancelToken, ProgressCallback, Stage
from ..card import ModelCard

if TYPE_CHECKING:
    from ..weights import StateDict


@dataclass(frozen=True)
class ImportOptions:
    """What the user asked for; an importer passes over what does not concern it.

    Args:
        trust: the user's word that a source that is a program (TorchScript, ONNX) may be used.
        contract: JSON file that describes such a program's input and output.
        configuration: only this one of the source's configurations (nnU-Net: ``3d_fullres`` ...).
        folds: only these folds; all that there are by default.
        licence: what the user says of the licence, where the source says nothing.
        checkpoint: file name of the checkpoint in each fold, where another than the importer's first choice is wanted.
        progress, cancel: told about, and looked at, between steps.
    """

    trust: bool = False
    contract: Path | None = None
    configuration: str | None = None
    folds: tuple[int | str, ...] | None = None
    checkpoint: str | None = None
    licence: str = ""
    progress: ProgressCallback | None = None
    cancel: CancelToken | None = None

    def stage(self, name: str, total: int, message: str = "") -> Stage:
        """A stage of the import, reported to whoever asked for it."""
        return Stage(name, total, self.progress, self.cancel, message)


@dataclass(frozen=True)
class Imported:
    """A model in our terms, not yet on the disk.

    Args:
        card: complete but for ``weights`` and ``digests``.
        weights: one for each fold: a state dict on the CPU, or the file of a network that is a program of its own.
        companions: one for each entry of ``card.companions``, in the same order.
        extra: the files that ``card.forms`` name.
        variant: tells this model from the others of the same source, e.g. ``3d_fullres``; added to a name that the user
            gives for all of them.
    """

    card: ModelCard
    weights: Sequence[StateDict | Path]
    companions: Sequence[Imported] = field(default=())
    variant: str = ""
    extra: Mapping[str, Path] = field(default_factory=dict)
