"""Small cases made by hand: a ball with a core, in noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk


def write_case(
    folder: Path, name: str, image: np.ndarray, label: np.ndarray, shift: float = 0.0, suffix: str = ".nii.gz"
) -> None:
    for sub, array, offset in (("images", image, 0.0), ("labels", label, shift)):
        (folder / sub).mkdir(parents=True, exist_ok=True)
        picture = sitk.GetImageFromArray(array)
        picture.SetOrigin((offset, 0.0, 0.0))
        sitk.WriteImage(picture, str(folder / sub / f"{name}{suffix}"))


def balls(seed: int, shape: tuple[int, int, int] = (12, 14, 16)) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    centre = np.array(shape) / 2 + random.uniform(-1.5, 1.5, 3)
    distance = np.linalg.norm(np.indices(shape) - centre[:, None, None, None], axis=0)
    label = np.where(distance < 3.0, 2, np.where(distance < 5.0, 1, 0)).astype(np.uint8)
    image = 1000.0 * label + random.normal(0.0, 100.0, shape)
    return image.astype(np.float32), label
