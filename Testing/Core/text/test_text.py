"""Text from strangers: nothing in it acts in a terminal, computes in a spreadsheet or breaks a file system."""

import csv
import io
import os
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from UNetSegmentLib.text import csv_cell, file_name, plain_number, shown

ANY = st.text(st.characters(), max_size=300)
HOSTILE = st.text(st.sampled_from("\x1b[2J\x07\r\n\u202e\u2066\ud83d\udcff=+-@;,\"'|/\\.: a0\u0301"), max_size=60)
QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
ACTING = {"Cc", "Cs", "Zl", "Zp"}


@QUICK
@given(ANY | HOSTILE)
def test_what_is_shown_holds_nothing_that_acts_and_can_be_encoded(text):
    result = shown(text)
    assert not any(unicodedata.category(c) in ACTING for c in result)
    assert not any(
        unicodedata.bidirectional(c) in ("LRO", "RLO", "LRE", "RLE", "PDF", "RLI", "LRI", "FSI", "PDI") for c in result
    )
    result.encode("utf-8")
    assert len(result) <= 200
    assert shown(result) == result


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Left hippocampus (head)", "Left hippocampus (head)"),
        ("Leber – größer als 5 mm², 肝臓, كبد", "Leber – größer als 5 mm², 肝臓, كبد"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\x1b[31mred", "a\\x1b[31mred"),
        ("two\nlines\ttab\r\n", "two lines tab  "),
        ("abc\u202etxt.exe", "abc\\u202etxt.exe"),
        (os.fsdecode(b"T1 sch\xe4del") if os.fsencode("ä") == b"\xc3\xa4" else "T1 sch\udce4del", "T1 sch\\xe4del"),
        ("half \ud83d", "half \\ud83d"),
        ("bell\x07 \x9b2J", "bell\\x07 \\x9b2J"),
        (12.5, "12.5"),
    ],
)
def test_what_is_shown_says_what_was_there(text, expected):
    assert shown(text, None) == expected


def test_long_texts_are_cut_and_piled_up_marks_dropped():
    assert shown("x" * 10**7) == "x" * 197 + "..."
    assert shown("x" * 200) == "x" * 200
    assert shown("a" + "\u0301" * 500, None) == "a" + "\u0301" * 8
    assert shown("one\ntwo\x1b", None, lines=True) == "one\ntwo\\x1b"


@QUICK
@given(ANY | HOSTILE)
def test_a_cell_opens_no_formula_in_either_kind_of_spreadsheet(text):
    cell = csv_cell(text)
    assert csv_cell(cell) == cell
    written = io.StringIO()
    csv.writer(written).writerow([cell, "end"])
    assert len(written.getvalue().splitlines()) == 1
    for part in cell.split(";"):
        opening = part.strip()
        assert opening[:1] not in tuple("=+-@＝＋－＠") or len(opening) == 1 or _number(cell)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1+1", " '=1+1"),
        ("liver;=HYPERLINK(1)", "liver;'=HYPERLINK(1)"),
        ("-12.5", "-12.5"),
        ("-", "-"),
        ("+1e-3", "+1e-3"),
        ("-1+1", "'-1+1"),
        ("Liver, left", "Liver, left"),
        ("a\nb", "a b"),
    ],
)
def test_cells(text, expected):
    assert csv_cell(text) == expected


@QUICK
@given(ANY | HOSTILE, st.integers(10, 200))
def test_a_file_name_can_be_written_everywhere(text, limit):
    name = file_name(text, limit)
    assert name and len(name.encode("utf-8")) <= limit
    assert not set(name) & set('<>:"/\\|?* \x00') and name.isprintable()
    assert name[0] not in ".-" and name[-1] not in ". "
    assert name.partition(".")[0].lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
    assert file_name(name, limit) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Left kidney", "Left-kidney"),
        ("../../etc/passwd", "etc-passwd"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("console", "console"),
        ("", "unnamed"),
        ("...", "unnamed"),
        ("肝臓", "肝臓"),
        ("1.2.840.113619", "1.2.840.113619"),
    ],
)
def test_file_names(text, expected):
    assert file_name(text) == expected


def _number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_measurements_are_told_in_plain_numbers() -> None:
    numbers = {0.0: "0", 0.13246: "0.1325", 12.0: "12", 26494.4: "26494", -1024.0: "-1024", 1279070.0: "1279070"}
    assert {number: plain_number(number) for number in numbers} == numbers
