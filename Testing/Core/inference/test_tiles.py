"""The tile plan: every voxel covered, the asked overlap kept, no tile too many, weights that sum to one."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from UNetSegmentLib.inference.accumulation import SlabAccumulator
from UNetSegmentLib.inference.tiles import axis_starts, padding, plan_tiles, stepped_starts
from UNetSegmentLib.inference.weighting import tile_weights

sizes = st.integers(1, 300)
patches = st.integers(1, 128)
overlaps = st.floats(0, 0.9)


@given(sizes, patches, overlaps)
def test_every_voxel_is_covered_and_tiles_stay_inside(size, patch, overlap):
    padded = max(size, patch)
    starts = axis_starts(padded, patch, overlap)
    covered = [False] * padded
    for start in starts:
        assert 0 <= start <= padded - patch
        covered[start : start + patch] = [True] * patch
    assert all(covered)
    assert list(starts) == sorted(set(starts))


@given(sizes, patches, overlaps)
def test_the_overlap_is_kept_with_the_fewest_tiles(size, patch, overlap):
    starts = axis_starts(size, patch, overlap)
    stride = max(patch * (1 - overlap), 1.0)
    gaps = [b - a for a, b in itertools.pairwise(starts)]
    assert all(gap <= math.ceil(stride) for gap in gaps)
    if len(starts) > 1:  # with one tile fewer, some stride would have to be longer than allowed
        assert (size - patch) / max(len(starts) - 2, 0.5) > stride or len(starts) == 2
        assert max(gaps) - min(gaps) <= 1


@given(sizes, patches, overlaps)
def test_stepped_tiles_cover_every_voxel_and_stay_inside(size, patch, overlap):
    padded = max(size, patch)
    starts = stepped_starts(padded, patch, overlap)
    step = max(int(patch * (1 - overlap)), 1)
    assert starts[0] == 0 and starts[-1] == padded - patch
    assert all(start % step == 0 for start in starts[:-1])
    assert all(0 < b - a <= step for a, b in itertools.pairwise(starts))


@given(sizes, patches, overlaps)
@settings(max_examples=60, deadline=None)
def test_stepped_tiles_are_those_of_monai(size, patch, overlap):
    utils = pytest.importorskip("monai.data.utils", reason="MONAI plans the reference")
    inferers = pytest.importorskip("monai.inferers.utils", reason="MONAI plans the reference")
    padded = max(size, patch)
    interval = inferers._get_scan_interval((padded,), (patch,), 1, (overlap,))
    theirs = [s[0].start for s in utils.dense_patch_slices((padded,), (patch,), interval)]
    assert list(stepped_starts(padded, patch, overlap)) == theirs


@pytest.mark.parametrize("patch", [(12, 16, 9), (1, 20, 33), (5, 2, 3), (40, 48, 56)])
def test_weights_are_those_of_nnunet_and_monai(patch):
    ndimage = pytest.importorskip("scipy.ndimage", reason="scipy filters the reference")
    plan = plan_tiles(patch, patch, 0.5)
    impulse = np.zeros(patch)
    impulse[tuple(n // 2 for n in patch)] = 1
    gaussian = ndimage.gaussian_filter(impulse, [n / 8 for n in patch], 0, mode="constant")
    np.testing.assert_allclose(tile_weights(plan, "gaussian").tile.numpy(), gaussian / gaussian.max(), rtol=1e-5)
    utils = pytest.importorskip("monai.data.utils", reason="MONAI weighs the reference")
    # One axis too many for a flat patch: MONAI would be asked for two axes.
    axes = patch if patch[0] > 1 else patch[1:]
    theirs = utils.compute_importance_map(axes, mode="gaussian", sigma_scale=0.125).reshape(patch)
    torch.testing.assert_close(tile_weights(plan, "gaussian-clamped").tile, theirs, rtol=1e-5, atol=0)


def test_nnunets_published_step_of_one_half():
    # nnU-Net's own documentation: patch 64, step 0.5, image 110 -> 0, 23, 46.
    assert axis_starts(110, 64, 0.5) == (0, 23, 46)


def test_a_280_cube_takes_27_tiles_of_128_at_a_quarter_and_64_at_a_half():
    assert len(plan_tiles((280,) * 3, (128,) * 3, 0.25)) == 27
    assert len(plan_tiles((280,) * 3, (128,) * 3, 0.5)) == 64


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 24)] * 3),
    patch=st.tuples(*[st.integers(1, 10)] * 3),
    overlap=st.floats(0, 0.75),
    weighting=st.sampled_from(["gaussian", "gaussian-clamped", "flat"]),
    tiling=st.sampled_from(["even", "stepped"]),
)
def test_the_total_is_the_sum_of_all_tiles_weights(shape, patch, overlap, weighting, tiling):
    plan = plan_tiles(shape, patch, overlap, tiling)
    weights = tile_weights(plan, weighting)
    summed = torch.zeros(plan.shape)
    for start in plan:
        summed[plan.slices(start)] += weights.tile
    torch.testing.assert_close(weights.total(0, plan.shape[0]), summed, rtol=1e-5, atol=1e-12)
    middle = plan.shape[0] // 2
    torch.testing.assert_close(weights.total(middle, middle + 1), summed[middle : middle + 1], rtol=1e-5, atol=1e-12)
    assert float(summed.min()) > 0


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 20)] * 3),
    patch=st.tuples(*[st.integers(1, 9)] * 3),
    overlap=st.floats(0, 0.75),
    weighting=st.sampled_from(["gaussian", "gaussian-clamped", "flat"]),
    tiling=st.sampled_from(["even", "stepped"]),
)
def test_the_slab_returns_what_whole_volume_accumulation_would(shape, patch, overlap, weighting, tiling):
    plan = plan_tiles(shape, patch, overlap, tiling)
    weights = tile_weights(plan, weighting)
    slab = SlabAccumulator(plan, weights, 2, torch.device("cpu"))
    generator = torch.Generator().manual_seed(1)
    total, weight, planes = torch.zeros(2, *plan.shape), torch.zeros(plan.shape), []
    for start in plan:
        logits = torch.randn(2, *patch, generator=generator)
        total[(slice(None), *plan.slices(start))] += logits * weights.tile
        weight[plan.slices(start)] += weights.tile
        planes += [p.clone() for p in slab.finish_before(start[0])]
        slab.add(start, logits)
    planes += [p.clone() for p in slab.finish()]
    torch.testing.assert_close(torch.cat(planes, dim=1), total / weight, rtol=1e-4, atol=1e-4)


@given(st.integers(1, 50), st.integers(1, 50))
def test_padding_centres_the_image(size, patch):
    ((before, after),) = padding([size], [patch])
    assert before + after + size == max(size, patch)
    assert 0 <= after - before <= 1
