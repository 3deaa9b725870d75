"""Cases, folds, and every kind of data that cannot be trained on."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from training_cases import balls, write_case

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.training.cases.dataset import load_case, load_cases, open_dataset
from UNetSegmentLib.training.cases.mapped_cases import MappedCases


def test_the_hippocampus_folder(shared_data, card):
    data = open_dataset(shared_data / "msd_hippocampus")
    assert len(data.cases) == 220
    assert [len(fold) for fold in data.folds] == [44] * 5
    training, held_out = data.split(0)
    assert (len(training), len(held_out)) == (176, 44)
    assert not set(training) & set(held_out)
    assert data.split(None) == (data.names, [])
    case = load_case(data, held_out[0], card)
    assert case.image.shape[1:] == case.label.shape
    assert float(case.image.mean()) == pytest.approx(0, abs=1e-3)
    # Stored RAS, prepared LPS: anterior (1) comes before posterior (2) along y, and below it along z.
    anterior, posterior = (torch.nonzero(case.label == v).float().mean(0) for v in (1, 2))
    assert anterior[1] < posterior[1]
    assert anterior[0] < posterior[0]


def test_a_case_is_resampled_to_the_cards_spacing(folder, card):
    coarse = dataclasses.replace(card, preparation=dataclasses.replace(card.preparation, spacing=(2.0, 2.0, 2.0)))
    case = load_case(open_dataset(folder), "case_0", coarse)
    assert case.label.shape == (6, 7, 8)
    assert case.image.shape == (1, 6, 7, 8)
    assert set(case.label.unique().tolist()) == {0, 1, 2}


def test_foreground_indices_point_at_their_label(folder, card):
    case = load_case(open_dataset(folder), "case_0", card)
    for channel, indices in enumerate(case.foreground, start=1):
        assert indices.numel() > 0
        assert set(case.label.flatten()[indices].tolist()) == {channel}


def test_label_values_become_output_channels(tmp_path, card):
    image, label = balls(0)
    write_case(tmp_path, "a", image, np.where(label == 2, 7, label).astype(np.uint8))
    contract = dataclasses.replace(card.inference, output_values=(0, 7, 1))
    case = load_case(open_dataset(tmp_path), "a", dataclasses.replace(card, inference=contract))
    # i and j are flipped on the way from the file's axes to none here: the file is LPS already.
    assert torch.equal(case.label == 1, torch.from_numpy(label == 2))
    assert torch.equal(case.label == 2, torch.from_numpy(label == 1))


def test_no_folder(tmp_path):
    with pytest.raises(InputError, match="no folder"):
        open_dataset(tmp_path / "nowhere")


def test_no_cases(tmp_path):
    for sub in ("images", "labels"):
        (tmp_path / sub).mkdir()
    with pytest.raises(InputError, match="no cases"):
        open_dataset(tmp_path)


def test_an_image_without_a_label(folder):
    (folder / "labels" / "case_3.nii.gz").unlink()
    with pytest.raises(InputError, match="case_3 has an image but no label"):
        open_dataset(folder)


def test_a_fold_of_strangers(folder):
    (folder / "dataset.json").write_text(json.dumps({"folds": [["case_0"], ["nobody"]]}))
    with pytest.raises(InputError, match="nobody"):
        open_dataset(folder)


def test_a_fold_that_is_not_there(folder):
    with pytest.raises(InputError, match="no fold 2"):
        open_dataset(folder).split(2)


def test_a_broken_table_of_contents(folder):
    (folder / "dataset.json").write_text("{")
    with pytest.raises(InputError, match=r"dataset\.json"):
        open_dataset(folder)


@pytest.mark.parametrize("kind", ["grid", "value", "nan", "constant", "truncated"])
def test_a_case_that_cannot_be_used_is_named(folder, card, kind):
    image, label = balls(9)
    shift = 0.0
    if kind == "grid":
        shift = 5.0
    elif kind == "value":
        label[0, 0, 0] = 9
    elif kind == "nan":
        image[1, 1, 1] = np.nan
        for sub in ("images", "labels"):
            (folder / sub / "case_4.nii.gz").unlink()
    elif kind == "constant":
        image[:] = 4.0
    # ITK reads a NaN in a NIfTI file as zero, one in an MHA file as what it is.
    write_case(folder, "case_4", image, label, shift, ".mha" if kind == "nan" else ".nii.gz")
    if kind == "truncated":
        path = folder / "images" / "case_4.nii.gz"
        path.write_bytes(path.read_bytes()[:200])
    data = open_dataset(folder)
    with pytest.raises(InputError, match="Case case_4") as caught:
        load_cases(data, data.names, card)
    assert caught.value.cure


def test_a_network_for_more_channels(folder, card):
    two = dataclasses.replace(card, network=dataclasses.replace(card.network, in_channels=2))
    with pytest.raises(InputError, match=r"case_0.*1 channels"):
        load_case(open_dataset(folder), "case_0", two)


def test_cases_beyond_memory_lie_in_files_and_are_the_same(folder, card, tmp_path):
    data = open_dataset(folder)
    kept = load_cases(data, data.names, card)
    one = sum(t.numel() * t.element_size() for t in (kept[0].image, kept[0].label, *kept[0].foreground))
    store = MappedCases(tmp_path / "prepared", limit=2 * one)
    mapped = load_cases(data, data.names, card, store=store)
    # Cases hold about as many labelled voxels each: one or two fit, the others take two files.
    assert 2 * (len(kept) - 2) <= len(list((tmp_path / "prepared").iterdir())) <= 2 * (len(kept) - 1)
    for ours, theirs in zip(kept, mapped, strict=True):
        assert torch.equal(ours.image, theirs.image)
        assert torch.equal(ours.label, theirs.label)
        assert ours.extremes == theirs.extremes
    store.remove()
    assert not (tmp_path / "prepared").exists()
    assert torch.equal(kept[-1].image, mapped[-1].image)


def test_a_large_label_is_aimed_at_in_evenly_chosen_places(tmp_path, card):
    label = np.zeros((60, 60, 60), np.uint8)
    label[2:58, 2:58, 2:58] = 1
    label[0, 0, 0] = 2
    write_case(tmp_path, "a", np.random.default_rng(0).normal(size=label.shape).astype(np.float32), label)
    aims, rare = load_case(open_dataset(tmp_path), "a", card).foreground
    assert 50_000 < aims.numel() <= 100_000
    assert rare.tolist() == [0]
    depth = aims // 3600
    assert torch.bincount(depth)[2:58].min() > 0.8 * torch.bincount(depth)[2:58].max()
