"""Two segmentations of one case on one grid, whatever they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import GeometryError, InputError

if TYPE_CHECKING:
    from ...io.dicom_objects.reading.image_grid import ImageGrid
    from ...volume import Segmentation


def read_pair(
    prediction: Path, reference: Path, image: Path | None = None, only: tuple[Sequence[str], Sequence[str]] = ((), ())
) -> tuple[Segmentation, Segmentation]:
    """Reads both.

    Without DICOM objects the reference's grid is that of both. DICOM objects are put on the image's grid where an image
    is given; else on that of the other side, or, where a SEG goes on beyond it, on one that holds both.

    Args:
        only: names or values of the segments to read of each; all where empty.

    Raises:
        InputError: a file cannot be read; two structure sets without their image.
        GeometryError: they lie on different grids.
    """
    from ...io.dicom_objects.reading.recognition import is_object
    from ...io.guarded import read_grid, read_segmentation

    if not any(map(is_object, (prediction, reference))):
        expected = read_segmentation(reference, segments=only[1])
        return _on_reference(read_segmentation(prediction, segments=only[0]), expected, prediction), expected
    if image is not None:
        grid = read_grid(image)
        sides = zip((prediction, reference), only, strict=True)
        both = [_on_image(read_segmentation(path, image=grid, segments=some), grid, path) for path, some in sides]
    else:
        both = _about_each_other(prediction, reference, only)
    return _together(both[0], both[1], prediction)


def _about_each_other(
    prediction: Path, reference: Path, only: tuple[Sequence[str], Sequence[str]]
) -> list[Segmentation]:
    """Both, each DICOM object on the grid of the other side where that can be."""
    from ...io.dicom_objects.reading.image_grid import ImageGrid
    from ...io.dicom_objects.reading.recognition import is_object, is_rtstruct
    from ...io.guarded import read_segmentation

    def rank(path: Path) -> int:
        return 2 if is_rtstruct(path) else int(is_object(path))

    first, second = sorted((reference, prediction), key=rank)
    if rank(first) == 2:
        raise InputError(
            f"'{prediction.name}' and '{reference.name}' are structure sets, whose curves say nothing without their "
            "image.",
            "Name the image, or the folder of images, with --images.",
        )
    some = {prediction: only[0], reference: only[1]}
    read = {first: read_segmentation(first, segments=some[first])}
    grid = ImageGrid(read[first].geometry, f"'{first.name}'", first)
    try:
        read[second] = read_segmentation(second, image=grid, segments=some[second])
    except GeometryError:
        if rank(second) == 2:
            raise
        read[second] = read_segmentation(second, segments=some[second])
    return [read[prediction], read[reference]]


def _on_image(segmentation: Segmentation, grid: ImageGrid, path: Path) -> Segmentation:
    from ...io import place_on_grid

    return place_on_grid(segmentation, grid.geometry, f"'{path.name}'")


def _on_reference(found: Segmentation, expected: Segmentation, prediction: Path) -> Segmentation:
    from ...io import place_on_grid

    return place_on_grid(found, expected.geometry, f"'{prediction.name}'", "its reference")


def _together(found: Segmentation, expected: Segmentation, prediction: Path) -> tuple[Segmentation, Segmentation]:
    """Both on the grid that holds both."""
    from ...io.grid import joined, place_on_grid, put_back, slices_of

    grid = joined(expected.geometry, found.geometry)
    if grid is None:
        raise GeometryError(
            f"'{prediction.name}' does not lie on the grid of its reference "
            f"({found.geometry.difference(expected.geometry)}).",
            "Give the image of both with --images, or resample one of them (nearest neighbour).",
        )
    # Frames that a SEG leaves out are slices of its series all the same; pictures of another size are of another one.
    if slices_of(found.geometry, grid) and slices_of(expected.geometry, grid):
        return put_back(found, grid), put_back(expected, grid)
    both = "the grid of it and its reference"
    return place_on_grid(found, grid, f"'{prediction.name}'", both), place_on_grid(
        expected, grid, "The reference", both
    )
