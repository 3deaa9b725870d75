"""Putting together what the parts of a model have found: one label map on the image's grid, cleaned up."""

from __future__ import annotations

import numpy as np

from ..models.card import ModelCard
from ..postprocessing import clean
from ..preprocessing.preparation import PreparationRecord
from ..volume import Segmentation, Volume
from .margin import inside_margin
from .reduction import Reduced


class Composition:
    """Takes the results of the parts in order; each is cleaned by its own rules and painted over those before it.

    Args:
        image: gives the grid and the name.
        card: of the whole model, whose label table is that of the result.
    """

    def __init__(self, image: Volume, card: ModelCard) -> None:
        self._image = image
        self._card = card
        self._voxels: np.ndarray | None = None
        self._probabilities: list[np.ndarray] = []
        self._entropy: np.ndarray | None = None

    def add(self, card: ModelCard, record: PreparationRecord, reduced: Reduced) -> None:
        """One part: its card, how its image was prepared, what it found."""
        inside = self._inside(card)
        found = Segmentation(_within(record.restore(reduced.labels), inside), self._image.geometry, card.labels)
        self._paint(clean(found, card.postprocessing).voxels)
        if reduced.probabilities is not None:
            maps = record.restore(reduced.probabilities)
            if card.inference.activation == "softmax":
                maps[0][~_target_mask(record)] = 1.0  # outside the region it is background for sure
            if inside is not None:
                maps[:, ~inside] = 0.0
                if card.inference.activation == "softmax":
                    maps[0][~inside] = 1.0
            self._probabilities.append(maps)
        if reduced.entropy is not None:
            entropy = _within(record.restore(reduced.entropy), inside)
            self._entropy = entropy if self._entropy is None else np.maximum(self._entropy, entropy)

    def finish(self) -> tuple[Segmentation, Volume | None, Volume | None]:
        """Segmentation, probabilities and uncertainty of all parts."""
        assert self._voxels is not None
        geometry, name = self._image.geometry, self._image.name
        probabilities = uncertainty = None
        if self._probabilities:
            maps = self._probabilities
            joined = maps[0] if len(maps) == 1 else np.concatenate(maps)
            probabilities = Volume(joined, geometry, f"{name} probabilities")
        if self._entropy is not None:
            uncertainty = Volume(self._entropy[None], geometry, f"{name} uncertainty")
        return Segmentation(self._voxels, geometry, self._card.labels), probabilities, uncertainty

    def _inside(self, card: ModelCard) -> np.ndarray | None:
        """The camera's field of view, where the model wants nothing else to be looked at."""
        share = card.inference.dark_margin
        return None if share is None else inside_margin(self._image, share)

    def _paint(self, labels: np.ndarray) -> None:
        if self._voxels is None:
            self._voxels = labels
            return
        if labels.dtype.itemsize > self._voxels.dtype.itemsize:
            self._voxels = self._voxels.astype(labels.dtype)
        np.copyto(self._voxels, labels, where=labels > 0, casting="same_kind")


def _within(array: np.ndarray, inside: np.ndarray | None) -> np.ndarray:
    """``array`` (z, y, x), zero outside the mask."""
    if inside is not None:
        array[~inside] = 0
    return array


def _target_mask(record: PreparationRecord) -> np.ndarray:
    return record.restore(np.ones(record.box.shape, bool))
