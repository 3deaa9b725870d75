"""Names out of other people's data sets reach log, curve, page and Markdown table, and break none of them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from UNetSegmentLib.training.loop.events import TrainingEvent
from UNetSegmentLib.training.loop.runlog import append_log, last_dice, read_log, truncate_log
from UNetSegmentLib.training.report import page

NAMES = ("=cmd|' /C calc'!A0", "two\nlines \x1b[2J", "cost $5 {a}^b \\frac$", "half \udce4", "<b>|pipe|")


def _log(path: Path) -> None:
    for step in (10, 20):
        append_log(
            path, NAMES, TrainingEvent("train", step, 20, loss=0.5, learning_rate=0.1, dice=(0.1, 0.2, 0.3, 0.4, 0.5))
        )


def test_the_log_is_one_line_a_step_and_is_read_again(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    _log(log)
    assert len(log.read_text(encoding="utf-8").splitlines()) == 3
    assert last_dice(log, NAMES) == (0.1, 0.2, 0.3, 0.4, 0.5)
    truncate_log(log, 10)
    assert [row["step"] for row in read_log(log)] == [10]
    heading = next(csv.reader(log.open(encoding="utf-8")))
    assert all(cell[0] not in "=+-@" for cell in heading)


def test_the_curve_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from UNetSegmentLib.training.loop.curve import write_curve

    log, picture = tmp_path / "log.csv", tmp_path / "curve.png"
    _log(log)
    write_curve(log, picture, "Training of $x_ and \x1b[2J")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_page_and_markdown_hold_names_as_text(tmp_path: Path) -> None:
    from UNetSegmentLib.training.report.cross_table import _markdown_table

    written = page.write_page(tmp_path / "p.html", NAMES[1], [("Labels", [page.table(NAMES, [NAMES])])])
    text = written.read_text(encoding="utf-8")
    assert "\x1b" not in text and "<b>" not in text and "\\xe4" in text
    lines = _markdown_table(NAMES, [NAMES])
    assert len(lines) == 3 and all("\n" not in line for line in lines)
    assert lines[2].replace("\\|", "").count("|") == len(NAMES) + 1
