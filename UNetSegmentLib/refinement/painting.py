"""Strokes by other means than prompts, as an entry of a session's history."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InputError
from .boxes import fits, tight
from .certain import Certainty
from .checks import label_values
from .history import Entry, Patch, Strokes
from .labelmap import LabelMap
from .prompts.voxels import Voxels


def painted_entry(strokes: Strokes, label_map: LabelMap, shape: Sequence[int]) -> Entry:
    """What strokes come to in a label map, which gets room for their labels and is not changed otherwise.

    Args:
        shape: of the image (z, y, x).

    Raises:
        InputError: labels or painted voxels that do not fit the image, or are no labels.
    """
    box, labels = strokes.box, np.asarray(strokes.labels)
    if (
        labels.shape != box.shape
        or not fits(box, shape)
        or (strokes.painted is not None and np.shape(strokes.painted) != box.shape)
    ):
        raise InputError("Painted labels do not fit the image.", "Give the labels of a box within it.")
    labels = label_values(labels, "What was painted")
    painted = labels != label_map.now(box) if strokes.painted is None else np.asarray(strokes.painted, bool)
    part = tight(painted)
    box, labels, painted = part.shifted(box.start), labels[part.slices], painted[part.slices]
    label_map.make_room(int(labels[painted].max(initial=0)))
    label_map.own_given()
    before, given = label_map.now(box), label_map.given(box)
    after, given_after = before.copy(), given.copy()
    after[painted] = labels[painted]
    given_after[painted] = labels[painted]
    return Entry(
        None,
        Certainty.of(Voxels(box, painted), True, None),
        Patch.of(box, before),
        Patch.of(box, after),
        tuple(int(value) for value in np.unique(labels[painted]) if value),
        (Patch.of(box, given), Patch.of(box, given_after)),
    )
