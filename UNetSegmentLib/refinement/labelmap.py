"""The label map of a session: as it is now, and as it was given."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np

from ..geometry import Box
from ..labels import Label
from ..volume import Segmentation, Volume
from .checks import label_values
from .history import Entry


class LabelMap:
    """Labels that edits change, beside those that were given.

    The given ones are the caller's own array until labels are painted by hand: opening takes one copy, not two. The
    caller's array is never written to.

    Args:
        segmentation: None begins an empty one on the image's grid.

    Raises:
        InputError: the segmentation holds other than labels.
    """

    def __init__(self, segmentation: Segmentation | None, volume: Volume) -> None:
        if segmentation is None:
            # An array of one element, seen from everywhere.
            given = np.broadcast_to(np.uint8(0), volume.geometry.shape)
            segmentation = Segmentation(given, volume.geometry)
            self._voxels = np.zeros(given.shape, np.uint8)
        else:
            given = label_values(np.asarray(segmentation.voxels))
            self._voxels = np.array(given, order="C")
        self._source = segmentation
        self._narrow = given.dtype
        self._given = given
        self._given_is_own = False

    @property
    def dtype(self) -> np.dtype:
        """Of the labels now: wide enough for all that were ever asked for."""
        return self._voxels.dtype

    def now(self, box: Box) -> np.ndarray:
        """Labels of a box, a view that is not to be written to."""
        return self._voxels[box.slices]

    def given(self, box: Box) -> np.ndarray:
        """What counts as given there, a view that is not to be written to."""
        return self._given[box.slices]

    def at(self, indices: np.ndarray) -> np.ndarray:
        """Labels at indices (n, 3) of (z, y, x)."""
        return np.asarray(self._voxels[tuple(indices.T)])

    def segmentation(self, done: Iterable[Entry]) -> Segmentation:
        """A copy, with labels for what the edits brought; of the type that was given, unless they need a wider one."""
        brought = {value for entry in done for value in entry.values}
        return edited(self._source, self._narrow, self._voxels, brought)

    def name(self, segment: int) -> str:
        """What to call a segment in a sentence."""
        return next(
            (f"'{label.name}'" for label in self._source.labels if label.value == segment), f"Segment {segment}"
        )

    def without(self, box: Box, segment: int, locked: Collection[int]) -> np.ndarray:
        """What the voxels of a box are when they are not the segment: as they were given, where that is another one
        that may be changed, and background elsewhere. A copy."""
        given = self._given[box.slices]
        mine = (given == segment) | np.isin(given, list(locked))
        return np.where(mine, 0, given).astype(self.dtype)

    def make_room(self, value: int) -> None:
        """A type that holds the value; no label changes."""
        if value > np.iinfo(self._voxels.dtype).max:
            self._voxels = self._voxels.astype(np.uint16)

    def own_given(self) -> None:
        """Takes the copy of what was given that :meth:`make` and :meth:`take` write to."""
        if not self._given_is_own or self._given.dtype != self._voxels.dtype:
            self._given = self._given.astype(self._voxels.dtype)
            self._given_is_own = True

    def make(self, entry: Entry) -> None:
        """The labels as an edit left them."""
        self._voxels[entry.after.box.slices] = entry.after.labels
        if entry.given is not None:
            self._given[entry.given[1].box.slices] = entry.given[1].labels

    def take(self, entry: Entry) -> None:
        """The labels as an edit found them."""
        self._voxels[entry.before.box.slices] = entry.before.labels
        if entry.given is not None:
            self._given[entry.given[0].box.slices] = entry.given[0].labels


def edited(source: Segmentation, narrow: np.dtype, voxels: np.ndarray, brought: Collection[int]) -> Segmentation:
    """A segmentation with the labels that edits have left: a copy of ``voxels``, with a plain label for each value that
    they brought and nobody knows.

    Args:
        source: what was edited.
        narrow: its type of labels, which the copy has unless something that was brought needs a wider one.
    """
    known = {label.value for label in source.labels}
    wide = max(brought, default=0) > np.iinfo(narrow).max
    labels = (*source.labels, *(Label(value, f"Label {value}") for value in sorted(brought) if value not in known))
    return replace(source, voxels=voxels.astype(voxels.dtype if wide else narrow), labels=labels)
