"""The commands of ``unetsegment`` by name, so that a run loads the one that it was called for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated

import typer

from ..version import __version__
from .options.named_paths import PathsCommand
from .options.ordered import OrderedCommand
from .options.where import WorkerCommand
from .terminal.usage import Commands


@dataclass(frozen=True)
class _Entry:
    """Where a command lies: its module in this package and its name there. A ``group`` has commands of its own;
    ``worker``: its ``--worker`` may stand alone."""

    name: str
    module: str
    attribute: str
    group: bool = False
    ordered: bool = False
    worker: bool = False
    hidden: bool = False


# In the order of the help.
_COMMANDS = (
    _Entry("segment", "segmenting.segment", "segment", worker=True),
    _Entry("batch", "cohorts.batch", "batch"),
    _Entry("refine", "correcting.refine", "refine", ordered=True),
    _Entry("review", "correcting.review", "review"),
    _Entry("convert", "segmenting.convert", "convert"),
    _Entry("import", "models.import_", "import_model"),
    _Entry("models", "models.installed", "app", group=True),
    _Entry("library", "models.library", "app", group=True),
    _Entry("evaluate", "evaluating.evaluate", "evaluate"),
    _Entry("train", "training.train", "train"),
    _Entry("cross-validate", "training.cross_validate", "cross_validate"),
    _Entry("augmentations", "training.augmentations", "augmentations"),
    _Entry("compress", "compressing.compress", "compress"),
    _Entry("export", "exporting.export", "export"),
    _Entry("attention", "segmenting.attention", "attention"),
    _Entry("benchmark", "benchmarking.benchmark", "benchmark"),
    _Entry("doctor", "doctor", "doctor"),
    _Entry("demo", "segmenting.demo", "demo", hidden=True),
)


def app_for(words: Sequence[str]) -> typer.Typer:
    """The program for a command line without the program's own name: with the one command that its first word names,
    or with all of them where that is none (help, options, a mistake)."""
    asked = tuple(entry for entry in _COMMANDS if entry.name in words[:1])
    return make_app(asked or _COMMANDS)


def make_app(entries: Sequence[_Entry] = _COMMANDS) -> typer.Typer:
    """The program with these commands."""
    app = typer.Typer(
        name="unetsegment",
        cls=Commands,
        no_args_is_help=True,
        add_completion=False,
        # Paragraphs flow to the width of the terminal.
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for entry in entries:
        found = getattr(import_module(f".{entry.module}", __package__), entry.attribute)
        if entry.group:
            app.add_typer(found, name=entry.name)
        else:
            kind = OrderedCommand if entry.ordered else WorkerCommand if entry.worker else PathsCommand
            app.command(entry.name, cls=kind, hidden=entry.hidden)(found)
    app.callback()(_options)
    return app


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"unetsegment {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """U-Nets on medical volumes: segment, evaluate, train. For research, not for diagnosis.

    Exit codes: 0 done, 2 wrong usage, 3 bad input, 4 bad model, 5 output not writable, 6 no memory or device,
    7 a package is missing, 9 a download or a server failed, 130 cancelled, 1 anything else.
    """
