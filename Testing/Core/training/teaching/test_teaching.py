"""Learning from a teacher: its terms by their formulas, what reaches the weights, and runs that go on as they were."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, rel_entr, softmax
from training_cases import balls, write_case

from UNetSegmentLib.errors import Cancelled, InputError, UNetSegmentError
from UNetSegmentLib.models import Companion, Model, load_model, save_model
from UNetSegmentLib.networks import build
from UNetSegmentLib.progress import CancelToken
from UNetSegmentLib.training import AugmentationConfig, LossConfig, SamplingConfig, load_config, save_config, train
from UNetSegmentLib.training.cases.dataset import load_cases, open_dataset
from UNetSegmentLib.training.cases.labelling import labelling_of
from UNetSegmentLib.training.config.codec import config_from_text, config_to_text
from UNetSegmentLib.training.config.values import TeacherConfig
from UNetSegmentLib.training.loop.sampling import PatchSampler
from UNetSegmentLib.training.losses import (
    attention_transfer_loss,
    compare,
    dice_loss,
    distillation_loss,
    loss_parts,
    overlap_distillation_loss,
    sum_of,
)
from UNetSegmentLib.training.teaching.teacher import Teacher, check_teacher
from UNetSegmentLib.training.teaching.unlabelled import find_unlabelled, load_unlabelled

CPU = torch.device("cpu")
STILL = AugmentationConfig(
    (0.0, 0.0, 0.0), rotation=0.0, scaling=0.0, gamma=0.0, contrast=0.0, brightness=0.0, noise=0.0, blur=0.0,
    low_resolution=0.0,
)  # fmt: skip


def logits(*shape: int, seed: int = 0, scale: float = 3.0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale


@pytest.fixture(scope="module")
def teacher(card, tmp_path_factory):
    """A package with the card's network at random, two folds and a mirror."""
    torch.manual_seed(5)
    contract = dataclasses.replace(card.inference, mirror_axes=(2,))
    states = [build(card.network).state_dict() for _ in range(2)]
    place = tmp_path_factory.mktemp("teacher") / "package"
    return save_model(dataclasses.replace(card, name="teacher", inference=contract), states, place)


def taught(*models, **changes) -> TeacherConfig:
    return TeacherConfig(tuple(str(model) for model in models), **changes)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_the_teachers_term_is_hintons_for_exclusive_labels(temperature):
    own, other = logits(2, 4, 3, 3, 3), logits(2, 4, 3, 3, 3, seed=1)
    p, q = (softmax(x.numpy() / temperature, axis=1) for x in (other, own))
    expected = temperature**2 * rel_entr(p, q).sum(axis=1).mean()
    found = distillation_loss(own, other, temperature, exclusive=True)
    assert float(found) == pytest.approx(expected, rel=1e-5)
    assert float(distillation_loss(own, own, temperature, exclusive=True)) == pytest.approx(0.0, abs=1e-7)


def test_regions_are_compared_one_by_one():
    own, other, t = logits(2, 3, 4, 4), logits(2, 3, 4, 4, seed=1), 3.0
    p, q = expit(other.numpy() / t), expit(own.numpy() / t)
    expected = t**2 * (rel_entr(p, q) + rel_entr(1 - p, 1 - q)).mean()
    assert float(distillation_loss(own, other, t, exclusive=False)) == pytest.approx(expected, rel=1e-5)


def test_coarser_answers_meet_every_second_voxel_and_count_half():
    other, own = logits(1, 3, 4, 4, 4), logits(1, 3, 4, 4, 4, seed=1)
    coarse = logits(1, 3, 2, 2, 2, seed=2)

    def divergence(a, b):
        return rel_entr(softmax(b.numpy(), axis=1), softmax(a.numpy(), axis=1)).sum(axis=1).mean()

    expected = 2 / 3 * divergence(own, other) + 1 / 3 * divergence(coarse, other[..., ::2, ::2, ::2])
    assert float(distillation_loss([own, coarse], other, 1.0, True)) == pytest.approx(expected, rel=1e-5)


