"""The command that starts a far worker for a client."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from ..transport.launch import default_command
from .address import FarHost

FAR, FAR_END, FAR_CHECK = "far", "far-end", "far-check"
"""What ``python -m UNetSegmentLib.worker`` is to be: the relay here, what it speaks to there, a trial."""
SSH, SEND_MODELS, REFINE = "--ssh", "--send-models", "refine"


def far_command(
    host: FarHost,
    refine: bool = False,
    send_models: bool = False,
    ssh: Sequence[str] = ("ssh",),
    python: str | None = None,
) -> list[str]:
    """What to give to ``WorkerClient(command=...)``, or with ``refine`` to ``RefineClient``.

    Args:
        host: where the worker runs.
        refine: it corrects masks, rather than runs models.
        send_models: the user has said that models which the host lacks may be sent there.
        ssh: program and first arguments, e.g. ``("ssh", "-F", "config")``.
        python: the interpreter on this computer (in Slicer: PythonSlicer); None is the running one.
    """
    command = [*default_command(python), FAR, host.url]
    if refine:
        command.append(REFINE)
    if send_models:
        command.append(SEND_MODELS)
    return command if tuple(ssh) == ("ssh",) else [*command, SSH, shlex.join(ssh)]


def far_check_command(host: FarHost, ssh: Sequence[str] = ("ssh",), python: str | None = None) -> list[str]:
    """The command that tries a host and prints what it found as one line of JSON, see :mod:`.check`."""
    command = [*default_command(python), FAR_CHECK, host.url]
    return command if tuple(ssh) == ("ssh",) else [*command, SSH, shlex.join(ssh)]
