"""Reading strangers' files without betting this process on them.

NIfTI, NRRD and MetaImage are read here, in Python, where a broken file is an exception (see :mod:`.formats`). Pictures
and DICOM need C and C++ libraries, which a broken file can crash, hang or let eat the memory: those are read in a
process of their own (:mod:`.reading_process`), started when the first such file is met and kept for the next ones.
Starting it takes a few tenths of a second, in which the caller may load other things: see :func:`begin`.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..progress import CancelToken
from ..volume import Segmentation, Volume
from . import reading, segmentations
from .dicom.recognition import is_dicom
from .plain_files import is_folder
from .reader import Reader, can_start

if TYPE_CHECKING:
    from .dicom_objects.reading.image_grid import ImageGrid, ImagePlace

_log = logging.getLogger(__name__)
_lock = threading.Lock()
_readers: dict[int, Reader] = {}


@dataclass(frozen=True)
class Reading:
    """An image that is being read: ``elsewhere`` in the other process, or here as soon as it is waited for."""

    wait: Callable[[], Volume]
    elsewhere: bool


def read_volume(
    path: Path | str,
    series: str | None = None,
    *,
    further_as_channels: bool = False,
    cancel: CancelToken | None = None,
) -> Volume:
    """As :func:`UNetSegmentLib.io.read_volume`, with an error where a file would have crashed this process.

    The voxels are writable and mapped from a file without a name; changing them costs memory only where touched.

    Raises:
        InputError: as there; the library that reads the file ended its process, or found no end.
        ResourceError: as there; the process was ended by the system for its memory.
        Cancelled: ``cancel`` was set.
    """
    return begin(path, series, further_as_channels=further_as_channels, cancel=cancel).wait()


def begin(
    path: Path | str,
    series: str | None = None,
    *,
    further_as_channels: bool = False,
    cancel: CancelToken | None = None,
) -> Reading:
    """Begins to read where that happens in another process; it must be waited for, once, before the next is begun.

    Raises (this or the waiting):
        InputError, ResourceError, Cancelled: as :func:`read_volume`.
    """
    path = Path(path)
    guarded = reading.needs_library(path)
    if guarded and not can_start():
        _log.info("This program cannot start a Python of its own, so %s is read here.", path.name)
        guarded = False
    if not guarded:
        return Reading(lambda: reading.read_volume(path, series, further_as_channels=further_as_channels), False)
    return Reading(_reader().begin(path, series, further_as_channels, cancel), True)


def read_segmentation(
    path: Path | str,
    cancel: CancelToken | None = None,
    image: ImagePlace | None = None,
    segments: Sequence[str] = (),
) -> Segmentation:
    """As :func:`UNetSegmentLib.io.read_segmentation`, with the guard of :func:`read_volume`."""
    return segmentations.read_segmentation(path, lambda path: read_volume(path, cancel=cancel), image, segments)


def read_grid(path: Path | str, series: str | None = None, cancel: CancelToken | None = None) -> ImageGrid:
    """The grid of an image, by which DICOM segmentations about it are read: of a DICOM series without its pixels.

    Raises:
        InputError, GeometryError, ResourceError, Cancelled: as :func:`read_volume`.
    """
    from .dicom_objects.reading.image_grid import ImageGrid, grid_of_series

    path = Path(path)
    if is_folder(path) or is_dicom(path):
        return grid_of_series(path, series)
    return ImageGrid(read_volume(path, series, cancel=cancel).geometry, f"'{path.name}'", path)


def _reader() -> Reader:
    """This process's one; a forked process has its own."""
    with _lock:
        here = os.getpid()
        if here not in _readers:
            _readers.clear()
            _readers[here] = Reader()
            atexit.register(_readers[here].close)
        return _readers[here]
