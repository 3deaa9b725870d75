"""Several opinions of one model on one image: its folds, or the image mirrored, or at other voxel sizes.

Each member is a whole run, one after the other; its labels are kept and its probabilities never made, so that members
take the time of as many runs and the memory of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ...geometry import AxisMap, Box
from ...io.segment_names import folded
from ...progress import CancelToken, ProgressCallback, ProgressEvent
from ...volume import Segmentation, Volume
from .quality import Basis, Quality, quality_of_members

if TYPE_CHECKING:
    from ...inference import EngineSettings, Segmenter

VIEWS = (1.0, 0.9, 1.15, 1.3)
"""Factors on the voxel size that a model sees, where it has neither folds nor mirrors."""


@dataclass(frozen=True, eq=False)
class Members:
    """Label maps of one image.

    Args:
        segmentations: on the image's grid; the first is the plain run.
        basis: what tells them apart.
        names: of each: "fold 2", "mirrored along y", and so on.
        warnings: of the runs.
    """

    segmentations: tuple[Segmentation, ...]
    basis: Basis
    names: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def quality(self) -> Quality:
        """How much they agree."""
        return quality_of_members(self.segmentations, self.basis)


def as_labels_of(members: Members, segmentation: Segmentation) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """The members' label maps with the values that a segmentation's segments of the same names have, so that both can
    be compared; where no name is the same, values are taken to mean the same, and a note says so.

    Segments of the model that the segmentation does not know become background; where the segmentation has a segment
    that the model does not know, every member has it too.

    Returns:
        Label maps (z, y, x), and notes for the user.
    """
    labels = members.segmentations[0].labels
    own = {folded(label.name): label.value for label in segmentation.labels}
    table = {label.value: own[folded(label.name)] for label in labels if folded(label.name) in own}
    notes: tuple[str, ...] = ()
    if not table:
        table = {label.value: label.value for label in labels}
        notes = ("No segment has a name that the model knows: values are taken to mean the same.",)
    lookup = np.zeros(np.iinfo(np.uint16).max + 1, np.uint16)
    lookup[list(table)] = list(table.values())
    unknown = ~np.isin(segmentation.voxels, [0, *table.values()])
    return [np.where(unknown, segmentation.voxels, lookup[member.voxels]) for member in members.segmentations], notes


Run = Callable[[ProgressCallback | None], tuple[Segmentation, tuple[str, ...]]]


def run_members(
    segmenter: Segmenter,
    volume: Volume | Sequence[Volume],
    region: Box | None = None,
    *,
    basis: Basis | None = None,
    known: Segmentation | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Members:
    """Runs a model several times on an image.

    Args:
        segmenter: its model, device and settings; mirrors and folds are switched off in each run.
        volume, region, cancel: see :meth:`~UNetSegmentLib.inference.Segmenter.segment`.
        basis: what tells the members apart; None: the model's folds where it has several, else mirrors along each of
            the axes that its card allows, else other voxel sizes.
        known: the label map of a plain run that was made before, with these settings: it is not made again.
        progress: as a segmentation's, with the member's name in the message.

    Raises:
        InputError: the model has no folds or mirrors, where these are asked for, and all that a run raises.
    """
    from ...inference.inputs import one_image

    image = one_image(volume, segmenter.model.card)
    basis = basis or basis_of(segmenter)
    if basis not in _RUNS:
        raise InputError(f"There are no members by {basis.value}.", "Compare folds, mirrors or voxel sizes.")
    runs = dict(_RUNS[basis](segmenter, image, region, cancel))
    if len(runs) < 2:
        raise InputError(
            f"The model '{segmenter.model.card.name}' has no {basis.value} to compare.",
            f"Compare its {basis_of(segmenter).value}.",
        )
    made: list[Segmentation] = []
    warnings: list[str] = []
    for number, (name, run) in enumerate(runs.items()):
        if number == 0 and known is not None:
            made.append(known)
            continue
        labels, told = run(_named(progress, f"{name} ({number + 1} of {len(runs)})"))
        made.append(labels)
        warnings += told
    return Members(tuple(made), basis, tuple(runs), tuple(dict.fromkeys(warnings)))


def basis_of(segmenter: Segmenter) -> Basis:
    """What members of a model are best told apart by."""
    if segmenter.model.folds > 1:
        return Basis.FOLDS
    return Basis.MIRRORS if _mirror_axes(segmenter) else Basis.VIEWS


def _folds(
    segmenter: Segmenter, image: Volume, region: Box | None, cancel: CancelToken | None
) -> Iterator[tuple[str, Run]]:
    from ...inference import Segmenter

    for fold in range(segmenter.model.folds):

        def run(progress: ProgressCallback | None, fold: int = fold) -> tuple[Segmentation, tuple[str, ...]]:
            model = segmenter.model.one_fold(fold)
            try:
                alone = Segmenter(model, str(segmenter.device), settings=_plain(segmenter))
                result = alone.segment(image, region, progress, cancel)
            finally:
                # One network at a time.
                model.release()
            return result.segmentation, result.warnings

        yield f"fold {fold}", run


def _mirrors(
    segmenter: Segmenter, image: Volume, region: Box | None, cancel: CancelToken | None
) -> Iterator[tuple[str, Run]]:
    from ...inference import Segmenter

    plain = Segmenter(segmenter.model, str(segmenter.device), settings=_plain(segmenter))
    for axis in (None, *_image_axes(segmenter, image)):

        def run(progress: ProgressCallback | None, axis: int | None = axis) -> tuple[Segmentation, tuple[str, ...]]:
            flip = AxisMap((0, 1, 2), (axis == 0, axis == 1, axis == 2))
            mirrored = replace(image, voxels=np.ascontiguousarray(flip.apply(image.voxels)))
            there = None if region is None else flip.apply_box(region, image.geometry.shape)
            result = plain.segment(mirrored, there, progress, cancel)
            labels = result.segmentation
            return replace(labels, voxels=np.ascontiguousarray(flip.invert(labels.voxels))), result.warnings

        yield "as it is" if axis is None else f"mirrored along {'zyx'[axis]}", run


def _views(
    segmenter: Segmenter, image: Volume, region: Box | None, cancel: CancelToken | None
) -> Iterator[tuple[str, Run]]:
    from ...inference import Segmenter

    for factor in VIEWS:

        def run(progress: ProgressCallback | None, factor: float = factor) -> tuple[Segmentation, tuple[str, ...]]:
            settings = _plain(segmenter)
            scale = float(np.clip(segmenter.spacing_scale * factor, 0.5, 4.0))
            scaled = Segmenter(segmenter.model, str(segmenter.device), settings=replace(settings, spacing_scale=scale))
            result = scaled.segment(image, region, progress, cancel)
            return result.segmentation, result.warnings

        yield f"voxels of {factor:.0%}", run


_RUNS = {Basis.FOLDS: _folds, Basis.MIRRORS: _mirrors, Basis.VIEWS: _views}


def _plain(segmenter: Segmenter) -> EngineSettings:
    return replace(segmenter.settings, mirrors=False, folds=False)


def _mirror_axes(segmenter: Segmenter) -> tuple[int, ...]:
    """Array axes, in the model's orientation, that its card allows to mirror and its network sees."""
    card = segmenter.model.card
    return tuple(axis for axis in card.inference.mirror_axes if card.network.dimension == 3 or axis > 0)


def _image_axes(segmenter: Segmenter, image: Volume) -> list[int]:
    """The same axes of the image as it is stored; those of a single voxel have nothing to mirror."""
    from ...preprocessing.preparation import model_axes

    _, axes = model_axes(image.geometry, segmenter.model.card.preparation)
    stored = [axes.axes[axis] for axis in _mirror_axes(segmenter)]
    return [axis for axis in stored if image.geometry.shape[axis] > 1]


def _named(progress: ProgressCallback | None, name: str) -> ProgressCallback | None:
    if progress is None:
        return None

    def told(event: ProgressEvent) -> None:
        progress(replace(event, message=", ".join(filter(None, (name, event.message)))))

    return told
