"""Cases for the network of ``level_model``: an image's label map is its rounded intensities."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from UNetSegmentLib.io import write_volume
from UNetSegmentLib.volume import Volume

SHAPE = (20, 18, 22)


def level_image(number: int, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Background around a block of level 1 that holds a block of level 2, with a little noise; float32 (z, y, x)."""
    noise = np.random.default_rng(number).uniform(-0.2, 0.2, shape)
    image = np.zeros(shape)
    image[3:15, 4:14, 2 + number % 4 : 16] = 1
    image[6:10, 6:11, 6:12] = 2
    return (image + noise).astype(np.float32)


def write_cases(folder: Path, count: int) -> None:
    """``images/`` and ``labels/`` of so many cases."""
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    for number in range(count):
        image = level_image(number)
        write_volume(Volume.from_array(image), folder / "images" / f"case{number}.nii.gz")
        write_volume(Volume.from_array(np.rint(image).astype(np.uint8)), folder / "labels" / f"case{number}.nii.gz")
