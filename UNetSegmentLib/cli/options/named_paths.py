"""Paths of a command line that are empty texts: what a variable of the shell that is not set leaves of an argument.

They are no "here": a folder of any size would be read, or results would lie in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand


class PathsCommand(TyperCommand):
    """A command that refuses empty texts for its paths, which would mean the current folder later on."""

    # typer brings its own copy of click in newer versions, whose classes have no name here.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As every command.

        Raises:
            typer.BadParameter: an empty text is given for a path.
        """
        words = list(args)
        left = super().parse_args(ctx, args)
        texts, _, _ = self.make_parser(ctx).parse_args(args=words)
        parameters: list[Any] = list(self.params)
        for parameter in parameters:
            name = parameter.name or ""
            empty = any(isinstance(text, str) and not text.strip() for text in _each(texts.get(name)))
            if empty and _is_path(parameter, ctx.params.get(name)):
                raise typer.BadParameter(
                    "The text is empty, which names no file or folder (an unset variable of the shell?). "
                    "Write . for the current folder.",
                    ctx=ctx,
                    param=parameter,
                )
        return left


def _each(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _is_path(parameter: Any, value: Any) -> bool:
    """Older versions of typer keep texts until the command is called, newer ones have made paths of them."""
    kind = getattr(getattr(parameter, "type", None), "name", "")
    return kind in ("path", "file", "directory") or any(isinstance(one, Path) for one in _each(value))
