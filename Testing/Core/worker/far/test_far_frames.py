"""Frames and pieces: whatever is sent arrives as it was, or not at all."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from UNetSegmentLib.worker.far.stream.frames import (
    MAGIC,
    Frame,
    FrameError,
    Kind,
    control,
    control_words,
    frame,
    read_frame,
    skip_banner,
)
from UNetSegmentLib.worker.far.stream.pieces import PIECE, Form, decode_piece, encode_piece

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
NUMBERS = st.sampled_from(["|u1", "|b1", "<i2", ">u2", "<f4", "<f8", "<i8"])


class Dribble(io.RawIOBase):
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes, cuts: list[int]) -> None:
        self._data, self._cuts = io.BytesIO(data), cuts

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        count = self._cuts.pop() if self._cuts else len(buffer)
        return self._data.readinto(memoryview(buffer)[:count])


def read_all(source: io.RawIOBase) -> list[Frame]:
    frames = []
    while (got := read_frame(source)) is not None:
        frames.append(got)
    return frames


@UNHURRIED
@given(
    bodies=st.lists(st.tuples(st.sampled_from(Kind), st.binary(max_size=200)), max_size=6),
    cuts=st.lists(st.integers(1, 40), max_size=60),
)
def test_frames_come_as_they_went_wherever_the_stream_is_cut(bodies: list[tuple[Kind, bytes]], cuts: list[int]) -> None:
    stream = b"".join(frame(kind, body) for kind, body in bodies)
    assert [(got.kind, got.body) for got in read_all(Dribble(stream, cuts))] == bodies


@UNHURRIED
@given(bodies=st.lists(st.binary(max_size=60), min_size=1, max_size=3), data=st.data())
def test_a_stream_that_was_damaged_or_cut_short_never_gives_other_frames(
    bodies: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(frame(Kind.DATA, body) for body in bodies)
    place = data.draw(st.integers(0, len(stream) - 1))
    if data.draw(st.booleans()):
        bad = stream[:place]
    else:
        wrong = data.draw(st.integers(0, 255).filter(lambda value: value != stream[place]))
        bad = stream[:place] + bytes([wrong]) + stream[place + 1 :]
    source, got = io.BytesIO(bad), []
    try:
        while (one := read_frame(source)) is not None:
            got.append(one.body)
    except FrameError:
        pass
    else:
        assert len(got) < len(bodies), "the damage went unnoticed"
    assert got == bodies[: len(got)]


@UNHURRIED
@given(
    array=arrays.arrays(NUMBERS, arrays.array_shapes(max_dims=3, max_side=9), fill=st.nothing())
    | arrays.arrays(NUMBERS, 64),
    packed=st.booleans(),
)
def test_any_numbers_come_back(array: np.ndarray, packed: bool) -> None:
    raw = array.tobytes()
    body, _ = encode_piece(raw, array.itemsize, packed)
    back, is_zero = decode_piece(body)
    assert bytes(back) == raw
    assert not is_zero or not any(raw)


@UNHURRIED
@given(body=st.binary(max_size=40))
def test_no_bytes_are_taken_for_a_piece_that_are_none(body: bytes) -> None:
    try:
        raw, _ = decode_piece(body)
    except FrameError:
        return
    assert len(raw) <= PIECE


def test_what_is_all_the_same_costs_nothing_and_what_is_smooth_little() -> None:
    same, form = encode_piece(np.full(PIECE // 2, -1024, np.int16).tobytes(), 2, packed=False)
    assert form is Form.SAME and len(same) < 16
    smooth = (1000 * np.sin(np.arange(PIECE // 2) / 500)).astype(np.int16).tobytes()
    body, form = encode_piece(smooth, 2, packed=True)
    assert form is Form.PACKED and len(body) < PIECE / 3
    noise = np.random.default_rng(0).integers(0, 256, PIECE, np.uint8).tobytes()
    assert encode_piece(noise, 1, packed=True)[1] is Form.PLAIN


def test_a_piece_cannot_claim_more_than_a_piece() -> None:
    import struct
    import zlib

    bomb = zlib.compress(bytes(8 << 20), 9)
    for length in (PIECE, 8 << 20):
        with pytest.raises(FrameError):
            decode_piece(struct.pack(">cBI", Form.PACKED.value, 1, length) + bomb)


@pytest.mark.parametrize("banner", [b"", b"Welcome!\n", b"no line end", b"UNETSEGMENT-FAR\n\n\x00\xff"])
def test_what_a_login_prints_is_told_apart(banner: bytes) -> None:
    stream = io.BytesIO(banner + MAGIC + control("greeting", library="1"))
    assert skip_banner(stream) == banner
    got = read_frame(stream)
    assert got is not None and control_words(got.body) == {"is": "greeting", "library": "1"}


def test_a_login_without_a_far_end_or_one_that_prints_for_ever() -> None:
    assert skip_banner(io.BytesIO(b"bash: command not found\n")) is None
    with pytest.raises(FrameError, match="without end"):
        skip_banner(io.BytesIO(b"y\n" * (1 << 20)))
