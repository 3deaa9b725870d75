"""Before, after and what changed: colours are where voxels and prompts are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.labels import Label
from UNetSegmentLib.reporting.drawing.marks import ADDED, REMOVED, Mark, MarkKind
from UNetSegmentLib.reporting.pictures import correction as correction_picture
from UNetSegmentLib.reporting.pictures.correction import Correction, write_correction
from UNetSegmentLib.volume import Segmentation, Volume

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correction_picture, "_SIDE", 240)


GRID = Geometry((40, 36, 20), (1.0, 1.0, 2.0), (-20.0, -18.0, -20.0))
TURN = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0)


def correction(geometry: Geometry, *marks: Mark, channels: int = 1) -> Correction:
    """A block that gained its right and lost its left third."""
    before, after = (np.zeros(geometry.shape, np.uint8) for _ in range(2))
    low, high = geometry.shape[0] // 4, geometry.shape[0] * 3 // 4 + 1
    before[low:high, 10:26, 8:24] = 3
    after[low:high, 10:26, 16:32] = 3
    voxels = np.random.default_rng(0).integers(0, 200, (channels, *geometry.shape)).astype(np.uint8)
    first, second = (Segmentation(one, geometry, (Label(3, "organ", (200, 200, 60)),)) for one in (before, after))
    focus = geometry.to_physical((np.array(geometry.size) - 1) / 2)
    return Correction(Volume(voxels, geometry, "scan"), first, second, 3, marks, focus)


def pixels(path: Path, color: tuple[int, int, int]) -> np.ndarray:
    return np.asarray((np.asarray(Image.open(path).convert("RGB")) == np.array(color)).all(axis=-1))


@pytest.mark.parametrize("direction", [GRID.direction, TURN])
def test_what_was_added_and_taken_away_is_as_large_in_all_planes(tmp_path: Path, direction: tuple[float, ...]) -> None:
    path = write_correction(correction(replace(GRID, direction=direction)), tmp_path / "p.png")
    added, removed = pixels(path, ADDED), pixels(path, REMOVED)
    height, width = added.shape
    # Only the last column shows them, above the legend.
    panels = slice(128, height - 92)
    assert not added[panels, : width * 2 // 3].any() and not removed[panels, : width * 2 // 3].any()
    assert added[panels].sum() > 2000
    assert added[panels].sum() == pytest.approx(removed[panels].sum(), rel=0.1)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_one_slice_is_one_row(tmp_path: Path, channels: int) -> None:
    flat = replace(GRID, size=(40, 36, 1))
    path = write_correction(correction(flat, channels=channels), tmp_path / "p.png")
    height, width = pixels(path, ADDED).shape
    assert width > 1.5 * height


def test_prompts_are_drawn_where_planes_pass_them(tmp_path: Path) -> None:
    here = GRID.to_physical((np.array(GRID.size) - 1) / 2)
    same = replace(correction(GRID), after=correction(GRID).before)
    counts = {}
    ring = here + 6 * np.array([[np.cos(a), np.sin(a), 0] for a in np.linspace(0, 6, 20)])
    signs = np.array([[(n >> axis & 1) - 0.5 for axis in range(3)] for n in range(8)])
    kinds = {
        "none": (),
        "far": (Mark(here[None] + (3, 3, 4.5), True),),
        "in one plane": (Mark(here[None] + (3, 3, 0.2), True),),
        "in all": (Mark(here[None], True),),
        "ring": (Mark(ring, True, MarkKind.RING),),
        "line": (Mark(ring, True, MarkKind.LINE),),
        "box": (Mark(here + signs * (8, 8, 8), True, MarkKind.BOX),),
        "flat box": (Mark(here + signs * (8, 8, 0), True, MarkKind.BOX),),
        "excluding": (Mark(here[None], False),),
    }
    for name, marks in kinds.items():
        path = write_correction(replace(same, marks=marks), tmp_path / "p.png")
        counts[name] = int(pixels(path, ADDED)[:-92].sum())
    assert counts["none"] == counts["far"] == counts["excluding"] == 0
    # Three pictures in a row, three planes; of the flat box two of them see an edge, a fourth of its outline.
    assert counts["in all"] == pytest.approx(3 * counts["in one plane"], rel=0.05) and counts["in one plane"] > 300
    assert counts["ring"] > counts["line"] > 300
    assert counts["box"] == pytest.approx(2 * counts["flat box"], rel=0.1) and counts["flat box"] > 300
