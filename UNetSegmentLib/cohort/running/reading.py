"""A case's images, as the network is given them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import InputError
from ...geometry import Box
from ...io import guarded
from ...io.dicom_objects.reading.image_grid import ImageGrid
from ...io.regions import parse_region
from ...progress import CancelToken
from ...volume import Segmentation, Volume
from ..case import CohortCase
from ..stamps import content_of, stamp_of
from .failures import without_dice


@dataclass(frozen=True, eq=False)
class ReadCase:
    """A case that is ready for the network.

    Args:
        volumes: one for each image of the case.
        region: voxels of the first volume; None for all.
        reference: on any grid; None also where it cannot be read.
        stamp, content: see :mod:`..stamps`; taken before the reading, so that a file that changes meanwhile is noticed
            by the next run.
        seconds: that reading took.
        no_reference: a warning, where the reference cannot be read.
    """

    case: CohortCase
    volumes: tuple[Volume, ...]
    region: Box | None
    reference: Segmentation | None
    stamp: str
    content: str
    seconds: float
    no_reference: str = ""

    @property
    def marks(self) -> tuple[str, str, tuple[str, ...]]:
        """Stamp, content, and what reading has to tell."""
        return self.stamp, self.content, tuple(note for volume in self.volumes for note in volume.notes)

    @property
    def uids(self) -> tuple[str, ...]:
        """Of the DICOM series that were read."""
        return tuple(volume.series for volume in self.volumes if volume.series)


def read_case(
    case: CohortCase, cancel: CancelToken | None = None, gets_on: Callable[[], None] = lambda: None
) -> ReadCase:
    """Reads a case.

    Args:
        gets_on: called again and again while a server sends, which may take longer than a case may stand still.

    Raises:
        InputError, GeometryError, ResourceError, Cancelled: see :func:`UNetSegmentLib.io.guarded.read_volume`; of the
            reference the last two alone.
        ServerError, OutputError: see :func:`UNetSegmentLib.io.dicomweb.fetch_series`.
    """
    started = time.perf_counter()
    _fetch(case, cancel, gets_on)
    stamp, content, fault = _states(case)
    volumes = tuple(guarded.read_volume(s.path, s.series or None, cancel=cancel) for s in case.images)
    region = parse_region(case.roi, volumes[0].geometry) if case.roi else None
    reference = None
    if case.reference is not None and not fault:
        try:
            reference = _reference(case, volumes[0], cancel)
        except Exception as error:
            fault = without_dice(case, error)
    return ReadCase(case, volumes, region, reference, stamp, content, time.perf_counter() - started, fault)


def _states(case: CohortCase) -> tuple[str, str, str]:
    """Stamp and content of the files, both empty where the reference alone cannot be read, so that every run tries it
    again; and the warning about that.

    Raises:
        InputError: an image cannot be read.
    """
    try:
        return stamp_of(case), content_of(case), ""
    except OSError as error:
        if case.reference is None or not _are_there(replace(case, reference=None)):
            raise _unreadable(case.images[0].path, error) from error
        return "", "", without_dice(case, _unreadable(case.reference, error))


def _are_there(case: CohortCase) -> bool:
    try:
        content_of(case)
    except OSError:
        return False
    return True


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"'{path.name}' cannot be read ({error.strerror or error}).", "Check the file and its disk.")


def _fetch(case: CohortCase, cancel: CancelToken | None, gets_on: Callable[[], None]) -> None:
    """Brings series of a server to this machine, at their sources' paths; who made the case removes them."""
    from ...io.dicomweb import fetch_series

    for source in case.images:
        if (remote := source.remote) is not None:
            fetch_series(remote.server, remote.study, remote.series, remote.instances, source.path, cancel, gets_on)


def _reference(case: CohortCase, image: Volume, cancel: CancelToken | None) -> Segmentation:
    """The segmentation to compare with; DICOM objects on the image's grid, others on their own."""
    assert case.reference is not None
    source = case.images[0]
    grid = ImageGrid(image.geometry, f"'{image.name}'", source.path, source.series or None)
    return guarded.read_segmentation(case.reference, cancel, grid)
