"""How well a case's result agrees with its reference: Dice of what both know, where both were looked at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...geometry import Box
from ...volume import Segmentation, values_in


def dice_with(
    found: Segmentation, reference: Segmentation | None, region: Box | None = None
) -> tuple[dict[int, float], tuple[str, ...]]:
    """Dice by the model's label values, and notes on the reference; nothing without a reference.

    A reference that names its segments need not hold all that a model finds: what it does not name has no Dice. A plain
    label image tells by its values alone, and a value that it lacks is empty.

    Args:
        region: voxels of the image that were segmented; the reference counts within them alone.

    Raises:
        GeometryError: the reference does not lie on the image's grid.
    """
    if reference is None:
        return {}, ()
    from ...io import place_on_grid
    from ...reporting import dice_scores

    reference, values, notes = _numbered_like(found, reference)
    placed = place_on_grid(reference, found.geometry, "The reference")
    notes = (*notes, *(note for note in placed.notes if note not in reference.notes))
    if region is not None and region != Box.whole(found.geometry.shape):
        found, placed = _cropped(found, region), _cropped(placed, region)
        notes = (*notes, "Dice is that within the region (roi) alone.")
    scores = dice_scores(found, placed, values)
    return {value: round(dice, 5) for value, dice in scores.items() if dice is not None}, notes


def _numbered_like(
    found: Segmentation, reference: Segmentation
) -> tuple[Segmentation, list[int] | None, tuple[str, ...]]:
    """The reference with its segments under the values of the model's labels of equal code or name, the values that it
    can judge (None for all), and notes on it.

    Other segments of it become background. Where no name or code is common, as in a plain label image, values decide.
    """
    if not reference.labels:
        return reference, None, reference.notes
    from ...io.label_names import listed
    from ...io.segment_codes import matched

    values = matched(reference.labels, found.labels)
    others = [f"'{label.name}'" for label in reference.labels if label.value not in values]
    if not values:
        judged = {label.value for label in reference.labels} | set(values_in(reference.voxels))
        note = f"No name of the reference is one of the model's, so values are compared; it has {listed(others)}."
    else:
        judged = set(values.values())
        note = f"Left out of the reference, since the model does not find it: {listed(others)}." if others else ""
    unnamed = [f"'{label.name}'" for label in found.labels if label.value not in judged]
    left = f"No Dice of what the reference does not name: {listed(unnamed)}." if unnamed else ""
    notes = (*reference.notes, *filter(None, (note, left)))
    scored = [label.value for label in found.labels if label.value in judged]
    return _renumbered(reference, values) if values else reference, scored, notes


def _renumbered(reference: Segmentation, values: dict[int, int]) -> Segmentation:
    """Its labels under other values; those without one become background."""
    if all(label.value == values.get(label.value) for label in reference.labels):
        return reference
    voxels = np.zeros_like(reference.voxels, np.uint16)
    for there, here in values.items():
        voxels[reference.voxels == there] = here
    # The names are told by the model's labels from here on.
    return replace(reference, voxels=voxels, labels=())


def _cropped(segmentation: Segmentation, box: Box) -> Segmentation:
    return replace(segmentation, voxels=segmentation.voxels[box.slices], geometry=segmentation.geometry.cropped(box))
