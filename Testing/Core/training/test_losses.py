"""Losses against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from UNetSegmentLib.training import LossConfig
from UNetSegmentLib.training.losses import (
    cross_entropy_loss,
    focal_loss,
    single_loss,
    soft_dice_loss,
    supervision_weights,
    total_loss,
)


def sure(target: torch.Tensor, channels: int) -> torch.Tensor:
    return 50.0 * torch.nn.functional.one_hot(target, channels).movedim(-1, 1).float()


@pytest.fixture
def target() -> torch.Tensor:
    target = torch.zeros(2, 4, 6, dtype=torch.long)
    target[0, 1:3, 1:4] = 1
    target[1, 0, :] = 2
    return target


@pytest.mark.parametrize("batch_dice", [True, False])
def test_a_perfect_answer_costs_nothing(target, batch_dice):
    assert float(soft_dice_loss(sure(target, 3), target, batch_dice)) == pytest.approx(0, abs=1e-5)
    for kind in ("dice_ce", "dice", "ce", "focal", "dice_focal"):
        assert float(single_loss(sure(target, 3), target, LossConfig(kind))) == pytest.approx(0, abs=1e-5)


def test_no_opinion(target):
    logits = torch.zeros(2, 3, 4, 6)
    assert float(cross_entropy_loss(logits, target)) == pytest.approx(math.log(3))
    assert float(focal_loss(logits, target, 2.0)) == pytest.approx((2 / 3) ** 2 * math.log(3))
    # Every probability is 1/3; both labels have 6 of 48 voxels: Dice = 2 (6/3) / (48/3 + 6).
    assert float(soft_dice_loss(logits, target)) == pytest.approx(1 - 4 / 22, abs=1e-5)


def test_dice_per_sample_and_over_the_batch(target):
    """Per sample, an absent label that is predicted everywhere with 1/3 scores 0; over the batch it is shared."""
    logits = torch.zeros(2, 3, 4, 6)
    present = 2 * (6 / 3) / (24 / 3 + 6)
    assert float(soft_dice_loss(logits, target, batch_dice=False)) == pytest.approx(1 - present / 2, abs=1e-4)


def test_focal_without_focus_is_cross_entropy(target):
    logits = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    assert float(focal_loss(logits, target, 0.0)) == pytest.approx(float(cross_entropy_loss(logits, target)))
    assert float(focal_loss(logits, target, 2.0)) < float(cross_entropy_loss(logits, target))


def test_weights_of_the_terms(target):
    logits = torch.zeros(2, 3, 4, 6)
    config = LossConfig("dice_ce", dice_weight=2.0, ce_weight=0.5)
    expected = 2 * float(soft_dice_loss(logits, target)) + 0.5 * math.log(3)
    assert float(single_loss(logits, target, config)) == pytest.approx(expected)


def test_deep_supervision_sees_the_shrunk_labels(target):
    assert supervision_weights(3) == pytest.approx([4 / 7, 2 / 7, 1 / 7])
    coarse = target[:, ::2, ::2]
    outputs = [sure(target, 3), sure(coarse, 3)]
    assert float(total_loss(outputs, target, LossConfig())) == pytest.approx(0, abs=1e-4)
    wrong = [sure(target, 3), sure(coarse.flip(1), 3)]
    assert float(total_loss(wrong, target, LossConfig())) > 0.3


def test_gradients_reach_every_logit(target):
    logits = torch.zeros(2, 3, 4, 6, requires_grad=True)
    total_loss(logits, target, LossConfig("dice_focal")).backward()
    assert bool((logits.grad != 0).all())
