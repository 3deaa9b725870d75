"""The edits of a session, and the way back."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from ..geometry import Box
from .certain import Certainty
from .prompts import Prompt


@dataclass(frozen=True, eq=False)
class Strokes:
    """Labels that were painted by other means: a person's brush, another tool.

    Args:
        box: where, in array order.
        labels: what the label map holds there now, shape of the box.
    """

    box: Box
    labels: np.ndarray


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
        return np.frombuffer(zlib.decompress(self.packed), np.dtype(self.dtype)).reshape(self.box.shape)


@dataclass(frozen=True)
class Entry:
    """An edit that was made: what it is certain of, and the labels before and after it; ``given`` likewise where the
    edit changed what counts as given."""

    edit: Edit
    certainty: Certainty
    before: Patch
    after: Patch
    given_before: Patch | None = None


class History:
    """Edits done, and edits undone that can be done again."""

    def __init__(self) -> None:
        self._done: list[Entry] = []
        self._undone: list[Entry] = []

    @property
    def done(self) -> tuple[Entry, ...]:
        """Oldest first."""
        return tuple(self._done)

    @property
    def undone(self) -> tuple[Entry, ...]:
        """The last to be undone comes first."""
        return tuple(reversed(self._undone))

    def push(self, entry: Entry) -> None:
        """A new edit; what was undone before it is gone."""
        self._done.append(entry)
        self._undone.clear()

    def back(self) -> Entry | None:
        """The last edit, now undone."""
        if not self._done:
            return None
        self._undone.append(self._done.pop())
        return self._undone[-1]

    def forth(self) -> Entry | None:
        """The edit undone last, now done again."""
        if not self._undone:
            return None
        self._done.append(self._undone.pop())
        return self._done[-1]

    def forget(self) -> None:
        """Drops what was undone."""
        self._undone.clear()
