"""The worst, the middle and the best of the held-out cases as large pictures of every voxel's outcome."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ...inference import EngineSettings, Segmenter
from ...models import Model
from ...progress import CancelToken, ProgressCallback, Stage
from ...reporting import LabelScores
from ...reporting.drawing.agreement import agreement
from ...reporting.measuring.extremes import extremes, heading, mean_dice, score_words
from ...reporting.measuring.pixel_metrics import pixel_scores
from ...reporting.pictures.case import ShownCase, case_path, unit_of, write_case
from ..cases.dataset import read_pair
from ..layouts.dataset import Dataset, Region


def write_cases(
    model: Model,
    data: Dataset,
    scores: Mapping[str, Sequence[LabelScores]],
    folder: Path,
    device: str = "auto",
    settings: EngineSettings | None = None,
    images: bool = True,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> tuple[Path, ...]:
    """Segments the three cases once more and draws them as ``case-worst.png``, ``case-median.png``, ``case-best.png``.

    Args:
        scores: of all cases, by name.
        images: draw the image too; without it only what was made here is in the picture.

    Returns:
        The files, the worst case first; none where no case holds a label.

    Raises:
        OutputError: a file cannot be written.
        DependencyError: Pillow is not installed.
    """
    means = mean_dice(scores)
    chosen = extremes(means)
    segmenter = Segmenter(model, device=device, settings=settings)
    stage = Stage("draw", len(chosen), progress, cancel)
    written = []
    for which, name in chosen.items():
        case = _shown(segmenter, data, name, scores[name], cancel)
        case = dataclasses.replace(case, heading=heading(which, name, len(means)))
        written.append(write_case(case if images else dataclasses.replace(case, volume=None), case_path(folder, which)))
        stage.step(message=name)
    return tuple(written)


def _shown(
    segmenter: Segmenter, data: Dataset, name: str, labels: Sequence[LabelScores], cancel: CancelToken | None
) -> ShownCase:
    card = segmenter.model.card
    volume, reference = read_pair(data, name)
    judged = None if data.ignored is None else reference.voxels != data.ignored
    truth = painted(reference.voxels, data.regions)
    result = segmenter.segment(volume, cancel=cancel, probabilities=data.pixels)
    values = [label.value for label in card.labels]
    outcomes = agreement(result.segmentation.voxels, truth, values, judged)
    words = score_words(labels, unit_of(volume.geometry))
    if result.probabilities is not None:
        channel = card.inference.output_values.index(values[0])
        words = _pixel_words(result.probabilities.voxels[channel], truth == values[0], judged)
    return ShownCase(name, words, outcomes, volume.geometry, volume)


def painted(voxels: np.ndarray, regions: Sequence[Region]) -> np.ndarray:
    """A reference as a prediction of overlapping regions looks: later ones over earlier ones."""
    if not regions:
        return voxels
    result = np.zeros_like(voxels)
    for region in regions:
        result[np.isin(voxels, region.values)] = region.value
    return result


def _pixel_words(probabilities: np.ndarray, truth: np.ndarray, judged: np.ndarray | None) -> str:
    scores = pixel_scores(probabilities, truth, judged)
    named = (
        ("Dice (= F1)", scores.f1),
        ("AUC", scores.auc),
        ("sensitivity", scores.sensitivity),
        ("specificity", scores.specificity),
    )
    known = ", ".join(f"{name} {value:.4f}" for name, value in named if value is not None)
    return known + ("" if judged is None else ", inside the field of view")
