"""Noticing that the client is gone."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable

from .. import processes

INTERVAL = 1.0


def watch_parent(pid: int, host: str, on_gone: Callable[[], None]) -> threading.Event:
    """Calls ``on_gone`` (on a thread of its own) once the process ``pid`` has ended.

    The end of stdin tells the same and sooner; this is for the case that somebody else, a launcher or another child of
    the client, still holds the pipe open. A client on another machine, or one that cannot be seen from here (a
    container), is not watched.

    Returns:
        An event that stops the watch when set.
    """
    stop = threading.Event()
    if host != platform.node() or not processes.alive(pid):
        return stop
    direct = os.getppid() == pid

    def watch() -> None:
        while not stop.wait(INTERVAL):
            # A direct parent that ended but was not yet waited for still counts as alive, but is no parent any more.
            if not processes.alive(pid) or (direct and os.getppid() != pid):
                on_gone()
                return

    threading.Thread(target=watch, name="parent", daemon=True).start()
    return stop
