"""Preparing a volume and undoing it: places in the patient must survive."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.models.card import Normalization, Preparation
from UNetSegmentLib.preprocessing import prepare
from UNetSegmentLib.preprocessing.preparation import nonzero_box, separate_axis
from UNetSegmentLib.resampling import resize
from UNetSegmentLib.volume import Volume

NONE = (Normalization("none"),)


def position_volume(geometry: Geometry, axis: int) -> Volume:
    """Every voxel holds its own LPS coordinate along one axis: whatever is done to it can be checked."""
    k, j, i = np.meshgrid(*[np.arange(n) for n in geometry.shape], indexing="ij")
    points = geometry.to_physical(np.stack([i, j, k], axis=-1))
    return Volume(points[..., axis][None].astype(np.float32), geometry)


def oblique(codes: str = "LPS", size=(12, 15, 9), spacing=(0.8, 1.2, 2.5)) -> Geometry:
    c, s = np.cos(0.3), np.sin(0.3)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return Geometry(size, spacing, (10, -20, 30), tuple(turn.ravel())).reoriented(codes)[0]


def all_codes() -> list[str]:
    return [
        "".join(letters)
        for pairs in itertools.permutations(["LR", "PA", "SI"])
        for letters in itertools.product(*pairs)
    ]


@pytest.mark.parametrize("codes", all_codes())
def test_prepared_voxels_lie_where_their_grid_says(codes):
    """All 48 orientations: the coordinate that a prepared voxel holds is the one that the record's grid gives it."""
    geometry = oblique(codes)
    for axis in range(3):
        prepared = prepare(position_volume(geometry, axis), Preparation("LPS", normalization=NONE))
        grid = prepared.record.grid
        assert grid.axis_codes == "LPS"
        expected = position_volume(grid, axis).voxels
        np.testing.assert_allclose(prepared.tensor.numpy(), expected, atol=1e-3)


@pytest.mark.parametrize("order", [1, 3])
def test_resampled_voxels_lie_where_their_grid_says(order):
    """A linear ramp stays a linear ramp away from the border."""
    geometry = oblique(size=(40, 42, 38))
    preparation = Preparation(
        "RAS", spacing=(1.7, 1.1, 0.9), image_order=order, anisotropy_threshold=None, normalization=NONE
    )
    for axis in range(3):
        prepared = prepare(position_volume(geometry, axis), preparation)
        inner = (slice(None), *[slice(8, -8)] * 3)
        expected = position_volume(prepared.record.grid, axis).voxels
        np.testing.assert_allclose(prepared.tensor.numpy()[inner], expected[inner], atol=2e-2)


