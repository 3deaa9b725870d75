"""The edits of a session, and the way back."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from ..geometry import Box
from .certain import Certainty
from .prompts.kinds import Prompt


@dataclass(frozen=True, eq=False)
class Strokes:
    """Labels that were painted by other means: a person's brush, another tool.

    Args:
        box: where, in array order.
        labels: what the label map holds there now, shape of the box.
        painted: boolean, which of them were painted; None: those that differ from what the label map held. Edits of
            :attr:`.Session.history` always say it, so that they mean the same when an earlier edit is taken back.
    """

    box: Box
    labels: np.ndarray
    painted: np.ndarray | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Strokes):
            return NotImplemented
        return (
            self.box == other.box
            and np.array_equal(self.labels, other.labels)
            and (self.painted is None) == (other.painted is None)
            and (self.painted is None or np.array_equal(self.painted, np.asarray(other.painted)))
        )

    def __hash__(self) -> int:
        return hash(self.box)


Edit = Prompt | Strokes


@dataclass(frozen=True)
class Patch:
    """Labels of a box, small: label maps are mostly the same number."""

    box: Box
    dtype: str
    packed: bytes

    @classmethod
    def of(cls, box: Box, labels: np.ndarray) -> Patch:
        return cls(box, labels.dtype.str, zlib.compress(np.ascontiguousarray(labels).tobytes(), 1))

    @property
    def labels(self) -> np.ndarray:
        """Shape of the box; not to be written to."""
        return np.frombuffer(zlib.decompress(self.packed), np.dtype(self.dtype)).reshape(self.box.shape)


@dataclass(frozen=True)
class Entry:
    """An edit that was made.

    Args:
        prompt: None where labels were painted by other means.
        certainty: what it is certain of.
        before, after: the labels of the box that it changed.
        values: labels that it may have brought into the map.
        given: what counted as given in that box before and after it, where the edit changed that.
    """

    prompt: Prompt | None
    certainty: Certainty
    before: Patch
    after: Patch
    values: tuple[int, ...] = ()
    given: tuple[Patch, Patch] | None = None

    @property
    def edit(self) -> Edit:
        """What to add to another session to the same effect."""
        if self.prompt is not None:
            return self.prompt
        return Strokes(self.after.box, self.after.labels, self.certainty.inside)

    @property
    def changed(self) -> np.ndarray:
        """Indices (n, 3) of the image's voxels (z, y, x) that it changed."""
        there = np.argwhere(self.before.labels != self.after.labels)
        return np.asarray(there + np.asarray(self.after.box.start))


State = tuple[tuple[Entry, ...], tuple[Entry, ...]]


class History:
    """Edits done, and edits undone that can be done again."""

    def __init__(self) -> None:
        # One value, so that an interrupt never finds half of it changed.
        self._state: State = ((), ())

    @property
    def done(self) -> tuple[Entry, ...]:
        """Oldest first."""
        return self._state[0]

    @property
    def undone(self) -> tuple[Entry, ...]:
        """The last to be undone comes first."""
        return self._state[1]

    @property
    def state(self) -> State:
        """Done and undone, for :meth:`restore`."""
        return self._state

    def restore(self, state: State) -> None:
        self._state = state

    def push(self, entry: Entry) -> None:
        """A new edit; what was undone before it is gone."""
        self._state = ((*self.done, entry), ())

    def back(self) -> Entry | None:
        """The last edit, now undone."""
        if not self.done:
            return None
        entry = self.done[-1]
        self._state = (self.done[:-1], (entry, *self.undone))
        return entry

    def forth(self) -> Entry | None:
        """The edit undone last, now done again."""
        if not self.undone:
            return None
        entry = self.undone[0]
        self._state = ((*self.done, entry), self.undone[1:])
        return entry
