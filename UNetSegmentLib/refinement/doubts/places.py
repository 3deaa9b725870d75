"""Doubtful places: where a person should look first, and which of them were looked at."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...geometry import Box, Triple
from ...reporting.units import SizeKind
from ...volume import Segmentation
from ..boxes import placed


class Kind(enum.Enum):
    """What may be wrong with the voxels of a place."""

    MISSING = "missing"
    """They are background, and may belong to the segment."""
    EXTRA = "extra"
    """They are in the segment, and may not belong to it."""
    CONFUSED = "confused"
    """They are in another segment, and may belong to this one."""
    BORDER = "border"
    """The segment's border runs here through what looks the same on both sides: it may lie elsewhere."""


class Reason(enum.Enum):
    """What the doubt is founded on. The last ones are found in the mask and the image alone, and are weaker."""

    MODEL = "the model is unsure"
    MEMBERS = "folds or mirrors of the model disagree"
    INTENSITY = "its brightness fits better there"
    NO_EDGE = "the image has no edge here"
    ISLAND = "it lies apart from the rest"
    HOLE = "it is a hole"
    BRIDGE = "it is a thin bridge between two parts"
    SLICE = "the slices beside it differ"

    @property
    def weak(self) -> bool:
        """Whether no model's doubt is behind it, only the shape of the mask and the image."""
        return self not in (Reason.MODEL, Reason.MEMBERS)


@dataclass(frozen=True, eq=False)
class DoubtfulPlace:
    """Connected voxels that may be wrong.

    Args:
        segment: label value of the segment that it concerns: that would gain the voxels, or lose them to nothing.
        kind: what may be wrong.
        reason: why.
        score: what the list is ranked by, larger first; comparable within one list only.
        position: LPS mm: the centre of a voxel of the place, deep in it.
        index: the same voxel, (z, y, x).
        size_ml: volume of its voxels.
        box: the smallest box of the image (array order) around it.
        inside: the voxels that would change: boolean (z, y, x), shape of the box.
        now: label value that its voxels have now; 0 is background.
        likelihood: mean share, 0 to 1, of how likely its voxels are wrong; 0 where nobody knows (weak reasons).
        size_kind: what the size may be told in; one slice has an area, a photograph pixels.
        area_mm2: of one slice, else None.
    """

    segment: int
    kind: Kind
    reason: Reason
    score: float
    position: Triple
    index: tuple[int, int, int]
    size_ml: float
    box: Box
    inside: np.ndarray
    now: int
    likelihood: float = 0.0
    size_kind: SizeKind = SizeKind.VOLUME
    area_mm2: float | None = None

    @property
    def voxels(self) -> int:
        """Their number."""
        return int(np.count_nonzero(self.inside))

    @property
    def becomes(self) -> int:
        """Label value that its voxels would get: what an edit writes there. For :attr:`Kind.BORDER` nothing is meant
        to be written; it is the present value."""
        return {Kind.EXTRA: 0, Kind.BORDER: self.now}.get(self.kind, self.segment)

    @property
    def size_words(self) -> str:
        """Its size as people are told it: "0.4 mL", "12 mm2" of one slice, "40 pixels" of a photograph."""
        if self.size_kind is SizeKind.PIXELS:
            return f"{self.voxels} pixels"
        if self.size_kind is SizeKind.AREA and self.area_mm2 is not None:
            return f"{_short(self.area_mm2)} mm2"
        return f"{_short(self.size_ml)} mL" if self.size_ml >= 0.001 else f"{_short(self.size_ml * 1000)} mm3"

    def describe(self, segmentation: Segmentation) -> str:
        """One English sentence: "0.4 mL that may belong to 'Liver' (the model is unsure)"."""
        name = f"'{segmentation.label(self.segment).name}'"
        said = {
            Kind.MISSING: f"that may belong to {name}",
            Kind.EXTRA: f"that may not belong to {name}",
            Kind.CONFUSED: f"of '{segmentation.label(self.now).name}' that may belong to {name}",
            Kind.BORDER: f"at the border of {name} that may lie elsewhere",
        }[self.kind]
        return f"{self.size_words} {said} ({self.reason.value})"

    def accepted(self, labels: np.ndarray) -> np.ndarray:
        """The labels of the place's box with the place as it may be: what accepting it writes.

        Args:
            labels: present ones of :attr:`box`. Voxels that have another label than when the place was found stay.
        """
        return np.where(self.inside & (labels == self.now), self.becomes, labels).astype(labels.dtype)

    def overlap(self, other: DoubtfulPlace) -> int:
        """Number of voxels that two places share."""
        if self.box.intersect(other.box).empty:
            return 0
        return int(np.count_nonzero(self.inside & placed(other.inside, other.box, self.box)))


