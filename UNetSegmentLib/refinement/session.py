"""Correcting one image's mask, prompt by prompt, by rules that no method can break."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from ..errors import InputError
from ..geometry import Box
from ..io.regions import extent_words
from ..volume import Segmentation, Volume
from .boxes import NOWHERE, fits
from .certain import IN, OUT, Certainty, certain_in
from .change import Change, between, nothing
from .checks import checked_grid, checked_label, checked_probabilities, checked_reach, label_values, on_grid
from .growing import DEFAULT_REACH, Region, grow
from .history import Edit, Entry, History, Patch, Strokes
from .labelmap import LabelMap
from .method import Method
from .painting import painted_entry
from .prompts.bounds import bounds_of
from .prompts.kinds import BoxPrompt, Lasso, Point, Prompt, Scribble
from .prompts.voxels import Voxels, voxels_of

_ALONE = "Only what the prompt itself covers was added: the image does not set this place apart. Draw over more of it."


class Session:
    """A label map that is corrected.

    The hard rules: every voxel that an including prompt is certain of ends in its segment, every one of an excluding
    prompt outside it, the later of two that contradict each other wins (and the answer says so); locked segments and
    voxels that are not editable never change; an including prompt only adds to its segment, an excluding one only takes
    away; what changes hangs together with the prompt and lies no farther from it than the stated reach; the same edits
    give the same labels.

    What an including prompt takes is what it points at: begun in the background, it grows into the background alone,
    begun in another segment, into that one. What an excluding prompt takes away becomes what was there before the
    session, where that was another segment that no prompt denies, and background elsewhere. A prompt that lies beside
    the image by at most half a voxel counts as lying on its border.

    Every call is carried out whole or not at all: whatever is raised, an interrupt too, leaves labels and history as
    they were. Arrays that are given are read box by box when they are needed, and never written to; they must stay as
    they are while the session lives.

    Args:
        volume: the image, any number of channels; only boxes of it are read.
        segmentation: on the same grid; None begins an empty one.
        label: the value that is corrected, unless a prompt names its own. It may be absent yet.
        probabilities: of ``label``, on the same grid: (z, y, x) or one channel, float 0 to 1 or uint8 0 to 255. NaN
            is "nobody knows".
        locked: values of segments that never change.
        editable: boolean (z, y, x); voxels outside it never change. None: all may.
        reach: mm from a prompt beyond which it changes nothing.
        method: finds what a prompt speaks of; None is the one that needs no network.

    Raises:
        GeometryError: segmentation, probabilities or editable voxels lie on another grid.
        InputError: a label or locked value below 1 or above 65535, a reach that is not positive, a segmentation of
            other than labels, probabilities of a type whose range nobody knows.
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
        if segmentation is not None:
            checked_grid(volume, segmentation)
        self._volume = volume
        self._geometry = volume.geometry if segmentation is None else segmentation.geometry
        self._label = checked_label(label)
        self._locked = frozenset(checked_label(value) for value in locked)
        self._editable = None if editable is None else on_grid(editable, volume, "The editable voxels")
        self._probability = checked_probabilities(probabilities, volume)
        self._reach = checked_reach(reach)
        self._method = method or _default_method()
        self._map = LabelMap(segmentation, volume)
        self._history = History()

    # -- what there is -----------------------------------------------------------------------------------------------

    @property
    def segmentation(self) -> Segmentation:
        """The label map as it is now, a copy. Segments that prompts began have a label "Label N"."""
        return self._map.segmentation(self._history.done)

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

    @property
    def counts(self) -> tuple[int, int]:
        """How many edits there are in :attr:`history`, and in :attr:`undone`."""
        return len(self._history.done), len(self._history.undone)

    def outcome(self, number: int) -> tuple[Box, np.ndarray]:
        """What an edit of :attr:`history` came to, for :meth:`adopt`: the labels of the box that it changed."""
        after = self._history.done[number].after
        return after.box, after.labels

    def labels_in(self, box: Box) -> np.ndarray:
        """The present labels of a box of the image, a copy."""
        return self._map.now(box).copy()

    # -- edits: each is made whole, or the session is as it was -------------------------------------------------------

    def add(self, edit: Edit) -> Change:
        """Takes a prompt, or strokes by other means, and changes the label map.

        Raises:
            InputError: the prompt lies outside the image, or on nothing that may change; the session is as it was.
        """
        if not isinstance(edit, Strokes | Point | Scribble | Lasso | BoxPrompt):
            raise InputError(f"{type(edit).__name__} is no edit.", "Give a point, scribble, lasso, box or strokes.")
        with self._whole_or_not():
            return self._paint(edit) if isinstance(edit, Strokes) else self._prompt(edit)

    def adopt(self, edit: Edit, box: Box, labels: np.ndarray) -> Change:
        """Takes an edit together with what :meth:`add` made of it in a session of the same image, labels and history;
        nothing is computed. So a session that was lost is put together again at once.

        Args:
            box, labels: the change's.

        Raises:
            InputError: as :meth:`add`, or labels that do not fit the image.
        """
        with self._whole_or_not():
            if isinstance(edit, Strokes):
                return self._paint(edit)
            if labels.shape != box.shape or not (box.empty or fits(box, self._geometry.shape)):
                raise InputError("The labels of an edit do not fit the image.", "Add the edit anew.")
            segment = self._label if edit.segment is None else checked_label(edit.segment)
            seeds, notes = self._seeds(edit, segment)
            after = label_values(labels, "What an edit came to")
            self._map.make_room(max(segment, int(after.max(initial=0))))
            before = self.labels_in(box)
            self._enter(edit, Certainty.of(seeds, edit.include, segment), segment, box, after.astype(self._map.dtype))
            return replace(between(box, before, after), reach=self._reach, notes=notes)

    def undo(self) -> Change:
        """Takes the last edit back; changes nothing when there is none."""
        with self._whole_or_not():
            entry = self._history.back()
            if entry is None:
                return nothing(self._map.dtype)
            self._map.take(entry)
            return between(entry.before.box, entry.after.labels, self.labels_in(entry.before.box))

    def redo(self) -> Change:
        """Makes the edit again that was undone last; changes nothing when there is none."""
        with self._whole_or_not():
            entry = self._history.forth()
            if entry is None:
                return nothing(self._map.dtype)
            self._map.make(entry)
            return between(entry.after.box, entry.before.labels, self.labels_in(entry.after.box))

    def reset(self) -> Change:
        """Takes all edits back, to the segmentation that was given. They can be made again by :meth:`redo`."""
        with self._whole_or_not():
            old = self._before_taking(self._history.done)
            while (entry := self._history.back()) is not None:
                self._map.take(entry)
            return self._since(old)

    def remove(self, number: int) -> Change:
        """Takes one edit back, by its number in :attr:`history`; the later ones are made anew without it.

        Raises:
            InputError: there is no such edit, or a later one cannot be made without it (it lies on what may not change
                then); the session is as it was.
        """
        done = self._history.done
        if not 0 <= number < len(done):
            raise InputError(f"There is no edit {number}; the session has {len(done)}.", "Choose one that it has.")
        with self._whole_or_not():
            old = self._before_taking(done[number:])
            for entry in reversed(done[number:]):
                self._history.back()
                self._map.take(entry)
            self._history.restore((done[:number], ()))
            for later, entry in enumerate(done[number + 1 :], number + 1):
                try:
                    self.add(entry.edit)
                except InputError as error:
                    raise InputError(
                        f"Edit {later} could not be made without it: {error.cause}", "Take that one back first."
                    ) from error
                made = self._history.done[-1]
                indices = made.changed
                old.append((indices, made.before.labels[tuple((indices - made.before.box.start).T)]))
            return self._since(old)

    # -- a prompt ----------------------------------------------------------------------------------------------------

    def _prompt(self, prompt: Prompt) -> Change:
        segment = self._label if prompt.segment is None else checked_label(prompt.segment)
        seeds, notes = self._seeds(prompt, segment)
        certainty = Certainty.of(seeds, prompt.include, segment)
        notes += self._overruled(seeds, segment, prompt.include)
        certain = (*(entry.certainty for entry in self._history.done), certainty)
        self._map.make_room(segment)
        region = self._grown(prompt, seeds, segment, certain)
        if region is None:
            self._enter(prompt, certainty, segment, NOWHERE, np.zeros((0, 0, 0), self._map.dtype))
            return nothing(self._map.dtype, self._reach, notes)
        after = self.labels_in(region.box)
        after[region.inside] = segment if prompt.include else self._remains(region, segment, certain)
        self._enter(prompt, certainty, segment, region.box, after)
        notes += region.notes
        voxels = int(np.count_nonzero(region.inside))
        if isinstance(prompt, Point) and prompt.include and voxels <= seeds.count:
            notes += (_ALONE,)
        return Change(region.box, after, voxels, region.reach, notes)

    def _enter(self, prompt: Prompt, certainty: Certainty, segment: int, box: Box, after: np.ndarray) -> None:
        """Makes a prompt that comes to the labels ``after`` of a box."""
        values = (segment,) if prompt.include else ()
        entry = Entry(prompt, certainty, Patch.of(box, self._map.now(box)), Patch.of(box, after), values)
        # Entered first: whoever interrupts what follows, the way back is known.
        self._history.push(entry)
        self._map.make(entry)

    def _seeds(self, prompt: Prompt, segment: int) -> tuple[Voxels, tuple[str, ...]]:
        """The voxels of a prompt that may become what it says."""
        voxels = voxels_of(prompt, self._geometry)
        if not voxels.count:
            where = extent_words(self._geometry)
            raise InputError(
                f"The prompt lies outside the image '{self._volume.name}' ({where}).", "Draw it on the image."
            )
        notes = voxels.notes
        if voxels.outside:
            notes += ("A part of the prompt lies outside the image and was left out.",)
        if segment in self._locked:
            raise InputError(f"{self._map.name(segment)} is locked.", "Unlock it, or choose another segment.")
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
            fixed |= np.isin(self._map.now(box), list(self._locked))
        if self._editable is not None:
            fixed |= ~self._editable[box.slices].astype(bool)
        return fixed

    def _overruled(self, seeds: Voxels, segment: int, include: bool) -> tuple[str, ...]:
        earlier = certain_in(seeds.box, (entry.certainty for entry in self._history.done), segment)
        count = int(np.count_nonzero((earlier == (OUT if include else IN)) & seeds.inside))
        return (f"It contradicts earlier prompts in {count} voxels, where it wins.",) if count else ()

    def _grown(self, prompt: Prompt, seeds: Voxels, segment: int, certain: Sequence[Certainty]) -> Region | None:
        """What changes: the new voxels of the prompt and what they bring with them."""
        there = self._map.now(seeds.box)
        new = seeds.inside & ((there != segment) if prompt.include else (there == segment))
        if not new.any():
            return None
        bounds = bounds_of(prompt, seeds, self._geometry)
        sources = np.unique(there[new])

        def free(box: Box) -> np.ndarray:
            labels = self._map.now(box)
            open_ = np.isin(labels, sources) if prompt.include else labels == segment
            return np.asarray(open_ & bounds.within(box) & ~self._fixed(box))

        return grow(
            self._method,
            self._volume,
            seeds=replace(seeds, inside=new),
            adding=prompt.include,
            reach=min(self._reach, bounds.reach),
            mask=lambda box: self._map.now(box) == segment,
            given=lambda box: self._map.given(box) == segment,
            free=free,
            certain=lambda box: certain_in(box, certain, segment),
            probability=self._probability_in if segment == self._label and self._probability is not None else None,
            among=[one.box for one in certain if one.segment == segment],
        )

    def _probability_in(self, box: Box) -> np.ndarray:
        """0 to 1; where nobody knows, one half."""
        assert self._probability is not None
        values = self._probability[box.slices]
        scale = 255.0 if values.dtype == np.uint8 else 1.0
        return np.asarray(np.clip(np.nan_to_num(values.astype(np.float32) / np.float32(scale), nan=0.5), 0.0, 1.0))

    def _remains(self, region: Region, segment: int, certain: Sequence[Certainty]) -> np.ndarray:
        """What the voxels (n,) of a region are without the segment: nothing that a prompt denied."""
        labels = self._map.without(region.box, segment, self._locked)
        for value in np.unique(labels[region.inside]):
            if value:
                labels[(labels == value) & (certain_in(region.box, certain, int(value)) == OUT)] = 0
        return np.asarray(labels[region.inside])

    # -- strokes by other means --------------------------------------------------------------------------------------

    def _paint(self, strokes: Strokes) -> Change:
        """Takes labels as they are, locked ones too: whoever painted them saw to that."""
        entry = painted_entry(strokes, self._map, self._geometry.shape)
        self._history.push(entry)
        self._map.make(entry)
        box = entry.after.box
        return between(box, entry.before.labels, self.labels_in(box))

    # -- the way back ------------------------------------------------------------------------------------------------

    @contextmanager
    def _whole_or_not(self) -> Iterator[None]:
        """Puts labels and history back when what is done within does not come to its end, for whatever reason."""
        state = self._history.state
        try:
            yield
        except BaseException:
            done, now = state[0], self._history.done
            common = next(
                (n for n, (a, b) in enumerate(zip(done, now, strict=False)) if a is not b), min(len(done), len(now))
            )
            for entry in reversed(now[common:]):
                self._map.take(entry)
            for entry in done[common:]:
                self._map.make(entry)
            self._history.restore(state)
            raise

    def _before_taking(self, entries: Sequence[Entry]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Indices of the voxels that edits changed, and the labels that they have now."""
        return [(indices, self._map.at(indices)) for indices in (entry.changed for entry in entries)]

    def _since(self, old: list[tuple[np.ndarray, np.ndarray]]) -> Change:
        """What is new since some voxels had other labels; of a voxel named twice the first is the oldest."""
        indices = np.concatenate([np.zeros((0, 3), np.int64), *(i for i, _ in old)])
        labels = np.concatenate([np.zeros(0, self._map.dtype), *(values for _, values in old)])
        _, first = np.unique(np.ravel_multi_index(tuple(indices.T), self._geometry.shape), return_index=True)
        indices, labels = indices[first], labels[first]
        changed = indices[self._map.at(indices) != labels]
        if not len(changed):
            return nothing(self._map.dtype)
        (a, b, c), (d, e, f) = changed.min(axis=0).tolist(), (changed.max(axis=0) + 1).tolist()
        box = Box((a, b, c), (d, e, f))
        return Change(box, self.labels_in(box), len(changed))


def _default_method() -> Method:
    from .methods import LocalMethod

    return LocalMethod()
