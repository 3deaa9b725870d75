"""Scores of pixels over held-out cases, from the engine's probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...inference import EngineSettings, Segmenter
from ...models import Model
from ...progress import CancelToken, ProgressCallback, Stage
from ...reporting.pixel_metrics import PixelScores, pixel_scores
from ..dataset import read_pair
from ..layouts import Dataset


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
    value = model.card.labels[0].value if value is None else value
    channel = model.card.inference.output_values.index(value)
    segmenter = Segmenter(model, device=device, settings=settings)
    stage = Stage("evaluate", len(names), progress, cancel)
    found, real = [], []
    for name in names:
        volume, reference = read_pair(data, name)
        probabilities = segmenter.segment(volume, cancel=cancel, probabilities=True).probabilities
        assert probabilities is not None
        judged = np.ones(reference.voxels.shape, bool) if data.ignored is None else reference.voxels != data.ignored
        found.append(probabilities.voxels[channel][judged])
        real.append(_truth(reference.voxels, data, value)[judged])
        stage.step(message=name)
    return pixel_scores(np.concatenate(found), np.concatenate(real), threshold=threshold)


def _truth(voxels: np.ndarray, data: Dataset, value: int) -> np.ndarray:
    for region in data.regions:
        if region.value == value:
            return np.isin(voxels, region.values)
    return np.asarray(voxels == value)
