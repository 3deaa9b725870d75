"""Pictures of cases: every voxel's outcome in colours that anybody can tell apart; pictures of attention."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.labels import Label
from UNetSegmentLib.reporting import LabelScores
from UNetSegmentLib.reporting.drawing.agreement import (
    BACKGROUND,
    CONFUSED,
    EXTRA,
    MISSED,
    OUTCOMES,
    RIGHT,
    UNJUDGED,
    agreement,
    foreground,
    mistakes,
)
from UNetSegmentLib.reporting.drawing.flat import enlarged, flat_view
from UNetSegmentLib.reporting.measuring.extremes import extremes, heading, mean_dice, score_words
from UNetSegmentLib.reporting.pictures.attention import AttentionPicture, heat, shown_range, write_attention
from UNetSegmentLib.reporting.pictures.case import ShownCase, write_case
from UNetSegmentLib.volume import Segmentation, Volume

PHOTOGRAPH = Geometry((60, 50, 1))
HEAD = Geometry((20, 24, 16), (1.0, 1.0, 1.0), (-10.0, 12.0, -8.0), (1, 0, 0, 0, -1, 0, 0, 0, 1))  # runs L, A, S


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def count(picture: np.ndarray, color: tuple[int, int, int]) -> int:
    return int((picture == np.array(color)).all(axis=-1).sum())


def score(value: int, dice: float | None, hd95: float | None = None) -> LabelScores:
    return LabelScores(Label(value, f"label {value}"), dice, hd95, None, 0.0, 1.0, 1.0)


# -- outcomes ---------------------------------------------------------------------------------------------------------


def test_every_pair_of_labels_has_its_outcome() -> None:
    prediction = np.array([0, 1, 0, 1, 1, 2, 9, 1])
    reference = np.array([0, 1, 1, 0, 2, 2, 0, 1])
    judged = np.array([1, 1, 1, 1, 1, 1, 1, 0], bool)
    found = agreement(prediction, reference, (1, 2), judged)
    wanted = [BACKGROUND, RIGHT, MISSED, EXTRA, CONFUSED, RIGHT, BACKGROUND, UNJUDGED]
    assert found.tolist() == [outcome.number for outcome in wanted]
    assert mistakes(found).tolist() == [False, False, True, True, True, False, False, False]
    assert foreground(found).tolist() == [False, True, True, True, True, True, False, False]
    assert [outcome.number for outcome in OUTCOMES] == list(range(len(OUTCOMES)))


# Linear RGB as it looks to readers without red, green or blue cones (Machado, Oliveira and Fernandes 2009, severity 1).
SIGHT = {
    "full": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(color: tuple[int, int, int], sight: str) -> np.ndarray:
    from skimage.color import rgb2lab

    share = np.array(color) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(SIGHT[sight]) @ linear, 0, 1)
    gamma = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    return rgb2lab(gamma[None, None])[0, 0]


@pytest.mark.parametrize("sight", SIGHT)
def test_outcomes_are_told_apart_with_any_colour_vision(sight: str) -> None:
    for first, second in itertools.combinations((BACKGROUND, RIGHT, EXTRA, MISSED), 2):
        distance = np.linalg.norm(lab(first.color, sight) - lab(second.color, sight))
        assert distance > 35, (first.name, second.name)  # a just noticeable difference is about 2
    lightness = [lab(tuple((255 * heat(np.array(x))).tolist()), sight)[0] for x in np.linspace(0, 1, 11)]
    assert np.diff(lightness).min() > 3


# -- slices -----------------------------------------------------------------------------------------------------------


def test_a_volume_is_read_with_its_front_up_and_its_right_on_the_left() -> None:
    voxels = np.zeros(HEAD.shape, np.uint8)
    voxels[5, 23, 2] = 7  # array row 23 is the front, column 2 the right
    flat = flat_view(HEAD).fullest(voxels > 0)
    cut = flat.cut(voxels)
    assert flat.number == 5
    assert cut.shape == (24, 20)
    assert np.argwhere(cut == 7).tolist() == [[0, 2]]
    assert flat.description == "Axial, slice 5 of 16"


def test_thick_slices_are_read_as_they_were_taken() -> None:
    sagittal = Geometry((40, 50, 9), (1.0, 1.0, 4.0), (0, 0, 0), (0, 0, 1, 1, 0, 0, 0, -1, 0))
    assert sagittal.axis_codes == "PIL"
    flat = flat_view(sagittal)
    assert flat.description == "Sagittal, slice 4 of 9"
    assert flat.cut(np.zeros(sagittal.shape)).shape == (50, 40)


def test_a_part_of_a_turned_image() -> None:
    voxels = np.random.default_rng(0).random(HEAD.shape)
    flat = flat_view(HEAD).within(Box((2, 20, 4), (12, 24, 14)))
    assert flat.number == 7
    assert (flat.cut(voxels) == voxels[7, 20:24, 4:14][::-1]).all()
    with pytest.raises(InputError, match="no slice 16; the image has 16"):
        flat.at(16)


def test_voxels_stay_whole_and_square() -> None:
    flat = flat_view(Geometry((30, 10, 4), (1.0, 2.0, 9.0), (1.0, 0, 0)))
    assert flat.size(200) == (120, 180)
    assert flat_view(Geometry((3000, 2000, 1))).size(1200) == (2000, 3000)  # never smaller than the image
    grown = enlarged(np.array([[1, 2], [3, 4]]), (4, 6))
    assert grown.tolist() == [[1, 1, 1, 2, 2, 2]] * 2 + [[3, 3, 3, 4, 4, 4]] * 2


# -- cases ------------------------------------------------------------------------------------------------------------


def photograph_case(**changes: object) -> ShownCase:
    outcomes = np.zeros(PHOTOGRAPH.shape, np.uint8)
    outcomes[0, 10:40, 20] = RIGHT.number
    outcomes[0, 30, 21:41] = MISSED.number
    outcomes[0, 5, 5:12] = EXTRA.number
    outcomes[0, :, 55:] = UNJUDGED.number
    voxels = np.full((3, *PHOTOGRAPH.shape), 90, np.uint8)
    voxels[0] = 200
    values = {"volume": Volume(voxels, PHOTOGRAPH, "eye"), **changes}
    return ShownCase("Worst of 5 cases: eye", "Dice 0.7", outcomes, PHOTOGRAPH, **values)  # type: ignore[arg-type]


def test_vessels_one_pixel_wide_are_drawn_pixel_by_pixel(tmp_path: Path) -> None:
    picture = pixels(write_case(photograph_case(), tmp_path / "case.png"))
    scale = 1200 // 60
    swatch = 22 * 22
    for outcome, voxels in ((RIGHT, 30), (MISSED, 20), (EXTRA, 7)):
        # The legend's swatch has round corners.
        assert voxels * scale**2 <= count(picture, outcome.color) <= voxels * scale**2 + swatch
    assert count(picture, (200, 90, 90)) == 60 * 50 * scale**2  # the photograph in its own colours
    alone = pixels(write_case(photograph_case(volume=None), tmp_path / "alone.png"))
    assert alone.shape[1] < picture.shape[1]
    assert count(alone, (200, 90, 90)) == 0
    assert count(alone, MISSED.color) == count(picture, MISSED.color)


def test_a_volume_shows_the_fullest_slice_and_the_worst_one(tmp_path: Path) -> None:
    outcomes = np.zeros(HEAD.shape, np.uint8)
    outcomes[4, 4:20, 4:16] = RIGHT.number
    volume = Volume(np.random.default_rng(0).random((1, *HEAD.shape)).astype(np.float32), HEAD)
    one = pixels(write_case(ShownCase("a", "b", outcomes, HEAD, volume), tmp_path / "one.png"))
    outcomes[9, 10:14, 6:10] = MISSED.number
    two = pixels(write_case(ShownCase("a", "b\nc", outcomes, HEAD, volume), tmp_path / "two.png"))
    assert two.shape[0] > one.shape[0] + 400
    assert count(one, MISSED.color) < 500 < count(two, MISSED.color)
    assert count(one, RIGHT.color) > 50_000


def test_an_empty_case_is_drawn_all_the_same(tmp_path: Path) -> None:
    write_case(ShownCase("a", "", np.zeros(HEAD.shape, np.uint8), HEAD), tmp_path / "empty.png")


# -- which cases ------------------------------------------------------------------------------------------------------


def test_worst_median_and_best() -> None:
    scores = {
        "a": [score(1, 0.9), score(2, 0.7)],
        "b": [score(1, 0.5), score(2, None)],
        "c": [score(1, None)],
        "d": [score(1, 0.95)],
        "e": [score(1, 0.6)],
    }
    means = mean_dice(scores)
    assert list(means) == ["b", "e", "a", "d"]
    assert means["a"] == pytest.approx(0.8)
    assert extremes(means) == {"worst": "b", "median": "e", "best": "d"}
    assert extremes({"x": 0.1, "y": 0.2}) == {"worst": "x", "best": "y"}
    assert extremes({"x": 0.1}) == {"only": "x"}
    assert extremes({}) == {}
    assert heading("worst", "b", 4) == "Worst of 4 cases: b"
    assert heading("only", "b", 1) == "b"


def test_scores_in_words() -> None:
    assert score_words([score(1, 0.81234, 2.0)]) == "Dice 0.8123, HD95 2.0 mm"
    assert score_words([score(1, 0.8, 2.0)], "px") == "Dice 0.8000, HD95 2.0 px"
    assert score_words([score(1, 0.0, float("inf"))]) == "Dice 0.0000"
    assert score_words([score(1, None)]) == "No label on either side"
    several = score_words([score(n, 0.5 + n / 10) for n in range(1, 5)])
    assert several == "Dice 0.7500, mean of 4 labels\nlabel 1 0.600; label 2 0.700; label 3 0.800; 1 more"


# -- attention --------------------------------------------------------------------------------------------------------


def attention_picture(**changes: object) -> AttentionPicture:
    maps = np.zeros((2, *HEAD.shape), np.float32)
    maps[0, :, :, 10:] = 1.0
    maps[1] = 0.4
    labels = np.zeros(HEAD.shape, np.uint8)
    labels[11, 5:15, 5:15] = 1
    values = {
        "volume": Volume(np.random.default_rng(0).random((1, *HEAD.shape)).astype(np.float32), HEAD, "head"),
        "segmentation": Segmentation(labels, HEAD, (Label(1, "part", (230, 60, 60)),)),
        "maps": Volume(maps, HEAD),
        "steps": ((1, 1, 1), (1, 2, 2)),
        "title": "Model",
        **changes,
    }
    return AttentionPicture(**values)  # type: ignore[arg-type]


def test_maps_alone_have_the_colours_of_their_coefficients(tmp_path: Path) -> None:
    picture = pixels(write_attention(attention_picture(image=False), tmp_path / "maps.png"))
    ends = [tuple((255 * heat(np.array(x))).round().astype(int).tolist()) for x in (0.0, 1.0)]
    # Half of the first map is closed, half open, but for the blended columns between; 460 // 24 pixels per voxel.
    half = 24 * 10 * 19**2
    assert 0.8 * half < count(picture, ends[0]) <= half + 12 * 500
    assert 0.8 * half < count(picture, ends[1]) <= half + 12 * 500
    with_image = pixels(write_attention(attention_picture(), tmp_path / "both.png"))
    assert with_image.shape[1] > picture.shape[1] + 300  # the image has a panel of its own
    assert count(with_image, ends[0]) < count(picture, ends[0]) / 10


def test_the_slice_is_the_one_with_most_segments_or_the_one_asked_for(tmp_path: Path) -> None:
    auto = pixels(write_attention(attention_picture(), tmp_path / "auto.png"))
    chosen = pixels(write_attention(attention_picture(), tmp_path / "eleven.png", 11))
    other = pixels(write_attention(attention_picture(), tmp_path / "two.png", 2))
    assert (auto == chosen).all()
    assert (auto != other).any()
    with pytest.raises(InputError, match="no slice 16"):
        write_attention(attention_picture(), tmp_path / "no.png", 16)
    assert not (tmp_path / "no.png").exists()


def test_a_map_that_hardly_varies_is_not_stretched() -> None:
    assert shown_range(np.array([0.1, 0.9])) == (0.1, 0.9)
    low, high = shown_range(np.array([0.500, 0.502]))
    assert high - low == pytest.approx(0.05)
    assert shown_range(np.zeros(3)) == (0.0, 0.05)
    low, high = shown_range(np.ones(3))
    assert low < high == 1.0
