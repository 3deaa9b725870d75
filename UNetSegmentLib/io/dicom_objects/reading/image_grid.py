"""The image that a DICOM object is read for: its grid, and the space that its positions are in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from ....errors import InputError
from ....geometry import Geometry
from ...dicom.opening import read_dataset
from ...dicom.recognition import is_dicom
from ...dicom.series import choose_series
from ...dicom.stacking import stack
from ...plain_files import is_folder


class ImagePlace(Protocol):
    """What reading asks of an image; a :class:`~..source.SourceSeries` is one.

    ``reference`` is the UID of its frame of reference and ``uid`` that of its series; both are empty where unknown.
    """

    @property
    def geometry(self) -> Geometry: ...

    @property
    def name(self) -> str: ...

    @property
    def reference(self) -> str: ...

    @property
    def uid(self) -> str: ...


@dataclass(frozen=True)
class ImageGrid:
    """The grid of an image of any format.

    Args:
        geometry: LPS mm.
        name: for messages.
        path: of the image, whose headers are read when an object states a space; None for an image that has no file.
        series: UID, number or description, where ``path`` holds several.
    """

    geometry: Geometry
    name: str = "the image"
    path: Path | None = None
    series: str | None = None

    @property
    def reference(self) -> str:
        """UID of the frame of reference; empty where the image states none."""
        return self._stated[0]

    @property
    def uid(self) -> str:
        """UID of the series; empty where the image is none."""
        return self._stated[1]

    @cached_property
    def _stated(self) -> tuple[str, str]:
        if self.path is None or not (is_folder(self.path) or is_dicom(self.path)):
            return "", ""
        try:
            series = choose_series(self.path, self.series)
        except InputError:  # no image series: a SEG, whose grid serves in place of an image's
            return _space_of(self.path), ""
        return series.slices[0].reference, series.uid


def _space_of(path: Path) -> str:
    if is_folder(path):
        return ""
    try:
        data = read_dataset(path, specific_tags=["FrameOfReferenceUID"], stop_before_pixels=True, force=True)
        return str(data.get("FrameOfReferenceUID", "") or "")
    # A damaged header fails in as many ways as there are types of elements.
    except Exception:
        return ""


def grid_of_series(path: Path | str, series: str | None = None) -> ImageGrid:
    """The grid of a DICOM series, out of its headers alone.

    Raises:
        InputError: as :func:`~UNetSegmentLib.io.dicom.choose_series`.
        GeometryError: slices that make no grid.
    """
    path = Path(path)
    chosen = choose_series(path, series)
    return ImageGrid(stack(chosen).geometry, str(chosen), path, series)


def check_space(stated: set[str], referred: set[str], image: ImagePlace, file: str) -> None:
    """Refuses an object whose positions are in another space than the image's.

    An object that refers to the image's own series is about it, whatever anonymisers made of the other identifiers.

    Args:
        stated: UIDs of the frames of reference that the object states.
        referred: UIDs of the series that it refers to.

    Raises:
        InputError: it is in another space.
    """
    if not stated or not image.reference or image.reference in stated:
        return
    if image.uid and image.uid in referred:
        return
    raise InputError(
        f"'{file}' lies in another frame of reference than {image.name}, so their positions cannot be compared.",
        "Give the series that it was drawn on, or bring it onto this image by a registration first (Slicer).",
    )
