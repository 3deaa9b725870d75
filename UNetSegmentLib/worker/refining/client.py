"""The client of a worker for corrections: plain Python without Qt or threads of its own.

::

    client = RefineClient(SubprocessTransport(), MyListener())
    client.open(volume, segmentation, label=1)
    client.add(Point((x, y, z)))            # returns a number at once; MyListener.on_change(number, change, history)
    client.undo()
    client.shutdown()

The client keeps the image, the labels that were given and the history. A worker that dies is replaced, and the new one
takes the session up where the old one was, from what each edit had come to; nothing is worked out twice but the edit
that was being worked out. An edit that ends :data:`MOST_DEATHS` workers is refused, and the rest stays.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ...errors import Cancelled, InputError, UNetSegmentError
from ...progress import ProgressEvent
from ...refinement import Edit
from ...volume import Segmentation, Volume
from ..errors import error_from_code
from ..exchange.voxel_files import VoxelFiles
from ..protocol.messages import Event, Failure, Hello, Log, Progress, Ready
from ..protocol.refine_messages import Refined
from ..transport.connection import Connection
from ..transport.interface import ExitStatus, Transport
from ..transport.launch import default_environment, refine_command
from .awaited import Answer
from .case import Case, Wanted, new_case
from .courier import Courier, Outcome
from .listener import RefineHistory, RefineListener, RefineState
from .orders import Order
from .turns import Turns
from .values import own_edit
from .waiting import Waiting

logger = logging.getLogger(__name__)

MOST_DEATHS = 3
"""Workers that may end over one edit, or over the taking up of a session, before it is given up."""


class RefineClient:
    """One session of corrections and the worker process that works them out.

    Calls are carried out one after the other, in their order, whatever waits. Use it from one thread; its listener may
    call it too. Everything here returns at once, but :meth:`open`, which writes the voxels, and :meth:`shutdown` and
    :meth:`kill`, which wait for the process to end. Listener methods are called on the thread that the transport
    delivers on, or within a call; an exception in one is logged and goes no further.

    Args:
        transport: see :class:`~UNetSegmentLib.worker.transport.interface.Transport`; it must allow ``start`` from
            within its ``on_exit``.
        listener: gets everything that happens.
        command, environment: that start the worker, see :mod:`~UNetSegmentLib.worker.transport.launch`; in Slicer
            ``command=refine_command("<path of PythonSlicer>")``.
        folder: where the private folder for voxels is made; None is the system's temporary folder.
    """

    def __init__(
        self,
        transport: Transport,
        listener: RefineListener,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        self._listener = listener
        self._connection = Connection(
            transport,
            command or refine_command(),
            default_environment() if environment is None else environment,
            self._on_event,
            lambda level, text: self._turns.tell(listener.on_log, level, text),
            self._on_exit,
        )
        self._files = VoxelFiles(folder)
        self._courier = Courier(self._connection, self._files, self._new_number)
        self._turns = Turns(self._announce)
        self._numbers = 0
        self._case: Case | None = None
        self._waiting = Waiting()
        # The call that is just being made.
        self._asking: int | None = None
        self._refusal: UNetSegmentError | None = None
        # Workers that have died since the last answer (not over an order), and whether another is to take up from one.
        self._deaths = 0
        self._replacing = False
        self._down_state = self._told = RefineState.STOPPED

    # -- what the user calls ---------------------------------------------------------------------------------------

    @property
    def state(self) -> RefineState:
        if not self._connection.open:
            return self._down_state
        if self._replacing:
            return RefineState.REPLACING
        if self._connection.ready is None:
            return RefineState.STARTING
        return RefineState.BUSY if self._courier.taking_up or self._waiting else RefineState.READY

    @property
    def pending(self) -> tuple[int, ...]:
        """Numbers of the calls that wait for an answer, oldest first."""
        with self._turns.turn():
            return tuple(self._waiting.numbers(self._case))

    @property
    def history(self) -> RefineHistory:
        """The edits that are made, and those undone; without what waits."""
        return self._case.edits.history if self._case is not None else RefineHistory()

    @property
    def is_open(self) -> bool:
        """Whether edits are taken: an image is open, or being opened."""
        return self._case is not None

    @property
    def hello(self) -> Hello | None:
        """What the running worker said first: pid, versions."""
        return self._connection.hello

    def start(self) -> None:
        """Starts the process unless it runs, so that the first :meth:`open` need not wait for it.

        Raises:
            WorkerError: it could not be started (code ``worker-start-failed``).
        """
        with self._turns.turn():
            self._connection.start()

    def open(
        self,
        volume: Volume,
        segmentation: Segmentation | None = None,
        label: int = 1,
        *,
        probabilities: Volume | np.ndarray | None = None,
        locked: Collection[int] = (),
        editable: np.ndarray | None = None,
        reach: float | None = None,
    ) -> int:
        """Begins a session (starting the worker if need be) and returns its number at once; ``on_opened`` follows. A
        session that was open is closed before: what waits there is told as ``cancelled``.

        The voxels are written to files that the worker maps. An image that is the same object as that of the session
        before is not written again: give another ``Volume`` when its voxels have changed.

        Args:
            volume, segmentation, label, probabilities, locked, editable: see
                :class:`~UNetSegmentLib.refinement.Session`.
            reach: mm from a prompt beyond which it changes nothing; None is the library's.

        Raises:
            OutputError: the voxels cannot be handed over (disk full, folder not writable).
            InputError, GeometryError: voxels of an odd type; arrays on another grid. The session before stays open.
            WorkerError: the worker could not be started.
        """
        wanted = Wanted(volume, segmentation, label, probabilities, tuple(locked), editable, reach)
        with self._turns.turn():
            number = self._new_number()
            case = new_case(number, wanted, self._files, self._case)
            self.close()
            self._case = case
            self._deaths = 0
            self._ask(number)
            return number

    def add(self, edit: Edit) -> int:
        """Takes a prompt or strokes by hand, and returns its number at once; ``on_change`` follows.

        Raises:
            InputError: no image is open; strokes of numbers that are no labels.
            WorkerError: the worker could not be started.
        """
        return self._order("edit", own_edit(edit))

    def undo(self) -> int:
        """Takes the last edit back; ``on_change`` follows. Raises as :meth:`add`."""
        return self._order("undo")

    def redo(self) -> int:
        """Makes the edit again that was undone last; ``on_change`` follows. Raises as :meth:`add`."""
        return self._order("redo")

    def reset(self) -> int:
        """Takes all edits back, to the labels that were given; they can be made again by :meth:`redo`. ``on_change``
        follows. Raises as :meth:`add`."""
        return self._order("reset")

    def remove(self, number: int) -> int:
        """Takes one edit back; the later ones are made anew without it. ``on_change`` follows, or ``on_failed`` where
        the edit is no longer there when its turn comes.

        Args:
            number: of the edit, as :meth:`add` returned it (``history.done[n].number``).

        Raises:
            InputError: as :meth:`add`; or nothing waits, and the edit is not there.
        """
        return self._order("remove", target=number)

    def close(self) -> None:
        """Ends the session and lets its voxels go. What waits is told as ``cancelled``; an answer that is on its way is
        dropped. The process stays for the next :meth:`open`."""
        with self._turns.turn():
            case, self._case = self._case, None
            if case is None:
                return
            waiting = self._waiting.drain(case)
            self._courier.let_go(case)
            for number in waiting:
                self._turns.tell(self._listener.on_failed, number, Cancelled("The correction was closed."))

    def shutdown(self, timeout: float = 5.0) -> None:
        """Closes the session, lets the worker exit, kills it after ``timeout`` seconds, removes the voxel folder.
        Blocks until the process is gone."""
        self.close()
        self._connection.shutdown(timeout)
        self._files.remove()

    def kill(self) -> None:
        """Ends the worker now, whatever it is doing. Calls that wait are told as ``cancelled``; the session stays, and
        the next call takes it up in a new worker."""
        self._connection.kill()

    def use_command(self, command: Sequence[str]) -> None:
        """Another way to start the worker, on another machine for instance, from the next call on. The present one
        ends as by :meth:`kill`; the session stays and is taken up there."""
        self._connection.kill()
        self._connection.use_command(command)

    def __enter__(self) -> RefineClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()

    # -- orders ------------------------------------------------------------------------------------------------------

    def _order(self, step: str, edit: Edit | None = None, target: int | None = None) -> int:
        with self._turns.turn():
            if self._case is None:
                raise InputError("No image is open for a correction.", "Open one first.")
            order = Order(self._new_number(), step, edit, target)
            self._waiting.queue.append(order)
            if not self._connection.open:
                self._deaths = 0
            self._ask(order.number)
            return order.number

    def _ask(self, number: int) -> None:
        """Goes on; what a call meets at once it raises, rather than tells of a number that nobody has yet."""
        self._asking, self._refusal = number, None
        self._go_on()
        self._asking = None
        if self._refusal is not None:
            raise self._refusal

    def _advance(self) -> None:
        """Sends what comes next, where nothing is being worked out."""
        if self._case is None:
            return
        self._connection.start()
        case = self._case
        if not self._courier.live:
            if not self._courier.taking_up:
                self._courier.take_up(case, lambda error: self._on_taken_up(case, error))
        elif self._waiting.sent is None and self._waiting.queue:
            self._waiting.sent = order = self._waiting.queue.popleft()
            try:
                self._courier.carry(order, case, lambda outcome: self._on_carried(order, outcome))
            except UNetSegmentError as error:
                self._on_carried(order, error)

    def _on_taken_up(self, case: Case, error: UNetSegmentError | None) -> None:
        if error is not None:
            self._fail_all(error)
            return
        if not case.opened:
            case.opened = True
            self._turns.tell(self._listener.on_opened, case.number)
        if self._replacing:
            self._replacing = False
            self._log("INFO", f"Another worker has taken up the correction and its {case.edits.counts[0]} edits.")
        self._advance()

    def _on_carried(self, order: Order, outcome: Outcome) -> None:
        self._waiting.sent = None
        self._deaths = 0
        if isinstance(outcome, UNetSegmentError):
            self._fail(order.number, outcome)
        else:
            self._turns.tell(self._listener.on_change, order.number, outcome, self.history)
        self._advance()

    # -- failures ----------------------------------------------------------------------------------------------------

    def _on_exit(self, status: ExitStatus, error: UNetSegmentError) -> None:
        with self._turns.turn():
            self._courier.lost()
            self._replacing = False
            expected = self._connection.exit_expected
            self._down_state = RefineState.STOPPED if expected else RefineState.CRASHED
            if expected or self._connection.fatal or self._case is None:
                self._fail_all(error)
                return
            self._log("WARNING", f"The worker for corrections ended ({status.describe()}).")
            order, self._waiting.sent = self._waiting.sent, None
            if order is None:
                self._deaths += 1
            else:
                order.deaths += 1
                if order.deaths < MOST_DEATHS:
                    self._waiting.queue.appendleft(order)
                else:
                    self._fail(order.number, order.given_up(error))
            if self._deaths >= MOST_DEATHS:
                self._fail_all(error)
                return
            self._replacing = True
            self._go_on()

    def _go_on(self) -> None:
        try:
            self._advance()
        except UNetSegmentError as error:
            self._fail_all(error)

    def _fail_all(self, error: UNetSegmentError) -> None:
        """Nothing that waits can be done. What was done stays, for the next call."""
        self._replacing = False
        case = self._case
        if case is None:
            return
        waiting = self._waiting.drain(case)
        if not case.opened:
            self._case = None
            self._courier.let_go(case)
        for number in waiting:
            self._fail(number, error)

    def _fail(self, number: int, error: UNetSegmentError) -> None:
        if number == self._asking:
            self._refusal = error
        else:
            self._turns.tell(self._listener.on_failed, number, error)

    # -- messages ------------------------------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        with self._turns.turn():
            if isinstance(event, Log):
                self._log(event.level, event.message)
            elif isinstance(event, Refined):
                self._answered(event.id, event)
            elif isinstance(event, Progress):
                told = ProgressEvent(event.stage, event.done, event.total, event.seconds_left, event.message)
                self._turns.tell(self._listener.on_progress, told)
            elif isinstance(event, Failure):
                problem = event.problem
                error = error_from_code(problem.code, problem.cause, problem.cure, problem.detail)
                if event.id is None:
                    # A line that never came to its end, or worse: what it asked for will not be answered.
                    self._log("ERROR", str(error))
                    self._connection.give_up()
                else:
                    self._answered(event.id, error)
            elif not isinstance(event, Hello | Ready):
                self._log("WARNING", f"The worker sent a '{event.kind}', which nobody asked for.")

    def _answered(self, number: int, answer: Answer) -> None:
        try:
            self._courier.answered(number, answer)
        except UNetSegmentError as error:
            self._fail_all(error)

    # -- internals -----------------------------------------------------------------------------------------------------

    def _announce(self) -> None:
        state = self.state
        if state is not self._told:
            self._told = state
            self._turns.tell(self._listener.on_state, state)

    def _log(self, level: str, message: str) -> None:
        self._turns.tell(self._listener.on_log, level, message)

    def _new_number(self) -> int:
        self._numbers += 1
        return self._numbers
