"""From the values in label files to what a loss compares, and back.

Label maps are prepared and augmented as *classes*: 0 is background, then one number for each value that the files may
hold, then, where the training has an ignored label, one number for it. Only then do they become a target: the channel
of each voxel, or the regions that each voxel lies in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ..config.config import TrainingConfig
from ..losses import IGNORED


@dataclass(frozen=True)
class Labelling:
    """The classes of a training.

    Args:
        values: the value in the files that each class stands for; the first is 0.
        regions: for sigmoid models, the classes that each output channel unites; None for exclusive labels, whose
            output channels are the classes themselves.
        ignored: value in the files of voxels that are not judged.
        empty: whether a loss takes those voxels for background after all.
    """

    values: tuple[int, ...]
    regions: tuple[tuple[int, ...], ...] | None = None
    ignored: int | None = None
    empty: bool = False

    @property
    def classes(self) -> int:
        """How many classes there are, the ignored one included."""
        return len(self.values) + (self.ignored is not None)

    @property
    def channels(self) -> int:
        """How many output channels the network has."""
        return len(self.values) if self.regions is None else len(self.regions)

    @property
    def scored(self) -> range:
        """The output channels that are scored: all but an exclusive background."""
        return range(1 if self.regions is None else 0, self.channels)

    def encode(self, label: np.ndarray) -> Tensor:
        """Classes (z, y, x), uint8, of a label map as it stands in a file.

        Raises:
            InputError: the map holds a value that stands for nothing.
        """
        known = self.values if self.ignored is None else (*self.values, self.ignored)
        unknown = [int(v) for v in np.unique(label) if int(v) not in known]
        if unknown:
            raise InputError(
                f"The label map holds the value {unknown[0]}, which the model's labels do not name.",
                f"Known are {', '.join(map(str, known))}. Correct the label map or the labels of the configuration.",
            )
        classes = np.zeros(label.shape, np.uint8)
        for number, value in enumerate(known):
            classes[label == value] = number
        return torch.from_numpy(classes)

    def target(self, classes: Tensor) -> Tensor:
        """What losses compare with, int64: (batch, *patch) channels, or (batch, K, *patch) regions, of classes (batch,
        *patch). Voxels that are not judged are :data:`~.losses.IGNORED`.
        """
        table = self._table.to(classes.device)
        target = table[classes.long()]
        return target if self.regions is None else target.movedim(-1, 1).contiguous()

    def answer(self, logits: Tensor) -> Tensor:
        """Masks (batch, K, *patch) of what a network's logits say."""
        if self.regions is not None:
            return logits > 0
        winner = logits.argmax(dim=1, keepdim=True)
        channels = torch.arange(self.channels, device=logits.device)
        return winner == channels.reshape(1, -1, *[1] * (logits.ndim - 2))

    def pairs(self, values: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        """Pairs of file values as pairs of classes."""
        return tuple((self.values.index(a), self.values.index(b)) for a, b in values)

    @cached_property
    def _table(self) -> Tensor:
        """Row by class: the target of its voxels."""
        if self.regions is None:
            table = torch.arange(self.classes)
        else:
            table = torch.zeros(self.classes, self.channels, dtype=torch.long)
            for channel, classes in enumerate(self.regions):
                table[list(classes), channel] = 1
        if self.ignored is not None:
            table[-1] = 0 if self.empty else IGNORED
        return table


def labelling_of(config: TrainingConfig) -> Labelling:
    """The classes of a configuration's card, regions and ignored label."""
    contract, ignored = config.card.inference, config.loss.ignore_label
    empty = config.loss.ignored_is_background
    if contract.activation == "softmax":
        return Labelling(contract.output_values, ignored=ignored, empty=empty)
    united = config.regions or tuple((value,) for value in contract.output_values)
    values = (0, *sorted({value for region in united for value in region}))
    regions = tuple(tuple(values.index(value) for value in region) for region in united)
    return Labelling(values, regions, ignored, empty)
