"""JSON of people and of strangers."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.io.json_files import read_json


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"Leber \u00e9": 1}, ensure_ascii=False), encoding="utf-8-sig")
    assert read_json(path) == {"Leber \u00e9": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"1": "liver", "1": "spleen"}', "the key '1' stands twice"),
        ('{"steps": NaN}', "NaN is no number"),
        ("[" * 200_000, "nested too deeply"),
        ("9" * 5000, "not readable JSON"),
        ("", "not readable JSON"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_json(path)


def test_a_file_that_never_ends(tmp_path: Path) -> None:
    (tmp_path / "large.json").write_text('"' + "x" * 100 + '"')
    with pytest.raises(InputError, match="is larger than"):
        read_json(tmp_path / "large.json", limit=50)
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe.json")
        with pytest.raises(InputError, match="is a pipe"):
            read_json(tmp_path / "pipe.json")
