"""Doubtful places: phantoms whose doubtful part is known, and what holds of every list."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from UNetSegmentLib.errors import GeometryError, InputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.labels import Label
from UNetSegmentLib.refinement import (
    Kind,
    Looked,
    Reason,
    Review,
    doubts_from_members,
    doubts_from_probabilities,
    doubts_from_probability,
    doubts_from_uncertainty,
    find_places,
)
from UNetSegmentLib.volume import Segmentation, Volume

sys.path.insert(0, str(Path(__file__).parent))
from doubt_phantoms import BALL, LOBE, OBLIQUE, SHAPE, ball, geometries, half_believed, segmentation


def whole(place, shape=SHAPE):
    """A place's voxels as a boolean array of the image."""
    array = np.zeros(shape, bool)
    array[place.box.slices] = place.inside
    return array


def entropy(p):
    q = 1 - p
    return -(p * np.log2(p) + q * np.log2(q))


# -- phantoms ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("geometry", [Geometry(SHAPE[::-1]), OBLIQUE], ids=["plain", "oblique"])
def test_a_missing_lobe_is_the_only_place_and_is_whole(geometry):
    mask = segmentation(BALL, geometry)
    (place,) = find_places(doubts_from_probability(mask, half_believed(), 1))
    assert np.array_equal(whole(place), LOBE)
    assert (place.kind, place.reason, place.segment, place.now, place.becomes) == (Kind.MISSING, Reason.MODEL, 1, 0, 1)
    assert place.likelihood == pytest.approx(0.4)
    assert place.size_ml == pytest.approx(LOBE.sum() * np.prod(geometry.spacing) / 1000)
    # Deep in it: as deep as any voxel is.
    depth = ndimage.distance_transform_edt(LOBE, sampling=geometry.array_spacing)
    assert depth[place.index] == depth.max()
    assert geometry.to_index(np.array(place.position))[::-1] == pytest.approx(place.index, abs=1e-6)


def test_a_leak_may_not_belong():
    mask = segmentation(BALL | LOBE)
    (place,) = find_places(doubts_from_probability(mask, half_believed(share=0.6), 1))
    assert np.array_equal(whole(place), LOBE)
    assert (place.kind, place.segment, place.now, place.becomes) == (Kind.EXTRA, 1, 1, 0)


def test_a_part_that_was_cleaned_away_comes_before_the_rim():
    """A second ball that the model is sure of and that cleaning took away, beside a border that is soft all round."""
    second = ball((12, 12, 27), 3.0)
    soft = ndimage.gaussian_filter(BALL.astype(np.float32), 1.0)
    places = find_places(doubts_from_probability(segmentation(BALL), np.where(second, 0.9, soft), 1))
    assert len(places) > 1
    assert whole(places[0])[second].all()
    assert places[0].kind is Kind.MISSING
    assert places[0].score > 3 * places[1].score


def test_a_soft_border_is_cut_into_patches():
    soft = ndimage.gaussian_filter(BALL.astype(np.float32), 1.5)
    places = find_places(doubts_from_probability(segmentation(BALL), soft, 1))
    shell = sum(whole(place).astype(int) for place in places)
    assert shell.max() == 1, "a voxel is in one place"
    assert len(places) > 6
    assert max(place.voxels for place in places) < 0.2 * shell.sum()


def test_doubt_all_round_is_cut_into_patches_too():
    """On one side the doubt reaches farther out than a rim, elsewhere the border is sharp: too wide for one place."""
    mask = ball((20, 20, 20), 17.0, (40, 40, 40))
    wide = ball((20, 20, 20), 19.5, (40, 40, 40)) & ~mask & (np.arange(40) > 24)
    places = find_places(doubts_from_probability(segmentation(mask), half_believed(mask, wide), 1))
    assert len(places) > 3
    assert sum(place.voxels for place in places) == wide.sum()


