"""The separable operator against scikit-image, which is what nnU-Net calls."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from skimage.transform import resize as skimage_resize

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.resampling import apply_axis, axis_operator, resize


def reference(array: np.ndarray, shape: tuple[int, ...], order: int) -> np.ndarray:
    return skimage_resize(array, shape, order=order, mode="edge", anti_aliasing=False, clip=True, preserve_range=True)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 23)] * 3),
    target=st.tuples(*[st.integers(1, 31)] * 3),
    order=st.sampled_from([0, 1, 3]),
    seed=st.integers(0, 1000),
)
def test_equals_scikit_image_for_any_sizes(shape, target, order, seed):
    array = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    ours = resize(torch.from_numpy(array)[None], target, order)[0].numpy()
    np.testing.assert_allclose(ours, reference(array, target, order), atol=1e-5)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_equals_scikit_image_on_a_real_scan(shared_data, order):
    from UNetSegmentLib.io import read_volume

    array = read_volume(shared_data / "mr" / "mr_torso_3mm.nii.gz").voxels[0].astype(np.float32)
    array = array / array.max()
    target = (33, 64, 150)
    ours = resize(torch.from_numpy(array)[None], target, order)[0].numpy()
    np.testing.assert_allclose(ours, reference(array, target, order), atol=1e-5)


@pytest.mark.parametrize("order", [1, 3])
def test_batch_and_channels_are_resized_each_by_itself(order):
    array = (
        np.random.default_rng(3).normal(size=(2, 3, 7, 9, 8)).astype(np.float32) * np.arange(1, 4)[:, None, None, None]
    )
    ours = resize(torch.from_numpy(array), (11, 6, 13), order).numpy()
    for batch, channel in np.ndindex(2, 3):
        np.testing.assert_allclose(
            ours[batch, channel], reference(array[batch, channel], (11, 6, 13), order), atol=2e-5
        )


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("order", [1, 3])
def test_a_coarse_axis_is_handled_apart(axis, order):
    """nnU-Net's rule: the fine axes per slice by skimage, then the coarse one by map_coordinates of order 0."""
    array = np.random.default_rng(5).normal(size=(9, 9, 9)).astype(np.float32)
    target = [14, 12, 7]
    in_plane = [n for a, n in enumerate(target) if a != axis]
    slices = [reference(s, tuple(in_plane), order) for s in np.moveaxis(array, axis, 0)]
    stacked = np.stack(slices)
    coarse = (np.arange(target[axis]) + 0.5) * 9 / target[axis] - 0.5
    grid = np.meshgrid(coarse, *[np.arange(n) for n in in_plane], indexing="ij")
    expected = np.moveaxis(map_coordinates(stacked, grid, order=0, mode="nearest"), 0, axis)
    ours = resize(torch.from_numpy(array)[None], target, order, separate_axis=axis)[0].numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(size_in=st.integers(1, 60), size_out=st.integers(1, 60), order=st.sampled_from([0, 1, 3]), data=st.data())
def test_a_slab_of_outputs_needs_only_the_inputs_it_names(size_in, size_out, order, data):
    operator = axis_operator(size_in, size_out, order)
    start = data.draw(st.integers(0, size_out - 1))
    stop = data.draw(st.integers(start + 1, size_out))
    full = torch.from_numpy(np.random.default_rng(0).normal(size=(size_in, 2, 3)))
    low, high = operator.inputs_of(start, stop)
    part = apply_axis(full[low:high], 0, operator, (start, stop), (low, high))
    torch.testing.assert_close(part, apply_axis(full, 0, operator)[start:stop], atol=1e-12, rtol=0)
    ready = operator.outputs_ready(high)
    assert ready >= stop
    assert ready == size_out or operator.last[ready] >= high


@given(size_in=st.integers(1, 200), size_out=st.integers(1, 200), order=st.sampled_from([0, 1, 3]))
@settings(max_examples=50, deadline=None)
def test_a_constant_stays_constant(size_in, size_out, order):
    np.testing.assert_allclose(axis_operator(size_in, size_out, order).matrix.sum(axis=1), 1.0, atol=2e-6)


def test_an_unknown_order_is_refused():
    with pytest.raises(InputError, match="order 2"):
        resize(torch.zeros(1, 4, 4, 4), (5, 5, 5), order=2)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 14)] * 3),
    target=st.tuples(*[st.integers(1, 17)] * 3),
    steps=st.tuples(*[st.floats(0.3, 3)] * 3),
    order=st.sampled_from([0, 1, 3]),
)
def test_with_steps_the_first_centre_stays(shape, target, steps, order):
    """Against scipy at the places themselves: n steps from the first voxel's centre, edge voxels beyond the border."""
    array = np.random.default_rng(1).normal(size=shape)
    places = [np.arange(n) * step for n, step in zip(target, steps, strict=True)]
    if order == 0:
        places = [np.rint(place) for place in places]
    grid = np.meshgrid(*places, indexing="ij")
    expected = map_coordinates(array, grid, order=order, mode="nearest")
    ours = resize(torch.from_numpy(array)[None], target, order, clip=False, steps=steps)[0].numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-5)
