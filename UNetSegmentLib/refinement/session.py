"""Correcting one image's mask, prompt by prompt, by rules that no method can break."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from ..errors import GeometryError, InputError
from ..geometry import Box
from ..labels import Label
from ..volume import Segmentation, Volume
from .certain import IN, OUT, Certainty, certain_in
from .change import NOWHERE, Change, nothing
from .growing import DEFAULT_REACH, Region, grow
from .history import Edit, Entry, History, Patch, Strokes
from .method import Method
from .prompts import BoxPrompt, Prompt
from .voxels import Voxels, box_voxels, voxels_of

_LARGEST = np.iinfo(np.uint16).max


class Session:
    """A label map that is corrected.

    The hard rules: every voxel that an including prompt is certain of ends in its segment, every one of an excluding
    prompt outside it, the later of two that contradict each other wins (and the answer says so); locked segments and
    voxels that are not editable never change; an including prompt only adds to its segment, an excluding one only takes
    away; what changes hangs together with the prompt and lies no farther from it than the stated reach; the same edits
    give the same labels.

    What an including prompt takes is what it points at: begun in the background, it grows into the background alone,
    begun in another segment, into that one. What an excluding prompt takes away becomes what was there before the
    session, where that was another segment, and background elsewhere.

    Args:
        volume: the image, any number of channels; only boxes of it are read.
        segmentation: on the same grid; None begins an empty one. Its array is not changed.
        label: the value that is corrected, unless a prompt names its own. It may be absent yet.
        probabilities: of ``label``, on the same grid: (z, y, x) or one channel, float 0 to 1 or uint8 0 to 255.
        locked: values of segments that never change.
        editable: boolean (z, y, x); voxels outside it never change. None: all may.
        reach: mm from a prompt beyond which it changes nothing.
        method: finds what a prompt speaks of; None is the one that needs no network.

    Raises:
        GeometryError: segmentation, probabilities or editable voxels lie on another grid.
        InputError: a label below 1 or above 65535, or a reach that is not positive.
    """

    def __init__(
        self,
        volume: Volume,
        segmentation: Segmentation | None = None,
        label: int = 1,
        *,
        probabilities: Volume | np.ndarray | None = None,
        locked: Collection[int] = (),
        editable: np.ndarray | None = None,
        reach: float = DEFAULT_REACH,
        method: Method | None = None,
    ) -> None:
        if segmentation is None:
            segmentation = Segmentation(np.zeros(volume.geometry.shape, np.uint8), volume.geometry)
        difference = volume.geometry.difference(segmentation.geometry)
        if difference:
            raise GeometryError(
                f"The segmentation and '{volume.name}' do not share a grid ({difference}).",
                "Resample one to the other first, or choose the image that was segmented.",
            )
        if not reach > 0:
            raise InputError(f"A prompt cannot reach {reach} mm.", "Give a distance above 0.")
        self._volume = volume
        self._label = _checked_label(label)
        self._locked = frozenset(int(value) for value in locked)
        self._editable = _on_grid(editable, volume, "The editable voxels")
        self._probability = _on_grid(_array(probabilities), volume, "The probabilities")
        self._reach = float(reach)
        self._method = method or _default_method()
        self._geometry = segmentation.geometry
        self._labels = segmentation.labels
        self._given = segmentation.voxels
        self._given_is_own = False
        self._voxels = segmentation.voxels.copy()
        self._history = History()
        self._make_room(self._label)

    # -- what there is -----------------------------------------------------------------------------------------------

    @property
    def segmentation(self) -> Segmentation:
        """The label map as it is now, a copy."""
        return Segmentation(self._voxels.copy(), self._geometry, self._labels)

    @property
    def label(self) -> int:
        """The value that is corrected."""
        return self._label

    @property
    def history(self) -> tuple[Edit, ...]:
        """The edits that made the label map what it is, oldest first. Adding them to a new session of the same image
        and labels gives the same label map."""
        return tuple(entry.edit for entry in self._history.done)

    @property
    def undone(self) -> tuple[Edit, ...]:
        """Edits that :meth:`redo` would make again, the next one first."""
        return tuple(entry.edit for entry in self._history.undone)

    def labels_in(self, box: Box) -> np.ndarray:
        """The present labels of a box of the image, a copy."""
        return self._voxels[box.slices].copy()

    # -- edits -------------------------------------------------------------------------------------------------------

    def add(self, edit: Edit) -> Change:
        """Takes a prompt, or strokes by other means, and changes the label map.

        Raises:
            InputError: the prompt lies outside the image, or on nothing that may change.
        """
        if isinstance(edit, Strokes):
            return self._paint(edit)
        segment = self._label if edit.segment is None else _checked_label(edit.segment)
        self._make_room(segment)
        seeds, notes = self._seeds(edit, segment)
        certainty = Certainty(seeds, edit.include, segment)
        notes += self._overruled(seeds, segment, edit.include)
        region = self._grown(edit, seeds, segment)
        if region is None:
            entry = Entry(edit, certainty, *[Patch.of(NOWHERE, np.zeros((0, 0, 0), self._voxels.dtype))] * 2)
            self._history.push(entry)
            return nothing(self._voxels.dtype, self._reach, notes)
        before = self._voxels[region.box.slices].copy()
        after = before.copy()
        after[region.inside] = segment if edit.include else self._without(region.box, segment)[region.inside]
        self._voxels[region.box.slices] = after
        entry = Entry(edit, certainty, Patch.of(region.box, before), Patch.of(region.box, after))
        self._history.push(entry)
        return Change(region.box, after, int(np.count_nonzero(region.inside)), self._reach, notes)

    def adopt(self, edit: Edit, box: Box, labels: np.ndarray) -> Change:
        """Takes an edit together with what :meth:`add` made of it in a session of the same image, labels and history;
        nothing is computed. So a session that was lost is put together again at once.

        Args:
            box, labels: the change's.

        Raises:
            InputError: as :meth:`add`, or labels that do not fit the image.
        """
        if isinstance(edit, Strokes):
            return self._paint(edit)
        if labels.shape != box.shape or not (box.empty or box.intersect(self._whole) == box):
            raise InputError("The labels of an edit do not fit the image.")
        segment = self._label if edit.segment is None else _checked_label(edit.segment)
        self._make_room(max(segment, int(labels.max(initial=0))))
        seeds, notes = self._seeds(edit, segment)
        before = self._voxels[box.slices].copy()
        after = labels.astype(self._voxels.dtype)
        self._voxels[box.slices] = after
        certainty = Certainty(seeds, edit.include, segment)
        self._history.push(Entry(edit, certainty, Patch.of(box, before), Patch.of(box, after)))
        return Change(box, after, int(np.count_nonzero(before != after)), self._reach, notes)

    def undo(self) -> Change:
        """Takes the last edit back; changes nothing when there is none."""
        entry = self._history.back()
        if entry is None:
            return nothing(self._voxels.dtype)
        if entry.given_before is not None:
            self._given[entry.given_before.box.slices] = entry.given_before.labels
        return self._restore(entry.before)

    def redo(self) -> Change:
        """Makes the edit again that was undone last; changes nothing when there is none."""
        entry = self._history.forth()
        if entry is None:
            return nothing(self._voxels.dtype)
        if entry.given_before is not None:
            self._given[entry.after.box.slices] = entry.after.labels
        return self._restore(entry.after)

    def reset(self) -> Change:
        """Takes all edits back, to the segmentation that was given. They can be made again by :meth:`redo`."""
        return self._back_to(0)

    def remove(self, number: int) -> Change:
        """Takes one edit back, by its number in :attr:`history`; the later ones are made anew without it.

        Raises:
            InputError: there is no such edit.
        """
        edits = self.history
        if not 0 <= number < len(edits):
            raise InputError(f"There is no edit {number}; the session has {len(edits)}.")
        boxes = [entry.before.box for entry in self._history.done[number:]]
        old = self._voxels.copy()
        self._back_to(number)
        self._history.forget()
        for edit in edits[number + 1 :]:
            boxes.append(self.add(edit).box)
        return self._difference(old, boxes)

    # -- internals ---------------------------------------------------------------------------------------------------

    def _seeds(self, prompt: Prompt, segment: int) -> tuple[Voxels, tuple[str, ...]]:
        """The voxels of a prompt that may become what it says."""
        voxels = voxels_of(prompt, self._geometry)
        if not voxels.count:
            raise InputError(f"The prompt lies outside the image '{self._volume.name}'.", "Draw it on the image.")
        notes: tuple[str, ...] = ()
        if voxels.outside:
            notes = ("A part of the prompt lies outside the image and was left out.",)
        if segment in self._locked:
            raise InputError(f"{self._name(segment)} is locked.", "Unlock it, or choose another segment.")
        fixed = voxels.inside & self._fixed(voxels.box)
        blocked = int(np.count_nonzero(fixed))
        if blocked == voxels.count:
            raise InputError(
                "The prompt lies on what may not change (a locked segment, or voxels outside the editable area).",
                "Unlock the segment there or widen the editable area, or draw elsewhere.",
            )
        if blocked:
            notes += (f"{blocked} of {voxels.count} voxels of the prompt may not change and were left as they are.",)
            voxels = replace(voxels, inside=voxels.inside & ~fixed)
        return voxels, notes

    def _fixed(self, box: Box) -> np.ndarray:
        """The voxels of a box that no prompt may change."""
        fixed = np.zeros(box.shape, bool)
        if self._locked:
            fixed |= np.isin(self._voxels[box.slices], list(self._locked))
        if self._editable is not None:
            fixed |= ~self._editable[box.slices].astype(bool)
        return fixed

    def _overruled(self, seeds: Voxels, segment: int, include: bool) -> tuple[str, ...]:
        earlier = certain_in(seeds.box, (entry.certainty for entry in self._history.done), segment)
        count = int(np.count_nonzero((earlier == (OUT if include else IN)) & seeds.inside))
        return (f"It contradicts earlier prompts in {count} voxels, where it wins.",) if count else ()

    def _grown(self, prompt: Prompt, seeds: Voxels, segment: int) -> Region | None:
        """What changes: the new voxels of the prompt and what they bring with them."""
        there = self._voxels[seeds.box.slices]
        new = seeds.inside & ((there != segment) if prompt.include else (there == segment))
        if not new.any():
            return None
        within = box_voxels(prompt, self._geometry) if isinstance(prompt, BoxPrompt) and prompt.include else None
        earlier = [*(entry.certainty for entry in self._history.done), Certainty(seeds, prompt.include, segment)]
        sources = np.unique(there[new])

        def free(box: Box) -> np.ndarray:
            labels = self._voxels[box.slices]
            open_ = np.isin(labels, sources) if prompt.include else labels == segment
            if within is not None:
                open_ &= _placed(within, box)
            return open_ & ~self._fixed(box)

        return grow(
            self._method,
            self._volume,
            seeds=replace(seeds, inside=new),
            adding=prompt.include,
            reach=self._reach,
            mask=lambda box: self._voxels[box.slices] == segment,
            given=lambda box: self._given[box.slices] == segment,
            free=free,
            certain=lambda box: certain_in(box, earlier, segment),
            probability=self._probability_in if segment == self._label and self._probability is not None else None,
        )

    def _probability_in(self, box: Box) -> np.ndarray:
        assert self._probability is not None
        values = self._probability[box.slices]
        scale = 255.0 if values.dtype == np.uint8 else 1.0
        return np.clip(np.nan_to_num(values.astype(np.float32) / np.float32(scale)), 0.0, 1.0)

    def _without(self, box: Box, segment: int) -> np.ndarray:
        """What the voxels of a box are when they are not the segment."""
        given = self._given[box.slices]
        return np.where((given == segment) | np.isin(given, list(self._locked)), 0, given).astype(self._voxels.dtype)

    def _paint(self, strokes: Strokes) -> Change:
        if strokes.labels.shape != strokes.box.shape or strokes.box.intersect(self._whole) != strokes.box:
            raise InputError("Painted labels do not fit the image.", "Give the labels of a box within it.")
        self._make_room(int(strokes.labels.max(initial=0)))
        self._own_given()
        slices = strokes.box.slices
        before, given = self._voxels[slices].copy(), self._given[slices].copy()
        after = strokes.labels.astype(self._voxels.dtype)
        changed = before != after
        self._voxels[slices] = after
        self._given[slices] = after
        certainty = Certainty(Voxels(strokes.box, changed), True, None)
        self._history.push(
            Entry(
                strokes,
                certainty,
                Patch.of(strokes.box, before),
                Patch.of(strokes.box, after),
                Patch.of(strokes.box, given),
            )
        )
        return Change(strokes.box, after, int(np.count_nonzero(changed)))

    def _restore(self, patch: Patch) -> Change:
        if patch.box.empty:
            return nothing(self._voxels.dtype)
        labels = patch.labels.astype(self._voxels.dtype)
        voxels = int(np.count_nonzero(self._voxels[patch.box.slices] != labels))
        self._voxels[patch.box.slices] = labels
        return Change(patch.box, labels, voxels)

    def _back_to(self, count: int) -> Change:
        boxes = [entry.before.box for entry in self._history.done[count:]]
        old = self._voxels.copy()
        while len(self._history.done) > count:
            self.undo()
        return self._difference(old, boxes)

    def _difference(self, old: np.ndarray, boxes: list[Box]) -> Change:
        """What is new since ``old`` within some boxes."""
        boxes = [box for box in boxes if not box.empty]
        if not boxes:
            return nothing(self._voxels.dtype)
        start = np.min([box.start for box in boxes], axis=0)
        stop = np.max([box.stop for box in boxes], axis=0)
        slices = tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
        found = np.nonzero(old[slices] != self._voxels[slices])
        if not len(found[0]):
            return nothing(self._voxels.dtype)
        low = [int(axis.min() + a) for axis, a in zip(found, start, strict=True)]
        high = [int(axis.max() + 1 + a) for axis, a in zip(found, start, strict=True)]
        box = Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        return Change(box, self._voxels[box.slices].copy(), len(found[0]))

    @property
    def _whole(self) -> Box:
        return Box.whole(self._geometry.shape)

    def _own_given(self) -> None:
        if not self._given_is_own:
            self._given = self._given.copy()
            self._given_is_own = True

    def _make_room(self, value: int) -> None:
        """A type and a table that hold the value."""
        if value > np.iinfo(self._voxels.dtype).max:
            self._voxels = self._voxels.astype(np.uint16)
            self._given = self._given.astype(np.uint16)
            self._given_is_own = True
        if value and all(label.value != value for label in self._labels):
            self._labels = (*self._labels, Label(value, f"Label {value}"))

    def _name(self, segment: int) -> str:
        return next((f"'{label.name}'" for label in self._labels if label.value == segment), f"Segment {segment}")


def _default_method() -> Method:
    from .local import LocalMethod

    return LocalMethod()


def _checked_label(label: int) -> int:
    if not 1 <= int(label) <= _LARGEST or int(label) != label:
        raise InputError(f"{label} is no label of a segment.", f"Give a whole number from 1 to {_LARGEST}.")
    return int(label)


def _array(values: Volume | np.ndarray | None) -> np.ndarray | None:
    return values.voxels if isinstance(values, Volume) else values


def _on_grid(array: np.ndarray | None, volume: Volume, what: str) -> np.ndarray | None:
    if array is None:
        return None
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    if array.shape != volume.geometry.shape:
        raise GeometryError(
            f"{what} have the shape {array.shape}, '{volume.name}' has {volume.geometry.shape} (z, y, x).",
            "Give them on the image's grid.",
        )
    return array


def _placed(voxels: Voxels, box: Box) -> np.ndarray:
    """Voxels as a boolean array of another box."""
    inside = np.zeros(box.shape, bool)
    common = voxels.box.intersect(box)
    if not common.empty:
        there = common.shifted([-n for n in voxels.box.start]).slices
        inside[common.shifted([-n for n in box.start]).slices] = voxels.inside[there]
    return inside
