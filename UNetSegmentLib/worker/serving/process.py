"""The worker as a process: signals, native faults, and the end."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
import sys

from .server import Engine, Server
from .stdio import Channel


def serve(engine: Engine, channel: Channel) -> None:
    """Runs a server on ``channel`` until it is over, then ends the process.

    Ctrl-C is left to the client, who is in the same terminal. A native fault writes its Python stack to stderr, where
    the client keeps it for the bug report.
    """
    with contextlib.suppress(ValueError, OSError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable(sys.__stderr__ or 2)
    code = Server(engine, channel).run()
    logging.shutdown()
    # Not sys.exit: native libraries that are torn down in a bad order at exit must not turn success into a crash.
    os._exit(code)
