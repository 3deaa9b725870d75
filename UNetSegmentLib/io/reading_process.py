"""The process in which strangers' pictures and DICOM files are read: ``python -m UNetSegmentLib.io.reading_process``.

Their decoders are C and C++ libraries, and a broken file can end the process that they run in. Here that is an answer
which does not come, which :mod:`.guarded` on the other side turns into an error. One JSON line on standard input asks
for one image; its voxels go into the file that the line names, which this side removes before it writes to it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import UNetSegmentError
from ..volume import Volume
from .reading import read_volume

# Nobody has asked for this long: the next one starts a new process.
IDLE_SECONDS = 120.0
_CORE_SHARE = 0.95


def main() -> None:
    """Answers until standard input ends or nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the other side decides
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not become an answer
    _log_files()
    _limit_memory()
    while True:
        idle = _idle_timer()
        line = sys.stdin.buffer.readline()
        idle.cancel()
        if not line:
            return
        answers.write(json.dumps(_answer(json.loads(line))).encode() + b"\n")
        answers.flush()


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(Path(request["voxels"]).open("wb"))
        if os.name != "nt":
            Path(request["voxels"]).unlink()
        try:
            path = Path(os.fsdecode(bytes.fromhex(request["path"])))
            volume = read_volume(path, request["series"], further_as_channels=request["further_as_channels"])
            return _written(volume, file)
        except UNetSegmentError as error:
            return {"code": error.code, "cause": error.cause, "cure": error.cure, "detail": error.detail}
        except MemoryError as error:
            return {"memory": repr(error)}
        except OSError as error:
            return {"system": error.strerror or str(error), "errno": error.errno}
        except Exception as error:
            return {"unexpected": repr(error)}


def _written(volume: Volume, file: BinaryIO) -> dict[str, Any]:
    geometry = volume.geometry
    for channel in volume.voxels:
        file.write(channel.data.cast("B"))
    return {
        "dtype": volume.voxels.dtype.str,
        "shape": volume.voxels.shape,
        "size": geometry.size,
        "spacing": geometry.spacing,
        "origin": geometry.origin,
        "direction": geometry.direction,
        "notes": volume.notes,
        "modality": volume.modality,
        "series": volume.series,
    }


def _log_files() -> None:
    """Lets standard error tell which file a library is at: the last words of a process that ends."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger(f"{__package__}.itk")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False


def _limit_memory() -> None:
    """Lets asking for too much fail here, rather than the system end the largest process of the machine."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    from ..budget import available_memory

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = taken + int(available_memory(swap=True) * _CORE_SHARE)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _idle_timer() -> threading.Timer:
    timer = threading.Timer(IDLE_SECONDS, os._exit, (0,))
    timer.daemon = True
    timer.start()
    return timer


if __name__ == "__main__":
    main()
