"""The whole engine on networks whose answer is known."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import NearestLevel, card, level_model, random_labels
from skimage.transform import resize as skimage_resize

from UNetSegmentLib.errors import Cancelled, InputError, ResourceError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.inference import EngineSettings, Segmenter, preset
from UNetSegmentLib.models import Model
from UNetSegmentLib.progress import CancelToken
from UNetSegmentLib.volume import Volume


def volume_of(labels: np.ndarray, **grid) -> Volume:
    return Volume(labels[None].astype(np.float32), Geometry(labels.shape[::-1], **grid), "phantom")


def rotation(angle: float = 0.4) -> tuple[float, ...]:
    c, s = np.cos(angle), np.sin(angle)
    tilt = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return tuple(tilt.ravel())


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(*[st.integers(2, 25)] * 3),
    overlap=st.floats(0, 0.7),
    weighting=st.sampled_from(["gaussian", "flat"]),
    batch=st.integers(0, 3),
    mirrors=st.booleans(),
)
def test_an_identity_network_gives_the_labels_back(shape, overlap, weighting, batch, mirrors):
    labels = random_labels(shape)
    labels[0, 0, :2] = 0, 1  # never constant
    how = EngineSettings(overlap=overlap, weighting=weighting, tile_batch=batch, mirrors=mirrors)
    result = Segmenter(level_model(), device="cpu", settings=how).segment(volume_of(labels))
    np.testing.assert_array_equal(result.segmentation.voxels, labels)


@pytest.mark.parametrize("name", ["exact", "balanced"])
@pytest.mark.parametrize(
    ("orientation", "transpose"), [("LPS", (0, 1, 2)), ("RAS", (2, 1, 0)), ("SAL", (1, 2, 0)), (None, (2, 0, 1))]
)
@pytest.mark.parametrize("alignment", ["edges", "centres"])
def test_any_orientation_of_model_and_image_gives_the_labels_back(name, orientation, transpose, alignment):
    labels = random_labels((11, 14, 9))
    model = level_model(preparation={"orientation": orientation, "transpose": transpose, "alignment": alignment})
    for codes in ("LPS", "PIR", "RSA"):
        geometry, axes = Geometry((9, 14, 11), (0.7, 1.1, 3.0), (5, -9, 4), rotation()).reoriented(codes)
        turned = np.ascontiguousarray(axes.apply(labels))
        image = Volume(turned[None].astype(np.int16), geometry)
        result = Segmenter(model, device="cpu", preset=name).segment(image)
        np.testing.assert_array_equal(result.segmentation.voxels, turned)
        assert result.segmentation.geometry == geometry


@pytest.mark.parametrize("shape", list(itertools.permutations((7, 13, 20))))
@pytest.mark.parametrize("order", [0, 1, 3])
def test_resampled_logits_equal_scikit_image_on_the_whole(shape, order):
    """Slabs and class-wise boxes must not change what resampling all logits at once gives."""
    rng = np.random.default_rng(11)
    smooth = skimage_resize(rng.uniform(0, 4, (4, 5, 4)), shape, order=1)
    spacing = (1.0, 1.3, 0.8)
    image = volume_of(smooth, spacing=spacing[::-1])
    model = level_model(
        5, preparation={"spacing": (1.4, 0.9, 1.1), "output_order": order, "anisotropy_threshold": None}
    )
    result = Segmenter(model, device="cpu").segment(image)
    target = image.geometry.shape_at((1.4, 0.9, 1.1))
    prepared = skimage_resize(smooth.astype(np.float32), target, order=1, mode="edge", anti_aliasing=False)
    logits = -((prepared[None] - np.arange(5).reshape(-1, 1, 1, 1)) ** 2)
    back = np.stack(
        [skimage_resize(c, shape, order=order, mode="edge", anti_aliasing=False, clip=False) for c in logits]
    )
    ties = np.sort(back, axis=0)
    clear = ties[-1] - ties[-2] > 1e-4
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(result.segmentation.voxels[clear], back.argmax(axis=0)[clear])


def test_region_limits_the_result_and_keeps_its_place():
    labels = random_labels((20, 24, 22))
    region = Box((3, 5, 2), (17, 20, 19))
    result = Segmenter(level_model(), device="cpu").segment(volume_of(labels), region=region)
    expected = np.zeros_like(labels)
    expected[region.slices] = labels[region.slices]
    np.testing.assert_array_equal(result.segmentation.voxels, expected)


def test_a_region_outside_the_image_is_refused():
    with pytest.raises(InputError, match="outside the image"):
        Segmenter(level_model(), device="cpu").segment(
            volume_of(random_labels((9, 9, 9))), region=Box((20, 0, 0), (25, 9, 9))
        )


def test_background_tiles_are_left_out_and_change_nothing():
    labels = np.zeros((40, 12, 30), np.uint8)
    labels[33:37, 3:9, 20:26] = random_labels((4, 6, 6)) | 1
    seen = []

    class Counting(NearestLevel):
        def forward(self, x):
            seen.append(len(x))
            return super().forward(x)

    def run(rule, **how):
        seen.clear()
        contract = card(inference={"background_below": rule})
        model = Model.in_memory(contract, [Counting(4)])
        return Segmenter(model, device="cpu", settings=EngineSettings(**how)).segment(volume_of(labels)), sum(seen)

    whole, all_tiles = run(None)
    skipped, few_tiles = run(0.0)
    assert few_tiles < all_tiles / 2
    np.testing.assert_array_equal(skipped.segmentation.voxels, whole.segmentation.voxels)
    np.testing.assert_array_equal(skipped.segmentation.voxels, labels)
    _, exact_tiles = run(0.0, skip_background=False)
    assert exact_tiles == all_tiles


def test_probabilities_and_uncertainty_lie_on_the_image_grid():
    labels = random_labels((9, 10, 11))
    image = volume_of(labels, spacing=(1, 2, 3))
    region = Box((0, 0, 0), (9, 10, 8))
    result = Segmenter(level_model(), device="cpu").segment(image, region, probabilities=True, uncertainty=True)
    assert result.probabilities.voxels.shape == (4, 9, 10, 11)
    np.testing.assert_allclose(result.probabilities.voxels.sum(axis=0), 1, atol=1e-5)
    inside = (slice(None), slice(None), slice(0, 8))
    logits = -((labels[inside][None].astype(float) - np.arange(4).reshape(-1, 1, 1, 1)) ** 2)
    expected = np.exp(logits) / np.exp(logits).sum(axis=0)
    np.testing.assert_allclose(result.probabilities.voxels[(slice(None), *inside)], expected, atol=1e-5)
    entropy = -(expected * np.log2(expected)).sum(axis=0)
    np.testing.assert_allclose(result.uncertainty.voxels[0][inside], entropy, atol=1e-5)
    assert np.all(result.uncertainty.voxels[0][:, :, 8:] == 0)
    assert result.uncertainty.geometry == image.geometry


def test_folds_are_averaged_as_logits():
    class Shifted(NearestLevel):
        def __init__(self, shift):
            super().__init__(4)
            self.shift = shift

        def forward(self, x):
            return super().forward(x + self.shift)

    labels = random_labels((10, 10, 10), classes=3)
    model = Model.in_memory(card(), [Shifted(1.0), Shifted(-0.8)])
    first = Segmenter(model, device="cpu").segment(volume_of(labels))
    both = Segmenter(model, device="cpu", settings=EngineSettings(folds=True)).segment(volume_of(labels))
    np.testing.assert_array_equal(first.segmentation.voxels, labels + 1)
    np.testing.assert_array_equal(both.segmentation.voxels, labels)  # mean shift 0.1 rounds to nothing


def test_sigmoid_regions_are_painted_in_order():
    class Regions(torch.nn.Module):
        def forward(self, x):
            return torch.cat([x - 0.5, x - 1.5, x - 2.5], dim=1)

    labels = random_labels((10, 10, 10))
    contract = card(4, inference={"activation": "sigmoid", "output_values": (3, 1, 2)})
    from dataclasses import replace

    contract = replace(contract, network=replace(contract.network, out_channels=3))
    result = Segmenter(Model.in_memory(contract, [Regions()]), device="cpu").segment(volume_of(labels))
    np.testing.assert_array_equal(result.segmentation.voxels, np.array([0, 3, 1, 2])[labels])


def test_a_2d_network_runs_slice_by_slice():
    labels = random_labels((5, 17, 23))
    model = level_model(patch=(1, 8, 8), dimension=2, preparation={"spacing": (None, 1.0, 1.0)})
    result = Segmenter(model, device="cpu", preset="exact").segment(volume_of(labels, spacing=(1, 1, 7)))
    np.testing.assert_array_equal(result.segmentation.voxels, labels)
    single = Segmenter(model, device="cpu").segment(volume_of(labels[:1]))
    np.testing.assert_array_equal(single.segmentation.voxels, labels[:1])


def test_a_second_channel_on_another_grid_is_resampled():
    class Sum(NearestLevel):
        def forward(self, x):
            return super().forward(x[:, :1] + x[:, 1:])

    labels = random_labels((10, 10, 10), classes=2)
    first = volume_of(labels)
    second = Volume(
        np.ones((1, 6, 6, 6), np.float32) * np.linspace(1, 1.0001, 6), Geometry((6, 6, 6), (3, 3, 3), (-2, -2, -2))
    )
    model = Model.in_memory(card(channels=2), [Sum(4)])
    result = Segmenter(model, device="cpu").segment([first, second])
    np.testing.assert_array_equal(result.segmentation.voxels, labels + 1)
    far = Volume(second.voxels, Geometry((6, 6, 6), origin=(900, 0, 0)), "far away")
    with pytest.raises(InputError, match="does not overlap"):
        Segmenter(model, device="cpu").segment([first, far])


def test_an_empty_channel_is_named_by_its_own_file():
    labels = random_labels((10, 10, 10), classes=2)
    first, empty = replace(volume_of(labels), name="t1.nii.gz"), replace(volume_of(labels * 0), name="flair.nii.gz")
    model = Model.in_memory(card(channels=2), [NearestLevel(4)])
    for order in ([first, empty], [empty, first]):
        with pytest.raises(InputError, match=r"'flair\.nii\.gz' is constant"):
            Segmenter(model, device="cpu").segment(order)


def test_what_reading_and_resampling_chose_is_among_the_warnings():
    labels = random_labels((8, 10, 10), classes=2)
    first = volume_of(labels).with_notes("Three slices were sorted.")
    # The second channel reaches the lower quarter of the slices only.
    ramp = np.linspace(1, 1.0001, 200, dtype=np.float32).reshape(1, 2, 10, 10)
    model = Model.in_memory(card(channels=2), [NearestLevel(4)])
    quarter = Volume(ramp, Geometry((10, 10, 2)), "flair")
    warnings = Segmenter(model, device="cpu").segment([first, quarter.with_notes("NaN was replaced.")]).warnings
    assert "Three slices were sorted." in warnings
    assert "NaN was replaced." in warnings
    (resampled,) = [warning for warning in warnings if "resampled" in warning]
    assert "'flair'" in resampled
    assert "75%" in resampled
    aside = Volume(np.repeat(ramp, 4, axis=1), Geometry((10, 10, 8), origin=(0.2, 0, 0)), "aside")
    (resampled,) = [w for w in Segmenter(model, device="cpu").segment([first, aside]).warnings if "resampled" in w]
    assert "filled" not in resampled


def test_cancel_stops_within_one_tile():
    token = CancelToken()
    ran = []

    class Cancelling(NearestLevel):
        def forward(self, x):
            ran.append(1)
            if len(ran) == 3:
                token.cancel()
            return super().forward(x)

    model = Model.in_memory(card(), [Cancelling(4)])
    with pytest.raises(Cancelled):
        Segmenter(model, device="cpu", settings=EngineSettings(tile_batch=1)).segment(
            volume_of(random_labels((30, 30, 30))), cancel=token
        )
    assert len(ran) == 3


def test_progress_counts_every_tile_and_estimates_the_time_left():
    events = []
    how = EngineSettings(overlap=0.5, tile_batch=1)
    result = Segmenter(level_model(), device="cpu", settings=how).segment(
        volume_of(random_labels((20, 20, 20))), progress=events.append
    )
    assert [e.stage for e in events if e.done == 0] == ["prepare", "segment", "finish"]
    segment = [e for e in events if e.stage == "segment"]
    assert [e.done for e in segment] == list(range(segment[0].total + 1))
    assert segment[0].total == result.settings["tiles"]
    assert segment[-1].seconds_left == 0 and segment[1].seconds_left > 0


def test_out_of_memory_steps_down_the_ladder_and_says_so():
    class Greedy(NearestLevel):
        def forward(self, x):
            if x[0, 0].numel() > 8 * 12 * 10 // 2 or len(x) > 1:
                raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 byte")
            return super().forward(x)

    labels = random_labels((20, 20, 20))
    model = Model.in_memory(card(), [Greedy(4)])
    result = Segmenter(model, device="cpu", settings=EngineSettings(tile_batch=4)).segment(volume_of(labels))
    np.testing.assert_array_equal(result.segmentation.voxels, labels)
    assert "smaller tiles" in result.warnings[0]
    assert result.settings["batch"] == 1

    class Hopeless(NearestLevel):
        def forward(self, x):
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ResourceError, match="smaller region"):
        Segmenter(Model.in_memory(card(), [Hopeless(4)]), device="cpu").segment(volume_of(labels))


def test_other_runtime_errors_are_not_taken_for_lack_of_memory():
    class Broken(NearestLevel):
        def forward(self, x):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        Segmenter(Model.in_memory(card(), [Broken(4)]), device="cpu").segment(volume_of(random_labels((9, 9, 9))))


@pytest.mark.parametrize(
    ("voxels", "message"),
    [
        (np.full((1, 9, 9, 9), np.nan, np.float32), "NaN or infinite"),
        (np.full((1, 9, 9, 9), 7, np.int16), "constant"),
        (np.ones((3, 9, 9, 9), np.float32), "needs 1 input channel"),
        (np.arange(81, dtype=np.float32).reshape(1, 1, 9, 9), "single slice"),
    ],
)
def test_unusable_images_are_refused_with_the_reason(voxels, message):
    with pytest.raises(InputError, match=message):
        Segmenter(level_model(), device="cpu").segment(Volume(voxels, Geometry(voxels.shape[:0:-1])))


def test_a_crop_model_given_a_whole_head_warns():
    model = level_model(field_of_view_mm=(10, 10, 10))
    wide = Segmenter(model, device="cpu").segment(volume_of(random_labels((30, 30, 30))))
    assert any("Choose a region" in w for w in wide.warnings)
    close = Segmenter(model, device="cpu").segment(volume_of(random_labels((12, 12, 12))))
    assert not close.warnings


def test_presets_differ_in_cost_as_their_names_say():
    labels = random_labels((24, 24, 24))
    tiles = {}
    for name in ("exact", "balanced", "fast"):
        used = Segmenter(level_model(), device="cpu", preset=name).segment(volume_of(labels)).settings
        tiles[name] = used["tiles"] * used["passes_per_tile"]
    assert tiles["exact"] > tiles["balanced"] > tiles["fast"]
    with pytest.raises(InputError, match="Unknown preset"):
        preset("quick")


def test_an_unknown_device_is_refused_with_those_there_are():
    with pytest.raises(ResourceError, match="cpu"):
        Segmenter(level_model(), device="cuda:7")
