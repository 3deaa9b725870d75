"""The messages of a correction, with the files that carry what does not go into a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...refinement import Strokes
from ..exchange.folders import HeldFile
from ..protocol.refine_messages import Refine, RefineEdit, RefineStep
from .awaited import Held
from .case import Case
from .listener import Made
from .orders import EditList, KnownEdit, Order
from .values import drawn_of, is_small, packed, packed_mask


@dataclass(frozen=True, eq=False)
class Parcel:
    """A message, the files that must live until it is answered, and the edit that it makes anew."""

    message: Refine
    files: tuple[Held, ...] = ()
    edit: int | None = None


@dataclass(frozen=True)
class Sender:
    """Makes parcels.

    Args:
        new_number: gives numbers of messages.
        new_file: makes files; raises OutputError.
    """

    new_number: Callable[[], int]
    new_file: Callable[[str], HeldFile]

    def order(self, order: Order, edits: EditList, session: int) -> Parcel:
        """A call of the user.

        Raises:
            InputError: it removes an edit that is not there.
            OutputError: no file can be made.
        """
        if order.edit is not None:
            return self._edit(KnownEdit(Made(order.number, order.edit)), session)
        place = None if order.target is None else edits.place(order.target)
        result = self.new_file("labels")
        return Parcel(RefineStep(self.new_number(), session, order.step, place, str(result.path)), (result,))

    def session(self, case: Case) -> Iterator[Parcel]:
        """A session as it is now: image and labels first, then the history with what each edit came to.

        Raises:
            OutputError: no file can be made.
        """
        number = self.new_number()
        yield Parcel(replace(case.opening, id=number))
        for known in case.edits.in_order():
            yield self._edit(known, number)
        for _ in range(case.edits.counts[1]):
            yield Parcel(RefineStep(self.new_number(), number, "undo"))

    def close(self, session: int, case: Case) -> Parcel:
        """The end of a session, whose files may then go."""
        return Parcel(RefineStep(self.new_number(), session, "close"), case.files)

    def _edit(self, known: KnownEdit, session: int) -> Parcel:
        edit, outcome = known.made.edit, known.outcome
        held: list[HeldFile] = []

        def path(labels: np.ndarray) -> str:
            if is_small(labels):
                return ""
            held.append(self.new_file("edit"))
            return str(held[-1].path)

        drawn = painted = where = taken = None
        if isinstance(edit, Strokes):
            painted = packed(edit.box, edit.labels, path(edit.labels))
            where = None if edit.painted is None else packed_mask(edit.box, edit.painted)
        else:
            drawn = drawn_of(edit)
            if outcome is not None:
                labels = outcome.labels
                taken = packed(outcome.box, labels, path(labels))
        held.append(self.new_file("labels"))
        message = RefineEdit(self.new_number(), session, drawn, painted, where, taken, str(held[-1].path))
        return Parcel(message, tuple(held), known.made.number)
