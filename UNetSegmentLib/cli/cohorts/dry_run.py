"""What ``batch --dry-run`` says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...text import shown
from ..terminal.console import output, say, words_table
from ..terminal.session import print_json

if TYPE_CHECKING:
    from ...cohort.case import Found, Source

_SHOWN = 10


def list_cases(found: Found, path: Path) -> None:
    """Writes them to a table, which a later run takes in place of searching."""
    from ...cohort.finding.listing import write_list

    lost = write_list(found.cases, path)
    count = len(found.cases) - lost
    say(f"Written: {path} ({count} case{'' if count == 1 else 's'})", error=True)
    if lost:
        say(f"{lost} cases cannot stand in a table: their files' names are no UTF-8, or a server has them.", error=True)


def show_found(found: Found, as_json: bool) -> None:
    """What would be run, and what not."""
    if as_json:
        cases = [{"case": case.name, "images": [str(source) for source in case.images]} for case in found.cases]
        left = [
            {"name": one.name, "path": str(one.path), "cause": one.cause, "cure": one.cure} for one in found.left_out
        ]
        print_json({"cases": cases, "left_out": left, "notes": list(found.notes)})
        return
    for note in found.notes:
        say(f"Note: {note}")
    rows = [(case.name, shown(_near(case.images[0]), 60)) for case in found.cases[:_SHOWN]]
    output().print(words_table(("Case", "Image"), rows))
    if (count := len(found.cases)) > _SHOWN:
        say(f"... and {count - _SHOWN} more: {count} cases.")
    if found.left_out:
        say(f"Left out: {len(found.left_out)}")
        output().print(words_table(("Name", "Why"), [(one.name, one.cause) for one in found.left_out[:_SHOWN]]))
        if (more := len(found.left_out) - _SHOWN) > 0:
            say(f"... and {more} more; --json lists all.")


def _near(source: Source) -> str:
    """Where an image lies, seen from the folder that the command was given in."""
    if source.remote is None and source.path.is_relative_to(Path.cwd()):
        return str(source.path.relative_to(Path.cwd()))
    return str(source)
