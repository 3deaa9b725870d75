"""The command ``unetsegment`` and the list of what it can do."""

from __future__ import annotations

from typing import Annotated

import typer

from ..version import __version__
from .benchmarking.benchmark import benchmark
from .cohorts.batch import batch
from .compressing.compress import compress
from .correcting.refine import refine
from .correcting.review import review
from .doctor import doctor
from .evaluating.evaluate import evaluate
from .exporting.export import export
from .models.import_ import import_model
from .models.installed import app as models
from .models.library import app as library
from .options.ordered import OrderedCommand
from .segmenting.attention import attention
from .segmenting.demo import demo
from .segmenting.segment import segment
from .terminal.usage import Commands
from .training.augmentations import augmentations
from .training.cross_validate import cross_validate
from .training.train import train

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

app.command()(segment)
app.command()(batch)
app.command(cls=OrderedCommand)(refine)
app.command()(review)
app.command("import")(import_model)
app.add_typer(models, name="models")
app.add_typer(library, name="library")
app.command()(evaluate)
app.command()(train)
app.command()(cross_validate)
app.command()(augmentations)
app.command()(compress)
app.command()(export)
app.command()(attention)
app.command()(benchmark)
app.command()(doctor)
app.command(hidden=True)(demo)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"unetsegment {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """U-Nets on medical volumes: segment, evaluate, train. For research, not for diagnosis.

    Exit codes: 0 done, 2 wrong usage, 3 bad input, 4 bad model, 5 output not writable, 6 no memory or device,
    7 a package is missing, 9 a download failed, 130 cancelled, 1 anything else.
    """
