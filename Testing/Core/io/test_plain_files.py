from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.io.plain_files import open_plain, read_limited, require_plain_file

needs_posix = pytest.mark.skipif(os.name == "nt", reason="pipes and devices lie in folders on POSIX only")


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.nii")
    return folder / "pipe.nii"


def _socket(folder: Path) -> Path:
    path = folder / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    return path


def _loose_link(folder: Path) -> Path:
    (folder / "link.nii").symlink_to(folder / "none.nii")
    return folder / "link.nii"


def _linked_pipe(folder: Path) -> Path:
    (folder / "link.nii").symlink_to(_pipe(folder))
    return folder / "link.nii"


@needs_posix
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder, "a folder"),
        (_pipe, "a pipe"),
        (_linked_pipe, "a pipe"),
        (lambda folder: Path("/dev/zero"), "a device"),
        (_socket, "a socket"),
        (_loose_link, "a link to something that is not there"),
        (lambda folder: folder / "none", "does not exist"),
        (lambda folder: folder / "a" / "b", "does not exist"),
        (lambda folder: folder / ("x" * 300), "cannot be opened"),
        (lambda folder: folder / "a\0b", "cannot be opened"),
    ],
)
def test_what_is_no_file_is_named_and_never_waited_for(tmp_path: Path, make, words: str) -> None:
    path = make(tmp_path)
    for opened in (require_plain_file, open_plain, lambda path: read_limited(path, 10)):
        with pytest.raises(InputError, match=words) as caught:
            opened(path)
        assert caught.value.cure


def test_text_without_its_mark_within_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "dataset.json"
    path.write_bytes(b"\xef\xbb\xbf{}")
    assert read_limited(path, 5) == "{}"
    with pytest.raises(InputError, match="larger than 4 bytes"):
        read_limited(path, 4)
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(InputError, match="not UTF-8"):
        read_limited(path, 10)