def test_its_slope_is_the_difference_of_the_softened_answers():
    """Hinton et al. 2015, equation 2: dC/dz = (q - p) / T; times T^2 here, and over the number of voxels."""
    own, other, t = logits(1, 3, 2, 2, 2).requires_grad_(), logits(1, 3, 2, 2, 2, seed=1).requires_grad_(), 2.0
    distillation_loss(own, other, t, exclusive=True).backward()
    p, q = (softmax(x.detach().numpy() / t, axis=1) for x in (other, own))
    np.testing.assert_allclose(own.grad.numpy(), t * (q - p) / 8, rtol=1e-4, atol=1e-7)
    assert other.grad is None


def test_maps_are_compared_by_where_they_are_active():
    a, b = logits(2, 4, 3, 3), logits(2, 7, 3, 3, seed=1)
    expected = []
    for one, other in zip(a.numpy(), b.numpy(), strict=True):
        x, y = (np.square(m).sum(axis=0).ravel() for m in (one, other))
        expected.append(np.square(x / np.linalg.norm(x) - y / np.linalg.norm(y)).sum())
    assert float(attention_transfer_loss([a], [b])) == pytest.approx(np.mean(expected), rel=1e-5)
    # Neither scale nor the order of channels matters, and stages count alike.
    assert float(attention_transfer_loss([a, a], [-3 * a.flip(1), b])) == pytest.approx(np.mean(expected) / 2, rel=1e-5)


def test_the_overlap_is_zero_for_equal_answers_and_dice_for_sure_ones():
    own, other = logits(2, 3, 4, 4, 4), logits(2, 3, 4, 4, 4, seed=1)
    q, p = (softmax(x.numpy(), axis=1)[:, 1:] for x in (own, other))
    sums = [np.moveaxis(x, 1, 0).reshape(2, -1).sum(axis=1) for x in (np.abs(p - q), p + q)]
    expected = (sums[0] / (sums[1] + 1)).mean()
    assert overlap_distillation_loss(own, other, True).item() == pytest.approx(expected, rel=1e-5)
    assert overlap_distillation_loss(own, own, True).item() == 0
    # A sure teacher: the training's own Dice against its labels, but for what stands below the line.
    labels = torch.randint(0, 3, (2, 12, 12, 12), generator=torch.Generator().manual_seed(4))
    sure = 200.0 * torch.nn.functional.one_hot(labels, 3).movedim(-1, 1)
    student = logits(2, 3, 12, 12, 12).float()
    dice = dice_loss(compare(student, labels), batch=True)
    assert overlap_distillation_loss(student, sure, True).item() == pytest.approx(dice.item(), rel=2e-3)
    # The usual soft Dice would move a student away from an unsure teacher that it equals.
    start = torch.zeros(1, 2, 4, 4).requires_grad_()
    overlap_distillation_loss(start, torch.zeros(1, 2, 4, 4), True).backward()
    assert bool((start.grad == 0).all())


def test_every_fold_and_mirror_of_every_teacher_is_averaged(card, teacher):
    images = logits(2, 1, 12, 12, 12).float()
    model = load_model(teacher)
    with torch.no_grad():
        each = [
            model.network(fold)(images.flip(4) if flip else images).flip(4) if flip else model.network(fold)(images)
            for fold in range(2)
            for flip in (False, True)
        ]
    answer = Teacher(taught(teacher), card, CPU).answer(images)
    torch.testing.assert_close(answer, torch.stack(each).mean(dim=0), rtol=1e-4, atol=1e-5)
    plain = Teacher(taught(teacher, teacher, mirrors=False), card, CPU).answer(images)
    torch.testing.assert_close(plain, torch.stack(each[::2]).mean(dim=0), rtol=1e-4, atol=1e-5)


