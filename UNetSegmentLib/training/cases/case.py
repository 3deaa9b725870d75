"""One prepared case: what a training takes its patches from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Case:
    """One prepared case.

    Args:
        image: (channels, z, y, x) float32, oriented, resampled and normalised as the card says.
        label: (z, y, x) uint8, the class (see :mod:`.labelling`; 0 is background) of each voxel.
        foreground: for each labelled class, flat indices of its voxels: all of them, or 100 000 evenly chosen ones.
        labelled: False for a case without labels, of which no voxel is judged by them.
    """

    name: str
    image: Tensor
    label: Tensor
    foreground: tuple[Tensor, ...]
    labelled: bool = True

    @cached_property
    def extremes(self) -> tuple[float, float]:
        """Lowest and highest value of the image."""
        return float(self.image.min()), float(self.image.max())
