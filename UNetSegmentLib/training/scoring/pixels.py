"""Scores of pixels over held-out cases, from the engine's probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ...inference import EngineSettings, Segmenter
from ...models import Accuracy, Model, PixelAccuracy
from ...progress import CancelToken, ProgressCallback, Stage
from ...reporting.measuring.pixel_metrics import PixelScores, pixel_scores
from ..cases.dataset import read_pair
from ..layouts import Dataset

Pixels = tuple[np.ndarray, np.ndarray]
"""Probabilities (float32) and truth (bool) of the judged pixels."""


def evaluate_pixels(
    model: Model,
    data: Dataset,
    names: Sequence[str],
    value: int | None = None,
    threshold: float = 0.5,
    device: str = "auto",
    settings: EngineSettings | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> PixelScores:
    """F1, AUC, sensitivity and specificity of one label over all judged pixels of the cases together.

    Args:
        model: trained without the cases.
        data: their data set; what it ignores (outside a field of view) does not count.
        names: of the cases.
        value: of the label; the model's first when None.
        threshold: at which F1 and the shares are taken.

    Raises:
        InputError: a case cannot be used.
    """
    pixels = judged_pixels(model, data, names, value, device, settings, progress, cancel).values()
    return pixel_scores(*joined(pixels), threshold=threshold)


def judged_pixels(
    model: Model,
    data: Dataset,
    names: Sequence[str],
    value: int | None = None,
    device: str = "auto",
    settings: EngineSettings | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> dict[str, Pixels]:
    """For each case the probabilities of a label and its truth, at the pixels that are judged; arguments as for
    :func:`evaluate_pixels`.
    """
    value = model.card.labels[0].value if value is None else value
    channel = model.card.inference.output_values.index(value)
    segmenter = Segmenter(model, device=device, settings=settings)
    stage = Stage("evaluate", len(names), progress, cancel)
    result = {}
    for name in names:
        volume, reference = read_pair(data, name)
        probabilities = segmenter.segment(volume, cancel=cancel, probabilities=True).probabilities
        assert probabilities is not None
        judged = np.ones(reference.voxels.shape, bool) if data.ignored is None else reference.voxels != data.ignored
        result[name] = (probabilities.voxels[channel][judged], _truth(reference.voxels, data, value)[judged])
        stage.step(message=name)
    return result


def joined(pixels: Iterable[Pixels]) -> Pixels:
    """The pixels of several cases together."""
    found, real = (np.concatenate(side) for side in zip(*pixels, strict=True))
    return found, real


def with_pixels(lines: Iterable[Accuracy], label: str, scores: PixelScores | None) -> tuple[Accuracy, ...]:
    """Lines for a model card, that of ``label`` (pixels are judged for one only) with the scores of pixels."""
    judged = None if scores is None else pixel_accuracy(scores)
    return tuple(replace(line, pixels=judged) if line.label == label else line for line in lines)


def pixel_accuracy(scores: PixelScores, judged: str = "all that are judged") -> PixelAccuracy | None:
    """The line for a model card, rounded; None where a score does not exist (one class only)."""
    names = ("f1", "auc", "sensitivity", "specificity")
    known = {name: getattr(scores, name) for name in names}
    if any(value is None for value in known.values()):
        return None
    return PixelAccuracy(scores.threshold, **{name: round(value, 4) for name, value in known.items()}, judged=judged)


def pixel_words(scores: PixelScores) -> str:
    """The scores in one line."""
    names = ("f1", "auc", "sensitivity", "specificity", "accuracy")
    known = [(name, getattr(scores, name)) for name in names]
    words = ", ".join(f"{n.upper() if len(n) < 4 else n} {v:.4f}" for n, v in known if v is not None)
    return f"{words} over {scores.pixels} judged pixels at a threshold of {scores.threshold:g}"


def _truth(voxels: np.ndarray, data: Dataset, value: int) -> np.ndarray:
    for region in data.regions:
        if region.value == value:
            return np.isin(voxels, region.values)
    return np.asarray(voxels == value)
