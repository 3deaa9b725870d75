"""Augmentation in space: what turns, scales, bends and mirrors a patch does the same to image and label."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from augmentation_phantoms import OFF, SEED, ball, generator, ramp

from UNetSegmentLib.training import AugmentationConfig, SamplingConfig
from UNetSegmentLib.training.augmentation import intensity
from UNetSegmentLib.training.augmentation.laterality import swap_left_right
from UNetSegmentLib.training.augmentation.spatial import Deformation, deform, draw_deformation, identity
from UNetSegmentLib.training.cases.case import Case
from UNetSegmentLib.training.loop.sampling import PatchSampler


def test_nothing_moves_by_the_identity():
    images, labels = ball(8)
    patch, target = deform(images, labels, [identity()], (20, 16, 24), 2)
    assert torch.equal(patch, images[:, :, 6:26, 8:24, 4:28])
    assert torch.equal(target, labels[:, 6:26, 8:24, 4:28])


def test_the_grid_hits_voxel_centres_whatever_the_parity():
    """A deformation that is nearly nothing goes through the interpolation and must give back the crop."""
    images, labels = ball(8)
    still = Deformation(torch.eye(3) * (1 + 1e-7), None)
    for patch in ((20, 16, 24), (21, 17, 31)):
        moved = deform(images, labels, [still], patch, 2)
        plain = deform(images, labels, [identity()], patch, 2)
        assert torch.allclose(moved[0], plain[0], atol=1e-4)
        assert torch.equal(moved[1], plain[1].long())


def test_a_quarter_turn_and_a_flip_equal_torchs():
    images = torch.randn(1, 2, 9, 9, 9, generator=generator())
    labels = (images[:, 0] > 0).to(torch.uint8)
    turn = torch.tensor([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    patch, target = deform(images, labels, [Deformation(turn, None)], (9, 9, 9), 2)
    expected = images.rot90(1, (3, 4)), labels.rot90(1, (2, 3))
    opposite = images.rot90(-1, (3, 4)), labels.rot90(-1, (2, 3))
    best = min((expected, opposite), key=lambda pair: float((pair[0] - patch).abs().max()))
    assert torch.allclose(patch, best[0], atol=1e-4)
    assert torch.equal(target, best[1].long())
    mirrored, target = deform(images, labels, [Deformation(torch.diag(torch.tensor([1.0, 1, -1])), None)], (9, 9, 9), 2)
    assert torch.allclose(mirrored, images.flip(-1), atol=1e-4)
    assert torch.equal(target, labels.flip(-1).long())


def test_scaling_by_a_factor_cubes_the_volume():
    images, labels = ball(6)
    config = dataclasses.replace(OFF, scaling=1.0, scaling_range=(1.5, 1.5))
    deformation = draw_deformation(config, (32, 32, 32), False, generator())
    _, target = deform(images, labels, [deformation], (32, 32, 32), 2)
    assert int(target.sum()) == pytest.approx(1.5**3 * int(labels.sum()), rel=0.06)


@pytest.mark.parametrize("channels", [2, 12])
def test_label_follows_image_through_everything(channels):
    """Many labels take the path with one indicator in memory at a time; both must agree with the image."""
    images, labels = ball(9)
    config = AugmentationConfig(
        flip=(0.5, 0.5, 0.5), rotation=1, scaling=1, scaling_range=(0.8, 1.2), elastic=1, elastic_voxels=2.0
    )
    for seed in range(4):
        deformation = draw_deformation(config, (28, 28, 28), False, generator(seed))
        patch, target = deform(images, labels, [deformation], (28, 28, 28), channels)
        agreement = ((patch[:, 0] > 0.5) == (target == 1)).float().mean()
        assert agreement > 0.988  # a shift by one voxel would leave 0.977
        assert 0 < int(target.sum()) < target.numel()


def test_a_flat_deformation_keeps_slices_apart():
    images = torch.arange(4.0)[None, None, :, None, None].expand(1, 1, 4, 16, 16).contiguous()
    config = AugmentationConfig(flip=(1, 1, 1), rotation=1, scaling=1, anisotropy=0.2, elastic=1)
    deformation = draw_deformation(config, (4, 12, 12), True, generator())
    patch, _ = deform(images, images[:, 0].to(torch.uint8), [deformation], (4, 12, 12), 4)
    assert torch.allclose(patch, images[..., :12, :12], atol=1e-4)


def marked(seed: int, size: int = 21) -> tuple[torch.Tensor, torch.Tensor, tuple[int, int, int]]:
    """A dark image with one bright soft blob at a random place, and its label."""
    z, y, x = (int(v) for v in torch.randint(7, size - 7, (3,), generator=generator(seed)))
    axes = torch.arange(size, dtype=torch.float32)
    dz, dy, dx = torch.meshgrid(axes - z, axes - y, axes - x, indexing="ij")
    distance = (dz**2 + dy**2 + dx**2).sqrt()
    return torch.exp(-((distance / 2) ** 2))[None, None], (distance < 2)[None].to(torch.uint8), (z, y, x)


@pytest.mark.parametrize("seed", range(6))
def test_a_marker_goes_where_the_matrix_says_in_image_and_label(seed):
    images, labels, place = marked(seed)
    config = AugmentationConfig(flip=(0.5, 0.5, 0.5), rotation=1, scaling=1, scaling_range=(0.9, 1.1))
    deformation = draw_deformation(config, (21, 21, 21), False, generator(seed + 50))
    patch, target = deform(images, labels, [deformation], (21, 21, 21), 2)
    offset = torch.tensor(place, dtype=torch.float32) - 10
    expected = torch.linalg.solve(deformation.matrix, offset) + 10
    brightest = torch.nonzero(patch[0, 0] == patch[0, 0].max())[0].float()
    centre = torch.nonzero(target[0] == 1).float().mean(0)
    assert float((brightest - expected).abs().max()) < 1.01
    assert float((centre - expected).abs().max()) < 0.6


def test_flipping_twice_gives_everything_back():
    images = torch.randn(1, 2, 9, 11, 13, generator=generator())
    labels = (torch.rand(1, 9, 11, 13, generator=generator(1)) * 4).to(torch.uint8)
    config = dataclasses.replace(OFF, flip=(1.0, 1.0, 1.0))
    flip = draw_deformation(config, (9, 11, 13), False, generator())
    assert flip.flips == (True, True, True)
    once, once_labels = deform(images, labels, [flip], (9, 11, 13), 4)
    assert torch.allclose(once, images.flip(2, 3, 4), atol=1e-4)
    twice, twice_labels = deform(once, once_labels, [flip], (9, 11, 13), 4)
    assert torch.allclose(twice, images, atol=1e-4)
    assert torch.equal(twice_labels, labels.long())


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_sides_change_places_with_a_flip_along_their_axis_alone(axis):
    config = dataclasses.replace(OFF, flip=tuple(1.0 if a == axis else 0.0 for a in range(3)))
    flips = draw_deformation(config, (4, 4, 4), False, generator()).flips
    labels = torch.tensor([[0, 1, 2, 3]]).reshape(1, 1, 1, 4).to(torch.uint8)
    swapped = swap_left_right(labels.expand(2, 1, 1, 4), [flips[2], False], [(1, 3)])
    assert swapped[0].flatten().tolist() == ([0, 3, 2, 1] if axis == 2 else [0, 1, 2, 3])
    assert swapped[1].flatten().tolist() == [0, 1, 2, 3]
    assert labels.flatten().tolist() == [0, 1, 2, 3]


def test_left_stays_left_through_the_sampler(make_config, card):
    """Label 1 lies at small x, label 2 at large x. Mirrored with exchanged labels, that still holds."""
    label = torch.zeros(12, 12, 12, dtype=torch.uint8)
    label[:, :, :4], label[:, :, 8:] = 1, 2
    indices = tuple(torch.nonzero(label.flatten() == v).flatten() for v in (1, 2))
    case = Case("sides", label[None].float(), label, indices)
    firsts = {}
    for pairs in ((), ((1, 2),)):
        augmentation = dataclasses.replace(OFF, flip=(0.0, 0.0, 0.5), label_pairs=pairs)
        config = make_config(augmentation=augmentation, batch=6, sampling=SamplingConfig(foreground=0.0))
        target = PatchSampler([case], config, torch.device("cpu"), SEED).draw()[1]
        firsts[pairs] = set(target[:, :, :, 0].unique().tolist())
    assert firsts[()] == {1, 2}
    assert firsts[((1, 2),)] == {1}


def test_thick_slices_are_turned_in_their_plane_and_flipped_across_it():
    images = torch.arange(4.0)[None, None, :, None, None].expand(1, 1, 4, 16, 16).contiguous()
    labels = images[:, 0].to(torch.uint8)
    config = AugmentationConfig(
        flip=(1.0, 0, 0), rotation=1, scaling=1, anisotropy=0.2, elastic=1, in_plane=True, blur=1.0, low_resolution=1.0
    )
    deformation = draw_deformation(config, (4, 12, 12), False, generator())
    patch, _ = deform(images, labels, [deformation], (4, 12, 12), 4)
    assert torch.allclose(patch, images[..., :12, :12].flip(2), atol=1e-4)
    still = dataclasses.replace(OFF, in_plane=True, blur=1.0, low_resolution=1.0, blur_range=(2.0, 2.0))
    assert torch.allclose(intensity.change_intensity(images, still, False, generator()), images, atol=1e-4)


def test_voxels_that_are_no_cubes_are_turned_in_mm():
    """Lengths in mm do not change, which a rotation in voxels would break."""
    spacing = (3.0, 1.0, 0.5)
    config = dataclasses.replace(OFF, rotation=1.0, rotation_degrees=60.0)
    matrix = draw_deformation(config, (8, 8, 8), False, generator(4), spacing).matrix
    size = torch.diag(torch.tensor(spacing))
    physical = size @ matrix @ torch.inverse(size)
    assert torch.allclose(physical @ physical.T, torch.eye(3), atol=1e-5)
    assert float(torch.linalg.det(matrix)) == pytest.approx(1, abs=1e-5)
    assert not torch.allclose(matrix @ matrix.T, torch.eye(3), atol=0.05)


def test_items_of_a_batch_are_bent_differently(make_config):
    case = ramp()
    config = make_config(
        augmentation=dataclasses.replace(OFF, rotation=1.0, elastic=1.0), sampling=SamplingConfig(foreground=0), batch=4
    )
    images, _ = PatchSampler([case], config, torch.device("cpu"), SEED).draw()
    for first in range(4):
        for second in range(first):
            assert not torch.allclose(images[first], images[second])


def test_rotation_reaches_the_angle_that_was_asked_for_and_no_more():
    config = dataclasses.replace(OFF, rotation=1.0, rotation_degrees=25.0)
    angles = []
    for seed in range(60):
        matrix = draw_deformation(config, (4, 8, 8), True, generator(seed)).matrix
        angles.append(math.degrees(math.atan2(float(matrix[2, 1]), float(matrix[1, 1]))))
    assert max(map(abs, angles)) <= 25.0
    assert max(angles) > 18 and min(angles) < -18
