"""Colours for label tables that come without: neighbours in the table are easy to tell apart."""

from __future__ import annotations

import colorsys

# Far apart in hue and lightness, readable on grey images; the first are those that small tables use.
_FIRST = (
    (242, 142, 43),
    (78, 160, 214),
    (225, 87, 89),
    (89, 190, 110),
    (237, 201, 72),
    (176, 122, 200),
    (255, 157, 167),
    (118, 200, 190),
    (180, 130, 90),
    (150, 170, 60),
)
_GOLDEN = 0.618033988749895
_LEVELS = ((0.65, 0.95), (0.45, 0.80), (0.80, 0.70))


def colour(n: int) -> tuple[int, int, int]:
    """The colour (red, green, blue, 0 to 255) of the ``n``-th label, from 0; no two of the first thousand are alike."""
    if n < len(_FIRST):
        return _FIRST[n]
    saturation, value = _LEVELS[n % len(_LEVELS)]
    # Steps of the golden section never come back to a hue that was used before.
    red, green, blue = colorsys.hsv_to_rgb((n * _GOLDEN) % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)
