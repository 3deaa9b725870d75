"""What can go wrong between this computer and the host, told with the command that cures it."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

from ...version import __version__
from ..errors import WorkerError
from .address import PYTHON, FarHost

SAID = "UNETSEGMENT-FAR"
"""How a line begins that the first lines of Python on the host write on stderr."""
LEAST_PYTHON = (3, 11)
_SOURCE, _OWN = "unetsegment-source", "~/unetsegment/bin/python"  # of the page on far workers
_LEAST = ".".join(map(str, LEAST_PYTHON))

# What ssh says, in lower case, and what it means; the first that fits. {login}, {host}, {port} and {ssh} are filled in.
_SSH_WORDS = (
    ("could not resolve hostname", "There is no host '{host}'.", "Check the name; 'ssh {login}' must work by itself."),
    (
        "remote host identification has changed",
        "The host key of {host} is another one than before: it was installed anew, or somebody stands between.",
        "Ask who looks after the host. If the change is right: ssh-keygen -R {known}, then log in once with {ssh}.",
    ),
    (
        "host key verification failed",
        "The host key of {host} is not known to this computer yet.",
        "Log in once in a terminal, compare the key and say yes: {ssh}",
    ),
    (
        "permission denied",
        "{host} does not let {who} in: no key of this computer fits.",
        "Put your key there (ssh-copy-id {login}), or load it into the agent (ssh-add); '{ssh}' must work without a"
        " password.",
    ),
    (
        "too many authentication failures",
        "{host} was offered too many keys that do not fit.",
        "Name the right one in ~/.ssh/config (IdentityFile, IdentitiesOnly yes).",
    ),
    ("connection refused", "{host} refuses connections{port}.", "Check that sshd runs there, and on which port."),
    ("no route to host", "{host} cannot be reached.", "Check that it is on, and the network or VPN."),
    ("network is unreachable", "{host} cannot be reached.", "Check the network or VPN."),
    ("timed out", "{host} does not answer.", "Check that it is on, and the network, VPN or firewall."),
    ("bad configuration option", "ssh does not understand its configuration.", "Mend the file that it names."),
)


def far_error(code: str, cause: str, cure: str = "", detail: str = "") -> WorkerError:
    """An error of a far worker."""
    return WorkerError(cause, cure, detail, code)


def ssh_by_hand(host: FarHost) -> str:
    """The command with which a user logs in."""
    return " ".join(["ssh", *(["-p", str(host.port)] if host.port else []), host.login])


def install_command(host: FarHost) -> str:
    """What brings this version of the library to the host, given in a copy of its source.

    The system's own Python gets an environment, since most Linux systems let pip install nothing into theirs (PEP 668).
    """
    copy = f"scp -r{f' -P {host.port}' if host.port else ''} . {_of_scp(host)}:{_SOURCE}"
    own = host.python_word
    make = f"{PYTHON} -m venv unetsegment && unetsegment/bin/python" if host.python == PYTHON else own
    return f"{copy} && {ssh_by_hand(host)} {shlex.quote(f'{make} -m pip install ./{_SOURCE}')}"


def _install_words(host: FarHost) -> str:
    where = f", and name it in the address: {replace(host, python=_OWN).url}" if host.python == PYTHON else ""
    return f"From a copy of UNetSegment {__version__}: {install_command(host)}{where}"


def _of_scp(host: FarHost) -> str:
    name = f"[{host.host}]" if ":" in host.host else host.host
    return f"{host.user}@{name}" if host.user else name


def opening_error(host: FarHost, code: int | None, said: str) -> WorkerError:
    """Why no far end has answered.

    Args:
        code: ssh's exit code: 255 for itself, otherwise that of the command on the host; None: it had to be ended.
        said: what came on stderr.
    """
    told = re.search(rf"{SAID} (python|library|old) ?(\S*)", said)
    if told:
        return _lacking(host, told[1], told[2], said)
    if code in (126, 127):
        return far_error(
            WorkerError.FAR_NO_PYTHON,
            f"There is no Python called '{host.python}' on {host.host}.",
            f"Install Python {_LEAST} or newer there, or name it in the address: ssh://{host.login}/path/to/python.",
            said,
        )
    lowered = said.lower()
    for words, cause, cure in _SSH_WORDS if code == 255 else ():
        if words in lowered:
            return _unreachable(host, cause, cure, said)
    if code is None:
        return _unreachable(
            host, "{host} was reached but has not answered in time.", "Log in by '{ssh}': what hangs?", said
        )
    last = next((line for line in reversed(said.splitlines()) if line.strip()), f"exit code {code}")
    if code == 255:
        cause = "ssh could not connect to {host}: {last}"
        return _unreachable(host, cause, "'{ssh}' must work by itself.", said, last[:200])
    return far_error(
        WorkerError.FAR_NO_LIBRARY,
        f"UNetSegmentLib does not start on {host.host}: {last[:200]}",
        f"Install it again. {_install_words(host)}",
        said,
    )


def version_error(host: FarHost, theirs: str, detail: str = "") -> WorkerError:
    """The host has another version of the library."""
    return far_error(
        WorkerError.FAR_VERSION,
        f"{host.host} has UNetSegmentLib {theirs}, this computer {__version__}.",
        f"Install the same version there. {_install_words(host)}",
        detail,
    )


def broken_error(host: FarHost, how: str, detail: str = "") -> WorkerError:
    """The connection has ended against our wish."""
    return far_error(
        WorkerError.FAR_BROKEN,
        f"The connection to {host.host} broke ({how}).",
        "Try again: it is made anew by itself. What had been sent back is not lost.",
        detail,
    )


def _lacking(host: FarHost, what: str, version: str, said: str) -> WorkerError:
    if what == "python":
        return far_error(
            WorkerError.FAR_NO_PYTHON,
            f"'{host.python}' on {host.host} is Python {version}; {_LEAST} or newer is needed.",
            f"Name a newer one in the address: ssh://{host.login}/path/to/python{_LEAST}.",
            said,
        )
    if what == "library":
        return far_error(
            WorkerError.FAR_NO_LIBRARY,
            f"UNetSegmentLib is not installed for '{host.python}' on {host.host}.",
            f"Install it there. {_install_words(host)}",
            said,
        )
    return version_error(host, version or "of an older version", said)


def _unreachable(host: FarHost, cause: str, cure: str, said: str, last: str = "") -> WorkerError:
    words = {
        "last": last,
        "host": host.host,
        "login": host.login,
        "who": host.user or "you",
        "port": f" on port {host.port}" if host.port else "",
        "ssh": ssh_by_hand(host),
        "known": f'"[{host.host}]:{host.port}"' if host.port and host.port != 22 else host.host,
    }
    return far_error(WorkerError.FAR_UNREACHABLE, cause.format(**words), cure.format(**words), said)
