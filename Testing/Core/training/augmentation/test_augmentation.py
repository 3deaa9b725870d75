"""Augmentation: what each transform does to a phantom, and that image and label never part."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch

from UNetSegmentLib.training import AugmentationConfig, LossConfig, SamplingConfig, load_config
from UNetSegmentLib.training.augmentation import intensity
from UNetSegmentLib.training.augmentation.cropping import cut_canvas
from UNetSegmentLib.training.augmentation.cutout import cutout
from UNetSegmentLib.training.augmentation.laterality import swap_left_right
from UNetSegmentLib.training.augmentation.spatial import Deformation, deform, draw_deformation, identity
from UNetSegmentLib.training.cases.case import Case
from UNetSegmentLib.training.loop.sampling import PatchSampler
from UNetSegmentLib.training.losses import IGNORED

RECIPE = Path(__file__).resolve().parents[4] / "Resources" / "Models" / "hippocampus-t1" / "training.json"

OFF = AugmentationConfig(
    flip=(0, 0, 0), rotation=0, scaling=0, gamma=0, contrast=0, brightness=0, noise=0, blur=0, low_resolution=0
)


def ball(radius: float, size: int = 32, channels: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """A soft ball whose label is where the image is above one half; batch of one."""
    axes = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
    z, y, x = torch.meshgrid(axes, axes, axes, indexing="ij")
    distance = (z**2 + y**2 + x**2).sqrt()
    image = (radius - distance + 0.5).clamp(0, 1)
    return image.expand(1, channels, -1, -1, -1), (image > 0.5)[None].to(torch.uint8)


def ramp(size: int = 12) -> Case:
    """Voxel values that tell their own place: 10000 z + 100 y + x, and a label that follows from it."""
    z, y, x = torch.meshgrid(*(torch.arange(size),) * 3, indexing="ij")
    label = ((z + y + x) % 3).to(torch.uint8)
    flat = label.flatten()
    image = (10000.0 * z + 100.0 * y + x)[None].float()
    return Case("ramp", image, label, tuple(torch.nonzero(flat == v).flatten() for v in (1, 2)))


SEED = 7


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


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


@pytest.mark.parametrize("kind", ["reflect", "edge", "constant", "noise", "other"])
def test_padding_leaves_the_image_itself_alone(kind):
    case = ramp()
    config = SamplingConfig(padding={kind: 1.0})
    image, label = cut_canvas(case, [case], (-3, -4, -2), (18, 20, 16), config, generator())
    assert image.shape == (1, 18, 20, 16)
    assert torch.equal(image[:, 3:15, 4:16, 2:14], case.image)
    assert torch.equal(label[3:15, 4:16, 2:14], case.label)
    outside = torch.ones_like(label, dtype=torch.bool)
    outside[3:15, 4:16, 2:14] = False
    if kind in ("constant", "noise"):
        assert int(label[outside].max()) == 0
    if kind == "reflect":
        assert torch.equal(image[:, :3, 4:16, 2:14], case.image[:, 1:4].flip(1))
        assert torch.equal(label[:3, 4:16, 2:14], case.label[1:4].flip(0))
    if kind in ("reflect", "edge", "other"):
        # Borrowed anatomy brings its own label: the phantom's label follows from its voxel value everywhere.
        value = image[0].long()
        place = value // 10000 + value // 100 % 100 + value % 100
        assert torch.equal(label.long(), place % 3)


def test_a_subcrop_hides_the_rim():
    case = ramp()
    config = SamplingConfig(subcrop=1.0, subcrop_share=0.3, padding={"noise": 1.0})
    image, _ = cut_canvas(case, [case], (0, 0, 0), (12, 12, 12), config, generator(3))
    kept = (image == case.image)[0]
    assert 0.2 < kept.float().mean() < 0.95
    assert bool(kept[5:7, 5:7, 5:7].all())


def test_intensity_transforms_do_what_they_say():
    x = torch.randn(3, 1, 12, 12, 12, generator=generator())
    assert torch.allclose(intensity.brightness(x, 1.0, (0.5, 0.5), generator()), x + 0.5)
    stretched = intensity.contrast(x, 1.0, (2.0, 2.0), generator())
    assert torch.allclose(stretched.std(dim=(2, 3, 4)), 2 * x.std(dim=(2, 3, 4)), rtol=1e-4)
    assert torch.allclose(stretched.mean(dim=(2, 3, 4)), x.mean(dim=(2, 3, 4)), atol=1e-5)
    noisy = intensity.noise(torch.zeros(2, 1, 20, 20, 20), 1.0, (0.3, 0.3), generator())
    assert float(noisy.std()) == pytest.approx(0.3, rel=0.03)
    powered = intensity.gamma(x, 1.0, (1.7, 1.7), generator())
    assert torch.allclose(powered.mean(dim=(2, 3, 4)), x.mean(dim=(2, 3, 4)), atol=1e-3)
    for before, after in zip(x, powered, strict=True):
        assert torch.equal(before.flatten().argsort(), after.flatten().argsort())
        assert not torch.allclose(before, after, atol=1e-2)
    coarse = intensity.low_resolution(x, 1.0, (2.0, 2.0), False, generator())
    assert float(coarse.std()) < 0.8 * float(x.std())
    field = intensity.bias_field(x, 1.0, (0.3, 0.3), generator())
    assert not torch.allclose(field, x, atol=0.05)


def test_blur_widens_a_point_to_a_gaussian():
    point = torch.zeros(1, 1, 15, 15, 15)
    point[0, 0, 7, 7, 7] = 1
    blurred = intensity.blur(point, 1.0, (1.0, 1.0), False, generator())[0, 0]
    assert float(blurred.sum()) == pytest.approx(1, abs=1e-4)
    assert float(blurred[7, 7, 8] / blurred[7, 7, 7]) == pytest.approx(0.6065, abs=1e-3)
    flat = intensity.blur(point, 1.0, (1.0, 1.0), True, generator())[0, 0]
    assert float(flat[6].abs().max()) == 0


def test_probability_zero_changes_nothing():
    x = torch.randn(2, 1, 8, 8, 8, generator=generator())
    assert torch.allclose(intensity.change_intensity(x, OFF, False, generator()), x, atol=1e-6)


def test_the_sampler_is_ruled_by_its_seed_and_shows_every_label(make_config, card, folder):
    from UNetSegmentLib.training.cases.dataset import load_cases, open_dataset

    data = open_dataset(folder)
    cases = load_cases(data, data.names, card)
    sampling = SamplingConfig(foreground=1.0, overhang=0.3, padding={"noise": 1.0, "other": 1.0})
    config = make_config(sampling=sampling, batch=3, augmentation=AugmentationConfig(elastic=0.5, bias_field=0.5))
    first, second = (PatchSampler(cases, config, torch.device("cpu"), SEED) for _ in range(2))
    for _ in range(3):
        (a, s), (b, t) = first.draw(), second.draw()
        assert torch.equal(a, b)
        assert torch.equal(s, t)
        assert a.shape == (3, 1, 12, 12, 12)
        assert a.isfinite().all()
    other = PatchSampler(cases, config, torch.device("cpu"), SEED + 1)
    assert not torch.equal(other.draw()[0], PatchSampler(cases, config, torch.device("cpu"), SEED).draw()[0])


def test_foreground_patches_hold_foreground(make_config, card):
    """A label in one far corner of a large image: by chance a patch seldom meets it, by oversampling always."""
    label = torch.zeros(40, 40, 40, dtype=torch.uint8)
    label[1:3, 1:3, 1:3] = 1
    indices = torch.nonzero(label.flatten() == 1).flatten()
    case = Case("far", torch.randn(1, 40, 40, 40, generator=generator()), label, (indices, indices[:0]))
    hits = {}
    for share in (0.0, 1.0):
        config = make_config(sampling=SamplingConfig(foreground=share), augmentation=OFF, batch=1)
        sampler = PatchSampler([case], config, torch.device("cpu"), SEED)
        hits[share] = sum(bool(sampler.draw()[1].any()) for _ in range(30))
    assert hits[1.0] == 30
    assert hits[0.0] < 10


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


@pytest.mark.parametrize("classes", [5, 12])
def test_no_label_value_is_invented(classes):
    """Between labels 1 and 4 lies no 2: nearest or linear interpolation of values would make one."""
    labels = torch.zeros(1, 24, 24, 24, dtype=torch.uint8)
    labels[:, :, :12], labels[:, :, 12:] = 1, 4
    images = torch.randn(1, 1, 24, 24, 24, generator=generator())
    config = AugmentationConfig(rotation=1, scaling=1, elastic=1, elastic_voxels=3.0)
    for seed in range(3):
        deformation = draw_deformation(config, (20, 20, 20), False, generator(seed))
        _, target = deform(images, labels, [deformation], (20, 20, 20), classes)
        assert set(target.unique().tolist()) == {1, 4}


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


@pytest.mark.parametrize("flat", [False, True])
def test_cutout_blanks_boxes_of_the_asked_size(flat):
    x = torch.randn(4, 2, 10, 20, 20, generator=generator())
    hidden = cutout(x, 1.0, (0.5, 0.5), 1, flat, generator())
    for before, after in zip(x, hidden, strict=True):
        changed = before != after
        z, y, w = (int(changed.any(dim=0).sum(dim=axis).max()) for axis in range(3))
        assert (z, y, w) == (10 if flat else 5, 10, 10)
        assert torch.equal(changed[0], changed[1])
        for channel in range(2):
            (level,) = after[channel][changed[channel]].unique().tolist()
            assert float(before[channel].min()) <= level <= float(before[channel].max())
    boxes = [tuple(torch.nonzero(a != b)[0].tolist()) for a, b in zip(x, hidden, strict=True)]
    assert len(set(boxes)) > 1
    assert torch.equal(cutout(x, 0.0, (0.5, 0.5), 1, flat, generator()), x)


def test_gamma_by_hand_and_inverted():
    """Values 0, 1/4, 1 squared are 0, 1/16, 1; inverted, 1 - (1 - v)^2 is 0, 7/16, 1. Then mean and deviation."""
    x = torch.tensor([0.0, 0.25, 1.0]).reshape(1, 1, 1, 1, 3)
    for share, middle in ((0.0, 1 / 16), (1.0, 7 / 16)):
        y = intensity.gamma(x, 1.0, (2.0, 2.0), generator(), share).flatten()
        assert float((y[1] - y[0]) / (y[2] - y[0])) == pytest.approx(middle, abs=1e-4)
        assert float(y.mean()) == pytest.approx(float(x.mean()), abs=1e-5)
        assert float(y.std()) == pytest.approx(float(x.std()), abs=1e-5)


def test_channels_change_together_or_each_by_itself():
    x = torch.randn(1, 1, 6, 6, 6, generator=generator()).expand(2, 3, 6, 6, 6).contiguous()
    config = dataclasses.replace(OFF, brightness=1.0, contrast=1.0, gamma=1.0)
    for apart in (False, True):
        y = intensity.change_intensity(x, dataclasses.replace(config, per_channel=apart), False, generator())
        assert y.shape == x.shape
        assert torch.allclose(y[:, 0], y[:, 1], atol=1e-5) != apart
        assert not torch.allclose(y[0], y[1], atol=1e-3)  # two items of a batch never change alike


def test_items_of_a_batch_are_bent_differently(make_config):
    case = ramp()
    config = make_config(
        augmentation=dataclasses.replace(OFF, rotation=1.0, elastic=1.0), sampling=SamplingConfig(foreground=0), batch=4
    )
    images, _ = PatchSampler([case], config, torch.device("cpu"), SEED).draw()
    for first in range(4):
        for second in range(first):
            assert not torch.allclose(images[first], images[second])


def test_ignored_voxels_stay_ignored_and_regions_overlap(make_config, card):
    """Class 3 of the phantom is ignored; the regions are {1, 2} and {2}."""
    label = torch.zeros(12, 12, 12, dtype=torch.uint8)
    label[2:10, 2:10, 2:10], label[4:8, 4:8, 4:8], label[:, :, 11] = 1, 2, 3
    case = Case(
        "x", torch.zeros(1, 12, 12, 12), label, tuple(torch.nonzero(label.flatten() == v)[:, 0] for v in (1, 2))
    )
    contract = dataclasses.replace(card.inference, activation="sigmoid", output_values=(1, 2))
    regional = dataclasses.replace(card, inference=contract, network=dataclasses.replace(card.network, out_channels=2))
    loss, sampling = LossConfig(ignore_label=9), SamplingConfig(foreground=0.0)
    settings = {"augmentation": OFF, "loss": loss, "sampling": sampling, "batch": 1}
    plain = PatchSampler([case], make_config(**settings), torch.device("cpu"), SEED).draw()[1]
    assert torch.equal(plain[0], torch.where(label == 3, IGNORED, label.long()))
    empty = make_config(**settings | {"loss": dataclasses.replace(loss, ignored_is_background=True)})
    target = PatchSampler([case], empty, torch.device("cpu"), SEED).draw()[1]
    assert torch.equal(target[0], torch.where(label == 3, 0, label.long()))
    config = make_config(card=regional, regions=((1, 2), (2,)), **settings)
    target = PatchSampler([case], config, torch.device("cpu"), SEED).draw()[1]
    assert target.shape == (1, 2, 12, 12, 12)
    assert torch.equal(target[0, 0] == 1, (label == 1) | (label == 2))
    assert torch.equal(target[0, 1] == 1, label == 2)
    assert bool((target[0, :, :, :, 11] == IGNORED).all())


def test_the_bundled_recipe_still_draws_the_patches_that_it_drew():
    """Sums over the first batches of the configuration in Resources, so that no change of the sampling or of a
    transform alters a training unnoticed. Taken when each sample got a seed of its own."""
    config = load_config(RECIPE)
    random, cases = generator(5), []
    for n in range(3):
        image = torch.randn(1, 36, 50, 34, generator=random)
        label = (torch.rand(36, 50, 34, generator=random) * 3).to(torch.uint8)
        places = tuple(torch.nonzero(label.flatten() == v).flatten() for v in (1, 2))
        cases.append(Case(str(n), image, label, places))
    sampler = PatchSampler(cases, config, torch.device("cpu"), 1)
    for size, labels in ((178696.691, 103720), (292334.613, 104560), (147542.442, 136940)):
        images, target = sampler.draw()
        assert float(images.double().abs().sum()) == pytest.approx(size, rel=1e-3)
        assert int(target.sum()) == pytest.approx(labels, rel=1e-3)


def test_rotation_reaches_the_angle_that_was_asked_for_and_no_more():
    config = dataclasses.replace(OFF, rotation=1.0, rotation_degrees=25.0)
    angles = []
    for seed in range(60):
        matrix = draw_deformation(config, (4, 8, 8), True, generator(seed)).matrix
        angles.append(math.degrees(math.atan2(float(matrix[2, 1]), float(matrix[1, 1]))))
    assert max(map(abs, angles)) <= 25.0
    assert max(angles) > 18 and min(angles) < -18
