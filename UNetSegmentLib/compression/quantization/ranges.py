"""The range of an activation that 8 bits should cover: not its largest value, but what costs the least."""

from __future__ import annotations

import numpy as np

_BINS = 2048
_TRIED = np.linspace(0.3, 1.0, 71)


class Histogram:
    """Magnitudes of values, counted in bins from 0 to a limit that doubles when larger ones come."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS)
        self._limit = 0.0
        self._largest = 0.0

    @property
    def largest(self) -> float:
        """The largest magnitude that was seen."""
        return self._largest

    def add(self, values: np.ndarray) -> None:
        """Counts further values; those that are not finite do not count."""
        sizes = np.abs(values[np.isfinite(values)], dtype=np.float32)
        if not sizes.size:
            return
        largest = float(sizes.max())
        self._largest = max(self._largest, largest)
        if self._limit == 0:
            self._limit = largest
        while largest > self._limit > 0:
            self._counts = np.concatenate([self._counts.reshape(-1, 2).sum(axis=1), np.zeros(_BINS // 2)])
            self._limit *= 2
        if self._limit > 0:
            self._counts += np.histogram(sizes, _BINS, (0.0, self._limit))[0]

    def best_limit(self, levels: int) -> float:
        """The limit of a symmetric range of ``levels`` steps on either side for which the mean square error is least:
        of rounding below it (a twelfth of a step's square), and of cutting off above. 1 where only zeros were seen.
        """
        if self._largest == 0:
            return 1.0
        centres = (np.arange(_BINS) + 0.5) * (self._limit / _BINS)
        best, least = self._largest, np.inf
        for share in _TRIED[::-1]:
            limit = share * self._largest
            inside = centres <= limit
            error = self._counts[inside].sum() * (limit / levels) ** 2 / 12
            error += (self._counts[~inside] * (centres[~inside] - limit) ** 2).sum()
            if error < least:
                best, least = float(limit), float(error)
        return best
