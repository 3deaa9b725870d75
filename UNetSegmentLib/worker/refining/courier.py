"""A session as the present worker process has it: taken up, edited, let go."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

from ...errors import InputError, UNetSegmentError
from ...refinement import Change
from ...refinement.history import Patch
from ..exchange.voxel_files import VoxelFiles
from ..protocol.encoding import encode
from ..protocol.lines import LONGEST
from ..protocol.refine_messages import Refined
from ..transport.connection import Connection
from .awaited import Answer, Awaited, Handler, release
from .case import Case
from .orders import Order
from .sending import Parcel, Sender
from .values import change_of, unpacked, unpacked_mask

logger = logging.getLogger(__name__)

Outcome = Change | UNetSegmentError


class Courier:
    """Carries a case and its orders to the worker, and the answers back. An exception of its methods leaves the worker
    without a session.

    Args:
        connection: to the worker.
        files: that voxels travel in.
        new_number: gives numbers of messages.
    """

    def __init__(self, connection: Connection, files: VoxelFiles, new_number: Callable[[], int]) -> None:
        self._connection = connection
        self._sender = Sender(new_number, files.new)
        self._awaited = Awaited()
        self._session: int | None = None
        self._left = 0

    @property
    def live(self) -> bool:
        """Whether the worker has the session and may be given orders."""
        return self._session is not None

    @property
    def taking_up(self) -> bool:
        """Whether the worker is getting the session."""
        return bool(self._left)

    def take_up(self, case: Case, done: Callable[[UNetSegmentError | None], None]) -> None:
        """Gives the worker the session as it is now; ``done`` is called with what went wrong, or None.

        Raises:
            OutputError: no file can be made.
        """
        parcels = list(self._sender.session(case))
        self._left = len(parcels)
        session = parcels[0].message.id

        def arrived(answer: Answer, edit: int | None) -> None:
            outcome = _outcome(answer)
            if isinstance(outcome, UNetSegmentError):
                self._awaited.disown()
                self._left = 0
                done(outcome)
                return
            if edit is not None:
                case.edits.learn(edit, outcome)
            self._left -= 1
            if not self._left:
                self._session = session
                done(None)

        for parcel in parcels:
            self._post(parcel, functools.partial(arrived, edit=parcel.edit))

    def carry(self, order: Order, case: Case, done: Callable[[Outcome], None]) -> None:
        """Has an order carried out, and the history of the case follow; ``done`` is called with what came of it.

        Raises:
            InputError: it removes an edit that is not there.
            OutputError: no file can be made.
        """
        assert self._session is not None

        def arrived(answer: Answer) -> None:
            outcome = _outcome(answer)
            if not isinstance(outcome, UNetSegmentError):
                assert isinstance(answer, Refined)
                outcome = self._follow(order, case, answer, outcome)
            elif order.step != "edit" or not isinstance(outcome, InputError):
                # Nobody knows what state that has left behind: the session is taken up anew.
                self._session = None
            done(outcome)

        self._post(self._sender.order(order, case.edits, self._session), arrived)

    def _follow(self, order: Order, case: Case, answer: Refined, change: Change) -> Outcome:
        try:
            painted = None if answer.where is None else unpacked_mask(answer.where)
            remade = [Patch.of(labels.box, unpacked(labels)) for labels in answer.remade]
        except InputError as error:
            self._session = None
            return error
        case.edits.apply(order, change, painted, remade)
        if case.edits.counts != (answer.history, answer.undone):
            # A defect, but none that may cost a stroke.
            logger.error("The worker has other edits than its client: %s, %s.", answer, case.edits.counts)
            self._session = None
        return change

    def let_go(self, case: Case) -> None:
        """Ends a session in the worker, if there is one, and then the files that belong to it; what it is still to
        answer is dropped."""
        if self._connection.open:
            # The worker may be reading files for what was asked before.
            self._awaited.disown()
            self._post(self._sender.close(self._session or 0, case))
        else:
            release(case.files)
        self._session, self._left = None, 0

    def answered(self, number: int, answer: Answer) -> None:
        """Takes an answer of the worker."""
        self._awaited.answer(number, answer)

    def lost(self) -> None:
        """The process is gone, and the session in it."""
        self._awaited.drop()
        self._session, self._left = None, 0

    def _post(self, parcel: Parcel, handler: Handler | None = None) -> None:
        try:
            line = encode(parcel.message)
            if len(line) > LONGEST:
                raise InputError(
                    f"An edit of {len(line) >> 20} MB is too large for the worker.", "Draw it with fewer points."
                )
        except UNetSegmentError:
            release(parcel.files)
            raise
        self._awaited.add(parcel.message.id, handler, parcel.files)
        self._connection.send_line(line)


def _outcome(answer: Answer) -> Outcome:
    if isinstance(answer, UNetSegmentError):
        return answer
    try:
        return change_of(answer)
    except UNetSegmentError as error:
        return error
