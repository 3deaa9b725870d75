"""From a package to a smaller one: what is promised, what is refused, and that nothing half is left."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from level_cases import level_image
from level_model import save_level_model

from UNetSegmentLib.compression.cases import find_cases
from UNetSegmentLib.compression.held_out import held_out_cases
from UNetSegmentLib.compression.pruning import PruningRecipe, prune
from UNetSegmentLib.compression.pruning.fine_tuning import training_of
from UNetSegmentLib.errors import Cancelled, InputError, ModelError, OutputError
from UNetSegmentLib.inference import Segmenter
from UNetSegmentLib.models import Model, load_model, save_model, zip_model
from UNetSegmentLib.models.card import CompressedForm
from UNetSegmentLib.networks import build, cost
from UNetSegmentLib.progress import CancelToken, ProgressEvent
from UNetSegmentLib.training.cases.dataset import open_dataset
from UNetSegmentLib.training.config.codec import load_config, save_config
from UNetSegmentLib.training.config.config import TrainingConfig
from UNetSegmentLib.training.config.values import AugmentationConfig, OptimizerConfig
from UNetSegmentLib.training.layouts.dataset import Dataset
from UNetSegmentLib.volume import Volume

# Channels of the levels' network go one by one: its stages have 4 and 8.
EXACT = PruningRecipe(share=0.8, fold=0, steps=2, fine_tuning_steps=0, multiple=1, batches=2, threads=1)
TUNED = replace(EXACT, share=0.5, fine_tuning_steps=2, last_steps=3, max_loss=1.0)


@pytest.fixture(scope="module", autouse=True)
def known_training(level_package: Path, level_cases: Path) -> None:
    """How the levels' network was trained: with patches as they are."""
    still = AugmentationConfig(flip=(0, 0, 0), rotation=0, scaling=0, gamma=0, contrast=0, brightness=0, noise=0)
    config = TrainingConfig(
        dataset=str(level_cases),
        output="",
        card=load_model(level_package).card,
        optimizer=OptimizerConfig("adamw", 1e-3),
        augmentation=replace(still, blur=0, low_resolution=0),
        threads=1,
    )
    save_config(config, level_package / "training.json")


def operations(package: Path) -> int:
    card = load_model(package).card
    return cost(card.network, card.inference.patch).flops


@pytest.mark.parametrize("importance", ["taylor", "magnitude"])
def test_channels_that_nothing_reads_go_and_not_one_label_changes(level_package, level_cases, tmp_path, importance):
    """Of the levels' network one channel of each stage carries the answer."""
    result = prune(level_package, tmp_path / "out", level_cases, replace(EXACT, importance=importance))
    model = load_model(result.package)
    assert operations(result.package) <= 0.2 * operations(level_package)
    image = Volume.from_array(level_image(3))
    wanted = Segmenter(load_model(level_package), device="cpu").segment(image).segmentation.voxels
    found = Segmenter(model, device="cpu").segment(image).segmentation.voxels
    assert (found == wanted).all() and wanted.max() == 2
    assert result.loss == 0 and result.kind == "pruned" and result.bytes_after < result.bytes_before


def test_a_flat_network_in_a_zip_file_is_pruned_too(level_cases, tmp_path):
    source = save_level_model(tmp_path / "flat", dimension=2)
    zipped = zip_model(source, tmp_path / "flat.zip")
    recipe = replace(EXACT, importance="magnitude", steps=1, unreached=True)
    result = prune(zipped, tmp_path / "out", level_cases, recipe)
    assert result.loss == 0 and operations(result.package) <= 0.2 * operations(source)
    assert 0 < result.bytes_after < result.bytes_before and result.speed > 0


