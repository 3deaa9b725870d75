from __future__ import annotations

import csv
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from UNetSegmentLib.cohort.case import LeftOut
from UNetSegmentLib.cohort.record import Record, SegmentSize, Status
from UNetSegmentLib.cohort.report.charts import histogram
from UNetSegmentLib.cohort.report.page import pace_words, write_page
from UNetSegmentLib.cohort.report.statistics import segment_values
from UNetSegmentLib.cohort.report.table import write_table
from UNetSegmentLib.cohort.report.urgency import by_urgency


def done(name: str, size: float, **more: object) -> Record:
    return Record(name, Status.DONE, segments=(SegmentSize(1, "liver", 10, size),), folder=name, **more)  # type: ignore[arg-type]


RECORDS = (
    done("fine", 1200.5, quality=0.9, seconds=2.0),
    done("doubtful", 300.0, quality=0.3),
    Record("broken", Status.FAILED, ("/scans/broken.nii",), code="bad-input", cause="It is empty.", cure="Export it."),
    Record("nothing", Status.DONE, segments=(SegmentSize(1, "liver", 0, 0.0),)),
    Record.left_out(LeftOut("notes.txt", Path("/scans/notes.txt"), "It is not an image.", "Use NIfTI.")),
)


def test_the_table_has_a_row_for_everything(tmp_path: Path) -> None:
    path = write_table(RECORDS, tmp_path)[0]
    with path.open(newline="", encoding="utf-8") as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    assert list(rows) == [record.case for record in RECORDS]
    assert rows["fine"]["liver (mL)"] == "1200.5"
    assert rows["broken"]["cause"] == "It is empty." and rows["broken"]["liver (mL)"] == ""
    assert rows["notes.txt"]["status"] == "left out"


def test_parquet_holds_the_same_where_pyarrow_is(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = write_table(RECORDS, tmp_path)[1]
    table = parquet.read_table(path).to_pylist()
    assert [row["case"] for row in table] == [record.case for record in RECORDS]
    assert table[0]["liver (mL)"] == 1200.5


def test_parquet_has_the_same_columns_whatever_happened(tmp_path: Path) -> None:
    """Tables of several runs are put together by programs: a column that is empty in one keeps its type."""
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "other").mkdir()
    without = parquet.read_schema(write_table(RECORDS[:1], tmp_path / "other")[1])
    every = parquet.read_schema(write_table(RECORDS, tmp_path)[1])
    assert without == every
    name = os.fsdecode(b"caf\xe9.nii")
    path = write_table([Record("cafe", Status.FAILED, (name,))], tmp_path)[1]
    assert parquet.read_table(path).to_pylist()[0]["inputs"] == "caf\\xe9.nii"


def test_a_formula_in_a_name_stays_text(tmp_path: Path) -> None:
    path = write_table([Record("=1+1", Status.FAILED, cause="=cmd")], tmp_path)[0]
    assert path.read_text(encoding="utf-8").splitlines()[1].startswith("'=1+1,failed")


def rows_of(page: str) -> list[list[Any]]:
    """What the page's script makes its rows of."""
    found = re.search(r"<script type='application/json' id='data'>(.*?)</script>", page, re.DOTALL)
    assert found is not None
    rows: list[list[Any]] = json.loads(found[1])["rows"]
    return rows


def test_what_needs_a_look_stands_first() -> None:
    poor = replace(done("poor", 900.0), segments=(SegmentSize(1, "liver", 10, 900.0, dice=0.31),))
    worse = replace(poor, case="worse", segments=(SegmentSize(1, "liver", 0, 0.0, dice=0.0),))
    told = done("told", 1000.0, warnings=("Two slices are copies.",))
    surer = [done(f"sure{number}", 1000.0, quality=0.95) for number in range(8)]
    ordered = [(record.case, kind) for record, kind in by_urgency([*RECORDS, poor, worse, told, *surer])]
    ordered = [one for one in ordered if not one[0].startswith("sure")]
    assert ordered == [
        ("broken", "failed"),
        ("worse", "low Dice"),
        ("poor", "low Dice"),
        ("nothing", "empty"),
        ("doubtful", "doubtful"),
        ("told", "with notes"),
        ("fine", "done"),
        ("notes.txt", "left out"),
    ]


