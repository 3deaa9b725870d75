"""A host that is this computer: in place of ssh a program that starts what ssh would have started there."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
import tempfile
import unittest
from pathlib import Path

import qt
import support

NAME = "gpu-server"
_SSH = """
import os, pathlib, sys
folder = pathlib.Path(__file__).parent
(folder / "calls").open("a").write("x")
if (folder / "off").exists():
    sys.exit(print("ssh: connect to host {name} port 22: Connection refused", file=sys.stderr) or 255)
(folder / f"process-{{os.getpid()}}").touch()
os.environ["XDG_DATA_HOME"] = str(folder / "data")
os.environ["OMP_NUM_THREADS"] = "1"
{before}
os.execvp("sh", ["sh", "-c", sys.argv[-1]])
"""


class FarHost:
    """Args:
    folder: for all that belongs to it.
    before: lines of Python that run before a login.
    """

    def __init__(self, folder: Path, before: str = "") -> None:
        from UNetSegmentPlugin.running.worker_process import python_executable

        self.folder = folder
        self.url = f"ssh://me@{NAME}/{python_executable().removeprefix('/')}"
        program = folder / "ssh.py"
        program.write_text(_SSH.format(name=NAME, before=before), encoding="utf-8")
        command = shlex.join([sys.executable, str(program)])
        qt.QSettings().setValue("UNetSegment/FarSsh", command)

    @property
    def logins(self) -> int:
        """How often somebody has tried to log in."""
        calls = self.folder / "calls"
        return len(calls.read_text()) if calls.exists() else 0

    def break_connections(self) -> None:
        """Ends what runs there, as a cable that is pulled would."""
        for path in self.folder.glob("process-*"):
            with contextlib.suppress(OSError):
                os.kill(int(path.name.partition("-")[2]), signal.SIGKILL)
            path.unlink()

    def switch_off(self) -> None:
        """Nobody gets in any more."""
        (self.folder / "off").touch()
        self.break_connections()


def make(test: unittest.TestCase, before: str = "") -> FarHost:
    """A host for one test."""
    if sys.platform == "win32":
        test.skipTest("the stand-in for ssh starts a POSIX shell")
    place = tempfile.TemporaryDirectory(prefix="far-desk-")
    test.addCleanup(place.cleanup)
    host = FarHost(Path(place.name), before)
    test.addCleanup(host.break_connections)
    return host


def use(host: FarHost | None) -> None:
    """Runs go there; the user has agreed before. None: they stay here."""
    from UNetSegmentPlugin.running import hosts

    if host is None:
        hosts.choose(hosts.HERE)
        support.panel().panel.where.enter()
        support.panel().panel.advanced.place_changed()
        return
    hosts.agree(hosts.add(host.url))
    assert support.panel().panel.where.choose(host.url)
