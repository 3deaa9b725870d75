"""The raw data sets, in nnU-Net's layout, that models are planned on: real images, some cut and thickened."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

Case = tuple[Sequence[sitk.Image], sitk.Image]

HIPPOCAMPUS_LABELS = {"background": 0, "Anterior": 1, "Posterior": 2}
CT_LABELS = {"background": 0, "soft tissue": 1, "bone": 2}


def hippocampus(root: Path, data: Path, cases: int = 6, labels: Mapping[str, Any] | None = None) -> str:
    """T1 MR around the hippocampus, 1 mm. ``labels`` other than usual: for an ignore label, for instance."""
    found = [(_read(image),) for image in hippocampus_images(data)[:cases]]
    masks = [_read(data / "msd_hippocampus" / "labels" / path.name) for path in hippocampus_images(data)[:cases]]
    return _write(root, "Dataset004_Hippocampus", ["MRI"], labels or HIPPOCAMPUS_LABELS, zip(found, masks, strict=True))


def hippocampus_images(data: Path) -> list[Path]:
    """All images of the hippocampus set, in order; the first few are those that models are planned on."""
    return sorted((data / "msd_hippocampus" / "images").glob("*.nii.gz"))


def thick_head(root: Path, data: Path) -> str:
    """Cuts of the oblique head CT with slices several times thicker than wide, across the image's third array axis."""
    cases = []
    for n, factor in enumerate((4, 6, 4)):
        image = thicken(_read(data / "ct" / "ct_oblique.nii.gz"), factor)[:, 20 * n : 20 * n + 200, :]
        cases.append(((image,), _thresholds(image, (90, 200))))
    return _write(root, "Dataset901_ThickHead", ["CT"], CT_LABELS, cases)


def two_channels(root: Path, data: Path) -> str:
    """The hippocampus set with a second channel, in a wide frame of zeros, labelled by nested regions."""
    cases = []
    for path in hippocampus_images(data)[:4]:
        image, labels = _read(path), _read(data / "msd_hippocampus" / "labels" / path.name)
        cases.append((framed_pair(image), _framed(labels)))
    regions = {"background": 0, "hippocampus": [1, 2], "posterior": 2}
    more = {"regions_class_order": [1, 2]}
    return _write(root, "Dataset902_Regions", ["T1", "rescale_to_0_1"], regions, cases, **more)


def torso(root: Path, data: Path, reader: str | None = None) -> str:
    """Parts of the 3 mm torso CT, with soft tissue and bone by threshold."""
    image = _read(data / "ct" / "ct_torso_3mm.nii.gz")
    parts = [image[:, :, low : low + 64] for low in (0, 24, 48)]
    cases = [((part,), _thresholds(part, (-200, 200))) for part in parts]
    more = {"overwrite_image_reader_writer": reader} if reader else {}
    return _write(root, "Dataset903_Torso", ["CT"], CT_LABELS, cases, **more)


def thicken(image: sitk.Image, factor: int) -> sitk.Image:
    """Means of ``factor`` voxels along the image's first axis (the last array axis)."""
    return sitk.BinShrink(sitk.Cast(image, sitk.sitkFloat32), (factor, 1, 1))


def framed_pair(image: sitk.Image) -> tuple[sitk.Image, sitk.Image]:
    """The image and its edges (gradient magnitude) as two channels, in a frame of zeros."""
    image = sitk.Cast(image, sitk.sitkFloat32)
    image = image / float(sitk.GetArrayViewFromImage(image).max()) + 0.01
    edges = sitk.GradientMagnitude(image)
    return _framed(image), _framed(edges)


def _framed(image: sitk.Image) -> sitk.Image:
    return sitk.ConstantPad(image, (5, 4, 9), (8, 6, 2), 0)


def _thresholds(image: sitk.Image, levels: Sequence[float]) -> sitk.Image:
    array = sitk.GetArrayViewFromImage(image)
    labels = sitk.GetImageFromArray(sum((array > level).astype(np.uint8) for level in levels))
    labels.CopyInformation(image)
    return labels


def _read(path: Path) -> sitk.Image:
    return sitk.ReadImage(path)


def _write(root: Path, name: str, channels: Sequence[str], labels: Mapping[str, Any], cases: Any, **more: Any) -> str:
    """Writes a data set into nnU-Net's raw folder; returns its name."""
    folder = root / "raw" / name
    shutil.rmtree(folder, ignore_errors=True)
    count = 0
    for images, mask in cases:
        case = f"case_{count:03d}"
        for n, image in enumerate(images):
            _write_image(image, folder / "imagesTr" / f"{case}_{n:04d}.nii.gz")
        _write_image(mask, folder / "labelsTr" / f"{case}.nii.gz")
        count += 1
    description = {
        "channel_names": {str(n): channel for n, channel in enumerate(channels)},
        "labels": dict(labels),
        "numTraining": count,
        "file_ending": ".nii.gz",
        **more,
    }
    (folder / "dataset.json").write_text(json.dumps(description))
    return name


def _write_image(image: sitk.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, path)
