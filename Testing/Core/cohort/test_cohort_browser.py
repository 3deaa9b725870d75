"""The page of a cohort in a real browser: rows, sorting, finding, and ten thousand cases."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from UNetSegmentLib.cohort.record import Record, SegmentSize, Status
from UNetSegmentLib.cohort.report.page import write_page

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

# Asks the page as a person would, and leaves the answers in it.
_ASK = """
<script>
  const names = () => [...document.querySelectorAll('#cases tbody .name')].map(node => node.textContent);
  const set = (id, value, kind) => {
    const node = document.getElementById(id);
    node.value = value;
    node.dispatchEvent(new Event(kind));
  };
  const answers = {};
  %s
  const said = document.createElement('pre');
  said.id = 'answers';
  said.textContent = JSON.stringify(answers);
  document.body.append(said);
</script>
"""


def ask(page: Path, questions: str, scratch: Path, width: int = 1400) -> Any:
    """Opens a copy of the page, ``width`` pixels wide, that runs ``questions``; returns the object that these fill."""
    asking = page.with_name("asking.html")
    text = page.read_text(encoding="utf-8").replace("</body>", f"{_ASK.replace('%s', questions)}</body>")
    asking.write_text(text, encoding="utf-8")
    options = [
        f"--window-size={width},900",
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
    ]
    found = subprocess.run(
        [str(BROWSER), *options, f"--user-data-dir={scratch / 'browser'}", "--dump-dom", asking.as_uri()],
        capture_output=True,
        timeout=300,
        check=True,
    )
    answers = re.search(r'<pre id="answers">(.*?)</pre>', found.stdout.decode(), re.DOTALL)
    assert answers is not None, found.stderr.decode()[-2000:]
    return json.loads(answers[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def case(name: str, size: float, **more: Any) -> Record:
    return Record(name, Status.DONE, segments=(SegmentSize(1, "liver", 10, size),), **more)


def test_rows_are_made_sorted_and_found(tmp_path: Path) -> None:
    records = [
        case("fine", 1200.5, quality=0.9, seconds=2.0),
        case("<b>small", 3.25, quality=0.95),
        Record("broken", Status.FAILED, cause="It is empty.", cure="Export it again."),
    ]
    page = write_page(records, tmp_path, "Three", "")
    answers = ask(
        page,
        """
        answers.first = names();
        answers.text = document.querySelector('#cases tbody tr').textContent;
        set('sort', 'size-0', 'change');
        answers.bySize = names();
        document.querySelector('th[data-key=name]').click();
        document.querySelector('th[data-key=name]').click();
        answers.byNameDown = names();
        set('filter', 'export AGAIN', 'input');
        answers.found = names();
        set('filter', '', 'input');
        document.querySelector('[data-kind=failed]').click();
        answers.failed = names();
        """,
        tmp_path,
    )
    assert answers["first"] == ["broken", "fine", "<b>small"]
    assert "It is empty." in answers["text"] and "Export it again." in answers["text"]
    assert answers["bySize"] == ["<b>small", "fine", "broken"]
    assert answers["byNameDown"] == sorted(["fine", "<b>small", "broken"], reverse=True)
    assert answers["found"] == answers["failed"] == ["broken"]


@pytest.mark.parametrize("width", [900, 1000, 1280, 1400])
def test_all_columns_fit_into_a_window(tmp_path: Path, width: int) -> None:
    long = case("hippocampus_001_of_a_long_name", 1.39, quality=0.9, seconds=2.0, warnings=("A note of words. " * 9,))
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "preview.png").write_bytes(b"")
    page = write_page([replace(long, folder="case")], tmp_path, "Narrow", "")
    answers = ask(
        page,
        """
        const box = document.querySelector('.scroll:has(#cases)');
        answers.over = [box.scrollWidth - box.clientWidth];
        for (const cell of document.querySelectorAll('#cases td'))
          answers.over.push(cell.scrollWidth - cell.clientWidth);
        answers.window = innerWidth;
        """,
        tmp_path,
        width,
    )
    assert abs(answers["window"] - width) < 30
    assert len(answers["over"]) == 6 and max(answers["over"]) <= 0


def test_a_small_size_is_not_shown_as_none(tmp_path: Path) -> None:
    page = write_page([case("cell", 1.6e-08), case("bead", 0.0123), case("lobe", 3.25)], tmp_path, "Small", "")
    answers = ask(
        page, "answers.sizes = [...document.querySelectorAll('.sizes b')].map(node => node.textContent);", tmp_path
    )
    assert sorted(answers["sizes"]) == ["0.012", "1.6e-8", "3.25"]


def test_ten_thousand_cases_open_with_few_rows_and_print_with_all(tmp_path: Path) -> None:
    page = write_page([case(f"c{number:05}", float(number)) for number in range(10_000)], tmp_path, "Many", "")
    answers = ask(
        page,
        """
        answers.made = names().length;
        set('filter', 'c09999', 'input');
        answers.found = names();
        set('filter', '', 'input');
        window.dispatchEvent(new Event('beforeprint'));
        answers.printed = names().length;
        """,
        tmp_path,
    )
    assert 0 < answers["made"] < 1000
    assert answers["found"] == ["c09999"]
    assert answers["printed"] == 10_000
