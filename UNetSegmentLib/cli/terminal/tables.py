"""Tables for a terminal of any width: columns where they fit, else one short block of lines for each row."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from ...text import shown

if TYPE_CHECKING:
    from ...reporting import Table

# Columns whose cells stay whole.
_WHOLE = ("Case", "Segment")
# What the box and its padding take for each column.
_GAP = 3


class CleanConsole(Console):
    """A console on which the texts that are printed do nothing; tables are cleaned when they are made."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*map(_clean, objects), **options)


class FittingTable(RichTable):
    """A table that becomes a list of blocks where its words would have to be broken to fit."""

    heading: tuple[str, ...] = ()
    cells: tuple[tuple[str, ...], ...] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._narrowest() <= options.max_width or not any(self.heading):
            yield from super().__rich_console__(console, options)
        else:
            yield from self._blocks()

    def _narrowest(self) -> int:
        widths = []
        for n, column in enumerate(self.columns):
            texts = (self.heading[n], *(row[n] for row in self.cells))
            parts = texts[1:] if column.no_wrap else (word for text in texts for word in text.split())
            widths.append(max((column.min_width or 0, *map(cell_len, parts))))
        return sum(widths) + _GAP * len(widths) + 1

    def _blocks(self) -> Iterable[Text | RichTable]:
        if self.title:
            yield Text(str(self.title), style="bold")
        names = tuple(dict.fromkeys(name for name in self.heading if name in _WHOLE)) or self.heading[:1]
        above: dict[str, str] = {}
        for row in self.cells:
            # A case's name stands in the first of its rows alone.
            above |= {name: cell for name, cell in zip(self.heading, row, strict=True) if name in names and cell}
            yield Text(", ".join(above.values()), style="bold")
            grid = RichTable.grid(padding=(0, 2))
            grid.add_column()
            grid.add_column(overflow="fold")
            for name, cell in zip(self.heading, row, strict=True):
                if cell and name not in names:
                    grid.add_row(Text(f"  {name}"), Text(cell))
            yield grid


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return shown(value, None, lines=True)
    if isinstance(value, Text) and (cleaned := shown(value.plain, None, lines=True)) != value.plain:
        return Text(cleaned, style=value.style)
    return value


def table(content: Table, title: str = "", hide: Collection[str] = ()) -> FittingTable:
    """A report's table, without the columns whose headings are in ``hide``; nothing in it acts on the terminal."""
    result = FittingTable(
        title=Text(shown(title)) if title else None,
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        title_justify="left",
        title_style="bold",
    )
    columns = [n for n, heading in enumerate(content.heading) if heading not in hide]
    result.heading = tuple(shown(content.heading[n]) for n in columns)
    result.cells = tuple(tuple(shown(row[n], None, lines=True) for n in columns) for row in content.rows)
    for n, (heading, original) in enumerate(zip(result.heading, columns, strict=True)):
        # In a narrow terminal headings wrap between words; names and numbers stay whole.
        numeric = content.numeric[original]
        longest = max((cell_len(word) for word in heading.split()), default=0)
        if numeric:
            longest = max(longest, *(cell_len(row[n]) for row in result.cells), 0)
        result.add_column(
            Text(heading),
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=heading in _WHOLE,
            min_width=longest,
        )
    for row in result.cells:
        result.add_row(*map(Text, row))
    return result


def words_table(heading: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> FittingTable:
    """A table of words, all columns to the left."""
    from ...reporting import Table

    lines = tuple(tuple(row) for row in rows)
    return table(Table(tuple(heading), lines, (False,) * len(heading)), title)
