"""What an edit of a session did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry import Box
from .boxes import NOWHERE, tight


@dataclass(frozen=True, eq=False)
class Change:
    """The answer to a prompt, an undo, a redo or a reset.

    Args:
        box: the smallest box (array order) outside of which nothing changed; empty when nothing changed at all.
        labels: the new labels in it, shape of the box.
        voxels: how many of them are new.
        reach: mm from the prompt beyond which nothing can have changed; 0 for what is no prompt.
        notes: sentences for the user: an earlier prompt overruled, a part that lies on a locked segment, and the like.
    """

    box: Box
    labels: np.ndarray
    voxels: int = 0
    reach: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return self.voxels == 0


def nothing(dtype: np.dtype, reach: float = 0.0, notes: tuple[str, ...] = ()) -> Change:
    """A change that changes nothing."""
    return Change(NOWHERE, np.zeros((0, 0, 0), dtype), 0, reach, notes)


def between(box: Box, old: np.ndarray, new: np.ndarray) -> Change:
    """What is new in the labels of a box."""
    different = old != new
    part = tight(different)
    if part.empty:
        return nothing(new.dtype)
    return Change(part.shifted(box.start), new[part.slices].copy(), int(np.count_nonzero(different)))