def test_the_second_place_is_elsewhere():
    """Two parts side by side, and a third of less doubt on the far side: that is looked at second."""
    near = np.zeros(SHAPE, bool)
    near[12, 10:12, 21:24] = near[12, 13:15, 21:24] = True
    far = np.zeros(SHAPE, bool)
    far[12, 11:13, 1:4] = True
    share = half_believed(BALL, near)
    share[far] = 0.3
    places = find_places(doubts_from_probability(segmentation(BALL), share, 1))
    assert [place.index[2] > 12 for place in places] == [True, False, True]


def test_a_border_between_two_segments_is_told_once():
    """Half of segment 1 may be segment 2."""
    labels = BALL.astype(np.uint8)
    right = BALL & (np.arange(SHAPE[2]) >= 12)
    shares = np.stack([~BALL * 0.98 + 0.01, np.where(right, 0.55, BALL * 0.98 + 0.01), np.where(right, 0.44, 0.01)])
    mask = Segmentation(labels, Geometry(SHAPE[::-1]), (Label(1, "Anterior"), Label(2, "Posterior")))
    (place,) = find_places(doubts_from_probabilities(mask, shares.astype(np.float32), (0, 1, 2)))
    assert np.array_equal(whole(place), right)
    assert (place.kind, place.segment, place.now, place.becomes) == (Kind.CONFUSED, 2, 1, 2)
    assert "of 'Anterior' that may belong to 'Posterior'" in place.describe(mask)
    assert find_places(doubts_from_probabilities(mask, shares.astype(np.float32), (0, 1, 2)), segments=[3]) == ()


def test_probabilities_of_all_outputs_say_the_same_as_those_of_one_segment():
    mask, share = segmentation(BALL), half_believed()
    one = find_places(doubts_from_probability(mask, share, 1))
    both = find_places(doubts_from_probabilities(mask, np.stack([1 - share, share]), (0, 1)))
    region = find_places(doubts_from_probabilities(mask, share[None], (1,), regions=True))
    for other in (both, region):
        assert [(p.index, p.voxels, p.kind) for p in other] == [(p.index, p.voxels, p.kind) for p in one]


def test_regions_that_are_painted_over_each_other():
    """A tumour's core within the tumour: voxels of the core that may be no core are tumour, not background."""
    core = ball(radius=4.0)
    labels = BALL.astype(np.uint8) + core
    mask = Segmentation(labels, Geometry(SHAPE[::-1]), (Label(1, "Tumour"), Label(2, "Core")))
    shares = np.stack([np.where(BALL, 0.97, 0.02), np.where(core, 0.6, 0.02)]).astype(np.float32)
    (place,) = find_places(doubts_from_probabilities(mask, shares, (1, 2), regions=True))
    assert np.array_equal(whole(place), core)
    assert (place.now, place.becomes) == (2, 1)


def test_uncertainty_alone_takes_the_nearest_other_label():
    bits = entropy(np.clip(half_believed(), 0.01, 0.99))
    (place,) = find_places(doubts_from_uncertainty(segmentation(BALL), bits))
    assert np.array_equal(whole(place), LOBE)
    assert place.kind is Kind.MISSING
    assert place.likelihood == pytest.approx(0.4, abs=1e-3)


def test_uncertainty_about_something_else_is_not_about_the_segment():
    """A second organ that the label map does not hold: its border is uncertain, and far from the ball's."""
    second = ball((12, 12, 28), 3.0)
    shell = ndimage.binary_dilation(second) & ~second
    bits = entropy(half_believed(BALL | second, shell))
    assert find_places(doubts_from_uncertainty(segmentation(BALL), bits)) == ()
    both = Segmentation(BALL.astype(np.uint8) + 2 * second, Geometry(SHAPE[::-1]))
    assert {place.segment for place in find_places(doubts_from_uncertainty(both, bits))} == {2}


