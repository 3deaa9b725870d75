"""Colours of segments, which DICOM stores as CIELab in 16-bit numbers (PS3.3, C.10.7.1.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_LARGEST = 0xFFFF
_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65, which writers of segmentations take
# IEC 61966-2-1: from XYZ to linear sRGB.
_TO_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])


def rgb_of(stored: Sequence[float]) -> tuple[int, int, int]:
    """Red, green, blue from 0 to 255 of three stored numbers; colours that a screen lacks become their nearest.

    Raises:
        ValueError: other than three numbers from 0 to 65535.
    """
    values = np.asarray(stored, float)
    if values.shape != (3,) or not ((values >= 0) & (values <= _LARGEST)).all():
        raise ValueError(f"{stored} is no stored CIELab colour.")
    lightness, a, b = values * (100, 255, 255) / _LARGEST - (0, 128, 128)
    y = (lightness + 16) / 116
    roots = np.array([y + a / 500, y, y - b / 200])
    linear = _TO_RGB @ (_WHITE * np.where(roots > 6 / 29, roots**3, (roots - 16 / 116) * 3 * (6 / 29) ** 2))
    curved = 1.055 * np.clip(linear, 0.0031308, None) ** (1 / 2.4) - 0.055
    red, green, blue = np.rint(255 * np.clip(np.where(linear > 0.0031308, curved, 12.92 * linear), 0, 1)).astype(int)
    return int(red), int(green), int(blue)
