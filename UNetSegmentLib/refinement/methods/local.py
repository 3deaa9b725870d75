"""The method that needs no network: the image, the mask and the prompts are all it knows.

Two questions look alike and are not. A prompt on a mask that *was given* (by a model, by a person) corrects it: most of
the mask is right, and only a place around the prompt is to be changed (:mod:`.correcting`). A segment that was *begun*
by prompts has nothing but them to go by: it is found anew from all of them (:mod:`.beginning`).
"""

from __future__ import annotations

import numpy as np

from ...geometry import Triple
from ..method import Problem
from .beginning import begun
from .coarse import coarsened
from .correcting import corrected

MARGIN = 18.0
"""mm around a prompt that are looked at first."""
_LEAST, _MOST = 2, 32

# A click has this many voxels at most; more are a stroke, which shows what the object looks like and how far it goes.
_CLICK = 20


class LocalMethod:
    """Implements :class:`~..method.Method`; it keeps nothing between two prompts."""

    def start_margin(self, spacing: Triple) -> tuple[int, int, int]:
        """See :class:`~..method.Method`."""
        z, y, x = (int(np.clip(round(MARGIN / mm), _LEAST, _MOST)) for mm in spacing)
        return z, y, x

    def solve(self, problem: Problem) -> np.ndarray:
        """See :class:`~..method.Method`. Large boxes are solved on a coarser grid."""
        return coarsened(problem, _solve)


def _solve(problem: Problem) -> np.ndarray:
    stroke = int(np.count_nonzero(problem.seeds)) > _CLICK
    if problem.given.any():
        return corrected(problem)
    if problem.adding:
        return begun(problem) if stroke or not problem.mask.any() else corrected(problem)
    return begun(problem) if problem.include.any() else corrected(problem)
