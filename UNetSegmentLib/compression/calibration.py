"""Tiles that show a network what it will see: prepared and cut as the engine does, from real cases."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..inference.engine import pad_to_patch
from ..inference.inputs import at_trained_size, photograph_factor, without_fine_detail
from ..inference.tiles import TilePlan, plan_tiles
from ..models.card import ModelCard
from ..models.model import Model
from ..preprocessing.preparation import Prepared, lay_out, onto_grid, prepare
from ..progress import CancelToken, ProgressCallback, Stage
from ..volume import Segmentation, Volume
from .cases import CompressionCase, read_image, read_labels

_OVERLAP = 0.25  # of the engine's presets but exact
_TRIED = 4  # tiles for each one that is taken, where the network itself must tell what they hold


@dataclass(frozen=True, eq=False)
class _Tiled:
    """A prepared case: the image and, where known, its labels, padded alike to the plan's shape."""

    image: torch.Tensor
    labels: torch.Tensor | None
    plan: TilePlan


def calibration_tiles(
    model: Model,
    cases: Sequence[CompressionCase],
    count: int,
    patch: Sequence[int] | None = None,
    seed: int = 0,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Iterator[np.ndarray]:
    """Tiles of cases through the engine's own preparation and plan of tiles; no tile twice.

    They are spread over the cases. At least half of what a case gives shows something that the model segments, as far
    as it has such tiles, and more where cases before it had too few: by the label maps, else by what the network finds
    itself. The same arguments give the same tiles.

    Args:
        model: whose card and (without labels) first network are used. Its companions are not run.
        count: at most so many; fewer where the cases have not that many tiles.
        patch: (z, y, x) voxels of a tile; None takes the card's.

    Yields:
        float32 (1, C, z, y, x), or (1, C, y, x) for a 2D network.

    Raises:
        InputError: a case cannot be read or does not suit the model.
        Cancelled: the token was set.
    """
    size = tuple(patch or model.card.inference.patch)
    generator = random.Random(seed)
    order = list(cases)
    generator.shuffle(order)
    stage = Stage("calibration tiles", count, progress, cancel)
    given = shown = 0
    # Cases with fewer tiles than their share leave the rest to a second round.
    left: dict[str, list[int]] = {}
    for turn in range(2):
        for number, case in enumerate(order):
            if given >= count or (turn and not left.get(case.name)):
                continue
            tiled = _tiled(case, model.card, size)
            places = list(tiled.plan)
            free = left[case.name] if turn else generator.sample(range(len(places)), len(places))
            free = [place for place in free if _runs(tiled, places[place], model.card)]
            share = -(-(count - given) // (len(order) - number)) if not turn else count - given
            chosen = _chosen(model, tiled, places, free, min(share, count - given), given - 2 * shown)
            left[case.name] = [place for place in free if place not in {n for n, _ in chosen}]
            for place, holds in chosen:
                given, shown = given + 1, shown + holds
                tile = tiled.image[(slice(None), *tiled.plan.slices(places[place]))]
                stage.step(message=case.name)
                yield _for_network(tile, model.card).numpy()


def prepared_case(
    case: CompressionCase, card: ModelCard
) -> tuple[Volume, Prepared, Segmentation | None, np.ndarray | None]:
    """A case as the engine prepares it, on the CPU.

    Returns:
        The image as it was read, the prepared one, its label map and that map (z, y, x) on the grid of the prepared
        image; None for both where the case has none.
    """
    image = read_image(case, card)
    labels = read_labels(case, card, image)
    preparation = at_trained_size(card.preparation, image)
    layout = lay_out(image, preparation, None, card.inference.patch)
    smooth = without_fine_detail(image, photograph_factor(image, card.preparation))
    alone = card.field_of_view_mm is not None
    prepared = prepare(smooth, preparation, None, "cpu", normalize_region=alone, layout=layout)
    if labels is None:
        return image, prepared, None, None
    record = prepared.record
    voxels = np.ascontiguousarray(record.axes.apply(labels.voxels)[record.box.slices])
    there = onto_grid(torch.from_numpy(voxels.astype(np.float32)), record, order=0).numpy()
    return image, prepared, labels, there.astype(labels.voxels.dtype)


def _tiled(case: CompressionCase, card: ModelCard, patch: Sequence[int]) -> _Tiled:
    _, prepared, _, labels = prepared_case(case, card)
    image = pad_to_patch(prepared.tensor, patch, card.inference.padding)
    known = None if labels is None else pad_to_patch(torch.from_numpy(labels.astype(np.int32))[None], patch, "zeros")[0]
    return _Tiled(image, known, plan_tiles(prepared.tensor.shape[1:], patch, _OVERLAP))


def _runs(tiled: _Tiled, place: tuple[int, int, int], card: ModelCard) -> bool:
    """Whether the engine runs the network over a tile, or leaves it out as background."""
    below = card.inference.background_below
    return below is None or bool((tiled.image[(slice(None), *tiled.plan.slices(place))] > below).any())


def _chosen(
    model: Model, tiled: _Tiled, places: Sequence[tuple[int, int, int]], free: Sequence[int], wanted: int, debt: int
) -> list[tuple[int, bool]]:
    """Numbers of the tiles that are taken, and whether each shows something.

    Args:
        debt: tiles that must show something before half of those given so far do, times two.
    """
    tried = list(free) if tiled.labels is not None else list(free[: max(wanted * _TRIED, 1)])
    holds = {place: _shows_something(model, tiled, places[place]) for place in tried}
    showing = [place for place in tried if holds[place]]
    others = [place for place in free if not holds.get(place)]
    # Half of these, and as many more as earlier cases could not give.
    needed = min(max(-(-(wanted + max(debt, 0)) // 2), 1), wanted, len(showing))
    rest = wanted - needed
    taken = showing[:needed] + others[:rest]
    taken += showing[needed : needed + wanted - len(taken)]
    return [(place, bool(holds.get(place))) for place in taken]


def _shows_something(model: Model, tiled: _Tiled, place: tuple[int, int, int]) -> bool:
    """Whether a tile holds a label of the model."""
    where = tiled.plan.slices(place)
    contract = model.card.inference
    if tiled.labels is not None:
        values = torch.tensor([label.value for label in model.card.labels], dtype=torch.int32)
        return bool(torch.isin(tiled.labels[where], values).any())
    with torch.inference_mode():
        logits = model.network(0)(_for_network(tiled.image[(slice(None), *where)], model.card))
    if contract.activation == "sigmoid":
        return bool((logits > 0).any())
    return bool((logits.argmax(dim=1) > 0).any())


def _for_network(tile: torch.Tensor, card: ModelCard) -> torch.Tensor:
    """A tile (C, z, y, x) as one batch, without its z axis for a 2D network."""
    batch = tile[None].float().contiguous()
    return batch.squeeze(2) if card.network.dimension == 2 else batch
