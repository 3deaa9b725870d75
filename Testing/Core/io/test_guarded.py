"""Reading in a process of its own: what it gives is what reading here gives, and what ends it is an error here."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from changing_folders import sizes_below
from PIL import Image

from UNetSegmentLib.errors import Cancelled, InputError, ResourceError
from UNetSegmentLib.io import guarded, read_volume
from UNetSegmentLib.io.reader import Reader
from UNetSegmentLib.progress import CancelToken

_RGB = np.arange(9 * 8 * 3, dtype=np.uint8).reshape(9, 8, 3)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(_RGB).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of its own, to see what is left in it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def reader() -> Iterator[Reader]:
    it = Reader()
    yield it
    it.close()


def _ending(program: str, patience: float = 120.0) -> Reader:
    """A reader whose process does something else once it is asked."""
    start = "import os, sys, time, signal; line = sys.stdin.readline(); "
    return Reader([sys.executable, "-c", start + program], patience)


def test_the_same_volume_as_here(picture: Path, reader: Reader, temporary: Path) -> None:
    here = read_volume(picture)
    for _ in range(3):
        there = reader.begin(picture, None, False, None)()
        np.testing.assert_array_equal(there.voxels, here.voxels)
        assert (there.geometry, there.name, there.notes) == (here.geometry, here.name, here.notes)
        there.voxels[:] = 0  # ours to change
    assert list(temporary.iterdir()) == []


def test_a_series_of_slices(tmp_path: Path, reader: Reader) -> None:
    for n in range(3):
        image = sitk.GetImageFromArray(np.full((1, 4, 5), n, np.int16))
        values = {"0008|0060": "CT", "0020|0032": f"0\\0\\{n}", "0020|0037": "1\\0\\0\\0\\1\\0", "0020|000e": "1.2.3"}
        for tag, value in values.items():
            image.SetMetaData(tag, value)
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(tmp_path / f"{n}.dcm"))
        writer.Execute(image)
    there = reader.begin(tmp_path, None, False, None)()
    assert there.voxels[0, :, 0, 0].tolist() == [0, 1, 2] and there.name == tmp_path.name


def test_errors_cross_as_they_are(picture: Path, reader: Reader) -> None:
    picture.write_bytes(picture.read_bytes()[:50])
    with pytest.raises(InputError) as here:
        read_volume(picture)
    with pytest.raises(InputError) as there:
        reader.begin(picture, None, False, None)()
    assert (there.value.cause, there.value.cure) == (here.value.cause, here.value.cure)


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
@pytest.mark.parametrize(
    ("program", "error", "words"),
    [
        ("os.abort()", InputError, r"'photo\.png' cannot be read: it made the library .* end its process \(SIGABRT\)"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", InputError, "SIGSEGV"),
        ("sys.exit(3)", InputError, r"\(exit code 3\)"),
        ("print('half an answer', end='')", InputError, r"\(exit code 0\)"),
        ("os.kill(os.getpid(), signal.SIGKILL)", ResourceError, "ended by the system, most likely for its memory"),
        (
            "os.write(2, b'''reading 'a.dcm'\\nread 'a.dcm'\\nreading 'b.dcm'\\n'''); os.abort()",
            InputError,
            r"at 'b\.dcm' it made the library",
        ),
    ],
)
def test_a_process_that_ends_is_an_error(picture: Path, temporary: Path, program: str, error: type, words: str) -> None:
    ending = _ending(program)
    with pytest.raises(error, match=words) as caught:
        ending.begin(picture, None, False, None)()
    assert caught.value.cure and list(temporary.iterdir()) == []


def test_a_killed_process_is_replaced(picture: Path, reader: Reader) -> None:
    reader.begin(picture, None, False, None)()
    assert reader._process is not None
    reader._process.kill()
    reader._process.wait()
    np.testing.assert_array_equal(reader.begin(picture, None, False, None)().voxels[:, 0], np.moveaxis(_RGB, -1, 0))


def test_what_finds_no_end_is_stopped(picture: Path, temporary: Path) -> None:
    hanging = _ending("time.sleep(60)", patience=0.3)
    started = time.monotonic()
    with pytest.raises(InputError, match=r"Reading 'photo\.png' took more than"):
        hanging.begin(picture, None, False, None)()
    assert time.monotonic() - started < 30 and list(temporary.iterdir()) == []


def test_cancelling_stops_the_process(picture: Path) -> None:
    hanging, cancel = _ending("time.sleep(60)"), CancelToken()
    collect = hanging.begin(picture, None, False, cancel)
    process = hanging._process
    threading.Timer(0.2, cancel.cancel).start()
    with pytest.raises(Cancelled):
        collect()
    assert process is not None and process.poll() is not None


def test_headers_of_volumes_need_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Reader:
        raise AssertionError("no process is needed")

    monkeypatch.setattr(guarded, "_reader", refuse)
    for ending in ("nii", "nii.gz", "nrrd", "mha", "mhd", "nhdr", "img"):
        sitk.WriteImage(sitk.GetImageFromArray(np.zeros((2, 3, 4), np.int16)), str(tmp_path / f"a.{ending}"))
        assert guarded.read_volume(tmp_path / f"a.{ending}").voxels.shape == (1, 2, 3, 4)
        assert guarded.read_segmentation(tmp_path / f"a.{ending}").voxels.shape == (2, 3, 4)


def test_a_program_that_is_no_python_reads_here(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "SlicerApp-real")
    assert guarded.read_volume(picture).voxels.shape == (3, 1, 9, 8)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL") or not Path("/proc/self/fd").is_dir(), reason="needs Linux")
def test_voxels_lie_in_no_file_with_a_name(picture: Path, reader: Reader, temporary: Path) -> None:
    collect = reader.begin(picture, None, False, None)
    while sizes := sizes_below(temporary):
        assert not any(sizes.values())
        time.sleep(0.01)
    assert collect().voxels.shape == (3, 1, 9, 8)
