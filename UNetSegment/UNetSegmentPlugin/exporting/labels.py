"""The segments of a node as one label map on the grid of their image, with who made each: what a DICOM object holds."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from slicer.i18n import tr as _

from UNetSegmentLib.errors import GeometryError, InputError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.io import place_on_grid
from UNetSegmentLib.io.dicom_objects.author import MANUFACTURER, Author
from UNetSegmentLib.labels import Label, Terminology
from UNetSegmentLib.volume import Segmentation

from ..scene import provenance, segments, volumes

_BY_HAND = Author("", by_hand=True)


@dataclass(frozen=True)
class Gathered:
    """What is to be saved.

    Args:
        segmentation: the segments that hold anything, numbered from 1 in their order.
        author: who made most of it, and ``authors`` each segment, by number.
        notes: what the user should know.
    """

    segmentation: Segmentation
    author: Author
    authors: dict[int, Author]
    notes: tuple[str, ...] = ()


def gather(segmentation_node, volume_node) -> Gathered:
    """Everything in ``segmentation_node`` on the grid of ``volume_node``; tags are brought up to date first.

    Raises:
        InputError: nothing to save, segments that overlap, another transform than the image's.
        GeometryError: segments that do not lie on the image's voxels.
    """
    _check_transforms(segmentation_node, volume_node)
    provenance.mark_corrections(segmentation_node)
    grid = volumes.geometry_of(volume_node)
    source = segmentation_node.GetSegmentation()
    found = {name: each for name, each in segments.read_all(segmentation_node).items() if each is not None}
    if not found:
        raise InputError(
            _("There is nothing to save: all segments of '{name}' are empty.").format(name=segmentation_node.GetName())
        )
    voxels = np.zeros(grid.shape, np.uint8 if len(found) < 256 else np.uint16)
    labels, authors = [], {}
    for number, (segment_id, (mask, place)) in enumerate(found.items(), 1):
        segment = source.GetSegment(segment_id)
        _write(voxels, grid, mask, place, number, [*labels, label_of(segment, number)])
        labels.append(label_of(segment, number))
        authors[number] = author_of(segment)
    main = next((author for author in authors.values() if not author.by_hand), _BY_HAND)
    return Gathered(Segmentation(voxels, grid, tuple(labels)), main, authors, tuple(_notes(volume_node)))


def label_of(segment, number: int) -> Label:
    """Name, colour and codes of a vtkSegment."""
    red, green, blue = (round(255 * part) for part in segment.GetColor())
    terms = Terminology.from_slicer_entry(segments.tag(segment, segment.GetTerminologyEntryTagName()))
    return Label(number, segment.GetName() or str(number), (red, green, blue), terms)


def author_of(segment) -> Author:
    """Who made a vtkSegment, by its tags; without any it was drawn by hand."""
    kind = segments.tag(segment, provenance.ALGORITHM_TYPE)
    if kind not in (provenance.AUTOMATIC, provenance.SEMIAUTOMATIC):
        return _BY_HAND
    name, version = segments.tag(segment, provenance.ALGORITHM_NAME) or MANUFACTURER, ""
    words = name.split()
    if len(words) == 3 and words[0] == MANUFACTURER:
        _ours, name, version = words
    return Author(name, version, corrected=kind == provenance.SEMIAUTOMATIC)


def _check_transforms(segmentation_node, volume_node) -> None:
    if segmentation_node.GetTransformNodeID() != volume_node.GetTransformNodeID():
        raise InputError(
            _("'{segmentation}' and '{image}' are not under the same transform, so that the segments do not lie on the "
              "pictures of the series.").format(segmentation=segmentation_node.GetName(), image=volume_node.GetName()),
            _("Put both under one transform, or under none (module Transforms)."),
        )  # fmt: skip


def _notes(volume_node) -> Iterator[str]:
    transform = volume_node.GetParentTransformNode()
    if transform is not None:
        yield _("The transform '{name}' is left out: the segments lie on the series' own pictures.").format(
            name=transform.GetName()
        )


def _write(voxels: np.ndarray, grid: Geometry, mask: np.ndarray, place: Geometry, number: int, labels: list) -> None:
    """Adds one segment; refuses to write over another one."""
    box = _box_of(place, grid)
    if box is None:
        name = _("The segment '{name}'").format(name=labels[-1].name)
        mask = place_on_grid(Segmentation(mask.astype(np.uint8), place), grid, name).voxels > 0
        box = Box.whole(grid.shape)
    part = voxels[box.slices]
    taken = part[mask]
    if taken.any():
        other = labels[int(taken[taken > 0][0]) - 1].name
        raise InputError(
            _("The segments '{one}' and '{other}' overlap, in {count} voxels; here a voxel holds one segment.").format(
                one=other, other=labels[-1].name, count=int(np.count_nonzero(taken))
            ),
            _("Take the one out of the other (Segment Editor, Logical operators), or use Slicer's own DICOM export."),
        )
    part[mask] = number


def _box_of(place: Geometry, grid: Geometry) -> Box | None:
    """Where a cut-out lies; None where its axes run otherwise or its voxels are not those of the grid."""
    first = np.round(grid.to_index(np.array(place.origin)))
    box = Box((0, 0, 0), place.shape).shifted([int(n) for n in first[::-1]])
    inside = box.intersect(Box.whole(grid.shape)) == box
    try:
        return box if inside and grid.cropped(box).is_close(place) else None
    except GeometryError:
        return None
