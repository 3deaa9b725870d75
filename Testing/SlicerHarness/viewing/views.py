"""Pictures of slice and 3D views: Slicer's own slice logic and displayable managers, drawn off screen by VTK.

What is drawn lies where Slicer would draw it: in world coordinates, parent transforms included.
"""

from __future__ import annotations

from pathlib import Path

import slicer_core
import vtk


def render_slice(
    path: Path,
    volume,
    segmentation=None,
    orientation: str = "Axial",
    center=None,
    field_of_view: float | None = None,
    size: tuple[int, int] = (600, 600),
) -> Path:
    """Draw one slice of a volume with the segments over it.

    ``center`` is a point of the slice (world RAS, mm; by default the middle of the segmentation or of the volume),
    ``field_of_view`` the height shown in mm (by default everything).
    """
    import slicer

    logic = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
    node = logic.GetSliceNode()
    node.SetDimensions(*size, 1)
    logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
    node.SetOrientation(orientation)
    logic.FitSliceToAll()
    center = center if center is not None else _middle(segmentation or volume)
    node.JumpSliceByCentering(*center)
    if field_of_view is not None:
        node.SetFieldOfView(field_of_view * size[0] / size[1], field_of_view, node.GetFieldOfView()[2])
    renderer, window, _interactor = _window(size)
    renderer.AddViewProp(_image(logic))
    names = ("vtkMRMLSegmentationsDisplayableManager2D", "vtkMRMLMarkupsDisplayableManager")
    _managers = _displayable_managers(names, renderer, node)
    return _write(window, path)


def render_view(path: Path, view) -> Path:
    """Draw a slice view of the layout (qMRMLSliceWidget) as it stands: image, segments, and what effects draw in it."""
    screen = view.sliceView()._screen
    node = view.mrmlSliceNode()
    screen.window.SetSize(*node.GetDimensions()[:2])
    # As in Slicer: the image first, segments over it, what effects have added on top.
    props = screen.renderer.GetViewProps()
    added = [props.GetItemAsObject(number) for number in range(props.GetNumberOfItems())]
    screen.renderer.RemoveAllViewProps()
    image = _image(view.sliceLogic())
    screen.renderer.AddViewProp(image)
    _managers = _displayable_managers(("vtkMRMLSegmentationsDisplayableManager2D",), screen.renderer, node)
    for prop in added:
        screen.renderer.AddViewProp(prop)
    try:
        return _write(screen.window, path)
    finally:
        screen.renderer.RemoveViewProp(image)


def render_3d(
    path: Path, segmentation, size: tuple[int, int] = (600, 600), direction=(0.4, 1.0, 0.35), zoom: float = 1.3
) -> Path:
    """Draw the closed surfaces of a segmentation, seen from ``direction`` (world RAS, towards the viewer)."""
    import slicer

    segmentation.CreateClosedSurfaceRepresentation()
    node = slicer.app.layoutManager().threeDWidget(0).mrmlViewNode()
    node.SetBoxVisible(False)
    node.SetAxisLabelsVisible(False)
    renderer, window, _interactor = _window(size)
    renderer.GradientBackgroundOn()
    renderer.SetBackground(0.76, 0.76, 0.91)
    renderer.SetBackground2(0.46, 0.47, 0.75)
    _managers = _displayable_managers(("vtkMRMLSegmentationsDisplayableManager3D",), renderer, node)
    camera = renderer.GetActiveCamera()
    middle = _middle(segmentation)
    camera.SetFocalPoint(*middle)
    camera.SetPosition(*(m + d for m, d in zip(middle, direction, strict=True)))
    camera.SetViewUp(0, 0, 1)
    renderer.ResetCamera()
    camera.Zoom(zoom)
    return _write(window, path)


def _middle(node) -> list[float]:
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    return [(low + high) / 2 for low, high in zip(bounds[::2], bounds[1::2], strict=True)]


def _window(size: tuple[int, int]):
    warnings = vtk.vtkObject.GetGlobalWarningDisplay()
    vtk.vtkObject.SetGlobalWarningDisplay(0)  # VTK asks for a screen before it falls back to none
    try:
        window = vtk.vtkRenderWindow()
        window.SetOffScreenRendering(1)
        window.SetSize(*size)
        renderer = vtk.vtkRenderer()
        window.AddRenderer(renderer)
        interactor = vtk.vtkRenderWindowInteractor()
        interactor.SetRenderWindow(window)
        window.Render()
    finally:
        vtk.vtkObject.SetGlobalWarningDisplay(warnings)
    return renderer, window, interactor


def _image(logic):
    mapper = vtk.vtkImageMapper()
    mapper.SetInputConnection(logic.GetImageDataConnection())
    mapper.SetColorWindow(255)
    mapper.SetColorLevel(127.5)
    actor = vtk.vtkActor2D()
    actor.SetMapper(mapper)
    actor.SetLayerNumber(0)
    return actor


def _displayable_managers(names: tuple[str, ...], renderer, view_node):
    import slicer

    group = slicer_core.vtkMRMLDisplayableManagerGroup()
    group.SetRenderer(renderer)
    for name in names:
        manager = getattr(slicer_core, name)()
        manager.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        group.AddDisplayableManager(manager)
    group.SetMRMLDisplayableNode(view_node)
    return group


def _write(window, path: Path) -> Path:
    window.Render()
    picture = vtk.vtkWindowToImageFilter()
    picture.SetInput(window)
    picture.ReadFrontBufferOff()
    writer = vtk.vtkPNGWriter()
    writer.SetInputConnection(picture.GetOutputPort())
    writer.SetFileName(str(path))
    writer.Write()
    return Path(path)
