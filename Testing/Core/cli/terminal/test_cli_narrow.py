"""Tables in a terminal of 60 columns: nothing is cut off, no word is broken, and all of it is there."""

from __future__ import annotations

import io
import random
from collections import deque

import pytest
from rich.cells import cell_len

from UNetSegmentLib.cli.terminal.console import MEASURES_HIDDEN, table, words_table
from UNetSegmentLib.cli.terminal.tables import CleanConsole
from UNetSegmentLib.cli.training.table import _Screen
from UNetSegmentLib.reporting import Table
from UNetSegmentLib.training import TrainingEvent


def drawn(content: object, width: int) -> str:
    stream = io.StringIO()
    CleanConsole(file=stream, width=width).print(content)
    return stream.getvalue()


MEASURES = Table(
    ("Value", "Segment", "Voxels", "Volume (mL)", "R-L (mm)", "A-P (mm)", "S-I (mm)", "Diameter (mm)"),
    (
        ("1", "Inferior vena cava and its branches", "123456", "1234.56", "120.5", "300.1", "420.0", "433.9"),
        ("2", "Left kidney", "12", "0.01", "1.5", "3.1", "2.0", "3.9"),
    ),
    (True, False, True, True, True, True, True, True),
)


@pytest.mark.parametrize("width", [40, *range(60, 100), 200])
def test_measures_fit(width: int) -> None:
    text = drawn(table(MEASURES, "Sizes", MEASURES_HIDDEN), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    words = text.split()
    for part in ("Sizes", "kidney", "1234.56", "433.9", "0.01", "branches"):
        assert part in words
    assert "123456" not in words


def test_words_fit_and_stay_whole() -> None:
    heading = ("Name", "Version", "Anatomy", "Modality", "Labels", "Licence")
    rows = [("hippocampus-t1", "1.0.0", "Brain: hippocampus", "MR", "Anterior, Posterior", "CC-BY-SA-4.0")] * 2
    text = drawn(words_table(heading, rows), 60)
    assert all(cell_len(line) <= 60 for line in text.splitlines())
    assert text.split().count("hippocampus-t1") == 2 and "Posterior" in text.split()


def test_cases_of_an_evaluation_keep_their_names() -> None:
    content = Table(
        ("Case", "Segment", "Dice", "HD95 (mm)", "NSD"),
        (
            ("patient 1.2.840.113619.2.55", "anterior hippocampus", "0.9", "1.2", "0.97"),
            ("", "posterior", "0.8", "2", "1"),
        ),
        (False, False, True, True, True),
    )
    text = drawn(table(content), 60)
    assert text.count("patient 1.2.840.113619.2.55, ") == 2 and "0.97" in text


@pytest.mark.parametrize("width", [60, 80, 220])
def test_a_training_shows_the_step_the_loss_and_the_best(width: int) -> None:
    labels = ["oesophagus", "trachea", "a name\x1b[2J that is very long " * 9]
    screen = _Screen(labels, CleanConsole(file=io.StringIO(), width=width))
    screen.rows = deque(maxlen=10)
    for step in range(10, 40, 10):
        dice = tuple(random.Random(step).random() for _ in labels)
        screen(
            TrainingEvent(
                "train", step, 1000, loss=0.5, terms={"dice": 0.25, "cross entropy": 0.25}, dice=dice, best=0.7
            )
        )
    text = drawn(screen.picture(), width)
    table_lines = text.splitlines()[:-1]
    assert all(cell_len(line) <= width for line in table_lines) and "\x1b" not in text
    assert all(word in text for word in ("step", "loss", "best", "30/1000", "0.5000"))
    assert "…" not in "\n".join(table_lines)
    assert ("of which" in text) == (width == 220)


def test_printed_texts_do_nothing_to_the_terminal() -> None:
    from rich.text import Text

    for content in ("a\x1b[2Jb\nc", Text("a\x1b[2Jb\nc", style="bold")):
        assert drawn(content, 60) == "a\\x1b[2Jb\nc\n"
