"""Whether a ``.seg.nrrd`` was drawn on the series that a DICOM object of it would be about."""

from __future__ import annotations

from pathlib import Path

from ..errors import GeometryError
from ..geometry import Geometry
from ..text import shown
from .grid import coincide, same_grid
from .seg_nrrd import read_fields, reference_geometry


def check_drawn_on(path: Path, series: Geometry) -> None:
    """Refuses a file that states the grid of the image that it was drawn on, where the series has another one.

    Scanners give patients the same corner and spacing, so that labels of one fit into the image of another. Grids whose
    voxels do not coincide are left to what places them, which refuses them with the distance.

    Raises:
        GeometryError: the stated image has another size, or begins at another voxel.
    """
    stated = reference_geometry(read_fields(path)) if path.is_file() else None
    if stated is None or not coincide(stated, series) or same_grid(stated, series):
        return
    # In the series' axes, without which a grid that is turned round may seem to be the same.
    turned = stated.reoriented(series.axis_codes)[0]
    raise GeometryError(
        f"'{shown(path.name)}' was drawn on an image of {_words(turned)}; the series has {_words(series)}.",
        "Name the series that it was drawn on with --image. Was it drawn on a part cut out of this series? Convert it "
        "to .nii.gz first, and that to DICOM.",
    )


def _words(geometry: Geometry) -> str:
    size = " x ".join(str(n) for n in geometry.size)
    origin = ", ".join(f"{value:.4g}" for value in geometry.origin)
    return f"{size} voxels from ({origin}) mm on"