class Looked:
    """The places that a person has looked at; it outlives the list, which is computed anew after an edit.

    A place counts as looked at when at least ``share`` of its voxels lie in what was looked at, whatever is thought of
    them now: a part that was added because it was missing does not come back as one that may be too much.

    Args:
        share: 0 to 1.
    """

    def __init__(self, share: float = 0.5) -> None:
        self._share = share
        self._seen: list[tuple[Box, np.ndarray]] = []

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, place: DoubtfulPlace) -> None:
        """A place was looked at."""
        self.add_voxels(place.box, place.inside)

    def add_voxels(self, box: Box, inside: np.ndarray) -> None:
        """Voxels were looked at, or changed by a person: a box of the image and a boolean array of its shape."""
        if not box.empty and inside.any():
            self._seen.append((box, np.array(inside, bool)))

    def holds(self, place: DoubtfulPlace) -> bool:
        """Whether a place was looked at."""
        seen = np.zeros(place.box.shape, bool)
        for box, inside in self._seen:
            if not box.intersect(place.box).empty:
                seen |= placed(inside, box, place.box)
        return bool(np.count_nonzero(seen & place.inside) >= self._share * place.voxels)

    def left_of(self, places: Iterable[DoubtfulPlace]) -> tuple[DoubtfulPlace, ...]:
        """The places that were not looked at, in their order."""
        return tuple(place for place in places if not self.holds(place))


class Review:
    """A list of places that a person goes through, one after the other. Nothing here takes longer than a moment: the
    places were found before.

    Args:
        places: ranked, see :func:`~.finding.find_places`.
        looked: what was looked at in earlier lists of the same image; it is added to.
    """

    def __init__(self, places: Sequence[DoubtfulPlace] = (), looked: Looked | None = None) -> None:
        self.looked = looked if looked is not None else Looked()
        self._places: tuple[DoubtfulPlace, ...] = ()
        self.renew(places)

    @property
    def places(self) -> tuple[DoubtfulPlace, ...]:
        """Those that are left, ranked."""
        return self._places

    @property
    def left(self) -> int:
        """How many."""
        return len(self._places)

    def next(self) -> DoubtfulPlace | None:
        """The most doubtful of those left, which thereby counts as looked at; None when none is left."""
        if not self._places:
            return None
        first = self._places[0]
        self.looked.add(first)
        self._places = self.looked.left_of(self._places[1:])
        return first

    def edited(self, box: Box, changed: np.ndarray) -> None:
        """A person changed voxels: places that mostly lie in them are off the list.

        Args:
            box: of the image, array order.
            changed: boolean, shape of the box.
        """
        self.looked.add_voxels(box, changed)
        self._places = self.looked.left_of(self._places)

    def renew(self, places: Sequence[DoubtfulPlace]) -> None:
        """A list computed anew, after edits or a new run; what was looked at stays off it."""
        self._places = self.looked.left_of(places)


def _short(number: float) -> str:
    return f"{number:.1f}" if number >= 0.1 else f"{number:.2g}"
