"""Lines out of a stream that is cut anywhere, or never ends."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from UNetSegmentLib.worker.protocol.lines import GuardedLines


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b""))), st.lists(st.integers(1, 20), min_size=1))
def test_however_it_is_cut_the_lines_are_the_same(lines: list[bytes], cuts: list[int]) -> None:
    complaints: list[str] = []
    guarded = GuardedLines(complaints.append)
    stream = b"".join(line + b"\n" for line in lines)
    found, place, turn = [], 0, 0
    while place < len(stream):
        size = cuts[turn % len(cuts)]
        found += guarded.feed(stream[place : place + size])
        place, turn = place + size, turn + 1
    assert found == lines and not complaints


def test_a_line_that_is_too_long_is_dropped_and_the_next_one_heard() -> None:
    complaints: list[str] = []
    guarded = GuardedLines(complaints.append, longest=1 << 20)
    for _ in range(40):
        assert guarded.feed(b"x" * 100_000) == []
    assert len(guarded._rest) <= 1 << 20, "what is dropped is not collected"
    assert guarded.feed(b"x\nyes\n") == [b"yes"]
    assert complaints == ["A line is longer than 1 MB."]
    assert guarded.feed(b"x" * (1 << 20) + b"\n" + b"x" * (1 + (1 << 20)) + b"\nyes\n") == [b"x" * (1 << 20), b"yes"]
    assert len(complaints) == 2


def test_a_line_that_does_not_end_is_dropped_in_time_and_the_next_one_heard() -> None:
    complaints: list[str] = []
    guarded = GuardedLines(complaints.append, patience=0.05)
    assert guarded.feed(b"yes\n{") == [b"yes"]
    deadline = time.monotonic() + 60
    while not complaints and time.monotonic() < deadline:
        time.sleep(0.01)
    assert complaints == ["A line has not ended after 0 s."]
    assert guarded.feed(b"}\nyes\n") == [b"yes"]
    patient = GuardedLines(complaints.append, patience=1.0)  # longer than a busy machine halts between two calls
    assert patient.feed(b"begun") == [] and patient.feed(b" and ended\n") == [b"begun and ended"]
    time.sleep(1.2)
    assert len(complaints) == 1, "the clock of a line that has ended has stopped"
