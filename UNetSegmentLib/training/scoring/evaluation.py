"""How good a model is on held-out cases, through the whole engine: what users get, not what training sees."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...inference import EngineSettings, Segmenter
from ...models import Model
from ...models.card import Accuracy
from ...progress import CancelToken, ProgressCallback, Stage
from ...reporting import LabelScores, LabelSummary, compare, summarize
from ...volume import Segmentation
from ..cases.dataset import open_dataset, read_pair
from ..layouts.dataset import Dataset
from ..layouts.naming import numbered_like


@dataclass(frozen=True)
class Evaluation:
    """Scores of every case and their summary per label.

    Args:
        scores: for each case name, one entry per label of the model.
        summary: means over the cases, one entry per label.
        tolerance_mm: of the normalised surface Dice.
        notes: what reading and segmenting chose, each once.
    """

    split: str
    scores: dict[str, list[LabelScores]]
    summary: list[LabelSummary]
    tolerance_mm: float
    notes: tuple[str, ...] = ()

    def accuracy(self) -> tuple[Accuracy, ...]:
        """The lines for a model card, rounded to what the number of cases supports."""
        return tuple(_line(self.split, line, self.tolerance_mm) for line in self.summary)


def evaluate_fold(
    model: Model,
    dataset: str | Path | Dataset,
    fold: int,
    cases: Sequence[str] | None = None,
    tolerance_mm: float = 1.0,
    device: str = "auto",
    settings: EngineSettings | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    until: float | None = None,
) -> Evaluation:
    """Segments the cases that ``fold`` holds out and compares them with their label maps, labels of equal name with
    each other where both sides have names.

    Args:
        model: trained without that fold, or the numbers mean nothing.
        dataset: a folder in one of the known :mod:`.layouts`, or what was read of it.
        cases: only these of the fold's cases.
        settings: of the engine; the preset ``balanced`` when None.
        until: on :func:`time.monotonic`'s clock: no further case is begun after it, but one is always scored.

    Raises:
        InputError: no such fold, or a case that the fold does not hold out.
    """
    data = numbered_like(dataset if isinstance(dataset, Dataset) else open_dataset(dataset), model.card.labels)
    held_out = data.split(fold)[1]
    strangers = [name for name in cases or () if name not in held_out]
    if strangers:
        raise InputError(f"Fold {fold} does not hold out the case {strangers[0]}.", "Choose cases of the fold.")
    names = list(cases) if cases is not None else held_out
    segmenter = Segmenter(model, device=device, settings=settings)
    values = [label.value for label in model.card.labels]
    stage = Stage("evaluate", len(names), progress, cancel)
    scores: dict[str, list[LabelScores]] = {}
    notes: dict[str, None] = {}
    for name in names:
        if scores and until is not None and time.monotonic() > until:
            notes[f"{len(scores)} of {len(names)} held-out cases were scored, since the time was up."] = None
            break
        volume, reference = read_pair(data, name)
        result = segmenter.segment(volume, cancel=cancel)
        notes |= dict.fromkeys(result.warnings)
        scores[name] = score_case(result.segmentation, reference, data, tolerance_mm, values)
        stage.step(message=name)
    split = f"fold {fold}, held out"
    return Evaluation(split, scores, _summary(list(scores.values()), model), tolerance_mm, tuple(notes))


def score_case(
    prediction: Segmentation, reference: Segmentation, data: Dataset, tolerance_mm: float, values: Sequence[int]
) -> list[LabelScores]:
    """Scores where the case is judged; a region counts as the union of its labels, on both sides."""
    if data.ignored is not None:
        judged = reference.voxels != data.ignored
        prediction = replace(prediction, voxels=prediction.voxels * judged)
        reference = replace(reference, voxels=reference.voxels * judged)
    if not data.regions:
        return compare(prediction, reference, tolerance_mm, values)
    scores = []
    for region in data.regions:
        sides = [_united(side, region.values, region.value) for side in (prediction, reference)]
        scores += compare(sides[0], sides[1], tolerance_mm, [region.value])
    return scores


def _united(segmentation: Segmentation, values: Sequence[int], value: int) -> Segmentation:
    mask = np.isin(segmentation.voxels, values)
    return replace(segmentation, voxels=np.where(mask, np.array(value, segmentation.voxels.dtype), 0), labels=())


def _summary(scores: list[list[LabelScores]], model: Model) -> list[LabelSummary]:
    """Under the model's own names for the labels."""
    names = {label.value: label for label in model.card.labels}
    return [replace(line, label=names[line.label.value]) for line in summarize(scores)]


def _line(split: str, line: LabelSummary, tolerance_mm: float) -> Accuracy:
    return Accuracy(
        label=line.label.name,
        split=split,
        cases=line.cases,
        dice=round(line.dice or 0.0, 4),
        hd95_mm=None if line.hd95_mm is None else round(line.hd95_mm, 3),
        nsd=None if line.nsd is None else round(line.nsd, 4),
        nsd_tolerance_mm=tolerance_mm,
    )
