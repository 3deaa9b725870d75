"""Bad input of a correction: a clear sentence with a cure, and the session as it was."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from small_sessions import GRID, Watching, at, ball, begun, image, untouched

from UNetSegmentLib.errors import GeometryError, InputError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.labels import Label
from UNetSegmentLib.refinement import BoxPrompt, Lasso, Point, Scribble, Session, Strokes
from UNetSegmentLib.volume import Segmentation, Volume


@pytest.mark.parametrize(
    "prompt",
    [
        Point((1e6, 0.0, 0.0)),
        Point((1e7, -1e7, 1e7), include=False),
        Scribble(((-300.0, 0.0, 0.0), (-200.0, 5.0, 40.0)), radius=4.0),
        Lasso(((-300.0, 0.0, 40.0), (-200.0, 5.0, 40.0), (-250.0, 90.0, 40.0))),
        BoxPrompt((-300.0, 0.0, 0.0), (5.0, 5.0, 5.0), include=False),
        BoxPrompt((-300.0, 0.0, 0.0), (5.0, 5.0, 0.0)),
        Point((-300.0, 0.0, 0.0), segment=900),
    ],
    ids=lambda prompt: type(prompt).__name__,
)
def test_a_prompt_outside_the_image(prompt: object) -> None:
    session = begun()
    # Said with where the image lies, in the coordinates that a user points in: left and right are easily mistaken.
    x, y, z = (GRID.corners() * (-1, -1, 1)).min(axis=0).round().astype(int)
    where = f"outside the image 'scan' (R {x} to "
    untouched(session, lambda: session.add(prompt), InputError, where, f", A {y} to ", f", S {z} to ", "Draw it on the")


def test_what_may_not_change() -> None:
    session = begun(locked=[2])
    untouched(session, lambda: session.add(Point(at(1, 1, 1), segment=2)), InputError, "Segment 2 is locked", "Unlock")
    session = Session(image(), ball(), 2, locked=[1])
    untouched(session, lambda: session.add(Point(at(5, 5, 4))), InputError, "may not change", "Unlock the segment")
    untouched(session, lambda: session.add(Point(at(5, 5, 4), segment=1)), InputError, "'liver' is locked")
    nowhere = np.zeros(GRID.shape, bool)
    session = Session(image(), ball(), editable=nowhere)
    untouched(session, lambda: session.add(Point(at(1, 1, 1))), InputError, "editable")


@pytest.mark.parametrize("edit", [5, None, "point", (1.0, 2.0, 3.0)])
def test_what_is_no_edit(edit: object) -> None:
    session = begun()
    untouched(session, lambda: session.add(edit), InputError, "is no edit")


@pytest.mark.parametrize("label", [0, -1, 65536, 1.5, "liver", None, float("nan"), float("inf")])
def test_what_is_no_label(label: object) -> None:
    session = begun()
    if label is not None:
        untouched(session, lambda: session.add(Point(at(1, 1, 1), segment=label)), InputError, "is no label", "65535")
    with pytest.raises(InputError, match="is no label"):
        Session(image(), ball(), label)
    with pytest.raises(InputError, match="is no label"):
        Session(image(), ball(), locked=[label])


@pytest.mark.parametrize("reach", [0, -1.0, float("nan"), float("inf")])
def test_a_reach_that_is_none(reach: float) -> None:
    with pytest.raises(InputError, match=r"cannot reach .* above 0"):
        Session(image(), ball(), reach=reach)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Point((0.0, np.nan, 0.0)),
        lambda: Point((0.0, 1e8, 0.0)),
        lambda: Point((0.0, 1.0)),
        lambda: Point("here"),
        lambda: Scribble(()),
        lambda: Scribble(((0.0, 0.0, 0.0),), radius=-1.0),
        lambda: Scribble(((0.0, 0.0, 0.0),), radius=float("nan")),
        lambda: Scribble(((0.0, 0.0, 0.0),), radius="thick"),
        lambda: Scribble(((0.0, 0.0, 0.0), (1.0, 2.0))),
        lambda: Lasso(((0.0, 0.0, 0.0), (1.0, 2.0, 3.0))),
        lambda: BoxPrompt((0.0, 0.0, 0.0), (5.0, 0.0, 0.0)),
        lambda: BoxPrompt((0.0, 0.0, 0.0), (5.0, -5.0, 5.0)),
        lambda: BoxPrompt((0.0, 0.0, 0.0), (5.0, 5.0, 5.0), axes=(1.0, 0.0)),
        lambda: BoxPrompt((0.0, 0.0, 0.0), (5.0, 5.0, 5.0), axes=(1.0,) * 9),
        lambda: BoxPrompt((0.0, 0.0, 0.0), (5.0, 5.0, 5.0), axes=("a",) * 9),
    ],
)
def test_what_is_no_prompt(make: Callable[[], object]) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert caught.value.cure


def test_a_segmentation_of_another_geometry() -> None:
    for other in (Geometry((12, 10, 7)), Geometry(GRID.size, GRID.spacing, (5.0, -3.0, 42.0))):
        with pytest.raises(GeometryError, match=r"do not share a grid .*Resample"):
            Session(image(), Segmentation(np.zeros(other.shape, np.uint8), other))


@pytest.mark.parametrize(
    ("probabilities", "words"),
    [
        (np.zeros((3, 4, 5), np.float32), r"shape \(3, 4, 5\)"),
        (np.zeros((2, *GRID.shape), np.float32), "for one segment"),
        (np.zeros(GRID.shape, np.int32), "type int32"),
        (Volume(np.zeros((1, *GRID.shape), np.float32), Geometry(GRID.size)), "do not share a grid"),
    ],
)
def test_probabilities_of_another_kind(probabilities: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        Session(image(), ball(), probabilities=probabilities)
    assert caught.value.cure


def test_editable_voxels_of_another_shape() -> None:
    with pytest.raises(GeometryError, match="editable voxels have the shape"):
        Session(image(), ball(), editable=np.ones((2, 2, 2), bool))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8", "bool"])
def test_methods_see_probabilities_from_0_to_1(dtype: str) -> None:
    values = np.linspace(0, 255 if dtype == "uint8" else 1, GRID.size[0] * GRID.size[1] * GRID.size[2])
    values = values.reshape(GRID.shape).astype(dtype)
    if values.dtype.kind == "f":
        values[4, 4, 4:8] = np.nan, np.inf, -np.inf, 7
    method = Watching()
    Session(image(), None, probabilities=values, method=method).add(Point(at(5, 4, 4)))
    seen = method.problems[0].probability
    assert seen.dtype == np.float32 and seen.min() >= 0 and seen.max() <= 1
    if values.dtype.kind == "f":
        # The box begins at (2, 2, 3). Where nobody knows, one half.
        np.testing.assert_array_equal(seen[2, 2, 1:5], [0.5, 1, 0, 1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_methods_see_a_finite_image(dtype: str) -> None:
    voxels = image(dtype, channels=2).voxels
    voxels[0, 4, 4, 4:7] = np.nan, np.inf, -np.inf
    voxels[1] = np.nan
    if dtype == "float64":
        voxels[0, 3, 3, 3:5] = 1e300, -1e300
    copy = voxels.copy()
    method = Watching()
    Session(Volume(voxels, GRID), method=method).add(Point(at(5, 4, 4)))
    seen = method.problems[0].image
    assert np.isfinite(seen).all() and not seen[1].any()
    low, high = seen[0].min(), seen[0].max()
    np.testing.assert_array_equal(seen[0, 2, 2, 1:4], [low, high, low])
    if dtype == "float64":
        np.testing.assert_array_equal(seen[0, 1, 1, :2], [high, low])
    np.testing.assert_array_equal(voxels, copy)


@pytest.mark.parametrize("voxels", [np.nan, np.inf, 0, 1e30, -3])
@pytest.mark.parametrize("label", [1, 2])
def test_images_that_say_nothing(voxels: float, label: int) -> None:
    """Wholly NaN, infinite or constant: the rules hold, with our own method."""
    session = Session(Volume(np.full((1, *GRID.shape), voxels, np.float32), GRID), ball(), label)
    for prompt in (Point(at(1, 1, 1)), Point(at(5, 5, 4), include=False), Scribble((at(1, 8, 6), at(9, 8, 6)))):
        change = session.add(prompt)
        assert change.voxels or label == 2


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(30, 20, 1), (1, 20, 30), (30, 1, 20), (1, 1, 30), (1, 1, 1)])
def test_photographs_and_single_slices(channels: int, size: tuple[int, int, int]) -> None:
    grid = Geometry(size, (0.4, 0.4, 7.5))
    session = Session(image("uint8", grid, channels))
    middle = tuple(grid.to_physical((np.array(size) - 1) / 2).tolist())
    change = session.add(Point(middle))
    assert change.voxels and session.segmentation.voxels.sum() == change.voxels
    corner = tuple(grid.to_physical(np.zeros(3)).tolist())
    session.add(Scribble((corner, middle), include=False))
    assert session.segmentation.voxels[0, 0, 0] == 0
    session.reset()
    assert not session.segmentation.voxels.any()


def test_no_segmentation_begins_one() -> None:
    session = Session(image(), None, 3)
    assert session.segmentation.labels == ()
    session.add(Point(at(5, 5, 4)))
    assert set(np.unique(session.segmentation.voxels)) == {0, 3}
    assert [label.value for label in session.segmentation.labels] == [3]
    session.undo()
    assert session.segmentation.labels == () and not session.segmentation.voxels.any()


def test_an_empty_segment_and_one_that_the_table_lacks() -> None:
    session = Session(image(), ball(value=7))
    change = session.add(Point(at(5, 5, 4), include=False, segment=4))
    assert change.empty and not change.notes and session.segmentation.labels == (Label(1, "liver"),)
    session.add(Point(at(5, 5, 4), segment=7))
    assert [label.value for label in session.segmentation.labels] == [1, 7]


def test_labels_above_255_that_turn_up_later() -> None:
    session = Session(image(), ball())
    change = session.add(Point(at(1, 1, 1), segment=300))
    assert session.segmentation.voxels[1, 1, 1] == 300 and change.labels.max() == 300
    session.add(Point(at(10, 8, 6)))
    session.undo()
    session.undo()
    assert session.segmentation.voxels.dtype == np.uint8
    np.testing.assert_array_equal(session.segmentation.voxels, ball().voxels)
    session.redo()
    assert session.segmentation.voxels[1, 1, 1] == 300


@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "uint64", "float32", "float64", ">u2"])
def test_labels_of_other_types_are_taken_when_they_are_labels(dtype: str) -> None:
    given = ball(dtype=dtype)
    session = Session(image(), given)
    np.testing.assert_array_equal(session.segmentation.voxels, given.voxels)
    session.add(Point(at(5, 5, 4), include=False))
    session.undo()
    np.testing.assert_array_equal(session.segmentation.voxels, given.voxels)


@pytest.mark.parametrize("value", [np.nan, -1.0, 0.5, 70_000.0, np.inf])
def test_labels_that_are_none(value: float) -> None:
    given = ball(dtype="float64")
    given.voxels[0, 0, 0] = value
    with pytest.raises(InputError, match=r"other than whole numbers .*Round or renumber"):
        Session(image(), given)
    box = Box((0, 0, 0), (1, 1, 2))
    session = begun()
    untouched(session, lambda: session.add(Strokes(box, np.array([[[value, 1.0]]]))), InputError, "What was painted")
