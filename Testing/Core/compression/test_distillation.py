"""From teachers to a student: what is planned, trained, measured and refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from level_cases import level_image, write_cases

from UNetSegmentLib.compression.distillation import DistillationRecipe, distill, plan_student
from UNetSegmentLib.errors import Cancelled, InputError, ModelError, OutputError
from UNetSegmentLib.io import write_volume
from UNetSegmentLib.models import InferenceContract, ModelCard, load_model, save_model
from UNetSegmentLib.networks import build, cost
from UNetSegmentLib.networks.config import NetworkConfig, OpaqueNetwork
from UNetSegmentLib.progress import CancelToken
from UNetSegmentLib.training.config.codec import load_config, save_config
from UNetSegmentLib.training.config.config import TrainingConfig
from UNetSegmentLib.training.config.values import AugmentationConfig, OptimizerConfig
from UNetSegmentLib.volume import Volume

# Of the levels' network with 4 and 8 features: 4 and 4.
QUICK = DistillationRecipe(size=0.95, fold=0, steps=4, threads=1)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def perfect(make_level_package: Callable[..., Path], level_cases: Path) -> Path:
    """A teacher that makes no mistake, and how it was trained: with patches as they are."""
    package = make_level_package(name="perfect")
    still = AugmentationConfig(flip=(0, 0, 0), rotation=0, scaling=0, gamma=0, contrast=0, brightness=0, noise=0)
    config = TrainingConfig(
        dataset=str(level_cases),
        output="",
        card=load_model(package).card,
        optimizer=OptimizerConfig("adamw", 1e-3),
        augmentation=replace(still, blur=0, low_resolution=0),
    )
    save_config(config, package / "training.json")
    return package


def nnunet_like(features: tuple[int, ...] = (32, 64, 128, 256, 320), dimension: int = 3, **changes) -> NetworkConfig:
    stages, axes = len(features), (3,) * dimension
    network = NetworkConfig(
        dimension, 1, 3, features, (axes,) * stages, ((1,) * dimension, *((2,) * dimension,) * (stages - 1)),
        (2,) * stages, (2,) * (stages - 1),
    )  # fmt: skip
    return replace(network, **changes)


def with_network(card: ModelCard, network, patch: tuple[int, int, int]) -> ModelCard:
    return replace(card, network=network, inference=InferenceContract(patch, output_values=(0, 1, 2)))


@settings(max_examples=12, deadline=None)
@given(st.floats(0.05, 1.0), st.sampled_from([(16, 32, 64), (32, 64, 128, 256), (24, 48, 96, 320)]))
def test_a_student_is_as_large_as_asked(perfect_card, size, features):
    card = with_network(perfect_card, nnunet_like(features), (32, 32, 32))
    student = plan_student(card, DistillationRecipe(size=size))
    network = student.card.network
    share = cost(network, (32, 32, 32)).flops / cost(card.network, (32, 32, 32)).flops
    assert share == pytest.approx(student.operations) and share <= 1.02 * size
    # Widths come in steps, so the smallest students are coarser in size.
    assert share >= (0.8 if size > 0.15 else 0.5) * size
    assert all(n % 4 == 0 and n <= full for n, full in zip(network.features, features, strict=True))
    assert network.norm == "batch" and network.strides == card.network.strides


@pytest.fixture(scope="module")
def perfect_card(perfect: Path) -> ModelCard:
    return load_model(perfect).card


def test_the_contract_is_the_teachers(perfect_card):
    card = with_network(perfect_card, nnunet_like(decoder_features=(24, 48, 96, 128)), (64, 64, 64))
    student = plan_student(card, DistillationRecipe(size=0.25)).card
    assert (student.labels, student.inputs, student.preparation) == (card.labels, card.inputs, card.preparation)
    assert student.inference == card.inference
    assert student.name == "perfect-student" and not student.accuracy and not student.digests
    assert student.network.decoder_features is None and student.network.deep_supervision


def test_coarser_voxels_cost_less_for_the_same_volume(perfect_card):
    card = with_network(perfect_card, nnunet_like((32, 64, 128)), (64, 64, 64))
    card = replace(card, preparation=replace(card.preparation, spacing=(1.0, 0.5, 0.5)))
    student = plan_student(card, DistillationRecipe(size=0.125, spacing_scale=2.0))
    assert student.card.preparation.spacing == (2.0, 1.0, 1.0)
    assert student.card.inference.patch == (32, 32, 32)
    # An eighth of the voxels at full width: an eighth of the operations.
    assert student.card.network.features == (32, 64, 128)
    assert student.operations == pytest.approx(0.125, rel=1e-3)


def test_light_encoders_have_students_too(perfect_card):
    card = with_network(perfect_card, nnunet_like((32, 64, 128, 256), dimension=2), (1, 64, 64))
    student = plan_student(card, DistillationRecipe(size=0.5, encoder="mobilenet-v3-small"))
    assert student.card.network.encoder == "mobilenet-v3-small"
    build(student.card.network)
    with pytest.raises(InputError, match="no light encoder 'resnet'"):
        plan_student(card, DistillationRecipe(encoder="resnet"))


def test_a_transformer_keeps_its_heads(perfect_card):
    network = nnunet_like((32, 64, 120), encoder="transformer", transformer_heads=5)
    student = plan_student(with_network(perfect_card, network, (32, 32, 32)), DistillationRecipe(size=0.4))
    assert student.card.network.features[-1] % 5 == 0
    build(student.card.network)


def test_a_file_of_a_network_can_teach_a_plain_u_net(perfect_card):
    opaque = OpaqueNetwork(3, 1, 3, (8, 8, 8), architecture="onnx")
    student = plan_student(with_network(perfect_card, opaque, (32, 32, 32)), DistillationRecipe(size=0.2))
    assert isinstance(student.card.network, NetworkConfig) and student.card.network.out_channels == 3
    assert any("plain U-Net" in note for note in student.notes)
    plain = cost(nnunet_like((32, 64, 128, 256)), (32, 32, 32))
    assert cost(student.card.network, (32, 32, 32)).flops == pytest.approx(0.2 * plain.flops, rel=0.1)


def test_a_perfect_teacher_makes_a_good_student(perfect, level_cases, tmp_path):
    result = distill(perfect, tmp_path / "out", level_cases, replace(QUICK, steps=80, learning_rate=0.02, batch=2))
    assert result.kind == "distilled"
    assert result.before is not None and result.after is not None
    assert result.before.mean == 1.0 and result.after.mean > 0.8
    assert result.bytes_after < result.bytes_before and result.seconds_after > 0
    student = load_model(result.package).card
    assert student.name == "perfect-student" and student.network.norm == "batch"
    (step,) = student.derived
    assert (step.kind, step.source, step.digests) == ("distilled", "perfect", load_model(perfect).digests)
    assert step.numbers["operations"] <= 0.97 and step.numbers["steps"] == 80
    assert step.numbers["dice"] == pytest.approx(result.after.mean, abs=1e-4) and step.numbers["source_dice"] == 1.0
    assert [line.split for line in student.accuracy] == ["fold 0, held out"] * 2
    assert "A student of 'perfect'" in student.description
    run = tmp_path / "out-training"
    seen = torch.load(run / "checkpoint.pt", weights_only=True)["cases"]
    assert len(seen) == 6 - len(result.after.cases) and not set(seen) & set(result.after.cases)
    assert load_config(run / "training.json").teacher.digests == load_model(perfect).digests
    with pytest.raises(ModelError, match="distilled before"):
        distill(result.package, tmp_path / "again", level_cases, QUICK)


def test_a_student_that_lost_too_much_is_not_written_unless_asked(perfect, level_cases, tmp_path):
    poor = replace(QUICK, steps=1, max_loss=0.01)
    with pytest.raises(ModelError, match=r"are lost, 0\.0100 may be\. No package"):
        distill(perfect, tmp_path / "out", level_cases, poor)
    assert not (tmp_path / "out").exists()
    # The training is there, so nothing is trained again.
    result = distill(perfect, tmp_path / "out", level_cases, replace(poor, unreached=True))
    assert load_model(result.package).card.derived
    assert any("written all the same" in note for note in result.notes)
    told = distill(
        perfect, tmp_path / "told", level_cases, replace(poor, max_loss=None), work=tmp_path / "out-training"
    )
    assert any("train longer" in note for note in told.notes)


def test_a_run_that_was_cut_off_goes_on_and_left_no_package(perfect, level_cases, tmp_path):
    token = CancelToken()

    def stop(event):
        if event.stage == "train" and event.done >= 1:
            token.cancel()

    recipe = replace(QUICK, steps=6)
    with pytest.raises(Cancelled):
        distill(perfect, tmp_path / "out", level_cases, recipe, stop, token)
    assert not (tmp_path / "out").exists()
    first = torch.load(tmp_path / "out-training" / "checkpoint.pt", weights_only=True)["step"]
    assert 0 < first < 6
    distill(perfect, tmp_path / "out", level_cases, recipe)
    distill(perfect, tmp_path / "whole", level_cases, recipe)
    one, other = (load_model(tmp_path / name).network().state_dict() for name in ("out", "whole"))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_minutes_become_steps(perfect, level_cases, tmp_path):
    recipe = replace(QUICK, steps=None, minutes=0.05)
    result = distill(perfect, tmp_path / "out", level_cases, recipe)
    assert result.after is not None
    assert load_config(tmp_path / "out-training" / "training.json").minutes == 0.05


def test_images_without_labels_take_part(perfect, level_cases, tmp_path):
    for number in (7, 8):
        (tmp_path / "extra").mkdir(exist_ok=True)
        write_volume(Volume.from_array(level_image(number)), tmp_path / "extra" / f"more{number}.nii.gz")
    recipe = replace(QUICK, unlabelled=str(tmp_path / "extra"))
    result = distill(perfect, tmp_path / "out", level_cases, recipe)
    seen = torch.load(tmp_path / "out-training" / "checkpoint.pt", weights_only=True)["cases"]
    assert [name for name in seen if "without labels" in name] == ["more7 (without labels)", "more8 (without labels)"]
    assert load_model(result.package).card.derived[0].numbers["unlabelled"] == 2
    held_out = result.after.cases[0]
    write_volume(Volume.from_array(level_image(9)), tmp_path / "extra" / f"{held_out}.nii.gz")
    with pytest.raises(InputError, match="held out too"):
        distill(perfect, tmp_path / "other", level_cases, recipe)


def test_two_teachers_have_one_student(perfect, make_level_package, level_cases, tmp_path):
    second = make_level_package(name="second")
    result = distill([perfect, second], tmp_path / "out", level_cases, QUICK)
    assert [step.source for step in load_model(result.package).card.derived] == ["perfect", "second"]
    other = make_level_package(name="third", names=("left", "right"))
    with pytest.raises(InputError, match="differ in their labels"):
        distill([perfect, other], tmp_path / "two", level_cases, QUICK)


def test_how_it_is_trained_is_planned_where_nobody_knows(make_level_package, level_cases, tmp_path):
    unknown = make_level_package(name="unknown")
    result = distill(unknown, tmp_path / "out", level_cases, replace(QUICK, steps=2))
    assert any("planned from the data set, with flips along no axis" in note for note in result.notes)
    assert load_config(tmp_path / "out-training" / "training.json").augmentation.flip == (0.0, 0.0, 0.0)


def test_what_cannot_be_distilled_is_refused_in_words(perfect, make_level_package, level_cases, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(InputError, match="not said which cases are held out"):
        distill(perfect, out, level_cases, replace(QUICK, fold=None))
    with pytest.raises(InputError, match="no fold 9"):
        distill(perfect, out, level_cases, replace(QUICK, fold=9))
    with pytest.raises(InputError, match="without labels"):
        distill(perfect, out, level_cases / "images", QUICK)
    with pytest.raises(InputError, match="smallest of this kind takes"):
        distill(perfect, out, level_cases, replace(QUICK, size=0.01))
    with pytest.raises(InputError, match="There is no teacher"):
        distill([], out, level_cases, QUICK)
    with pytest.raises(OutputError, match="is the model that is to be compressed"):
        distill(perfect, perfect, level_cases, QUICK)
    model = load_model(perfect)
    closed = save_model(replace(model.card, licence="CC BY-ND 4.0"), [model.network().state_dict()], tmp_path / "nd")
    with pytest.raises(ModelError, match="forbids derivatives"):
        distill(closed, out, level_cases, QUICK)
    assert not out.exists() and not (tmp_path / "out-training").exists()


def test_cases_of_something_else_are_refused(perfect, make_level_package, tmp_path):
    (tmp_path / "data").mkdir()
    write_cases(tmp_path / "data", 4)
    labels = '{"labels": {"1": "first level", "3": "tumour"}}'
    (tmp_path / "data" / "dataset.json").write_text(labels)
    with pytest.raises(InputError, match=r"'tumour' \(3\), which 'perfect' does not know"):
        distill(perfect, tmp_path / "out", tmp_path / "data", QUICK)
    (tmp_path / "data" / "dataset.json").write_text('{"channels": ["T1", "T2"]}')
    with pytest.raises(InputError, match="2 channels"):
        distill(perfect, tmp_path / "out", tmp_path / "data", QUICK)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"size": 0.0}, "size"),
        ({"size": float("nan")}, "size"),
        ({"norm": "layer"}, "norm"),
        ({"temperature": 0.0}, "temperature"),
        ({"share": 2.0}, "share"),
        ({"steps": 0}, "steps"),
        ({"minutes": -1.0}, "minutes"),
        ({"begin": "anywhere"}, "begin"),
        ({"spacing_scale": 0.5}, "spacing_scale"),
    ],
)
def test_values_that_make_no_sense_are_refused(changes, word):
    with pytest.raises(InputError, match=f"'{word}'"):
        DistillationRecipe(**changes)
