"""Which cases a folder gives, how they are split, and what is said of those that do not suit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from level_cases import write_cases

from UNetSegmentLib.compression.cases import (
    CompressionCase,
    described,
    find_cases,
    modality_warnings,
    read_image,
    read_labels,
    split_cases,
    too_few,
)
from UNetSegmentLib.errors import InputError
from UNetSegmentLib.io import write_volume
from UNetSegmentLib.models import load_model
from UNetSegmentLib.models.card import ChannelIntensities, TrainingFingerprint
from UNetSegmentLib.volume import Volume


def test_labelled_cases_are_read_in_natural_order(level_cases: Path, level_package: Path) -> None:
    card = load_model(level_package).card
    cases = find_cases(level_cases, card)
    assert [case.name for case in cases] == [f"case{n}" for n in range(6)]
    image = read_image(cases[0], card)
    labels = read_labels(cases[0], card, image)
    assert labels is not None
    np.testing.assert_array_equal(labels.voxels, np.rint(image.voxels[0]))
    assert len(find_cases(level_cases, card, limit=3)) == 3


def test_labels_are_brought_to_the_models_numbers_by_their_names(tmp_path: Path, level_package: Path) -> None:
    write_cases(tmp_path, 2)
    (tmp_path / "dataset.json").write_text('{"labels": {"1": "second level", "2": "first level"}}')
    card = load_model(level_package).card
    case = find_cases(tmp_path, card)[0]
    image = read_image(case, card)
    labels = read_labels(case, card, image)
    assert labels is not None
    np.testing.assert_array_equal(labels.voxels == 2, np.rint(image.voxels[0]) == 1)


def test_a_folder_of_images_alone(level_cases: Path, level_package: Path) -> None:
    card = load_model(level_package).card
    cases = find_cases(level_cases / "images", card)
    assert len(cases) == 6 and all(case.labels is None for case in cases)
    assert read_labels(cases[0], card, read_image(cases[0], card)) is None


def test_channels_of_images_alone_go_together(tmp_path: Path, level_package: Path) -> None:
    for name in ("b_0001", "b_0000", "a_0000", "a_0001"):
        write_volume(Volume.from_array(np.random.default_rng(1).random((4, 5, 6))), tmp_path / f"{name}.nii.gz")
    card = load_model(level_package).card
    two = replace(card, inputs=(card.inputs[0], card.inputs[0]))
    cases = find_cases(tmp_path, two)
    assert [case.name for case in cases] == ["a", "b"]
    assert [path.name for path in cases[1].channels] == ["b_0000.nii.gz", "b_0001.nii.gz"]
    assert len(find_cases(tmp_path, card)) == 4  # with one channel, each file is a case
    (tmp_path / "a_0001.nii.gz").unlink()
    with pytest.raises(InputError, match=r"case a in .* has no file for channel 0001"):
        find_cases(tmp_path, two)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "is empty"),
        (lambda folder: folder.rmdir(), "There is no folder"),
        (lambda folder: write_cases(folder, 1), "one case, too few"),
        (lambda folder: (folder / "notes.txt").write_text("x"), "no layout that is known"),
    ],
)
def test_no_cases_and_too_few_are_refused(make, words: str, tmp_path: Path, level_package: Path) -> None:
    make(tmp_path)
    with pytest.raises(InputError, match=words):
        find_cases(tmp_path, load_model(level_package).card)


def test_an_image_of_other_channels_is_refused_by_name(tmp_path: Path, level_package: Path) -> None:
    voxels = np.random.default_rng(0).random((2, 4, 5, 6)).astype(np.float32)
    write_volume(Volume.from_array(voxels), tmp_path / "two.nii.gz")
    write_volume(Volume.from_array(voxels), tmp_path / "more.nii.gz")
    card = load_model(level_package).card
    with pytest.raises(InputError, match=r"Case more: .*2 given"):
        read_image(find_cases(tmp_path, card)[0], card)


@given(st.integers(2, 60))
def test_a_split_leaves_nothing_out_and_uses_nothing_twice(count: int) -> None:
    cases = [CompressionCase(f"c{n}", (Path(f"c{n}.nii"),)) for n in range(count)]
    making, measuring = split_cases(cases)
    assert {*making, *measuring} == {*cases} and not {*making} & {*measuring}
    assert len(making) - len(measuring) in (0, 1)
    assert split_cases(cases[::-1])[1] == tuple(reversed(measuring))


def test_a_fold_is_measured_and_the_others_make_the_model(tmp_path: Path, level_package: Path) -> None:
    write_cases(tmp_path, 4)
    (tmp_path / "dataset.json").write_text('{"name": "Levels", "folds": [["case0"], ["case1", "case3"]]}')
    cases = find_cases(tmp_path, load_model(level_package).card)
    making, measuring = split_cases(cases, 1)
    assert [case.name for case in measuring] == ["case1", "case3"]
    assert [case.name for case in making] == ["case0", "case2"]
    assert described(measuring, 1) == "2 cases of Levels, held out by fold 1"
    with pytest.raises(InputError, match="no fold 7"):
        split_cases(cases, 7)


def test_images_alone_have_no_folds(level_cases: Path, level_package: Path) -> None:
    cases = find_cases(level_cases / "images", load_model(level_package).card)
    with pytest.raises(InputError, match="no folds"):
        split_cases(cases, 0)
    assert described(cases) == "6 cases of images of images"


def test_intensities_outside_the_fingerprint_are_told(level_package: Path) -> None:
    card = load_model(level_package).card
    known = ChannelIntensities(20.0, 40.0, 60.0, lowest_median=30.0, highest_median=50.0)
    with_fingerprint = replace(card, fingerprint=TrainingFingerprint(5, (known,)))
    like, unlike = (Volume.from_array(np.full((3, 3, 3), value) + np.eye(3), name=str(value)) for value in (45, 900))
    assert modality_warnings([like], with_fingerprint) == []
    (warning,) = modality_warnings([like, unlike], with_fingerprint)
    assert "'900' is unlike" in warning and card.inputs[0].name in warning
    assert modality_warnings([unlike], card) == []  # nothing is known


def test_hounsfield_units_are_unlike_intensities_that_are_never_negative(level_package: Path) -> None:
    """However wide those are: MR of several scanners goes from hundreds to millions."""
    card = load_model(level_package).card
    known = ChannelIntensities(10.0, 5e3, 9e5, 50.0, 2e5)
    wide = replace(card, fingerprint=TrainingFingerprint(20, (known,)))
    ct = Volume.from_array(np.full((4, 4, 4), -900.0, np.float32))
    assert "is unlike" in modality_warnings([ct], wide)[0]
    assert modality_warnings([Volume.from_array(np.full((4, 4, 4), 1.0, np.float32))], wide) == []


def test_hounsfield_units_are_asked_for(level_package: Path) -> None:
    card = load_model(level_package).card
    ct = replace(card, inputs=(replace(card.inputs[0], modality="CT"),))
    picture = Volume.from_array(np.random.default_rng(0).integers(0, 255, (9, 9, 9)).astype(np.uint8))
    assert any("Hounsfield" in warning for warning in modality_warnings([picture], ct))


def test_few_cases_are_told() -> None:
    cases = [CompressionCase(str(n), ()) for n in range(8)]
    assert too_few(cases) == [] and "Only 7 cases" in too_few(cases[1:])[0]


def test_label_values_that_mean_nothing_are_named(tmp_path: Path, level_package: Path) -> None:
    write_cases(tmp_path, 2)
    (tmp_path / "dataset.json").write_text('{"labels": {"1": "first level"}}')
    card = load_model(level_package).card
    case = find_cases(tmp_path, card)[0]
    with pytest.raises(InputError, match=r"Case case0: .*value 2"):
        read_labels(case, card, read_image(case, card))
