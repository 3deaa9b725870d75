"""Options of several kinds whose order on the command line matters: later ones win."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from .named_paths import PathsCommand

_KEY = f"{__name__}.order"


class OrderedCommand(PathsCommand):
    """A command that remembers in which order its options were given."""

    # typer brings its own copy of click in newer versions, whose classes have no name here.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As every command; the names of the parameters are kept, one for each time that one was given."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[_KEY] = [parameter.name for parameter in order]
        return super().parse_args(ctx, args)


def in_given_order(context: typer.Context, **values: Sequence[str] | None) -> list[tuple[str, str]]:
    """The values of some options that may be repeated, each with its option's name, in the order of the command line.

    Args:
        values: what the command was given for each option, by the name of its parameter.
    """
    left = {name: iter(given or ()) for name, given in values.items()}
    return [(name, next(left[name])) for name in context.meta.get(_KEY, ()) if name in left]
