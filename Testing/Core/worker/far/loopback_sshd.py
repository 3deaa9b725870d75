"""A real sshd on this computer for one test session: keys, port and configuration of its own."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from changing_folders import names_in

from UNetSegmentLib.worker.far.address import FarHost
from UNetSegmentLib.worker.transport.launch import default_environment

PATIENCE = 60.0
SSHD = shutil.which(
    "sshd", path=os.pathsep.join([os.defpath, os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
)
MISSING = "" if SSHD and shutil.which("ssh") and shutil.which("ssh-keygen") else "sshd and ssh are not installed"
_PRIVILEGES = Path("/run/sshd")


@dataclass(eq=False)
class LoopbackHost:
    """Args:
    folder: for all that belongs to it.
    port: that it listens on.
    process: sshd.
    closed: has a port at which nobody listens, and which nobody else can get meanwhile.
    """

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    closed: socket.socket
    alias: str = "loopback"
    made: list[Path] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """ssh's configuration that reaches it as ``loopback``."""
        return self.folder / "config"

    @property
    def ssh(self) -> tuple[str, ...]:
        """The ssh command."""
        return ("ssh", "-F", str(self.config))

    @property
    def ssh_text(self) -> str:
        """The same for a command line."""
        return f"ssh -F {self.config}"

    def host(self, python: Path | str | None = None) -> FarHost:
        """The address of a Python there; None is :meth:`python` as it is."""
        return FarHost(self.alias, python=str(python or self.python()))

    def python(
        self, name: str = "far python", before: str = "", library: Path | None = None, threads: str = "1"
    ) -> Path:
        """A program that is Python with this library, and a home of its own.

        Args:
            before: lines of sh that come first.
            library: that is put on the path instead.
            threads: that networks may use; empty: as many as they like.
        """
        path = self.folder / name
        if path not in self.made:
            where = library or Path(default_environment()["PYTHONPATH"].split(os.pathsep)[0])
            home = self.folder / "home"
            home.mkdir(exist_ok=True)
            limit = f"export OMP_NUM_THREADS={threads}" if threads else "unset OMP_NUM_THREADS"
            path.write_text(
                f"#!/bin/sh\n{before}\n{limit}\nexport PYTHONPATH='{where}' HOME='{home}' XDG_DATA_HOME=\n"
                f"export TMPDIR='{self.temporary}'\n"
                f"echo $$ > '{self.folder}/far.pid'\nexec '{sys.executable}' \"$@\"\n"
            )
            path.chmod(0o755)
            self.made.append(path)
        return path

    @property
    def far_pid(self) -> int:
        """Of the far end that was started last."""
        return int((self.folder / "far.pid").read_text())

    def left_behind(self) -> list[str]:
        """What there is in the far ends' folder for temporary files."""
        return [name for name in names_in(self.temporary) if name.startswith("unetsegment-")]

    def received(self) -> set[str]:
        """Names of the models that have been sent to it, and of those that are arriving."""
        folders = [parent for parent, _, _ in os.walk(self.folder / "home") if Path(parent).name == "received"]
        return {name for folder in folders for name in names_in(Path(folder))}

    @property
    def temporary(self) -> Path:
        """Where the far end keeps its files."""
        folder = self.folder / "tmp"
        folder.mkdir(exist_ok=True)
        return folder

    def stop(self) -> None:
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.wait()
        self.closed.close()


def start_sshd(folder: Path) -> LoopbackHost:
    """Starts one that takes connections. Raises RuntimeError with its words where it does not."""
    folder.chmod(0o700)
    _keys(folder)
    if os.getuid() == 0:
        # sshd of Debian wants it, and systemd, which makes it, need not be there.
        _PRIVILEGES.mkdir(mode=0o755, exist_ok=True)
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))
    # Somebody else may get the port first.
    for _ in range(5):
        port = _free_port()
        _configure(folder, port, closed.getsockname()[1])
        with (folder / "sshd.log").open("wb") as log:
            process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log)
        if _answers(port, process):
            return LoopbackHost(folder, port, process, closed)
        process.kill()
        process.wait()
    closed.close()
    raise RuntimeError((folder / "sshd.log").read_text(errors="replace"))


def _keys(folder: Path) -> None:
    for name in ("host_key", "user_key", "strange_key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
        subprocess.run(command, check=True)
    shutil.copy(folder / "user_key.pub", folder / "authorized_keys")


def _configure(folder: Path, port: int, closed: int) -> None:
    (folder / "sshd_config").write_text(
        f"""Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 100
PrintMotd no
"""
    )
    host_key = (folder / "host_key.pub").read_text().split()[:2]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {' '.join(host_key)}\n")
    (folder / "nobody_known").write_text("")
    other = (folder / "strange_key.pub").read_text().split()[:2]
    (folder / "other_known").write_text(f"[127.0.0.1]:{port} {' '.join(other)}\n")
    blocks = {
        "loopback": {},
        "refused": {"IdentityFile": folder / "strange_key"},
        "unknown": {"UserKnownHostsFile": folder / "nobody_known"},
        "changed": {"UserKnownHostsFile": folder / "other_known"},
        "closed": {"Port": closed},
    }
    usual = {
        "HostName": "127.0.0.1",
        "Port": port,
        "User": getpass.getuser(),
        "IdentityFile": folder / "user_key",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "UserKnownHostsFile": folder / "known_hosts",
        "GlobalKnownHostsFile": "none",
        "StrictHostKeyChecking": "yes",
    }
    lines = []
    for name, own in blocks.items():
        lines += [f"Host {name}", *(f"  {key} {value}" for key, value in {**usual, **own}.items())]
    (folder / "config").write_text("\n".join(lines) + "\n")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0) as probe:
            if probe.recv(4) == b"SSH-":
                return True
        time.sleep(0.02)
    return False
