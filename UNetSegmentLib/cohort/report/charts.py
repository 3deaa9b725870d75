"""Distributions as SVG, drawn into the page: no library, and nothing from the net."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

import numpy as np

from ...text import plain_number, shown

_WIDTH, _HEIGHT, _FOOT, _HEAD = 300, 134, 18, 36
_LONGEST = 44
_MOST_BARS = 24


def histogram(values: Sequence[float], title: str) -> str:
    """A histogram of finite values with the median marked; empty where there are fewer than three.

    Bars by the rule of Freedman and Diaconis (1981), at most 24.
    """
    numbers = np.asarray([value for value in values if math.isfinite(value)])
    if len(numbers) < 3:
        return ""
    low, high = float(numbers.min()), float(numbers.max())
    counts, edges = np.histogram(numbers, bins=_bars(numbers), range=(low, high) if high > low else (low - 1, low + 1))
    width, tallest = _WIDTH / len(counts), int(counts.max())
    room = _HEIGHT - _FOOT - _HEAD
    bars = "".join(
        f'<rect x="{n * width + 0.5:.1f}" y="{_HEAD + room * (1 - count / tallest):.1f}" width="{width - 1:.1f}" '
        f'height="{room * count / tallest:.1f}">'
        f"<title>{plain_number(edges[n])} to {plain_number(edges[n + 1])}: {count}</title></rect>"
        for n, count in enumerate(counts)
        if count
    )
    median = float(np.median(numbers))
    x = (median - edges[0]) / (edges[-1] - edges[0]) * _WIDTH
    line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_HEAD}" y2="{_HEIGHT - _FOOT}"/>'
    foot = (
        f'<text x="0" y="{_HEIGHT - 4}">{plain_number(edges[0])}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 4}" text-anchor="end">{plain_number(edges[-1])}</text>'
    )
    head = (
        f'<text x="0" y="12" class="title">{html.escape(shown(title, _LONGEST))}</text>'
        f'<text x="0" y="27">median {plain_number(median)} in {len(numbers)} cases</text>'
    )
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" class="chart" role="img">{head}{bars}{line}{foot}</svg>'


def _bars(numbers: np.ndarray) -> int:
    spread = float(np.subtract(*np.percentile(numbers, [75, 25])))
    if spread <= 0:
        return min(10, _MOST_BARS)
    wanted = (float(numbers.max()) - float(numbers.min())) / (2 * spread / len(numbers) ** (1 / 3))
    return int(np.clip(math.ceil(wanted), 5, _MOST_BARS))
