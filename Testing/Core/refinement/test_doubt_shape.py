"""Doubtful places without a model: what stands out in a mask alone, and in a mask beside its image."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from UNetSegmentLib.errors import GeometryError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.refinement import Kind, Reason, doubts_from_image, review_places
from UNetSegmentLib.volume import Segmentation, Volume

sys.path.insert(0, str(Path(__file__).parent))
from doubt_phantoms import BALL, LOBE, OBLIQUE, SHAPE, ball, half_believed, segmentation


def whole(place, shape=SHAPE):
    array = np.zeros(shape, bool)
    array[place.box.slices] = place.inside
    return array


def only(places, reason):
    """The one place of a reason."""
    (place,) = [place for place in places if place.reason is reason]
    assert place.reason.weak
    return place


def test_a_ball_has_nothing_to_show():
    assert review_places(segmentation(BALL)) == ()
    assert review_places(segmentation(np.zeros(SHAPE, bool))) == ()


def test_an_island():
    island = ball((12, 12, 28), 2.0)
    place = only(review_places(segmentation(BALL | island, OBLIQUE)), Reason.ISLAND)
    assert np.array_equal(whole(place), island)
    assert (place.kind, place.becomes) == (Kind.EXTRA, 0)


def test_many_parts_are_no_islands():
    """Three balls of one size, as lesions or ribs are."""
    parts = ball((6, 6, 6), 4.0) | ball((16, 20, 12), 4.0) | ball((8, 16, 26), 4.0)
    assert review_places(segmentation(parts)) == ()


def test_a_hole():
    hole = ball(radius=2.0)
    place = only(review_places(segmentation(BALL & ~hole)), Reason.HOLE)
    assert np.array_equal(whole(place), hole)
    assert (place.kind, place.becomes) == (Kind.MISSING, 1)


def test_what_another_segment_fills_is_no_hole():
    core = ball(radius=2.0)
    mask = Segmentation(BALL.astype(np.uint8) + core, Geometry(SHAPE[::-1]))
    assert [place for place in review_places(mask) if place.reason is Reason.HOLE] == []


def test_a_hole_in_one_slice():
    disc = (BALL & ~ball(radius=2.0))[12:13]
    place = only(review_places(segmentation(disc, Geometry((SHAPE[2], SHAPE[1], 1)))), Reason.HOLE)
    assert np.array_equal(whole(place, disc.shape), ball(radius=2.0)[12:13])


def test_a_thin_bridge_between_two_balls():
    left, right = ball((12, 12, 7), 6.0), ball((12, 12, 24), 6.0)
    rod = np.zeros(SHAPE, bool)
    rod[12, 12, 7:24] = True
    place = only(review_places(segmentation(left | right | rod)), Reason.BRIDGE)
    gap = rod & ~left & ~right
    assert gap.sum() == 4
    assert whole(place)[gap].all()
    assert place.kind is Kind.EXTRA
    # A rod that ends in the open joins nothing.
    rod[12, 12, 7:24] = False
    rod[12, 2:12, 24] = True
    assert [p for p in review_places(segmentation(left | right | rod)) if p.reason is Reason.BRIDGE] == []


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slice_that_was_forgotten_and_one_that_leaks(axis):
    """Along the axis of the thickest voxels, whichever it is."""
    spacing = [1.0, 1.0, 1.0]
    spacing[2 - axis] = 4.0
    mask = np.moveaxis(BALL, 0, axis)
    geometry = Geometry(mask.shape[::-1], tuple(spacing))
    layers = BALL.copy()
    layers[10] = False
    layers[14, 10:14, 19:29] = True
    leak = layers & ~BALL
    places = [
        p for p in review_places(segmentation(np.moveaxis(layers, 0, axis), geometry)) if p.reason is Reason.SLICE
    ]
    missing, extra = sorted(places, key=lambda place: place.kind is Kind.EXTRA)
    assert (missing.kind, extra.kind) == (Kind.MISSING, Kind.EXTRA)
    gone = np.zeros(SHAPE, bool)
    gone[10] = BALL[9] & BALL[11]
    assert np.array_equal(np.moveaxis(whole(missing, mask.shape), axis, 0), gone)
    assert np.array_equal(np.moveaxis(whole(extra, mask.shape), axis, 0), leak & ~layers[13] & ~layers[15])


def test_the_lines_of_one_slice_are_no_slices():
    disc = BALL[12:13].copy()
    disc[0, 10] = False
    thin = Geometry((SHAPE[2], SHAPE[1], 1), (1.0, 1.2, 0.5))
    assert [place for place in review_places(segmentation(disc, thin)) if place.reason is Reason.SLICE] == []


def test_a_vessel_that_runs_askew_says_nothing():
    vessel = np.zeros(SHAPE, bool)
    for z in range(20):
        vessel[z, 10:13, z + 2 : z + 5] = True
    places = review_places(segmentation(vessel, Geometry(SHAPE[::-1], (1, 1, 5))))
    assert [place for place in places if place.reason is Reason.SLICE] == []


# -- with the image ----------------------------------------------------------------------------------------------------


def image(bright, noise=4.0, geometry=None):
    """100 where it is bright, 0 elsewhere, blurred a little."""
    rng = np.random.default_rng(0)
    voxels = ndimage.gaussian_filter(100.0 * bright, 0.6) + rng.normal(0, noise, bright.shape)
    return Volume(voxels.astype(np.float32)[None], geometry or Geometry(bright.shape[::-1]))


def test_a_part_as_bright_as_the_mask_may_belong():
    places = review_places(segmentation(BALL, OBLIQUE), volume=image(BALL | LOBE, geometry=OBLIQUE))
    place = places[0]
    assert (place.kind, place.reason) == (Kind.MISSING, Reason.INTENSITY)
    shared = whole(place) & LOBE
    assert shared.sum() > 0.8 * whole(place).sum()
    assert review_places(segmentation(BALL), volume=image(BALL)) == ()


def test_a_leak_as_dark_as_the_background_may_not_belong():
    place = review_places(segmentation(BALL | LOBE), volume=image(BALL))[0]
    assert place.kind is Kind.EXTRA
    assert (whole(place) & LOBE).sum() > 0.8 * whole(place).sum()


def test_brightness_that_tells_nothing_says_nothing():
    noise = Volume(np.random.default_rng(1).normal(size=(1, *SHAPE)).astype(np.float32), Geometry(SHAPE[::-1]))
    assert review_places(segmentation(BALL), volume=noise) == ()
    assert len(doubts_from_image(segmentation(BALL), noise).flat) == 0


def test_a_border_without_an_edge():
    """The organ goes on beyond the mask, which was cut off at a plane."""
    organ = ball((12, 12, 14), 9.0)
    mask = organ & (np.arange(SHAPE[2]) < 16)
    place = only(review_places(segmentation(mask), volume=image(organ, noise=1.0)), Reason.NO_EDGE)
    assert place.kind is Kind.BORDER
    assert place.becomes == 1
    assert set(np.flatnonzero(whole(place).any(axis=(0, 1)))) <= {14, 15}


def test_an_image_with_what_is_no_number_and_colours():
    picture = image(BALL | LOBE)
    voxels = np.repeat(picture.voxels, 3, axis=0)
    voxels[:, 0, 0, 0] = np.nan
    places = review_places(segmentation(BALL), volume=Volume(voxels, picture.geometry))
    assert places[0].kind is Kind.MISSING
    with pytest.raises(GeometryError):
        review_places(segmentation(BALL, OBLIQUE), volume=picture)


def test_the_strongest_evidence_is_taken():
    mask, share = segmentation(BALL), half_believed()
    everything = {"probability": share, "members": [mask, mask], "volume": image(BALL)}
    assert [place.reason for place in review_places(mask, **everything)] == [Reason.MODEL]
    assert review_places(mask, members=[mask, mask], volume=image(BALL | LOBE)) == ()
    assert review_places(mask, volume=image(BALL | LOBE))[0].reason.weak
