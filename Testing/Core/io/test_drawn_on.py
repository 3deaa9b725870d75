"""A .seg.nrrd states the image that it was drawn on, by which another patient's series is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from UNetSegmentLib.errors import GeometryError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import write_segmentation
from UNetSegmentLib.io.drawn_on import check_drawn_on
from UNetSegmentLib.volume import Segmentation

TURNED = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0)


def drawn_on(path: Path, geometry: Geometry) -> Path:
    write_segmentation(Segmentation(np.ones(geometry.shape, np.uint8), geometry), path)
    return path


def test_the_same_image_with_its_axes_turned_is_the_same(tmp_path: Path) -> None:
    file = drawn_on(tmp_path / "a.seg.nrrd", Geometry((4, 5, 6), origin=(3.0, 4.0, 0.0), direction=TURNED))
    check_drawn_on(file, Geometry((4, 5, 6)))


def test_an_image_of_one_size_and_corner_on_its_other_side_is_told_by_its_place(tmp_path: Path) -> None:
    file = drawn_on(tmp_path / "a.seg.nrrd", Geometry((4, 5, 6), direction=TURNED))
    with pytest.raises(GeometryError, match=r"voxels from \(-3, -4, 0\) mm on; the series has .* from \(0, 0, 0\) mm"):
        check_drawn_on(file, Geometry((4, 5, 6)))


def test_what_states_no_image_is_not_judged(tmp_path: Path) -> None:
    check_drawn_on(drawn_on(tmp_path / "a.nii.gz", Geometry((4, 5, 6))), Geometry((5, 5, 6)))
