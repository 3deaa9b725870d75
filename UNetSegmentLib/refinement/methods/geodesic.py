"""Distances through the image: near is what can be reached without leaving what looks alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NEVER = 1e4
"""Arrival at what is not reached, in the cost's mm."""


def arrival(cost: np.ndarray, seeds: np.ndarray, spacing: Sequence[float], stop: float = NEVER) -> np.ndarray:
    """When a front that leaves the seeds arrives: the solution of the eikonal equation |grad T| = cost, by fast
    marching (Sethian, PNAS 1996) as SimpleITK has it.

    Args:
        cost: mm of way that a mm costs, above 0, shape (z, y, x).
        seeds: boolean; where T is 0.
        spacing: mm along (z, y, x).
        stop: T beyond which nobody wants to know; 1.5 of it stands there.
    """
    import SimpleITK as sitk

    image = sitk.GetImageFromArray((1 / cost).astype(np.float32))
    image.SetSpacing([float(mm) for mm in reversed(spacing)])
    march = sitk.FastMarchingImageFilter()
    march.SetTrialPoints([[int(x), int(y), int(z)] for z, y, x in np.argwhere(seeds)])
    march.SetStoppingValue(float(stop))
    times = np.minimum(sitk.GetArrayFromImage(march.Execute(image)), np.float32(1.5 * stop))
    times[seeds] = 0
    return np.asarray(times, np.float32)
