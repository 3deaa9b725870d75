"""Wrong usage, told to programs as every other error: one JSON document where ``--json`` was given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import typer
from typer.core import TyperGroup

from .streams import print_json

CODE = "usage"
_KEY = f"{__name__}.words"

# typer brings its own copy of click in newer versions, whose classes have no name of their own there.
_UsageError = cast("type[Exception]", typer.BadParameter.__base__)


class Commands(TyperGroup):
    """All commands; a word that none of them understands is a JSON document too where JSON was asked for."""

    def make_context(self, info_name: Any, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """As every group; the words of the command line are kept, as parsing takes them away."""
        words = list(args)
        try:
            context = super().make_context(info_name, args, parent, **extra)
        except _UsageError as error:
            if not _for_programs(words):
                raise
            raise _told(error) from error
        context.meta[_KEY] = words
        return context

    def invoke(self, ctx: Any) -> Any:
        """As every group.

        Raises:
            typer.Exit: wrong usage, which a program has been told.
        """
        try:
            return super().invoke(ctx)
        except _UsageError as error:
            if not _for_programs(ctx.meta[_KEY]):
                raise
            raise _told(error) from error


def _for_programs(words: Sequence[str]) -> bool:
    return "--json" in (words[: words.index("--")] if "--" in words else words)


def _told(error: Exception) -> typer.Exit:
    usage = cast("Any", error)
    path = usage.ctx.command_path if usage.ctx is not None else "unetsegment"
    texts = {"cause": usage.format_message(), "cure": f"'{path} --help' lists what it takes.", "detail": ""}
    print_json({"error": {"code": CODE, **texts}})
    return typer.Exit(usage.exit_code)
