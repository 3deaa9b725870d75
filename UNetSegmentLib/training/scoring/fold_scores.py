"""How good the network of one fold is on the cases that it has not seen, and the files that remember it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import InputError, ModelError
from ...inference import EngineSettings
from ...io.atomic import atomic_path
from ...io.json_files import read_json
from ...models import Model, typed_json
from ...progress import CancelToken, ProgressCallback
from ...reporting.measuring.pixel_metrics import PixelScores, pixel_scores
from ..layouts.dataset import Dataset
from ..layouts.naming import numbered_like
from .evaluation import Evaluation, evaluate_fold
from .pixels import Pixels, joined, judged_pixels

SCORES, PIXELS = "scores.json", "pixels.npz"
THRESHOLD = 0.5
# The network as it was trained, without trying which backend is the quickest.
_SETTINGS = EngineSettings(backend="torch")


@dataclass(frozen=True)
class LabelLine:
    """One label in one case. ``missed``: only one side has it, so that its surface distance is infinite."""

    value: int
    name: str
    dice: float | None = None
    hd95_mm: float | None = None
    nsd: float | None = None
    missed: bool = False


@dataclass(frozen=True)
class FoldScores:
    """Scores of every held-out case of a fold; ``pixels`` only where the field reports scores of pixels."""

    fold: int
    tolerance_mm: float
    cases: dict[str, tuple[LabelLine, ...]]
    pixels: dict[str, PixelScores] = field(default_factory=dict)


def score_fold(
    model: Model,
    data: Dataset,
    fold: int,
    device: str = "auto",
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> tuple[FoldScores, Pixels | None, Evaluation]:
    """Segments every held-out case of the fold through the whole engine and scores it.

    Returns:
        the scores; the judged pixels of all cases where the field reports scores of pixels; the evaluation itself.
    """
    evaluation = evaluate_fold(model, data, fold, device=device, settings=_SETTINGS, progress=progress, cancel=cancel)
    data = numbered_like(data, model.card.labels)
    names = {label.value: label.name for label in model.card.labels}
    cases = {
        case: tuple(
            LabelLine(
                value=score.label.value,
                name=names[score.label.value],
                dice=score.dice,
                hd95_mm=score.hd95_mm if score.hd95_mm is not None and math.isfinite(score.hd95_mm) else None,
                nsd=score.nsd,
                missed=score.hd95_mm is not None and math.isinf(score.hd95_mm),
            )
            for score in scores
        )
        for case, scores in evaluation.scores.items()
    }
    if not data.pixels:
        return FoldScores(fold, evaluation.tolerance_mm, cases), None, evaluation
    pixels = judged_pixels(model, data, list(cases), None, device, _SETTINGS, progress, cancel)
    scored = {case: pixel_scores(*found, threshold=THRESHOLD) for case, found in pixels.items()}
    return FoldScores(fold, evaluation.tolerance_mm, cases, scored), joined(pixels.values()), evaluation


def save_fold(folder: Path, scores: FoldScores, pixels: Pixels | None) -> None:
    """Writes what :func:`load_fold` and :func:`load_pixels` read; the scores last, as the sign that all is there."""
    if pixels is not None:
        with atomic_path(folder / PIXELS) as temporary:
            np.savez_compressed(temporary, probability=pixels[0].astype(np.float32), truth=pixels[1].astype(bool))
    with atomic_path(folder / SCORES) as temporary:
        temporary.write_text(typed_json.readable(typed_json.to_json(scores)) + "\n", encoding="utf-8")


def load_fold(folder: Path) -> FoldScores | None:
    """The scores in a fold's folder; None where there are none, or none that can be read."""
    try:
        return typed_json.from_json(FoldScores, read_json(folder / SCORES))
    except (InputError, ModelError):
        return None


def load_pixels(folder: Path) -> Pixels | None:
    """The judged pixels in a fold's folder, None where there are none."""
    if not (folder / PIXELS).is_file():
        return None
    with np.load(folder / PIXELS, allow_pickle=False) as arrays:
        return arrays["probability"], arrays["truth"]
