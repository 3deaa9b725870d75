"""Photographs for models of colours: number and kind of channels, transparency, and cameras of any resolution."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from phantoms import card, level_model

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.inference import Segmenter
from UNetSegmentLib.inference.inputs import (
    at_trained_size,
    colour_warnings,
    one_image,
    photograph_factor,
    without_fine_detail,
)
from UNetSegmentLib.inference.margin import inside_margin
from UNetSegmentLib.io import read_volume
from UNetSegmentLib.models.card import InputChannel, Preparation
from UNetSegmentLib.models.colour import reads_colours
from UNetSegmentLib.models.validation import check_card
from UNetSegmentLib.photographs import is_photograph
from UNetSegmentLib.volume import Volume

COLOURS = tuple(InputChannel(name, "Photograph") for name in ("red", "Green", " B "))


def image(channels: int = 3, rows: int = 20, columns: int = 30, dtype=np.uint8, **grid) -> Volume:
    values = np.random.default_rng(0).integers(0, 200, (channels, 1, rows, columns)).astype(dtype)
    return Volume(values, Geometry((columns, rows, 1), **grid), "eye.png")


def colour_card(**changes):
    return card(channels=3, dimension=2, patch=(1, 16, 16), inputs=COLOURS, **changes)


def test_colour_models_are_known_by_their_inputs() -> None:
    assert reads_colours(colour_card())
    assert not reads_colours(card(channels=3, dimension=2))
    assert not reads_colours(replace(colour_card(), inputs=COLOURS[::-1]))
    assert not reads_colours(replace(colour_card(), inputs=COLOURS[:2]))


def test_transparency_is_left_out_and_nothing_else() -> None:
    rgba = image(4)
    taken = one_image(rgba, colour_card())
    np.testing.assert_array_equal(taken.voxels, rgba.voxels[:3])
    assert np.shares_memory(taken.voxels, rgba.voxels)
    four = card(channels=4, dimension=2, patch=(1, 16, 16))
    assert one_image(rgba, four).channels == 4


@pytest.mark.parametrize(
    ("given", "wanted", "text"),
    [
        (image(1), colour_card(), r"reads colour images \(3 channels: red, green, blue\); 'eye.png' is a grey image"),
        (image(3), card(dimension=2), r"'eye.png' is a colour image \(3 channels\).* grey images"),
        (image(4), card(dimension=2), r"'eye.png' is a colour image \(4 channels\)"),
        (image(3, dtype=np.float32), card(dimension=2), "needs 1 input channel"),
        (image(2), colour_card(), r"needs 3 input channel.*2 given"),
        (image(7), colour_card(), r"needs 3 input channel.*7 given"),
    ],
)
def test_grey_and_colour_are_not_mixed_up(given: Volume, wanted, text: str) -> None:
    with pytest.raises(InputError, match=text) as refusal:
        one_image(given, wanted)
    assert refusal.value.cure


def test_a_displacement_field_is_no_colour_image() -> None:
    field = image(3, dtype=np.float32)
    assert one_image(field, colour_card()) is not None
    field.voxels[1] -= 100
    with pytest.raises(InputError, match=r"below zero, as displacement fields do"):
        one_image(field, colour_card())
    # Three images of their own may be anything, and so may the channels of another model.
    parts = [replace(field, voxels=field.voxels[n : n + 1]) for n in range(3)]
    assert one_image(parts, colour_card()).channels == 3
    assert one_image(field, card(channels=3, dimension=2)).channels == 3


def test_a_grey_photograph_with_three_channels_gets_a_word() -> None:
    grey = image()
    grey.voxels[1:] = grey.voxels[0]
    assert "no colours" in colour_warnings(grey, colour_card())[0]
    assert colour_warnings(image(), colour_card()) == []
    assert colour_warnings(grey, card(channels=3, dimension=2)) == []


def test_only_photographs_are_brought_to_the_size_of_the_training() -> None:
    preparation = Preparation(photograph_pixels=600)
    assert photograph_factor(image(rows=2400, columns=3000), preparation) == 5.0
    assert photograph_factor(image(rows=300, columns=200), preparation) == 0.5
    assert photograph_factor(image(rows=640, columns=500), preparation) == 1.0
    assert photograph_factor(image(rows=2400, columns=3000), Preparation()) == 1.0
    # This one knows how large it is.
    scan = image(rows=2400, columns=3000, spacing=(0.01, 0.01, 1.0), origin=(1.0, 2.0, 3.0))
    assert not is_photograph(scan.geometry)
    assert photograph_factor(scan, preparation) == 1.0
    for spacing in (1.0, 25.4 / 300):
        wide = image(rows=1200, columns=900, spacing=(spacing, spacing, 1.0))
        assert at_trained_size(preparation, wide).spacing == (
            None,
            pytest.approx(2 * spacing),
            pytest.approx(2 * spacing),
        )


@pytest.mark.parametrize("factor", [2, 4])
def test_a_large_photograph_is_segmented_as_the_same_one_of_the_trained_size(factor: int) -> None:
    """Labels at the camera's own resolution, found at that of the training: as many tiles, the same places."""
    small = np.zeros((1, 1, 48, 60), np.float32)
    small[0, 0, 8:24, 10:50], small[0, 0, 30:44, 20:36] = 1, 3
    large = np.kron(small, np.ones((1, 1, factor, factor), np.float32))
    rng = np.random.default_rng(0)
    model = level_model(dimension=2, patch=(1, 24, 24), preparation={"photograph_pixels": 60, "image_order": 3})
    segmenter = Segmenter(model, "cpu")
    first = segmenter.segment(Volume(small, Geometry((60, 48, 1)), "small"))
    noisy = large + rng.normal(0, 0.3, large.shape).astype(np.float32)
    second = segmenter.segment(Volume(noisy, Geometry((60 * factor, 48 * factor, 1)), "large"))
    assert second.settings["tiles"] == first.settings["tiles"]
    expected = large[0].round().astype(int)
    # Away from the edges of the blocks, where levels 1 and 2 are met on the way from 3 to 0.
    inner = np.zeros(expected.shape, bool)
    for y, x in ((8, 10), (30, 20)):
        height, width = (16, 40) if y == 8 else (14, 16)
        inner[0, (y + 2) * factor : (y + height - 2) * factor, (x + 2) * factor : (x + width - 2) * factor] = True
    np.testing.assert_array_equal(second.segmentation.voxels[inner], expected[inner])
    assert np.mean(second.segmentation.voxels != expected) < 0.06
    region = Box((0, 8 * factor, 10 * factor), (1, 24 * factor, 50 * factor))
    part = segmenter.segment(Volume(noisy, Geometry((60 * factor, 48 * factor, 1)), "large"), region)
    inside = part.segmentation.voxels[region.slices]
    assert np.mean(inside == 1) > 0.9
    assert not np.delete(part.segmentation.voxels[0], np.s_[8 * factor : 24 * factor], axis=0).any()