@pytest.mark.parametrize("transpose", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("alignment", ["edges", "centres"])
def test_transposed_axes_are_those_of_the_array(transpose, alignment):
    """Prepared voxels are the transposed ones, at the spacing that the card gives for the transposed axes, and lie
    where their grid says, on an oblique image."""
    geometry = oblique("PIR")
    _, axes = geometry.reoriented("RAS")
    plain = Preparation("RAS", normalization=NONE, transpose=transpose, alignment=alignment)
    volume = Volume(np.random.default_rng(0).normal(size=(1, *geometry.shape)).astype(np.float32), geometry)
    moved = prepare(volume, plain).tensor[0].numpy()
    np.testing.assert_array_equal(moved, axes.apply(volume.voxels)[0].transpose(transpose))
    spacing = (0.7, 1.9, 1.3)
    resampled = replace(plain, spacing=spacing, image_order=1, anisotropy_threshold=None)
    for axis in range(3):
        prepared = prepare(position_volume(geometry, axis), resampled)
        grid = prepared.record.grid
        np.testing.assert_allclose(grid.array_spacing, spacing, rtol=0.1 if alignment == "edges" else 1e-9)
        inner = (slice(None), *[slice(2, -2)] * 3)
        expected = position_volume(grid, axis).voxels
        np.testing.assert_allclose(prepared.tensor.numpy()[inner], expected[inner], atol=1e-2)


@pytest.mark.parametrize("shape", [(9, 12, 15), (7, 5, 30)])
@pytest.mark.parametrize("spacing", [(1.5, 1.5, 2.0), (0.8004, 2.7, 0.6), (3.0, 1.2, 2.5)])
def test_aligned_centres_are_monais_spacing(shape, spacing):
    transforms = pytest.importorskip("monai.transforms", reason="MONAI resamples the reference")
    data = pytest.importorskip("monai.data", reason="MONAI resamples the reference")
    geometry = Geometry(shape, (0.8, 1.2, 2.5), (3, 4, 5)).reoriented("RAS")[0]
    voxels = np.random.default_rng(2).normal(size=(1, *geometry.shape)).astype(np.float32)
    image = data.MetaTensor(torch.from_numpy(voxels[0].T.copy())[None], affine=torch.from_numpy(geometry.ras_matrix))
    spacer = transforms.Spacing(pixdim=spacing, mode="bilinear")
    theirs = spacer(image)
    preparation = Preparation(
        "RAS", spacing=spacing, image_order=1, normalization=NONE, transpose=(2, 1, 0), alignment="centres"
    )
    ours = prepare(Volume(voxels, geometry), preparation)
    assert ours.tensor.shape == theirs.shape
    np.testing.assert_allclose(ours.tensor.numpy(), theirs.numpy(), atol=1e-4)
    # And the way back.
    back = spacer.inverse(theirs).numpy()
    record = ours.record
    mine = resize(ours.tensor, record.box.shape, 1, steps=record.steps).numpy()
    np.testing.assert_allclose(mine, back, atol=1e-4)


def test_normalising_the_resampled_image():
    volume = Volume(np.random.default_rng(0).normal(100, 5, (1, 20, 20, 20)), Geometry((20, 20, 20)))
    rule = (Normalization("range", clip=True),)
    how = {"spacing": (1.7, 1.7, 1.7), "image_order": 1, "normalization": rule, "alignment": "centres"}
    after = prepare(volume, Preparation(normalize_resampled=True, **how)).tensor
    assert (float(after.min()), float(after.max())) == (0, 1)
    before = prepare(volume, Preparation(**how)).tensor
    assert float(before.min()) > 0 and float(before.max()) < 1


@settings(max_examples=40, deadline=None)
@given(
    codes=st.sampled_from(all_codes()),
    transpose=st.permutations(range(3)),
    model=st.sampled_from(["LPS", "RAS", "PSR", None]),
    start=st.tuples(*[st.integers(0, 6)] * 3),
    length=st.tuples(*[st.integers(2, 12)] * 3),
    least=st.none() | st.tuples(*[st.integers(1, 14)] * 3),
    crop=st.booleans(),
)
def test_restore_undoes_orientation_crop_and_region(codes, transpose, model, start, length, least, crop):
    rng = np.random.default_rng(4)
    geometry = oblique(codes)
    voxels = rng.uniform(1, 9, (1, *geometry.shape)).astype(np.float32)
    if crop:
        voxels[:, :2] = voxels[:, :, -1] = 0
    region = Box(start, tuple(s + n for s, n in zip(start, length, strict=True)))
    region = region.intersect(Box.whole(geometry.shape))
    if region.empty or (crop and not voxels[(0, *region.slices)].any()):
        return
    volume = Volume(voxels, geometry)
    preparation = Preparation(model, crop_nonzero=crop, normalization=NONE, transpose=tuple(transpose))
    prepared = prepare(volume, preparation, region, least_shape=least)
    expected = np.zeros_like(voxels)
    expected[(slice(None), *region.slices)] = voxels[(slice(None), *region.slices)]
    np.testing.assert_array_equal(prepared.record.restore(prepared.tensor.numpy()), expected)


def test_a_small_region_is_widened_to_the_patch_but_not_beyond_the_image():
    geometry = Geometry((30, 30, 30), (2, 2, 2))
    volume = Volume(np.random.default_rng(0).normal(size=(1, 30, 30, 30)), geometry)
    region = Box((0, 12, 27), (4, 16, 30))
    record = prepare(volume, Preparation(normalization=NONE), region, least_shape=(10, 10, 10)).record
    assert record.box == Box((0, 9, 20), (10, 19, 30))
    assert record.target == region


def test_statistics_come_from_the_region_only_when_asked():
    voxels = np.random.default_rng(0).normal(100, 5, (1, 20, 20, 20))
    voxels[:, :, :, 10:] += 1000
    volume = Volume(voxels, Geometry((20, 20, 20)))
    region = Box((0, 0, 0), (20, 20, 10))
    preparation = Preparation(normalization=(Normalization("zscore"),))
    by_image = prepare(volume, preparation, region).tensor.numpy()
    by_region = prepare(volume, preparation, region, normalize_region=True).tensor.numpy()
    whole = (voxels - voxels.mean()) / voxels.std()
    np.testing.assert_allclose(by_image, whole[..., :10], atol=1e-4)
    part = voxels[..., :10]
    np.testing.assert_allclose(by_region, (part - part.mean()) / part.std(), atol=1e-4)


@pytest.mark.parametrize(
    ("spacing", "new", "axis"),
    [
        ((5, 1, 1), (1, 1, 1), 0),
        ((1, 1, 1), (1, 1, 4), 2),
        ((1, 1, 1), (2, 1, 1), None),
        ((1.25, 0.24, 1.25), (1, 1, 1), None),  # two coarse axes: nnU-Net's own exception
    ],
)
def test_the_coarse_axis_is_found_as_nnunet_does(spacing, new, axis):
    assert separate_axis(spacing, new) == axis
    assert separate_axis(spacing, new, None) is None


def test_nonzero_box():
    voxels = np.zeros((2, 6, 7, 8))
    voxels[0, 2, 3, 4] = voxels[1, 4, 3, 6] = 1
    assert nonzero_box(voxels) == Box((2, 3, 4), (5, 4, 7))
    assert nonzero_box(np.zeros((1, 2, 3, 4))) == Box((0, 0, 0), (2, 3, 4))


def test_wrong_channels_are_refused():
    rgb = Volume(np.random.default_rng(0).normal(size=(3, 1, 9, 9)), Geometry((9, 9, 1)), "photo")
    with pytest.raises(InputError, match="RGB"):
        prepare(rgb, Preparation(normalization=NONE))


def test_the_image_itself_is_never_changed():
    voxels = np.random.default_rng(0).normal(size=(1, 9, 9, 9)).astype(np.float32)
    kept = voxels.copy()
    volume = Volume(voxels, Geometry((9, 9, 9)))
    prepare(volume, Preparation(normalization=(Normalization("percentile", 1, 99),))).tensor.mul_(0)
    np.testing.assert_array_equal(voxels, kept)
