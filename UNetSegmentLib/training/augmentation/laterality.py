"""Left and right: a mirrored patient's left kidney is a right one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def swap_left_right(labels: Tensor, mirrored: Sequence[bool], pairs: Sequence[tuple[int, int]]) -> Tensor:
    """Labels of which the two of each pair have changed places in the samples that are mirrored.

    Args:
        labels: (batch, *patch) integers from 0 to 255.
        mirrored: for each sample, whether left and right have changed places in the image.
    """
    if not pairs or not any(mirrored):
        return labels
    table = torch.arange(256, device=labels.device)
    for left, right in pairs:
        table[left], table[right] = right, left
    result = labels.clone()
    for sample, swapped in enumerate(mirrored):
        if swapped:
            result[sample] = table[labels[sample].long()].to(labels.dtype)
    return result
