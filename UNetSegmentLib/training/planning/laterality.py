"""Labels that exist on the left and on the right: found by their names, so that a flip exchanges them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...labels import Label
from ...models.card import Preparation

_SIDES = {"left": "right", "l": "r", "links": "rechts", "gauche": "droite"}


def side_pairs(labels: Sequence[Label]) -> tuple[tuple[int, int], ...]:
    """Values of labels whose names differ in their side alone ("Left kidney" and "Right kidney", "kidney_l", ...)."""
    by_words = {_words(label.name): label.value for label in labels}
    pairs = []
    for words, value in by_words.items():
        for left, right in _SIDES.items():
            other = tuple(right if word == left else word for word in words)
            if other != words and other in by_words:
                pairs.append((value, by_words[other]))
    return tuple(pairs)


def left_right_axis(preparation: Preparation) -> int | None:
    """The array axis of the prepared image that runs from side to side; None where the card does not say."""
    if preparation.orientation is None:
        return None
    letters = preparation.orientation[::-1]
    return next(axis for axis in range(3) if letters[preparation.transpose[axis]] in "LR")


def _words(name: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[^a-z0-9]+", name.lower()) if word)
