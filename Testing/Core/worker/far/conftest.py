from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from loopback_sshd import MISSING, LoopbackHost, start_sshd


@pytest.fixture(scope="session")
def loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackHost]:
    """This computer, reached through a real sshd. Absent: skipped, but an error on the CI machine."""
    if MISSING or sys.platform == "win32":
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING or "no sshd of our own on Windows")
    host = start_sshd(tmp_path_factory.mktemp("sshd"))
    yield host
    host.stop()