def test_members_that_disagree():
    members = [BALL.astype(np.uint8), BALL.astype(np.uint8), (BALL | LOBE).astype(np.uint8)]
    (place,) = find_places(doubts_from_members(segmentation(BALL), members))
    assert np.array_equal(whole(place), LOBE)
    assert place.reason is Reason.MEMBERS
    assert not place.reason.weak
    assert place.likelihood == pytest.approx(1 / 3)


def test_eight_bit_probabilities_and_volumes():
    mask, share = segmentation(BALL, OBLIQUE), half_believed()
    volume = Volume(np.round(share * 255).astype(np.uint8)[None], OBLIQUE, "probabilities")
    (place,) = find_places(doubts_from_probability(mask, volume, 1))
    assert np.array_equal(whole(place), LOBE)


def test_one_slice_has_an_area_and_a_photograph_pixels():
    disc, part = BALL[12:13], LOBE[12:13]
    slice_ = segmentation(disc, Geometry((SHAPE[2], SHAPE[1], 1), (0.5, 0.8, 3.0)))
    (place,) = find_places(doubts_from_probability(slice_, half_believed(disc, part), 1))
    assert place.area_mm2 == pytest.approx(part.sum() * 0.4)
    assert place.size_words.endswith("mm2")
    photograph = segmentation(disc)
    (place,) = find_places(doubts_from_probability(photograph, half_believed(disc, part), 1))
    assert place.size_words == f"{part.sum()} pixels"


def test_a_thin_vessel_that_is_missing_is_found():
    """One pixel wide, at an angle: nothing may be lost by smoothing."""
    found = np.zeros((1, 40, 40), bool)
    found[0, 20, :20] = True
    missing = np.zeros_like(found)
    missing[0, np.arange(20, 35), np.arange(20, 35)] = True
    geometry = Geometry((40, 40, 1))
    (place,) = find_places(doubts_from_probability(segmentation(found, geometry), half_believed(found, missing), 1))
    assert np.count_nonzero(whole(place, found.shape) & missing) >= 14


def test_nothing_is_doubtful_where_the_model_is_sure():
    mask = segmentation(BALL)
    assert find_places(doubts_from_probability(mask, BALL.astype(np.float32), 1)) == ()
    assert find_places(doubts_from_members(mask, [mask, mask])) == ()
    assert Review(()).next() is None


def test_doubts_as_an_image():
    doubts = doubts_from_probability(segmentation(BALL, OBLIQUE), half_believed(), 1)
    overlay = doubts.as_volume()
    assert overlay.geometry == OBLIQUE
    assert np.array_equal(overlay.voxels[0] > 0, LOBE)
    assert overlay.voxels.max() == pytest.approx(0.4)


def test_an_empty_mask_and_what_is_no_number():
    share = half_believed(np.zeros(SHAPE, bool))
    share[0, 0, 0] = np.nan
    (place,) = find_places(doubts_from_probability(segmentation(np.zeros(SHAPE, bool)), share, 1))
    assert np.array_equal(whole(place), LOBE)
    assert find_places(doubts_from_uncertainty(segmentation(np.zeros(SHAPE, bool)), entropy(half_believed()))) == ()


def test_other_grids_are_refused():
    mask = segmentation(BALL, OBLIQUE)
    moved = dataclasses.replace(OBLIQUE, origin=(0.0, 0.0, 0.0))
    with pytest.raises(GeometryError):
        doubts_from_probability(mask, Volume(half_believed()[None], moved, "probabilities"), 1)
    with pytest.raises(GeometryError):
        doubts_from_members(mask, [BALL[1:]])
    with pytest.raises(InputError):
        doubts_from_probabilities(mask, half_believed()[None], (0, 1))
    with pytest.raises(InputError):
        doubts_from_members(mask, [])


# -- looking through them ----------------------------------------------------------------------------------------------


