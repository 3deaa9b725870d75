"""Wrong usage: a sentence for people, one JSON document for programs, exit code 2 for both."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import Result

Run = Callable[..., Result]

WRONG = {
    "no image": (("segment",), "INPUT"),
    "no such option": (("segment", "a", "b", "-m", "x", "--presets", "fast"), "--presets"),
    "no such option of the program": (("--nonsense", "doctor"), "--nonsense"),
    "no such command": (("segmen", "a", "b"), "segmen"),
    "no such command of a group": (("models", "crad"), "crad"),
    "a word where a number belongs": (("evaluate", "a", "b", "--cases", "x"), "--cases"),
    "a word too many": (("doctor", "now"), "now"),
    "options in their order": (("refine", "a"), "SEGMENTATION"),
}


@pytest.mark.parametrize(("words", "named"), WRONG.values(), ids=WRONG)
def test_wrong_usage_is_one_document_for_programs(run: Run, words: tuple[str, ...], named: str) -> None:
    result = run(*words, "--json")
    assert result.exit_code == 2
    error = json.loads(result.stdout)["error"]
    assert error["code"] == "usage" and not error["detail"]
    assert error["cure"].startswith("'") and "--help' lists" in error["cure"]
    assert named in error["cause"]
    assert not result.stderr


@pytest.mark.parametrize(("words", "named"), WRONG.values(), ids=WRONG)
def test_wrong_usage_is_a_sentence_for_people(run: Run, words: tuple[str, ...], named: str) -> None:
    result = run(*words)
    assert result.exit_code == 2 and not result.stdout
    assert named in result.stderr


@pytest.mark.parametrize("overlap", ["2", "-0.1", "nan", "0.95"])
def test_an_overlap_out_of_its_range_is_wrong_usage(run: Run, overlap: str) -> None:
    result = run("segment", "a.nii.gz", "b.nii.gz", "-m", "x", "--overlap", overlap)
    assert result.exit_code == 2 and "--overlap" in result.stderr and "from 0 to 0.9" in result.stderr


EMPTY = {
    "batch INPUT": (("batch", "", "-m", "x", "-o", "out"), "INPUT"),
    "batch, one of many": (("batch", "a", " ", "-m", "x", "-o", "out"), "INPUT"),
    "batch --list": (("batch", "a", "-m", "x", "-o", "out", "--list", ""), "--list"),
    "segment INPUT": (("segment", "", "out.nii.gz", "-m", "x"), "INPUT"),
    "segment --channel": (("segment", "a", "out.nii.gz", "-m", "x", "--channel", ""), "--channel"),
    "evaluate": (("evaluate", "a", ""), "REFERENCE"),
    "convert": (("convert", "", "out.nii.gz"), "SEGMENTATION"),
    "refine": (("refine", "a", "", "out.nii.gz"), "SEGMENTATION"),
}


@pytest.mark.parametrize(("words", "named"), EMPTY.values(), ids=EMPTY)
def test_an_empty_text_is_no_path_and_never_the_current_folder(run: Run, words: tuple[str, ...], named: str) -> None:
    result = run(*words, "--json")
    assert result.exit_code == 2
    error = json.loads(result.stdout)["error"]
    assert error["code"] == "usage" and "text is empty" in error["cause"] and named in error["cause"]


def test_json_as_an_argument_asks_for_no_json(run: Run) -> None:
    result = run("doctor", "--", "--json")
    assert result.exit_code == 2 and not result.stdout and "--json" in result.stderr


def test_help_is_help(run: Run) -> None:
    result = run("segment", "--json", "--help")
    assert result.exit_code == 0 and "Usage" in result.stdout
