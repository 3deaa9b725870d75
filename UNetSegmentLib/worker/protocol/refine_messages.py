"""The messages of a correction: a session is opened, edited step by step, and closed.

A worker holds one session; opening another closes the one before. ``session`` in a message is the ``id`` of the
``refine-open`` that began it: what speaks of another one is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...errors import InputError
from ...geometry import Geometry, Triple
from .arrays import ArrayFile, BoxLabels, BoxMask, VolumeFile

SHAPES = ("point", "scribble", "lasso", "box")
STEPS = ("undo", "redo", "reset", "remove", "close")


@dataclass(frozen=True)
class Drawn:
    """A prompt (see :mod:`UNetSegmentLib.refinement.prompts.kinds`) as data.

    Args:
        shape: one of :data:`SHAPES`.
        points: LPS mm; a point and a box (its middle) have one.
        include: the segment is here; False: it is not.
        segment: label value; None is the session's.
        radius: of a scribble's brush, mm.
        size, axes: of a box.
    """

    shape: str
    points: tuple[Triple, ...]
    include: bool = True
    segment: int | None = None
    radius: float = 0.0
    size: Triple | None = None
    axes: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise InputError(f"'{self.shape[:40]}' is no kind of prompt.")
        if self.shape in ("point", "box") and len(self.points) != 1:
            raise InputError(f"A {self.shape} has one point, not {len(self.points)}.")
        if (self.shape == "box") != (self.size is not None):
            raise InputError("A box has a size, other prompts have none.")


@dataclass(frozen=True)
class RefineOpen:
    """Begin a session. Answer: ``refined``, without a change. The files stay the client's, and are only mapped.

    Args:
        image: what is corrected on.
        label: value that is corrected.
        folder: of the client's files.
        segmentation: label map (z, y, x) on the image's grid, uint8 or uint16; None begins an empty one.
        grid: of the label map as it says itself, which may be the image's but for rounding; None is the image's.
        probabilities: of ``label``, (z, y, x) or (1, z, y, x), float 0 to 1 or uint8 0 to 255.
        locked: values that never change.
        editable: (z, y, x), boolean; voxels where it is False never change.
        reach: mm from a prompt beyond which it changes nothing; None is the library's.
    """

    kind: ClassVar[str] = "refine-open"
    id: int
    image: VolumeFile
    label: int
    folder: str
    segmentation: ArrayFile | None = None
    grid: Geometry | None = None
    probabilities: ArrayFile | None = None
    locked: tuple[int, ...] = ()
    editable: ArrayFile | None = None
    reach: float | None = None


@dataclass(frozen=True)
class RefineEdit:
    """A prompt, or labels painted by other means. Answer: ``refined``.

    Args:
        drawn, painted: one of the two.
        where: which voxels of the painted box were painted; None: those that differ from what the label map holds.
        known: what this edit came to in a session that was lost; it is taken over instead of being worked out again.
        result: an empty file that the client holds, for labels that are too many for a line.
    """

    kind: ClassVar[str] = "refine-edit"
    id: int
    session: int
    drawn: Drawn | None = None
    painted: BoxLabels | None = None
    where: BoxMask | None = None
    known: BoxLabels | None = None
    result: str = ""

    def __post_init__(self) -> None:
        if (self.drawn is None) == (self.painted is None):
            raise InputError("An edit is either drawn or painted.")
        if self.where is not None and (self.painted is None or self.where.box != self.painted.box):
            raise InputError("What was painted lies in the box that was painted.")


@dataclass(frozen=True)
class RefineStep:
    """A step that is no edit. Answer: ``refined``.

    Args:
        step: one of :data:`STEPS`.
        number: of the edit to remove, 0 the oldest.
        result: as :class:`RefineEdit`'s.
    """

    kind: ClassVar[str] = "refine-step"
    id: int
    session: int
    step: str
    number: int | None = None
    result: str = ""

    def __post_init__(self) -> None:
        if self.step not in STEPS:
            raise InputError(f"'{self.step[:40]}' is no step of a correction.")
        if (self.step == "remove") != (self.number is not None):
            raise InputError("A removal names the edit that is removed, other steps name none.")


@dataclass(frozen=True)
class Refined:
    """What a request of a correction came to.

    Args:
        labels: the box outside of which nothing changed, and its labels now; empty when nothing changed.
        where: of labels painted by other means, which voxels were, where the edit did not say it; in the box of
            ``labels``.
        remade: what the edits after one that was removed have come to without it, oldest first.
        voxels, reach, notes: see :class:`UNetSegmentLib.refinement.Change`.
        history: number of edits that made the label map what it is.
        undone: number of edits that can be made again.
        seconds: that it took the worker.
    """

    kind: ClassVar[str] = "refined"
    id: int
    labels: BoxLabels
    where: BoxMask | None = None
    remade: tuple[BoxLabels, ...] = ()
    voxels: int = 0
    reach: float = 0.0
    notes: tuple[str, ...] = ()
    history: int = 0
    undone: int = 0
    seconds: float = 0.0


Refine = RefineOpen | RefineEdit | RefineStep
