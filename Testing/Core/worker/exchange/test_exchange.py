from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from UNetSegmentLib.errors import InputError, OutputError
from UNetSegmentLib.worker.exchange.mapped import read_array, take_array, write_array
from UNetSegmentLib.worker.protocol.encoding import ArrayFile


@pytest.mark.parametrize("dtype", ["bool", "u1", "i2", ">i2", "u4", "i8", "f2", "f4", ">f8"])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (3, 4), (7,), (0, 3)])
def test_arrays_come_back_bit_for_bit(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    noise = np.random.default_rng(0).bytes(int(np.prod(shape)) * np.dtype(dtype).itemsize)
    array = np.frombuffer(noise, dtype).reshape(shape) if dtype != "bool" else np.ones(shape, bool)
    back = read_array(write_array(array, tmp_path / "a.raw"))
    assert back.dtype == array.dtype and back.shape == shape and back.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a.transpose(0, 3, 2, 1),
        lambda a: a[:, ::-1, :, ::2],
        lambda a: a.transpose(3, 2, 1, 0)[1:],
        lambda a: np.asfortranarray(a),
        lambda a: np.broadcast_to(a[:, :1], a.shape),
        lambda a: a[0, 0].T,
    ],
)
def test_views_are_written_in_their_own_order(tmp_path: Path, view: Any) -> None:
    array = view(np.arange(2 * 3 * 4 * 5, dtype=np.int16).reshape(2, 3, 4, 5))
    assert np.array_equal(read_array(write_array(array, tmp_path / "a.raw")), array)


def test_reading_maps_and_never_writes_back(tmp_path: Path) -> None:
    file = write_array(np.zeros((2, 2), np.float32), tmp_path / "a.raw")
    read_array(file)[:] = 1
    assert not read_array(file).any()


@pytest.mark.parametrize("copy", [True, False])
def test_taking_removes_the_file_and_keeps_the_voxels(tmp_path: Path, copy: bool) -> None:
    array = np.arange(6.0).reshape(2, 3)
    taken = take_array(write_array(array, tmp_path / "a.raw"), copy)
    assert np.array_equal(taken, array) and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("shape", "dtype", "words"),
    [
        ((3, 4), "<f4", "holds 24 bytes instead of 48"),
        ((2, 3), "|O", "cannot be read"),
        ((2, 3), "nonsense", "no type of voxels"),
        ((2, 3), "4294967296f4", "no type of voxels"),
        ((2, 3), "f4,(", "no type of voxels"),
        ((-1, 3), "<f4", "cannot be read"),
        ((2**40, 2**40), "<f4", "instead of"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, shape: Any, dtype: str, words: str) -> None:
    file = write_array(np.zeros((2, 3), np.float32), tmp_path / "a.raw")
    with pytest.raises(InputError, match=words):
        read_array(ArrayFile(file.path, shape, dtype))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_array(ArrayFile(str(tmp_path / "none"), (1,), "<f4"))


def test_odd_voxels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="complex128"):
        write_array(np.zeros(3, complex), tmp_path / "a.raw")


def test_too_little_space_is_told_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10}))
    with pytest.raises(OutputError, match="0 MB are free") as error:
        write_array(np.zeros(1000), tmp_path / "a.raw")
    assert "Free some space" in error.value.cure and not list(tmp_path.iterdir())


@pytest.mark.parametrize("held", [False, True])
def test_a_disk_that_fills_up_leaves_no_part(held: bool) -> None:
    """A real write that the system stops half-way, in a process of its own that may write 10 kB at most."""
    resource = pytest.importorskip("resource")
    del resource
    script = """
import resource, signal, sys, tempfile
from pathlib import Path
import numpy as np
from UNetSegmentLib.errors import OutputError
from UNetSegmentLib.worker.exchange.mapped import write_array
from UNetSegmentLib.worker.exchange.folders import HeldFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
with tempfile.TemporaryDirectory() as folder:
    path, held = Path(folder) / "a.raw", sys.argv[1] == "held"
    file = HeldFile(path) if held else None
    try:
        write_array(np.zeros(10_000), file.path if file else path, held)
    except OutputError as error:
        if file:
            file.release()
        print(error.code, "Free some space" in error.cure, list(Path(folder).iterdir()))
"""
    command = [sys.executable, "-c", script, "held" if held else "named"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "cannot-write True []"


def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = Path(write_array(np.zeros(3), tmp_path / "a.raw").path)
    assert os.name != "posix" or path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", ["written", "folder", "pipe", "missing"])
def test_only_an_empty_file_that_is_held_for_it_is_written_to(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "slot"
    if kind == "written":
        path.write_bytes(b"precious")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("no pipes with names here")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(OutputError):
        write_array(np.zeros(3), path, held=True)
    if kind == "pipe":
        os.close(reader)
    assert kind != "written" or path.read_bytes() == b"precious"


def test_a_pipe_is_no_file_of_voxels(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes with names here")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="no file of voxels"):
        read_array(ArrayFile(str(tmp_path / "pipe"), (0,), "<f4"))


@pytest.mark.parametrize("path", ["/a\0b", "/a\udcffb\ud800", "x" * 5000])
def test_paths_that_no_system_knows_are_refused(path: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_array(ArrayFile(path, (1,), "<f4"))
    with pytest.raises(OutputError):
        write_array(np.zeros(1), Path(path))


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_text("precious")
    with pytest.raises(OutputError):
        write_array(np.zeros(3), tmp_path / "a.raw")
    assert (tmp_path / "a.raw").read_text() == "precious"


def test_no_permission_has_its_own_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OutputError, match="Permission denied") as error:
        write_array(np.zeros(3), tmp_path / "a.raw")
    assert "may write" in error.value.cure
