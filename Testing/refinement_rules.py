"""The hard rules that every session of correcting a mask must keep, judged on random ones.

They are judged from what a session says and shows, with the positions of voxels computed anew: nothing of the library's
own bookkeeping is asked. Shared by the tests and by ``Testing/Demos/refinement_rules.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from refinement_scenes import ADVERSARIES, Adversary, Counting, Scene, Step, own_method
from scipy import ndimage

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Box
from UNetSegmentLib.refinement import BoxPrompt, Change, Strokes
from UNetSegmentLib.refinement.change import between
from UNetSegmentLib.refinement.prompts.voxels import Voxels, box_voxels, voxels_of

Marks = np.ndarray


@dataclass(eq=False)
class Watch:
    """A session, and what must be true of it after each step.

    Args:
        counted: how often each rule was judged.
    """

    scene: Scene
    method: Adversary | Counting
    counted: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.session = self.scene.open(self.method)
        self.own = [(array, array.copy()) for array in self.scene.arrays]
        # (include, segment, voxels) of the prompts made, or None where labels were painted, oldest first.
        self.promised: list[tuple[bool, int, Marks] | tuple[None, None, Marks]] = []
        self.maps = [self.now]
        self.rule("an empty history gives the input", np.array_equal(self.now, self.scene.labels))

    @property
    def now(self) -> np.ndarray:
        return self.session.segmentation.voxels

    def rule(self, name: str, holds: object) -> None:
        self.counted[name] += 1
        assert holds, name

    def run(self, steps: Sequence[Step]) -> None:
        for name, what in steps:
            before = self.now
            if name == "add" and isinstance(what, Strokes):
                self._painted(what, before)
            elif name == "add":
                self._prompted(what, before)
            else:
                self._back(name, what, before)
            self._always()

    # -- one kind of step each

    def _prompted(self, prompt: object, before: np.ndarray) -> None:
        history, calls = self.session.history, self.method.calls
        segment = prompt.segment or self.scene.label
        marks = self._marks(prompt)
        free = marks & ~self._fixed(before)
        try:
            change = self.session.add(prompt)
        except InputError as error:
            self.rule("what is refused says a cure", error.cure)
            self.rule("what is refused changes nothing", self._same(before) and self.session.history == history)
            self.rule("only what may change nothing is refused", segment in self.scene.locked or not free.any())
            return
        after = self.now
        self._judge_change(change, before, after)
        self.rule(
            "every include voxel is in its segment, every exclude voxel outside it",
            ((after == segment) == prompt.include)[free].all(),
        )
        contradicted = self._contradicted(free, segment, prompt.include)
        self.rule("contradictions are said", contradicted == any("contradicts" in note for note in change.notes))
        locked = np.isin(before, self.scene.locked) | np.isin(after, self.scene.locked)
        self.rule("locked segments never change", (before == after)[locked].all())
        if self.scene.editable is not None:
            self.rule("voxels that are not editable never change", (before == after)[~self.scene.editable].all())
        was, is_ = before == segment, after == segment
        self.rule(
            "including only adds, excluding only removes", not (was & ~is_ if prompt.include else ~was & is_).any()
        )
        self.rule("nothing changes beyond the reach", self._near(before != after, marks, change.reach))
        self.rule("what changes hangs together with the prompt", self._together(before != after, marks))
        if prompt.include:
            taken = set(np.unique(before[before != after]).tolist())
            self.rule("an inclusion takes from what it points at alone", taken <= set(np.unique(before[free]).tolist()))
        if isinstance(prompt, BoxPrompt):
            within = marks | self._voxels(box_voxels(prompt, self.scene.volume.geometry))
            self.rule("an including box changes nothing outside", not prompt.include or within[before != after].all())
        if not prompt.include:
            left = was & ~is_
            self.rule(
                "what exclusion leaves is what was given, or nothing",
                ((after == 0) | (after == self._given()))[left].all(),
            )
        if not ((after == segment) != prompt.include)[free].any() and np.array_equal(before, after):
            self.rule("a prompt that changes nothing costs nothing", self.method.calls == calls)
        self.promised.append((prompt.include, segment, free))
        self._judge_promises(after)
        self._entered(after)

    def _painted(self, painted: Strokes, before: np.ndarray) -> None:
        change = self.session.add(painted)
        after = self.now
        self._judge_change(change, before, after)
        self.rule("strokes by hand are taken as they are", np.array_equal(after[painted.box.slices], painted.labels))
        marks = before != after
        self.promised.append((None, None, marks))
        self._entered(after)

    def _back(self, name: str, number: object, before: np.ndarray) -> None:
        made = len(self.promised)
        if name == "undo":
            change = self.session.undo()
            self.rule("undo restores exactly", self._same(self.maps[max(made - 1, 0)]))
            if made:
                again = self.session.redo()
                self.rule("undo and redo together change nothing", self._same(before))
                self.rule("undo and redo name one change", (again.box, again.voxels) == (change.box, change.voxels))
                self.session.undo()
                self.undone = [(self.promised.pop(), self.maps.pop()), *self.undone]
        elif name == "redo":
            change = self.session.redo()
            if self.undone:
                (promise, labels), *self.undone = self.undone
                self.promised.append(promise)
                self.maps.append(labels)
            self.rule("redo makes exactly what was undone", self._same(self.maps[-1]))
        elif name == "reset":
            change = self.session.reset()
            self.rule("reset gives the input", self._same(self.scene.labels))
            for promise, labels in zip(self.promised[::-1], self.maps[:0:-1], strict=True):
                self.undone = [(promise, labels), *self.undone]
            del self.promised[:], self.maps[1:]
        else:
            if not made:
                return
            change = self._removed(int(number) % made)
        self._judge_change(change, before, self.now)

    def _removed(self, number: int) -> Change:
        edits, before = self.session.history, self.now
        fresh = self.scene.open(self.method)
        promised, maps, refused = [], [self.scene.labels], False
        for edit in (*edits[:number], *edits[number + 1 :]):
            labels = fresh.segmentation.voxels
            try:
                fresh.add(edit)
            except InputError:
                refused = True
                break
            promised.append(self._promise(edit, labels))
            maps.append(fresh.segmentation.voxels)
        try:
            change = self.session.remove(number)
        except InputError as error:
            self.rule("remove refuses only what a new session would", refused and error.cure)
            self.rule("what is refused changes nothing", self._same(before) and self.session.history == edits)
            return between(Box.whole(before.shape), before, before)
        self.promised, self.maps, self.undone = promised, maps, []
        self.rule("remove gives a new session without it", not refused and self._same(fresh.segmentation.voxels))
        return change

    def _promise(self, edit: object, labels: np.ndarray) -> tuple[bool | None, int | None, Marks]:
        if isinstance(edit, Strokes):
            where = np.zeros(labels.shape, bool)
            where[edit.box.slices] = edit.painted
            return None, None, where
        return edit.include, edit.segment or self.scene.label, self._marks(edit) & ~self._fixed(labels)

    # -- what is always so

    def _always(self) -> None:
        self.rule("the caller's arrays are never written", all(same(array, copy) for array, copy in self.own))
        self.rule("the history is as long as the edits", len(self.session.history) == len(self.promised))

    def finish(self) -> None:
        """The same history in a new session."""
        fresh = self.scene.open(self.method)
        for edit in self.session.history:
            fresh.add(edit)
        self.rule("the same history gives the same answer", self._same(fresh.segmentation.voxels))
        table = [label.value for label in fresh.segmentation.labels]
        self.rule(
            "the same history gives the same labels", table == [x.value for x in self.session.segmentation.labels]
        )

    def _judge_change(self, change: Change, before: np.ndarray, after: np.ndarray) -> None:
        different = before != after
        self.rule("the change counts its voxels", change.voxels == np.count_nonzero(different))
        self.rule(
            "change.labels is what the segmentation holds", np.array_equal(change.labels, after[change.box.slices])
        )
        found = np.argwhere(different)
        if not len(found):
            self.rule("no change has no box", change.box.empty and change.empty)
            return
        box = Box(tuple(found.min(axis=0).tolist()), tuple(found.max(axis=0) + 1))
        self.rule("nothing changes outside change.box, the smallest", change.box == box)

    def _certain(self) -> tuple[np.ndarray, dict[int, Marks]]:
        """What the prompts so far say of each voxel: the segment that it is (or 0), and per segment where it is not."""
        shape = self.scene.labels.shape
        holder, denied = np.zeros(shape, int), dict[int, Marks]()
        for include, segment, marks in self.promised:
            if include is None:
                holder[marks] = 0
                for places in denied.values():
                    places &= ~marks
            elif include:
                holder[marks] = segment
                denied.setdefault(segment, np.zeros(shape, bool))[marks] = False
            else:
                holder[marks & (holder == segment)] = 0
                denied.setdefault(segment, np.zeros(shape, bool))[marks] = True
        return holder, denied

    def _judge_promises(self, after: np.ndarray) -> None:
        """What all prompts together are certain of."""
        holder, denied = self._certain()
        held = holder != 0
        self.rule("what prompts included is still there", np.array_equal(after[held], holder[held]))
        for segment, places in denied.items():
            self.rule("what prompts excluded is still away", not (after == segment)[places].any())

    def _contradicted(self, free: Marks, segment: int, include: bool) -> bool:
        """Whether earlier prompts were certain of the opposite anywhere."""
        holder, denied = self._certain()
        if not include:
            return bool((holder == segment)[free].any())
        other = (holder != 0) & (holder != segment)
        return bool((other | denied.get(segment, np.zeros(other.shape, bool)))[free].any())

    def _given(self) -> np.ndarray:
        """The labels that were given or painted, without what prompts did."""
        given = self.scene.labels.astype(int)
        for (include, _, marks), labels in zip(self.promised, self.maps[1:], strict=True):
            if include is None:
                given[marks] = labels[marks]
        return given

    def _entered(self, after: np.ndarray) -> None:
        self.maps.append(after)
        self.undone = []

    # -- helpers

    undone: list[tuple[tuple[bool | None, int | None, Marks], np.ndarray]] = field(default_factory=list)

    def _same(self, labels: np.ndarray) -> bool:
        return np.array_equal(self.now, labels)

    def _fixed(self, labels: np.ndarray) -> np.ndarray:
        fixed = np.isin(labels, self.scene.locked)
        return fixed if self.scene.editable is None else fixed | ~self.scene.editable

    def _marks(self, prompt: object) -> Marks:
        return self._voxels(voxels_of(prompt, self.scene.volume.geometry))

    def _voxels(self, found: Voxels) -> Marks:
        marks = np.zeros(self.scene.labels.shape, bool)
        marks[found.box.slices] = found.inside
        return marks

    def _together(self, changed: Marks, marks: Marks) -> bool:
        """Whether each part that changed holds a voxel of the prompt; parts meet by faces, edges or corners."""
        parts, count = ndimage.label(changed, np.ones((3, 3, 3)))
        return len(np.unique(parts[marks & changed])) == count

    def _near(self, changed: Marks, marks: Marks, reach: float) -> bool:
        geometry = self.scene.volume.geometry
        far, own = (geometry.to_physical(np.argwhere(part)[:, ::-1]) for part in (changed & ~marks, marks))
        if not len(far):
            return True
        return bool(np.linalg.norm(far[:, None] - own[None], axis=-1).min(axis=1).max() <= reach + 1e-6)


def same(array: np.ndarray, copy: np.ndarray) -> bool:
    return array.dtype == copy.dtype and array.tobytes() == copy.tobytes()


def play(scene: Scene, what: Sequence[Step], method: Adversary | Counting) -> Counter[str]:
    """One random session; raises AssertionError with the rule that it broke.

    Returns:
        how often each rule was judged.
    """
    watch = Watch(scene, method)
    watch.run(what)
    watch.finish()
    return watch.counted


Players = dict[str, Callable[[], "Adversary | Counting"]]


def players() -> Players:
    """The methods that sessions are played with, by name."""
    return {
        "own": lambda: Counting(own_method()),
        **{name: (lambda name=name: Adversary(name)) for name in ADVERSARIES},
    }
