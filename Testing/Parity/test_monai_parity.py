"""Our answer beside MONAI's own, for bundles of every kind that is imported (development environment only)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from monai_bundles import (
    BundleSpec,
    abdominal_like,
    attention_like,
    basic_like,
    body_like,
    pediatric_like,
    run_original,
    slices_like,
    spleen_like,
    tumour_like,
    write_bundle,
)

from UNetSegmentLib.inference import Segmenter
from UNetSegmentLib.io import read_volume
from UNetSegmentLib.models import load_model
from UNetSegmentLib.models.importing import import_model
from UNetSegmentLib.preprocessing import prepare

pytest.importorskip("monai.bundle", reason="MONAI itself makes the answers that ours are compared with")
pytest.importorskip("nibabel", reason="MONAI reads NIfTI with nibabel")

HIPPOCAMPUS = "msd_hippocampus/images/hippocampus_001.nii.gz"
OBLIQUE = "ct/ct_oblique.nii.gz"
TORSO = "ct/ct_torso_3mm.nii.gz"

# Two things of MONAI hang on the last digits of the affine in the file, and cannot be had again from the image alone:
# which of two voxels is "nearest" at exact halves (3 mm to 4 mm everywhere; in oblique images the middle plane of an
# axis that has an even number of voxels before and an odd one after), and, in oblique images, whether a value
# interpolated onto a voxel of 0 counts as zero (nonzero=True; some hundred voxels of half a million). The cases keep
# clear of both.
CASES: list[tuple[BundleSpec, str]] = [
    (spleen_like((1.2, 0.9, 1.5), [32, 32, 16]), HIPPOCAMPUS),
    (spleen_like((2.5, 3.0, 4.0), [48, 48, 32]), TORSO),
    (spleen_like((1.5, 1.5, 2.0), [64, 64, 32]), OBLIQUE),
    (abdominal_like((1.5, 1.1, 1.0), [32, 32, 24]), HIPPOCAMPUS),
    (abdominal_like((4.0, 3.5, 2.5), [48, 48, 40]), TORSO),
    (abdominal_like((1.5, 1.5, 3.0), [48, 48, 24]), OBLIQUE),
    (body_like((1.3, 1.3, 1.3), [48, 32, 32]), HIPPOCAMPUS),
    (body_like((3.0, 3.0, 3.0), [64, 64, 64]), TORSO),
    (body_like((4.5, 4.5, 4.2), [48, 48, 48]), TORSO),
    (body_like((1.9, 1.84, 1.88), [64, 64, 64], nonzero=False), OBLIQUE),
    (pediatric_like((4.0, 3.5, 2.6), [48, 48, 32]), TORSO),
    (slices_like(), HIPPOCAMPUS),
    (basic_like((0.8, 1.0, 1.2)), HIPPOCAMPUS),
    (attention_like((1.1, 1.4, 0.9)), HIPPOCAMPUS),
    (attention_like((4.1, 3.7, 4.3)), TORSO),
]
LEAST_AGREEMENT = 0.9999


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize(("spec", "image"), CASES, ids=[f"{s.name}-{Path(i).name.split('.')[0]}" for s, i in CASES])
def test_labels_equal_monais(
    spec: BundleSpec, image: str, shared_data: Path, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    found = compare(spec, [shared_data / image], tmp_path)
    for name, value in found.items():
        record_property(name, value)
    print(spec.name, Path(image).name, json.dumps(found))
    assert found["labels"] >= 2
    assert found["agreement"] >= LEAST_AGREEMENT
    assert found["prepared"] <= 1e-3
    assert found.get("probabilities", 0.0) <= 1e-3


def test_four_channels_and_merged_regions(shared_data: Path, tmp_path: Path) -> None:
    """Four hippocampi of one size stand in for four sequences."""
    import nibabel

    source = nibabel.load(shared_data / HIPPOCAMPUS)
    voxels = np.asarray(source.dataobj, dtype=np.float32)
    images = []
    for n in range(4):
        images.append(tmp_path / f"channel_{n}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(np.roll(voxels, n, axis=0) * (1 + n), source.affine), images[-1])
    found = compare(tumour_like(), images, tmp_path)
    print("tumour_like", json.dumps(found))
    assert found["labels"] >= 3
    assert found["agreement"] >= LEAST_AGREEMENT


def compare(spec: BundleSpec, images: list[Path], folder: Path) -> dict[str, float]:
    """Shares and differences between MONAI's answer and ours."""
    bundle = write_bundle(spec, folder)
    original = run_original(bundle, images[0] if len(images) == 1 else images)
    [package] = import_model(bundle, folder / "packages")
    model = load_model(package)
    volumes = [read_volume(path) for path in images]
    restores_labels = model.card.inference.restored == "labels"
    result = Segmenter(model, "cpu", "exact").segment(volumes, probabilities=not restores_labels)
    theirs = original.result[0].astype(np.int64)
    ours = result.segmentation.voxels
    assert theirs.shape == ours.shape
    found = {
        "agreement": float((ours == theirs).mean()),
        "labels": len(np.unique(theirs)),
        "largest_share": float(np.bincount(theirs.ravel()).max() / theirs.size),
    }
    if result.probabilities is not None:
        order = np.argsort(_channels(model.card.inference.output_values, spec))
        difference = np.abs(result.probabilities.voxels[order] - original.shares).max(axis=0)
        # Beyond a crop to the foreground MONAI has no share at all.
        known = np.abs(original.shares.sum(axis=0) - 1) < 1e-3 if spec.name == "pediatric_like" else True
        found["probabilities"] = float(difference[np.broadcast_to(known, difference.shape)].max())
    if len(images) == 1:
        prepared = prepare(volumes[0], model.card.preparation).tensor.numpy()
        assert prepared.shape == original.prepared.shape
        found["prepared"] = float(np.abs(prepared - original.prepared).max())
    return found


def _channels(values: tuple[int, ...], spec: BundleSpec) -> list[int]:
    """The bundle's channel behind each of our outputs."""
    return [{2: 1, 1: 0, 4: 2}[value] for value in values] if spec.name == "tumour_like" else list(values)
