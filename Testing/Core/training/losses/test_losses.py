"""Losses against values worked out by hand, against numerical gradients, and against scipy and scikit-image."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.morphology import skeletonize

from UNetSegmentLib.training import LossConfig
from UNetSegmentLib.training.losses import (
    IGNORED,
    boundary_loss,
    centreline_dice_loss,
    compare,
    cross_entropy_loss,
    dice_loss,
    focal_loss,
    signed_distance,
    single_loss,
    soft_skeleton,
    supervision_weights,
    total_loss,
    tversky_loss,
)

KINDS = ("dice", "tversky", "ce", "focal", "boundary", "cldice")


def sure(target: torch.Tensor, channels: int) -> torch.Tensor:
    return 50.0 * torch.nn.functional.one_hot(target, channels).movedim(-1, 1).float()


def regions_of(target: torch.Tensor) -> torch.Tensor:
    """Two regions, the second within the first."""
    return torch.stack([target > 0, target == 2], dim=1).long()


@pytest.fixture
def target() -> torch.Tensor:
    """Two samples of 24 voxels: six voxels of label 1 in the first, six of label 2 in the second."""
    target = torch.zeros(2, 4, 6, dtype=torch.long)
    target[0, 1:3, 1:4] = 1
    target[1, 0, :] = 2
    return target


@pytest.fixture
def few() -> tuple[torch.Tensor, torch.Tensor]:
    """Four voxels of which the last two are foreground, with foreground probabilities 0.1, 0.2, 0.7, 0.6."""
    p = torch.tensor([0.1, 0.2, 0.7, 0.6], dtype=torch.double)
    logits = torch.stack([torch.zeros_like(p), torch.logit(p)])[None, :, None]
    return logits, torch.tensor([[[0, 0, 1, 1]]])


@pytest.mark.parametrize("batch_dice", [True, False])
def test_a_perfect_answer_costs_nothing(target, batch_dice):
    for kind in ("dice_ce", "dice", "ce", "focal", "dice_focal", "tversky", "cldice"):
        config = LossConfig(kind, batch_dice=batch_dice)
        assert float(single_loss(sure(target, 3), target, config)) == pytest.approx(0, abs=1e-5)
        regions = regions_of(target)
        assert float(single_loss(100.0 * regions - 50.0, regions, config)) == pytest.approx(0, abs=1e-5)


def test_no_opinion(target):
    nothing = compare(torch.zeros(2, 3, 4, 6), target)
    assert float(cross_entropy_loss(nothing)) == pytest.approx(math.log(3))
    assert float(focal_loss(nothing, 2.0)) == pytest.approx((2 / 3) ** 2 * math.log(3))
    # Every probability is 1/3; both labels have 6 of 48 voxels: Dice = 2 (6/3) / (48/3 + 6).
    assert float(dice_loss(nothing)) == pytest.approx(1 - 4 / 22, abs=1e-5)
    # With the background, 36 of 48 voxels: 2 (36/3) / (48/3 + 36) = 24/52.
    assert float(dice_loss(nothing, background=True)) == pytest.approx(1 - (2 * 4 / 22 + 24 / 52) / 3, abs=1e-5)


def test_dice_by_hand(few):
    """sum(p t) = 1.3, sum(p) = 1.6, sum(t) = 2, sum(p^2) = 0.01 + 0.04 + 0.49 + 0.36 = 0.9."""
    comparison = compare(*few)
    assert float(dice_loss(comparison, smooth=1e-12)) == pytest.approx(1 - 2.6 / 3.6)
    assert float(dice_loss(comparison, squared=True, smooth=1e-12)) == pytest.approx(1 - 2.6 / 2.9)
    assert float(dice_loss(comparison, smooth=1.0)) == pytest.approx(1 - 3.6 / 4.6)


def test_tversky_by_hand(few):
    """TP 1.3, FP 0.3, FN 0.7."""
    comparison = compare(*few)
    index = 1.3 / (1.3 + 0.3 * 0.3 + 0.7 * 0.7)
    assert float(tversky_loss(comparison, smooth=1e-12)) == pytest.approx(1 - index)
    assert float(tversky_loss(comparison, power=0.75, smooth=1e-12)) == pytest.approx((1 - index) ** 0.75)
    half = tversky_loss(comparison, 0.5, 0.5, smooth=1e-12)
    assert float(half) == pytest.approx(float(dice_loss(comparison, smooth=1e-12)))


def test_entropies_by_hand(few):
    comparison = compare(*few)
    losses = [-math.log(0.9), -math.log(0.8), -math.log(0.7), -math.log(0.6)]
    assert float(cross_entropy_loss(comparison)) == pytest.approx(sum(losses) / 4)
    weighted = (losses[0] + losses[1] + 3 * (losses[2] + losses[3])) / 8
    assert float(cross_entropy_loss(comparison, (1.0, 3.0))) == pytest.approx(weighted)
    faded = [(1 - p) ** 2 * -math.log(p) for p in (0.9, 0.8, 0.7, 0.6)]
    assert float(focal_loss(comparison, 2.0)) == pytest.approx(sum(faded) / 4)


def test_sigmoid_by_hand():
    """Two regions of one voxel each sample; the first is there, the second is not."""
    logits = torch.logit(torch.tensor([0.8, 0.4], dtype=torch.double)).reshape(1, 2, 1, 1)
    comparison = compare(logits, torch.tensor([1, 0]).reshape(1, 2, 1, 1))
    assert float(cross_entropy_loss(comparison)) == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)
    assert float(focal_loss(comparison, 1.0)) == pytest.approx(-(0.2 * math.log(0.8) + 0.4 * math.log(0.6)) / 2)
    # Every region has a Dice: 1.6 / 1.8 and nothing of 0.4.
    assert float(dice_loss(comparison, smooth=1e-12)) == pytest.approx(1 - (1.6 / 1.8) / 2)


def test_boundary_by_hand(few):
    """The border lies between the second and the third of four voxels: distances 1.5, 0.5, -0.5, -1.5."""
    value = (0.1 * 1.5 + 0.2 * 0.5 - 0.7 * 0.5 - 0.6 * 1.5) / 4
    assert float(boundary_loss(compare(*few))) == pytest.approx(value)


def test_boundary_punishes_far_errors_more_and_is_silent_about_absent_labels():
    target = torch.zeros(1, 1, 9, dtype=torch.long)
    target[..., 0:2] = 1
    costs = []
    for place in (2, 5, 8):
        answer = target.clone()
        answer[..., place] = 1
        costs.append(float(boundary_loss(compare(sure(answer, 2), target))))
    assert costs == sorted(costs)
    assert costs[2] - costs[0] == pytest.approx(6 / 9)
    assert float(boundary_loss(compare(torch.zeros(1, 2, 1, 9), torch.zeros_like(target)))) == 0


@pytest.mark.parametrize("shape", [(17, 23), (7, 9, 11)])
def test_signed_distance_equals_scipys(shape):
    mask = torch.rand(2, 2, *shape, generator=torch.Generator().manual_seed(3)) > 0.8
    mask[1, 1] = False
    signed = signed_distance(mask)
    for n, k in ((0, 0), (0, 1), (1, 0)):
        inside, outside = (ndimage.distance_transform_edt(m) for m in (mask[n, k].numpy(), ~mask[n, k].numpy()))
        expected = np.where(mask[n, k].numpy(), 0.5 - inside, outside - 0.5)
        assert np.allclose(signed[n, k].numpy(), expected, atol=1e-5)
    assert not signed[1, 1].any()


def test_the_soft_skeleton_of_a_bar_is_its_centre_line():
    bar = torch.zeros(1, 1, 15, 40)
    bar[0, 0, 5:10, 4:36] = 1
    skeleton = soft_skeleton(bar, 4)[0, 0]
    assert set(torch.nonzero(skeleton)[:, 0].tolist()) == {7}
    ours, theirs = skeleton.numpy() > 0.5, skeletonize(bar[0, 0].numpy() > 0)
    # The ends differ by half the width at most.
    assert abs(int(ours.sum()) - int(theirs.sum())) <= 5
    ball = torch.zeros(1, 1, 9, 9, 9)
    ball[0, 0, 2:7, 2:7, 2:7] = 1
    assert torch.nonzero(soft_skeleton(ball, 4)[0, 0]).tolist() == [[4, 4, 4]]


def test_cldice_counts_gaps_and_not_width():
    """A line of 1 x 8 in which 2 voxels are missing: precision 1, sensitivity 6/8, clDice 12/14 by hand."""
    target = torch.zeros(1, 5, 12, dtype=torch.long)
    target[0, 2, 2:10] = 1
    gap = target.clone()
    gap[0, 2, 5:7] = 0
    assert float(centreline_dice_loss(compare(sure(gap, 2), target))) == pytest.approx(1 - 12 / 14, abs=1e-5)
    bar = torch.zeros(1, 15, 40, dtype=torch.long)
    bar[0, 5:10, 4:36] = 1
    thin = torch.zeros_like(bar)
    thin[0, 6:9, 4:36] = 1
    narrower = compare(sure(thin, 2), bar)
    assert float(centreline_dice_loss(narrower)) < 0.05
    assert float(dice_loss(narrower)) == pytest.approx(1 - 2 * 3 / 8, abs=1e-4)


def test_dice_per_sample_and_over_the_batch(target):
    """Per sample, an absent label that is predicted everywhere with 1/3 scores 0; over the batch it is shared."""
    comparison = compare(torch.zeros(2, 3, 4, 6), target)
    present = 2 * (6 / 3) / (24 / 3 + 6)
    assert float(dice_loss(comparison, batch=False)) == pytest.approx(1 - present / 2, abs=1e-4)


def test_focal_without_focus_is_cross_entropy(target):
    comparison = compare(torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0)), target)
    assert float(focal_loss(comparison, 0.0)) == pytest.approx(float(cross_entropy_loss(comparison)))
    assert float(focal_loss(comparison, 2.0)) < float(cross_entropy_loss(comparison))


def test_weights_of_the_terms(target):
    logits = torch.zeros(2, 3, 4, 6)
    config = LossConfig("dice_ce", dice_weight=2.0, ce_weight=0.5)
    expected = 2 * (1 - 4 / 22) + 0.5 * math.log(3)
    assert float(single_loss(logits, target, config)) == pytest.approx(expected, abs=1e-5)


def test_class_weights_choose_what_counts(target):
    """Only the second label counts, and it is missed completely."""
    logits = sure(torch.where(target == 2, 0, target), 3)
    assert float(dice_loss(compare(logits, target), weights=(0.0, 0.0, 1.0))) == pytest.approx(1, abs=1e-4)
    assert float(dice_loss(compare(logits, target), weights=(0.0, 1.0, 0.0))) == pytest.approx(0, abs=1e-4)
    assert float(dice_loss(compare(logits, target), weights=(0.0, 3.0, 1.0))) == pytest.approx(1 / 4, abs=1e-4)
    assert float(cross_entropy_loss(compare(logits, target), (1.0, 1.0, 0.0))) == pytest.approx(0, abs=1e-6)
    assert float(cross_entropy_loss(compare(logits, target), (0.0, 0.0, 1.0))) == pytest.approx(50, abs=1e-3)
    torchs = torch.nn.functional.cross_entropy(logits, target, weight=torch.tensor([0.2, 1.0, 3.0]))
    assert float(cross_entropy_loss(compare(logits, target), (0.2, 1.0, 3.0))) == pytest.approx(float(torchs))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sigmoid", [False, True])
def test_ignored_voxels_have_no_say(target, kind, sigmoid):
    """The right half is ignored: neither its logits nor what was below matter, and no gradient reaches it."""
    config = LossConfig(kind, ignore_label=9)
    truth = regions_of(target) if sigmoid else target
    truth = truth.clone()
    truth[..., 3:] = IGNORED
    first = torch.randn(2, 2 if sigmoid else 3, 4, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    second = first.detach().clone()
    second[..., 3:] = 7.0
    loss = single_loss(first, truth, config)
    assert float(loss.detach()) == pytest.approx(float(single_loss(second, truth, config)))
    loss.backward()
    # clDice compares each voxel with its neighbours, but outside of what is known with nothing.
    assert not first.grad[..., 3:].any()
    assert first.grad[..., :3].any()
    everything = torch.full_like(truth, IGNORED)
    assert single_loss(first, everything, config).isfinite()


def test_a_target_without_ignored_voxels_costs_the_same_with_and_without_the_mask(target):
    logits = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    for kind in KINDS:
        plain, masked = LossConfig(kind), LossConfig(kind, ignore_label=9)
        masked_loss = float(single_loss(logits, target, masked))
        assert float(single_loss(logits, target, plain)) == pytest.approx(masked_loss, rel=1e-5)


def test_deep_supervision_sees_the_shrunk_labels(target):
    assert supervision_weights(3) == pytest.approx([4 / 7, 2 / 7, 1 / 7])
    coarse = target[:, ::2, ::2]
    outputs = [sure(target, 3), sure(coarse, 3)]
    assert float(total_loss(outputs, target, LossConfig())) == pytest.approx(0, abs=1e-4)
    wrong = [sure(target, 3), sure(coarse.flip(1), 3)]
    assert float(total_loss(wrong, target, LossConfig())) > 0.3
    regions = regions_of(target)
    both = [100.0 * regions - 50.0, 100.0 * regions[..., ::2, ::2] - 50.0]
    assert float(total_loss(both, regions, LossConfig())) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("shape", [(6, 5), (4, 5, 4)])
@pytest.mark.parametrize("sigmoid", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_equal_numerical_ones(kind, sigmoid, shape):
    """With everything switched on: deep supervision, class weights, ignored voxels, squares, odd exponents."""
    random = torch.Generator().manual_seed(1)
    half = tuple((n + 1) // 2 for n in shape)
    full, coarse = (torch.randn(2, 2, *size, generator=random, dtype=torch.double) for size in (shape, half))
    target = torch.randint(0, 2, (2, *((2,) if sigmoid else ()), *shape), generator=random)
    target[..., 0] = IGNORED
    config = LossConfig(
        kind,
        batch_dice=False,
        dice_squared=True,
        background=True,
        class_weights=(0.5, 2.0),
        focal_gamma=1.5,
        tversky_power=0.75,
        cldice_iterations=2,
        ignore_label=9,
    )

    def loss(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return total_loss([a, b], target, config)

    assert torch.autograd.gradcheck(loss, (full.requires_grad_(), coarse.requires_grad_()), fast_mode=len(shape) == 3)


@pytest.mark.parametrize("kind", [*KINDS, "dice_ce_cldice_boundary"])
def test_every_loss_is_finite_where_the_network_is_sure_or_the_label_absent(kind, target):
    for truth in (target, torch.zeros_like(target)):
        for answer in (truth, 2 - truth):
            for power in (1.0, 0.5):
                config = LossConfig(kind, tversky_power=power, focal_gamma=power)
                logits = (20.0 * sure(answer, 3)).requires_grad_()
                loss = single_loss(logits, truth, config)
                loss.backward()
                assert loss.isfinite()
                assert logits.grad.isfinite().all()


@pytest.mark.parametrize("kind", ["dice", "tversky", "ce", "focal", "cldice"])
def test_descent_finds_the_truth(kind, target):
    """What a loss is for: following it from nothing ends at the target."""
    logits = torch.zeros(2, 3, 4, 6, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.3)
    for _ in range(60):
        optimizer.zero_grad()
        single_loss(logits, target, LossConfig(kind, batch_dice=True, background=kind == "cldice")).backward()
        optimizer.step()
    agreement = (logits.argmax(dim=1) == target).float().mean()
    # clDice alone is blind to width; it is meant to stand beside Dice.
    assert agreement > (0.75 if kind == "cldice" else 0.99)


def test_half_precision_is_widened(target):
    logits = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0)).half()
    for kind in KINDS:
        value = single_loss(logits, target, LossConfig(kind))
        assert value.dtype == torch.float32
        assert float(value) == pytest.approx(float(single_loss(logits.float(), target, LossConfig(kind))))


def test_existing_configurations_mean_what_they_meant():
    """The five kinds of the first version, with its fields, keep their sums of terms and their defaults."""
    assert [f.name for f in dataclasses.fields(LossConfig)][:5] == [
        "kind",
        "batch_dice",
        "dice_weight",
        "ce_weight",
        "focal_gamma",
    ]
    assert LossConfig() == LossConfig("dice_ce", True, 1.0, 1.0, 2.0)
    assert [LossConfig(kind).terms for kind in ("dice_ce", "dice", "ce", "focal", "dice_focal")] == [
        ("dice", "ce"),
        ("dice",),
        ("ce",),
        ("focal",),
        ("dice", "focal"),
    ]
