"""Whole trainings: they learn, stop, go on exactly where they were, and end in a package that the engine runs."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys

import pytest
import torch

from UNetSegmentLib.errors import Cancelled, InputError, OutputError, ResourceError
from UNetSegmentLib.io import read_segmentation, read_volume
from UNetSegmentLib.models import load_model
from UNetSegmentLib.progress import CancelToken
from UNetSegmentLib.training import (
    AugmentationConfig,
    LossConfig,
    OptimizerConfig,
    SamplingConfig,
    ScheduleConfig,
    TrainingEvent,
    evaluate_fold,
    load_config,
    package_checkpoint,
    save_config,
    train,
)
from UNetSegmentLib.training.loop.runlog import read_log, truncate_log

RICH = AugmentationConfig(elastic=0.3, bias_field=0.3, noise=0.5)
WILD = SamplingConfig(foreground=0.5, overhang=0.3, subcrop=0.5, padding={"noise": 1.0, "other": 1.0})


def weights(path):
    return torch.load(path / "checkpoint.pt", weights_only=True)


def same(a, b) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b


def test_a_training_learns_and_its_package_does_what_validation_saw(make_config, folder, tmp_path):
    # Validation sees whole images, the engine tiles: with batch norm the answer does not depend on which.
    network = dataclasses.replace(make_config().card.network, norm="batch")
    card = dataclasses.replace(make_config().card, network=network)
    settings = {"steps": 60, "ema": 0.9, "validate_every": 30, "checkpoint_every": 60, "seed": 1}
    config = make_config(card=card, augmentation=RICH, **settings)
    events: list[TrainingEvent] = []
    result = train(config, lambda e: events.append(e) if isinstance(e, TrainingEvent) else None)
    assert result.dice is not None
    assert min(result.dice) > 0.8
    assert events[-1].done == 60
    assert events[-1].dice == result.dice
    assert events[-1].loss < 0.85 * events[0].loss
    assert [row["step"] for row in read_log(result.log) if "dice core" in row] == [30, 60]
    assert result.curve is not None
    assert result.curve.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    model = load_model(result.model)
    assert model.card.labels == config.card.labels
    evaluation = evaluate_fold(model, folder, 0)
    assert set(evaluation.scores) == {"case_0", "case_1"}
    for line, dice in zip(evaluation.accuracy(), result.dice, strict=True):
        assert line.cases == 2
        assert line.dice == pytest.approx(dice, abs=0.05)


@pytest.mark.parametrize(
    ("schedule", "more"),
    [
        (ScheduleConfig("poly", warmup=3), {"loss": LossConfig("tversky_ce_cldice")}),
        (ScheduleConfig("plateau", patience=0), {"augmentation": dataclasses.replace(RICH, cutout=0.5)}),
        # Weights that change next to nothing: the first validation stays the best, the third stops the run.
        (ScheduleConfig("cosine"), {"early_stop": 1, "keep": "best", "optimizer": OptimizerConfig("sgd", 1e-9)}),
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(make_config, tmp_path, schedule, more):
    changes = {"ema": 0.9, "augmentation": RICH, "sampling": WILD, "schedule": schedule, "steps": 20, **more}
    norm = "instance" if "early_stop" in more else "batch"
    network = dataclasses.replace(make_config().card.network, dropout=0.2, norm=norm)
    changes["card"] = dataclasses.replace(make_config().card, network=network)
    train(make_config(output=str(tmp_path / "whole"), **changes))

    token = CancelToken()

    def stop_after_five(event):
        if event.stage == "train" and event.done >= 4:
            token.cancel()

    cut = make_config(output=str(tmp_path / "cut"), **changes)
    with pytest.raises(Cancelled):
        train(cut, stop_after_five, token)
    assert weights(tmp_path / "cut")["step"] == 4
    torch.manual_seed(999)
    train(cut)
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert whole.pop("config") != resumed.pop("config")  # the output folder alone differs
    assert whole.pop("seconds") > 0 and resumed.pop("seconds") > 0
    assert same(whole, resumed)
    assert whole["step"] == (12 if "early_stop" in more else 20)
    assert (whole["watch"]["weights"] is None) == ("keep" not in more)
    logs = [read_log(tmp_path / name / "log.csv") for name in ("whole", "cut")]
    assert [row["step"] for row in logs[0]] == [row["step"] for row in logs[1]]
    assert [row.get("dice core") for row in logs[0]] == [row.get("dice core") for row in logs[1]]


def test_the_best_validation_becomes_the_model(make_config, tmp_path):
    """A rate that warms up until it wrecks the network: the package holds the earlier, better weights."""
    wild = {"optimizer": OptimizerConfig("sgd", 3.0, clip=0.0), "schedule": ScheduleConfig("constant", warmup=200)}
    config = make_config(steps=40, keep="best", validate_every=4, checkpoint_every=40, **wild)
    try:
        result = train(config)
    except InputError:
        pytest.fail("the run was to get worse, not to diverge")
    saved = weights(tmp_path / "run")
    history = [(row["dice shell"] + row["dice core"]) / 2 for row in read_log(result.log) if "dice core" in row]
    assert sum(result.dice) / 2 == pytest.approx(max(history), abs=1e-4)
    assert not same(saved["watch"]["weights"], saved["network"])
    for name, value in load_model(result.model).network().state_dict().items():
        assert torch.equal(value, saved["watch"]["weights"][name])


@pytest.mark.parametrize("rule", [{"early_stop": 2}, {"keep": "best"}, {"schedule": ScheduleConfig("plateau")}])
def test_rules_that_need_validation_need_a_fold(make_config, rule):
    with pytest.raises(InputError, match="no fold is held out"):
        train(make_config(fold=None, **rule))


def test_a_run_that_was_cut_off_can_be_packaged(make_config, tmp_path):
    token = CancelToken()
    with pytest.raises(Cancelled):
        train(make_config(steps=8), lambda e: token.cancel() if e.stage == "train" and e.done >= 4 else None, token)
    package = package_checkpoint(make_config(steps=8))
    saved = weights(tmp_path / "run")
    assert saved["step"] == 4
    for name, value in load_model(package).network().state_dict().items():
        assert torch.equal(value, saved["network"][name])
    with pytest.raises(InputError, match="another configuration"):
        package_checkpoint(make_config(seed=9))


def test_a_run_can_be_made_longer(make_config, tmp_path):
    train(make_config(steps=4))
    train(make_config(steps=7))
    assert weights(tmp_path / "run")["step"] == 7
    assert load_config(tmp_path / "run" / "training.json").steps == 7


def test_a_training_that_diverges_says_so(make_config):
    with pytest.raises(InputError, match="diverged"):
        train(make_config(steps=25, optimizer=OptimizerConfig("sgd", 1e30, clip=0.0)))


def test_fine_tuning_begins_with_the_weights_of_a_package(make_config, card, tmp_path):
    supervised = dataclasses.replace(
        card,
        network=dataclasses.replace(
            card.network,
            deep_supervision=True,
            features=(4, 6, 8),
            kernels=((3, 3, 3),) * 3,
            strides=((1, 1, 1), (2, 2, 2), (2, 2, 2)),
            encoder_convs=(1, 1, 1),
            decoder_convs=(1, 1),
        ),
    )
    first = load_model(train(make_config(steps=3, card=supervised, output=str(tmp_path / "first"))).model)
    still = OptimizerConfig("sgd", 1e-12, weight_decay=0.0, momentum=0.0)
    again = make_config(steps=1, card=supervised, start_from=str(first.folder), optimizer=still)
    second = load_model(train(again).model)
    for name, value in second.network().state_dict().items():
        torch.testing.assert_close(value, first.network().state_dict()[name])
    with pytest.raises(InputError, match="another architecture"):
        train(make_config(steps=1, start_from=str(first.folder), output=str(tmp_path / "other")))


def test_a_finished_run_is_not_trained_again(make_config, tmp_path):
    config = make_config(steps=4)
    train(config)
    before = weights(tmp_path / "run")
    assert train(config).dice is not None
    assert same(before, weights(tmp_path / "run"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_a_full_disk_is_named_and_leaves_the_checkpoint_before(make_config, tmp_path):
    import resource

    config = make_config(steps=4)
    train(config)
    before = weights(tmp_path / "run")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limits[1]))
    try:
        with pytest.raises(OutputError, match="disk is full"):
            train(dataclasses.replace(config, steps=8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert same(before, weights(tmp_path / "run"))
    assert not list((tmp_path / "run").glob(".*"))
    train(dataclasses.replace(config, steps=8))
    assert [row["step"] for row in read_log(tmp_path / "run" / "log.csv")] == [4, 8]


def test_a_line_of_the_log_that_was_cut_off_is_dropped(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("step,loss,learning_rate\n25,0.5,0.1\n50,0.4,0.1\n75,0.\n")
    truncate_log(log, 80)
    assert [row["step"] for row in read_log(log)] == [25, 50]
    log.write_text("")
    truncate_log(log, 80)


@pytest.mark.parametrize("fails", [False, True])
def test_torchs_number_of_threads_is_what_it_was(make_config, fails):
    def look(event):
        if event.stage == "train":
            assert torch.get_num_threads() == 2
            if fails:
                raise InputError("stop")

    with pytest.raises(InputError) if fails else contextlib.nullcontext():
        train(make_config(steps=4, threads=2), look)
    assert torch.get_num_threads() == 1


def test_a_checkpoint_of_another_configuration_is_refused(make_config, tmp_path):
    train(make_config(steps=4))
    with pytest.raises(InputError, match="another configuration"):
        train(make_config(steps=4, seed=5))
    assert load_config(tmp_path / "run" / "training.json").seed == 0


def test_a_damaged_checkpoint_is_named(make_config, tmp_path):
    train(make_config(steps=4))
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"PK\x03\x04 no checkpoint")
    with pytest.raises(InputError, match="damaged"):
        train(make_config(steps=4))


def test_a_flat_network_trains_on_slices(make_config, tmp_path):
    card = make_config().card
    network = dataclasses.replace(
        card.network, dimension=2, kernels=((3, 3),) * 2, strides=((1, 1), (2, 2)), deep_supervision=True
    )
    card = dataclasses.replace(
        card,
        network=network,
        preparation=dataclasses.replace(card.preparation, spacing=(None, 1.0, 1.0)),
        inference=dataclasses.replace(card.inference, patch=(1, 12, 12)),
    )
    result = train(make_config(card=card, steps=80, batch=4, validate_every=80, augmentation=AugmentationConfig()))
    assert result.dice is not None
    assert min(result.dice) > 0.5
    assert load_model(result.model).card.network.deep_supervision is False


def test_overlapping_regions_are_learned_and_painted(make_config, folder):
    """Two sigmoid channels: the whole ball (both labels) and its core. The engine paints the core over the ball."""
    card = make_config().card
    card = dataclasses.replace(
        card,
        network=dataclasses.replace(card.network, out_channels=2, norm="batch", deep_supervision=True),
        inference=dataclasses.replace(card.inference, activation="sigmoid", output_values=(1, 2)),
    )
    config = make_config(card=card, regions=((1, 2), (2,)), steps=150, validate_every=150, checkpoint_every=150)
    result = train(config)
    assert result.dice is not None
    assert min(result.dice) > 0.8
    assert list(read_log(result.log)[-1])[-2:] == ["dice shell", "dice core"]
    evaluation = evaluate_fold(load_model(result.model), folder, 0)
    assert min(line.dice for line in evaluation.accuracy()) > 0.7


def test_an_ignored_label_neither_teaches_nor_counts(make_config, folder):
    """The core is ignored: the network may say there what it likes, and the shell is learned all the same."""
    card = make_config().card
    card = dataclasses.replace(
        card,
        labels=card.labels[:1],
        network=dataclasses.replace(card.network, out_channels=2, norm="batch"),
        inference=dataclasses.replace(card.inference, output_values=(0, 1)),
    )
    config = make_config(card=card, steps=60, validate_every=60, checkpoint_every=60, loss=LossConfig(ignore_label=2))
    result = train(config)
    assert result.dice is not None
    assert result.dice[0] > 0.85
    with pytest.raises(InputError, match="holds the value 2"):
        train(dataclasses.replace(config, loss=LossConfig(), output=config.output + "-2"))


def test_all_cases_when_no_fold_is_held_out(make_config):
    assert train(make_config(fold=None, steps=2)).dice is None


def test_the_configuration_survives_json(make_config, tmp_path):
    config = make_config(augmentation=RICH, sampling=WILD, fold=None)
    save_config(config, tmp_path / "training.json")
    assert load_config(tmp_path / "training.json") == config


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 0}, "steps"),
        ({"batch": "many"}, "batch"),
        ({"speed": 3}, "speed"),
        ({"precision": "fp8"}, "precision"),
        ({"ema": 1.0}, "ema"),
        ({"loss": {"kind": "hinge"}}, "loss"),
        ({"sampling": {"padding": {"sky": 1.0}}}, "sky"),
        ({"sampling": {"foreground": 2.0}}, "foreground"),
        ({"augmentation": {"flip": [0.5, 0.5, 7.0]}}, "flip"),
        ({"loss": {"kind": "dice_ce_dice"}}, "each term once"),
        ({"loss": {"class_weights": [1.0, 2.0]}}, "class_weights"),
        ({"loss": {"class_weights": [1.0, 0.0, 0.0]}}, "class_weights"),
        ({"loss": {"ignore_label": 2}}, "ignore_label"),
        ({"schedule": {"kind": "spiral"}}, "spiral"),
        ({"keep": "all"}, "keep"),
        ({"regions": [[1], [2]]}, "sigmoid"),
        ({"augmentation": {"label_pairs": [[1, 5]]}}, "label_pairs"),
        ({"augmentation": {"label_pairs": [[1, 2]], "left_right_axis": 0}}, "left_right_axis"),
        ({"augmentation": {"cutout_range": [0.5, 0.2]}}, "cutout_range"),
        ({"card": {"inference": {"output_values": [0, 1]}}}, "out_channels"),
    ],
)
def test_a_wrong_entry_is_named(make_config, tmp_path, change, words):
    path = tmp_path / "training.json"
    save_config(make_config(), path)
    data = json.loads(path.read_text())
    for key, value in change.items():
        if isinstance(value, dict):
            inner = data[key]
            for name, item in value.items():
                inner[name] = {**inner[name], **item} if key == "card" else item
        else:
            data[key] = value
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=words):
        load_config(path)


def test_a_configuration_that_is_not_there_or_no_json(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_config(tmp_path / "nothing.json")
    (tmp_path / "text.json").write_text("{")
    with pytest.raises(InputError, match="not readable JSON"):
        load_config(tmp_path / "text.json")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there(make_config):
    with pytest.raises(ResourceError, match="cuda"):
        train(make_config(device="cuda"))


def test_strangers_to_the_fold_are_not_evaluated(make_config, folder):
    model = load_model(train(make_config(steps=2)).model)
    with pytest.raises(InputError, match="case_5"):
        evaluate_fold(model, folder, 0, cases=["case_5"])
    assert read_volume(folder / "images" / "case_0.nii.gz").geometry.is_close(
        read_segmentation(folder / "labels" / "case_0.nii.gz").geometry
    )
