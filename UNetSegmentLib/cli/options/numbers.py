"""Numbers out of options: neither NaN nor infinity, and within what makes sense."""

from __future__ import annotations

import math

from ...errors import UsageError


def check_number(option: str, value: float, low: float, high: float, unit: str = "") -> None:
    """Refuses a number before anything is read.

    Args:
        option: its name, without the dashes.
        low, high: the least and the most that are taken.

    Raises:
        UsageError: NaN, infinite, or outside.
    """
    if not (math.isfinite(value) and low <= value <= high):
        words = f" {unit}" if unit else ""
        raise UsageError(f"--{option} {value:g} makes no sense.", f"Give a number from {low:,g} to {high:,g}{words}.")
