"""A SEG or a structure set as a label map, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ....errors import InputError
from ....labels import Label
from ....text import shown
from ....volume import Segmentation
from .image_grid import ImagePlace
from .recognition import is_rtstruct
from .rtstruct import read_rtstruct, structures_in
from .seg import names_in, read_seg


def read_object(
    path: Path, image: ImagePlace | None, segments: Sequence[str] = (), given: Path | None = None
) -> Segmentation:
    """Reads a SEG or a structure set.

    Args:
        path: the file.
        image: see :func:`.read_seg` and :func:`.read_rtstruct`.
        segments: names or numbers of those to read; all by default.
        given: the folder that it was found in; a note says which file was read.

    Raises:
        InputError: as these two; a structure set without an image.
        GeometryError, ResourceError, DependencyError: as these two.
    """
    if not is_rtstruct(path):
        read = read_seg(path, image, segments)
    elif image is None:
        raise InputError(
            f"'{path.name}' is a structure set, whose curves say nothing without their image.",
            "Name the image that it was drawn on (--image; --images for 'evaluate').",
        )
    else:
        read = read_rtstruct(path, image, segments)
    if given is None or given == path:
        return read
    note = f"In '{shown(given.name)}' the segmentation '{shown(path.name)}' was found and read."
    return replace(read, notes=(*read.notes, note))


def labels_in(path: Path) -> tuple[Label, ...]:
    """The segments or structures of a file by its header.

    Raises:
        InputError: it is damaged.
    """
    return structures_in(path) if is_rtstruct(path) else names_in(path)
