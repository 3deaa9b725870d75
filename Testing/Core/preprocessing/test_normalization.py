"""Every kind of normalisation, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from UNetSegmentLib.errors import InputError, ModelError
from UNetSegmentLib.models import Normalization
from UNetSegmentLib.preprocessing.normalization import normalize, percentiles


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
