"""Models that read colour images: which they are, and what one calls their input."""

from __future__ import annotations

from .card import ModelCard

_NAMES = ({"red", "r"}, {"green", "g"}, {"blue", "b"})


def reads_colours(card: ModelCard) -> bool:
    """Whether the model's inputs are the red, green and blue of one colour image, in this order."""
    names = [channel.name.strip().lower() for channel in card.inputs]
    return len(names) == len(_NAMES) and all(name in known for name, known in zip(names, _NAMES, strict=True))
