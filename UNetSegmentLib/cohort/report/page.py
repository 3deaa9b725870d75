"""``report.html``: what to look at first, in one file beside the cases' pictures. It loads nothing from the net."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from ...io.atomic import atomic_path
from ...text import shown
from ...version import __version__
from ..record import Record, Status
from .charts import histogram
from .style import SCRIPT, STYLE
from .table import segment_columns, size_column

PAGE = "report.html"

_DOUBTFUL_SHARE = 0.1  # of the cases, those with the lowest estimates, stand first
_MOST_CHARTS = 12
_COLUMNS = ("Case", "State", "Quality", "Segments", "Notes", "Seconds")


def write_page(records: Sequence[Record], output: Path, title: str, subtitle: str, anonymous: bool = False) -> Path:
    """Writes the page.

    Args:
        title: what was run.
        subtitle: with what.
        anonymous: numbers in place of the names of cases, no paths, and no pictures, which bear the names.

    Raises:
        OutputError: it cannot be written.
    """
    ordered = by_urgency(records)
    columns = segment_columns(records)[:_MOST_CHARTS]
    body = "\n".join(
        [
            f"<h1>{_text(title)}</h1><p class='note'>{_text(subtitle)}</p>",
            _summary(records),
            f"<div class='charts'>{''.join(_charts(records, columns))}</div>",
            "<p><input id='filter' type='search' placeholder='Filter: a name, failed, done, ...' "
            "aria-label='Filter the rows'></p>",
            _table(ordered, output, anonymous),
            f"<p class='note'>UNetSegment {__version__}. For research, not for diagnosis.</p>",
        ]
    )
    path = output / PAGE
    with atomic_path(path) as temporary:
        temporary.write_text(
            "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
            "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; img-src 'self' file: data:; "
            "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
            "<meta name='viewport' content='width=device-width'>"
            f"<title>{_text(title)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n"
            f"<script>{SCRIPT}</script></body></html>\n",
            encoding="utf-8",
        )
    return path


def by_urgency(records: Sequence[Record]) -> list[Record]:
    """Failures first, then the most doubtful results and those with warnings, then the rest, then what was left out."""
    estimates = sorted(record.quality for record in records if record.quality is not None)
    limit = estimates[max(int(len(estimates) * _DOUBTFUL_SHARE) - 1, 0)] if estimates else -1.0

    def key(record: Record) -> tuple[int, float, str]:
        if record.status is Status.FAILED:
            return 0, 0.0, record.case
        if record.status is Status.LEFT_OUT:
            return 4, 0.0, record.case
        if not any(segment.voxels for segment in record.segments):
            return 1, 0.0, record.case
        if record.quality is not None and record.quality <= limit:
            return 2, record.quality, record.case
        return 3, -len(record.warnings), record.case

    return sorted(records, key=key)


def _summary(records: Sequence[Record]) -> str:
    counts = {status: sum(record.status is status for record in records) for status in Status}
    empty = sum(r.status is Status.DONE and not any(s.voxels for s in r.segments) for r in records)
    seconds = sum(record.seconds for record in records)
    words = [f"<b>{counts[Status.DONE]}</b> done", f"<b>{counts[Status.FAILED]}</b> failed"]
    words += [f"<b>{counts[Status.LEFT_OUT]}</b> left out"]
    if empty:
        words.append(f"in <b>{empty}</b> nothing was found")
    done = counts[Status.DONE]
    pace = f" &middot; {seconds / done:.1f} s a case" if done and seconds else ""
    return f"<p class='summary'>{', '.join(words)}{pace}</p>"


def _charts(records: Sequence[Record], columns: Sequence[str]) -> list[str]:
    values: dict[str, list[float]] = {column: [] for column in columns}
    for record in records:
        for segment in record.segments:
            column = size_column(segment)
            if column in values and segment.voxels:
                values[column].append(float(segment.voxels if segment.size is None else segment.size))
    return [histogram(numbers, column) for column, numbers in values.items()]


def _table(records: Sequence[Record], output: Path, anonymous: bool) -> str:
    head = "".join(f"<th data-sort>{word}</th>" for word in _COLUMNS)
    rows = "\n".join(_row(record, number, output, anonymous) for number, record in enumerate(records, 1))
    return f"<table id='cases'><thead><tr><th></th>{head}</tr></thead><tbody>\n{rows}\n</tbody></table>"


def _row(record: Record, number: int, output: Path, anonymous: bool) -> str:
    name = f"Case {number}" if anonymous else record.case
    state = record.status.value
    if record.status is Status.DONE and not any(segment.voxels for segment in record.segments):
        state = "empty"
    cells = [
        f"<td>{'' if anonymous else _picture(record, output)}</td>",
        f"<td>{_text(name)}</td>",
        f"<td><span class='state {state.replace(' ', '-')}'>{state}</span></td>",
        f"<td data-value='{record.quality if record.quality is not None else ''}'>"
        f"{'' if record.quality is None else f'{record.quality:.3f}'}</td>",
        f"<td>{_segments(record)}</td>",
        f"<td>{_notes(record, anonymous)}</td>",
        f"<td data-value='{record.seconds}'>{f'{record.seconds:.1f}' if record.seconds else ''}</td>",
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _picture(record: Record, output: Path) -> str:
    if not record.folder or not (output / record.folder / "preview.png").is_file():
        return ""
    link = f"{quote(record.folder)}/preview.png"
    return f"<a href='{link}'><img loading='lazy' src='{link}' alt=''></a>"


def _segments(record: Record) -> str:
    found = [segment for segment in record.segments if segment.voxels]
    lines = []
    for segment in found[:_MOST_CHARTS]:
        size = f"{segment.voxels} {segment.unit}" if segment.size is None else f"{segment.size:.2f} {segment.unit}"
        dice = f", Dice {segment.dice:.3f}" if segment.dice is not None else ""
        lines.append(f"{_text(segment.name)}: {size}{dice}")
    more = f"<br>and {len(found) - _MOST_CHARTS} more" if len(found) > _MOST_CHARTS else ""
    return "<br>".join(lines) + more


def _notes(record: Record, anonymous: bool) -> str:
    lines = [f"<b>{_text(record.cause)}</b> {_text(record.cure)}"] if record.cause else []
    lines += [_text(warning) for warning in (*record.warnings, record.not_stored) if warning]
    if anonymous:  # messages name files
        return f"{_text(record.code)} {len(record.warnings)} notes" if lines else ""
    return "<br>".join(lines)


def _text(text: str) -> str:
    return html.escape(shown(text, None))