def test_the_card_tells_what_was_done(level_package, level_cases, tmp_path):
    result = prune(level_package, tmp_path / "out", level_cases, EXACT)
    source, card = load_model(level_package), load_model(result.package).card
    assert card.name == "levels-pruned" and "Made of 'levels'" in card.description
    (step,) = card.derived
    assert (step.kind, step.source, step.version, step.digests) == ("pruned", "levels", "1.0", source.digests)
    left = operations(result.package) / operations(level_package)
    assert step.numbers["operations"] == pytest.approx(left, abs=1e-4)
    assert step.numbers["dice"] == step.numbers["source_dice"] == pytest.approx(result.after.mean, abs=1e-4)
    assert [line.label for line in card.accuracy] == [label.name for label in source.card.labels]
    assert all(line.split == "fold 0, held out" and line.cases == len(result.after.cases) for line in card.accuracy)
    assert (card.preparation, card.inference, card.labels) == (
        source.card.preparation,
        source.card.inference,
        source.card.labels,
    )


def test_nothing_is_trained_on_the_cases_that_are_measured(level_package, level_cases, tmp_path):
    work = tmp_path / "work"
    result = prune(level_package, tmp_path / "out", level_cases, TUNED, work=work)
    assert operations(result.package) <= 0.5 * operations(level_package)
    measured = set(result.after.cases)
    for step, steps in ((1, 2), (2, 3)):
        config = load_config(work / f"step{step}-training0" / "training.json")
        assert (config.fold, config.steps) == (0, steps)
        assert config.start_from == str(work / f"step{step}-network0")
        assert config.teacher.models == (str(work / "whole-network0"),)
        seen = torch.load(work / f"step{step}-training0" / "checkpoint.pt", weights_only=True)["cases"]
        assert len(seen) == 6 - len(measured) and not measured & set(seen)
    assert any("training.json" in note for note in result.notes)
    first = load_model(work / "step1-network0").card.network
    assert cost(first, (1, 1, 1)) != cost(load_model(result.package).card.network, (1, 1, 1))


def test_a_run_that_was_cut_off_goes_on_and_left_nothing(level_package, level_cases, tmp_path):
    whole = prune(level_package, tmp_path / "whole", level_cases, TUNED, work=tmp_path / "at once")
    token, folder = CancelToken(), tmp_path / "out"

    def stop(event: ProgressEvent) -> None:
        if event.stage == "train" and (tmp_path / "work" / "step2-training0").is_dir():
            token.cancel()

    with pytest.raises(Cancelled):
        prune(level_package, folder, level_cases, TUNED, stop, token, work=tmp_path / "work")
    assert not folder.exists()
    again = prune(level_package, folder, level_cases, TUNED, work=tmp_path / "work")
    first, second = (load_model(one.package).network().state_dict() for one in (whole, again))
    assert all(torch.equal(first[name], second[name]) for name in second)
    with pytest.raises(InputError, match="another recipe"):
        prune(level_package, tmp_path / "third", level_cases, replace(TUNED, share=0.4), work=tmp_path / "work")


def test_without_a_folder_for_it_nothing_is_left_beside_the_package(level_package, level_cases, tmp_path):
    token = CancelToken()

    def stop(event: ProgressEvent) -> None:
        if event.stage == "importance":
            token.cancel()

    with pytest.raises(Cancelled):
        prune(level_package, tmp_path / "out", level_cases, TUNED, stop, token)
    assert list(tmp_path.iterdir()) == []
    prune(level_package, tmp_path / "out", level_cases, EXACT)
    assert [item.name for item in tmp_path.iterdir()] == ["out"]


def test_a_model_that_loses_too_much_is_not_written_unless_told(level_package, level_cases, tmp_path):
    """With one channel left in the wrong place the answer is gone: the share leaves no room for the right ones."""
    broken = _with_needed_channels(level_package, tmp_path / "levels")
    recipe = replace(EXACT, share=0.9, importance="magnitude")
    with pytest.raises(ModelError, match=r"are lost, 0\.0050 may be") as caught:
        prune(broken, tmp_path / "out", level_cases, recipe)
    assert not (tmp_path / "out").exists() and "Step 2: " in caught.value.detail
    result = prune(broken, tmp_path / "out", level_cases, replace(recipe, unreached=True))
    assert result.loss > 0.005 and any("as asked" in note for note in result.notes)
    assert load_model(result.package).card.accuracy[0].dice < 0.9


