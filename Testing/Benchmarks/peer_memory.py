"""Peak memory of a stretch of work, above what the process held before it."""

import threading
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class PeakMemory:
    """Context manager; ``above`` is the peak in bytes beyond the start.

    Linux counts the peak itself and lets one reset it; elsewhere a thread looks at it a hundred times a second.
    """

    def __enter__(self):
        self.above = 0
        self._thread = None
        self._before = _resident()
        try:
            _CLEAR.write_text("5")
        except OSError:
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_):
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
        else:
            self.above = _field("VmHWM") - self._before

    def _watch(self):
        while not self._stop.wait(0.01):
            self.above = max(self.above, _resident() - self._before)


def _resident():
    try:
        return _field("VmRSS")
    except OSError:
        import psutil

        return psutil.Process().memory_info().rss


def _field(name):
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024
