"""What a correction's client keeps: the calls that wait, and the edits that were made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...errors import InputError, UNetSegmentError
from ...refinement import Change, Edit, Strokes
from ...refinement.history import Patch
from ..errors import WorkerError
from .listener import Made, RefineHistory


@dataclass(eq=False)
class Order:
    """A call that waits for its answer.

    Args:
        number: that the caller got.
        step: ``edit``, or one of :data:`~UNetSegmentLib.worker.protocol.refine_messages.STEPS`.
        edit: of the step ``edit``.
        target: number of the edit that the step ``remove`` takes back.
        deaths: how many workers have ended over it.
    """

    number: int
    step: str
    edit: Edit | None = None
    target: int | None = None
    deaths: int = 0

    def given_up(self, error: UNetSegmentError) -> WorkerError:
        """What is told when it has ended too many workers, the last by ``error``."""
        what = "This edit" if self.step == "edit" else f"This step ({self.step})"
        return WorkerError(
            f"{what} ended the worker {self.deaths} times and was left out; all other edits are kept.",
            "Draw it smaller or elsewhere, save your work, and report the details.",
            error.detail or str(error),
            WorkerError.CRASHED,
        )


@dataclass(frozen=True, eq=False)
class KnownEdit:
    """An edit that was made, and what it came to; None where that is not known."""

    made: Made
    outcome: Patch | None = None


class EditList:
    """The history as the worker has it."""

    def __init__(self) -> None:
        self._done: list[KnownEdit] = []
        self._undone: list[KnownEdit] = []

    @property
    def history(self) -> RefineHistory:
        return RefineHistory(
            tuple(known.made for known in self._done), tuple(known.made for known in reversed(self._undone))
        )

    @property
    def counts(self) -> tuple[int, int]:
        """Of edits done, and undone."""
        return len(self._done), len(self._undone)

    def in_order(self) -> Iterator[KnownEdit]:
        """All edits in the order that they were made in: those done, then those undone."""
        yield from self._done
        yield from reversed(self._undone)

    def place(self, number: int) -> int:
        """Where an edit stands among those done. Raises InputError when it is not there."""
        for place, known in enumerate(self._done):
            if known.made.number == number:
                return place
        raise InputError("This edit is no longer there.", "Choose another one.")

    def learn(self, number: int, change: Change) -> None:
        """Notes what an edit came to."""
        for edits in (self._done, self._undone):
            for place, known in enumerate(edits):
                if known.made.number == number:
                    edits[place] = replace(known, outcome=Patch.of(change.box, change.labels))

    def apply(
        self, order: Order, change: Change, painted: np.ndarray | None = None, remade: Sequence[Patch] = ()
    ) -> None:
        """Follows what an order did.

        Args:
            painted: boolean, which voxels of the change strokes have painted that did not say it: so that they mean the
                same whatever comes before them.
            remade: what the edits after a removed one have come to without it.
        """
        if order.step == "edit":
            assert order.edit is not None
            if painted is not None:
                order.edit = Strokes(change.box, change.labels, painted)
            self._done.append(KnownEdit(Made(order.number, order.edit), Patch.of(change.box, change.labels)))
            self._undone.clear()
        elif order.step == "undo" and self._done:
            self._undone.append(self._done.pop())
        elif order.step == "redo" and self._undone:
            self._done.append(self._undone.pop())
        elif order.step == "reset":
            self._undone.extend(reversed(self._done))
            self._done.clear()
        elif order.step == "remove":
            assert order.target is not None
            place = self.place(order.target)
            later = self._done[place + 1 :]
            outcomes = remade if len(remade) == len(later) else [None] * len(later)
            self._done[place:] = [replace(known, outcome=now) for known, now in zip(later, outcomes, strict=True)]
            self._undone.clear()
