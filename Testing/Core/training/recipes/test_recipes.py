"""Every recipe from a miniature of its data set's folder to a trained model, and three of them on the real data."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import layout_cases as make
import numpy as np
import pytest

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.io import read_volume
from UNetSegmentLib.models import load_model
from UNetSegmentLib.training import train
from UNetSegmentLib.training.layouts import Dataset
from UNetSegmentLib.training.loop import loop
from UNetSegmentLib.training.planning import Preferences, Request, plan_training
from UNetSegmentLib.training.recipes import RECIPES, find_recipe, open_recipe
from UNetSegmentLib.training.report import finish_run

pytestmark = pytest.mark.usefixtures("known_speed")

MINIATURES = {
    "liver-tumor-ct": make.lits,
    "kidney-tumor-ct": make.kits,
    "brain-tumor-mr": make.brats,
    "retinal-vessels": make.drive,
    "hippocampus": make.decathlon,
    "em-membranes": make.isbi,
}


def quick(wishes: Preferences, **changes) -> Preferences:
    return dataclasses.replace(wishes, **{"features": 4, "steps": 3, "batch": 1, **changes})


def trained(name: str, data: Dataset, output: Path, **changes):
    request = Request(str(output), device="cpu", threads=1)
    config = plan_training(data, request, quick(RECIPES[name].wishes, **changes)).config
    config = dataclasses.replace(config, validation_cases=1)
    return config, train(config)


def test_every_recipe_has_a_miniature() -> None:
    assert set(MINIATURES) == set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_miniature_becomes_a_model(name: str, tmp_path: Path) -> None:
    recipe = find_recipe(name)
    data = open_recipe(recipe, MINIATURES[name](tmp_path / "data"))
    assert data.layout == ("decathlon" if name == "hippocampus" else recipe.layout)
    config, result = trained(name, data, tmp_path / "run")
    card = load_model(result.model).card
    assert card.title == recipe.wishes.title
    assert card.anatomy == recipe.wishes.anatomy
    assert card.network.dimension == (2 if name in ("retinal-vessels", "em-membranes") else 3)
    assert (card.inference.activation == "sigmoid") == (name == "brain-tumor-mr")
    if name.endswith("-ct"):
        assert card.preparation.normalization[0].kind == "ct"
        assert card.network.block == "residual"
    assert config.augmentation.flip == recipe.wishes.augmentation.flip
    # Steps clean labels that the model has; the miniature of KiTS holds no cysts.
    cleaned = {value for step in card.postprocessing for value in step.values}
    assert cleaned <= {label.value for label in card.labels}


def test_no_such_recipe() -> None:
    with pytest.raises(InputError, match="no recipe 'teeth'") as caught:
        find_recipe("teeth")
    assert "retinal-vessels" in caught.value.cure


def test_the_report_of_vessels_counts_pixels_inside_the_field_of_view(tmp_path: Path) -> None:
    data = open_recipe(find_recipe("retinal-vessels"), make.drive(tmp_path / "data"))
    config, result = trained("retinal-vessels", data, tmp_path / "run", steps=40, features=8)
    report = finish_run(config, result)
    assert report.pixels is not None
    held_out = data.split(0)[1][0]
    mask = read_volume(data.files[held_out].mask).voxels > 0  # type: ignore[arg-type]
    assert report.pixels.pixels == int(np.count_nonzero(mask))
    # A dark line in a bright disc is learned in a moment.
    assert report.pixels.auc is not None and report.pixels.auc > 0.9
    card = load_model(report.model).card
    assert "Held-out pixels of fold 0: F1" in card.description
    assert card.accuracy[0].dice == pytest.approx(report.evaluation.summary[0].dice, abs=1e-4)  # type: ignore[union-attr]
    assert card.accuracy[0].pixels is not None
    assert card.accuracy[0].pixels.auc == pytest.approx(report.pixels.auc, abs=1e-4)
    # Photographs of the eye: of any resolution, and with nothing around the disc.
    assert card.preparation.photograph_pixels == max(read_volume(data.files[held_out].images[0]).geometry.size)
    assert card.inference.dark_margin == 0.1
    assert [path.name for path in report.pictures] == ["case-only.png"]
    assert report.pictures[0].read_bytes().startswith(b"\x89PNG")
    assert "The held-out case" in report.page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "folder"),
    [("hippocampus", "msd_hippocampus"), ("retinal-vessels", "drive"), ("em-membranes", "isbi2012")],
)
def test_the_real_data_are_trained_on(
    name: str, folder: str, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = open_recipe(find_recipe(name), shared_data / folder)
    # A handful of cases, listed in a table of their own: what is tested is that the real files go all the way.
    few = [*data.split(0)[0][:2], *data.split(0)[1][:1]]
    small = dataclasses.replace(data, cases=tuple(data.files[name] for name in few), folds=((few[-1],),))
    monkeypatch.setattr(loop, "open_dataset", lambda *_: small)
    patch = (16, 32, 32) if name == "hippocampus" else (1, 64, 64)
    config, result = trained(name, small, tmp_path / "run", patch=patch)
    assert config.dataset == str(shared_data / folder)
    assert result.dice is not None
    assert load_model(result.model).card.licence
