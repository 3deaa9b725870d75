"""What the three recipes of ``compress`` are tried on: the level model, and cases for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from UNetSegmentLib.io import write_volume
from UNetSegmentLib.volume import Volume

WriteCases = Callable[[int, int], Path]


@pytest.fixture(scope="module")
def write_level_cases(tmp_path_factory: pytest.TempPathFactory) -> WriteCases:
    """Writes ``images/`` and ``labels/`` of so many cases, whose label maps are the rounded intensities. The inner
    block of the first begins at the given column."""

    def write(count: int, column: int) -> Path:
        folder = tmp_path_factory.mktemp("cases")
        for kind in ("images", "labels"):
            (folder / kind).mkdir()
        for number in range(count):
            image = np.random.default_rng(number).uniform(-0.2, 0.2, (18, 18, 18)).astype(np.float32)
            image[3:12, 4:14, 2:10] += 1
            image[6:9, 6:11, column + number : 9] += 1
            write_volume(Volume.from_array(image), folder / "images" / f"{number}.nii.gz")
            write_volume(Volume.from_array(np.rint(image).astype(np.uint8)), folder / "labels" / f"{number}.nii.gz")
        return folder

    return write


@pytest.fixture(scope="module")
def cases(write_level_cases: WriteCases) -> Path:
    """Four of them."""
    return write_level_cases(4, 4)
