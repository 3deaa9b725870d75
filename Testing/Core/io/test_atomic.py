from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from UNetSegmentLib.errors import OutputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import atomic_path, check_writable, write_segmentation
from UNetSegmentLib.io.atomic import full_suffix, stem
from UNetSegmentLib.volume import Segmentation


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_success_replaces_the_target(tmp_path: Path) -> None:
    target = tmp_path / "a.nii.gz"
    target.write_text("old")
    with atomic_path(target) as temporary:
        assert temporary.parent == tmp_path and temporary.name.endswith(".nii.gz")
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert _names(tmp_path) == ["a.nii.gz"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failure_keeps_the_old_file_and_removes_the_temporary(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "a.seg.nrrd"
    target.write_text("old")
    with pytest.raises(error), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert _names(tmp_path) == ["a.seg.nrrd"]


def test_missing_folder_and_folder_as_target(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"does not exist.*Create it"):
        check_writable(tmp_path / "none" / "a.nii")
    with pytest.raises(OutputError, match="is a folder"):
        check_writable(tmp_path)
    check_writable(tmp_path / "a.nii")
    assert _names(tmp_path) == []


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError), atomic_path(tmp_path / "a.nii"):
        pass


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root and Windows ignore folder permissions")
def test_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="does not allow writing"):
            check_writable(tmp_path / "a.nii")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(not Path("/proc").is_dir() or os.name == "nt", reason="needs a read-only file system (Linux /proc)")
def test_file_system_that_cannot_be_written() -> None:
    with pytest.raises(OutputError):
        check_writable("/proc/a.nii")


def test_disk_full_keeps_the_old_file(tmp_path: Path) -> None:
    """A limit on file size makes the system refuse to write on, as a full disk does."""
    pytest.importorskip("resource", reason="file size limits are POSIX")
    target = tmp_path / "a.seg.nrrd"
    target.write_text("old")
    script = textwrap.dedent(
        f"""
        import resource, signal, sys
        import numpy as np
        from UNetSegmentLib.errors import OutputError
        from UNetSegmentLib.geometry import Geometry
        from UNetSegmentLib.io import write_segmentation
        from UNetSegmentLib.volume import Segmentation
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        voxels = np.random.default_rng(0).integers(0, 200, (60, 60, 60)).astype(np.uint8)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        try:
            write_segmentation(Segmentation(voxels, Geometry((60, 60, 60))), {str(target)!r})
        except OutputError as error:
            sys.stderr.write("refused: " + str(error))
        """
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert "refused" in result.stderr and "disk" in result.stderr
    assert target.read_text() == "old"
    assert _names(tmp_path) == ["a.seg.nrrd"]


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mha"])
def test_disk_full_in_other_formats(tmp_path: Path, ending: str) -> None:
    """In this process, with the limit put back afterwards."""
    resource = pytest.importorskip("resource", reason="file size limits are POSIX")
    voxels = np.random.default_rng(0).integers(0, 200, (40, 60, 60)).astype(np.uint8)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, before[1]))
    try:
        with pytest.raises(OutputError, match="disk"):
            write_segmentation(Segmentation(voxels, Geometry((60, 60, 40))), tmp_path / f"a{ending}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert _names(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "ending", "rest"),
    [
        ("a.nii.gz", ".nii.gz", "a"),
        ("a.b.SEG.NRRD", ".seg.nrrd", "a.b"),
        ("a.nrrd", ".nrrd", "a"),
        ("scan.v2.mha", ".mha", "scan.v2"),
        ("IM0001", "", "IM0001"),
    ],
)
def test_endings(name: str, ending: str, rest: str) -> None:
    assert full_suffix(name) == ending
    assert stem(name) == rest
