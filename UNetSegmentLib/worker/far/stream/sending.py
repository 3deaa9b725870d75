"""What goes to the other machine: lines with their arrays before them, cut so that what is urgent passes between."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from ....errors import InputError, UNetSegmentError
from ...errors import error_from_code
from .frames import Kind, control, frame
from .pace import Packing, Window
from .pieces import PIECE, Form, encode_piece

DIGEST_SIZE = 16
WORTH_ASKING = 1 << 20
"""Bytes of an array from which on it is asked whether the other side has it still."""

Steps = Generator[bytes | None, None, None]
"""Frames to write one after the other; None: nothing can be written until something arrives."""
ProgressOfBytes = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Outgoing:
    """An array, or a file, on its way.

    Args:
        token: names it in the line.
        open: its bytes.
        size: in bytes.
        itemsize: bytes of a number.
    """

    token: str
    open: Callable[[], BinaryIO]
    size: int
    itemsize: int = 1


@dataclass(eq=False)
class Parcel:
    """A line and what must be there before it.

    Args:
        line: of the protocol; empty: nothing follows the arrays.
        number: of the request that it is about.
        arrays: in order.
        before: further steps that come first.
        refused: called on the writing thread when the other side cannot take an array; the line is not sent then.
        sent: called when all of it has been handed over, or nothing of it will be.
        progress: gets bytes of the arrays that have been sent, and all.
    """

    line: bytes
    number: int | None = None
    arrays: tuple[Outgoing, ...] = ()
    before: Callable[[Sender, Parcel], Steps] | None = None
    refused: Callable[[UNetSegmentError], None] = lambda error: None
    sent: Callable[[], None] = lambda: None
    progress: ProgressOfBytes = lambda done, total: None
    dropped: bool = field(default=False, init=False)
    handed_over: bool = field(default=False, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def drop(self) -> bool:
        """Nobody wants it any more: the line will not be sent. False when it has been, or was dropped before."""
        with self._lock:
            if self.dropped or self.handed_over:
                return False
            self.dropped = True
            return True

    def hand_over(self) -> bool:
        """The line is about to be sent. False when nobody wants it any more."""
        with self._lock:
            self.handed_over = not self.dropped
            return self.handed_over


class Refused(Exception):
    """The other side cannot take it."""

    def __init__(self, error: UNetSegmentError) -> None:
        super().__init__(str(error))
        self.error = error


class Dropped(Exception):
    """Nobody wants it any more."""


class Sender:
    """Makes parcels into frames. Its steps run on the writing thread; :meth:`answer` and :meth:`ack` are called by the
    reading one."""

    def __init__(self) -> None:
        self.window = Window()
        self.packing = Packing()
        self._answers: dict[str, Mapping[str, Any]] = {}
        self._sizes: set[int] = set()
        # What has travelled, and what that was before it was packed.
        self.bytes_of_arrays = 0
        self.bytes_of_voxels = 0

    def answer(self, words: Mapping[str, Any]) -> None:
        """The other side says something of an array or a model, by its token."""
        self._answers[str(words.get("token"))] = words

    def ack(self, total: int) -> None:
        """The other side has taken so many bytes of pieces in all."""
        self.window.ack(total)
        self.packing.acked(total)

    def steps(self, parcel: Parcel) -> Steps:
        """The frames of a parcel."""
        try:
            if parcel.before is not None:
                yield from parcel.before(self, parcel)
            total, done = sum(array.size for array in parcel.arrays), 0
            for array in parcel.arrays:
                yield from self.array(array, parcel, done, total)
                done += array.size
            if parcel.line and parcel.hand_over():
                yield frame(Kind.LINE, parcel.line)
        except Refused as refusal:
            yield control("forget", number=parcel.number)
            if parcel.drop():
                parcel.refused(refusal.error)
        except Dropped:
            yield control("forget", number=parcel.number)
        except Exception as error:
            # A packed model fails in as many ways as there are kinds of damage. The others in the queue go on.
            yield control("forget", number=parcel.number)
            if parcel.drop():
                parcel.refused(_unreadable(error))
        finally:
            parcel.sent()

    def array(self, array: Outgoing, parcel: Parcel, before: int = 0, total: int = 0) -> Steps:
        """The frames of an array.

        Args:
            before, total: bytes of the parcel's other arrays that were sent, and of all, for the progress.

        Raises:
            Refused, Dropped: it is not sent, or not to its end.
        """
        total = total or array.size
        parcel.progress(before, total)
        self._answers.pop(array.token, None)
        words = {"token": array.token, "number": parcel.number, "bytes": array.size}
        with array.open() as file:
            if array.size >= WORTH_ASKING and array.size in self._sizes:
                digest = yield from self._digest(file, array, parcel)
                yield control("array", **words, digest=digest)
                if (yield from self.wait(array.token, parcel)).get("is") == "have":
                    parcel.progress(before + array.size, total)
                    return
            else:
                yield control("array", **words)
            digest = yield from self._pieces(file, array, parcel, before, total)
        self._sizes.add(array.size)
        yield control("end", token=array.token, digest=digest)

    def wait(self, token: str, parcel: Parcel) -> Generator[bytes | None, None, Mapping[str, Any]]:
        """Waits for what the other side says of a token, which is returned. Raises as :meth:`array`."""
        while token not in self._answers:
            self._check(token, parcel)
            yield None
        self._check(token, parcel)
        return self._answers.pop(token)

    def _digest(self, file: BinaryIO, array: Outgoing, parcel: Parcel) -> Generator[bytes | None, None, str]:
        digest = hashlib.blake2b(digest_size=DIGEST_SIZE)
        for raw in _raw_pieces(file, array.size):
            digest.update(raw)
            if parcel.dropped:
                raise Dropped
            yield b""
        file.seek(0)
        return digest.hexdigest()

    def _pieces(
        self, file: BinaryIO, array: Outgoing, parcel: Parcel, before: int, total: int
    ) -> Generator[bytes | None, None, str]:
        digest = hashlib.blake2b(digest_size=DIGEST_SIZE)
        self.packing.begin()
        done = 0
        for raw in _raw_pieces(file, array.size):
            while not self.window.is_open:
                self._check(array.token, parcel)
                yield None
            self._check(array.token, parcel)
            digest.update(raw)
            body, form = encode_piece(raw, array.itemsize, self.packing.packed)
            self.window.add(len(body))
            if form is not Form.SAME:
                self.packing.sent(len(raw), self.window.sent)
            done += len(raw)
            self.bytes_of_arrays += len(body)
            self.bytes_of_voxels += len(raw)
            yield frame(Kind.DATA, body)
            parcel.progress(before + done, total)
        return digest.hexdigest()

    def _check(self, token: str, parcel: Parcel) -> None:
        words = self._answers.get(token, {})
        if words.get("is") == "refuse":
            del self._answers[token]
            raise Refused(error_of(words))
        if parcel.dropped:
            raise Dropped


def _unreadable(error: Exception) -> UNetSegmentError:
    if isinstance(error, UNetSegmentError):
        return error
    return InputError("A file that was to be sent cannot be read.", "Try again.", f"{type(error).__name__}: {error}")


def refusal_words(error: UNetSegmentError) -> dict[str, str]:
    """An error as words of a ``CONTROL`` frame."""
    return {"code": error.code, "cause": error.cause, "cure": error.cure, "detail": error.detail}


def error_of(words: Mapping[str, Any]) -> UNetSegmentError:
    """The way back."""
    return error_from_code(*(str(words.get(name, "")) for name in ("code", "cause", "cure", "detail")))


def _raw_pieces(file: BinaryIO, size: int) -> Iterator[memoryview]:
    """A file's bytes; each piece is gone with the next."""
    buffer = bytearray(min(PIECE, max(size, 1)))
    left = size
    while left:
        view = memoryview(buffer)[: min(len(buffer), left)]
        filled = 0
        while filled < len(view):
            got = file.readinto(view[filled:])  # type: ignore[attr-defined]
            if not got:
                raise Refused(error_from_code("bad-input", "A file of voxels became shorter while it was sent."))
            filled += got
        left -= filled
        yield view
