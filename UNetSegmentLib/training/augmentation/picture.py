"""The gallery of transforms as a PNG: a row for each transform, a column for each strength, labels as contours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor
from torch.nn import functional

from ...io.atomic import atomic_path, check_writable
from ...reporting.drawing.canvas import MUTED, PANEL, TEXT, Canvas
from ...reporting.drawing.shading import grey, paint_label
from ..config.values import AugmentationConfig
from .gallery import Example, Scene, gallery

Color = tuple[int, int, int]

COLUMNS = 5
_CELL, _GAP, _CAPTION, _EDGE, _NAMES, _HEAD = 230, 10, 26, 30, 210, 70
_LEAST, _LARGEST_VOXEL = 100, 10
_FINER, _LINE = 2, 1.6


@dataclass(frozen=True)
class Look:
    """How a scene is shown.

    Args:
        title: over the picture.
        window: for each channel, the intensities that become black and white.
        colors: of the classes from 1 on.
    """

    title: str
    window: tuple[tuple[float, float], ...]
    colors: tuple[Color, ...]


def write_gallery(scene: Scene, config: AugmentationConfig, look: Look, path: str | Path) -> Path:
    """Draws the middle slice of every example.

    Raises:
        OutputError: the file cannot be written.
        DependencyError: Pillow is not installed.
    """
    path = Path(path)
    check_writable(path)
    plain = scene.changed("as it is", lambda x: x)
    rows = list(gallery(scene, config, COLUMNS))
    height, width = _cell_size(scene.patch)
    first = draw(plain, look, (height, width))
    step = height + _CAPTION + _GAP
    across = _EDGE + _NAMES + (COLUMNS + 1) * (width + _GAP) + _EDGE
    canvas = Canvas(across, _HEAD + len(rows) * step + _EDGE)
    canvas.text(_EDGE, 44, canvas.fitted(look.title, 24, across - 2 * _EDGE), 24, TEXT)
    for number, (name, examples) in enumerate(rows):
        y = _HEAD + number * step
        canvas.text(_EDGE, y + height / 2, name, 19, TEXT, "lm")
        for column, example in enumerate([plain, *examples[:COLUMNS]]):
            x = _EDGE + _NAMES + column * (width + _GAP)
            canvas.panel(x, y, draw(example, look, (height, width)) if column else first)
            canvas.text(x + width / 2, y + height + 19, example.strength, 15, MUTED, "ms")
    with atomic_path(path) as temporary:
        canvas.image.save(temporary, format="PNG", compress_level=3)
    return path


def draw(example: Example, look: Look, size: Sequence[int]) -> np.ndarray:
    """uint8 (rows, columns, 3) of an example's middle slice."""
    middle = example.image.shape[1] // 2
    fine = [n * _FINER for n in size]
    scaled = [(c - low) / (high - low) for c, (low, high) in zip(example.image[:, middle], look.window, strict=True)]
    cut = np.stack([_resized(channel.float(), fine) for channel in scaled])
    picture = grey(cut, (0.0, 1.0), PANEL)
    for number, color in enumerate(look.colors, start=1):
        share = _resized((example.label[middle] == number).float(), fine)
        paint_label(picture, share, color, _LINE * _FINER, 0.0)
    rows, columns = size
    coarse = picture.reshape(rows, _FINER, columns, _FINER, 3).mean(axis=(1, 3))
    return (np.clip(coarse, 0, 1) * 255).round().astype(np.uint8)


def _resized(x: Tensor, size: Sequence[int]) -> np.ndarray:
    large = functional.interpolate(x[None, None], tuple(size), mode="bilinear", align_corners=False)
    return large[0, 0].numpy()


def _cell_size(patch: Sequence[int]) -> tuple[int, int]:
    """Rows and columns of one picture, in the patch's proportions."""
    _, height, width = patch
    scale = min(_CELL / max(height, width), _LARGEST_VOXEL)
    return max(round(height * scale), _LEAST), max(round(width * scale), _LEAST)
