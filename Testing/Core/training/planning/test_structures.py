"""Sizes of structures by shapes whose volume and width are known, and what a card keeps of a data set."""

from __future__ import annotations

import math
from pathlib import Path

import layout_cases as make
import numpy as np
import pytest

from UNetSegmentLib.models.card import StructureSize
from UNetSegmentLib.training.layouts import open_layout, read_case
from UNetSegmentLib.training.planning.fingerprint import take_fingerprint
from UNetSegmentLib.training.planning.structures import Extent, extents, sizes


def ball(shape: tuple[int, int, int], radius_mm: float, spacing: tuple[float, float, float]) -> np.ndarray:
    centre = [(n - 1) / 2 * s for n, s in zip(shape, spacing, strict=True)]
    axes = [np.arange(n) * s - c for n, s, c in zip(shape, spacing, centre, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    return (z**2 + y**2 + x**2 <= radius_mm**2).astype(np.uint8)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 0.8, 0.8)])
@pytest.mark.parametrize("radius", [6.0, 15.0])
def test_a_ball(radius: float, spacing: tuple[float, float, float]) -> None:
    shape = (41, 51, 51)
    (found,) = extents(ball(shape, radius, spacing), spacing, {1: (1,)}).values()
    assert found.volume_ml == pytest.approx(4 / 3 * math.pi * radius**3 / 1000, rel=0.04)
    # The transform ends at the centre of the nearest voxel outside, up to a voxel beyond the surface.
    assert 2 * radius - 0.1 <= found.width_mm <= 2 * (radius + max(spacing))


def test_a_large_one_is_thinned_by_little() -> None:
    (found,) = extents(ball((150, 150, 150), 70.0, (1.0, 1.0, 1.0)), (1.0, 1.0, 1.0), {1: (1,)}).values()
    assert found.width_mm == pytest.approx(140, abs=4)


def test_a_structure_of_several_values_is_as_wide_as_all_of_them() -> None:
    labels = np.zeros((40, 40, 40), np.int16)
    labels[10:20], labels[20:22] = 3, 5
    found = extents(labels, (2.0, 1.0, 1.0), {3: (3,), 9: (3, 5), 7: (7,)})
    assert found == {3: Extent(32.0, 20.0), 9: Extent(38.4, 24.0)}


def test_medians_over_the_cases_that_have_it() -> None:
    cases = [{1: Extent(1.0, 4.0)}, {1: Extent(3.0, 8.0), 2: Extent(5.0, 9.0)}, {1: Extent(2.0, 5.0)}, {}]
    assert sizes(cases) == (StructureSize(1, 2.0, 5.0), StructureSize(2, 5.0, 9.0))


def test_a_card_keeps_the_fingerprint_of_what_the_model_finds(tmp_path: Path) -> None:
    data = open_layout(make.lits(tmp_path / "data"))
    found = take_fingerprint(data)
    card = found.on_card([2])
    (channel,) = card.channels
    numbers = found.intensities[0]
    assert card.cases == 3
    assert channel.median == pytest.approx(numbers.median, rel=1e-5)
    own = [float(np.median(read_case(data, name)[0].voxels)) for name in data.names]
    assert (channel.lowest_median, channel.highest_median) == pytest.approx((min(own), max(own)), rel=1e-5)
    (structure,) = card.structures
    # Twelve by twelve by four voxels of 0.8 x 0.8 x 2 mm.
    assert structure.value == 2
    assert structure.volume_ml == pytest.approx(144 * 4 * 2 * 0.64 / 1000)


def test_photographs_have_no_sizes(tmp_path: Path) -> None:
    found = take_fingerprint(open_layout(make.drive(tmp_path / "data")))
    assert found.structures == ()
    assert len(found.on_card([1]).channels) == 3
