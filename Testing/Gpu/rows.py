"""One measured line, as JSON between processes and as a line of the table."""

import json
from dataclasses import asdict, dataclass, field

_MARK = "gpu-check-row "


@dataclass(frozen=True)
class Row:
    """``ok`` is None where nothing is judged; ``values`` are numbers and short texts by name."""

    section: str
    name: str
    values: dict = field(default_factory=dict)
    ok: bool | None = None
    note: str = ""

    def as_dict(self):
        return asdict(self)


def marked(row):
    """A line for standard output, told from all others."""
    return _MARK + json.dumps(row.as_dict())


def rows_of(text):
    """The rows in what a process has printed; a line that was cut off is left out."""
    found = []
    for line in text.splitlines():
        if line.startswith(_MARK):
            try:
                found.append(Row(**json.loads(line.removeprefix(_MARK))))
            except (ValueError, TypeError):
                continue
    return found


def as_table(rows):
    """All rows for a terminal."""
    words = {True: "ok", False: "FAILED", None: ""}
    cells = [("section", "what", "", "measured")]
    for row in rows:
        measured = ", ".join(f"{name} {_short(value)}" for name, value in row.values.items())
        cells.append((row.section, row.name, words[row.ok], "; ".join(filter(None, (measured, row.note)))))
    widths = [max(len(line[n]) for line in cells) for n in range(3)]
    lines = ["  ".join([*(cell.ljust(w) for cell, w in zip(line, widths, strict=False)), line[3]]) for line in cells]
    return "\n".join(line.rstrip() for line in lines)


def _short(value):
    return f"{value:.5g}" if isinstance(value, float) else str(value)