def test_a_place_that_was_accepted_does_not_come_back_as_too_much():
    review = Review(find_places(doubts_from_probability(segmentation(BALL), half_believed(), 1)))
    place = review.next()
    edited = BALL.astype(np.uint8)
    edited[place.box.slices] = place.accepted(edited[place.box.slices])
    assert np.array_equal(edited > 0, BALL | LOBE)
    again = find_places(doubts_from_probability(segmentation(edited), half_believed(), 1))
    assert [one.kind for one in again] == [Kind.EXTRA], "the model still is unsure"
    review.renew(again)
    assert review.left == 0
    assert review.next() is None


def test_what_a_person_changed_is_off_the_list():
    soft = ndimage.gaussian_filter(BALL.astype(np.float32), 1.5)
    review = Review(find_places(doubts_from_probability(segmentation(BALL), soft, 1)))
    before = review.left
    place = review.places[3]
    review.edited(place.box, place.inside)
    assert place not in review.places
    assert review.left == before - 1


# -- properties --------------------------------------------------------------------------------------------------------


@st.composite
def random_cases(draw):
    """Smooth random probabilities and a mask that disagrees with them here and there."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = tuple(draw(st.integers(1, 14)) for _ in range(3))
    noise = ndimage.gaussian_filter(rng.normal(size=(3, *shape)), (0, 1, 1, 1))
    shares = np.exp(6 * noise / (noise.std() + 1e-9))
    shares = (shares / shares.sum(axis=0)).astype(np.float32)
    labels = shares.argmax(axis=0).astype(np.uint8)
    wrong = rng.random(shape) < 0.1
    labels[wrong] = rng.integers(0, 3, shape)[wrong]
    geometry = draw(geometries(shape))
    return Segmentation(labels, geometry, (Label(1, "One"), Label(2, "Two"))), shares


@settings(max_examples=60, deadline=None)
@given(random_cases())
def test_every_list_is_sound(case):
    mask, shares = case
    places = find_places(doubts_from_probabilities(mask, shares, (0, 1, 2)), most=1000)
    taken = np.zeros(mask.voxels.shape, int)
    for place in places:
        inside = whole(place, mask.voxels.shape)
        taken += inside
        assert inside[place.index], "the position is a voxel of the place"
        assert mask.geometry.to_physical(np.array(place.index[::-1])) == pytest.approx(place.position)
        assert place.size_ml == pytest.approx(inside.sum() * mask.geometry.voxel_volume / 1000)
        assert ndimage.label(inside, np.ones((3, 3, 3)))[1] == 1, "it is connected"
        assert set(np.unique(mask.voxels[inside])) == {place.now}
        assert place.inside.any(axis=(1, 2))[[0, -1]].all(), "the box is tight"
        assert place.becomes != place.now
        assert place.segment in (1, 2)
        assert 0.1 <= place.likelihood <= 1.001
        assert (shares[place.becomes][inside] >= 0.1).all()
    assert taken.max(initial=0) <= 1
    assert [p.score for p in places] == sorted((p.score for p in places), reverse=True)


@settings(max_examples=20, deadline=None)
@given(random_cases())
def test_the_same_case_gives_the_same_list(case):
    mask, shares = case
    first, second = (find_places(doubts_from_probabilities(mask, shares.copy(), (0, 1, 2))) for _ in range(2))
    assert [(p.index, p.score, p.voxels, p.kind) for p in first] == [
        (p.index, p.score, p.voxels, p.kind) for p in second
    ]


@settings(max_examples=30, deadline=None)
@given(random_cases(), st.integers(1, 5), st.data())
def test_what_was_looked_at_never_comes_back(case, count, data):
    """Through edits that do what a place says, and lists computed anew."""
    mask, shares = case
    looked = Looked()
    labels = mask.voxels.copy()
    for _ in range(count):
        now = dataclasses.replace(mask, voxels=labels.copy())
        review = Review(find_places(doubts_from_probabilities(now, shares, (0, 1, 2))), looked)
        for place in review.places:
            assert not looked.holds(place)
        place = review.next()
        if place is None:
            break
        assert looked.holds(place)
        if data.draw(st.booleans()):
            labels[place.box.slices][place.inside] = place.becomes
