"""The same numbers for a terminal, a spreadsheet and a program."""

from __future__ import annotations

import csv
import io
import json
import math

from UNetSegmentLib.labels import Label
from UNetSegmentLib.reporting import LabelScores, SegmentMeasures, plain_text, to_csv, to_json, to_table

MEASURES = [
    SegmentMeasures(Label(1, 'left, "big"'), 1234, 1.2345, (10.0, 20.04, 30.0), 33.333, (-1.0, 2.0, 3.5)),
    SegmentMeasures(Label(2, "absent"), 0, 0.0, (0.0, 0.0, 0.0), 0.0, None),
]
SCORES = [
    LabelScores(Label(1, "a"), 0.0, math.inf, 0.0, -1.0, 1.0, 0.0),
    LabelScores(Label(2, "b"), *[None] * 3, 0, 0, 0),
]


def test_json_is_plain_and_full() -> None:
    rows = json.loads(json.dumps(to_json(MEASURES), allow_nan=False))
    assert rows[0]["volume_ml"] == 1.2345
    assert [rows[0][f"extent_{axis}_mm"] for axis in ("rl", "ap", "si")] == [10.0, 20.04, 30.0]
    assert rows[1]["centroid_l_mm"] is None
    scores = json.loads(json.dumps(to_json(SCORES), allow_nan=False))
    assert (scores[0]["hd95_mm"], scores[1]["hd95_mm"]) == ("inf", None)


def test_csv_reads_back() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(MEASURES))))
    assert rows[0]["name"] == 'left, "big"'
    assert float(rows[0]["diameter_mm"]) == 33.333
    assert rows[1]["centroid_l_mm"] == ""
    assert to_csv([]) == ""


def test_the_table_has_units_and_lines_up() -> None:
    table = to_table(MEASURES)
    assert {len(row) for row in (table.heading, *table.rows, table.numeric)} == {len(table.heading)}
    assert "Volume (mL)" in table.heading
    lines = plain_text(table).splitlines()
    assert len(lines) == 3
    end = lines[0].index("Volume (mL)") + len("Volume (mL)")
    assert lines[1][:end].endswith("1.23")
    assert plain_text(to_table([])) == ""
    assert "infinite" in plain_text(to_table(SCORES))
