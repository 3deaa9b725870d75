"""How good a model is on cases, through the engine that users run: before and after, the same way."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import InputError
from ..inference.segmenter import Segmenter
from ..inference.settings import EngineSettings
from ..models.card import ModelCard
from ..models.model import Model
from ..progress import CancelToken, ProgressCallback, Stage
from ..reporting.measuring.metrics import LabelScores, compare
from ..training.scoring.evaluation import score_case
from ..volume import Segmentation
from .cases import CompressionCase, read_image, read_labels

_TOLERANCE_MM = 1.0


@dataclass(frozen=True)
class Measured:
    """Scores of every case and label.

    A label that neither side holds in a case has no score there: NaN. Where only one side has it, Dice is 0 and HD95
    infinite.

    Args:
        cases: their names.
        labels: names of the model's labels.
        dice: for each case, one Dice (0 to 1) for each label.
        hd95_mm: the same for the 95th percentile of the surface distances.
        seconds: that segmenting took, reading and scoring left out.
        notes: what reading and segmenting chose, each once.
    """

    cases: tuple[str, ...]
    labels: tuple[str, ...]
    dice: tuple[tuple[float, ...], ...]
    hd95_mm: tuple[tuple[float, ...], ...] | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def per_label(self) -> tuple[float, ...]:
        """Mean Dice of each label over the cases that have it; NaN for one that none has."""
        return tuple(_mean(column) for column in zip(*self.dice, strict=True))

    @property
    def per_case(self) -> tuple[float, ...]:
        """Mean Dice of each case over its labels; NaN for one that has none."""
        return tuple(_mean(row) for row in self.dice)

    @property
    def mean(self) -> float:
        """Mean over labels of the mean Dice over cases."""
        return _mean(self.per_label)

    @property
    def worst(self) -> float:
        """Mean Dice of the worst case."""
        return min((value for value in self.per_case if not math.isnan(value)), default=math.nan)

    @property
    def hd95(self) -> float | None:
        """Mean HD95 in mm over cases and labels where it is finite."""
        if self.hd95_mm is None:
            return None
        found = [value for row in self.hd95_mm for value in row if math.isfinite(value)]
        return _mean(found) if found else None

    def worst_loss(self, after: Measured) -> float:
        """The largest drop of a case's mean Dice from here to ``after``, over the same cases."""
        pairs = zip(self.per_case, after.per_case, strict=True)
        return max((a - b for a, b in pairs if not math.isnan(a - b)), default=math.nan)


class Answers:
    """Label maps by case name, kept small: labels compress a hundredfold."""

    def __init__(self) -> None:
        self._packed: dict[str, tuple[bytes, tuple[int, ...], str]] = {}

    def keep(self, name: str, voxels: np.ndarray) -> None:
        """Keeps the labels (z, y, x) of a case."""
        packed = zlib.compress(np.ascontiguousarray(voxels).tobytes(), 1)
        self._packed[name] = (packed, voxels.shape, voxels.dtype.str)

    def get(self, name: str) -> np.ndarray:
        """The labels (z, y, x) of a case."""
        packed, shape, kind = self._packed[name]
        return np.frombuffer(zlib.decompress(packed), dtype=kind).reshape(shape)

    def agreement(self, other: Answers) -> float:
        """Share of the voxels of all cases that have the same label in both."""
        same = total = 0
        for name in self._packed:
            ours, theirs = self.get(name), other.get(name)
            same += int(np.count_nonzero(ours == theirs))
            total += ours.size
        return same / total if total else math.nan


def measure(
    model: Model,
    cases: Sequence[CompressionCase],
    settings: EngineSettings,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    answers: Answers | None = None,
    reference: Answers | None = None,
    stage_name: str = "measure",
) -> Measured:
    """Segments cases and compares them with their label maps, on the CPU.

    Args:
        settings: of the engine.
        answers: takes the labels that the model gives.
        reference: labels to compare with in place of the cases' own: how much a model departs from another one.

    Raises:
        InputError: a case has no label map (and no ``reference`` is given), or cannot be read.
        Cancelled: the token was set.
    """
    segmenter = Segmenter(model, device="cpu", settings=settings)
    stage = Stage(stage_name, len(cases), progress, cancel)
    scores: list[list[LabelScores]] = []
    notes: dict[str, None] = {}
    seconds = 0.0
    for case in cases:
        image = read_image(case, model.card)
        started = time.perf_counter()
        result = segmenter.segment(image, cancel=cancel)
        seconds += time.perf_counter() - started
        notes |= dict.fromkeys(result.warnings)
        found = result.segmentation
        if answers is not None:
            answers.keep(case.name, found.voxels)
        if reference is None:
            scores.append(_against_labels(case, model.card, found, read_labels(case, model.card, image)))
        else:
            other = Segmentation(reference.get(case.name), found.geometry, found.labels)
            scores.append(compare(found, other, _TOLERANCE_MM, _values(model.card)))
        stage.step(message=case.name)
    return Measured(
        tuple(case.name for case in cases),
        tuple(label.name for label in model.card.labels),
        tuple(tuple(_number(score.dice) for score in row) for row in scores),
        tuple(tuple(_number(score.hd95_mm) for score in row) for row in scores),
        seconds,
        tuple(notes),
    )


def has_labels(cases: Sequence[CompressionCase]) -> bool:
    """Whether every case has a label map."""
    return all(case.labels is not None for case in cases)


def _against_labels(
    case: CompressionCase, card: ModelCard, found: Segmentation, labels: Segmentation | None
) -> list[LabelScores]:
    if labels is None or case.data is None:
        raise InputError(f"Case {case.name} has no label map to measure against.", "Give cases with label maps.")
    return score_case(found, labels, case.data, _TOLERANCE_MM, _values(card))


def _values(card: ModelCard) -> list[int]:
    return [label.value for label in card.labels]


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
