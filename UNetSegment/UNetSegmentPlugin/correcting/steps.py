"""What each edit of a session changed, so that an undo by the editor is known for what it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from UNetSegmentLib.geometry import Box
from UNetSegmentLib.refinement.history import Patch

_MOST = 12
"""Steps that an editor may go back at once: it keeps ten."""


@dataclass(frozen=True, eq=False)
class Step:
    """Labels of a box before and after an edit."""

    before: Patch
    after: Patch

    @classmethod
    def of(cls, box: Box, before: np.ndarray, after: np.ndarray) -> "Step":
        return cls(Patch.of(box, before), Patch.of(box, after))


def count_to(
    present: np.ndarray, wanted: np.ndarray, difference: Box, patches: Sequence[Patch | None]
) -> int | None:  # fmt: skip
    """How many ``patches``, one after the other, turn one label map into another; None when no number of them does.

    Args:
        difference: the box in which the two differ.
        patches: None where nobody knows what an edit changed.
    """
    candidate = present.copy()
    area = difference
    for count, patch in enumerate(patches[:_MOST], 1):
        if patch is None:
            return None
        if not patch.box.empty:
            candidate[patch.box.slices] = patch.labels
            area = area.joined(patch.box)
        if np.array_equal(candidate[area.slices], wanted[area.slices]):
            return count
    return None
