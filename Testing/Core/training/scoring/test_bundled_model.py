"""The bundled model on images that it has not seen: the numbers of its card, and the head of the demo."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from UNetSegmentLib.inference import Segmenter
from UNetSegmentLib.io import read_volume
from UNetSegmentLib.models import Model, find_model, load_model
from UNetSegmentLib.training import evaluate_fold, load_config
from UNetSegmentLib.training.cases.dataset import open_dataset

FOLDER = Path(__file__).resolve().parents[4] / "Resources" / "Models" / "hippocampus-t1"
PACKAGE = find_model("hippocampus-t1")

# LPS mm of both hippocampi in MNI space, the subject's left first.
CENTRES = {"left": (28.0, 22.0, -12.0), "right": (-28.0, 22.0, -12.0)}


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("hippocampus-t1")


@pytest.fixture(scope="module")
def head(shared_data):
    return read_volume(shared_data / "mr" / "t1_icbm152.nii.gz")


def test_held_out_dice_of_the_card(shared_data):
    """A sample of fold 0 through the network that never saw fold 0, against the card's figures for the whole fold."""
    held_out = load_model(FOLDER / "fold0")
    data = shared_data / "msd_hippocampus"
    sample = open_dataset(data).split(0)[1][::6]
    evaluation = evaluate_fold(held_out, data, 0, cases=sample)
    claims = {line.label: line for line in load_model("hippocampus-t1").card.accuracy if "fold 0" in line.split}
    assert set(claims) == {label.name for label in held_out.card.labels}
    for line in evaluation.accuracy():
        # Eight of 44 cases whose Dice has a standard deviation of about 0.03.
        assert line.dice == pytest.approx(claims[line.label].dice, abs=0.03)
        assert line.hd95_mm < 2.0


def test_the_card_says_what_a_user_must_know(model):
    card = model.card
    assert [label.name for label in card.labels] == ["Anterior hippocampus", "Posterior hippocampus"]
    assert all(label.terminology is not None for label in card.labels)
    assert "CC-BY-SA" in card.licence
    assert "1902.09063" in card.citation
    assert "diagnosis" in card.intended_use
    assert "--fold 0" in card.accuracy_command
    assert all(line.hd95_mm and line.nsd and line.nsd_tolerance_mm == 1.0 for line in card.accuracy)


def test_the_package_is_small_and_its_recipe_lies_beside_it():
    assert sum(path.stat().st_size for path in PACKAGE.rglob("*")) <= 6e6
    recipe = load_config(FOLDER / "training.json")
    assert recipe.fold is None
    assert recipe.card.network.features == load_model("hippocampus-t1").card.network.features


@pytest.mark.parametrize("width", [40, 64])
def test_both_sides_of_a_full_head(model, head, width):
    """From a tight region to one 64 mm wide: one component per side, plausible and similar volumes."""
    torch.set_num_threads(1)
    segmenter = Segmenter(model, device="cpu")
    volumes = {}
    for side, centre in CENTRES.items():
        half = np.array([width, max(width, 56), width]) / 2
        region = head.geometry.box_of(np.subtract(centre, half), np.add(centre, half))
        labels = segmenter.segment(head, region=region).segmentation.voxels
        components = sitk.ConnectedComponent(sitk.GetImageFromArray((labels > 0).astype(np.uint8)))
        assert int(sitk.GetArrayViewFromImage(components).max()) == 1
        parts = [float((labels == v).sum()) * head.geometry.voxel_volume / 1000 for v in (1, 2)]
        assert min(parts) > 1.0
        volumes[side] = sum(parts)
    assert all(2.5 <= ml <= 4.8 for ml in volumes.values())
    assert volumes["left"] == pytest.approx(volumes["right"], rel=0.15)


def test_intensity_scale_does_not_matter(model, shared_data):
    """Intensities of the training data differ by factors of thousands."""
    data = open_dataset(shared_data / "msd_hippocampus")
    volume = read_volume(data.files[data.split(0)[1][0]].images[0])
    louder = dataclasses.replace(volume, voxels=volume.voxels.astype(np.float32) * 4000.0 + 1e5)
    segmenter = Segmenter(model, device="cpu")
    first, second = (segmenter.segment(v).segmentation.voxels for v in (volume, louder))
    assert (first != second).mean() < 1e-3
    assert (first > 0).sum() > 1000


def test_a_mirrored_head_gives_the_mirrored_answer(model, shared_data):
    """Left and right are alike to the model: flipped across the midline, the same hippocampus is found."""
    data = open_dataset(shared_data / "msd_hippocampus")
    volume = read_volume(data.files[data.split(0)[1][1]].images[0])
    mirrored = dataclasses.replace(volume, voxels=volume.voxels[..., ::-1].copy())
    segmenter = Segmenter(model, device="cpu")
    first = segmenter.segment(volume).segmentation.voxels
    second = segmenter.segment(mirrored).segmentation.voxels[..., ::-1]
    for value in (1, 2):
        a, b = first == value, second == value
        assert 2 * (a & b).sum() / (a.sum() + b.sum()) > 0.9
