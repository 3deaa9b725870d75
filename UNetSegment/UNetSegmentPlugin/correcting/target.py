"""What is corrected: one segment, on one image."""

from dataclasses import dataclass

import slicer
from slicer.i18n import tr as _

from UNetSegmentLib.errors import InputError

from ..scene import segments, volumes


@dataclass(frozen=True, eq=False)
class Target:
    """A segment of a segmentation node, and the volume node that it is seen on."""

    segmentation: object
    segment_id: str
    volume: object

    def is_same(self, other: "Target | None") -> bool:
        """Whether both speak of the same segment on the same image."""
        return (
            other is not None
            and self.segmentation is other.segmentation
            and self.segment_id == other.segment_id
            and self.volume is other.volume
        )

    @property
    def segment(self):
        """The vtkSegment; None when it is gone."""
        if not slicer.mrmlScene.IsNodePresent(self.segmentation):
            return None
        return self.segmentation.GetSegmentation().GetSegment(self.segment_id)

    @property
    def present(self) -> bool:
        """Whether segment and image are still in the scene."""
        return self.segment is not None and bool(slicer.mrmlScene.IsNodePresent(self.volume))

    @property
    def is_aligned(self) -> bool:
        """Whether segmentation and image are under the same transform."""
        return self.segmentation.GetTransformNodeID() == self.volume.GetTransformNodeID()

    def check(self) -> None:
        """Raises InputError when the segment is not to be changed."""
        segment = self.segment
        if segment is None:
            raise InputError(_("There is no segment to correct."), _("Choose one in the list above, or add one."))
        if segments.tag(segment, segments.STATUS_TAG) == segments.COMPLETED:
            raise InputError(
                _("'{name}' is marked as completed, which locks it.").format(name=segment.GetName()),
                _("Change its status in the list above, or choose another segment."),
            )
        if segments.is_locked(self.segmentation, self.segment_id):
            raise InputError(
                _("'{name}' is hidden.").format(name=segment.GetName()),
                _("Show it before you correct it, or choose another segment."),
            )
        volumes.geometry_of(self.volume)


def chosen(editor_node) -> Target:
    """What is chosen in an editor (vtkMRMLSegmentEditorNode).

    Raises:
        InputError: no segmentation, no image or no segment is chosen.
    """
    segmentation = editor_node.GetSegmentationNode() if editor_node is not None else None
    if segmentation is None:
        raise InputError(_("There is no segmentation to correct."), _("Choose one, or run a model first."))
    volume = editor_node.GetSourceVolumeNode()
    if volume is None:
        raise InputError(_("There is no image."), _("Choose the source volume."))
    target = Target(segmentation, editor_node.GetSelectedSegmentID() or "", volume)
    if target.segment is None:
        raise InputError(_("No segment is chosen."), _("Choose one in the list above, or add one."))
    return target
