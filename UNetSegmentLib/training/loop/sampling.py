"""Batches of augmented patches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ...budget import require_memory
from ...geometry import in_xyz
from ..augmentation.cropping import cut_canvas
from ..augmentation.intensity import change_intensity
from ..augmentation.laterality import swap_left_right
from ..augmentation.random_numbers import chance, integer
from ..augmentation.spatial import Deformation, deform, draw_deformation
from ..cases.case import Case
from ..cases.labelling import labelling_of
from ..config.config import TrainingConfig
from ..processes.distributed import World

_CANVAS_MARGIN = 1.2
_LESS = "Lower 'batch', or the patch in the configuration's card (card.inference.patch)."


class PatchSampler:
    """Draws batches; its generator is the whole of its state.

    It gives each sample a seed of its own, so that processes that share a batch (``world``) need not make the samples
    of the others and still come to the same batch together.
    """

    def __init__(
        self, cases: Sequence[Case], config: TrainingConfig, device: torch.device, seed: int, world: World | None = None
    ) -> None:
        self.part = (world or World()).part(config.batch)
        check_batch(config)
        self.cases = list(cases)
        self.config = config
        self.near = config.sampling.foreground
        self.device = device
        self.labelling = labelling_of(config)
        self.generator = torch.Generator().manual_seed(seed)
        self.patch = config.card.inference.patch
        self.flat = config.card.network.dimension == 2
        depth, *rest = self.patch
        self.spacing = _spacing(config)
        self.pairs = self.labelling.pairs(config.augmentation.label_pairs)
        in_plane = self.flat or config.augmentation.in_plane
        deep = depth if in_plane else math.ceil(depth * _CANVAS_MARGIN)
        self.canvas = (deep, *(math.ceil(n * _CANVAS_MARGIN) for n in rest))

    def draw(self) -> tuple[Tensor, Tensor]:
        """Images (batch, channels, *patch) float32 and their target (see :meth:`.Labelling.target`) on the device, z
        dropped for a 2D network. ``batch`` counts this process's part."""
        settings, images, labels, deformations = self.config.augmentation, [], [], []
        labelled: list[bool] = []
        seeds = torch.randint(0, 2**62, (self.config.batch,), generator=self.generator).tolist()
        generators = [torch.Generator().manual_seed(seeds[n]) for n in self.part]
        for own in generators:
            case = self.cases[integer(own, 0, len(self.cases) - 1)]
            start = self._start(case, own)
            margin = [(c - p) // 2 for c, p in zip(self.canvas, self.patch, strict=True)]
            first = [s - m for s, m in zip(start, margin, strict=True)]
            image, label = cut_canvas(case, self.cases, first, self.canvas, self.config.sampling, own)
            images.append(image)
            labelled.append(case.labelled)
            labels.append(label)
            deformations.append(draw_deformation(settings, self.patch, self.flat, own, self.spacing))
        batch, target = torch.stack(images).to(self.device), torch.stack(labels).to(self.device)
        batch, target = self._deformed(batch, target, deformations)
        target = swap_left_right(target, [d.flips[settings.left_right_axis] for d in deformations], self.pairs)
        for sample, known in zip(target, labelled, strict=True):
            if not known:
                # Whatever fills the patch beyond the image of a case without labels: no label judges it.
                sample.fill_(self.labelling.classes - 1)
        changed = [change_intensity(x[None], settings, self.flat, g) for x, g in zip(batch, generators, strict=True)]
        batch = torch.cat(changed)
        if self.flat:
            batch, target = batch[:, :, 0], target[:, 0]
        return batch.contiguous(), self.labelling.target(target)

    def _deformed(self, images: Tensor, labels: Tensor, deformations: Sequence[Deformation]) -> tuple[Tensor, Tensor]:
        """Patches out of canvases. Samples that stay as they are are cut out, whatever the others of the batch do: a
        sample must not depend on its neighbours, which other processes may make."""
        still = [d.displacement is None and bool((d.matrix == torch.eye(3)).all()) for d in deformations]
        order, parts = [], []
        for kind in (True, False):
            chosen = [n for n, stays in enumerate(still) if stays == kind]
            if chosen:
                own = [deformations[n] for n in chosen]
                parts.append(deform(images[chosen], labels[chosen], own, self.patch, self.labelling.classes))
                order += chosen
        back = torch.tensor(order).argsort().to(images.device)
        return torch.cat([p[0] for p in parts])[back], torch.cat([p[1].long() for p in parts])[back]

    def _start(self, case: Case, generator: torch.Generator) -> list[int]:
        """First voxel of the patch. A patch larger than the image is centred on it; ``overhang`` loosens that."""
        centre = self._foreground_voxel(case, generator) if chance(generator, self.near) else None
        loose = chance(generator, 0.5)
        start = []
        for axis, (size, patch) in enumerate(zip(case.label.shape, self.patch, strict=True)):
            low, high = (0, size - patch) if size >= patch else ((size - patch) // 2, (size - patch) // 2)
            if loose and not (self.flat and axis == 0):
                extra = round(self.config.sampling.overhang * patch)
                low, high = low - extra, high + extra
            anywhere = integer(generator, low, high)
            start.append(anywhere if centre is None else min(max(centre[axis] - patch // 2, low), high))
        return start

    def _foreground_voxel(self, case: Case, generator: torch.Generator) -> list[int] | None:
        present = [indices for indices in case.foreground if indices.numel()]
        if not present:
            return None
        indices = present[integer(generator, 0, len(present) - 1)]
        flat = int(indices[integer(generator, 0, indices.numel() - 1)])
        _, rows, columns = case.label.shape
        return [flat // (rows * columns), flat // columns % rows, flat % columns]


def check_batch(config: TrainingConfig) -> None:
    """Refuses a batch whose patches alone do not fit into memory, before anything is allocated.

    Raises:
        ResourceError: with what it would take.
    """
    patch, network = config.card.inference.patch, config.card.network
    # The image, its label map and one map of the network's answer are there at the same time at least.
    need = 4 * config.batch * math.prod(patch) * (network.in_channels + network.out_channels + 1)
    require_memory(need, f"A batch of {config.batch} patches of {in_xyz(patch)} voxels", _LESS)


def _spacing(config: TrainingConfig) -> tuple[float, float, float]:
    """mm (z, y, x) of a prepared voxel; a cube or square where the card leaves that open."""
    spacing = config.card.preparation.spacing
    if spacing is None:
        return (1.0, 1.0, 1.0)
    return (spacing[1] if spacing[0] is None else spacing[0], spacing[1], spacing[2])
