"""The private folder: whose it is, what is in it, and when it goes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from worker_helpers import Recorder, request

from UNetSegmentLib.errors import OutputError
from UNetSegmentLib.worker.client.client import WorkerClient
from UNetSegmentLib.worker.exchange import folders
from UNetSegmentLib.worker.exchange.folders import ExchangeFolder, HeldFile, folder_prefix, remove_abandoned, sweep
from UNetSegmentLib.worker.exchange.mapped import read_array, write_array
from UNetSegmentLib.worker.transport.pipes import SubprocessTransport

HOLDER = """
import sys, time
from UNetSegmentLib.worker.exchange.folders import ExchangeFolder
folder = ExchangeFolder(sys.argv[1])
print(folder.path, flush=True)
sys.stdin.read()
"""


def held_of(folder: Path) -> list[str]:
    """Files of a folder that this process holds open, with a name or without."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            found.append(str(link.readlink()))
    return [path for path in found if path.startswith(f"{folder.resolve()}/")]


@pytest.fixture(params=["where the system allows", "with a name"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExchangeFolder:
    if request.param == "with a name":
        monkeypatch.setattr(folders, "_is_same", lambda path, handle: False)
    return ExchangeFolder(tmp_path)


def test_the_folder_is_private_and_goes(folder: ExchangeFolder) -> None:
    files = [folder.file("x"), folder.file("x")]
    assert len({file.path for file in files}) == 2
    if os.name == "posix":
        assert folder.path.stat().st_mode & 0o777 == 0o700
        assert all(file.path.stat().st_mode & 0o777 == 0o600 for file in files)
    folder.remove()
    folder.remove()
    assert not folder.path.exists()


def test_a_held_file_is_written_read_and_let_go(folder: ExchangeFolder) -> None:
    file = folder.file("x")
    array = np.arange(6.0).reshape(2, 3)
    taken = read_array(write_array(array, file.path, held=True))
    path = file.path
    file.release()
    file.release()
    assert np.array_equal(taken, array)
    assert not path.exists() and not file.path.exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have no /proc")
def test_on_linux_no_voxel_ever_has_a_name(tmp_path: Path) -> None:
    file = HeldFile(tmp_path / "a.raw")
    write_array(np.zeros(1000), file.path, held=True)
    assert len(held_of(tmp_path)) == 1
    assert not list(tmp_path.iterdir())
    # Another process of the same user reaches it all the same.
    script = "import os, sys; print(os.stat(sys.argv[1]).st_size)"
    seen = subprocess.run(
        [sys.executable, "-c", script, str(file.path)], capture_output=True, encoding="utf-8", check=True
    )
    assert int(seen.stdout) == 8000
    file.release()
    assert not held_of(tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for where in ("missing", "file"):
        client = WorkerClient(SubprocessTransport(), Recorder(), tmp_path / where)
        with pytest.raises(OutputError) as error:
            client.segment(request("m"))
        assert error.value.cure and str(tmp_path / where) in error.value.cause


def test_what_a_dead_client_left_is_swept(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    orphan = tmp_path / f"{folder_prefix(dead.pid)}abc"
    living = tmp_path / f"{folder_prefix(os.getpid())}abc"
    elsewhere = tmp_path / f"unetsegment-0123abcd-{dead.pid}-abc"
    foreign = tmp_path / "unetsegment-notes"
    for folder in (orphan, living, elsewhere, foreign):
        folder.mkdir()
        (folder / "1-input.raw").write_bytes(b"x")
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (treasure / "map").write_text("x")
    (tmp_path / f"{folder_prefix(dead.pid)}link").symlink_to(treasure, target_is_directory=True)
    ExchangeFolder(tmp_path)
    assert not orphan.exists()
    for folder in (living, elsewhere, foreign):
        assert (folder / "1-input.raw").exists(), folder
    assert (treasure / "map").exists()


def test_a_living_clients_folder_stays_and_goes_with_the_next_one_after_its_death(tmp_path: Path) -> None:
    client = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert client.stdout is not None
    path = Path(client.stdout.readline().strip())
    os.utime(path, (0, 0))
    sweep(tmp_path)
    remove_abandoned(path)
    assert path.exists()
    client.kill()
    client.communicate()
    sweep(tmp_path)
    assert not path.exists()


def test_a_number_that_another_process_has_got_protects_nothing(tmp_path: Path) -> None:
    """The lock tells, not the process number: this very process lives, and does not hold the lock."""
    path = tmp_path / f"{folder_prefix(os.getpid())}abc"
    path.mkdir()
    (path / "lock").touch()
    sweep(tmp_path)
    assert path.exists(), "it may just be being made"
    long_ago = time.time() - 3600
    os.utime(path, (long_ago, long_ago))
    sweep(tmp_path)
    assert not path.exists()
