"""What a compression came to, for people and for programs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..terminal.console import output, say, words_table

if TYPE_CHECKING:
    from ...compression.measuring import Measured
    from ...compression.result import Compressed

_MB = 1e6


def show(result: Compressed) -> None:
    """A table of scores, notes, and one line."""
    for note in result.notes:
        say(f"Note: {note}", error=True)
    if result.before is not None and result.after is not None:
        heading = ("", "Dice before", "Dice after", "Lost", "HD95 before (mm)", "HD95 after (mm)")
        title = f"Mean over {len(result.after.cases)} cases"
        output().print(words_table(heading, _rows(result.before, result.after), title))
    say(f"{_line(result)}")
    say(f"  Model: {result.package}")


def as_document(result: Compressed) -> dict[str, Any]:
    """The same for programs; numbers that are not known are null."""
    return {
        "model": str(result.package),
        "kind": result.kind,
        "bytes_before": result.bytes_before,
        "bytes_after": result.bytes_after,
        "tile_seconds_before": result.seconds_before or None,
        "tile_seconds_after": result.seconds_after or None,
        "speed": result.speed,
        "loss": _known(result.loss),
        "before": _scores(result.before),
        "after": _scores(result.after),
        "notes": list(result.notes),
    }


def _line(result: Compressed) -> str:
    parts = [f"{result.bytes_before / _MB:.1f} MB -> {result.bytes_after / _MB:.1f} MB"]
    if result.speed:
        parts.append(f"a tile {result.speed:.1f} times as fast")
    if result.loss is not None and result.before is not None and result.after is not None:
        parts.append(f"mean Dice {result.before.mean:.4f} -> {result.after.mean:.4f}")
    return f"{result.kind.upper() if result.kind == 'int8' else result.kind.capitalize()}: {', '.join(parts)}"


def _rows(before: Measured, after: Measured) -> list[tuple[str, ...]]:
    rows = []
    for number, label in enumerate(after.labels):
        one, two = before.per_label[number], after.per_label[number]
        rows.append((label, *_numbers(one, two), _column(before, number), _column(after, number)))
    mean = ("Mean", *_numbers(before.mean, after.mean), _mm(before.hd95), _mm(after.hd95))
    worst = ("Worst case", f"{before.worst:.4f}", f"{after.worst:.4f}", f"{before.worst_loss(after):+.4f}", "", "")
    return [*rows, mean, worst]


def _numbers(before: float, after: float) -> tuple[str, str, str]:
    if math.isnan(before) or math.isnan(after):
        return ("-", "-", "-")
    return (f"{before:.4f}", f"{after:.4f}", f"{before - after:+.4f}")


def _column(measured: Measured, number: int) -> str:
    """Mean HD95 of one label where it is finite."""
    found = [row[number] for row in measured.hd95_mm or () if math.isfinite(row[number])]
    return _mm(sum(found) / len(found) if found else None)


def _mm(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _scores(measured: Measured | None) -> dict[str, Any] | None:
    if measured is None:
        return None
    return {
        "cases": len(measured.cases),
        "dice": _known(measured.mean),
        "dice_per_label": dict(zip(measured.labels, map(_known, measured.per_label), strict=True)),
        "dice_worst_case": _known(measured.worst),
        "hd95_mm": _known(measured.hd95),
        "seconds": round(measured.seconds, 3),
    }


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 6)
