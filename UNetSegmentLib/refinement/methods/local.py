"""The method that needs no network: the image, the mask and the prompts are all it knows.

Two questions look alike and are not. A prompt on a mask that *was given* (by a model, by a person) corrects it: most of
the mask is right, and only a place around the prompt is to be changed (:mod:`.correcting`). A segment that was *begun*
by prompts has nothing but them to go by: it is found anew from all of them (:mod:`.from_prompts`).
"""

from __future__ import annotations

import numpy as np

from ...geometry import Triple
from ..method import Problem
from .coarse import coarsened
from .correcting import corrected
from .from_prompts import segment_from_prompts

MARGIN = 18.0
"""mm around a prompt that are looked at first."""
_LEAST, _MOST = 2, 32

MOST_CORRECTED, MOST_BEGUN = 300_000, 120_000
"""Voxels of a box that is solved as it is: about a fifth of a second."""


class LocalMethod:
    """Implements :class:`~..method.Method`; it keeps nothing between two prompts."""

    def start_margin(self, spacing: Triple) -> tuple[int, int, int]:
        """See :class:`~..method.Method`."""
        z, y, x = (int(np.clip(round(MARGIN / mm), _LEAST, _MOST)) for mm in spacing)
        return z, y, x

    def solve(self, problem: Problem) -> np.ndarray:
        """See :class:`~..method.Method`. Large boxes are solved on a coarser grid."""
        if _is_begun(problem):
            return coarsened(problem, segment_from_prompts, MOST_BEGUN)
        return coarsened(problem, corrected, MOST_CORRECTED)


def _is_begun(problem: Problem) -> bool:
    """Whether the segment here is found from prompts alone. What they have begun is a mask like any other where more is
    to be added; what is too much of it is for all of them to say."""
    if problem.given.any():
        return False
    return not problem.mask.any() if problem.adding else bool(problem.include.any())