def test_the_loss_is_the_weighed_sum_and_the_teacher_gets_no_gradient(card, teacher):
    images, target = logits(2, 1, 12, 12, 12).float(), torch.randint(0, 3, (2, 12, 12, 12))
    school = Teacher(taught(teacher, share=0.3, temperature=4.0, overlap_weight=2.0, maps_weight=0.7), card, CPU)
    student = build(card.network)
    school.watch(student)
    outputs = student(images)
    labels = loss_parts(outputs, target, LossConfig())
    parts = school.terms(outputs, images, labels)
    assert list(parts) == ["dice", "ce", "teacher", "overlap", "maps"] == ["dice", "ce", *school.config.terms]
    assert parts["dice"].item() == pytest.approx(0.7 * labels["dice"].item())
    kl = distillation_loss(outputs, school.answer(images), 4.0, True)
    assert parts["teacher"].item() == pytest.approx(0.3 * kl.item(), rel=1e-5)
    overlap = overlap_distillation_loss(outputs, school.answer(images), True)
    assert parts["overlap"].item() == pytest.approx(0.3 * 2 * overlap.item(), rel=1e-5)
    assert 0 < parts["maps"].item() <= 2 * 0.7
    sum_of(parts).backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in student.heads.parameters())
    for passes in school._passes:
        assert all(p.grad is None and not p.requires_grad for n in passes._runners for p in n.parameters())


def test_a_validation_between_steps_leaves_no_maps_behind(card, teacher):
    school, student = Teacher(taught(teacher, maps_weight=1.0), card, CPU), build(card.network)
    school.watch(student)
    images = logits(1, 1, 12, 12, 12).float()
    with torch.no_grad():
        student.eval()(logits(1, 1, 16, 16, 16, seed=3).float())
    outputs = student.train()(images)
    assert school.terms(outputs, images, {})["maps"].requires_grad


def test_a_coarser_student_is_taught_on_the_teachers_own_grid(card, teacher):
    coarse = dataclasses.replace(
        card,
        preparation=dataclasses.replace(card.preparation, spacing=(2.0, 1.0, 1.0)),
        inference=dataclasses.replace(card.inference, patch=(6, 12, 12)),
    )
    seen = []
    school = Teacher(taught(teacher, mirrors=False), coarse, CPU)
    for runner in school._passes[0]._runners:
        runner.register_forward_hook(lambda m, inputs, out: seen.append(tuple(inputs[0].shape)))
    assert school.answer(logits(2, 1, 6, 12, 12).float()).shape == (2, 3, 6, 12, 12)
    assert seen == [(2, 1, 12, 12, 12)] * 2


def test_cases_without_labels_are_found(tmp_path):
    image, _ = balls(0)
    for name in ("b", "a"):
        write_case(tmp_path / "one", name, image, image.astype(np.uint8))
    assert list(find_unlabelled(tmp_path / "one", 1)) == ["a", "b"]
    for name in ("p_0000", "p_0001", "q_0000"):
        write_case(tmp_path / "two", name, image, image.astype(np.uint8))
    with pytest.raises(InputError, match=r"q .*0001"):
        find_unlabelled(tmp_path / "two", 2)
    write_case(tmp_path / "two", "q_0001", image, image.astype(np.uint8))
    found = find_unlabelled(tmp_path / "two", 2)
    assert {name: [file.name for file in files] for name, files in found.items()}["q"] == [
        "q_0000.nii.gz",
        "q_0001.nii.gz",
    ]
    for name in ("patient_0000", "patient_0001"):
        write_case(tmp_path / "numbered", name, image, image.astype(np.uint8))
    assert list(find_unlabelled(tmp_path / "numbered", 1)) == ["patient_0000", "patient_0001"]
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no images"):
        find_unlabelled(tmp_path / "none", 1)


@pytest.fixture
def images_alone(tmp_path):
    for number in (7, 8):
        image, label = balls(number)
        write_case(tmp_path / "extra", f"extra_{number}", image, label)
    return tmp_path / "extra"


WITHOUT = {"loss": LossConfig(ignore_label=99)}


