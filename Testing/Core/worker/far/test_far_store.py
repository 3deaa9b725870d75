"""Models that were sent to a host: found by their digests, and removed where nobody asks for them any more."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from UNetSegmentLib.worker.far.packages import digest_at
from UNetSegmentLib.worker.far.store import ModelStore

_DAY = 24 * 3600


def sent(package: Path, folder: Path) -> str:
    """Stores a package as a far end does; its digest."""
    store, digest = ModelStore(folder), digest_at(package)
    assert digest is not None
    store.begin()
    for file in package.iterdir():
        shutil.copyfile(file, store.place(file.name))
    assert store.end(digest) == folder / digest
    return digest


def test_models_that_nobody_asks_for_go_when_another_arrives(
    tmp_path: Path, make_level_package: Callable[..., Path]
) -> None:
    folder = tmp_path / "received"
    unused, used, strange = (make_level_package(3, 1, name=f"model-{n}") for n in range(3))
    unused_digest, used_digest = sent(unused, folder), sent(used, folder)
    (folder / "notes").mkdir()
    long_ago = time.time() - 91 * _DAY
    for path in folder.iterdir():
        os.utime(path, (long_ago, long_ago))
    assert ModelStore(folder).find(used_digest, "") == folder / used_digest
    assert (folder / unused_digest).is_dir()
    last = sent(strange, folder)
    assert {path.name for path in folder.iterdir()} == {used_digest, last, "notes"}
    assert ModelStore(folder).find(unused_digest, "") is None