def test_the_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "fine").mkdir()
    (tmp_path / "fine" / "preview.png").write_bytes(b"png")
    evil = Record("</script><b>", Status.FAILED, cause="<img src=x>", cure="&amp;")
    text = write_page([*RECORDS, evil], tmp_path, "A <title>", "with it").read_text(encoding="utf-8")
    assert "A &lt;title&gt;" in text and "<img src=x>" not in text and text.count("</script>") == 2
    assert not re.search(r"(src|href)=['\"]?(https?:)?//", text)
    rows = {row[0]: row for row in rows_of(text)}
    assert rows["fine"][2] == "fine/preview.png" and rows["doubtful"][2] == ""
    assert rows["</script><b>"][7:9] == ["<img src=x>", "&amp;"]
    assert len(rows) == len(RECORDS) + 1


def test_an_anonymous_page_names_nobody(tmp_path: Path) -> None:
    (tmp_path / "fine").mkdir()
    (tmp_path / "fine" / "preview.png").write_bytes(b"png")
    records = [*RECORDS, done("Doe", 3.0, warnings=("'Doe.nii.gz' is small.",))]
    text = write_page(records, tmp_path, "Cohort", "", anonymous=True).read_text(encoding="utf-8")
    rows = rows_of(text)
    assert [row[0] for row in rows] == [f"Case {number + 1}" for number in range(len(records))]
    for word in ("fine", "broken", "notes.txt", "/scans", "Doe", "It is empty"):
        assert word not in json.dumps(rows)
    assert "preview.png" not in text, "a picture's link and its headline hold the name"


def test_a_page_of_ten_thousand_cases_is_small(tmp_path: Path) -> None:
    records = [done(f"case{number:05}", float(number), seconds=0.3) for number in range(10_000)]
    path = write_page(records, tmp_path, "Many", "")
    assert path.stat().st_size < 100 * len(records)


def test_the_pace_is_told_with_a_decimal_where_it_is_quick() -> None:
    assert [pace_words(seconds) for seconds in (0.3, 9.94, 61.2)] == ["0.3 s a case", "9.9 s a case", "61 s a case"]


def test_statistics_of_a_segment() -> None:
    records = [done(f"c{number}", float(number)) for number in range(1, 102)]
    empty = Record("e", Status.DONE, segments=(SegmentSize(1, "liver", 0, 0.0),))
    values = segment_values([*records, empty])[0]
    assert values.spread(values.sizes) == pytest.approx((1.0, 6.0, 51.0, 96.0, 101.0))
    assert (values.missing, values.unit, values.spread(values.dice)) == (1, "mL", None)


def test_a_histogram_counts_everything() -> None:
    svg = histogram([1.0] * 5 + [2.0] * 7 + [10.0], "liver (mL)")
    assert sum(int(n) for n in re.findall(r": (\d+)</title>", svg)) == 13
    assert "median 2" in svg
    assert histogram([1.0, float("nan"), 2.0], "few") == ""
    assert histogram([3.0] * 4, "all the same")


def test_no_size_is_told_in_powers_of_ten(tmp_path: Path) -> None:
    """Pixels of photographs are many, and a reader of volumes is no programmer."""
    records = [
        Record(f"c{voxels}", Status.DONE, segments=(SegmentSize(1, "vessel", voxels, None),))
        for voxels in (20_688, 26_494, 1_279_070)
    ]
    page = write_page(records, tmp_path, "Title", "about").read_text(encoding="utf-8")
    assert not re.search(r"\de\+\d", page)
    assert "median 26494 in 3" in page and "20688 to 1279070" in page and "1279070" in page.split("id='data'")[1]
