"""Augmentation: what each transform does to a phantom, and that image and label never part."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from augmentation_phantoms import OFF, SEED, generator, ramp

from UNetSegmentLib.training import AugmentationConfig, LossConfig, SamplingConfig, load_config
from UNetSegmentLib.training.augmentation import intensity
from UNetSegmentLib.training.augmentation.cropping import cut_canvas
from UNetSegmentLib.training.augmentation.cutout import cutout
from UNetSegmentLib.training.augmentation.spatial import deform, draw_deformation
from UNetSegmentLib.training.cases.case import Case
from UNetSegmentLib.training.loop.sampling import PatchSampler
from UNetSegmentLib.training.losses import IGNORED

RECIPE = Path(__file__).resolve().parents[4] / "Resources" / "Models" / "hippocampus-t1" / "training.json"


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
