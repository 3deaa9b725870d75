"""A picture of all segments in three dimensions, seen from the front left and a little above."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ...geometry import Box
from ...postprocessing.boxes import label_boxes
from ...volume import Segmentation
from ..drawing.shading import Color
from .meshes import to_arrays
from .surfaces import surface

log = logging.getLogger(__name__)

# The patient faces us, the head is up: right is on our left, as in the coronal plane.
FORWARD = np.array([-0.46, 0.82, -0.34]) / np.linalg.norm([-0.46, 0.82, -0.34])
UP = np.array([0.0, 0.0, 1.0])

_ENCLOSED = 0.5
_SEE_THROUGH = 0.3
# Voxels along a segment beyond which its surface is finer than the picture.
_LONGEST = 280
_SECONDS = 300
_SCRIPT = Path(__file__).with_name("scene_process.py")


def render(
    segmentation: Segmentation, boxes: dict[int, Box], colors: Mapping[int, Color], pixels: int, background: Color
) -> np.ndarray | None:
    """A square RGB picture, uint8 (pixels, pixels, 3), or None where this machine cannot render (the log says why).

    Args:
        segmentation: what to show.
        boxes: bounding box of each label that occurs.
        colors: colour of each label value.
        pixels: side of the picture.
        background: colour behind the segments.

    Raises:
        DependencyError: vtk is not installed.
    """
    from vtkmodules.util.numpy_support import vtk_to_numpy

    scene: dict[str, object] = {"pixels": pixels, "background": background, "forward": FORWARD, "up": UP}
    opacities = _opacities(segmentation, boxes)
    segmentation, boxes = _coarse(segmentation, boxes)
    for n, (value, box) in enumerate(boxes.items()):
        poly = surface(segmentation, value, box=box)
        scene[f"points{n}"], scene[f"triangles{n}"] = to_arrays(poly)
        scene[f"normals{n}"] = vtk_to_numpy(poly.GetPointData().GetNormals())
        scene[f"color{n}"], scene[f"opacity{n}"] = colors[value], opacities[value]
    scene["count"] = len(opacities)
    return _render_apart({key: np.asarray(value) for key, value in scene.items()})


def screen_axes() -> np.ndarray:
    """Where the patient's L, P and S directions point in the picture, shape (3, 2): right and up, at most 1 long."""
    right = np.cross(FORWARD, UP)
    right = right / np.linalg.norm(right)
    return np.stack([right, np.cross(right, FORWARD)], axis=1)


def _coarse(segmentation: Segmentation, boxes: dict[int, Box]) -> tuple[Segmentation, dict[int, Box]]:
    """Every n-th voxel, where there are far more of them than pixels to show them; a label is never lost by it."""
    longest = max(length for box in boxes.values() for length in box.shape)
    step = -(-longest // _LONGEST)
    if step == 1:
        return segmentation, boxes
    geometry = segmentation.geometry
    voxels = np.ascontiguousarray(segmentation.voxels[::step, ::step, ::step])
    x, y, z = (step * s for s in geometry.spacing)
    coarse = replace(
        segmentation, voxels=voxels, geometry=replace(geometry, size=voxels.shape[::-1], spacing=(x, y, z))
    )
    found = label_boxes(voxels)
    return (coarse, found) if found.keys() == boxes.keys() else (segmentation, boxes)


def _opacities(segmentation: Segmentation, boxes: dict[int, Box]) -> dict[int, float]:
    """Opaque, unless a label encloses another one: then one must be able to look into it."""
    opacities = dict.fromkeys(boxes, 1.0)
    for value, box in boxes.items():
        around = [other for other, wide in boxes.items() if other != value and wide.intersect(box) == box]
        shares = _surroundings(segmentation, value, box) if around else {}
        for other in around:
            if shares.get(other, 0.0) > _ENCLOSED:
                opacities[other] = _SEE_THROUGH
    return opacities


def _surroundings(segmentation: Segmentation, value: int, box: Box) -> dict[int, float]:
    """Of the voxels that touch a label, the share that bears each other label."""
    wide = box.padded((1, 1, 1)).intersect(Box.whole(segmentation.voxels.shape))
    part = segmentation.voxels[wide.slices]
    grown = sitk.BinaryDilate(sitk.GetImageFromArray((part == value).astype(np.uint8)), [1, 1, 1], sitk.sitkCross)
    neighbours = part[(sitk.GetArrayFromImage(grown) > 0) & (part != value)]
    counts = np.bincount(neighbours) if neighbours.size else np.zeros(1, dtype=int)
    return {int(other): counts[other] / neighbours.size for other in np.flatnonzero(counts) if other}


def _render_apart(scene: dict[str, np.ndarray]) -> np.ndarray | None:
    if not Path(sys.executable or "").stem.lower().startswith("python"):
        log.warning("No 3D picture: this program (%s) cannot start a Python of its own.", sys.executable)
        return None
    sent = io.BytesIO()
    np.savez(sent, **scene)  # type: ignore[arg-type]
    try:
        # -P: the script's own folder must not stand in front of installed packages.
        command = [sys.executable, "-P", str(_SCRIPT)]
        done = subprocess.run(
            command,
            input=sent.getbuffer(),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            # Ctrl-C means us: we finish the file at hand, picture and all. The script ends when we are gone.
            start_new_session=sys.platform != "win32",
        )
        if done.returncode:
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
            log.warning("No 3D picture: rendering ended with code %d. %s", done.returncode, lines[-1] if lines else "")
            return None
        picture: np.ndarray = np.load(io.BytesIO(done.stdout), allow_pickle=False)
    except (OSError, ValueError, EOFError, subprocess.TimeoutExpired) as error:
        log.warning("No 3D picture: %s", error)
        return None
    return picture
