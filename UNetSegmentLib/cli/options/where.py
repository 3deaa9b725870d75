"""Where a network runs: in this process, in one of its own, or on another machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import UsageError
from .named_paths import PathsCommand

if TYPE_CHECKING:
    from ...worker.far.address import FarHost

HERE = "here"
_OPTION = "--worker"
_SCHEME = "ssh://"

WorkerOption = Annotated[
    str | None,
    typer.Option(
        _OPTION,
        metavar="[ssh://HOST]",
        help="Run the network in a process of its own, or on a machine that ssh reaches: ssh://USER@HOST:PORT.",
    ),
]
FarWorkerOption = Annotated[
    str | None,
    typer.Option(_OPTION, metavar="ssh://HOST", help="Work on a machine that ssh reaches: ssh://USER@HOST:PORT."),
]
SshOption = Annotated[
    str | None, typer.Option("--ssh", help="The ssh command for --worker, e.g. 'ssh -F config'; by itself 'ssh'.")
]
SendModelOption = Annotated[
    bool, typer.Option("--send-model", help="Permit that a model which the host of --worker lacks is sent there.")
]


class WorkerCommand(PathsCommand):
    """A command whose ``--worker`` may stand alone, which means a worker on this computer."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As every command."""
        return super().parse_args(ctx, with_worker_value(args))


def with_worker_value(words: Sequence[str]) -> list[str]:
    """A command line in which ``--worker`` has a value: an address, where one follows."""
    whole = []
    for word, following in zip(words, [*words, ""][1:], strict=True):
        alone = word == _OPTION and not following.lower().startswith(_SCHEME)
        whole.append(f"{_OPTION}={HERE}" if alone else word)
    return whole


@dataclass(frozen=True)
class Where:
    """Where a worker runs.

    Args:
        host: another machine; None is this computer.
        ssh: the ssh command.
        send_model: models may be sent to the host.
    """

    host: FarHost | None = None
    ssh: tuple[str, ...] = ("ssh",)
    send_model: bool = False

    def command(self, refine: bool = False) -> list[str] | None:
        """What starts the worker; None is the usual one."""
        if self.host is None:
            return None
        from ...worker.far.launch import far_command

        return far_command(self.host, refine, self.send_model, self.ssh)


def where_of(worker: str | None, ssh: str | None, send_model: bool = False) -> Where | None:
    """What the options ask for; None: no worker.

    Raises:
        InputError: an address that is none.
        UsageError: options without an address.
    """
    if worker in (None, HERE):
        if ssh is not None or send_model:
            option = "--ssh" if ssh is not None else "--send-model"
            raise UsageError(f"{option} is about a far worker.", f"Add {_OPTION} ssh://HOST, or leave it out.")
        return None if worker is None else Where()
    assert worker is not None
    from ...worker.far.address import FarHost
    from ...worker.far.options import ssh_words

    return Where(FarHost.parse(worker), ("ssh",) if ssh is None else ssh_words(ssh), send_model)
