from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from worker_helpers import ENVIRONMENT, FAKE, RawWorker, Recorder, ended, until

from UNetSegmentLib.worker.client.client import WorkerClient
from UNetSegmentLib.worker.transport.pipes import SubprocessTransport


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., tuple[WorkerClient, Recorder]]]:
    """Starts clients of real processes; afterwards none is left, and no voxel file either."""
    clients: list[WorkerClient] = []
    pids: list[int] = []

    class Watched(Recorder):
        def on_ready(self, ready: Any) -> None:
            hello = self.client.hello
            assert hello is not None
            pids.append(hello.pid)
            super().on_ready(ready)

    def make(command: list[str] | None = None) -> tuple[WorkerClient, Recorder]:
        listener = Watched()
        client = WorkerClient(SubprocessTransport(), listener, tmp_path, command or FAKE, ENVIRONMENT)
        listener.client = client
        clients.append(client)
        return client, listener

    yield make
    for client in clients:
        client.shutdown()
    for pid in pids:
        until(lambda pid=pid: ended(pid), f"the end of process {pid}")
    assert not list(tmp_path.glob("unetsegment-*"))


@pytest.fixture
def library_log() -> Iterator[list[str]]:
    """What the library logs. (``caplog`` hears it only while nobody has told the library not to hand it on.)"""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    logger, handler = logging.getLogger("UNetSegmentLib"), Handler()
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
def raw() -> Iterator[RawWorker]:
    worker = RawWorker(FAKE)
    yield worker
    worker.close()
