"""Which case to look at first: agreement that is counted by hand, and members that are known."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from UNetSegmentLib.errors import GeometryError, InputError, ModelError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.inference import EngineSettings, Segmenter
from UNetSegmentLib.labels import Label
from UNetSegmentLib.models import Model, load_model
from UNetSegmentLib.progress import ProgressEvent
from UNetSegmentLib.refinement import (
    Basis,
    Quality,
    as_labels_of,
    first_to_look_at,
    pairwise_dice,
    quality_of_members,
    quality_of_probabilities,
    quality_of_uncertainty,
    run_members,
)
from UNetSegmentLib.volume import Segmentation, Volume

sys.path.insert(0, str(Path(__file__).parent))
from doubt_phantoms import BALL, half_believed, segmentation


def blocks(*parts):
    """A label map of 4 x 10 x 10 with blocks of columns: (value, first, stop)."""
    labels = np.zeros((4, 10, 10), np.uint8)
    for value, first, stop in parts:
        labels[:, :, first:stop] = value
    return labels


# -- agreement ---------------------------------------------------------------------------------------------------------


def test_two_members_that_disagree_in_a_known_block():
    """Columns 0 to 5 against 0 to 3: 2 x 160 / (240 + 160) = 0.8. Label 2 is where both say so: 1."""
    first, second = blocks((1, 0, 6), (2, 8, 10)), blocks((1, 0, 4), (2, 8, 10))
    assert pairwise_dice([first, second]) == {1: pytest.approx(0.8), 2: pytest.approx(1.0)}
    quality = quality_of_members([first, second], Basis.MIRRORS)
    assert quality.estimate == pytest.approx(0.9)
    assert (quality.members, quality.basis.weak) == (2, False)
    assert quality.describe() == "agreement of 2 mirrors: 0.900"
    assert pairwise_dice([first, second], values=[2]) == {2: pytest.approx(1.0)}


def test_three_members_are_three_pairs():
    """Label 1 in 4, 2 and no columns: 2x2/(4+2) = 2/3, 0 and 0."""
    members = [blocks((1, 0, 4)), blocks((1, 0, 2)), blocks()]
    assert pairwise_dice(members) == {1: pytest.approx(2 / 9)}
    # A pair of which neither has it says nothing: 0 for each of the two pairs with the one that has it.
    assert pairwise_dice([blocks((1, 0, 4)), blocks(), blocks()]) == {1: 0.0}


def test_nothing_found_is_nothing_to_compare():
    quality = quality_of_members([blocks(), blocks()])
    assert quality.estimate is None
    assert "nothing was found" in quality.describe()


def test_members_must_be_several_and_alike():
    with pytest.raises(InputError):
        pairwise_dice([blocks()])
    with pytest.raises(GeometryError):
        pairwise_dice([blocks(), blocks()[:2]])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_agreement_is_the_mean_of_plain_dice(seed, count):
    rng = np.random.default_rng(seed)
    members = [rng.integers(0, 3, (3, 4, 5)).astype(np.uint8) for _ in range(count)]
    found = pairwise_dice(members)
    for value in (1, 2):
        dice = []
        for a in range(count):
            for b in range(a):
                x, y = members[a] == value, members[b] == value
                if x.any() or y.any():
                    dice.append(2 * (x & y).sum() / (x.sum() + y.sum()))
        assert found.get(value) == (pytest.approx(np.mean(dice)) if dice else None)


# -- one run alone -----------------------------------------------------------------------------------------------------


def test_expected_dice_by_hand():
    """Two columns of ten are the mask, believed at 0.9; one beside it at 0.4: 2 x 1.8 / (2 + 1.8 + 0.4)."""
    labels = blocks((1, 0, 2))
    share = np.where(labels == 1, 0.9, 0.0).astype(np.float32)
    share[:, :, 2] = 0.4
    mask = Segmentation(labels, Geometry((10, 10, 4)))
    quality = quality_of_probabilities(mask, np.stack([1 - share, share]), (0, 1))
    assert quality.estimate == pytest.approx(3.6 / 4.2)
    assert quality.basis.weak
    assert "weaker" in quality.describe()
    region = quality_of_probabilities(mask, share[None], (1,), regions=True)
    assert region.estimate == pytest.approx(3.6 / 4.2)
    bits = -(share * np.log2(np.maximum(share, 1e-9)) + (1 - share) * np.log2(np.maximum(1 - share, 1e-9)))
    assert quality_of_uncertainty(mask, bits).estimate == pytest.approx(3.6 / 4.2, abs=1e-3)


def test_a_surer_run_is_rated_higher():
    mask = segmentation(BALL)
    shares = [half_believed(share=share) for share in (0.02, 0.25, 0.45)]
    estimates = [quality_of_probabilities(mask, np.stack([1 - p, p]), (0, 1)).estimate for p in shares]
    assert estimates == sorted(estimates, reverse=True)
    assert len(set(estimates)) == 3


def test_the_least_agreement_is_looked_at_first():
    qualities = {
        "b": Quality(0.9, {1: 0.9}, Basis.FOLDS, 5),
        "a": Quality(0.9, {1: 0.9}, Basis.FOLDS, 5),
        "worse": Quality(0.4, {1: 0.4}, Basis.FOLDS, 5),
        "nothing": Quality(None, {}, Basis.FOLDS, 5),
    }
    assert first_to_look_at(qualities) == ("nothing", "worse", "a", "b")
    with pytest.raises(InputError, match="cannot be compared"):
        first_to_look_at({**qualities, "c": Quality(0.1, {1: 0.1}, Basis.PROBABILITIES)})
    assert first_to_look_at({}) == ()


# -- members of a model ------------------------------------------------------------------------------------------------


def changed(model: Model, **inference) -> Model:
    """The same networks under a card whose inference differs."""
    card = dataclasses.replace(model.card, inference=dataclasses.replace(model.card.inference, **inference))
    return Model.in_memory(card, [model.network(n) for n in range(model.folds)])


def segmenter_of(model: Model) -> Segmenter:
    return Segmenter(model, "cpu", settings=EngineSettings(backend="torch", mirrors=True, folds=True))


@pytest.fixture(scope="module")
def level_model(level_package) -> Model:
    return load_model(level_package)


@pytest.fixture(scope="module")
def image() -> Volume:
    """Levels 0 to 2 in blocks of an oblique grid whose axes are not the model's order."""
    voxels = np.zeros((1, 12, 18, 20), np.float32)
    voxels[:, 2:6, 3:12, 4:15] = 1
    voxels[:, 7:11, 5:9, 2:8] = 2
    return Volume(voxels, Geometry((20, 18, 12), direction=(0, 0, 1, 1, 0, 0, 0, -1, 0)), "levels")


