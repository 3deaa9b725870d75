"""The table of contents of a data set, whatever folder it came in."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...errors import InputError
from ...io.segment_names import SegmentNames

_FOLD_SEED = 5


@dataclass(frozen=True)
class CaseFiles:
    """The files of one case.

    Args:
        name: unlike that of any other case.
        images: the channels in order; a file may hold several (a colour photograph, a 4D volume).
        label: the label map.
        mask: an image that is above 0 where the case is judged; None judges everything.
    """

    name: str
    images: tuple[Path, ...]
    label: Path
    mask: Path | None = None


@dataclass(frozen=True)
class Region:
    """A union of label values that is an output of its own; regions may overlap.

    Args:
        values: label values that it unites.
        value: what it is painted as, later regions over earlier ones.
    """

    name: str
    values: tuple[int, ...]
    value: int


@dataclass(frozen=True)
class Dataset:
    """Cases, channels and labels.

    Args:
        name: of the data set, for messages and the model card.
        folder: where it lies (a CSV's own folder).
        layout: name of the layout that was read.
        cases: in natural order (case 2 before case 10).
        channels: their names; empty where the files alone tell how many there are.
        labels: name of each label value but 0; empty where the files alone tell which there are.
        regions: overlapping outputs made of the labels, in the order of painting; empty for exclusive labels.
        values: value in the files to label value, where they differ; other values are then errors.
        ignored: label value of voxels that are not judged; masks are read as this value too.
        segments: names of the segments in the label files, where these decide what is what; their values are those of
            ``labels``.
        notes: sentences on what was chosen while the data set was read.
        folds: names of cases that are held out together; empty where the data set defines none.
        modality: ``CT``, ``MR``, ``fundus``, ...; empty where unknown.
        licence, reference: of the data, for the model card.
        pixels: whether scores of pixels (F1, AUC) are what the field reports.

    Raises:
        InputError: no cases, two cases of one name, or a fold that names an unknown case.
    """

    name: str
    folder: Path
    layout: str
    cases: tuple[CaseFiles, ...]
    channels: tuple[str, ...] = ()
    labels: dict[int, str] = field(default_factory=dict)
    regions: tuple[Region, ...] = ()
    values: dict[int, int] = field(default_factory=dict)
    ignored: int | None = None
    segments: SegmentNames = field(default_factory=SegmentNames)
    notes: tuple[str, ...] = ()
    folds: tuple[tuple[str, ...], ...] = ()
    modality: str = ""
    licence: str = ""
    reference: str = ""
    pixels: bool = False

    def __post_init__(self) -> None:
        if not self.cases:
            raise InputError(f"There are no cases in {self.folder}.", "Give a folder with images and their label maps.")
        name, count = Counter(case.name for case in self.cases).most_common(1)[0]
        if count > 1:
            raise InputError(f"The data set has {count} cases named {name}.", "Give every case a name of its own.")
        known = set(self.names)
        for number, names in enumerate(self.folds):
            unknown = [name for name in names if name not in known]
            if unknown:
                raise InputError(
                    f"Fold {number} of the data set {self.name} names the case {unknown[0]}, which has no image.",
                    "Correct the fold or add the image.",
                )

    @property
    def files(self) -> dict[str, CaseFiles]:
        """The cases by name."""
        return {case.name: case for case in self.cases}

    @property
    def names(self) -> list[str]:
        """Of the cases, in their order."""
        return [case.name for case in self.cases]

    def split(self, fold: int | None) -> tuple[list[str], list[str]]:
        """Names to train on and names held out. ``None`` trains on all and holds out none.

        Raises:
            InputError: there is no such fold.
        """
        if fold is None:
            return self.names, []
        if not 0 <= fold < len(self.folds):
            raise InputError(
                f"The data set {self.name} has {len(self.folds)} folds, numbered from 0, and no fold {fold}.",
                "Choose another fold, or add 'folds' (lists of case names) to dataset.json.",
            )
        held_out = set(self.folds[fold])
        return [n for n in self.names if n not in held_out], [n for n in self.names if n in held_out]

    def split_to_train(self, fold: int | None) -> tuple[list[str], list[str]]:
        """As :meth:`split`, of which something must be left to learn from.

        Raises:
            InputError: there is no such fold, or it holds out every case.
        """
        names, held_out = self.split(fold)
        if not names:
            raise InputError(
                f"Fold {fold} of the data set {self.name} holds out all {len(held_out)} cases: nothing is left to "
                "learn from.",
                "Mark some cases for another fold (or for train), or hold none out: --fold none.",
            )
        return names, held_out

    def with_folds(self, count: int) -> Dataset:
        """The data set itself where it defines folds, else with ``count`` of them, cases drawn by a fixed seed.

        Fewer where there are not that many cases; a single case cannot be split and stays without folds.
        """
        count = min(count, len(self.cases))
        if self.folds or count < 2:
            return self
        names = self.names
        random.Random(_FOLD_SEED).shuffle(names)
        own = {name: n % count for n, name in enumerate(names)}
        return replace(self, folds=tuple(tuple(n for n in self.names if own[n] == fold) for fold in range(count)))
