"""Where the results folders lie in a source, and what each of them holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ....errors import ModelError
from ..archive import SourceFiles

PLANS, DATASET = "plans.json", "dataset.json"
CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth")

_FOLD = re.compile(r"fold_(\d+|all)/([^/]+\.(?:pth|model))")
_NAME = re.compile(r"(?P<trainer>.+?)__(?P<plans>.+?)__(?P<configuration>.+)")


@dataclass(frozen=True)
class ResultsFolder:
    """One trained configuration.

    Args:
        files: by their names in the folder.
        dataset: name of the folder around it (``Dataset004_Hippocampus``), empty when there is none.
        trainer, plans, configuration: of the folder's name, empty when it was renamed.
        checkpoints: file names by fold.
    """

    files: SourceFiles
    dataset: str
    trainer: str
    plans: str
    configuration: str
    checkpoints: dict[str, tuple[str, ...]]

    @property
    def shown(self) -> str:
        """For messages."""
        return self.files.root or self.files.path.name

    def chosen(self, folds: Sequence[int | str] | None, checkpoint: str | None) -> dict[str, str]:
        """The checkpoint of every fold that is asked for, by fold; as nnU-Net ``fold_all`` only if there is no other.

        Raises:
            ModelError: a fold or checkpoint that is not there, naming those that are.
        """
        there = [fold for fold in self.checkpoints if fold != "all"] or list(self.checkpoints)
        wanted = [str(fold).strip() for fold in folds] if folds is not None else there
        missing = [fold for fold in wanted if fold not in self.checkpoints]
        if missing or not wanted:
            raise ModelError(
                f"The results '{self.shown}' have no fold {', '.join(missing)}.",
                f"Choose among the folds that they have: {', '.join(self.checkpoints)}.",
            )
        return {fold: self._checkpoint(fold, checkpoint) for fold in dict.fromkeys(wanted)}

    def _checkpoint(self, fold: str, wanted: str | None) -> str:
        there = self.checkpoints[fold]
        for name in (wanted,) if wanted else CHECKPOINTS:
            if name in there:
                return f"fold_{fold}/{name}"
        listed = ", ".join(there)
        if wanted:
            raise ModelError(f"Fold {fold} of '{self.shown}' has no '{wanted}'.", f"It has: {listed}.")
        raise ModelError(
            f"Fold {fold} of '{self.shown}' has neither {' nor '.join(CHECKPOINTS)}.",
            f"It has {listed}: name the one to use (--checkpoint), or copy the finished training again.",
        )


def find_results(files: SourceFiles) -> list[ResultsFolder]:
    """Every folder of the source that holds plans, a data set's description and a fold with a checkpoint."""
    roots = [name.removesuffix(PLANS).rstrip("/") for name in files.names() if name.split("/")[-1] == PLANS]
    found = [_results(files, root) for root in roots if files.has(f"{root}/{DATASET}" if root else DATASET)]
    return [results for results in found if results.checkpoints]


def sibling(results: ResultsFolder, configuration: str, among: Sequence[ResultsFolder]) -> ResultsFolder:
    """The results of another configuration of the same trainer and plans, e.g. a cascade's first stage.

    Raises:
        ModelError: it is not in the source; the message names the folder.
    """
    same = (results.dataset, results.trainer, results.plans)
    for other in among:
        if (other.dataset, other.trainer, other.plans) == same and other.configuration == configuration:
            return other
    name = f"{results.trainer}__{results.plans}__{configuration}" if results.trainer else configuration
    raise ModelError(
        f"'{results.shown}' is the second stage of a cascade and needs the first one, which is not in the source: "
        f"the folder '{name}'.",
        f"Import the folder (or a zip of it) that holds both, usually {results.dataset or 'the data set'}'s.",
    )


def _results(files: SourceFiles, root: str) -> ResultsFolder:
    here = files.below(root)
    path = f"{files.path.name}/{root}".rstrip("/").split("/")
    if files.path.suffix.lower() == ".zip" and root:
        path = root.split("/")
    name = _NAME.fullmatch(path[-1].removesuffix(".zip"))
    # Only the folder right above may name the data set; for a results folder given by itself that lies outside.
    above = path[-2] if len(path) > 1 else ""
    if not root and files.path.is_dir():
        above = files.path.resolve().parent.name
    checkpoints: dict[str, list[str]] = {}
    for member in here.names():
        fold = _FOLD.fullmatch(member)
        if fold:
            checkpoints.setdefault(fold.group(1), []).append(fold.group(2))
    ordered = sorted(checkpoints, key=lambda fold: (not fold.isdigit(), int(fold) if fold.isdigit() else 0))
    return ResultsFolder(
        here,
        above if re.match(r"Dataset\d", above) else "",
        name["trainer"] if name else "",
        name["plans"] if name else "",
        name["configuration"] if name else "",
        {fold: tuple(checkpoints[fold]) for fold in ordered},
    )