def test_a_case_without_labels_moves_weights_by_the_teachers_term_alone(make_config, teacher, images_alone):
    """The labels' part has no gradient at all on a batch of such cases, whatever fills the patch beyond the image."""
    wild = SamplingConfig(overhang=0.5, padding={"constant": 1.0, "other": 1.0})
    config = make_config(teacher=taught(teacher, unlabelled=str(images_alone)), sampling=wild, **WITHOUT)
    labelling = labelling_of(config)
    labelled = load_cases(open_dataset(config.dataset), ["case_0"], config.card, labelling=labelling)
    cases = load_unlabelled(images_alone, config.card, labelling)
    assert [case.name for case in cases] == ["extra_7 (without labels)", "extra_8 (without labels)"]
    student, school = build(config.card.network), Teacher(config.teacher, config.card, CPU)
    sampler = PatchSampler(cases, config, CPU, 0)
    sampler.cases += labelled  # to borrow surroundings from
    for _ in range(30):
        images, target = sampler.draw()
        known = target != 255
        if known.any():
            continue
        outputs = student(images)
        labels = loss_parts(outputs, target, config.loss)
        gradients = torch.autograd.grad(sum_of(labels), list(student.parameters()), retain_graph=True)
        assert all(bool((g == 0).all()) for g in gradients)
        parts = school.terms(outputs, images, labels)
        both = torch.autograd.grad(sum_of(parts), list(student.parameters()), retain_graph=True)
        alone = torch.autograd.grad(parts["teacher"], list(student.parameters()))
        assert all(torch.equal(a, b) for a, b in zip(both, alone, strict=True))
        assert any(bool((g != 0).any()) for g in alone)
        return
    pytest.fail("no batch of cases without labels was drawn")


def test_no_voxel_of_a_case_without_labels_is_judged(make_config, images_alone, teacher):
    wild = SamplingConfig(overhang=0.5, padding={"constant": 1.0, "noise": 1.0, "other": 1.0})
    config = make_config(teacher=taught(teacher, unlabelled=str(images_alone)), sampling=wild, **WITHOUT)
    labelling = labelling_of(config)
    labelled = load_cases(open_dataset(config.dataset), ["case_0"], config.card, labelling=labelling)
    sampler = PatchSampler([*load_unlabelled(images_alone, config.card, labelling), *labelled], config, CPU, 0)
    kinds = set()
    for _ in range(20):
        _, target = sampler.draw()
        for sample in target:
            share = float((sample == 255).float().mean())
            # A labelled case has such voxels only where another's image fills its surroundings.
            kinds.add("all" if share == 1 else "some" if share > 0 else "none")
    assert {"all", "none"} <= kinds


def test_a_taught_run_resumes_to_the_same_weights(make_config, tmp_path, teacher, images_alone):
    network = dataclasses.replace(make_config().card.network, norm="batch", dropout=0.2)
    changes = {
        "card": dataclasses.replace(make_config().card, network=network),
        "teacher": taught(teacher, unlabelled=str(images_alone), overlap_weight=1.0, maps_weight=0.1, begin=True),
        "augmentation": AugmentationConfig(elastic=0.3, noise=0.5),
        **WITHOUT,
    }
    train(make_config(output=str(tmp_path / "whole"), **changes))
    token = CancelToken()

    def stop(event):
        if event.stage == "train" and event.done >= 4:
            token.cancel()

    with pytest.raises(Cancelled):
        train(make_config(output=str(tmp_path / "cut"), **changes), stop, token)
    torch.manual_seed(999)
    train(load_config(tmp_path / "cut" / "training.json"))
    whole, cut = (torch.load(tmp_path / n / "checkpoint.pt", weights_only=True) for n in ("whole", "cut"))
    assert whole["step"] == cut["step"] == 8
    assert "extra_7 (without labels)" in whole["cases"]
    for name, value in whole["network"].items():
        assert torch.equal(value, cut["network"][name]), name


