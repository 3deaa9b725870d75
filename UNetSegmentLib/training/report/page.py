"""The report as one HTML file that holds its pictures."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from ...io.atomic import atomic_path
from ...text import shown
from ...version import __version__

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .3rem .8rem; border-bottom: 1px solid #ddd }
td:not(:first-child), th:not(:first-child) { text-align: right } img { max-width: 100%; margin: .5rem 0 }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem } .note { color: #666 }
@media (prefers-color-scheme: dark) { body { background: #16181c; color: #ddd } th, td { border-color: #333 } }
"""

Rows = Sequence[Sequence[str]]


def _escaped(text: str) -> str:
    return html.escape(shown(text, None))


def table(heading: Sequence[str], rows: Rows) -> str:
    """A table; the first column is words, the others numbers."""
    head = "".join(f"<th>{_escaped(cell)}</th>" for cell in heading)
    body = "".join("<tr>" + "".join(f"<td>{_escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def picture(path: Path, words: str) -> str:
    """A PNG inside the page."""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<img alt="{_escaped(words)}" src="data:image/png;base64,{data}">'


def write_page(path: Path, title: str, sections: Sequence[tuple[str, Sequence[str]]]) -> Path:
    """Writes the page.

    Args:
        sections: heading, and pieces of HTML from :func:`table`, :func:`picture` and :func:`words`.

    Raises:
        OutputError: the file cannot be written.
    """
    parts = [f"<h1>{_escaped(title)}</h1>"]
    for heading, pieces in sections:
        parts += [f"<h2>{_escaped(heading)}</h2>", *pieces]
    parts.append(f'<p class="note">UNetSegment {__version__}. For research, not for diagnosis.</p>')
    body = "\n".join(parts)
    text = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{_escaped(title)}</title><style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def paragraph(text: str) -> str:
    """A paragraph."""
    return f"<p>{_escaped(text)}</p>"
