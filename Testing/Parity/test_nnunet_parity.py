"""Our preset ``exact`` gives the answer of nnU-Net itself, for models that nnU-Net's own code made."""

from __future__ import annotations

import pytest

pytest.importorskip("nnunetv2", reason="nnU-Net, to compare with, is not installed (see the developers' notes)")

from nnunet_models import MAKERS

LEAST_AGREEMENT = 0.9999
LOGIT_TOLERANCE = 1e-3


@pytest.mark.parametrize("name", MAKERS)
def test_labels_are_those_of_nnunet(name, compared):
    """nnU-Net sums tiles in half precision. That alone moves labels, of weights at random above all; ours need not."""
    _, comparisons = compared(name)
    for comparison in comparisons:
        assert comparison.labels > 1, f"{comparison.case}: one label everywhere proves nothing"
        assert comparison.same_float32 >= LEAST_AGREEMENT, comparison
        # No further from nnU-Net as it is than nnU-Net in float32 is from itself.
        assert comparison.same >= min(LEAST_AGREEMENT, comparison.own_rounding - (1 - LEAST_AGREEMENT)), comparison


@pytest.mark.parametrize("name", MAKERS)
def test_logits_are_those_of_nnunet_in_float32(name, compared):
    _, (first, *_) = compared(name)
    assert first.logits <= LOGIT_TOLERANCE, first


def test_the_postprocessing_file_is_followed(compared):
    """Its own function applied to its own labels gives ours, and it does change something."""
    _, comparisons = compared("trained")
    assert sum(comparison.postprocessed for comparison in comparisons) > 0
