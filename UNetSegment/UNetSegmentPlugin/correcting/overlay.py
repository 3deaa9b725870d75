"""The model's uncertainty over the image in the slice views, on and off; and a ring around a doubtful place."""

import math

import slicer
import vtk

_OPACITY = 0.6
_COLOURS = ("vtkMRMLColorTableNodeRainbow", "vtkMRMLColorTableNodeRed")
_FROM, _TO = 0.05, 1.0
"""Bits of entropy: below, nothing is shown; at one bit a model cannot tell two classes apart."""
_RING_PIXELS, _RING_POINTS, _RING_COLOUR = 16, 40, (1.0, 0.85, 0.2)


class Overlay:
    """Shows a volume before the image, and what was there before it when it goes."""

    def __init__(self) -> None:
        self._before: list[tuple] = []

    @property
    def shown(self) -> bool:
        """Whether it is on."""
        return bool(self._before)

    def show(self, volume_node) -> None:
        """On, in all slice views."""
        self.hide()
        volume_node.CreateDefaultDisplayNodes()
        display = volume_node.GetDisplayNode()
        colours = next((name for name in _COLOURS if slicer.mrmlScene.GetNodeByID(name) is not None), None)
        if colours is not None:
            display.SetAndObserveColorNodeID(colours)
        display.SetAutoWindowLevel(False)
        display.SetWindowLevelMinMax(_FROM, _TO)
        display.SetApplyThreshold(True)
        display.SetLowerThreshold(_FROM)
        for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
            self._before.append((node, node.GetForegroundVolumeID(), node.GetForegroundOpacity()))
            node.SetForegroundVolumeID(volume_node.GetID())
            node.SetForegroundOpacity(_OPACITY)

    def hide(self) -> None:
        """Off."""
        before, self._before = self._before, []
        for node, volume_id, opacity in before:
            if slicer.mrmlScene.IsNodePresent(node):
                node.SetForegroundVolumeID(volume_id)
                node.SetForegroundOpacity(opacity)


class Ring:
    """A ring around a place of the world, in every slice view that passes it.

    Args:
        effect: the scripted effect's C++ side.
    """

    def __init__(self, effect) -> None:
        self._effect = effect
        self._place: tuple[float, float, float] | None = None
        self._actors: dict[str, tuple] = {}

    def show(self, world, views) -> None:
        """Around another place, in ``views`` (slice widgets)."""
        self.hide()
        self._place = tuple(world)
        for view in views:
            mapper = vtk.vtkPolyDataMapper2D()
            mapper.SetInputData(_circle())
            actor = vtk.vtkActor2D()
            actor.SetMapper(mapper)
            actor.GetProperty().SetColor(_RING_COLOUR)
            actor.GetProperty().SetLineWidth(2)
            self._actors[view.mrmlSliceNode().GetID()] = view, actor
            self._effect.addActor2D(view, actor)
            self.update(view)

    def update(self, view) -> None:
        """The view has moved: so does the ring in it."""
        found = self._actors.get(view.mrmlSliceNode().GetID())
        if found is None:
            return
        inverse = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(view.mrmlSliceNode().GetXYToRAS(), inverse)
        x, y, z, _one = inverse.MultiplyPoint((*self._place, 1.0))
        actor = found[1]
        # Beside its slice it would point at something else.
        actor.SetVisibility(abs(z) < 1)
        actor.SetPosition(x, y)
        self._effect.scheduleRender(view)

    def hide(self) -> None:
        """No ring."""
        for view, actor in self._actors.values():
            self._effect.removeActor2D(view, actor)
            self._effect.scheduleRender(view)
        self._actors = {}


def _circle() -> vtk.vtkPolyData:
    points, cells = vtk.vtkPoints(), vtk.vtkCellArray()
    cells.InsertNextCell(_RING_POINTS + 1)
    for number in range(_RING_POINTS + 1):
        angle = 2 * math.pi * number / _RING_POINTS
        cells.InsertCellPoint(points.InsertNextPoint(_RING_PIXELS * math.cos(angle), _RING_PIXELS * math.sin(angle), 0))
    circle = vtk.vtkPolyData()
    circle.SetPoints(points)
    circle.SetLines(cells)
    return circle
