"""Messages of several parts, however they are cut into blocks; the standard library's e-mail parser is the judge."""

from __future__ import annotations

import email
import email.policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from UNetSegmentLib.io.dicomweb.multipart import TornError, boundary_of, parts_of

# Bytes that look like delimiters more often than chance would have it.
_CONTENT = st.lists(st.sampled_from([b"\r\n", b"--", b"b7", b"\r\n--b", b"x", b"\0", b"\r\n\r\n", b"-"]), max_size=12)


def message(parts: list[bytes], boundary: bytes, preamble: bytes = b"") -> bytes:
    made = preamble
    for number, part in enumerate(parts):
        made += (
            (b"\r\n" if made or number else b"")
            + b"--"
            + boundary
            + b"\r\nContent-Type: application/dicom\r\n\r\n"
            + part
        )
    return made + b"\r\n--" + boundary + b"--\r\n"


def blocks_of(data: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    return [data[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def read(blocks: list[bytes], boundary: bytes) -> list[bytes]:
    return [b"".join(part) for part in parts_of(blocks, boundary)]


@settings(deadline=None)
@given(
    st.lists(_CONTENT, min_size=1, max_size=4),
    st.lists(st.integers(0, 400), max_size=30),
    st.sampled_from([b"", b"preamble"]),
)
def test_parts_come_out_as_they_went_in(words: list[list[bytes]], cuts: list[int], preamble: bytes) -> None:
    boundary = b"b7-boundary-1f"
    parts = [b"".join(part) for part in words]
    data = message(parts, boundary, preamble)
    assert read(blocks_of(data, cuts), boundary) == parts


@settings(deadline=None)
@given(st.lists(_CONTENT, min_size=1, max_size=3), st.data())
def test_a_message_that_is_cut_short_is_never_whole(words: list[list[bytes]], data: st.DataObject) -> None:
    boundary = b"b7-boundary-1f"
    whole = message([b"".join(part) for part in words], boundary).removesuffix(b"\r\n")
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(TornError):
        read([whole[:cut]], boundary)


def test_the_parser_of_the_standard_library_agrees() -> None:
    parts, boundary = [b"one\r\n--no", b"", b"three"], b"x y'()+_,-./:=?"
    head = b'Content-Type: multipart/related; type="application/dicom"; boundary="%s"\r\n\r\n' % boundary
    data = message(parts, boundary)
    judged = email.message_from_bytes(head + data, policy=email.policy.HTTP)
    expected = [part.get_payload(decode=True) for part in judged.iter_parts()]
    assert read([data], boundary_of(str(judged["Content-Type"]))) == expected == parts


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        ("multipart/related; boundary=abc", b"abc"),
        ('Multipart/Related; type="application/dicom"; Boundary="a b;c"', b"a b;c"),
        ("application/dicom", b""),
        ("text/html; boundary=abc", b""),
        ("", b""),
        ("multipart/related", b""),
    ],
)
def test_boundaries(kind: str, boundary: bytes) -> None:
    assert boundary_of(kind) == boundary


def test_headers_without_an_end_do_not_fill_the_memory() -> None:
    with pytest.raises(TornError, match="headers"):
        read([b"--b\r\n", *[b"x" * 4096] * 64], b"b")
