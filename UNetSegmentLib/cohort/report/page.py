"""``report.html``: what to look at first, in one file beside the cases' pictures. It loads nothing from the net."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...io.atomic import atomic_path
from ...text import plain_number, shown
from ...version import __version__
from ..own_files import PAGE
from ..record import Record, SegmentSize, Status
from .charts import histogram
from .script import SCRIPT
from .statistics import SegmentValues, segment_values
from .style import STYLE
from .urgency import ORDER, by_urgency, lowest_dice

PREVIEW = "preview.png"

_MOST_CHARTS = 12
_MOST_STATISTICS = 150
_HEADS = (("", ""), ("name", "Case"), ("quality", "Quality, time"), ("", "Segments"), ("", "Notes"))
_SORTS = (
    ("", "what to look at first"),
    ("name", "name"),
    ("kind", "state"),
    ("dice", "lowest Dice"),
    ("quality", "quality"),
    ("seconds", "seconds"),
)


def write_page(
    records: Sequence[Record],
    output: Path,
    title: str,
    subtitle: str,
    anonymous: bool = False,
    notes: Sequence[str] = (),
    faults: Sequence[str] = (),
) -> Path:
    """Writes the page.

    Args:
        title: what was run.
        subtitle: with what.
        anonymous: numbers in place of the names of cases, no paths, and no pictures, whose links bear the names.
        notes: sentences about all of it; left out where ``anonymous``, since they name files.
        faults: sentences on what is missing, which name none.

    Raises:
        OutputError: it cannot be written.
    """
    judged = by_urgency(records)
    values = segment_values(records)
    body = "\n".join(
        [
            f"<h1>{_text(title)}</h1><p class='note'>{_text(subtitle)}{_pace(records)}</p>",
            "".join(f"<p class='note'>{_text(note)}</p>" for note in (*faults, *(() if anonymous else notes))),
            _chips(judged),
            _distributions(values),
            _statistics(values),
            "<h2>Cases</h2>",
            _tools(values),
            "<div class='scroll'><table id='cases'><colgroup>",
            "".join(f"<col class='c-{name}'>" for name in ("picture", "who", "numbers", "sizes", "notes")),
            "</colgroup><thead><tr>",
            "".join(f"<th data-key='{key}'>{word}</th>" if key else f"<th>{word}</th>" for key, word in _HEADS),
            "</tr></thead><tbody></tbody></table></div><div id='end'></div>",
            "<noscript><p>The rows need this page's own script. The same stands in cases.csv.</p></noscript>",
            f"<p class='note'>UNetSegment {__version__}. For research, not for diagnosis.</p>",
            f"<script type='application/json' id='data'>{_data(judged, values, output, anonymous)}</script>",
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


def pace_words(seconds: float) -> str:
    """Seconds a case, with a decimal where they are few."""
    return f"{seconds:.1f} s a case" if seconds < 10 else f"{seconds:.0f} s a case"


def _pace(records: Sequence[Record]) -> str:
    times = [record.seconds for record in records if record.status is Status.DONE and record.seconds]
    return f" &middot; {pace_words(sum(times) / len(times))}" if times else ""


def _chips(judged: Sequence[tuple[Record, str]]) -> str:
    """A button for each kind of row that there is, which shows those alone."""
    counts = Counter(kind for _, kind in judged)
    buttons = [f"<button data-kind='' aria-pressed='true'><b>{len(judged)}</b> in all</button>"]
    buttons += [
        f"<button data-kind='{kind}' aria-pressed='false'><b>{counts[kind]}</b> {kind}</button>"
        for kind in ORDER
        if counts[kind]
    ]
    return f"<div class='chips'>{''.join(buttons)}</div>"


def _distributions(values: Sequence[SegmentValues]) -> str:
    charts = [histogram(one.sizes, f"{one.name} ({one.unit})") for one in values[:_MOST_CHARTS]]
    charts += [histogram(one.dice, f"{one.name} (Dice)") for one in values[:_MOST_CHARTS]]
    return f"<div class='charts'>{''.join(charts)}</div>" if any(charts) else ""


def _statistics(values: Sequence[SegmentValues]) -> str:
    if not values:
        return ""
    scored = any(one.dice for one in values)
    heads = ["Segment", "Found in", "Median", "5th to 95th percentile", "Smallest to largest"]
    heads += ["Dice, median", "Dice, lowest"] if scored else []
    rows = []
    for one in values[:_MOST_STATISTICS]:
        cells = [_text(one.name), f"{len(one.sizes)} of {len(one.sizes) + one.missing}"]
        spread = one.spread(one.sizes)
        if spread:
            low, five, middle, most, high = map(plain_number, spread)
            cells += [f"{middle} {one.unit}", f"{five} to {most} {one.unit}", f"{low} to {high} {one.unit}"]
        else:
            cells += ["", "", ""]
        dice = one.spread(one.dice)
        if scored:
            cells += [f"{dice[2]:.3f}", f"{dice[0]:.3f}"] if dice else ["", ""]
        rows.append("".join(f"<td>{cell}</td>" for cell in cells))
    head = "".join(f"<th>{word}</th>" for word in heads)
    lines = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<h2>Segments</h2><div class='scroll'><table class='statistics'><tr>{head}</tr>{lines}</table></div>"


def _tools(values: Sequence[SegmentValues]) -> str:
    sorts = [*_SORTS, *((f"size-{n}", f"size of {one.name}") for n, one in enumerate(values[:_MOST_STATISTICS]))]
    options = "".join(f"<option value='{key}'>{_text(words)}</option>" for key, words in sorts)
    return (
        "<div class='tools'><input id='filter' type='search' placeholder='Find: a name, a word of a note, ...' "
        "aria-label='Find rows'>"
        f"<label>Sorted by <select id='sort'>{options}</select></label></div>"
    )


def _data(judged: Sequence[tuple[Record, str]], values: Sequence[SegmentValues], output: Path, anonymous: bool) -> str:
    """What :mod:`.script` makes the rows of; nothing in it can end the element that it stands in."""
    labels = {(one.name, one.unit): number for number, one in enumerate(values)}
    rows = [_row(record, kind, number, labels, output, anonymous) for number, (record, kind) in enumerate(judged, 1)]
    value = {"labels": [[shown(one.name), one.unit] for one in values], "rows": rows}
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _row(
    record: Record, kind: str, number: int, labels: Mapping[tuple[str, str], int], output: Path, anonymous: bool
) -> list[Any]:
    dice = lowest_dice(record)
    segments = [_segment(segment, labels) for segment in record.segments if segment.voxels or segment.dice is not None]
    if anonymous:  # messages name files
        notes = [f"{len(record.notes)} notes"] if record.notes else []
        return [f"Case {number}", kind, "", record.quality, dice, record.seconds, segments, record.code, "", notes]
    return [
        shown(record.case, None),
        kind,
        _picture(record, output),
        record.quality,
        dice,
        record.seconds,
        segments,
        shown(record.cause, None),
        shown(record.cure, None),
        [shown(note, None) for note in record.notes],
    ]


def _segment(segment: SegmentSize, labels: Mapping[tuple[str, str], int]) -> list[Any]:
    size = segment.voxels if segment.size is None else float(f"{segment.size:.5g}")
    return [labels[segment.name, segment.unit], size, segment.dice]


def _picture(record: Record, output: Path) -> str:
    if not record.folder or not (output / record.folder / PREVIEW).is_file():
        return ""
    return f"{quote(record.folder)}/{PREVIEW}"


def _text(text: str) -> str:
    return html.escape(shown(text, None))
