"""Deflated files: nothing unpacks one that memory does not hold, and one that is damaged is said to be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_files import image, save
from pydicom.uid import DeflatedExplicitVRLittleEndian

from UNetSegmentLib.errors import InputError, ResourceError, ServerError
from UNetSegmentLib.io import read_volume
from UNetSegmentLib.io.dicom import opening
from UNetSegmentLib.io.dicom.header import Broken, read_header
from UNetSegmentLib.io.dicom.opening import read_dataset
from UNetSegmentLib.io.dicom_objects.reading import image_grid, recognition, rtstruct, seg_frames
from UNetSegmentLib.io.dicomweb import Server, fetching, storing

SERVER = Server("https://here.example.org")
READERS: list[Callable[[Path], object]] = [
    lambda path: fetching._name(SERVER, path, "1.2"),
    storing._read,
    rtstruct._opened,
    seg_frames.segments_header,
    read_dataset,
]
QUIET: list[Callable[[Path], object]] = [recognition.is_seg, image_grid._space_of]


@pytest.fixture
def deflated(tmp_path: Path) -> Path:
    """A small file that unpacks to 30 MB."""
    data = image(np.zeros((4, 5), np.int16), syntax=DeflatedExplicitVRLittleEndian, ImagePositionPatient=[0, 0, 0])
    data.add_new(0x00091001, "OB", b"\0" * 30_000_000)
    return save(data, tmp_path / "a.dcm")


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nobody unpacks."""
    monkeypatch.setattr("UNetSegmentLib.budget.available_memory", lambda swap=False: 20_000_000)
    monkeypatch.setattr("pydicom.filereader.zlib.decompress", lambda *args: pytest.fail("It was unpacked."))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.usefixtures("little_memory")
def test_a_bomb_is_unpacked_by_nobody(read: Callable[[Path], object], deflated: Path) -> None:
    with pytest.raises(ResourceError, match=r"Unpacking 'a\.dcm' would take"):
        read(deflated)


@pytest.mark.parametrize("look", QUIET)
@pytest.mark.usefixtures("little_memory")
def test_a_bomb_is_not_unpacked_by_a_look_either(look: Callable[[Path], object], deflated: Path) -> None:
    assert not look(deflated)


@pytest.mark.parametrize(
    "hide", [lambda whole: whole[:140] + b"\x02\0\0\0" + whole[144:], lambda whole: _padded(whole, 100_000)]
)
@pytest.mark.usefixtures("little_memory")
def test_a_bomb_cannot_hide_behind_its_first_group(hide: Callable[[bytes], bytes], deflated: Path) -> None:
    deflated.write_bytes(hide(deflated.read_bytes()))
    with pytest.raises(ResourceError, match="Unpacking"):
        read_dataset(deflated)


def _padded(whole: bytes, size: int) -> bytes:
    """With a long element after the group's length, which comes before the transfer syntax."""
    return whole[:144] + b"\x02\0\x01\0OB\0\0" + size.to_bytes(4, "little") + bytes(size) + whole[144:]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("damage", [lambda whole: whole[:-20], lambda whole: whole[:600] + b"\xff" * 400])
def test_a_damaged_one_is_said_to_be(
    damage: Callable[[bytes], bytes], read: Callable[[Path], object], deflated: Path
) -> None:
    deflated.write_bytes(damage(deflated.read_bytes()))
    with pytest.raises((InputError, ServerError)) as raised:
        read(deflated)
    assert raised.value.cause
    assert raised.value.cure


@pytest.mark.parametrize("damage", [lambda whole: whole[:-20], lambda whole: whole[:600] + b"\xff" * 400])
def test_a_damaged_one_is_a_damaged_image(damage: Callable[[bytes], bytes], deflated: Path) -> None:
    deflated.write_bytes(damage(deflated.read_bytes()))
    assert isinstance(read_header(deflated), Broken)
    with pytest.raises(InputError, match="is damaged"):
        read_volume(deflated)


def test_a_file_that_only_names_the_syntax_is_read(tmp_path: Path) -> None:
    data = image(np.zeros((4, 5), np.int16), ImagePositionPatient=[0, 0, 0])
    data.ImageComments = str(DeflatedExplicitVRLittleEndian)
    assert read_volume(save(data, tmp_path / "a.dcm")).voxels.shape == (1, 1, 4, 5)


def test_nothing_reads_files_of_others_past_the_check() -> None:
    root = Path(opening.__file__).parents[2]
    users = {path.relative_to(root).as_posix() for path in root.rglob("*.py") if "dcmread(" in path.read_text("utf-8")}
    assert users == {
        "io/dicom/opening.py",
        "io/dicom/header.py",
        "io/dicom_objects/reading/seg_frames.py",
        "io/dicom_objects/writing/report.py",
    }
