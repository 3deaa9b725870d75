"""What a shared file system sees of a case: the calls below the folders of images and results, counted by strace."""

import re
import shutil
import sys
from collections import Counter
from pathlib import Path

from .growth import write_images
from .turns import Row, beside, in_turns, run

_CALL = re.compile(r"^\d+ +(\w+)\((.*)$")
_KINDS = {
    "look": ("stat", "lstat", "newfstatat", "statx", "access", "faccessat2", "readlink", "getdents64"),
    "open": ("open", "openat", "creat"),
    "make, rename, remove": (
        *("mkdir", "mkdirat", "rename", "renameat2", "unlink", "unlinkat", "rmdir"),
        *("chmod", "fchmodat"),
    ),
    "force to disk": ("fsync", "fdatasync"),
}


def measure(model, work, few=4, more=24):
    """A row: calls a case, from the difference of two runs; nothing where strace is missing."""
    if shutil.which("strace") is None:
        print("strace is not installed: the calls of a case are not counted")
        return []
    counts = {number: _calls(model, work / f"calls-{number}", number) for number in (few, more)}
    each = {kind: (counts[more][kind] - counts[few][kind]) / (more - few) for kind in _KINDS}
    words = ", ".join(f"{number:.1f} {kind}" for kind, number in each.items())
    return [Row("file operations of a case", "batch", 1, sum(each.values()), words, each)]


def real_driver(model, work, count):
    """A row of a real run of tiny cases: its pace, and what the process that drives it needs at most."""
    images = work / "in" / "tiny"
    shutil.rmtree(images, ignore_errors=True)
    write_images(images, count)
    code = (
        "import sys; from cohorts.growth import highest; from UNetSegmentLib.cli.app import app; "
        "app(sys.argv[1:], standalone_mode=False); print(highest())"
    )

    def real(folder):
        arguments = ["batch", images, "-o", folder, "-m", model, "--no-preview"]
        peak = int(run([sys.executable, "-c", code, *map(str, arguments)], extra=beside()).splitlines()[-1])
        return f"the process that drives it: {peak / 2**20:.0f} MB", {"peak": peak}

    return in_turns("tiny cases, real network", {f"{count}": real}, count, work, 1)


def _calls(model, folder, count):
    """Calls of each kind below ``folder`` of a run of ``count`` cases."""
    shutil.rmtree(folder, ignore_errors=True)
    write_images(folder / "images", count)
    log = folder.with_suffix(".strace")
    trace = ["strace", "-f", "-y", "-qq", "-s", "300", "-o", str(log), "-e", "trace=%file,fsync,fdatasync,getdents64"]
    command = ["-m", "UNetSegmentLib.cli", "batch", str(folder / "images"), "-o", str(folder / "results")]
    run([*trace, sys.executable, *command, "-m", str(model), "--no-preview"], threads=1)
    found = Counter()
    for line in Path(log).read_text(errors="replace").splitlines():
        match = _CALL.match(line)
        # What is asked of an open file (AT_EMPTY_PATH) is answered from memory.
        if match and str(folder) in match[2] and "AT_EMPTY_PATH" not in line and ', "",' not in line:
            found.update(kind for kind, names in _KINDS.items() if match[1] in names)
    log.unlink()
    shutil.rmtree(folder)
    return found
