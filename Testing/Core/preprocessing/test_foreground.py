"""Cropping the prepared image to its foreground, and the numbers that tell an exact zero apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.models.card import Normalization, Preparation
from UNetSegmentLib.preprocessing import prepare
from UNetSegmentLib.resampling import resize
from UNetSegmentLib.resampling.affine import sample_affine, spacing_matrix
from UNetSegmentLib.volume import Volume

NONE = (Normalization("none"),)


@pytest.mark.parametrize("spacing", [None, (1.9, 0.87, 1.3)])
@pytest.mark.parametrize("order", [0, 1])
def test_only_the_foreground_is_left(spacing, order):
    voxels = np.full((1, 20, 24, 30), -5.0, np.float32)
    voxels[0, 4:15, 6:20, 3:25] = 7.0
    volume = Volume(voxels, Geometry((30, 24, 20)))
    how = {"spacing": spacing, "image_order": 1, "output_order": order, "normalization": NONE, "alignment": "centres"}
    whole = prepare(volume, Preparation(**how))
    cropped = prepare(volume, Preparation(crop_foreground=True, **how))
    positive = np.argwhere(whole.tensor[0].numpy() > 0)
    low, high = positive.min(axis=0), positive.max(axis=0) + 1
    assert cropped.tensor.shape[1:] == tuple(high - low)
    part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    assert torch.equal(cropped.tensor[0], whole.tensor[0][part])
    # A map of the cropped grid lands where the same map of the whole one does, and nothing outside the foreground.
    values = torch.rand(whole.tensor.shape)
    kept = values[(0, *part)][None]
    for record, source in ((whole.record, values), (cropped.record, kept)):
        assert record.grid.shape == tuple(source.shape[1:])
    there = resize(values, whole.record.box.shape, order, steps=whole.record.steps, starts=whole.record.starts)
    mine = resize(kept, cropped.record.box.shape, order, steps=cropped.record.steps, starts=cropped.record.starts)
    found = cropped.record.restore(mine[0].numpy(), -1)
    # Further out, the cropped map continues with its edge.
    axes = zip(voxels.shape[1:], cropped.record.starts, cropped.record.steps, strict=True)
    places = [start + np.arange(size) * step for size, start, step in axes]
    lengths = zip(places, kept.shape[1:], strict=True)
    inner = np.ix_(*[(place >= 0) & (place <= length - 1) for place, length in lengths])
    np.testing.assert_allclose(found[inner], there[0].numpy()[inner], atol=1e-5)
    assert (found[0] == -1).all() and (found[:, :, -1] == -1).all()


def test_an_image_without_foreground_is_left_whole():
    volume = Volume(-np.arange(1, 1001, dtype=np.float32).reshape(1, 10, 10, 10), Geometry((10, 10, 10)))
    prepared = prepare(volume, Preparation(alignment="centres", crop_foreground=True, normalization=NONE))
    assert prepared.tensor.shape == (1, 10, 10, 10)


@pytest.mark.parametrize("codes", ["RAS", "LPI"])
def test_sampling_through_the_matrix_is_the_separable_one(codes):
    geometry = Geometry((17, 14, 9), (0.8, 1.2, 2.5), (3, 4, 5)).reoriented(codes)[0]
    voxels = torch.from_numpy(np.random.default_rng(3).normal(size=(2, *geometry.shape)).astype(np.float32))
    shape, spacing = (12, 9, 20), (1.7, 1.9, 0.7)
    steps = [new / old for new, old in zip(spacing, geometry.array_spacing, strict=True)]
    expected = resize(voxels, shape, 1, steps=steps)
    found = sample_affine(voxels, shape, spacing_matrix(geometry, shape, spacing, aligned=True))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_zeros_are_told_apart_as_monai_does():
    transforms = pytest.importorskip("monai.transforms", reason="MONAI resamples the reference")
    data = pytest.importorskip("monai.data", reason="MONAI resamples the reference")
    geometry = Geometry((40, 36, 31), (0.7, 0.9, 1.1), (3.3, 4.1, 5.7)).reoriented("RAS")[0]
    voxels = np.random.default_rng(2).integers(-2, 3, (1, *geometry.shape)).astype(np.float32)
    image = data.MetaTensor(torch.from_numpy(voxels[0].T.copy())[None], affine=torch.from_numpy(geometry.ras_matrix))
    theirs = transforms.Spacing(pixdim=(1.05, 1.35, 2.2), mode="bilinear")(image).numpy()[0].T
    rule = (Normalization("zscore-nonzero"),)
    how = {"spacing": (2.2, 1.35, 1.05), "image_order": 1, "alignment": "centres", "normalize_resampled": True}
    ours = prepare(Volume(voxels, geometry), Preparation("RAS", normalization=rule, **how)).tensor[0].numpy()
    assert np.array_equal(ours == 0, theirs == 0)
    counted = theirs != 0
    expected = (theirs - theirs[counted].mean()) / theirs[counted].std()
    np.testing.assert_allclose(ours[counted], expected[counted], atol=1e-5)
