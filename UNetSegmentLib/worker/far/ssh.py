"""How ssh is called, and what is started on the host."""

from __future__ import annotations

from collections.abc import Sequence

from .address import FarHost
from .failures import LEAST_PYTHON, SAID
from .launch import FAR_END, REFINE

CONNECT_SECONDS = 15
ALIVE_SECONDS = 5
ALIVE_COUNT = 3
_OPTIONS = {
    # Nobody could answer a question: the terminal, if there is one, belongs to somebody else.
    "BatchMode": "yes",
    "ConnectTimeout": str(CONNECT_SECONDS),
    # A connection that is dead is noticed after ALIVE_SECONDS * ALIVE_COUNT.
    "ServerAliveInterval": str(ALIVE_SECONDS),
    "ServerAliveCountMax": str(ALIVE_COUNT),
    # Of what the user's configuration may add for a login, nothing is needed, and some would be in the way.
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    # A master of ours would outlive us with our pipes in its hands; one that is there already serves.
    "ControlMaster": "no",
    "PermitLocalCommand": "no",
}

# Runs under any Python, so that one that is too old can say so. Neither single quotes nor backslashes nor exclamation
# marks, which a shell could take for its own. Nothing is imported from the folder where the login happens to begin.
_BEGINNING = (
    'import sys; sys.path[:1] == [""] and sys.path.pop(0); '
    f'sys.version_info[:2] >= {LEAST_PYTHON} or sys.exit("{SAID} python %d.%d" % sys.version_info[:2]); '
    "import importlib.util as u; "
    f'u.find_spec("UNetSegmentLib") or sys.exit("{SAID} library"); '
    "import UNetSegmentLib.version as v; "
    f'u.find_spec("UNetSegmentLib.worker.far") or sys.exit("{SAID} old " + v.__version__); '
    "import runpy; "
)
_MAIN = 'runpy.run_module("UNetSegmentLib.worker.__main__", run_name="__main__", alter_sys=True)'


def ssh_command(host: FarHost, ssh: Sequence[str] = ("ssh",), refine: bool = False) -> list[str]:
    """The command that starts the far end on the host; its stdin and stdout are ours.

    Args:
        ssh: program and first arguments.
        refine: the worker there corrects masks.
    """
    options = [text for name, value in _OPTIONS.items() for text in ("-o", f"{name}={value}")]
    port = ["-p", str(host.port)] if host.port is not None else []
    user = ["-l", host.user] if host.user else []
    return [*ssh, "-T", *options, *port, *user, "--", host.host, far_end_command(host, refine)]


def far_end_command(host: FarHost, refine: bool = False) -> str:
    """What the login shell of the host is to run (POSIX: sh, bash, zsh, and csh and fish as far as this goes)."""
    words = [FAR_END, REFINE] if refine else [FAR_END]
    arguments = ", ".join(f'"{word}"' for word in words)
    return f"exec {host.python_word} -c '{_BEGINNING}sys.argv[1:] = [{arguments}]; {_MAIN}'"
