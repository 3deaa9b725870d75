"""Whether an exported file gives the answers of its source, tile by tile. Nothing is declared good before."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from ...errors import ModelError
from ...inference.backends.comparison import LEAST_AGREEMENT, agreement, difference
from ...progress import Stage
from .settings import Agreement, ExportSettings
from .source import Source

Run = Callable[[torch.Tensor], torch.Tensor]

TILES = 4
"""Tiles that are compared."""

_LARGE = 96**3


@dataclass(frozen=True)
class Bounds:
    """What an exported file must reach.

    Args:
        labels: least share of voxels with the source's label.
        dice: least mean Dice of the labels against the source's.
        difference: largest root mean square difference of the logits over their standard deviation.
    """

    labels: float
    dice: float
    difference: float


BOUNDS = {
    # Half precision gives 3e-3 through a deep network, 8 bits about 1e-1, an error 1.
    "fp32": Bounds(LEAST_AGREEMENT, 0.999, 1e-3),
    "fp16": Bounds(0.995, 0.98, 0.03),
    "int8": Bounds(0.97, 0.9, 0.5),
}


def compare(source: Source, run: Run, tiles: Iterable[torch.Tensor], on: str, stage: Stage) -> Agreement:
    """Runs tiles (1, C, *patch) through both."""
    found = []
    activation = source.card.inference.activation
    for tile in tiles:
        with torch.inference_mode():
            expected = _planes(source.reference(tile))
            given = _planes(run(tile).to(torch.float32))
        if given.shape != expected.shape:
            raise _failed(f"it turns {_words(tile.shape)} into {_words(given.shape)}, not {_words(expected.shape)}")
        found.append(
            (
                agreement(expected, given, activation),
                dice(expected, given, activation),
                difference(expected, given),
            )
        )
        stage.step()
    labels, scores, differences = zip(*found, strict=True)
    return Agreement(on, len(found), sum(labels) / len(found), sum(scores) / len(found), max(differences))


def check(agreed: Agreement, precision: str) -> None:
    """Refuses a file whose answers are others than its source's.

    Raises:
        ModelError: they are; the message holds the numbers.
    """
    bounds = BOUNDS[precision]
    same = agreed.labels >= bounds.labels and agreed.dice >= bounds.dice and agreed.difference <= bounds.difference
    if not same:
        raise _failed(
            f"on {agreed.on}, {agreed.labels:.4%} of the voxels have the same label (at least {bounds.labels:.2%} "
            f"needed), Dice is {agreed.dice:.4f} (at least {bounds.dice}), and the logits differ by "
            f"{agreed.difference:.1e} of their spread (at most {bounds.difference:g})"
        )


def check_sizes(source: Source, run: Run, settings: ExportSettings) -> None:
    """Whether the file takes two tiles at once and, where it should, another patch, with the source's answers.

    The other patch is smaller, two steps of the network's total stride (one where no more are there), which an engine
    with bounds takes as well. Where only one patch fits and two of it would take gigabytes, they are not tried: no part
    of our networks joins the images of a batch.

    Raises:
        ModelError: it does not.
    """
    patch = source.patch
    if not settings.dynamic and math.prod(patch) > _LARGE:
        return
    if settings.dynamic:
        strides = source.card.network.divisor
        patch = tuple(max(n - 2 * step, min(n, 2 * step)) for n, step in zip(patch, strides, strict=True))
    image = synthetic((2, source.shape[1], *patch), seed=5)
    with torch.inference_mode():
        apart = difference(_planes(source.reference(image)), _planes(run(image).to(torch.float32)))
    if apart > BOUNDS[settings.precision].difference:
        raise _failed(
            f"for two tiles of {_words(patch)} its logits differ from the network's by {apart:.1e} of their spread"
        )


def dice(expected: torch.Tensor, given: torch.Tensor, activation: str) -> float:
    """Mean Dice of the labels in logits (N, K, z, y, x) over the channels that the first one finds; 1 without any.

    The first channel does not count with softmax: it is background.
    """
    if activation == "sigmoid":
        first, second = expected > 0, given > 0
    else:
        count = expected.shape[1]
        first, second = (functional.one_hot(t.argmax(1), count).movedim(-1, 1)[:, 1:] for t in (expected, given))
        first, second = first.bool(), second.bool()
    axes = [0, *range(2, first.ndim)]
    sizes, others = first.sum(axes), second.sum(axes)
    both = (first & second).sum(axes)
    scores = 2 * both / (sizes + others).clamp(min=1)
    return float(scores[sizes > 0].mean()) if bool((sizes > 0).any()) else 1.0


def synthetic_tiles(source: Source) -> Iterator[torch.Tensor]:
    """Tiles of soft blobs and noise in the range of a normalised image, where no real image is given."""
    for seed in range(2):
        yield synthetic(source.shape, seed)


def synthetic(shape: Sequence[int], seed: int) -> torch.Tensor:
    """Soft blobs and a little noise: mean 0 and standard deviation 1."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn([*shape[:2], *(max(n // 8, 2) for n in shape[2:])], generator=generator)
    mode = "trilinear" if len(shape) == 5 else "bilinear"
    blobs = functional.interpolate(coarse, size=list(shape[2:]), mode=mode)
    image = blobs + 0.2 * torch.randn(list(shape), generator=generator)
    return (image - image.mean()) / image.std()


def _planes(logits: torch.Tensor) -> torch.Tensor:
    """(N, K, y, x) as (N, K, 1, y, x)."""
    return logits.unsqueeze(2) if logits.ndim == 4 else logits


def _failed(why: str) -> ModelError:
    return ModelError(
        f"The exported network does not give the answers of its source: {why}. Nothing was written.",
        "Export without --dynamic or in a higher precision, or to another format.",
    )


def _words(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes))
