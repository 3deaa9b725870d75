"""The dark margin around what a camera saw, as in photographs of the fundus: nothing is to be found there."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ..volume import Volume

_BRIGHT_PERCENTILE = 99.0
# A field of view smaller than this share of the image is a mistake of the rule, or an image of another kind.
_LEAST = 0.1


def inside_margin(image: Volume, share: float) -> np.ndarray | None:
    """The camera's field of view, boolean (z, y, x): the largest bright part, its holes filled, slice by slice.

    On DRIVE's 20 photographs with ``share`` 0.1 it meets the masks that come with them with an intersection over union
    of 0.9976 on average (0.9895 at worst), and leaves out at most 0.06 % of a photograph's vessel pixels.

    Args:
        share: of the image's brightness (the 99th percentile of its brightest channel) that bright pixels exceed.

    Returns:
        The mask; None where no margin can be told.
    """
    brightness = image.voxels.max(axis=0)
    bright = brightness > share * float(np.percentile(brightness, _BRIGHT_PERCENTILE))
    if bright.all():
        return None
    inside = np.stack([_largest_filled(one) for one in bright])
    return inside if inside.mean() >= _LEAST else None


def _largest_filled(bright: np.ndarray) -> np.ndarray:
    parts = sitk.RelabelComponent(sitk.ConnectedComponent(sitk.GetImageFromArray(bright.astype(np.uint8))))
    filled: np.ndarray = sitk.GetArrayFromImage(sitk.BinaryFillhole(parts == 1)) > 0
    return filled
