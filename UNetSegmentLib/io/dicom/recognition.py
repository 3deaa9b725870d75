"""Whether a file is DICOM, from its first bytes."""

from __future__ import annotations

import struct
from pathlib import Path

from ...errors import InputError
from ..plain_files import open_plain

HEAD = 512
"""Bytes that :func:`looks_like_dicom` wants to see."""

_PREAMBLE = 128
_FIRST_GROUPS = (0x0002, 0x0008)
_TEXTS = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UI"}
_SHORT = _TEXTS | {"AT", "FL", "FD", "SL", "SS", "UL", "US"}
_LONG = {"OB", "OW", "SQ", "UN", "UT", "UC", "UR"}
# Elements that must make sense one after another: one alone is easily met by the first voxels of a raw file.
_ENOUGH = 3
_LONGEST = 1024


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM; False for what is no file or cannot be opened.

    The voxel file of an Analyze or NIfTI pair (``.img`` beside a ``.hdr``) is none, whatever its voxels look like.
    """
    if path.suffix.lower() == ".img" and path.with_suffix(".hdr").is_file():
        return False
    try:
        with open_plain(path) as file:
            return looks_like_dicom(file.read(HEAD))
    except (InputError, OSError):
        return False


def looks_like_dicom(head: bytes) -> bool:
    """Whether the first :data:`HEAD` bytes of a file are DICOM's: its signature, or, in old files, plain elements."""
    if head[_PREAMBLE : _PREAMBLE + 4] == b"DICM":
        return True
    return any(_elements(head, order, explicit) for order in "<>" for explicit in (True, False))


def _elements(head: bytes, order: str, explicit: bool) -> bool:
    """Whether ``head`` is a row of elements with rising tags, known types and lengths that such elements have."""
    at, last, count = 0, -1, 0
    while at + 12 <= len(head):
        group, element = struct.unpack_from(f"{order}HH", head, at)
        tag = group << 16 | element
        length, size = _length(head, at + 4, order, explicit)
        if (count == 0 and group not in _FIRST_GROUPS) or tag <= last or size is None or length % 2:
            return False
        if length > _LONGEST:
            break
        at, last, count = at + size + length, tag, count + 1
    return count >= _ENOUGH


def _length(head: bytes, at: int, order: str, explicit: bool) -> tuple[int, int | None]:
    """Length of an element's value, and of what stands before it; None for the latter where the type is unknown."""
    if not explicit:
        return struct.unpack_from(f"{order}I", head, at)[0], 8
    kind = head[at : at + 2].decode("latin-1")
    if kind in _SHORT:
        return struct.unpack_from(f"{order}H", head, at + 2)[0], 8
    if kind in _LONG:
        return struct.unpack_from(f"{order}I", head, at + 4)[0], 12
    return 0, None
