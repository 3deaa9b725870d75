"""Pairs of an image and a segmentation to learn from: chosen by the user, kept with the scene, or found by name."""

import re
from dataclasses import dataclass

import slicer

from ..scene import volumes

_VOLUME, _SEGMENTATION = "train_volume_{}", "train_segmentation_{}"


@dataclass(frozen=True)
class Pair:
    """An image and what was drawn on it; either may still be missing."""

    volume: object = None
    segmentation: object = None

    @property
    def complete(self) -> bool:
        return self.volume is not None and self.segmentation is not None

    @property
    def present(self) -> bool:
        """Whether both are (still) in the scene."""
        nodes = (self.volume, self.segmentation)
        return all(node is not None and slicer.mrmlScene.IsNodePresent(node) for node in nodes)


def pairs(parameters) -> list[Pair]:
    """The rows of the table."""
    node = parameters.parameterNode
    return [
        Pair(node.GetNodeReference(_VOLUME.format(row)), node.GetNodeReference(_SEGMENTATION.format(row)))
        for row in range(parameters.train_pairs)
    ]


def set_pairs(parameters, rows: list[Pair]) -> None:
    """Replaces the rows of the table."""
    node = parameters.parameterNode
    before = parameters.train_pairs
    modified = node.StartModify()
    for row in range(max(before, len(rows))):
        pair = rows[row] if row < len(rows) else Pair()
        for role, chosen in ((_VOLUME, pair.volume), (_SEGMENTATION, pair.segmentation)):
            node.SetNodeReferenceID(role.format(row), chosen.GetID() if chosen is not None else None)
    parameters.train_pairs = len(rows)
    node.EndModify(modified)


def find_pairs() -> list[Pair]:
    """Every segmentation of the scene with its image: the one that it was drawn on, or the one of the same name."""
    images = [
        node
        for name in volumes.IMAGE_CLASSES
        for node in slicer.util.getNodesByClass(name)
        if node.GetClassName() == name and not node.GetHideFromEditors()
    ]
    found = []
    for segmentation in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
        if segmentation.GetHideFromEditors() or not segmentation.GetSegmentation().GetNumberOfSegments():
            continue
        image = _drawn_on(segmentation, images) or _named_alike(segmentation, images)
        if image is not None:
            found.append(Pair(image, segmentation))
    return found


def _drawn_on(segmentation, images: list):
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    image = segmentation.GetNodeReference(role)
    return image if image in images else None


def _named_alike(segmentation, images: list):
    """The image whose name is all of the segmentation's, or its beginning: ``liver_01`` for ``liver_01-label``. The
    longest such name is the right one."""
    name = _plain(segmentation.GetName())
    alike = [image for image in images if _plain(image.GetName()) and _is_beginning(_plain(image.GetName()), name)]
    return max(alike, key=lambda image: len(image.GetName()), default=None)


def _is_beginning(image: str, segmentation: str) -> bool:
    """Whole words count: ``case 1`` is no beginning of ``case 10``."""
    return segmentation == image or segmentation.startswith(image + " ")


def _plain(name: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", name.lower()))
