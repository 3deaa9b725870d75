"""Batches of augmented patches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .augmentation.draw import chance, integer
from .augmentation.intensity import change_intensity
from .augmentation.spatial import deform, draw_deformation
from .augmentation.surroundings import cut_canvas
from .config import TrainingConfig
from .dataset import Case

_CANVAS_MARGIN = 1.2


class PatchSampler:
    """Draws batches; its generator is the whole of its state."""

    def __init__(self, cases: Sequence[Case], config: TrainingConfig, device: torch.device, seed: int) -> None:
        self.cases = list(cases)
        self.config = config
        self.device = device
        self.generator = torch.Generator().manual_seed(seed)
        self.patch = config.card.inference.patch
        self.flat = config.card.network.dimension == 2
        depth, *rest = self.patch
        deep = depth if self.flat else math.ceil(depth * _CANVAS_MARGIN)
        self.canvas = (deep, *(math.ceil(n * _CANVAS_MARGIN) for n in rest))

    def draw(self) -> tuple[Tensor, Tensor]:
        """Images (batch, channels, *patch) float32 and labels (batch, *patch) int64 on the device, z dropped for a 2D
        network."""
        images, labels, deformations = [], [], []
        for _ in range(self.config.batch):
            case = self.cases[integer(self.generator, 0, len(self.cases) - 1)]
            start = self._start(case)
            margin = [(c - p) // 2 for c, p in zip(self.canvas, self.patch, strict=True)]
            first = [s - m for s, m in zip(start, margin, strict=True)]
            image, label = cut_canvas(case, self.cases, first, self.canvas, self.config.sampling, self.generator)
            images.append(image)
            labels.append(label)
            deformations.append(draw_deformation(self.config.augmentation, self.patch, self.flat, self.generator))
        batch, target = torch.stack(images).to(self.device), torch.stack(labels).to(self.device)
        channels = self.config.card.network.out_channels
        batch, target = deform(batch, target, deformations, self.patch, channels)
        batch = change_intensity(batch, self.config.augmentation, self.flat, self.generator)
        if self.flat:
            batch, target = batch[:, :, 0], target[:, 0]
        return batch.contiguous(), target.long().contiguous()

    def _start(self, case: Case) -> list[int]:
        """First voxel of the patch. A patch larger than the image is centred on it; ``overhang`` loosens that."""
        centre = self._foreground_voxel(case) if chance(self.generator, self.config.sampling.foreground) else None
        loose = chance(self.generator, 0.5)
        start = []
        for axis, (size, patch) in enumerate(zip(case.label.shape, self.patch, strict=True)):
            low, high = (0, size - patch) if size >= patch else ((size - patch) // 2, (size - patch) // 2)
            if loose and not (self.flat and axis == 0):
                extra = round(self.config.sampling.overhang * patch)
                low, high = low - extra, high + extra
            anywhere = integer(self.generator, low, high)
            start.append(anywhere if centre is None else min(max(centre[axis] - patch // 2, low), high))
        return start

    def _foreground_voxel(self, case: Case) -> list[int] | None:
        present = [indices for indices in case.foreground if indices.numel()]
        if not present:
            return None
        indices = present[integer(self.generator, 0, len(present) - 1)]
        flat = int(indices[integer(self.generator, 0, indices.numel() - 1)])
        _, rows, columns = case.label.shape
        return [flat // (rows * columns), flat // columns % rows, flat % columns]
