from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.io.regions import parse_region

# An LPS-aligned grid with corners at 0 and 20, 30, 40 mm to the left, back and head.
GRID = Geometry((20, 30, 20), (1.0, 1.0, 2.0), (0.5, 0.5, 1.0))


def test_millimetres_are_ras() -> None:
    # 5 to 10 mm left and 10 to 12 mm posterior are negative in RAS.
    assert parse_region("-10,-5,-12,-10,4,8", GRID) == Box((2, 10, 5), (4, 12, 10))


def test_order_of_the_ends_does_not_matter() -> None:
    assert parse_region("-5,-10,-10,-12,8,4", GRID) == parse_region("-10,-5,-12,-10,4,8", GRID)


def test_a_region_reaching_beyond_the_image_is_clipped() -> None:
    assert parse_region("-10,500,-500,500,-500,500", GRID) == Box((0, 0, 0), (20, 30, 10))


def test_voxels() -> None:
    assert parse_region("voxels:1,4,2,6,3,8", GRID) == Box((3, 2, 1), (8, 6, 4))


def test_oblique_grid_contains_the_region() -> None:
    angle = 0.5
    turned = Geometry(
        (40, 40, 40),
        (1, 1, 1),
        (-20, -20, -20),
        (np.cos(angle), -np.sin(angle), 0, np.sin(angle), np.cos(angle), 0, 0, 0, 1),
    )
    box = parse_region("-6,6,-6,6,-6,6", turned)
    part = turned.cropped(box).corners()
    assert (part.min(axis=0) <= -6).all() and (part.max(axis=0) >= 6).all()


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d,e,f", "", "1,2,3,4,5,nan", "voxels:1,2"])
def test_no_region(text: str) -> None:
    with pytest.raises(InputError, match="is no region"):
        parse_region(text, GRID)


def test_outside_names_what_the_image_covers() -> None:
    with pytest.raises(InputError, match=r"outside the image \(R -20 to 0, A -30 to 0, S 0 to 40 mm\)"):
        parse_region("5,10,5,10,5,10", GRID)


@pytest.mark.parametrize("system", ["LPS", "RAS"])
def test_markups_roi(tmp_path: Path, system: str) -> None:
    sign = 1 if system == "LPS" else -1
    roi = {
        "coordinateSystem": system,
        "type": "ROI",
        "center": [sign * 7.5, sign * 11.0, 6.0],
        "size": [5.0, 2.0, 4.0],
        "orientation": [1, 0, 0, 0, 1, 0, 0, 0, 1],
    }
    path = tmp_path / "r.mrk.json"
    path.write_text(json.dumps({"markups": [roi]}))
    assert parse_region(str(path), GRID) == Box((2, 10, 5), (4, 12, 10))
    path.write_text("{}")
    with pytest.raises(InputError, match="not a Markups ROI"):
        parse_region(str(path), GRID)


@pytest.mark.parametrize(
    "change",
    [
        {"type": "Fiducial"},
        {"coordinateSystem": "IJK"},
        {"coordinateUnits": "um"},
        {"insideOut": True},
        {"orientation": [1, 0, 0, 1, 0, 0, 0, 0, 1]},
        {"size": [-5.0, 2.0, 4.0]},
        {"center": [0, "1", 0]},
    ],
)
def test_a_roi_that_would_be_read_otherwise_than_it_is_meant(change: dict[str, object], tmp_path: Path) -> None:
    roi = {"type": "ROI", "center": [7.5, 11.0, 6.0], "size": [5.0, 2.0, 4.0]}
    path = tmp_path / "r.mrk.json"
    path.write_text(json.dumps({"markups": [roi]}))
    assert not parse_region(str(path), GRID).empty
    path.write_text(json.dumps({"markups": [roi | change]}))
    with pytest.raises(InputError, match="not a Markups ROI"):
        parse_region(str(path), GRID)


@pytest.mark.parametrize("far", ["1e308", "1.7e308", "1e30"])
def test_far_ends_are_ends_of_the_image(far: str, tmp_path: Path) -> None:
    whole = Box.whole(GRID.shape)
    assert parse_region(",".join([f"-{far},{far}"] * 3), GRID) == whole
    assert parse_region("voxels:" + ",".join([f"-{far},{far}"] * 3), GRID) == whole
    roi = {"center": [0, 0, 0], "size": [float(far)] * 3, "orientation": [0.6, 0.8, 0, -0.8, 0.6, 0, 0, 0, 1]}
    (tmp_path / "roi.mrk.json").write_text(json.dumps({"markups": [roi]}))
    assert parse_region(str(tmp_path / "roi.mrk.json"), GRID) == whole
    with pytest.raises(InputError, match="outside"):
        parse_region(f"{far},{far},0,1,0,1", GRID)


def test_parts_of_voxels_are_not_rounded_silently() -> None:
    with pytest.raises(InputError, match="parts of voxels"):
        parse_region("voxels:0,1.5,0,2,0,2", GRID)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"markups": [{"center": [0, 0, 0], "size": [NaN, 1, 1]}]}', '{"markups": [[1, 2]]}', "7", "\x00"],
)
def test_a_hostile_region_file_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "roi.json").write_text(text)
    with pytest.raises(InputError, match="not a Markups ROI"):
        parse_region(str(tmp_path / "roi.json"), GRID)
