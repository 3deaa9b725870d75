"""The reference of the command line, made from the commands themselves."""

from __future__ import annotations

from typing import Any

import typer.main

# typer brings its own copy of click in newer versions, so commands are told apart by what they can do.
Command = Any
Context = Any


def page() -> str:
    """One page in Markdown: every command with its usage, arguments and options."""
    from UNetSegmentLib.cli.app import app

    group = typer.main.get_command(app)
    context = group.context_class(group, info_name="unetsegment")
    head = ["# Command line", "", *_text(group.help), "Every command has `--help`, which says the same.", ""]
    return "\n".join([*head, *_commands(group, context, level=2)]) + "\n"


def _commands(group: Command, context: Context, level: int) -> list[str]:
    lines: list[str] = []
    for name in group.list_commands(context) if hasattr(group, "list_commands") else ():
        command = group.get_command(context, name)
        if command.hidden:
            continue
        inner = command.context_class(command, info_name=name, parent=context)
        lines += [f"{'#' * level} {inner.command_path}", "", *_text(command.help), *_usage(command, inner)]
        lines += _commands(command, inner, level + 1)
    return lines


def _text(help_text: str | None) -> list[str]:
    """The command's words; its examples as code."""
    lines: list[str] = []
    for paragraph in (help_text or "").replace("\f", "").split("\n\n"):
        words = " ".join(paragraph.split())
        if words.startswith("Example: "):
            lines += ["```sh", words.removeprefix("Example: "), "```", ""]
        elif words:
            lines += [_escaped(words), ""]
    return lines


def _usage(command: Command, context: Context) -> list[str]:
    pieces = " ".join(command.collect_usage_pieces(context))
    lines = ["```text", f"{context.command_path} {pieces}".strip(), "```", ""]
    records = (parameter.get_help_record(context) for parameter in command.get_params(context))
    rows = [f"| `{_cell(record[0])}` | {_escaped(_cell(record[1]))} |" for record in records if record is not None]
    return [*lines, "| option | what it does |", "|---|---|", *rows, ""] if rows else lines


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", r"\*").replace("_", r"\_")
