"""What a model can be run on, as far as headers tell."""

from __future__ import annotations

from dataclasses import dataclass

from ...models.card import ModelCard
from ...models.colour import reads_colours
from ...models.modality import modalities_of, objection

_LEAST_SLICES = 3


@dataclass(frozen=True)
class Wanted:
    """What is asked of an image.

    Args:
        channels: images of a case; one where its red, green and blue lie in one file.
        colours: that file must hold colours.
        modalities: DICOM's words; empty for any.
        volumes: at least a few slices, for a 3D network.
    """

    channels: int = 1
    modalities: tuple[str, ...] = ()
    volumes: bool = False
    colours: bool = False

    @classmethod
    def by(cls, card: ModelCard) -> Wanted:
        """What a model's card asks for."""
        colours = reads_colours(card)
        return cls(1 if colours else len(card.inputs), modalities_of(card), card.network.dimension == 3, colours)

    def objection(self, modality: str, slices: int) -> str:
        """Why a series of DICOM does not suit; empty where it does."""
        unlike = objection(modality, self.modalities)
        if unlike:
            return unlike
        if self.volumes and slices < _LEAST_SLICES:
            return f"It has {slices} slice{'' if slices == 1 else 's'}, and the model takes volumes."
        return ""
