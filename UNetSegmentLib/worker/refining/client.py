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

import contextlib
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...errors import Cancelled, InputError, UNetSegmentError
from ...refinement import Change, Edit, Strokes
from ...volume import Segmentation, Volume
from ..connection import Connection
from ..errors import WorkerError, error_from_code
from ..exchange import output_error
from ..folders import ExchangeFolder, HeldFile
from ..launch import default_environment, refine_command
from ..messages import Event, Failure, Hello, Log, Ready, Request
from ..refine_messages import Refined, RefineEdit, RefineStep
from ..transport import ExitStatus, Transport
from .case import Case, new_case
from .listener import Made, RefineHistory, RefineListener, RefineState
from .orders import EditList, KnownEdit, Order
from .values import change_of, drawn_of, is_small, packed

logger = logging.getLogger(__name__)

MOST_DEATHS = 3
"""Workers that may end over one edit, or over the taking up of a session, before it is given up."""

Answer = Refined | UNetSegmentError


class RefineClient:
    """One session of corrections and the worker process that works them out.

    Calls are carried out one after the other, in their order, whatever waits. Use it from one thread; its listener may
    call it too. Everything here returns at once, but :meth:`open`, which writes the voxels, and :meth:`shutdown` and
    :meth:`kill`, which wait for the process to end. Listener methods are called on the thread that the transport
    delivers on, or within a call; an exception in one is logged and goes no further.

    Args:
        transport: see :class:`~UNetSegmentLib.worker.transport.Transport`; it must allow ``start`` from within its
            ``on_exit``.
        listener: gets everything that happens.
        command, environment: that start the worker, see :mod:`~UNetSegmentLib.worker.launch`; in Slicer
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
            lambda level, text: self._tell(listener.on_log, level, text),
            self._on_exit,
        )
        self._parent = folder
        self._folder: ExchangeFolder | None = None
        self._numbers = 0
        self._case: Case | None = None
        self._queue: deque[Order] = deque()
        self._sent: Order | None = None
        self._asking: int | None = None
        self._refusal: UNetSegmentError | None = None
        # What the present process is to answer, and the voxel files that go with each answer.
        self._awaited: dict[int, tuple[Callable[[Answer], None], tuple[HeldFile, ...]]] = {}
        self._retired: list[HeldFile] = []
        self._live: int | None = None
        self._setting_up = 0
        self._deaths = 0
        self._down_state = self._told = RefineState.STOPPED
        self._lock = threading.RLock()
        self._depth = 0
        self._tells: deque[tuple[Callable[..., None], tuple[object, ...]]] = deque()

    # -- what the user calls ---------------------------------------------------------------------------------------

    @property
    def state(self) -> RefineState:
        if not self._connection.open:
            return self._down_state
        if self._deaths:
            return RefineState.REPLACING
        if self._connection.ready is None:
            return RefineState.STARTING
        return RefineState.BUSY if self._setting_up or self._sent or self._queue else RefineState.READY

    @property
    def pending(self) -> tuple[int, ...]:
        """Numbers of the calls that wait for an answer, oldest first."""
        with self._lock:
            opening = [self._case.number] if self._case is not None and not self._case.opened else []
            sent = [self._sent.number] if self._sent is not None else []
            return (*opening, *sent, *(order.number for order in self._queue))

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
        with self._turn():
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
        with self._turn():
            number = self._new_number()
            case = new_case(
                number,
                volume,
                segmentation,
                label,
                probabilities=probabilities,
                locked=locked,
                editable=editable,
                reach=reach,
                folder=str(self._exchange().path),
                new_file=self._new_file,
            )
            self.close()
            self._case = case
            self._deaths = 0
            self._ask(number)
            return number

    def add(self, edit: Edit) -> int:
        """Takes a prompt or strokes by hand, and returns its number at once; ``on_change`` follows.

        Raises:
            InputError: no image is open.
            WorkerError: the worker could not be started.
        """
        if isinstance(edit, Strokes):
            # The caller's array may change before it is needed again.
            edit = Strokes(edit.box, np.array(edit.labels))
        return self._order("edit", edit)

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
        the edit is no longer there by then.

        Args:
            number: of the edit, as :meth:`add` returned it (``history.done[n].number``).
        """
        return self._order("remove", target=number)

    def close(self) -> None:
        """Ends the session and lets its voxels go. What waits is told as ``cancelled``; an answer that is on its way is
        dropped. The process stays for the next :meth:`open`."""
        with self._turn():
            case, self._case = self._case, None
            if case is None:
                return
            waiting = self._drain(case)
            if self._connection.open:
                # The worker may be reading the files of what was already asked.
                self._retired += [file for _, files in self._awaited.values() for file in files]
                self._awaited.clear()
                step = RefineStep(self._new_number(), self._live or 0, "close")
                self._await(step.id, lambda answer: None, case.files)
                self._connection.send(step)
            else:
                _release(case.files)
            self._live, self._setting_up = None, 0
            for number in waiting:
                self._tell(self._listener.on_failed, number, Cancelled("The correction was closed."))

    def shutdown(self, timeout: float = 5.0) -> None:
        """Closes the session, lets the worker exit, kills it after ``timeout`` seconds, removes the voxel folder.
        Blocks until the process is gone."""
        self.close()
        self._connection.shutdown(timeout)
        with self._turn():
            if self._folder is not None:
                self._folder.remove()
                self._folder = None

    def kill(self) -> None:
        """Ends the worker now, whatever it is doing. Calls that wait are told as ``cancelled``; the session stays, and
        the next call takes it up in a new worker."""
        self._connection.kill()

    def __enter__(self) -> RefineClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()

    # -- orders ------------------------------------------------------------------------------------------------------

    def _order(self, step: str, edit: Edit | None = None, target: int | None = None) -> int:
        with self._turn():
            if self._case is None:
                raise InputError("No image is open for a correction.", "Open one first.")
            order = Order(self._new_number(), step, edit, target)
            self._queue.append(order)
            if not self._connection.open:
                self._deaths = 0
            self._ask(order.number)
            return order.number

    def _ask(self, number: int) -> None:
        """Goes on; what a call meets at once it raises, rather than tells of a number that nobody has yet."""
        self._asking, self._refusal = number, None
        try:
            self._advance()
        except UNetSegmentError as error:
            self._fail_all(error)
        finally:
            self._asking = None
        if self._refusal is not None:
            raise self._refusal

    def _advance(self) -> None:
        """Sends what comes next, where nothing is being worked out."""
        if self._case is None:
            return
        self._connection.start()
        if self._live is None:
            if not self._setting_up:
                self._set_up(self._case)
        elif self._sent is None and self._queue:
            self._send(self._queue.popleft(), self._case, self._live)

    def _set_up(self, case: Case) -> None:
        """Sends a session as it is now: image, labels, and the history with what each edit came to."""
        opening = replace(case.opening, id=self._new_number())
        done, undone = case.edits.counts
        messages: list[tuple[Request, int, Callable[[Answer], None], tuple[HeldFile, ...]]] = []

        def expect(number: int | None = None) -> Callable[[Answer], None]:
            return lambda answer: self._on_set_up(case, opening.id, number, answer)

        messages.append((opening, opening.id, expect(), ()))
        for known in case.edits.in_order():
            edit, files = self._edit_message(known, opening.id)
            messages.append((edit, edit.id, expect(known.made.number), files))
        for _ in range(undone):
            step = RefineStep(self._new_number(), opening.id, "undo")
            messages.append((step, step.id, expect(), ()))
        self._setting_up = len(messages)
        if done + undone:
            self._log("INFO", f"The worker takes up a correction of {done} edits.")
        for message, number, handler, files in messages:
            self._await(number, handler, files)
            self._connection.send(message)

    def _on_set_up(self, case: Case, session: int, edit: int | None, answer: Answer) -> None:
        if isinstance(answer, UNetSegmentError):
            self._drop_awaited()
            self._fail_all(answer)
            return
        change = self._change(answer)
        if isinstance(change, UNetSegmentError):
            self._drop_awaited()
            self._fail_all(change)
            return
        if edit is not None:
            case.edits.learn(edit, change)
        self._setting_up -= 1
        if self._setting_up:
            return
        self._live, self._deaths = session, 0
        if not case.opened:
            case.opened = True
            self._tell(self._listener.on_opened, case.number)
        self._advance()

    def _send(self, order: Order, case: Case, session: int) -> None:
        try:
            message, files = self._message(order, case.edits, session)
        except UNetSegmentError as error:
            self._fail(order.number, error)
            self._advance()
            return
        self._sent = order
        self._await(message.id, lambda answer: self._on_answer(order, case, answer), files)
        self._connection.send(message)

    def _message(
        self, order: Order, edits: EditList, session: int
    ) -> tuple[RefineEdit | RefineStep, tuple[HeldFile, ...]]:
        if order.edit is not None:
            return self._edit_message(KnownEdit(Made(order.number, order.edit)), session)
        place = None if order.target is None else edits.place(order.target)
        result = self._new_file("labels")
        step = RefineStep(self._new_number(), session, order.step, place, str(result.path))
        return step, (result,)

    def _edit_message(self, known: KnownEdit, session: int) -> tuple[RefineEdit, tuple[HeldFile, ...]]:
        edit, outcome = known.made.edit, known.outcome
        held: list[HeldFile] = []

        def path(labels: np.ndarray) -> str:
            if is_small(labels):
                return ""
            held.append(self._new_file("edit"))
            return str(held[-1].path)

        painted = packed(edit.box, edit.labels, path(edit.labels)) if isinstance(edit, Strokes) else None
        given = None
        if outcome is not None and painted is None:
            labels = outcome.labels
            given = packed(outcome.box, labels, path(labels))
        held.append(self._new_file("labels"))
        drawn = None if isinstance(edit, Strokes) else drawn_of(edit)
        return RefineEdit(self._new_number(), session, drawn, painted, given, str(held[-1].path)), tuple(held)

    def _on_answer(self, order: Order, case: Case, answer: Answer) -> None:
        self._sent = None
        change = answer if isinstance(answer, UNetSegmentError) else self._change(answer)
        if isinstance(change, Change):
            case.edits.apply(order, change)
            assert isinstance(answer, Refined)
            if case.edits.counts != (answer.history, answer.undone):
                # A defect, but none that costs a stroke.
                logger.error(
                    "The worker has %d + %d edits, its client %s.", answer.history, answer.undone, case.edits.counts
                )
                self._live = None
            self._tell(self._listener.on_change, order.number, change, case.edits.history)
        else:
            if order.step != "edit" or not isinstance(change, InputError):
                # Nobody knows what state that has left behind.
                self._live = None
            self._fail(order.number, change)
        self._advance()

    @staticmethod
    def _change(answer: Refined) -> Change | UNetSegmentError:
        try:
            return change_of(answer)
        except UNetSegmentError as error:
            return error

    # -- failures ----------------------------------------------------------------------------------------------------

    def _on_exit(self, status: ExitStatus, error: UNetSegmentError) -> None:
        with self._turn():
            self._drop_awaited()
            self._live = None
            order, self._sent = self._sent, None
            if order is not None:
                order.deaths += 1
                self._queue.appendleft(order)
            if self._connection.exit_expected or self._connection.fatal or self._case is None:
                self._down_state = RefineState.STOPPED if self._connection.exit_expected else RefineState.CRASHED
                self._fail_all(error)
                return
            self._deaths += 1
            self._log("WARNING", f"The worker ended ({status.describe()}); another one takes up the correction.")
            if order is not None and order.deaths >= MOST_DEATHS:
                self._queue.popleft()
                self._fail(order.number, _deadly(order, error))
                self._deaths = 1
            self._down_state = RefineState.CRASHED
            if self._deaths >= MOST_DEATHS and order is None:
                self._fail_all(error)
                return
            try:
                self._advance()
            except UNetSegmentError as failure:
                self._fail_all(failure)

    def _fail_all(self, error: UNetSegmentError) -> None:
        """Nothing that waits can be done. What was done stays, for the next call."""
        self._setting_up = 0
        case = self._case
        if case is None:
            return
        waiting = self._drain(case)
        if not case.opened:
            self._case = None
            self._retired += case.files
        for number in waiting:
            self._fail(number, error)

    def _fail(self, number: int, error: UNetSegmentError) -> None:
        if number == self._asking:
            self._refusal = error
        else:
            self._tell(self._listener.on_failed, number, error)

    def _drain(self, case: Case) -> list[int]:
        """The numbers of all that waits, which then does no longer."""
        waiting = [] if case.opened else [case.number]
        waiting += [self._sent.number] if self._sent is not None else []
        waiting += [order.number for order in self._queue]
        self._sent = None
        self._queue.clear()
        return waiting

    # -- messages ------------------------------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        with self._turn():
            if isinstance(event, Log):
                self._log(event.level, event.message)
            elif isinstance(event, Refined):
                self._answered(event.id, event)
            elif isinstance(event, Failure):
                problem = event.problem
                error = error_from_code(problem.code, problem.cause, problem.cure, problem.detail)
                if event.id is None:
                    self._log("ERROR", str(error))
                else:
                    self._answered(event.id, error)
            elif not isinstance(event, Hello | Ready):
                self._log("WARNING", f"The worker sent a '{event.kind}', which nobody asked for.")

    def _answered(self, number: int, answer: Answer) -> None:
        handler, files = self._awaited.pop(number, (None, ()))
        if handler is None:
            return
        try:
            handler(answer)
        except UNetSegmentError as error:
            self._fail_all(error)
        finally:
            # After the handler, which may read them.
            _release(files)

    def _await(self, number: int, handler: Callable[[Answer], None], files: tuple[HeldFile, ...]) -> None:
        self._awaited[number] = (handler, files)

    def _drop_awaited(self) -> None:
        """No answer is wanted any more."""
        for _, files in self._awaited.values():
            _release(files)
        _release(self._retired)
        self._awaited.clear()
        self._retired.clear()
        self._setting_up = 0

    # -- internals -----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """One thread at a time; the listener is told when all is in order again."""
        with self._lock:
            self._depth += 1
            try:
                yield
                if self._depth == 1:
                    self._announce()
            finally:
                if self._depth == 1:
                    self._tell_all()
                self._depth -= 1

    def _announce(self) -> None:
        state = self.state
        if state is not self._told:
            self._told = state
            self._tell(self._listener.on_state, state)

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        with self._lock:
            self._tells.append((callback, arguments))
            if not self._depth:
                self._tell_all()

    def _tell_all(self) -> None:
        while self._tells:
            callback, arguments = self._tells.popleft()
            try:
                callback(*arguments)
            except Exception:
                logger.exception("A listener of a correction failed in %s", getattr(callback, "__name__", callback))
            self._announce()

    def _log(self, level: str, message: str) -> None:
        self._tell(self._listener.on_log, level, message)

    def _new_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _exchange(self) -> ExchangeFolder:
        if self._folder is None or not self._folder.path.is_dir():
            try:
                self._folder = ExchangeFolder(self._parent)
            except OSError as error:
                raise output_error(self._parent or "the folder for temporary files", error) from error
        return self._folder

    def _new_file(self, name: str) -> HeldFile:
        folder = self._exchange()
        try:
            return folder.file(name)
        except OSError as error:
            raise output_error(folder.path, error) from error


def _deadly(order: Order, error: UNetSegmentError) -> WorkerError:
    what = "This edit" if order.step == "edit" else f"This {order.step}"
    return WorkerError(
        f"{what} ended the worker {order.deaths} times and was left out; all other edits are kept.",
        "Draw it smaller or elsewhere, save your work, and report the details.",
        error.detail or str(error),
        WorkerError.CRASHED,
    )


def _release(files: Collection[HeldFile]) -> None:
    for file in files:
        file.release()
