"""One connection to the other machine: a thread that writes, the caller's that reads."""

from __future__ import annotations

import contextlib
import logging
import struct
import threading
from collections import deque
from collections.abc import Callable
from typing import IO, Any

from .frames import Frame, FrameError, Kind, Source, control, control_words, frame, read_frame
from .receiving import Receiver
from .sending import Parcel, Sender, Steps

logger = logging.getLogger(__name__)

_ACK = struct.Struct(">Q")
_OF_ARRAYS = ("array", "end", "drop")
_ANSWERS = ("have", "want", "refuse", "model-is")
_END = object()


class Link:
    """Parcels go out in their order; what is urgent passes them between two pieces.

    Args:
        on_line: gets the lines that arrive, on the reading thread.
        on_control: gets the words of ``CONTROL`` frames that are not about arrays.
        on_broken: called on the writing thread when nobody reads any more.
    """

    def __init__(
        self,
        on_line: Callable[[bytes], None],
        on_control: Callable[[dict[str, Any]], None],
        on_broken: Callable[[], None],
    ) -> None:
        self._on_line, self._on_control, self._on_broken = on_line, on_control, on_broken
        self.sender = Sender()
        self.receiver: Receiver | None = None
        self._changed = threading.Condition()
        self._urgent: deque[bytes] = deque()
        self._parcels: deque[Parcel] = deque()
        self._current: Parcel | None = None
        self._stalled = False
        self._closed = False
        self._ack: int | None = None
        self._thread: threading.Thread | None = None

    # -- sending -----------------------------------------------------------------------------------------------------

    def open(self, sink: IO[bytes]) -> None:
        """There is somewhere to write to, unbuffered; what was queued before goes now."""
        self._thread = threading.Thread(target=self._write, args=(sink,), name="far-writer", daemon=True)
        self._thread.start()

    def send(self, parcel: Parcel) -> None:
        """Queues a parcel. From any thread, as everything here."""
        with self._changed:
            self._parcels.append(parcel)
            self._changed.notify()

    def urgent(self, data: bytes) -> None:
        """Sends a frame before whatever waits."""
        with self._changed:
            self._urgent.append(data)
            self._changed.notify()

    def tell(self, what: str, **words: Any) -> None:
        """Says something of the two ends' own, at once."""
        self.urgent(control(what, **words))

    def drop(self, number: int) -> bool:
        """Takes what is about a request off the queue, or stops it in the middle; False when all of it has been handed
        over already."""
        with self._changed:
            waiting = [parcel for parcel in self._parcels if parcel.number == number]
            for parcel in waiting:
                self._parcels.remove(parcel)
            current = self._current if self._current is not None and self._current.number == number else None
            self._stalled = False
            self._changed.notify()
        for parcel in waiting:
            parcel.sent()
        # All of them, not only until the first.
        dropped = [parcel.drop() for parcel in (*waiting, *([current] if current else []))]
        return any(dropped)

    def numbers(self) -> tuple[int, ...]:
        """Requests of which something waits or is being sent."""
        with self._changed:
            parcels = [*([self._current] if self._current else []), *self._parcels]
            return tuple(parcel.number for parcel in parcels if parcel.number is not None)

    def close(self, seconds: float = 5.0) -> None:
        """Lets what is urgent go out, and waits until it has."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(seconds)

    # -- receiving ---------------------------------------------------------------------------------------------------

    def run(self, source: Source) -> None:
        """Takes frames until the stream ends.

        Raises:
            FrameError: it is damaged, or ends within a frame.
        """
        try:
            while (got := _read(source)) is not None:
                try:
                    self._take(got)
                except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
                    raise FrameError(f"a frame that makes no sense: {error!r}") from error
        finally:
            if self.receiver is not None:
                self.receiver.close()

    def _take(self, got: Frame) -> None:
        if got.kind is Kind.LINE:
            self._on_line(got.body)
        elif got.kind is Kind.ACK:
            if len(got.body) != _ACK.size:
                raise FrameError("no acknowledgement")
            self.sender.ack(_ACK.unpack(got.body)[0])
            self._wake()
        elif got.kind is Kind.DATA:
            self._receiving().add(got.body)
            self._acknowledge(self._receiving().bytes_of_pieces)
        else:
            self._control(control_words(got.body))

    def _control(self, words: dict[str, Any]) -> None:
        if words["is"] in _OF_ARRAYS:
            self._receiving().take(words)
        elif words["is"] in _ANSWERS:
            self.sender.answer(words)
            self._wake()
        elif words["is"] == "forget":
            self._receiving().close()
            self._on_control(words)
        elif words["is"] == "ping":
            self.tell("pong", token=words.get("token"))
        else:
            self._on_control(words)

    def _receiving(self) -> Receiver:
        if self.receiver is None:
            raise FrameError("nobody takes arrays here")
        return self.receiver

    def _acknowledge(self, total: int) -> None:
        """Tells how much has been taken; a later word replaces one that is still waiting."""
        with self._changed:
            self._ack = total
            self._changed.notify()

    def _wake(self) -> None:
        with self._changed:
            self._stalled = False
            self._changed.notify()

    # -- the writing thread ------------------------------------------------------------------------------------------

    def _write(self, sink: IO[bytes]) -> None:
        steps: Steps | None = None
        try:
            while True:
                data, steps = self._next(steps)
                if data is None:
                    return
                view = memoryview(data)
                while view:
                    view = view[sink.write(view) :]
        except Exception as error:
            if not isinstance(error, (OSError, ValueError)):
                logger.exception("unexpected error while sending")
            self._on_broken()

    def _next(self, steps: Steps | None) -> tuple[bytes | None, Steps | None]:
        """The next bytes to write, waiting for them, and the steps that go on afterwards; None at the end."""
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: (
                        self._urgent
                        or self._ack is not None
                        or self._closed
                        or (self._parcels if steps is None else not self._stalled)  # noqa: B023
                    )
                )
                if self._ack is not None:
                    total, self._ack = self._ack, None
                    return frame(Kind.ACK, _ACK.pack(total)), steps
                if self._urgent:
                    return self._urgent.popleft(), steps
                if self._closed:
                    return None, None
                if steps is None:
                    self._current = self._parcels.popleft()
                    steps = self.sender.steps(self._current)
                # What arrives from here on may be what the next step waits for.
                self._stalled = True
            step = next(steps, _END)
            if step is None:
                continue
            with self._changed:
                self._stalled = False
                if step is _END:
                    self._current, steps = None, None
            if isinstance(step, bytes) and step:
                return step, steps


def _read(source: Source) -> Frame | None:
    with contextlib.suppress(OSError, ValueError):
        return read_frame(source)
    return None
