"""The first stage of a cascade as input of the second: its labels, on the prepared grid, one channel for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from ..preprocessing.preparation import PreparationRecord, Prepared, onto_grid


def with_previous(prepared: Prepared, labels: np.ndarray, values: Sequence[int], apart: int | None) -> Prepared:
    """The prepared image with the previous stage's labels as further channels, 1 where a voxel has the label.

    Args:
        labels: (z, y, x) on the image's own grid.
        values: the labels, in the order of their channels.
        apart: array axis that is resampled by nearest neighbour.
    """
    record = prepared.record
    cropped = np.ascontiguousarray(record.axes.apply(labels)[record.box.slices]).astype(np.int32, copy=False)
    moved = resample_labels(torch.from_numpy(cropped), record, apart).to(prepared.tensor.device)
    channels = torch.stack([moved == value for value in values]).to(prepared.tensor.dtype)
    return replace(prepared, tensor=torch.cat([prepared.tensor, channels]))


def resample_labels(labels: torch.Tensor, record: PreparationRecord, apart: int | None) -> torch.Tensor:
    """A label map (z, y, x) of ``record.box`` on the prepared grid, as nnU-Net resamples segmentations.

    Each label's mask is interpolated linearly, and the greatest wins; where two are equal, the nearest voxel's label.
    """
    if not record.resampled:
        return labels

    def moved(values: torch.Tensor, order: int) -> torch.Tensor:
        return onto_grid(values.double()[None], record, order, apart)[0]

    nearest = moved(labels, 0).to(labels.dtype)
    present = [int(value) for value in labels.unique()]
    if len(present) == 1:
        return nearest
    winner = torch.full_like(nearest, present[0])
    best = moved(labels == present[0], 1)
    for value in present[1:]:
        share = moved(labels == value, 1)
        tied = (share - best).abs() < _TIE
        winner[((share > best) & ~tied) | (tied & (nearest == value))] = value
        best = torch.maximum(best, share)
    return winner


_TIE = 1e-9  # interpolation in double precision; even factors put an output exactly between two labels