def _with_needed_channels(source: Path, folder: Path) -> Path:
    """The levels' network with its answer spread over all channels of the first stage, each a quarter of it."""
    model = load_model(source)
    state = {name: value.clone() for name, value in model.network().state_dict().items()}
    first, joined = "encoder.stages.0.0.conv.weight", "decoder.stages.0.blocks.0.conv.weight"
    state[first][:, 0, 1, 1, 1] = 1
    state[joined].zero_()
    for channel in range(4):
        state[joined][channel, 4 + channel, 1, 1, 1] = 1
    state["heads.0.weight"][:, :] = state["heads.0.weight"][:, :1] / 4
    save_config(load_config(source / "training.json"), save_model(model.card, [state], folder) / "training.json")
    return folder


def test_all_networks_of_a_model_become_alike_and_each_is_measured_on_its_own_fold(
    level_package, level_cases, tmp_path
):
    """The second network's answer runs through other channels than the first one's."""
    model = load_model(level_package)
    state = model.network().state_dict()
    turned = {name: value.clone() for name, value in state.items()}
    turned["encoder.stages.0.0.conv.weight"] = state["encoder.stages.0.0.conv.weight"].roll(2, dims=0)
    joined = state["decoder.stages.0.blocks.0.conv.weight"]
    turned["decoder.stages.0.blocks.0.conv.weight"] = torch.cat([joined[:, :4], joined[:, 4:].roll(2, dims=1)], dim=1)
    states = [state, turned, turned, state, turned]
    package = save_model(model.card, states, tmp_path / "five")
    save_config(load_config(level_package / "training.json"), package / "training.json")
    result = prune(package, tmp_path / "out", level_cases, replace(EXACT, fold=None, steps=1))
    pruned = load_model(result.package)
    assert pruned.folds == 5 and len(pruned.card.weights) == 5
    assert sorted(result.after.cases) == [f"case{n}" for n in range(6)] and result.loss == 0
    with pytest.raises(InputError, match="suits one only"):
        prune(package, tmp_path / "other", level_cases, EXACT)


def test_folds_that_are_not_known_are_asked_for(level_package, level_cases, tmp_path):
    with pytest.raises(InputError, match="not said which cases are held out") as caught:
        prune(level_package, tmp_path / "out", level_cases, replace(EXACT, fold=None))
    assert "--fold 0" in caught.value.cure
    card = load_model(level_package).card
    three = Model.in_memory(card, [build(card.network) for _ in range(3)])
    cases = find_cases(level_cases, card)
    data = cases[0].data
    assert isinstance(data, Dataset)
    with pytest.raises(InputError, match="3 networks, and the data set has 5 folds"):
        held_out_cases(three, data.with_folds(5), cases, None)
    with pytest.raises(InputError, match="no fold 7"):
        prune(level_package, tmp_path / "out", level_cases, replace(EXACT, fold=7))


def test_bad_input_is_refused_before_any_work(level_package, level_cases, tmp_path):
    images = level_cases / "images"
    with pytest.raises(InputError, match="without labels"):
        prune(level_package, tmp_path / "out", images, EXACT)
    forbidden = _with_card(level_package, tmp_path / "forbidden", licence="CC BY-NC-ND 4.0")
    with pytest.raises(ModelError, match="forbids"):
        prune(forbidden, tmp_path / "out", level_cases, EXACT)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="no model"):
        prune(level_package, tmp_path / "taken", level_cases, EXACT)
    with pytest.raises(InputError, match="as far as can be"):
        prune(level_package, tmp_path / "out", level_cases, replace(EXACT, share=0.999, multiple=4))
    assert not (tmp_path / "out").exists()


