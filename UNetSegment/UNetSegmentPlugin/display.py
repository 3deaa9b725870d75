"""How segmentations are shown: surfaces in 3D, and the image behind them."""

import slicer

_SURFACE = "Closed surface"
_SMOOTHING = "Smoothing factor"


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
