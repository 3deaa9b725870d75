"""Measures and scores as rows: for a terminal, for a spreadsheet, for a program."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...text import csv_cell, shown
from ..units import SizeKind
from .measures import SegmentMeasures
from .metrics import LabelScores, LabelSummary

Row = SegmentMeasures | LabelScores | LabelSummary

# Key in JSON and CSV, heading for people, decimals (None: text or whole number).
_COLUMNS: dict[str, tuple[str, int | None]] = {
    "value": ("Value", None),
    "name": ("Segment", None),
    "cases": ("Cases", None),
    "missed": ("Missed", None),
    "voxels": ("Voxels", None),
    "pixels": ("Pixels", None),
    "volume_ml": ("Volume (mL)", 2),
    "area_mm2": ("Area (mm²)", 2),
    "extent_rl_mm": ("R-L (mm)", 1),
    "extent_ap_mm": ("A-P (mm)", 1),
    "extent_si_mm": ("S-I (mm)", 1),
    "diameter_mm": ("Diameter (mm)", 1),
    "width_px": ("Width (px)", 1),
    "height_px": ("Height (px)", 1),
    "diameter_px": ("Diameter (px)", 1),
    "centroid_l_mm": ("Centre L", 1),
    "centroid_p_mm": ("Centre P", 1),
    "centroid_s_mm": ("Centre S", 1),
    "centroid_x_px": ("Centre x", 1),
    "centroid_y_px": ("Centre y", 1),
    "dice": ("Dice", 4),
    "dice_std": ("± SD", 4),
    "hd95_mm": ("HD95 (mm)", 2),
    "nsd": ("NSD", 4),
    "volume_error_ml": ("Volume error (mL)", 3),
    "reference_ml": ("Reference (mL)", 3),
    "prediction_ml": ("Prediction (mL)", 3),
}


_EXTENTS = ("extent_rl_mm", "extent_ap_mm", "extent_si_mm")
_CENTROID = ("centroid_l_mm", "centroid_p_mm", "centroid_s_mm")


@dataclass(frozen=True)
class Table:
    """A heading and rows of texts, all of one length; ``numeric`` says which columns to align right."""

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


def to_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One flat dict a row, with plain values that ``json.dumps`` takes.

    What does not exist is None; an infinite distance (one side is empty) is the text ``"inf"``, because JSON has no
    such number.
    """
    return [{key: _plain(value) for key, value in _fields(row).items()} for row in rows]


def to_csv(rows: Sequence[Row]) -> str:
    """Comma-separated text with a heading line (the keys of :func:`to_json`); what does not exist is empty.

    Names hold no line break, and none is taken for a formula: see :func:`UNetSegmentLib.text.csv_cell`.
    """
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(_fields(rows[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: _cell(v) for k, v in row.items()} for row in to_json(rows))
    return text.getvalue()


def to_table(rows: Sequence[Row]) -> Table:
    """Rounded texts for people, with units in the heading."""
    if not rows:
        return Table((), (), ())
    keys = list(_fields(rows[0]))
    texts = tuple(tuple(_text(key, value) for key, value in _fields(row).items()) for row in rows)
    return Table(tuple(_COLUMNS[key][0] for key in keys), texts, tuple(key != "name" for key in keys))


def plain_text(table: Table) -> str:
    """The table in columns, for a log or a terminal without colours."""
    lines = [table.heading, *table.rows]
    widths = [max(len(line[n]) for line in lines) for n in range(len(table.heading))]
    return "\n".join(
        "  ".join(
            text.rjust(width) if numeric else text.ljust(width)
            for text, width, numeric in zip(line, widths, table.numeric, strict=True)
        ).rstrip()
        for line in lines
        if line
    )


def _fields(row: Row) -> dict[str, Any]:
    fields: dict[str, Any] = {"value": row.label.value, "name": row.label.name}
    if isinstance(row, SegmentMeasures):
        return fields | _sizes(row)
    return fields | {key: value for key, value in vars(row).items() if key != "label"}


def _sizes(row: SegmentMeasures) -> dict[str, Any]:
    """What may be told of a segment's size; see :class:`~..units.SizeKind`."""
    centroid = row.centroid or (None, None, None)
    if row.kind is SizeKind.PIXELS:
        lengths = dict(zip(("width_px", "height_px"), row.extent_mm, strict=False))
        place = dict(zip(("centroid_x_px", "centroid_y_px"), centroid, strict=False))
        return {"pixels": row.voxels, **lengths, "diameter_px": row.diameter_mm, **place}
    size = {"area_mm2": row.area_mm2} if row.kind is SizeKind.AREA else {"volume_ml": row.volume_ml}
    extents: dict[str, float | None] = {
        key: None if row.kind is SizeKind.AREA and axis == row.normal else length
        for axis, (key, length) in enumerate(zip(_EXTENTS, row.extent_mm, strict=True))
    }
    return {"voxels": row.voxels, **size, **extents, "diameter_mm": row.diameter_mm} | dict(
        zip(_CENTROID, centroid, strict=True)
    )


def _plain(value: Any) -> Any:
    return "inf" if isinstance(value, float) and math.isinf(value) else value


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return csv_cell(value) if isinstance(value, str) else value


def _text(key: str, value: Any) -> str:
    if value is None:
        return "-"
    decimals = _COLUMNS[key][1]
    if decimals is None:
        return shown(value)
    return "infinite" if math.isinf(value) else f"{value:.{decimals}f}"