def test_a_run_does_not_go_on_with_another_teacher(make_config, card, tmp_path, teacher):
    place = save_model(card, [load_model(teacher).network(0).state_dict()], tmp_path / "changing")
    config = make_config(teacher=taught(place, digests=load_model(place).digests), steps=2)
    train(config)
    save_model(card, [load_model(teacher).network(1).state_dict()], place)
    with pytest.raises(InputError, match="not those that this training began with"):
        train(dataclasses.replace(config, steps=4))


def test_a_good_teacher_brings_the_student_near(make_config, card, tmp_path):
    """Without any label's help (share 1), the student's answers approach the teacher's."""
    first = train(make_config(output=str(tmp_path / "teacher"), steps=60, ema=0.9, augmentation=STILL, seed=1))
    small = dataclasses.replace(card.network, features=(4, 4), norm="batch")
    config = make_config(
        card=dataclasses.replace(card, name="student", network=small),
        teacher=taught(first.model, share=1.0),
        steps=60,
        ema=0.9,
        augmentation=STILL,
        checkpoint_every=60,
        validate_every=60,
    )
    result = train(config)
    assert min(result.dice) > 0.7
    package = load_model(result.model)
    assert package.card.network.features == (4, 4)
    assert not [name for name in package.network().state_dict() if "maps" in name]


def test_old_configurations_are_read_and_new_ones_come_back(make_config, teacher, tmp_path):
    old = json.loads(config_to_text(make_config()))
    assert "teacher" not in old
    assert config_from_text(json.dumps(old)) == make_config()
    config = make_config(teacher=taught(teacher, unlabelled="x", temperature=3.5), **WITHOUT)
    save_config(config, tmp_path / "c.json")
    assert load_config(tmp_path / "c.json") == config


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"share": 1.5}, "share"),
        ({"temperature": 0.0}, "temperature"),
        ({"maps_weight": -1.0}, "maps_weight"),
        ({"overlap_weight": -1.0}, "overlap_weight"),
        ({"unlabelled": "x"}, "ignore_label"),
    ],
)
def test_values_that_cannot_work_are_refused(make_config, changes, words):
    with pytest.raises(InputError, match=words):
        make_config(teacher=taught("somewhere", **changes))
    with pytest.raises(InputError, match="teacher"):
        make_config(teacher=TeacherConfig(()))


def test_a_teacher_that_does_not_suit_is_refused_in_words(card, teacher):
    model = load_model(teacher)
    label = dataclasses.replace(card.labels[0], name="something else")
    contract = dataclasses.replace(card.inference, patch=(12, 12, 13))
    two = dataclasses.replace(card.network, in_channels=2)
    normal = dataclasses.replace(card.preparation, image_order=1)
    for student, words in (
        (dataclasses.replace(card, labels=(label, card.labels[1])), "differ in their labels"),
        (dataclasses.replace(card, network=two, inputs=card.inputs * 2), "differ in their input channels"),
        (dataclasses.replace(card, preparation=normal), "differ in their preparation"),
        (dataclasses.replace(card, inference=contract), "patches of the student's size"),
    ):
        with pytest.raises(InputError, match=words):
            check_teacher(model, student)
    several = dataclasses.replace(card, companions=(Companion("first", "previous"),))
    with pytest.raises(InputError, match="several models"):
        check_teacher(Model(several), card)


def test_maps_need_stages(card, teacher):
    school = Teacher(taught(teacher, maps_weight=1.0), card, CPU)
    nested = dataclasses.replace(card.network, decoder="nested")
    with pytest.raises(UNetSegmentError, match="student's network has no stages"):
        school.watch(build(nested))


def test_the_entropy_of_a_sure_teacher_stays_finite():
    sure = torch.tensor([[[[200.0]], [[-200.0]]]])
    found = distillation_loss(-sure, sure, 1.0, exclusive=True)
    assert math.isfinite(float(found)) and float(found) == pytest.approx(400.0, rel=1e-3)
    assert float(log_softmax(np.array([200.0, -200.0]))[1]) == pytest.approx(-400.0)
