from __future__ import annotations

import csv
import os
import re
from pathlib import Path

import pytest

from UNetSegmentLib.cohort.case import LeftOut
from UNetSegmentLib.cohort.record import Record, SegmentSize, Status
from UNetSegmentLib.cohort.report.charts import histogram
from UNetSegmentLib.cohort.report.page import by_urgency, write_page
from UNetSegmentLib.cohort.report.table import write_table


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


def test_what_needs_a_look_stands_first() -> None:
    assert [r.case for r in by_urgency(RECORDS)] == ["broken", "nothing", "doubtful", "fine", "notes.txt"]


def test_the_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "fine").mkdir()
    (tmp_path / "fine" / "preview.png").write_bytes(b"png")
    text = write_page(RECORDS, tmp_path, "A <title>", "with it").read_text(encoding="utf-8")
    assert "A &lt;title&gt;" in text
    assert not re.search(r"(src|href)=['\"](https?:)?//", text)
    assert "src='fine/preview.png'" in text
    assert text.count("<tr>") == len(RECORDS) + 1


def test_an_anonymous_page_names_nobody(tmp_path: Path) -> None:
    (tmp_path / "fine").mkdir()
    (tmp_path / "fine" / "preview.png").write_bytes(b"png")
    text = write_page(RECORDS, tmp_path, "Cohort", "", anonymous=True).read_text(encoding="utf-8")
    for word in ("fine", "doubtful", "broken", "notes.txt", "/scans"):
        assert f">{word}" not in text and f"{word}<" not in text
    assert "Case 1" in text
    assert "preview.png" not in text, "a picture's link and its headline hold the name"


def test_a_histogram_counts_everything() -> None:
    svg = histogram([1.0] * 5 + [2.0] * 7 + [10.0], "liver (mL)")
    assert sum(int(n) for n in re.findall(r": (\d+)</title>", svg)) == 13
    assert "median 2" in svg
    assert histogram([1.0, float("nan"), 2.0], "few") == ""
    assert histogram([3.0] * 4, "all the same")
