"""Whether images are of the modality that a model was made for, as far as their DICOM headers and its card say it."""

from __future__ import annotations

from collections.abc import Sequence

from ..models.card import ModelCard
from ..models.modality import modalities, modalities_of, objection
from ..text import shown
from ..volume import Volume


def modality_warnings(volumes: Sequence[Volume], card: ModelCard) -> list[str]:
    """What is said of images of another modality; nothing is refused, since headers and cards may be wrong.

    Args:
        volumes: as they were given: one for each channel is judged by that channel's own word.
    """
    warnings = []
    for number, volume in enumerate(volumes):
        wanted = modalities_of(card)
        if len(volumes) == len(card.inputs) > 1:
            wanted = modalities(card.inputs[number].modality) or wanted
        if objection(volume.modality, wanted):
            takes = " or ".join(wanted)
            warnings.append(
                f"'{shown(volume.name)}' is {volume.modality} by its DICOM header, and '{card.name}' was made for "
                f"{takes}: the result is probably wrong. Give a series of {takes} (--series), or choose a model for "
                f"{volume.modality}."
            )
    return warnings
