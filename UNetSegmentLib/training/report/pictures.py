"""Cases as pictures: the slice that shows most, with the contours of the reference and of the prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DependencyError
from ...io.atomic import atomic_path
from ...volume import Segmentation, Volume

_REFERENCE, _PREDICTION = "#21b04b", "#e0218a"
_COLUMNS = 3
_INCHES = 3.6


@dataclass(frozen=True, eq=False)
class Shown:
    """One case of the picture; ``caption`` stands over it."""

    volume: Volume
    reference: Segmentation
    prediction: Segmentation
    caption: str


def write_cases(shown: Sequence[Shown], path: Path, title: str, values: Sequence[int]) -> Path:
    """Draws the cases in rows of three, as PNG.

    Args:
        values: labels whose contours are drawn.

    Raises:
        DependencyError: matplotlib is not installed.
        OutputError: the file cannot be written.
    """
    columns = min(_COLUMNS, len(shown))
    rows = math.ceil(len(shown) / columns)
    figure = new_figure(columns * _INCHES, (_INCHES + 0.4) * rows + 0.5)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, case in zip(axes, shown, strict=False):
        _draw(axis, case, values)
    figure.suptitle(f"{title}\nreference green, prediction magenta", fontsize=10)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")
    return path


def new_figure(width: float, height: float) -> Any:
    """An empty matplotlib figure that needs no display.

    Raises:
        DependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyError(
            "The training's report needs matplotlib, which is not installed.", "Run: pip install matplotlib"
        ) from error
    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _draw(axis: Any, case: Shown, values: Sequence[int]) -> None:
    geometry = case.volume.geometry
    # A volume is shown from below, front up; a picture as it is.
    shown, axes = geometry.reoriented(geometry.axis_codes if geometry.shape[0] == 1 else "LPS")
    reference, prediction = (axes.apply(side.voxels) for side in (case.reference, case.prediction))
    number = _best_slice(reference, prediction, values)
    picture = axes.apply(case.volume.voxels)[:, number].astype(np.float32)
    low, high = np.percentile(picture, (1, 99))
    scaled = ((picture - low) / max(float(high - low), 1e-6)).clip(0, 1)
    rows, columns = picture.shape[1:]
    spacing = shown.array_spacing
    if len(scaled) == 3:
        axis.imshow(np.moveaxis(scaled, 0, -1), aspect=spacing[1] / spacing[2])
    else:
        axis.imshow(scaled[0], cmap="gray", vmin=0, vmax=1, aspect=spacing[1] / spacing[2])
    for labels, color in ((reference, _REFERENCE), (prediction, _PREDICTION)):
        for value in values:
            mask = labels[number] == value
            if mask.any() and not mask.all() and min(rows, columns) > 1:
                axis.contour(mask.astype(float), levels=[0.5], colors=[color], linewidths=0.9)
    axis.set_title(case.caption, fontsize=9)


def _best_slice(reference: np.ndarray, prediction: np.ndarray, values: Sequence[int]) -> int:
    """Where most of the labels lie, of either side."""
    either = np.isin(reference, values) | np.isin(prediction, values)
    return int(either.sum(axis=(1, 2)).argmax())
