"""Renders segments in a process of its own: ``python scene_process.py < SCENE.npz > PICTURE.npy``.

Where no OpenGL is to be had, VTK ends the whole process instead of raising an error. So it runs apart from ours. The
script imports nothing of this package and can run from wherever it lies. What it is given and what it gives go through
pipes: a file with a patient's surfaces would outlive a process that is killed.
"""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from typing import Any

import numpy as np


def main() -> None:
    """Reads a scene (see :mod:`UNetSegmentLib.reporting.surfaces.rendering`) from stdin and writes RGB bytes, shape
    (rows, columns, 3), to stdout."""
    target = os.dup(1)
    os.dup2(2, 1)  # what VTK prints is no part of the picture
    threading.Thread(target=_watch_parent, args=(os.getppid(),), daemon=True).start()
    with np.load(io.BytesIO(sys.stdin.buffer.read())) as scene:
        picture = render(dict(scene))
    answer = io.BytesIO()  # numpy cannot save to a pipe
    np.save(answer, picture)
    with os.fdopen(target, "wb") as file:
        file.write(answer.getbuffer())


def _watch_parent(pid: int) -> None:
    """Ends this process soon after its parent (Windows tells nothing of the kind)."""
    while os.getppid() == pid:
        time.sleep(0.5)
    os._exit(1)


def render(scene: dict[str, np.ndarray]) -> np.ndarray:
    """Draws the scene at twice its size and halves it, for smooth edges; see-through ones, which take long, at once."""
    import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  (registers the OpenGL classes)
    from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow

    pixels = int(scene["pixels"])
    window = vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(0)
    opaque = all(float(scene[f"opacity{n}"]) == 1 for n in range(int(scene["count"])))
    finer = 2 if opaque else 1
    window.SetSize(finer * pixels, finer * pixels)
    renderer = vtkRenderer()
    renderer.SetBackground(*(float(c) / 255.0 for c in scene["background"]))
    window.AddRenderer(renderer)
    points = []
    for n in range(int(scene["count"])):
        renderer.AddActor(_actor(scene, n))
        points.append(scene[f"points{n}"])
    _light(renderer)
    _aim(renderer, np.concatenate(points), scene["forward"], scene["up"])
    if not opaque:
        renderer.UseFXAAOn()
        renderer.UseDepthPeelingOn()
        renderer.SetMaximumNumberOfPeels(5)
        window.SetAlphaBitPlanes(1)
    window.Render()
    picture = _grab(window)
    return _halved(picture) if opaque else picture


def _actor(scene: dict[str, np.ndarray], n: int) -> Any:
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
    from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

    poly, points, cells = vtkPolyData(), vtkPoints(), vtkCellArray()
    points.SetData(numpy_to_vtk(scene[f"points{n}"], deep=True))
    triangles = scene[f"triangles{n}"].astype(np.int64)
    offsets = np.arange(0, triangles.size + 1, 3, dtype=np.int64)
    cells.SetData(numpy_to_vtkIdTypeArray(offsets, deep=True), numpy_to_vtkIdTypeArray(triangles.ravel(), deep=True))
    poly.SetPoints(points)
    poly.SetPolys(cells)
    poly.GetPointData().SetNormals(numpy_to_vtk(scene[f"normals{n}"], deep=True))
    mapper = vtkPolyDataMapper()
    mapper.SetInputData(poly)
    mapper.ScalarVisibilityOff()
    actor = vtkActor()
    actor.SetMapper(mapper)
    look = actor.GetProperty()
    look.SetColor(*(float(c) / 255.0 for c in scene[f"color{n}"]))
    look.SetOpacity(float(scene[f"opacity{n}"]))
    look.SetInterpolationToPhong()
    look.SetAmbient(0.08)
    look.SetDiffuse(0.92)
    look.SetSpecular(0.22)
    look.SetSpecularPower(28)
    return actor


def _light(renderer: Any) -> None:
    from vtkmodules.vtkRenderingCore import vtkLightKit

    renderer.AutomaticLightCreationOff()
    kit = vtkLightKit()
    kit.SetKeyLightIntensity(0.78)
    kit.SetKeyLightAngle(38.0, -28.0)
    kit.SetKeyToFillRatio(2.6)
    kit.SetKeyToHeadRatio(3.2)
    kit.SetKeyToBackRatio(3.0)
    kit.AddLightsToRenderer(renderer)


def _aim(renderer: Any, points: np.ndarray, forward: np.ndarray, up: np.ndarray) -> None:
    """Sets a parallel camera so that all points just fit."""
    right = np.cross(forward, up)
    right = right / np.linalg.norm(right)
    above = np.cross(right, forward)
    spans = [points @ axis for axis in (right, above, forward)]
    middle = sum(axis * (s.min() + s.max()) / 2 for axis, s in zip((right, above, forward), spans, strict=True))
    depth = float(np.ptp(spans[2]))
    reach = max(float(np.ptp(spans[0])), float(np.ptp(spans[1])), 1e-3) / 2 * 1.22
    distance = depth + 4 * reach
    camera = renderer.GetActiveCamera()
    camera.ParallelProjectionOn()
    camera.SetParallelScale(reach)
    camera.SetFocalPoint(*middle)
    camera.SetPosition(*(middle - forward * distance))
    camera.SetViewUp(*above)
    camera.SetClippingRange(distance - depth - reach, distance + depth + reach)


def _grab(window: Any) -> np.ndarray:
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkRenderingCore import vtkWindowToImageFilter

    grab = vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.Update()
    image = grab.GetOutput()
    columns, rows, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)[::-1, :, :3]


def _halved(picture: np.ndarray) -> np.ndarray:
    rows, columns = picture.shape[0] // 2, picture.shape[1] // 2
    parts = picture.reshape(rows, 2, columns, 2, 3).astype(float)
    return parts.mean(axis=(1, 3)).round().astype(np.uint8)


if __name__ == "__main__":
    main()
