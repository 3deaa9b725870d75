"""Miniatures of the folders that data sets come in, with random images and known label maps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from PIL import Image

SHAPE = (6, 16, 16)


def write_image(path: Path, array: np.ndarray, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))
    return path


def image(seed: int, label: np.ndarray, low: float = -100.0, step: float = 60.0) -> np.ndarray:
    """Noise in which each label is brighter than the one before."""
    noise = np.random.default_rng(seed).normal(0.0, 10.0, label.shape)
    return (low + step * label + noise).astype(np.float32)


def nested_boxes(values: tuple[int, ...], shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Boxes in each other, the first value outermost."""
    label = np.zeros(shape, np.uint8)
    for depth, value in enumerate(values):
        inner = tuple(slice(1 + depth * (n > 8), n - 1 - depth * (n > 8)) for n in shape)
        label[inner] = value
    return label


def decathlon(root: Path, count: int = 4) -> Path:
    entries = []
    for n in range(count):
        label = nested_boxes((1, 2))
        write_image(root / "imagesTr" / f"a_{n}.nii.gz", image(n, label))
        write_image(root / "labelsTr" / f"a_{n}.nii.gz", label)
        entries.append({"image": f"./imagesTr/a_{n}.nii.gz", "label": f"./labelsTr/a_{n}.nii.gz"})
    table = {"name": "Toy", "labels": {"0": "background", "1": "shell", "2": "core"}, "modality": {"0": "MRI"}}
    (root / "dataset.json").write_text(json.dumps({**table, "training": entries}))
    return root


def nnunet(root: Path, regions: bool = False, count: int = 3) -> Path:
    for n in range(count):
        label = nested_boxes((1, 2))
        for channel in range(2):
            write_image(root / "imagesTr" / f"a_{n}_{channel:04}.nii.gz", image(n + 10 * channel, label))
        write_image(root / "labelsTr" / f"a_{n}.nii.gz", label)
    labels: dict[str, object] = {"background": 0, "shell": 1, "core": 2}
    table: dict[str, object] = {"channel_names": {"0": "T1", "1": "T2"}, "labels": labels, "numTraining": count}
    if regions:
        table |= {"labels": {"background": 0, "ball": [1, 2], "core": 2}, "regions_class_order": [1, 2]}
    (root / "dataset.json").write_text(json.dumps({**table, "file_ending": ".nii.gz"}))
    return root


def lits(root: Path, count: int = 3) -> Path:
    for n in range(count):
        label = nested_boxes((1, 2))
        write_image(root / f"volume-{n}.nii", image(n, label), (0.8, 0.8, 2.0))
        write_image(root / f"segmentation-{n}.nii", label, (0.8, 0.8, 2.0))
    return root


def kits(root: Path, count: int = 3) -> Path:
    for n in range(count):
        label = nested_boxes((1, 2))
        write_image(root / f"case_{n:05}" / "imaging.nii.gz", image(n, label))
        write_image(root / f"case_{n:05}" / "segmentation.nii.gz", label)
    return root


def brats(root: Path, count: int = 3) -> Path:
    for n in range(count):
        name = f"BraTS20_Training_{n:03}"
        label = nested_boxes((2, 1, 4))
        for k, ending in enumerate(("t1", "t1ce", "t2", "flair")):
            write_image(root / name / f"{name}_{ending}.nii.gz", image(10 * n + k, label, 300.0))
        write_image(root / name / f"{name}_seg.nii.gz", label)
    return root


def drive(root: Path, count: int = 4, size: int = 48) -> Path:
    """Colour pictures with one dark line; the field of view is a disc."""
    rows, columns = np.indices((size, size))
    disc = np.hypot(rows - size / 2, columns - size / 2) < 0.45 * size
    for n in range(count):
        vessel = (abs(rows - columns + 4 * n - 6) < 3) & disc
        random = np.random.default_rng(n)
        colours = np.stack([(150 - 70 * vessel + random.normal(0, 8, vessel.shape)) * disc for _ in range(3)], axis=-1)
        for folder in ("images", "labels", "masks"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        number = 21 + n
        Image.fromarray(colours.clip(0, 255).astype(np.uint8)).save(root / "images" / f"{number}_training.tif")
        Image.fromarray((255 * vessel).astype(np.uint8)).save(root / "labels" / f"{number}_manual1.gif")
        Image.fromarray((255 * disc).astype(np.uint8)).save(root / "masks" / f"{number}_training_mask.gif")
    return root


def isbi(root: Path, count: int = 5, size: int = 48) -> Path:
    """Cells on a grid; the lines between them are membranes (0)."""
    rows, columns = np.indices((size, size))
    for n in range(count):
        cells = ((rows + n) % 12 > 2) & ((columns + 2 * n) % 12 > 2)
        random = np.random.default_rng(n)
        picture = 80 + 100 * cells + random.normal(0, 12, cells.shape)
        for folder, array in (("images", picture.clip(0, 255)), ("labels", 255 * cells)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array.astype(np.uint8)).save(root / folder / f"{n}.png")
    return root
