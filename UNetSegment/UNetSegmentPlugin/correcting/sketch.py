"""What is drawn is seen while it is drawn, and until its answer comes: a line over the view, in its own pixels."""

import vtk

from .prompts import POINT, Drawn

INCLUDE_COLOUR, EXCLUDE_COLOUR = (0.25, 0.95, 0.35), (1.0, 0.3, 0.25)
_LINE_PIXELS, _CROSS_PIXELS = 2.5, 6


class Sketch:
    """The picture of one prompt in one view.

    Args:
        effect: the scripted effect's C++ side.
        view: the view's widget.
    """

    def __init__(self, effect, view) -> None:
        self._effect, self.view = effect, view
        self._lines = vtk.vtkPolyData()
        mapper = vtk.vtkPolyDataMapper2D()
        mapper.SetInputData(self._lines)
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(mapper)
        self._actor.GetProperty().SetLineWidth(_LINE_PIXELS)
        effect.addActor2D(view, self._actor)
        self._shown = True

    def show(self, drawn: Drawn) -> None:
        """Draws all that there is of it."""
        self._actor.GetProperty().SetColor(INCLUDE_COLOUR if drawn.include else EXCLUDE_COLOUR)
        lines = _cross(drawn.pixels[-1], drawn.include) if drawn.tool == POINT else [drawn.outline]
        points, cells = vtk.vtkPoints(), vtk.vtkCellArray()
        for line in lines:
            cells.InsertNextCell(len(line))
            for x, y in line:
                cells.InsertCellPoint(points.InsertNextPoint(x, y, 0))
        self._lines.SetPoints(points)
        self._lines.SetLines(cells)
        self._changed()

    def extend(self, pixel: tuple[int, int]) -> None:
        """Draws on to another pixel; costs the same however long the line is."""
        points, cells = self._lines.GetPoints(), self._lines.GetLines()
        number = points.InsertNextPoint(*pixel, 0)
        cells.InsertNextCell(2)
        cells.InsertCellPoint(number - 1)
        cells.InsertCellPoint(number)
        points.Modified()
        cells.Modified()
        self._changed()

    def _changed(self) -> None:
        self._lines.Modified()
        self._effect.scheduleRender(self.view)

    def remove(self) -> None:
        """Takes it out of the view."""
        if self._shown:
            self._shown = False
            self._effect.removeActor2D(self.view, self._actor)
            self._effect.scheduleRender(self.view)


def _cross(pixel, include: bool) -> list:
    """A plus for what is included, a minus for what is not."""
    x, y = pixel
    lines = [((x - _CROSS_PIXELS, y), (x + _CROSS_PIXELS, y))]
    if include:
        lines.append(((x, y - _CROSS_PIXELS), (x, y + _CROSS_PIXELS)))
    return lines
