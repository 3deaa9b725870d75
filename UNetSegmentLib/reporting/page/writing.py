"""``write_page``: a segmentation on one page, as PNG or PDF."""

from __future__ import annotations

import io
from pathlib import Path

from ...errors import GeometryError, OutputError
from ...io.atomic import atomic_path, check_writable, full_suffix
from ...version import __version__
from ...volume import Segmentation, Volume
from .content import PageText
from .drawing import DPI, TITLE, draw_page

_ENDINGS = (".png", ".pdf")
_QUALITY = 94  # of the picture in a PDF, which is a JPEG


def check_page_ending(path: Path, *others: str) -> None:
    """Refuses a name that a page cannot be written to.

    Args:
        others: endings that the caller writes besides.

    Raises:
        OutputError: it ends neither in .png nor in .pdf, nor as the caller writes it.
    """
    if full_suffix(path) not in (*_ENDINGS, *others):
        *most, last = (*_ENDINGS, *others)
        raise OutputError(
            f"A report page is a PNG picture or a PDF; '{path.name}' ends otherwise.",
            f"Let the name end with {', '.join(most)} or {last}.",
        )


def write_page(volume: Volume, segmentation: Segmentation, path: Path | str, text: PageText) -> Path:
    """Draws a page of A4: three planes (or the one slice), the segments in 3D, their sizes, how they were found.

    Args:
        volume: the image, on the grid of the segmentation.
        path: a PNG of 200 dots per inch, or a PDF that holds the same picture.

    Raises:
        GeometryError: image and segmentation lie on different grids.
        OutputError: the file cannot be written, or ends otherwise.
        DependencyError: Pillow or vtk is not installed.
    """
    path = Path(path)
    check_page_ending(path)
    difference = volume.geometry.difference(segmentation.geometry)
    if difference:
        raise GeometryError(
            f"The image and the segmentation do not lie on the same grid ({difference}).",
            "Choose the image that was segmented, or resample one to the other.",
        )
    check_writable(path)
    with atomic_path(path) as temporary:
        if full_suffix(path) == ".png":
            picture = draw_page(volume, segmentation, text).image
            picture.save(temporary, format="PNG", dpi=(DPI, DPI), compress_level=5)
        else:
            temporary.write_bytes(page_as_pdf(volume, segmentation, text))
    return path


def page_as_pdf(volume: Volume, segmentation: Segmentation, text: PageText) -> bytes:
    """The page as a PDF, which holds it as a picture."""
    file = io.BytesIO()
    draw_page(volume, segmentation, text).image.save(
        file, format="PDF", resolution=DPI, quality=_QUALITY, title=TITLE, producer=f"UNetSegment {__version__}"
    )
    return file.getvalue()