def _with_card(source: Path, folder: Path, **changes: object) -> Path:
    model = load_model(source)
    return save_model(replace(model.card, **changes), [model.network().state_dict()], folder)  # type: ignore[arg-type]


def test_smaller_forms_of_the_whole_weights_are_left_behind_with_a_note(level_package, level_cases, tmp_path):
    model = load_model(level_package)
    form = CompressedForm("int8-openvino", (("int8.xml", "int8.bin"),), "by hand", "none")
    state, extra = model.network().state_dict(), {"int8.xml": b"<net/>", "int8.bin": b"0"}
    package = save_model(replace(model.card, forms=(form,)), [state], tmp_path / "levels", extra=extra)
    save_config(load_config(level_package / "training.json"), package / "training.json")
    result = prune(package, tmp_path / "out", level_cases, replace(EXACT, importance="magnitude"))
    assert load_model(result.package).card.forms == () and not (result.package / "int8.xml").exists()
    assert any("left behind" in note for note in result.notes)


def test_a_pruned_model_is_pruned_again_only_when_told(level_package, level_cases, tmp_path):
    recipe = replace(EXACT, share=0.4, steps=1)
    once = prune(level_package, tmp_path / "once", level_cases, recipe).package
    save_config(load_config(level_package / "training.json"), once / "training.json")
    with pytest.raises(ModelError, match="was pruned before"):
        prune(once, tmp_path / "twice", level_cases, recipe)
    twice = prune(once, tmp_path / "twice", level_cases, replace(recipe, again=True))
    card = load_model(twice.package).card
    assert card.name == "levels-pruned" and len(card.derived) == 2
    assert operations(twice.package) <= 0.6 * operations(once)


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": 0.0},
        {"share": 1.0},
        {"share": math.nan},
        {"steps": 0},
        {"fine_tuning_steps": -1},
        {"importance": "luck"},
        {"multiple": 0},
        {"learning_rate": 0.0},
        {"max_loss": -0.1},
        {"teaching": 2.0},
    ],
)
def test_a_recipe_that_cannot_work_is_refused(wrong):
    (name,) = wrong
    with pytest.raises(InputError, match=name):
        PruningRecipe(**wrong)


def test_steps_share_what_is_removed():
    recipe = PruningRecipe(share=0.75, steps=2, fine_tuning_steps=10, last_steps=30)
    assert [recipe.share_after(n) for n in (1, 2)] == [0.5, 0.25]
    assert [recipe.tuning_after(n) for n in (1, 2)] == [10, 30]
    usual = PruningRecipe(steps=3, fine_tuning_steps=10)
    assert [usual.tuning_after(n) for n in (1, 2, 3)] == [10, 10, 20]


def test_a_training_is_planned_where_none_is_known_and_a_strange_one_refused(level_package, level_cases, tmp_path):
    card = load_model(level_package).card
    package = _with_card(level_package, tmp_path / "levels", inference=replace(card.inference, mirror_axes=(1,)))
    model, data = load_model(package), open_dataset(level_cases, folds=5)
    config, note = training_of(model, package, data, EXACT)
    assert config.augmentation.flip == (0.0, 0.5, 0.0) and "planned from the data set" in note
    known = load_config(level_package / "training.json")
    other = replace(known.card, inference=replace(known.card.inference, output_values=(0, 2, 1)))
    save_config(replace(known, card=other), tmp_path / "training.json")
    beside, _ = training_of(model, package, data, EXACT)
    assert beside == config
    with pytest.raises(InputError, match="of another model"):
        training_of(model, package, data, replace(EXACT, training=str(tmp_path / "training.json")))
    named, note = training_of(model, package, data, replace(EXACT, training=str(level_package / "training.json")))
    assert named == known and "training.json" in note
