"""The arguments of the relay, the far end and the trial: ``python -m UNetSegmentLib.worker far ...``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import InputError
from .address import FarHost
from .launch import REFINE, SEND_MODELS, SSH


@dataclass(frozen=True)
class FarOptions:
    """See :func:`~.launch.far_command`."""

    host: FarHost
    refine: bool = False
    send_models: bool = False
    ssh: tuple[str, ...] = ("ssh",)


def far_options(arguments: Sequence[str]) -> FarOptions:
    """What stands behind ``far`` or ``far-check``.

    Raises:
        InputError: it is not understood.
    """
    host, refine, send_models = None, False, False
    ssh: tuple[str, ...] = ("ssh",)
    left = list(arguments)
    while left:
        word = left.pop(0)
        if word == REFINE:
            refine = True
        elif word == SEND_MODELS:
            send_models = True
        elif word == SSH and left:
            ssh = ssh_words(left.pop(0))
        elif host is None and not word.startswith("-"):
            host = FarHost.parse(word)
        else:
            raise InputError(f"'{word[:80]}' is no argument of a far worker.")
    if host is None:
        raise InputError("A far worker needs the address of its host.", "Write ssh://USER@HOST.")
    return FarOptions(host, refine, send_models, ssh)


def ssh_words(text: str) -> tuple[str, ...]:
    """Program and arguments out of one text, as a POSIX shell would cut it.

    Raises:
        InputError: it has none, or a quote that does not end.
    """
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise InputError(f"'{text[:80]}' is no command ({error}).", "Write for instance: ssh -F config.") from error
    if not words:
        raise InputError("The ssh command is empty.", "Write for instance: ssh -F config.")
    return words
