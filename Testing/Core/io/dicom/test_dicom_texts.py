"""Texts of headers in all the character sets that people write, and what they may do to a terminal."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from dicom_files import image, save, save_slice
from typer.testing import CliRunner

from UNetSegmentLib.cli.app import app
from UNetSegmentLib.errors import InputError
from UNetSegmentLib.io import read_volume
from UNetSegmentLib.io.dicom import find_series

# pydicom warns when such files are written.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# Description, its bytes, the character sets that the file states. The bytes of the Japanese, Korean and Chinese ones
# are those of DICOM PS3.5, annexes H, I and K.
_TEXTS = {
    "Latin-1": ("Schädel nativ", b"Sch\xe4del nativ", "ISO_IR 100"),
    "Latin-2": ("Płuca", b"P\xb3uca", "ISO_IR 101"),
    "Cyrillic": ("Люкceмбypг", b"\xbb\xee\xdace\xdc\xd1yp\xd3", "ISO_IR 144"),
    "Greek": ("Διονυσιος", b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "ISO_IR 126"),
    "Hebrew": ("שרון", b"\xf9\xf8\xe5\xef", "ISO_IR 138"),
    "UTF-8": ("王小東 头部", "王小東 头部".encode(), "ISO_IR 192"),
    "GB18030": ("王小东", b"\xcd\xf5\xd0\xa1\xb6\xab", "GB18030"),
    "Japanese, switched within": (
        "Yamada 山田 やまだ",
        b"Yamada \x1b$B;3ED\x1b(B \x1b$B$d$^$@\x1b(B",
        ["", "ISO 2022 IR 87"],
    ),
    "Korean, switched within": (
        "Hong 洪吉洞",
        b"Hong \x1b$)C\xfb\xf3\xd1\xce\xd4\xd7",
        ["", "ISO 2022 IR 149"],
    ),
    "none stated, Latin-1": ("Schädel", b"Sch\xe4del", None),
    "none stated, UTF-8": ("Schädel", "Schädel".encode(), None),
    "ASCII stated, UTF-8": ("Schädel", "Schädel".encode(), "ISO_IR 6"),
    "UTF-8 stated, Latin-1": ("Schädel", b"Sch\xe4del", "ISO_IR 192"),
    "misspelt": ("Schädel", b"Sch\xe4del", "ISO-IR 100"),
    "unknown": ("Schädel", b"Sch\xe4del", "KLINGON"),
}


def _save(path: Path, raw: bytes, stated: str | list[str] | None, uid: str = "1.2.3") -> None:
    place = {"ImagePositionPatient": [0, 0, 0], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [1, 1]}
    # pydicom writes a text in the set that is stated; these bytes are put in afterwards.
    raw = raw + b" " * (len(raw) % 2)
    text = "X" * len(raw)
    data = image(np.zeros((4, 5), np.int16), SliceThickness=2, SeriesInstanceUID=uid, SeriesDescription=text, **place)
    if stated is not None:
        data.SpecificCharacterSet = stated
    save(data, path)
    path.write_bytes(path.read_bytes().replace(text.encode(), raw))


@pytest.mark.parametrize("name", _TEXTS)
def test_series_are_called_and_chosen_by_their_own_names(tmp_path: Path, name: str) -> None:
    text, raw, stated = _TEXTS[name]
    _save(tmp_path / "a", raw, stated)
    _save(tmp_path / "b", b"other", None, uid="1.2.4")
    assert {series.description for series in find_series(tmp_path)} == {text, "other"}
    with pytest.raises(InputError) as caught:
        read_volume(tmp_path)
    assert f"'{text}'" in caught.value.cause
    caught.value.cause.encode("utf-8")
    # As it is shown, and as a keyboard or file system may spell it.
    for spelling in (text, unicodedata.normalize("NFD", text), f" {text} "):
        assert read_volume(tmp_path, spelling).name == tmp_path.name


def test_texts_do_nothing_to_a_terminal(tmp_path: Path) -> None:
    _save(tmp_path / "a", b"\x1b[2Jgone\r\nError: ok", None)
    _save(tmp_path / "b", b"other", None, uid="1.2.4")
    with pytest.raises(InputError) as caught:
        read_volume(tmp_path, "\x1b]0;title\x07")
    assert "\x1b" not in str(caught.value) and "\r" not in str(caught.value)
    assert r"\x1b[2Jgone" in str(caught.value)
    assert read_volume(tmp_path, r"\x1b[2Jgone  Error: ok").voxels.shape == (1, 1, 4, 5)


def test_texts_of_any_length_are_listed_short(tmp_path: Path) -> None:
    for number in range(2):
        _save(tmp_path / str(number), b"x" * 5000, None, uid=f"1.2.{number}")
    with pytest.raises(InputError) as caught:
        read_volume(tmp_path)
    assert max(map(len, caught.value.cause.splitlines())) < 160


def test_numbers_of_series_may_be_no_numbers(tmp_path: Path) -> None:
    path = save_slice(tmp_path / "a", (0, 0, 0), SeriesNumber=None)
    assert read_volume(path).voxels.shape == (1, 1, 4, 5)
    assert read_volume(tmp_path, "T1").voxels.shape == (1, 1, 4, 5)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names that are no text")
def test_names_of_files_that_are_no_utf8(tmp_path: Path, level_package: Path) -> None:
    folder = tmp_path / os.fsdecode(b"Sch\xe4del")
    for number in range(3):
        save_slice(folder / os.fsdecode(b"IM\xe4%d" % number), (0, 0, number), number)
    assert read_volume(folder).voxels[0, :, 0, 0].tolist() == [0, 1, 2]
    (folder / os.fsdecode(b"IM\xe40")).write_bytes(b"")
    result = CliRunner().invoke(
        app, ["segment", str(folder), str(tmp_path / "o.nrrd"), "-m", str(level_package), "--json"]
    )
    error = json.loads(result.stdout_bytes.decode("utf-8"))["error"]
    assert result.exit_code == 3 and r"'IM\xe40' may be a slice" in error["cause"]
