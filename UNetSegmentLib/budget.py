"""How much memory there is, and what to say when something asks for more.

A header of a few bytes can ask for any number of voxels. Whoever is about to allocate works out first what that takes
and calls :func:`require_memory`; what runs out of memory all the same passes through :func:`memory_guard`, so that both
end in the same sentence: what it would take, what is there, how to change it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import ResourceError

_CGROUPS = Path("/sys/fs/cgroup")
_UNITS = ("bytes", "kB", "MB", "GB", "TB")
# What numpy, torch, SimpleITK and the C++ library say where memory ran out.
_SIGNS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "failed to allocate memory",
    "unable to allocate",
    "alloc_cpu",
    "bad_alloc",
    "bad allocation",
    "failed to map segment",
    "paging file is too small",
    "can't start new thread",
)
_TORCH_OUT_OF_MEMORY = "OutOfMemoryError"


def available_memory(swap: bool = False) -> int:
    """Bytes of main memory that this process could take now: free, or given back at once when asked for.

    The limits of a container or batch job (control groups of both versions, ``ulimit -v``) count as the machine's own.

    Args:
        swap: count what could be moved out to disk as well: slow, but it works.
    """
    if sys.platform.startswith("linux"):
        return _linux(swap)
    if sys.platform == "win32":
        return _windows(swap)
    return _mac()


def require_memory(need: int, what: str, cure: str) -> None:
    """Refuses what cannot fit, before it is allocated.

    Args:
        need: bytes.
        what: that takes them, as the subject of a sentence: "The image 'a.nii.gz' (40 x 512 x 512 voxels)".
        cure: how to ask for less.

    Raises:
        ResourceError: there is less, swap included.
    """
    there = available_memory(swap=True)
    if need > there:
        raise ResourceError(f"{what} would take {size_words(need)} of memory; {size_words(there)} are free.", cure)


@contextlib.contextmanager
def memory_guard(what: str, cure: str) -> Iterator[None]:
    """Turns running out of memory inside the block, whichever library it happened in, into a sentence.

    Args:
        what: was being done, as the end of "Memory ran out while ...": "reading 'a.nii.gz'".
        cure: how to ask for less.

    Raises:
        ResourceError: memory ran out.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise ResourceError(
            f"Memory ran out while {what} ({size_words(available_memory())} are free).", cure, repr(error)
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a library said that memory ran out: a MemoryError, the RuntimeError of torch, ITK or C++, or the system's
    refusal to load a library or to start a thread."""
    if isinstance(error, MemoryError) or type(error).__name__ == _TORCH_OUT_OF_MEMORY:
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError | ImportError | OSError) and any(sign in text for sign in _SIGNS)


def out_of_memory(error: BaseException) -> ResourceError:
    """The sentence for memory that ran out where nothing more is known."""
    return ResourceError(
        f"Memory ran out ({size_words(available_memory())} are free).",
        "Close other programs, choose a smaller image or region, or the preset 'fast'.",
        repr(error),
    )


def size_words(size: float) -> str:
    """A number of bytes for people: ``"7.9 GB"`` (a GB is 1000 MB, as on the label of a disk)."""
    value, unit = float(min(size, 1e300)), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value /= 1000
        unit += 1
    if value >= 1e5:
        return f"more than 100,000 {_UNITS[unit]}"
    digits = 0 if unit == 0 or value >= 99.5 else 1
    return f"{value:,.{digits}f} {_UNITS[unit]}"


def _linux(swap: bool) -> int:
    counted = {"MemAvailable", "SwapFree"} if swap else {"MemAvailable"}
    lines = (line.partition(":") for line in Path("/proc/meminfo").read_text().splitlines())
    free = sum(int(value.split()[0]) * 1024 for name, _, value in lines if name in counted)
    return max(int(min(free, _group_free(), _address_space_free())), 0)


def _group_free() -> float:
    """What the control groups of this process leave; endless where none has a limit."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return math.inf
    left = math.inf
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            names, root = ("memory.max", "memory.current", "inactive_file"), _CGROUPS
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            root = _CGROUPS / "memory"
        else:
            continue
        # A limit of any group above counts too. In a container the path may be the host's; its own group is the root.
        group = root / path.lstrip("/")
        for folder in (group, *group.parents):
            left = min(left, _left_in(folder, *names))
            if folder == root:
                break
    return left


def _left_in(folder: Path, limit: str, used: str, cache: str) -> float:
    try:
        most = int((folder / limit).read_text())  # "max" is no number and no limit
        taken = int((folder / used).read_text())
    except (OSError, ValueError):
        return math.inf
    # Files read lately count as used, but make room at once.
    cached = 0
    with contextlib.suppress(OSError, ValueError):
        for line in (folder / "memory.stat").read_text().splitlines():
            if line.startswith(f"{cache} "):
                cached = int(line.split()[1])
    return most - taken + cached


def _address_space_free() -> float:
    """What ``ulimit -v`` leaves; endless where there is none."""
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return math.inf
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return soft - pages * resource.getpagesize()


def _windows(swap: bool) -> int:
    class Status(ctypes.Structure):
        _fields_ = [
            ("length", ctypes.c_uint32),
            ("load", ctypes.c_uint32),
            *[
                (name, ctypes.c_uint64)
                for name in ("total", "free", "total_commit", "free_commit", "total_virtual", "free_virtual", "more")
            ],
        ]

    status = Status(length=ctypes.sizeof(Status))
    kernel: Any = ctypes.windll.kernel32  # type: ignore[attr-defined]
    kernel.GlobalMemoryStatusEx(ctypes.byref(status))
    return int(status.free_commit if swap else min(status.free, status.free_commit))


def _mac() -> int:
    report = subprocess.run(["vm_stat"], capture_output=True, encoding="utf-8", check=True).stdout.splitlines()
    page = int(report[0].split("page size of")[1].split()[0])
    counted = ("Pages free", "Pages inactive", "Pages purgeable", "Pages speculative")
    return sum(int(line.split(":")[1].strip(" .")) for line in report if line.startswith(counted)) * page
