"""Which numbers an object gives to segments, and what to say where these are not the values of the labels."""

from __future__ import annotations

from ...labels import Label
from ...text import shown
from ...volume import Segmentation, values_in
from ..label_names import listed

# Those of a fractional SEG depend on probabilities, not on the labels that won.
_KINDS = {"binary": "A binary SEG", "rtstruct": "A structure set"}


def numbering_notes(segmentation: Segmentation, kind: str) -> tuple[str, ...]:
    """A sentence where the object numbers its segments otherwise than the labels; a label map keeps the values.

    Args:
        segmentation: that is written; labels without voxels are left out of objects.
        kind: ``labelmap``, ``binary``, ``fractional`` or ``rtstruct``.
    """
    if kind not in _KINDS:
        return ()
    known = {label.value: label for label in segmentation.labels}
    written = [known.get(value, Label(value, f"Label {value}")) for value in values_in(segmentation.voxels) if value]
    changed = [(number, label) for number, label in enumerate(written, 1) if label.value != number]
    if not changed:
        return ()
    words = listed([f"'{shown(label.name, 60)}' (value {label.value}) is {number}" for number, label in changed])
    return (f"{_KINDS[kind]} numbers its segments from 1 on: {words}. Names and codes tell which is which.",)
