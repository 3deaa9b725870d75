"""Every transform at several strengths, applied to one patch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from ..cases.case import Case
from ..config.values import AugmentationConfig, Range, SamplingConfig
from . import intensity
from .cropping import cut_canvas
from .cutout import cutout
from .laterality import swap_left_right
from .random_numbers import normal_like
from .spatial import Deformation, deform, draw_deformation

_MARGIN = 1.4


class Change(Protocol):
    """A change of intensity of a batch, with its parameter drawn from ``reach``."""

    def __call__(self, x: Tensor, reach: Range) -> Tensor: ...


@dataclass(frozen=True, eq=False)
class Example:
    """One transformed patch.

    Args:
        strength: in words, as short as fits under a picture.
        image: (channels, z, y, x).
        label: (z, y, x) classes.
    """

    strength: str
    image: Tensor
    label: Tensor


@dataclass(frozen=True, eq=False)
class Scene:
    """What is transformed: a patch around a place in a case.

    Args:
        centre: voxel of the case (z, y, x) in the middle of the patch.
        patch: (z, y, x) voxels.
        flat: keep slices apart, as for a 2D network.
        classes: how many classes the case's label map may hold.
        pairs: classes on the left and on the right that change places with a flip along ``left_right_axis``.
    """

    case: Case
    centre: tuple[int, int, int]
    patch: tuple[int, int, int]
    flat: bool
    classes: int
    pairs: tuple[tuple[int, int], ...] = ()

    def canvas(self, margin: float = _MARGIN, kind: str = "reflect", shift: float = 0.0) -> tuple[Tensor, Tensor]:
        """Batch of one canvas: images (1, channels, *canvas) and labels (1, *canvas).

        Args:
            margin: size of the canvas in patches.
            kind: what surrounds the image (``SamplingConfig.padding``).
            shift: how far the canvas is moved out of the image along x, in patches.
        """
        depth, *rest = self.patch
        shape = [depth if self.flat else round(depth * margin), *(round(n * margin) for n in rest)]
        start = [c - n // 2 for c, n in zip(self.centre, shape, strict=True)]
        if shift:
            start[2] = self.case.image.shape[3] - round((1.0 - shift) * shape[2])
        settings = SamplingConfig(padding={kind: 1.0})
        image, label = cut_canvas(self.case, [self.case], start, shape, settings, _chance())
        return image[None], label[None]

    def bent(self, strength: str, deformation: Deformation) -> Example:
        """The patch under one deformation."""
        images, labels = self.canvas()
        image, label = deform(images, labels, [deformation], self.patch, self.classes)
        return Example(strength, image[0], label[0])

    def changed(self, strength: str, change: Callable[[Tensor], Tensor]) -> Example:
        """The patch with another intensity."""
        image, label = self.canvas(1.0)
        return Example(strength, change(image)[0], label[0])


def gallery(scene: Scene, config: AugmentationConfig, strengths: int = 5) -> Iterator[tuple[str, list[Example]]]:
    """The rows of the picture: the name of a transform, and the patch at strengths from one end of the configuration's
    range to the other (randomness apart from the strength is fixed).
    """
    yield "flips", _flips(scene, config)
    rows = (("rotation", _rotation), ("scaling", _scaling), ("elastic deformation", _elastic))
    for name, row in rows:
        yield name, row(scene, config, strengths)
    for name, reach, apply in _intensities(scene, config):
        yield name, [scene.changed(f"{v:.2f}", partial(apply, reach=(v, v))) for v in steps(reach, strengths)]
    kinds = ("reflect", "edge", "constant", "noise", "other")
    yield "padding", [_surrounded(scene, kind) for kind in kinds[:strengths]]
    yield "all by chance", [_drawn(scene, config, seed) for seed in range(strengths)]


def steps(reach: Sequence[float], count: int) -> list[float]:
    """Numbers evenly from one end of a range to the other; a lower end that changes nothing (0, or 1 for factors that
    only grow) is left out."""
    low, high = reach
    if low in (0.0, 1.0) and high > low:
        return [low + (high - low) * (n + 1) / count for n in range(count)]
    return [low + (high - low) * n / max(count - 1, 1) for n in range(count)]


def _chance(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _flips(scene: Scene, config: AugmentationConfig) -> list[Example]:
    """Along each axis; where there are pairs, with and without exchanged sides."""
    examples = []
    for axis in (2, 1, 0)[: 2 if scene.flat else 3]:
        matrix = torch.eye(3)
        matrix[axis, axis] = -1
        plain = scene.bent(f"along {'zyx'[axis]}", Deformation(matrix, None))
        examples.append(plain)
        if axis == config.left_right_axis and scene.pairs:
            label = swap_left_right(plain.label[None], [True], scene.pairs)[0]
            examples.append(Example(f"along {'zyx'[axis]}, sides swapped", plain.image, label))
    return examples


def _rotation(scene: Scene, config: AugmentationConfig, count: int) -> list[Example]:
    """About z, the plane of the picture."""
    examples = []
    for degrees in steps((0.0, config.rotation_degrees), count):
        angle = math.radians(degrees)
        matrix = torch.eye(3)
        matrix[1, 1] = matrix[2, 2] = math.cos(angle)
        matrix[1, 2], matrix[2, 1] = -math.sin(angle), math.sin(angle)
        examples.append(scene.bent(f"{degrees:.0f} degrees", Deformation(matrix, None)))
    return examples


def _scaling(scene: Scene, config: AugmentationConfig, count: int) -> list[Example]:
    low, high = (math.log(v) for v in config.scaling_range)
    factors = [math.exp(low + (high - low) * n / max(count - 1, 1)) for n in range(count)]
    first = 1 if scene.flat or config.in_plane else 0
    matrices = [torch.diag(torch.tensor([1.0] * first + [1 / f] * (3 - first))) for f in factors]
    return [scene.bent(f"{f:.2f} x", Deformation(m, None)) for f, m in zip(factors, matrices, strict=True)]


def _elastic(scene: Scene, config: AugmentationConfig, count: int) -> list[Example]:
    coarse = [max(math.ceil(size / config.elastic_spacing), 2) for size in scene.patch]
    direction = normal_like(_chance(), torch.empty(3, *coarse))
    if scene.flat or config.in_plane:
        direction[0] = 0
    values = steps((0.0, config.elastic_voxels), count)
    return [scene.bent(f"{v:.1f} voxels", Deformation(torch.eye(3), direction * v)) for v in values]


def _intensities(scene: Scene, config: AugmentationConfig) -> Iterator[tuple[str, Range, Change]]:
    """Name, range and function of each change of intensity."""
    flat, whole = scene.flat or config.in_plane, scene.flat
    gamma, boxes = intensity.gamma, config.cutout_boxes
    yield "gamma", config.gamma_range, lambda x, reach: gamma(x, 1.0, reach, _chance(), 0.0)
    yield "gamma, inverted", config.gamma_range, lambda x, reach: gamma(x, 1.0, reach, _chance(), 1.0)
    yield "contrast", config.contrast_range, lambda x, reach: intensity.contrast(x, 1.0, reach, _chance())
    yield "brightness", config.brightness_range, lambda x, reach: intensity.brightness(x, 1.0, reach, _chance())
    yield "noise", config.noise_range, lambda x, reach: intensity.noise(x, 1.0, reach, _chance())
    yield "blur", config.blur_range, lambda x, reach: intensity.blur(x, 1.0, reach, flat, _chance())
    coarsened = config.low_resolution_range
    yield "low resolution", coarsened, lambda x, reach: intensity.low_resolution(x, 1.0, reach, flat, _chance())
    yield "bias field", config.bias_field_range, lambda x, reach: intensity.bias_field(x, 1.0, reach, _chance())
    yield "cutout", config.cutout_range, lambda x, reach: cutout(x, 1.0, reach, boxes, whole, _chance())


def _surrounded(scene: Scene, kind: str) -> Example:
    """A patch that reaches beyond the image by a third."""
    image, label = scene.canvas(1.0, kind, 1 / 3)
    return Example(kind, image[0], label[0])


def _drawn(scene: Scene, config: AugmentationConfig, seed: int) -> Example:
    """What a training makes of the patch, with the configuration's own probabilities."""
    random = _chance(seed)
    deformation = draw_deformation(config, scene.patch, scene.flat, random)
    bent = scene.bent(f"draw {seed + 1}", deformation)
    label = swap_left_right(bent.label[None], [deformation.flips[config.left_right_axis]], scene.pairs)[0]
    image = intensity.change_intensity(bent.image[None], config, scene.flat, random)[0]
    return Example(bent.strength, image, label)
