"""The seam between a session and what finds the voxels that a prompt speaks of.

A method sees one box of the image as a :class:`Problem` and answers which voxels belong to the segment. Whatever it
answers, the session keeps the hard rules: a method cannot break them, and so need not know them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..geometry import Triple


@dataclass(frozen=True, eq=False)
class Problem:
    """One prompt in a box of the image. All arrays are (z, y, x) of one shape, the image has channels before.

    Args:
        image: float32 (channels, z, y, x), finite.
        spacing: mm along (z, y, x).
        mask: what the segment holds now.
        include, exclude: voxels that the prompts so far are certain of, this one's among them; never both.
        seeds: this prompt's own voxels (within ``include`` or ``exclude``).
        adding: whether it includes: then the answer may only add to the mask, otherwise only take away.
        free: voxels that may change.
        given: what the segment held before any prompt: a model's work or a person's.
        probability: of the segment, 0 to 1, as the model saw it; None where nobody knows.
    """

    image: np.ndarray
    spacing: Triple
    mask: np.ndarray
    include: np.ndarray
    exclude: np.ndarray
    seeds: np.ndarray
    adding: bool
    free: np.ndarray
    given: np.ndarray
    probability: np.ndarray | None = None


class Method(Protocol):
    """Finds the voxels that a prompt speaks of."""

    def start_margin(self, spacing: Triple) -> tuple[int, int, int]:
        """Voxels (z, y, x) around the prompt that the first box reaches; it grows where an answer touches its sides."""

    def solve(self, problem: Problem) -> np.ndarray:
        """The segment in the box as this prompt wants it: boolean (z, y, x)."""
