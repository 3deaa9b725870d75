"""How segmentations are shown: surfaces in 3D, and the image behind them."""

import numpy as np
import slicer

from .volumes import is_slice, source_of

_SURFACE = "Closed surface"
_SMOOTHING = "Smoothing factor"
_OUTLINE_PIXELS = 2.0


def is_flat(segmentation_node) -> bool:
    """Whether the segmentation belongs to a single slice, which has no surfaces worth showing."""
    volume = source_of(segmentation_node)
    return volume is not None and is_slice(volume)


def show_thin_as_film(segmentation_node, segment_id: str, mask: np.ndarray) -> None:
    """Leaves the outline of a segment out of the slice views where it would cover all that there is to see: on vessels
    a pixel or two wide. ``mask`` holds its voxels in a single slice, (z, y, x)."""
    from UNetSegmentLib.reporting.drawing.shading import is_thin

    flat = mask.reshape([length for length in mask.shape if length > 1] or [1])
    if flat.ndim == 2 and is_thin(flat.astype(np.float32), _OUTLINE_PIXELS):
        segmentation_node.GetDisplayNode().SetSegmentVisibility2DOutline(segment_id, False)


def is_shown_in_3d(segmentation_node) -> bool:
    """Whether the node has surfaces and shows them."""
    shown = segmentation_node.GetDisplayNode()
    has_surface = segmentation_node.GetSegmentation().ContainsRepresentation(_SURFACE)
    return bool(shown is not None and has_surface and shown.GetVisibility3D())


def show_in_3d(segmentation_node, shown: bool, smoothing: float) -> None:
    """Shows or hides the surfaces, smoothed for display by a factor of 0 to 1."""
    segmentation_node.CreateDefaultDisplayNodes()
    if shown:
        set_smoothing(segmentation_node, smoothing)
        segmentation_node.CreateClosedSurfaceRepresentation()
    segmentation_node.GetDisplayNode().SetVisibility3D(shown)


def set_smoothing(segmentation_node, smoothing: float) -> None:
    """Changes the smoothing of the surfaces; they are made anew when there are any."""
    segmentation = segmentation_node.GetSegmentation()
    text = f"{smoothing:.2f}"
    if segmentation.GetConversionParameter(_SMOOTHING) == text:
        return
    segmentation.SetConversionParameter(_SMOOTHING, text)
    if segmentation.ContainsRepresentation(_SURFACE):
        segmentation_node.RemoveClosedSurfaceRepresentation()
        segmentation_node.CreateClosedSurfaceRepresentation()


def show_behind(volume_node) -> None:
    """Shows the volume in the slice views unless it is there already."""
    for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        if volume_node.GetID() in (node.GetBackgroundVolumeID(), node.GetForegroundVolumeID()):
            return
    application = slicer.app.applicationLogic()
    application.GetSelectionNode().SetActiveVolumeID(volume_node.GetID())
    application.PropagateVolumeSelection()
