"""A made-up body slice with organs on either side, for pictures that need no data."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SIZE = 128
LEFT, RIGHT, MIDDLE = 1, 2, 3


def phantom() -> tuple[Tensor, Tensor]:
    """An image (1, 1, size, size) and its label map (1, size, size): a left organ, a smaller right one, a spine."""
    places = (torch.arange(SIZE) + 0.5) / SIZE * 2 - 1
    y, x = torch.meshgrid(places, places, indexing="ij")
    body = _ellipse(y, x, 0.0, 0.0, 0.78, 0.92)
    left = _ellipse(y, x, 0.05, 0.45, 0.38, 0.24) & ~_ellipse(y, x, 0.05, 0.22, 0.16, 0.14)
    right = _ellipse(y, x, 0.15, -0.45, 0.26, 0.2) & ~_ellipse(y, x, 0.15, -0.26, 0.1, 0.12)
    spine = _ellipse(y, x, 0.5, 0.0, 0.14, 0.16)
    image = torch.zeros(SIZE, SIZE)
    for mask, level in ((body, 0.45), (left, 0.75), (right, 0.75), (spine, 1.0)):
        image[mask] = level
    random = torch.Generator().manual_seed(1)
    for size, strength in ((16, 0.06), (64, 0.05)):
        grain = torch.randn(1, 1, size, size, generator=random)
        image += strength * body * functional.interpolate(grain, (SIZE, SIZE), mode="bilinear")[0, 0]
    label = torch.zeros(SIZE, SIZE, dtype=torch.uint8)
    for mask, value in ((left, LEFT), (right, RIGHT), (spine, MIDDLE)):
        label[mask] = value
    return image[None, None], label[None]


def _ellipse(y: Tensor, x: Tensor, cy: float, cx: float, height: float, width: float) -> Tensor:
    return ((y - cy) / height) ** 2 + ((x - cx) / width) ** 2 < 1