def test_fine_detail_goes_before_pixels_do() -> None:
    noise = image(1, 200, 200, np.float32)
    smooth = without_fine_detail(noise, 5.0)
    assert smooth.voxels.std() < 0.2 * noise.voxels.std()
    assert smooth.voxels.mean() == pytest.approx(noise.voxels.mean(), rel=0.01)
    assert without_fine_detail(noise, 1.0) is noise
    assert without_fine_detail(noise, 0.4) is noise


def test_a_much_smaller_photograph_gets_a_word() -> None:
    model = level_model(dimension=2, patch=(1, 16, 16), preparation={"photograph_pixels": 100})
    given = Volume(image(1, 40, 50).voxels.astype(np.float32) / 70, Geometry((50, 40, 1)), "tiny.png")
    assert "'tiny.png' is 50 pixels long" in Segmenter(model, "cpu").segment(given).warnings[0]


def test_what_lies_in_the_dark_margin_is_background() -> None:
    """A bright disc with a dark spot (the fovea) in a margin where the model sees its labels everywhere."""
    y, x = np.mgrid[:60, :70]
    disc, fovea = np.hypot(y - 30, x - 35) < 25, np.hypot(y - 30, x - 40) < 4
    values = np.where(disc & ~fovea, 3.0, 0.2).astype(np.float32)
    values[2, 3] = 2.0  # a hot pixel in the margin
    given = Volume(values[None, None], Geometry((70, 60, 1)))
    mask = inside_margin(given, 0.2)
    assert mask is not None
    np.testing.assert_array_equal(mask[0], disc)
    dim = Volume(np.where(disc, 1.0, 0.6).astype(np.float32)[None, None], given.geometry)
    free = Segmenter(level_model(dimension=2, patch=(1, 24, 24)), "cpu").segment(dim).segmentation
    assert (free.voxels[0] == 1).all()
    kept = Segmenter(level_model(dimension=2, patch=(1, 24, 24), inference={"dark_margin": 0.7}), "cpu").segment(
        dim, probabilities=True, uncertainty=True
    )
    np.testing.assert_array_equal(kept.segmentation.voxels[0] == 1, disc)
    assert kept.probabilities is not None and kept.uncertainty is not None
    assert (kept.probabilities.voxels[0, 0][~disc] == 1).all()
    assert not kept.uncertainty.voxels[0, 0][~disc].any()


@pytest.mark.parametrize("values", [np.full((1, 1, 20, 20), 7.0), np.zeros((1, 1, 20, 20))], ids=["bright", "black"])
def test_an_image_without_a_margin_is_looked_at_whole(values: np.ndarray) -> None:
    assert inside_margin(Volume(values, Geometry((20, 20, 1))), 0.1) is None


def test_the_margin_of_fundus_photographs(shared_data: Path) -> None:
    """Against the masks that the data set brings."""
    for number in (21, 25, 34):
        given = read_volume(shared_data / f"drive/images/{number}_training.tif")
        mask = read_volume(shared_data / f"drive/masks/{number}_training_mask.gif").voxels[0] > 0
        vessels = read_volume(shared_data / f"drive/labels/{number}_manual1.gif").voxels[0] > 0
        found = inside_margin(given, 0.1)
        assert found is not None
        assert (found & mask).sum() > 0.985 * (found | mask).sum()
        assert (vessels & ~found).sum() < 0.001 * vessels.sum()


def test_the_card_is_checked() -> None:
    from UNetSegmentLib.errors import ModelError

    check_card(card(dimension=2, patch=(1, 16, 16), preparation={"photograph_pixels": 584}))
    for wrong in (
        card(preparation={"photograph_pixels": 584}),
        card(dimension=2, preparation={"photograph_pixels": 0}),
    ):
        with pytest.raises(ModelError, match="photograph_pixels"):
            check_card(wrong)
