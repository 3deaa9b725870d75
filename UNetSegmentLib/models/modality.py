"""Which kinds of images a model takes, in DICOM's words, as far as its card says it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .card import ModelCard

# DICOM's modality by the beginnings of words in a card's; two letters are whole words.
_WORDS = {
    "CT": ("ct", "cta", "cbct", "tomography", "hounsfield"),
    "MR": ("mr", "mri", "mra", "magnetic", "t1", "t2", "t1w", "t2w", "flair", "dwi", "adc"),
    "PT": ("pet", "positron"),
    "US": ("us", "ultrasound"),
    "NM": ("nm", "spect", "scintigra"),
    "MG": ("mg", "mammogra"),
    "XA": ("xa", "angiogra"),
}
_SHORT = 3


def modalities(text: str) -> tuple[str, ...]:
    """DICOM's words for what a text names ("CT angiography", "T1-weighted MRI"); empty where it may be anything."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return tuple(
        name
        for name, starts in _WORDS.items()
        if any(word == start or (len(start) > _SHORT and word.startswith(start)) for word in words for start in starts)
    )


def modalities_of(card: ModelCard) -> tuple[str, ...]:
    """What a model takes; empty for anything."""
    return modalities(card.modality)


def objection(modality: str, wanted: Sequence[str]) -> str:
    """Why an image of this modality does not suit; empty where it does, or where either side says nothing."""
    if not wanted or not modality or modality in wanted:
        return ""
    return f"It is {modality}, and the model takes {' or '.join(wanted)}."
