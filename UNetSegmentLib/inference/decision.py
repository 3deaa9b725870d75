"""Which label a voxel gets: the class with the greatest logit, or the last region painted, in blocks.

Most classes can be left out of most blocks. Interpolation of order 0 or 1 is a convex combination: where one class is
nowhere above another among all the inputs of a block, it is nowhere above it among the outputs. So a class that never
beats the block's dominant class among the inputs need not be interpolated, and where no class does, the whole block is
decided.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .windows import Window


class Decision:
    """Labels of blocks.

    Args:
        activation: ``softmax``, or ``sigmoid`` where later regions are painted over earlier ones (nnU-Net's
            regions_class_order).
        output_values: the label of each channel.
        threshold: above which a region is there: 0 for logits, 0.5 for probabilities.
        device: where the values lie.
    """

    def __init__(self, activation: str, output_values: Sequence[int], threshold: float, device: torch.device) -> None:
        self._regions = activation == "sigmoid"
        self._values = torch.tensor(output_values, dtype=torch.float32, device=device)
        self._threshold = threshold
        # Elsewhere looking for candidates would make the device wait for Python.
        self._selects = device.type == "cpu"

    def labels(self, window: Window, values: torch.Tensor) -> torch.Tensor:
        """Labels of a block's outputs, as float32 that holds whole numbers: ``window.shape``, or a scalar where the
        block has one label.

        Args:
            values: logits or probabilities (channels, *inputs).
        """
        if self._regions:
            return self._painted(window, values)
        if window.identity:
            return self._winner(window.resample(values), self._values)
        if not self._selects or not window.convex:
            return self._winner(window.resample(values), self._values, own=True)
        candidates = _candidates(values.flatten(1))
        if len(candidates) == 1:
            return self._values[candidates[0]]
        if len(candidates) < len(values):
            return self._winner(window.resample(values[candidates]), self._values[candidates], own=True)
        return self._winner(window.resample(values), self._values, own=True)

    def of_outputs(self, values: torch.Tensor) -> torch.Tensor:
        """Labels (z, y, x) of values (channels, z, y, x) that are on the output grid already."""
        return self._topmost(values, self._values) if self._regions else self._winner(values, self._values)

    def _winner(self, values: torch.Tensor, labels: torch.Tensor, own: bool = False) -> torch.Tensor:
        """The label of the greatest value, the first among equals. ``values`` may be overwritten where they are our
        own."""
        shape = values.shape[1:]
        if len(values) == 2:
            return torch.where(values[1] > values[0], labels[1], labels[0])
        if values.device.type != "cpu":
            return labels[values.argmax(dim=0)]
        # Torch's argmax over the first axis takes ten times as long as the vectorised amax; a matrix product turns the
        # mask of the greatest into labels and counts.
        flat = values.reshape(len(values), -1)
        best = flat.amax(dim=0, keepdim=True)
        greatest = torch.ge(flat, best, out=flat if own else torch.empty_like(flat))
        found = torch.stack([labels, torch.ones_like(labels)]) @ greatest
        label, count = found[0], found[1]
        if bool((count != 1).any()):
            tied = (count != 1).nonzero()[:, 0]
            label[tied] = labels[greatest[:, tied].argmax(dim=0)]
        return label.reshape(shape)

    def _painted(self, window: Window, values: torch.Tensor) -> torch.Tensor:
        if self._selects and window.convex:
            present = (values.flatten(1).amax(dim=1) > self._threshold).nonzero()[:, 0]
            if not len(present):
                return values.new_zeros(())
            return self._topmost(window.resample(values[present]), self._values[present])
        return self._topmost(window.resample(values), self._values)

    def _topmost(self, values: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        painted = values.new_zeros(values.shape[1:])
        for value, label in zip(values, labels, strict=True):
            painted = torch.where(value > self._threshold, label, painted)
        return painted


def _candidates(values: torch.Tensor) -> list[int]:
    """Channels of (channels, n) that may win somewhere, by comparison with the one that is greatest in the mean."""
    dominant = int(values.mean(dim=1).argmax())
    above = (values - values[dominant]).amax(dim=1)
    # The first among equals wins, so an earlier channel needs only to be as great.
    beats = above > 0
    beats[:dominant] |= above[:dominant] == 0
    beats[dominant] = True
    return beats.nonzero()[:, 0].tolist()
