"""Every kind of normalisation, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from UNetSegmentLib.errors import InputError, ModelError
from UNetSegmentLib.models import Normalization
from UNetSegmentLib.preprocessing.normalization import needs_whole_image, normalize, percentiles


@pytest.fixture
def image() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).gamma(2.0, 300.0, (1, 7, 9, 11)).astype(np.float32))


def check(tensor: torch.Tensor, rule: Normalization, expected: np.ndarray) -> None:
    before = tensor.clone()
    result = normalize(tensor, (rule,))
    assert result.dtype == torch.float32
    assert torch.equal(tensor, before)
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-5)


def test_zscore(image):
    a = image.numpy().astype(float)
    check(image, Normalization("zscore"), (a - a.mean()) / a.std())


def test_zscore_of_nonzero_voxels(image):
    image[0, :3] = 0
    a = image.numpy().astype(float)
    inside = a[a != 0]
    check(image, Normalization("zscore-nonzero"), np.where(a != 0, (a - inside.mean()) / inside.std(), 0))


def test_percentile_clip(image):
    a = image.numpy().astype(float)
    clipped = a.clip(*np.percentile(a, (2.0, 97.5)))
    check(image, Normalization("percentile", 2.0, 97.5), (clipped - clipped.mean()) / clipped.std())


def test_ct(image):
    rule = Normalization("ct", lower=-100, upper=700, mean=250.0, std=120.0)
    check(image, rule, (image.numpy().astype(float).clip(-100, 700) - 250) / 120)


def test_none_is_a_copy(image):
    result = normalize(image, (Normalization("none"),))
    assert torch.equal(result, image)
    assert result.data_ptr() != image.data_ptr()


def test_each_channel_by_its_own_rule(image):
    both = torch.cat([image, image])
    result = normalize(both, (Normalization("none"), Normalization("zscore")))
    assert torch.equal(result[0], image[0])
    assert float(result[1].mean()) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("kind", ["zscore", "zscore-nonzero", "percentile"])
@pytest.mark.parametrize("value", [0.0, 7.0, 1.1e6])
def test_no_variance_gives_zeros(kind, value):
    result = normalize(torch.full((1, 4, 4, 4), value), (Normalization(kind, 1.0, 99.0),))
    assert torch.equal(result, torch.zeros(1, 4, 4, 4))


@pytest.mark.parametrize("kind", ["zscore", "percentile"])
def test_scale_and_offset_do_not_matter(image, kind):
    """A factor of a million between two scans of the training data is real."""
    rule = (Normalization(kind, 0.5, 99.5),)
    assert torch.allclose(normalize(image * 1e6 + 3e6, rule), normalize(image, rule), atol=2e-3)
    assert torch.allclose(normalize(image.to(torch.int32), rule), normalize(image.to(torch.int32).float(), rule))


def test_percentiles_of_more_values_than_torch_quantile_takes():
    values = torch.arange(17_000_001, dtype=torch.float32) % 1000
    assert percentiles(values, (50.0,))[0] == pytest.approx(500, abs=1)


def test_one_rule_per_channel(image):
    with pytest.raises(InputError, match="1 channels"):
        normalize(image, (Normalization(), Normalization()))


@pytest.mark.parametrize("rule", [Normalization("ct", 0, 1), Normalization("percentile"), Normalization("magic")])
def test_a_rule_that_lacks_numbers_or_sense(image, rule):
    with pytest.raises(ModelError):
        normalize(image, (rule,))


def body_image() -> torch.Tensor:
    """Two channels with an empty surround, an enclosed hole, and a bay that opens to the surround."""
    rng = np.random.default_rng(3)
    image = np.zeros((2, 12, 13, 14), np.float32)
    image[0, 2:10, 2:11, 2:12] = rng.normal(100, 20, (8, 9, 10))
    image[1, 2:10, 2:8, 2:12] = rng.normal(-5, 2, (8, 6, 10))
    image[:, 4:7, 4:6, 5:8] = 0
    image[:, 2:4, 9:11, 9:12] = 0
    return torch.from_numpy(image)


@pytest.mark.parametrize("shape", ["volume", "slice"])
def test_the_mask_is_that_of_nnunet(shape):
    """Non-zero in any channel, holes filled as scipy does in 3D (where a single slice has none)."""
    ndimage = pytest.importorskip("scipy.ndimage", reason="scipy fills the holes of the reference")
    image = body_image() if shape == "volume" else body_image()[:, 5:6]
    mask = ndimage.binary_fill_holes((image.numpy() != 0).any(axis=0))
    result = normalize(image, (Normalization("zscore-mask"),) * 2).numpy()
    for channel, out in zip(image.numpy().astype(np.float64), result, strict=True):
        inside = channel[mask]
        expected = np.where(mask, (channel - inside.mean()) / inside.std(), channel)
        np.testing.assert_allclose(out, expected, atol=1e-5)


@pytest.mark.parametrize("clip", [True, False])
def test_ranges_are_linear_between_two_intensities(image, clip):
    values = image.numpy().astype(np.float64)
    low, high = np.percentile(values, [10, 80])
    scaled = (values - low) / (high - low) * 3 - 1
    check(
        image,
        Normalization("percentile-range", 10, 80, target=(-1, 2), clip=clip),
        np.clip(scaled, -1, 2) if clip else scaled,
    )
    scaled = (values - 50) / 350 * 3 - 1
    check(image, Normalization("range", 50, 400, target=(-1, 2), clip=clip), np.clip(scaled, -1, 2) if clip else scaled)
    own = (values - values.min()) / (values.max() - values.min())
    check(image, Normalization("range", clip=clip), own)
    check(image, Normalization("range", upper=900.0), (values - values.min()) / (900 - values.min()))


def test_standard_and_a_second_rule(image):
    values = image.numpy().astype(np.float64)
    check(image, Normalization("standard", mean=300.0, std=150.0), (values - 300) / 150)
    clipped = np.clip((values - 50) / 350, 0, 1)
    twice = Normalization("range", 50, 400, clip=True, then=Normalization("zscore"))
    check(image, twice, (clipped - clipped.mean()) / clipped.std())


@pytest.mark.parametrize(
    ("rule", "whole"),
    [
        (Normalization("ct", 0, 1, 0, 1), False),
        (Normalization("range", 0, 1), False),
        (Normalization("range", 0), True),
        (Normalization("standard", mean=0, std=1), False),
        (Normalization("zscore-mask"), True),
        (Normalization("range", 0, 1, then=Normalization("zscore")), True),
    ],
)
def test_rules_that_need_the_whole_image(rule, whole):
    assert needs_whole_image(rule) is whole