def test_mirrors_come_back_to_where_they_were(level_model, image):
    """The model has no direction, so every mirrored run must find exactly what the plain one finds."""
    members = run_members(segmenter_of(changed(level_model, mirror_axes=(0, 1, 2))), image)
    assert members.basis is Basis.MIRRORS
    assert members.names == ("as it is", *members.names[1:])
    assert len(members.segmentations) == 4
    for member in members.segmentations:
        assert np.array_equal(member.voxels, image.voxels[0])
        assert member.geometry == image.geometry
    assert members.quality().estimate == 1.0


def test_mirrors_of_a_region(level_model, image):
    region = Box((0, 0, 0), (6, 18, 10))
    members = run_members(segmenter_of(changed(level_model, mirror_axes=(2,))), image, region)
    expected = np.zeros(image.voxels.shape[1:])
    expected[region.slices] = image.voxels[(0, *region.slices)]
    for member in members.segmentations:
        assert np.array_equal(member.voxels, expected)


def test_folds_are_run_one_by_one(level_model, image):
    """The second fold of two calls everything background."""
    blind = load_model(level_model.folder).network()
    for tensor in blind.parameters():
        tensor.data.zero_()
    blind.heads[0].bias.data[0] = 1
    card = dataclasses.replace(level_model.card, weights=("a.safetensors", "b.safetensors"))
    model = Model.in_memory(card, [level_model.network(), blind])
    events: list[ProgressEvent] = []
    members = run_members(segmenter_of(model), image, progress=events.append)
    assert (members.basis, members.names) == (Basis.FOLDS, ("fold 0", "fold 1"))
    assert np.array_equal(members.segmentations[0].voxels, image.voxels[0])
    assert not members.segmentations[1].voxels.any()
    assert members.quality().by_segment == {1: 0.0, 2: 0.0}
    assert any(event.message.startswith("fold 1 (2 of 2)") for event in events)


def test_a_model_of_one_fold_without_mirrors_is_shown_other_voxel_sizes(level_model, image):
    members = run_members(segmenter_of(level_model), image)
    assert members.basis is Basis.VIEWS
    assert np.array_equal(members.segmentations[0].voxels, image.voxels[0])
    assert 0.8 < members.quality().estimate < 1
    with pytest.raises(InputError, match="has no folds"):
        run_members(segmenter_of(level_model), image, basis=Basis.FOLDS)
    with pytest.raises(InputError, match="has no mirrors"):
        run_members(segmenter_of(level_model), image, basis=Basis.MIRRORS)
    with pytest.raises(InputError, match="no members by"):
        run_members(segmenter_of(level_model), image, basis=Basis.PROBABILITIES)


def test_a_run_that_was_made_is_not_made_again(level_model, image):
    known = Segmentation(np.full(image.geometry.shape, 1, np.uint8), image.geometry)
    members = run_members(segmenter_of(level_model), image, known=known)
    assert members.segmentations[0] is known


def test_one_fold_of_a_package(level_model):
    alone = level_model.one_fold(0)
    assert (alone.folds, alone.folder, alone.digests) == (1, level_model.folder, level_model.digests)
    assert alone.network() is not level_model.network(), "it can be released without the whole model"
    with pytest.raises(ModelError):
        level_model.one_fold(1)


def test_members_take_the_values_of_the_segments_of_the_same_names(level_model, image):
    """The model's second level is value 7 of the mask; its first is not there; the mask has one more of its own."""
    members = run_members(segmenter_of(level_model), image)
    mask = np.where(image.voxels[0] == 2, 7, 0).astype(np.uint8)
    mask[0, 0] = 9
    labels = (Label(7, "Second Level"), Label(9, "drawn by hand"))
    maps, notes = as_labels_of(members, Segmentation(mask, image.geometry, labels))
    assert notes == ()
    assert np.array_equal(maps[0], mask)
    maps, notes = as_labels_of(members, Segmentation(mask * 0, image.geometry, (Label(1, "Label 1"),)))
    assert "values are taken" in notes[0]
    assert np.array_equal(maps[0], image.voxels[0])
