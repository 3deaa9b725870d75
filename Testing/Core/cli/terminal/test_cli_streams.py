"""What reaches standard output: letters of any kind, valid JSON; a full disk or a closed pipe ends cleanly."""

from __future__ import annotations

import errno
import io
import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from UNetSegmentLib.cli.terminal.console import say, words_table
from UNetSegmentLib.cli.terminal.session import session
from UNetSegmentLib.cli.terminal.streams import SafeStream, StreamError, print_json
from UNetSegmentLib.errors import InputError

# With the low half surrogates that stand for bytes which are no UTF-8; a pair of halves would become one letter.
TEXT = st.text(st.characters(), max_size=10).map(lambda text: re.sub("[\ud800-\udbff]", "", text))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


class Broken(io.StringIO):
    """A stream whose disk is full, or whose reader is gone."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code

    def write(self, text: str) -> int:
        raise OSError(self.code, "no more")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(value=JSON)
def test_json_is_valid_utf8_and_valid_json_in_every_encoding(encoding: str, value: object) -> None:
    raw = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        stream = io.TextIOWrapper(raw, encoding, newline="\n")
        patch.setattr(sys, "stdout", stream)
        print_json(value)
    text = raw.getvalue().decode("utf-8")

    def refuse(name: str) -> None:
        raise AssertionError(name)

    assert _same(json.loads(text, parse_constant=refuse), value)


def _same(found: object, value: object) -> bool:
    if isinstance(value, float) and value != value:
        return found is None
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return found == str(value)
    if isinstance(value, dict):
        assert isinstance(found, dict)
        return found.keys() == value.keys() and all(_same(found[key], value[key]) for key in value)
    if isinstance(value, list):
        assert isinstance(found, list)
        return len(found) == len(value) and all(map(_same, found, value))
    return found == value


def test_letters_that_the_terminal_lacks_become_escapes() -> None:
    raw = io.BytesIO()
    stream = SafeStream(io.TextIOWrapper(raw, "ascii"))
    stream.write("mm² 肝 \udce4")
    stream.flush()
    assert raw.getvalue() == rb"mm\xb2 \u809d \udce4"


def test_messages_tables_and_the_log_obey_no_strangers(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    hostile = "Liver\x1b]0;owned\x07\x1b[2J\u202egnp.exe\udcff"
    with session():
        say(f"Note: {hostile}")
        logging.getLogger("UNetSegmentLib.test").warning("read %s", hostile)
        table = words_table((hostile,), [(hostile,)], hostile)
        console = Console(width=200, file=io.StringIO())
        console.print(table)
    with pytest.raises(typer.Exit), session():
        raise InputError(f"'{hostile}' is bad.", hostile)
    captured = capsys.readouterr()
    drawn = console.file.getvalue()  # type: ignore[attr-defined]
    for text in (captured.out, captured.err, drawn):
        assert "owned" in text and "\\u202e" in text and "\\xff" in text
        assert not set(text) & set("\x1b\x07\u202e\udcff")


@pytest.mark.parametrize(("code", "words"), [(errno.ENOSPC, "could not be written"), (errno.EPIPE, "")])
def test_a_lost_standard_output_has_a_code(
    code: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for as_json in (False, True):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", Broken(code))
            with pytest.raises(typer.Exit) as caught, session(as_json=as_json):
                say("hello")
        error = capsys.readouterr().err
        assert caught.value.exit_code == 5
        assert (words in error if words else error == "") and "defect" not in error
    with pytest.raises(StreamError):
        SafeStream(Broken(code)).write("x")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["--version"], ["models", "list", "--json"]])
def test_a_full_disk_ends_the_program_cleanly(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "UNetSegmentLib.cli", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, encoding="utf-8", timeout=120)
    assert done.returncode == 5
    assert "could not be written" in done.stderr and "Traceback" not in done.stderr and "ignored" not in done.stderr


def test_a_path_that_the_system_refuses_is_no_defect(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught, session():
        Path("x" * 400).read_text()
    assert caught.value.exit_code == 3
    assert "defect" not in capsys.readouterr().err
